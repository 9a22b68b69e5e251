/* The model's own answers, checked by hand: everything else is held against it. */
#include "sim/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct bench {
    struct model m;
    struct arena a;
};

static void begin(struct bench *b)
{
    *b = (struct bench){0};
    model_init(&b->m);
}

static void end(struct bench *b)
{
    model_fini(&b->m);
    arena_fini(&b->a);
}

static int64_t put(struct bench *b, const char *key, const char *value)
{
    struct pb_put_response out = {0};
    const struct pb_put_request r = {
        .key = slice_str(key), .value = slice_str(value), .prev_kv = true};
    assert_int_equal(model_put(&b->m, &r, &b->a, &out), ETCD_OK);
    return out.header->revision;
}

static struct pb_range_response range(struct bench *b, struct pb_range_request r)
{
    struct pb_range_response out = {0};
    assert_int_equal(model_range(&b->m, &r, &b->a, &out), ETCD_OK);
    return out;
}

static void versions_and_generations(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    assert_int_equal(put(&b, "k", "1"), 2);
    assert_int_equal(put(&b, "k", "2"), 3);
    struct pb_range_response r = range(&b, (struct pb_range_request){.key = SLICE_LIT("k")});
    assert_int_equal(r.kvs[0].create_revision, 2);
    assert_int_equal(r.kvs[0].mod_revision, 3);
    assert_int_equal(r.kvs[0].version, 2);
    struct pb_delete_range_response gone = {0};
    const struct pb_delete_range_request del = {.key = SLICE_LIT("k"), .prev_kv = true};
    assert_int_equal(model_delete(&b.m, &del, &b.a, &gone), ETCD_OK);
    assert_int_equal(gone.deleted, 1);
    assert_int_equal(gone.header->revision, 4);
    assert_true(slice_eq(gone.prev_kvs[0].value, SLICE_LIT("2")));
    gone = (struct pb_delete_range_response){0};
    assert_int_equal(model_delete(&b.m, &del, &b.a, &gone), ETCD_OK);
    assert_int_equal(gone.deleted, 0);
    assert_int_equal(gone.header->revision, 4);
    assert_int_equal(put(&b, "k", "3"), 5);
    r = range(&b, (struct pb_range_request){.key = SLICE_LIT("k")});
    assert_int_equal(r.kvs[0].create_revision, 5);
    assert_int_equal(r.kvs[0].version, 1);
    r = range(&b, (struct pb_range_request){.key = SLICE_LIT("k"), .revision = 4});
    assert_int_equal(r.count, 0);
    r = range(&b, (struct pb_range_request){.key = SLICE_LIT("k"), .revision = 2});
    assert_true(slice_eq(r.kvs[0].value, SLICE_LIT("1")));
    end(&b);
}

static void ranges(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    put(&b, "b", "v");
    put(&b, "a", "v");
    put(&b, "c", "v");
    struct pb_range_response r = range(
        &b,
        (struct pb_range_request){.key = SLICE_LIT("a"), .range_end = SLICE_LIT("c"), .limit = 1});
    assert_int_equal(r.count, 2);
    assert_int_equal(r.kvs_n, 1);
    assert_true(r.more);
    assert_true(slice_eq(r.kvs[0].key, SLICE_LIT("a")));
    r = range(&b, (struct pb_range_request){
                      .key = SLICE_LIT("b"), .range_end = SLICE_LIT("\0"), .keys_only = true});
    assert_int_equal(r.kvs_n, 2);
    assert_int_equal(r.kvs[1].value.n, 0);
    r = range(&b, (struct pb_range_request){
                      .key = SLICE_LIT("a"), .range_end = SLICE_LIT("\0"), .count_only = true});
    assert_int_equal(r.count, 3);
    assert_int_equal(r.kvs_n, 0);
    end(&b);
}

static void compaction_refuses_the_past(void **state)
{
    (void)state;
    struct bench b;
    struct pb_compaction_response out = {0};
    struct pb_range_response none = {0};
    struct pb_range_request r = {.key = SLICE_LIT("k"), .revision = 2};
    begin(&b);
    put(&b, "k", "1");
    put(&b, "k", "2");
    struct pb_compaction_request c = {.revision = 4};
    assert_int_equal(model_compact(&b.m, &c, &b.a, &out), ETCD_FUTURE_REV);
    c.revision = 3;
    assert_int_equal(model_compact(&b.m, &c, &b.a, &out), ETCD_OK);
    assert_int_equal(model_compact(&b.m, &c, &b.a, &out), ETCD_COMPACTED);
    assert_int_equal(model_range(&b.m, &r, &b.a, &none), ETCD_COMPACTED);
    r.revision = 4;
    assert_int_equal(model_range(&b.m, &r, &b.a, &none), ETCD_FUTURE_REV);
    r.revision = 3;
    assert_int_equal(model_range(&b.m, &r, &b.a, &none), ETCD_OK);
    end(&b);
}

static void transactions_take_one_branch_at_one_revision(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    struct pb_compare c = {.key = SLICE_LIT("k"),
                           .target = PB_COMPARE_TARGET_VERSION,
                           .result = PB_COMPARE_RESULT_EQUAL};
    struct pb_put_request k = {.key = SLICE_LIT("k"), .value = SLICE_LIT("v")};
    struct pb_put_request l = {.key = SLICE_LIT("l"), .value = SLICE_LIT("v")};
    struct pb_request_op yes[2] = {{.request_case = PB_OP_PUT, .request_put = &k},
                                   {.request_case = PB_OP_PUT, .request_put = &l}};
    struct pb_range_request get = {.key = SLICE_LIT("k")};
    struct pb_request_op no = {.request_case = PB_OP_RANGE, .request_range = &get};
    const struct pb_txn_request t = {.compare = &c,
                                     .compare_n = 1,
                                     .success = yes,
                                     .success_n = 2,
                                     .failure = &no,
                                     .failure_n = 1};
    struct pb_txn_response out = {0};
    assert_int_equal(model_txn(&b.m, &t, &b.a, &out), ETCD_OK);
    assert_true(out.succeeded);
    assert_int_equal(out.header->revision, 2);
    assert_int_equal(out.responses_n, 2);
    out = (struct pb_txn_response){0};
    assert_int_equal(model_txn(&b.m, &t, &b.a, &out), ETCD_OK);
    assert_false(out.succeeded);
    assert_int_equal(out.header->revision, 2);
    assert_int_equal(out.responses[0].response_range->count, 1);
    end(&b);
}

static void leases_take_their_keys_with_them(void **state)
{
    (void)state;
    struct bench b;
    struct pb_put_response put_out = {0};
    struct pb_lease_grant_response granted = {0};
    struct pb_lease_revoke_response revoked = {0};
    const struct pb_put_request on = {.key = SLICE_LIT("a"), .lease = 5};
    const struct pb_lease_grant_request grant = {.id = 5, .ttl = 10};
    const struct pb_lease_revoke_request revoke = {.id = 5};
    begin(&b);
    assert_int_equal(model_put(&b.m, &on, &b.a, &put_out), ETCD_LEASE_NOT_FOUND);
    assert_int_equal(model_revoke(&b.m, &revoke, &b.a, &revoked), ETCD_LEASE_NOT_FOUND);
    assert_int_equal(model_grant(&b.m, &grant, 7, &b.a, &granted), ETCD_OK);
    assert_int_equal(model_grant(&b.m, &grant, 8, &b.a, &granted), ETCD_LEASE_EXIST);
    assert_int_equal(granted.ttl, 10);
    assert_int_equal(model_lease_find(&b.m, 5)->granted, 7);
    assert_int_equal(model_put(&b.m, &on, &b.a, &put_out), ETCD_OK);
    put(&b, "b", "free");
    struct pb_range_response r = range(&b, (struct pb_range_request){.key = SLICE_LIT("a")});
    assert_int_equal(r.kvs[0].lease, 5);
    assert_int_equal(model_revoke(&b.m, &revoke, &b.a, &revoked), ETCD_OK);
    assert_int_equal(revoked.header->revision, 4);
    r = range(&b, (struct pb_range_request){.key = SLICE_LIT("a"), .range_end = SLICE_LIT("z")});
    assert_int_equal(r.count, 1);
    model_expire(&b.m, 5); /* it is gone: nothing happens */
    assert_int_equal(b.m.revision, 4);
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_and_generations),
        cmocka_unit_test(ranges),
        cmocka_unit_test(compaction_refuses_the_past),
        cmocka_unit_test(transactions_take_one_branch_at_one_revision),
        cmocka_unit_test(leases_take_their_keys_with_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
