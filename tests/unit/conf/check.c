#include "check.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

const char check_file_name[] = "conf-test.yml";

void check_load(struct check *check, const char *flags, char *const *envp)
{
    static char *const none[] = {NULL};
    char *words = mem_strdup(flags);
    char *argv[CHECK_WORDS_MAX];
    int argc = 0;
    char *rest = NULL;
    for (char *s = strtok_r(words, " ", &rest); s; s = strtok_r(NULL, " ", &rest)) {
        assert_true(argc < CHECK_WORDS_MAX);
        argv[argc++] = s;
    }
    *check = (struct check){0};
    check->rc =
        conf_load(argc, argv, envp ? envp : none, &check->conf, &check->action, &check->err);
    free(words);
}

void check_load_file(struct check *check, const char *text, const char *more_flags)
{
    FILE *file = fopen(check_file_name, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    char *flags = mem_printf("--config-file %s %s", check_file_name, more_flags);
    check_load(check, flags, NULL);
    free(flags);
    remove(check_file_name);
}

void check_fini(struct check *check)
{
    conf_fini(&check->conf);
}

void check_ok(const struct check *check)
{
    if (check->rc != RC_OK)
        fail_msg("not loaded: %s", check->err.text);
}

void check_fails(const struct check *check, enum rc rc, const char *sentence)
{
    assert_string_equal(check->err.text, sentence);
    assert_int_equal(check->rc, rc);
    assert_null(check->conf.name); /* outputs are untouched */
}

void check_refused(const char *flags, enum rc rc, const char *sentence)
{
    struct check check;
    check_load(&check, flags, NULL);
    check_fails(&check, rc, sentence);
    check_fini(&check);
}

bool check_noted(const struct conf *conf, enum log_level level, const char *text)
{
    for (size_t i = 0; i < conf->notes.n; i++) {
        if (conf->notes.v[i].level == level && strcmp(conf->notes.v[i].text, text) == 0)
            return true;
    }
    return false;
}
