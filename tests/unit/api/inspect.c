/* What fills the store is told, to who asks and to who is refused for it. */
#include "people.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char usage_path[] = "/moatpb.Inspect/Usage";
static const char top_path[] = "/moatpb.Inspect/Top";

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

static struct caller_reply *usage_of(struct lab *l, const char *prefix)
{
    const struct pb_usage_request ask = {.prefix = slice_str(prefix)};
    return lab_call(l, usage_path, &wire_usage_request, &ask);
}

static void usage_is_for_who_may_read_the_prefix(void **state)
{
    (void)state;
    struct lab l;
    struct pb_usage_response u;
    lab_open(&l, NULL);
    lab_put(&l, "public/a", "1");
    lab_put(&l, "secret/a", "1");
    people_move_in(&l);
    caller_refused(usage_of(&l, "public/"), GRPC_INVALID_ARGUMENT,
                   "etcdserver: user name is empty");
    people_log_in(&l, "alice", "alice-pw");
    lab_response(&l, usage_of(&l, "public/"), &wire_usage_response, &u);
    assert_int_equal(u.total->keys, 1);
    caller_refused(usage_of(&l, ""), GRPC_PERMISSION_DENIED, "etcdserver: permission denied");
    caller_refused(usage_of(&l, "public"), GRPC_PERMISSION_DENIED, "etcdserver: permission denied");
    struct caller_reply *r = usage_of(&l, "\xff");
    caller_refused(r, GRPC_PERMISSION_DENIED, "etcdserver: permission denied");
    assert_string_equal(r->explain,
                        "user \"alice\" has no READ permission on \"\\xff\" and all keys after it");
    people_log_in(&l, "root", "root-pw");
    lab_response(&l, usage_of(&l, ""), &wire_usage_response, &u);
    assert_int_equal(u.total->keys, 2);
    people_close(&l);
}

/* Once not everybody may know what takes the space, it is told to who may read it all: also what
 * was told before. */
static void with_users_a_refusal_names_prefixes_to_readers_alone(void **state)
{
    (void)state;
    struct lab l;
    char value[8193];
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    lab_open(&l, &(struct lab_options){.quota = 200 << 10});
    struct caller_reply *r = lab_put(&l, "/secret/k", value);
    for (int i = 0; r->grpc_status == 0 && i < 50; i++)
        r = lab_put(&l, "/secret/k", value);
    assert_non_null(strstr(r->explain, "what takes most: directly below /secret/ (1 keys, "));
    people_move_in(&l);
    people_log_in(&l, "alice", "alice-pw");
    r = lab_put(&l, "public/k", value);
    caller_refused(r, GRPC_RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded");
    assert_string_equal(r->explain,
                        "the quota (--quota-backend-bytes) is used up: delete keys and compact");
    people_log_in(&l, "root", "root-pw");
    r = lab_put(&l, "public/k", value);
    assert_non_null(strstr(r->explain, "/secret/"));
    people_close(&l);
}

static void top(struct lab *l, int64_t limit, struct pb_top_response *out)
{
    const struct pb_top_request ask = {.limit = limit};
    lab_response(l, lab_call(l, top_path, &wire_top_request, &ask), &wire_top_response, out);
}

static void the_hottest_prefixes_are_told(void **state)
{
    (void)state;
    struct lab l;
    struct pb_top_response t;
    lab_open(&l, NULL);
    fill(&l);
    lab_pass_ms(&l, 1000);
    lab_pass_ms(&l, 10000);
    top(&l, 0, &t);
    assert_int_equal(t.header->revision, 6);
    assert_int_equal(t.prefixes_n, 3);
    assert_true(slice_eq(t.prefixes[0].prefix, SLICE_LIT("/app/large/")));
    assert_int_equal(t.prefixes[0].changes, 3);
    assert_true(t.window_ms >= 10000 && t.window_ms < 20000);
    top(&l, 2, &t);
    assert_int_equal(t.prefixes_n, 2);
    caller_refused(
        lab_call(&l, top_path, &wire_top_request, &(struct pb_top_request){.limit = 101}),
        GRPC_INVALID_ARGUMENT, "moat: a limit is at most 100");
    lab_close(&l);
}

static void the_biggest_leases_are_told(void **state)
{
    (void)state;
    struct lab l;
    struct pb_top_response t;
    lab_open(&l, NULL);
    for (int64_t id = 1; id <= 3; id++)
        caller_message(lab_call(&l, "/etcdserverpb.Lease/LeaseGrant", &wire_lease_grant_request,
                                &(struct pb_lease_grant_request){.id = id, .ttl = 100 * id}));
    const char *const keys[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++)
        caller_message(
            lab_call(&l, "/etcdserverpb.KV/Put", &wire_put_request,
                     &(struct pb_put_request){.key = slice_str(keys[i]), .lease = i ? 2 : 3}));
    lab_pass_ms(&l, 5500);
    top(&l, 0, &t);
    assert_int_equal(t.leases, 3);
    assert_int_equal(t.leased_keys, 3);
    assert_int_equal(t.biggest_n, 2);
    assert_int_equal(t.biggest[0].id, 2);
    assert_int_equal(t.biggest[0].keys, 2);
    assert_int_equal(t.biggest[0].granted_ttl, 200);
    assert_true(t.biggest[0].ttl <= 194 && t.biggest[0].ttl >= 180);
    assert_int_equal(t.biggest[1].id, 3);
    lab_close(&l);
}

static struct caller_reply *watch(struct lab *l, struct slice key, struct slice range_end)
{
    struct buf message = {0};
    struct buf body = {0};
    struct pb_watch_create_request create = {.key = key, .range_end = range_end};
    struct caller_reply *s = caller_send(
        &l->caller, &(struct caller_request){.path = "/etcdserverpb.Watch/Watch", .open = true});
    wire_encode(&wire_watch_request,
                &(struct pb_watch_request){.request_union_case = PB_WATCH_CREATE,
                                           .create_request = &create},
                &message);
    caller_frame(&body, 0, buf_slice(&message));
    caller_more(&l->caller, s, buf_slice(&body), false);
    buf_fini(&message);
    buf_fini(&body);
    lab_run(l);
    return s;
}

static void slow_watchers_are_told(void **state)
{
    (void)state;
    struct lab l;
    struct pb_top_response t;
    static char value[60000];
    lab_open(&l, &(struct lab_options){.stream_window = 1000});
    memset(value, 'v', sizeof(value) - 1);
    watch(&l, SLICE_LIT("a"), SLICE_LIT("b"));
    watch(&l, SLICE_LIT("q"), SLICE_LIT("\0"));
    for (int i = 0; i < 30; i++) /* more than a stream's queue holds */
        lab_put(&l, "a/key", value);
    top(&l, 0, &t);
    assert_int_equal(t.watchers, 2);
    assert_int_equal(t.watchers_slow, 1);
    assert_int_equal(t.slow_n, 1);
    assert_true(slice_eq(t.slow[0].key, SLICE_LIT("a")));
    assert_true(slice_eq(t.slow[0].range_end, SLICE_LIT("b")));
    assert_true(t.slow[0].stopped);
    assert_true(t.slow[0].behind > 0 && t.slow[0].behind < 30);
    assert_int_equal(t.slow[0].revision + t.slow[0].behind, t.header->revision);
    assert_true(t.slow[0].queued_bytes > 1 << 20);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usage_is_told_by_prefix),
        cmocka_unit_test(another_delimiter_and_a_limit),
        cmocka_unit_test(who_is_refused_learns_what_takes_the_space),
        cmocka_unit_test(usage_is_for_who_may_read_the_prefix),
        cmocka_unit_test(with_users_a_refusal_names_prefixes_to_readers_alone),
        cmocka_unit_test(the_hottest_prefixes_are_told),
        cmocka_unit_test(the_biggest_leases_are_told),
        cmocka_unit_test(slow_watchers_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
