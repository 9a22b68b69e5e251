/* What is printed for people comes from the table, whole. */
#include "conf/conf.h"
#include "conf/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct buf text;

static int tear_down(void **state)
{
    (void)state;
    buf_fini(&text);
    return 0;
}

static const char *printed(void (*print)(struct buf *))
{
    buf_clear(&text);
    print(&text);
    buf_append_u8(&text, '\0');
    return (const char *)text.p;
}

static void test_version_begins_as_etcds(void **state)
{
    (void)state;
    const char *s = printed(conf_version);
    assert_true(strncmp(s, "etcd Version: 3.7.0\n", 20) == 0);
    assert_non_null(strstr(s, "\nmoat Version: " MOAT_VERSION "\n"));
    assert_int_equal(s[strlen(s) - 1], '\n');
}

static void test_help_shows_what_works_and_no_more(void **state)
{
    (void)state;
    const char *s = printed(conf_help);
    for (size_t i = 0; i < conf_flag_count; i++) {
        const struct conf_flag *flag = &conf_flags[i];
        char line[128];
        snprintf(line, sizeof(line), "\n  --%s '%s'\n", flag->name, flag->initial);
        bool works = flag->state == CONF_WORKS || flag->state == CONF_COMMAND;
        if (works != (strstr(s, line) != NULL))
            fail_msg("--%s", flag->name);
    }
    assert_non_null(strstr(s, "\nClustering:\n"));
    char title[64];
    snprintf(title, sizeof(title), "\n%s:\n", conf_group_title(CONF_TRACING));
    assert_null(strstr(s, title)); /* nothing of it works */
}

static void test_help_fits_a_terminal(void **state)
{
    (void)state;
    for (const char *s = printed(conf_help); *s;) {
        size_t n = strcspn(s, "\n");
        if (n > 80)
            fail_msg("%.*s", (int)n, s);
        s += n + 1;
    }
}

static void test_the_usage_opens_the_help(void **state)
{
    char usage[1024];
    (void)state;
    snprintf(usage, sizeof(usage), "%s", printed(conf_usage));
    assert_true(strncmp(printed(conf_help), usage, strlen(usage)) == 0);
}

static void test_the_reference_has_every_flag(void **state)
{
    (void)state;
    const char *s = printed(conf_reference);
    for (size_t i = 0; i < conf_flag_count; i++) {
        char key[CONF_ENV_KEY_MAX];
        char row[256];
        conf_env_key(conf_flags[i].name, key);
        snprintf(row, sizeof(row), "\n| `--%s` | `%s` | ", conf_flags[i].name, key);
        if (!strstr(s, row))
            fail_msg("%s", row);
    }
    for (size_t i = 0; i < conf_alias_count; i++) {
        char row[256];
        snprintf(row, sizeof(row), "\n| `--%s` | %s | `--%s` |\n", conf_aliases[i].name,
                 conf_aliases[i].versions, conf_aliases[i].now);
        assert_non_null(strstr(s, row));
    }
}

/* A bar inside a cell would end it. */
static void test_rows_of_the_reference_have_seven_cells(void **state)
{
    (void)state;
    for (const char *s = printed(conf_reference); *s; s += strcspn(s, "\n") + 1) {
        size_t bars = 0;
        if (strncmp(s, "| `--", 5) != 0 || strstr(s, "## Other names") == NULL)
            continue;
        for (const char *c = s; *c != '\n'; c++)
            bars += *c == '|';
        assert_int_equal(bars, 8);
    }
}

static void test_the_manual_has_every_flag(void **state)
{
    (void)state;
    const char *s = printed(conf_manual);
    for (size_t i = 0; i < conf_flag_count; i++) {
        char entry[128];
        snprintf(entry, sizeof(entry), "\n*--%s*", conf_flags[i].name);
        assert_non_null(strstr(s, entry));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_begins_as_etcds),
        cmocka_unit_test(test_help_shows_what_works_and_no_more),
        cmocka_unit_test(test_help_fits_a_terminal),
        cmocka_unit_test(test_the_usage_opens_the_help),
        cmocka_unit_test(test_the_reference_has_every_flag),
        cmocka_unit_test(test_rows_of_the_reference_have_seven_cells),
        cmocka_unit_test(test_the_manual_has_every_flag),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
