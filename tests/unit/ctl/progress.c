/* Progress is drawn on a terminal only, without colour where NO_COLOR is set, and goes away. */
#include "ctl/progress.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* What is written to standard error while draw runs, with a terminal or a file in its place. */
static void capture(bool terminal, void (*draw)(void), char *out, size_t size)
{
    int saved = dup(STDERR_FILENO);
    int reader = -1;
    int writer = -1;
    char path[] = "/tmp/moat-progress-XXXXXX";
    if (terminal) {
        reader = posix_openpt(O_RDWR | O_NOCTTY);
        if (reader < 0)
            skip(); /* a chroot without /dev/pts has no terminals */
        assert_true(grantpt(reader) == 0 && unlockpt(reader) == 0);
        writer = open(ptsname(reader), O_RDWR | O_NOCTTY);
    } else {
        writer = mkstemp(path);
        reader = open(path, O_RDONLY);
        unlink(path);
    }
    assert_true(writer >= 0);
    dup2(writer, STDERR_FILENO);
    draw();
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(writer); /* so reading ends, when all is read, with an error or the file's end */
    size_t n = 0;
    for (ssize_t got = 1; got > 0 && n<size - 1; n += got> 0 ? (size_t)got : 0)
        got = read(reader, out + n, size - 1 - n);
    out[n] = 0;
    close(reader);
}

static void half(void)
{
    struct progress p;
    progress_begin(&p, "work", 10);
    progress_set(&p, 5);
    progress_end(&p);
}

static void nothing_is_drawn_into_a_file(void **state)
{
    (void)state;
    char text[512];
    capture(false, half, text, sizeof(text));
    assert_string_equal(text, "");
}

static void a_terminal_sees_a_bar_that_goes_away(void **state)
{
    (void)state;
    char text[512];
    unsetenv("NO_COLOR");
    capture(true, half, text, sizeof(text));
    assert_non_null(strstr(text, "work ["));
    assert_non_null(strstr(text, "50%"));
    assert_non_null(strstr(text, "\033[32m"));
    assert_string_equal(text + strlen(text) - 4, "\r\033[K");
}

static void no_color_is_honoured(void **state)
{
    (void)state;
    char text[512];
    setenv("NO_COLOR", "1", 1);
    capture(true, half, text, sizeof(text));
    assert_non_null(strstr(text, "50%"));
    assert_null(strstr(text, "\033[32m"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_drawn_into_a_file),
        cmocka_unit_test(a_terminal_sees_a_bar_that_goes_away),
        cmocka_unit_test(no_color_is_honoured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
