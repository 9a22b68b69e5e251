/* The options of get, put and del become the request that etcdctl would send. */
#include "ctl/inner.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void prefix_end_is_the_next_prefix(void **state)
{
    (void)state;
    struct arena arena = {0};
    assert_true(slice_eq(ctl_prefix_end(&arena, SLICE_LIT("ab")), SLICE_LIT("ac")));
    assert_true(slice_eq(ctl_prefix_end(&arena, SLICE_LIT("a\xff\xff")), SLICE_LIT("b")));
    assert_true(slice_eq(ctl_prefix_end(&arena, SLICE_LIT("\xff")), SLICE_LIT("\0")));
    arena_fini(&arena);
}

static void parse(struct ctl *ctl, const char *path, int argc, char **argv)
{
    struct err err = {0};
    *ctl = (struct ctl){.command = command_at(path)};
    command_flags(ctl->command, &ctl->flags);
    assert_int_equal(flag_values_parse(&ctl->flags, argc, argv, &ctl->args, &err), RC_OK);
}

static void fini(struct ctl *ctl)
{
    flag_args_fini(&ctl->args);
    flag_values_fini(&ctl->flags);
    arena_fini(&ctl->arena);
}

#define PARSE(ctl, path, ...)                                                                      \
    const char *words[] = {__VA_ARGS__};                                                           \
    parse(ctl, path, (int)ARRAY_LEN(words), (char **)(uintptr_t)words)

static void get_asks_for_what_it_was_told(void **state)
{
    (void)state;
    struct ctl ctl;
    struct pb_range_request r;
    PARSE(&ctl, "get", "k", "--prefix", "--limit", "3", "--rev=9", "--order", "descend",
          "--sort-by=modify", "--consistency", "s", "--keys-only", "--min-mod-rev", "2");
    assert_int_equal(ctl_get_request(&ctl, &r), EXIT_OK);
    assert_true(slice_eq(r.key, SLICE_LIT("k")) && slice_eq(r.range_end, SLICE_LIT("l")));
    assert_int_equal(r.limit, 3);
    assert_int_equal(r.revision, 9);
    assert_int_equal(r.sort_order, PB_SORT_ORDER_DESCEND);
    assert_int_equal(r.sort_target, PB_SORT_TARGET_MOD);
    assert_true(r.serializable && r.keys_only && !r.count_only);
    assert_int_equal(r.min_mod_revision, 2);
    fini(&ctl);
}

static void the_order_of_keys_is_not_asked_for(void **state)
{
    (void)state;
    struct ctl ctl;
    struct pb_range_request r;
    PARSE(&ctl, "get", "", "--from-key", "--order=ASCEND");
    assert_int_equal(ctl_get_request(&ctl, &r), EXIT_OK);
    assert_int_equal(r.sort_order, PB_SORT_ORDER_NONE);
    assert_true(slice_eq(r.key, SLICE_LIT("\0")) && slice_eq(r.range_end, SLICE_LIT("\0")));
    fini(&ctl);
}

static void put_takes_its_lease_in_hexadecimal(void **state)
{
    (void)state;
    struct ctl ctl;
    struct pb_put_request r;
    PARSE(&ctl, "put", "k", "--lease=1f", "--prev-kv", "--", "-v");
    assert_int_equal(ctl_put_request(&ctl, &r), EXIT_OK);
    assert_true(slice_eq(r.value, SLICE_LIT("-v")));
    assert_int_equal(r.lease, 31);
    assert_true(r.prev_kv);
    fini(&ctl);
}

static void del_takes_a_range(void **state)
{
    (void)state;
    struct ctl ctl;
    struct pb_delete_range_request r;
    PARSE(&ctl, "del", "a", "b", "--range");
    assert_int_equal(ctl_del_request(&ctl, &r), EXIT_OK);
    assert_true(slice_eq(r.key, SLICE_LIT("a")) && slice_eq(r.range_end, SLICE_LIT("b")));
    fini(&ctl);
}

static void contradictions_are_refused(void **state)
{
    (void)state;
    struct ctl ctl;
    struct pb_range_request r;
    PARSE(&ctl, "get", "k", "end", "--prefix");
    assert_int_equal(ctl_get_request(&ctl, &r), EXIT_BAD_ARGS);
    fini(&ctl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefix_end_is_the_next_prefix),
        cmocka_unit_test(get_asks_for_what_it_was_told),
        cmocka_unit_test(the_order_of_keys_is_not_asked_for),
        cmocka_unit_test(put_takes_its_lease_in_hexadecimal),
        cmocka_unit_test(del_takes_a_range),
        cmocka_unit_test(contradictions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
