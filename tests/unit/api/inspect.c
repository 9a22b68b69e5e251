/* What fills the store is told, to who asks and to who is refused for it. */
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char usage_path[] = "/moatpb.Inspect/Usage";

static void fill(struct lab *l)
{
    lab_put(l, "/app/small/a", "1");
    lab_put(l, "/app/large/a", "11111111111111111111111111111111");
    lab_put(l, "/app/large/b", "22222222222222222222222222222222");
    lab_put(l, "/app/large/b", "33333333333333333333333333333333");
    lab_put(l, "/app/only", "1");
}

static void usage_is_told_by_prefix(void **state)
{
    (void)state;
    struct lab l;
    struct pb_usage_response u;
    const struct pb_usage_request ask = {.descend = true};
    lab_open(&l, NULL);
    fill(&l);
    lab_response(&l, lab_call(&l, usage_path, &wire_usage_request, &ask), &wire_usage_response, &u);
    assert_true(slice_eq(u.prefix, SLICE_LIT("/app/")));
    assert_int_equal(u.total->keys, 4);
    assert_int_equal(u.total->revisions, 5);
    assert_int_equal(u.direct->keys, 1);
    assert_int_equal(u.unsplit->keys, 0);
    assert_int_equal(u.groups_n, 2);
    assert_true(slice_eq(u.groups[0].prefix, SLICE_LIT("/app/large/"))); /* the largest first */
    assert_int_equal(u.groups[0].weight->revisions, 3);
    assert_true(u.groups[0].weight->bytes > u.groups[1].weight->bytes);
    assert_int_equal(u.header->revision, 6);
    lab_close(&l);
}

static void another_delimiter_and_a_limit(void **state)
{
    (void)state;
    struct lab l;
    struct pb_usage_response u;
    const struct pb_usage_request ask = {
        .prefix = SLICE_LIT("a:"), .delimiter = SLICE_LIT(":"), .limit = 1};
    lab_open(&l, NULL);
    lab_put(&l, "a:b:1", "v");
    lab_put(&l, "a:c:1", "v");
    lab_put(&l, "b:c:1", "v");
    lab_response(&l, lab_call(&l, usage_path, &wire_usage_request, &ask), &wire_usage_response, &u);
    assert_int_equal(u.total->keys, 2);
    assert_int_equal(u.groups_n, 1);
    assert_int_equal(u.unsplit->keys, 1);
    const struct pb_usage_request bad = {.delimiter = SLICE_LIT("::")};
    caller_refused(lab_call(&l, usage_path, &wire_usage_request, &bad), GRPC_INVALID_ARGUMENT,
                   "moat: a delimiter is one byte, a limit at most 10000");
    lab_close(&l);
}

/* Also when refusals come fast: what was told a moment ago is told again. */
static void who_is_refused_learns_what_takes_the_space(void **state)
{
    (void)state;
    struct lab l;
    char value[8193];
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    lab_open(&l, &(struct lab_options){.quota = 200 << 10});
    fill(&l);
    struct caller_reply *r = lab_put(&l, "/app/huge/k", value);
    for (int i = 0; r->grpc_status == 0 && i < 50; i++)
        r = lab_put(&l, "/app/huge/k", value);
    for (int i = 0; i < 2; i++) {
        assert_non_null(strstr(r->explain, "what takes most: /app/huge/ (1 keys, "));
        assert_non_null(strstr(r->explain, "/app/large/ (2 keys, "));
        assert_non_null(strstr(r->explain, "/app/small/ (1 keys, "));
        r = lab_put(&l, "/app/huge/k", value);
    }
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usage_is_told_by_prefix),
        cmocka_unit_test(another_delimiter_and_a_limit),
        cmocka_unit_test(who_is_refused_learns_what_takes_the_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
