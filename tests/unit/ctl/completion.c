/* The scripts for shells know every command, and bash takes its own. */
#include "ctl/inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Run the command with standard output in a file; give its text. */
static char *script(const char *shell)
{
    char *argv[] = {(char *)(uintptr_t)shell, NULL};
    struct ctl ctl = {.program = "etcdctl", .args = {argv, 1, 1, false}};
    char path[] = "/tmp/moat-completion-XXXXXX";
    int fd = mkstemp(path);
    int saved = dup(STDOUT_FILENO);
    assert_true(fd >= 0);
    unlink(path);
    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    assert_int_equal(cmd_completion(&ctl), EXIT_OK);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    off_t n = lseek(fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)n + 1);
    assert_non_null(text);
    assert_int_equal(pread(fd, text, (size_t)n, 0), n);
    close(fd);
    return text;
}

static void every_shell_knows_every_command(void **state)
{
    (void)state;
    static const char *const shells[] = {"bash", "zsh", "fish"};
    for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
        char *text = script(shells[i]);
        for (size_t j = 0; j < commands_n; j++)
            assert_non_null(strstr(text, command_name(&commands[j])));
        free(text);
    }
}

static void bash_completes(void **state)
{
    (void)state;
    char path[] = "/tmp/moat-bash-XXXXXX";
    int fd = mkstemp(path);
    char *text = script("bash");
    char answer[4096] = {0};
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    dprintf(fd, "COMP_WORDS=(etcdctl lease --hex k); COMP_CWORD=3; _etcdctl\n"
                "echo \"${COMPREPLY[*]}\"\n"
                "COMP_WORDS=(etcdctl get --pr); COMP_CWORD=2; _etcdctl\n"
                "echo \"${COMPREPLY[*]}\"\n");
    char command[128];
    snprintf(command, sizeof(command), "bash --norc %s", path);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    size_t n = fread(answer, 1, sizeof(answer) - 1, p);
    assert_int_equal(pclose(p), 0);
    unlink(path);
    close(fd);
    free(text);
    assert_true(n > 0);
    assert_string_equal(answer, "keep-alive\n--prefix --print-value-only\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shell_knows_every_command),
        cmocka_unit_test(bash_completes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
