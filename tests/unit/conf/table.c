/* The table is the one place that knows flags: it must be sound in itself, and hold every name that
 * any etcd from 3.4 to 3.7 takes. The lists of names were found by trying the real programs. */
#include "conf/table.h"

#include "conf/conf.h"
#include "conf/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static char **lists;

static void test_rows_are_sorted_and_unique(void **state)
{
    (void)state;
    for (size_t i = 1; i < conf_flag_count; i++) {
        const struct conf_flag *a = &conf_flags[i - 1];
        const struct conf_flag *b = &conf_flags[i];
        if (a->group > b->group || (a->group == b->group && strcmp(a->name, b->name) >= 0))
            fail_msg("%s stands before %s", a->name, b->name);
    }
    for (size_t i = 0; i < conf_flag_count; i++) {
        for (size_t j = i + 1; j < conf_flag_count; j++)
            assert_string_not_equal(conf_flags[i].name, conf_flags[j].name);
    }
}

static void test_each_row_explains_itself(void **state)
{
    (void)state;
    for (size_t i = 0; i < conf_flag_count; i++) {
        const struct conf_flag *flag = &conf_flags[i];
        bool refuses = flag->state == CONF_LATER || flag->state == CONF_NO_EFFECT;
        if (!flag->help || !*flag->help || !flag->since || !flag->initial)
            fail_msg("--%s lacks help, default or version", flag->name);
        if (refuses != (flag->why && *flag->why))
            fail_msg("--%s: a reason stands with flags that do not work, and only there",
                     flag->name);
        if ((flag->type == CONF_CHOICE) != (flag->choices != NULL))
            fail_msg("--%s: choices belong to CONF_CHOICE", flag->name);
        if (flag->state == CONF_WORKS && flag->field == CONF_NO_FIELD)
            fail_msg("--%s works but has no field", flag->name);
    }
}

static void test_each_default_passes_its_own_check(void **state)
{
    (void)state;
    for (size_t i = 0; i < conf_flag_count; i++) {
        struct err err = {0};
        if (conf_value_check(&conf_flags[i], conf_flags[i].initial, &err) != RC_OK)
            fail_msg("--%s: default %s: %s", conf_flags[i].name, conf_flags[i].initial, err.text);
        assert_true(conf_value_same(&conf_flags[i], conf_flags[i].initial, conf_flags[i].initial));
    }
}

static void test_no_two_rows_share_a_field_or_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < conf_flag_count; i++) {
        const struct conf_flag *a = &conf_flags[i];
        const char *path = a->yaml ? a->yaml : a->name;
        assert_true(a->field == CONF_NO_FIELD || a->field < sizeof(struct conf));
        if (*path)
            assert_ptr_equal(conf_flag_find_yaml(path), a);
        for (size_t j = i + 1; j < conf_flag_count; j++)
            assert_true(a->field == CONF_NO_FIELD || a->field != conf_flags[j].field);
    }
}

static void test_names_variables_and_rows_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < conf_flag_count; i++) {
        char key[CONF_ENV_KEY_MAX];
        conf_env_key(conf_flags[i].name, key);
        assert_ptr_equal(conf_flag_find(slice_str(conf_flags[i].name)), &conf_flags[i]);
        assert_ptr_equal(conf_flag_find_env(slice_str(key)), &conf_flags[i]);
        assert_non_null(conf_group_title(conf_flags[i].group));
    }
}

static void test_aliases_lead_to_rows_of_other_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < conf_alias_count; i++) {
        const struct conf_flag *flag = conf_flag_find(slice_str(conf_aliases[i].name));
        assert_non_null(flag);
        assert_string_equal(flag->name, conf_aliases[i].now);
        for (size_t j = 0; j < conf_flag_count; j++)
            assert_string_not_equal(conf_flags[j].name, conf_aliases[i].name);
        if (i)
            assert_true(strcmp(conf_aliases[i - 1].name, conf_aliases[i].name) < 0);
    }
}

static void test_every_name_of_every_etcd_is_known(void **state)
{
    (void)state;
    assert_non_null(lists[0]);
    for (char **path = lists; *path; path++) {
        FILE *file = fopen(*path, "r");
        char line[128];
        size_t names = 0;
        assert_non_null(file);
        while (fgets(line, sizeof(line), file)) {
            struct slice name = slice_of(line, strcspn(line, "\n"));
            if (line[0] == '#')
                continue;
            names++;
            if (!conf_flag_find(name) && !conf_flag_is_obsolete(name))
                fail_msg("%s: --%.*s is not known", *path, (int)name.n, line);
        }
        fclose(file);
        assert_true(names > 90);
    }
}

/* The lists come oldest first: a flag's version is that of the first list with any of its names. */
static void test_since_agrees_with_the_lists(void **state)
{
    const char *since[CONF_FLAGS_MAX] = {0};
    (void)state;
    for (char **path = lists; *path; path++) {
        FILE *file = fopen(*path, "r");
        const char *version = strrchr(*path, '-') + 1;
        char line[128];
        assert_non_null(file);
        while (fgets(line, sizeof(line), file)) {
            const struct conf_flag *flag = conf_flag_find(slice_of(line, strcspn(line, "\n")));
            if (flag && !since[flag - conf_flags])
                since[flag - conf_flags] = version;
        }
        fclose(file);
    }
    for (size_t i = 0; i < conf_flag_count; i++) {
        bool listed = since[i] && strncmp(since[i], conf_flags[i].since, 3) == 0;
        bool is_help = strcmp(conf_flags[i].name, "help") == 0; /* Go's own */
        bool is_own = !since[i] && strcmp(conf_flags[i].since, "moat") == 0;
        if (!listed && !is_help && !is_own)
            fail_msg("--%s: since %s, but first in %s", conf_flags[i].name, conf_flags[i].since,
                     since[i] ? since[i] : "none");
    }
}

static void test_unknown_names_are_not_found(void **state)
{
    (void)state;
    assert_null(conf_flag_find(SLICE_LIT("nam")));
    assert_null(conf_flag_find(SLICE_LIT("names")));
    assert_null(conf_flag_find(SLICE_LIT("")));
    assert_null(conf_flag_find_env(SLICE_LIT("ETCD_")));
    assert_null(conf_flag_find_env(SLICE_LIT("ETCD_name")));
    assert_null(conf_flag_find_yaml("cert-file")); /* it lies below client-transport-security */
    assert_null(conf_flag_find_yaml(""));
    assert_false(conf_flag_is_obsolete(SLICE_LIT("name")));
}

static void test_keys_of_the_file_match_without_regard_to_case(void **state)
{
    (void)state;
    assert_string_equal(conf_flag_find_yaml("NAME")->name, "name");
    assert_string_equal(conf_flag_find_yaml("Client-Transport-Security.cert-file")->name,
                        "cert-file");
    assert_true(conf_yaml_is_section("client-transport-security"));
    assert_true(conf_yaml_is_section("Discovery-Config.client"));
    assert_false(conf_yaml_is_section("client-transport"));
    assert_false(conf_yaml_is_section("name"));
}

static void test_a_misspelling_finds_its_flag(void **state)
{
    (void)state;
    assert_string_equal(conf_flag_near(SLICE_LIT("data-dirr")), "data-dir");
    assert_string_equal(conf_flag_near(SLICE_LIT("listen-client-url")), "listen-client-urls");
    assert_string_equal(conf_flag_near(SLICE_LIT("snapshot_count")), "snapshot-count");
    assert_null(conf_flag_near(SLICE_LIT("zzz")));
    assert_null(conf_flag_near(SLICE_LIT("nope"))); /* half of it differs from name */
    assert_null(conf_flag_near(SLICE_LIT("")));
}

int main(int argc, char **argv)
{
    (void)argc;
    lists = argv + 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_sorted_and_unique),
        cmocka_unit_test(test_each_row_explains_itself),
        cmocka_unit_test(test_each_default_passes_its_own_check),
        cmocka_unit_test(test_no_two_rows_share_a_field_or_key),
        cmocka_unit_test(test_names_variables_and_rows_agree),
        cmocka_unit_test(test_aliases_lead_to_rows_of_other_names),
        cmocka_unit_test(test_every_name_of_every_etcd_is_known),
        cmocka_unit_test(test_since_agrees_with_the_lists),
        cmocka_unit_test(test_unknown_names_are_not_found),
        cmocka_unit_test(test_keys_of_the_file_match_without_regard_to_case),
        cmocka_unit_test(test_a_misspelling_finds_its_flag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
