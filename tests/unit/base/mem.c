/* Allocation gives memory or ends the process, also where a product of sizes overflows. */
#include "base/mem.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void gives_memory_also_for_nothing(void **state)
{
    (void)state;
    void *a = mem_alloc(0);
    void *b = mem_zalloc(0);
    void *c = mem_calloc(0, 8);
    void *d = mem_realloc(NULL, 0);
    assert_true(a && b && c && d);
    free(a);
    free(b);
    free(c);
    free(d);
}

static void zeroes_what_it_says(void **state)
{
    (void)state;
    uint8_t *a = mem_zalloc(1000);
    uint8_t *b = mem_calloc(10, 100);
    for (size_t i = 0; i < 1000; i++)
        assert_true(a[i] == 0 && b[i] == 0);
    free(a);
    free(b);
}

static void strings_are_copies(void **state)
{
    (void)state;
    char text[] = "text";
    AUTO(mem_free_at) char *copy = mem_strdup(text);
    AUTO(mem_free_at) char *made = mem_printf("%s/%d", text, 12);
    text[0] = 'n';
    assert_string_equal(copy, "text");
    assert_string_equal(made, "text/12");
}

static void overflow_ends_the_process(void **state)
{
    (void)state;
    volatile size_t huge = SIZE_MAX / 2;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int quiet = close(STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        free(mem_calloc(huge, 16));
        _exit(quiet);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_memory_also_for_nothing),
        cmocka_unit_test(zeroes_what_it_says),
        cmocka_unit_test(strings_are_copies),
        cmocka_unit_test(overflow_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
