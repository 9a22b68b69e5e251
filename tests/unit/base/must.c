/* An assertion that does not hold ends the process with a sentence that says where; one that holds
 * does nothing. */
#include "base/must.h"

#include "base/slice.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void a_broken_one_ends_the_process(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        if (dup2(ends[1], STDERR_FILENO) < 0)
            _exit(1);
        must(1 + 1 == 3);
        _exit(0);
    }
    close(ends[1]);
    char text[512] = "";
    size_t n = 0;
    for (ssize_t got = 1; got > 0 && n < sizeof(text) - 1; n += (size_t)(got > 0 ? got : 0))
        got = read(ends[0], text + n, sizeof(text) - 1 - n);
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "must.c"));
    assert_non_null(strstr(text, "this must hold: 1 + 1 == 3"));
}

static void one_that_holds_does_nothing(void **state)
{
    (void)state;
    int evaluated = 0;
    must(++evaluated == 1);
    assert_int_equal(evaluated, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broken_one_ends_the_process),
        cmocka_unit_test(one_that_holds_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
