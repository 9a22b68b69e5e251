/* Entries are applied in order and answered with etcd's messages; unknown ones change nothing; what
 * storage held is there again after a start. */
#include "kv/map_storage.h"
#include "lab.h"
#include "state/meta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void answers_carry_the_header(void **state)
{
    (void)state;
    struct lab l = {0};
    struct pb_put_response put;
    struct pb_delete_range_response del;
    lab_open(&l);
    assert_int_equal(lab_put(&l, "k", "v"), ETCD_OK);
    lab_response(&l, &wire_put_response, &put);
    assert_int_equal(put.header->cluster_id, LAB_CLUSTER);
    assert_int_equal(put.header->member_id, LAB_MEMBER);
    assert_int_equal(put.header->raft_term, LAB_TERM);
    assert_int_equal(put.header->revision, 2);
    assert_int_equal(lab_delete(&l, "nothing", (struct slice){0}), ETCD_OK);
    lab_response(&l, &wire_delete_range_response, &del);
    assert_int_equal(del.header->revision, 2); /* nothing changed */
    assert_int_equal(del.deleted, 0);
    assert_int_equal(lab_delete(&l, "a", SLICE_LIT("\0")), ETCD_OK);
    lab_response(&l, &wire_delete_range_response, &del);
    assert_int_equal(del.header->revision, 3);
    assert_int_equal(del.deleted, 1);
    struct pb_response_header h = state_header(l.state, 9);
    assert_int_equal(h.revision, 3);
    assert_int_equal(h.raft_term, 9);
    lab_close(&l);
}

static void previous_pairs_are_given_when_asked_for(void **state)
{
    (void)state;
    struct lab l = {0};
    struct pb_put_response put;
    struct pb_delete_range_response del;
    struct pb_put_request again = {.key = SLICE_LIT("a"), .value = SLICE_LIT("2"), .prev_kv = true};
    lab_open(&l);
    lab_apply(&l, RAFT_REQUEST_PUT, &wire_put_request, &again);
    lab_response(&l, &wire_put_response, &put);
    assert_null(put.prev_kv);
    lab_apply(&l, RAFT_REQUEST_PUT, &wire_put_request, &again);
    lab_response(&l, &wire_put_response, &put);
    assert_true(slice_eq(put.prev_kv->value, SLICE_LIT("2")));
    assert_int_equal(put.prev_kv->version, 1);
    lab_put(&l, "b", "3");
    const struct pb_delete_range_request all = {
        .key = SLICE_LIT("a"), .range_end = SLICE_LIT("c"), .prev_kv = true};
    lab_apply(&l, RAFT_REQUEST_DELETE_RANGE, &wire_delete_range_request, &all);
    lab_response(&l, &wire_delete_range_response, &del);
    assert_int_equal(del.deleted, 2);
    assert_int_equal(del.prev_kvs_n, 2);
    assert_true(slice_eq(del.prev_kvs[0].key, SLICE_LIT("a")));
    assert_int_equal(del.prev_kvs[0].version, 2);
    assert_true(slice_eq(del.prev_kvs[1].value, SLICE_LIT("3")));
    lab_close(&l);
}

static void ignoring_keeps_what_was_there(void **state)
{
    (void)state;
    struct lab l = {0};
    struct pb_put_request r = {.key = SLICE_LIT("k"), .ignore_value = true};
    lab_open(&l);
    assert_int_equal(lab_apply(&l, RAFT_REQUEST_PUT, &wire_put_request, &r), ETCD_KEY_NOT_FOUND);
    assert_int_equal(kv_revision(state_kv(l.state)), 1);
    lab_put(&l, "k", "kept");
    assert_int_equal(lab_apply(&l, RAFT_REQUEST_PUT, &wire_put_request, &r), ETCD_OK);
    assert_true(slice_eq(lab_value(&l, "k"), SLICE_LIT("kept")));
    r = (struct pb_put_request){
        .key = SLICE_LIT("k"), .value = SLICE_LIT("new"), .ignore_lease = true};
    assert_int_equal(lab_apply(&l, RAFT_REQUEST_PUT, &wire_put_request, &r), ETCD_OK);
    assert_true(slice_eq(lab_value(&l, "k"), SLICE_LIT("new")));
    r = (struct pb_put_request){.key = SLICE_LIT("k"), .lease = 5};
    assert_int_equal(lab_apply(&l, RAFT_REQUEST_PUT, &wire_put_request, &r), ETCD_LEASE_NOT_FOUND);
    assert_true(slice_eq(lab_value(&l, "k"), SLICE_LIT("new")));
    lab_close(&l);
}

static void an_unknown_request_changes_nothing(void **state)
{
    (void)state;
    struct lab l = {0};
    struct pb_put_request r = {.key = SLICE_LIT("k")};
    lab_open(&l);
    uint64_t hash = state_hash(l.state);
    assert_int_equal(lab_apply(&l, RAFT_REQUEST_DOWNGRADE_VERSION_TEST, &wire_put_request, &r),
                     ETCD_OK);
    assert_int_equal(l.logged, 1);
    assert_true(state_hash(l.state) == hash);
    assert_int_equal(state_applied(l.state), 1);
    /* Entries of consensus itself have no request. */
    state_apply(l.state, ++l.index, LAB_TERM, (struct slice){0}, NULL);
    assert_int_equal(state_applied(l.state), 2);
    assert_true(state_hash(l.state) == hash);
    lab_close(&l);
}

static void nobody_need_wait_for_an_entry(void **state)
{
    (void)state;
    struct lab l = {0};
    struct buf body = {0};
    struct buf entry = {0};
    struct pb_put_request r = {.key = SLICE_LIT("k"), .value = SLICE_LIT("v")};
    lab_open(&l);
    wire_encode(&wire_put_request, &r, &body);
    raft_request_begin(&entry, 1);
    raft_request_embed(&entry, RAFT_REQUEST_PUT, buf_slice(&body));
    state_apply(l.state, ++l.index, LAB_TERM, buf_slice(&entry), NULL);
    assert_true(slice_eq(lab_value(&l, "k"), SLICE_LIT("v")));
    buf_fini(&body);
    buf_fini(&entry);
    lab_close(&l);
}

static void a_physical_compaction_waits_for_its_sweep(void **state)
{
    (void)state;
    struct lab l = {0};
    struct pb_compaction_response r;
    lab_open(&l);
    for (int i = 0; i < 5; i++)
        lab_put(&l, "k", "v");
    assert_int_equal(lab_compact(&l, 7, false), ETCD_FUTURE_REV);
    assert_int_equal(lab_compact(&l, 3, false), ETCD_OK);
    lab_response(&l, &wire_compaction_response, &r);
    assert_int_equal(r.header->revision, 6);
    assert_int_equal(l.reply.sweep, 0);
    assert_int_equal(lab_compact(&l, 3, true), ETCD_COMPACTED);
    assert_int_equal(lab_compact(&l, 5, true), ETCD_OK);
    assert_int_equal(l.reply.sweep, 5);
    assert_false(state_swept(l.state, 5));
    lab_turns(&l);
    assert_true(state_swept(l.state, 5));
    assert_int_equal(lab_restart(&l), RC_OK);
    assert_true(state_swept(l.state, 5));
    lab_close(&l);
}

static void the_quota_counts_flushed_unflushed_and_new(void **state)
{
    (void)state;
    const uint64_t quota = 1u << 20;
    struct lab l = {.quota = (int64_t)quota};
    struct storage_stats stats;
    lab_open(&l);
    storage_stats(l.storage, &stats);
    uint64_t held = stats.used_bytes;
    assert_false(state_over_quota(l.state, quota - held - 1));
    assert_true(state_over_quota(l.state, quota - held));
    lab_put(&l, "k", "a value of some length");
    held += kv_unflushed_bytes(state_kv(l.state));
    assert_true(held > stats.used_bytes);
    assert_false(state_over_quota(l.state, quota - held - 1));
    assert_true(state_over_quota(l.state, quota - held));
    assert_int_equal(state_sync(l.state), RC_OK);
    storage_stats(l.storage, &stats);
    assert_true(state_over_quota(l.state, quota - stats.used_bytes));
    assert_false(state_over_quota(l.state, quota - stats.used_bytes - 1));
    assert_int_equal(lab_restart(&l), RC_OK);
    assert_true(state_over_quota(l.state, quota - stats.used_bytes));
    lab_close(&l);
    l.quota = -1;
    lab_open(&l);
    assert_false(state_over_quota(l.state, SIZE_MAX / 4));
    lab_close(&l);
}

static void the_same_entries_give_the_same_hash(void **state)
{
    (void)state;
    struct lab a = {0};
    struct lab b = {0};
    lab_open(&a);
    lab_open(&b);
    for (int i = 0; i < 50; i++) {
        char key[8];
        snprintf(key, sizeof(key), "%d", i % 7);
        uint64_t before = state_hash(a.state);
        lab_put(&a, key, "v");
        assert_true(state_hash(a.state) != before);
        lab_put(&b, key, "v");
        if (i % 10 == 9) /* b forgets and reads again, a does not */
            assert_int_equal(state_sync(b.state), RC_OK);
        if (i % 20 == 19)
            assert_int_equal(lab_restart(&b), RC_OK);
        assert_true(state_hash(a.state) == state_hash(b.state));
    }
    lab_compact(&a, 20, false);
    assert_true(state_hash(a.state) != state_hash(b.state));
    lab_close(&a);
    lab_close(&b);
}

static void damaged_data_is_refused(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    lab_put(&l, "k", "v");
    assert_int_equal(state_sync(l.state), RC_OK);
    struct storage_op op = {TABLE_KEY, STORAGE_PUT, SLICE_LIT("no revision"), SLICE_LIT("12345")};
    assert_int_equal(storage_commit(l.storage, &op, 1), RC_OK);
    assert_int_equal(lab_restart(&l), RC_CORRUPT);
    assert_non_null(strstr(l.err.text, "the stored data is damaged"));
    op = (struct storage_op){TABLE_META, STORAGE_DELETE, SLICE_LIT("revision"), {0}};
    assert_int_equal(storage_commit(l.storage, &op, 1), RC_OK);
    assert_int_equal(lab_restart(&l), RC_CORRUPT);
    assert_non_null(strstr(l.err.text, "how far it is"));
    lab_close(&l);
}

static void an_import_that_was_broken_off_is_refused(void **state)
{
    (void)state;
    struct lab l;
    const struct storage_op mark = {TABLE_META, STORAGE_PUT, SLICE_LIT(META_FOLLOWING), {0}};
    lab_open(&l);
    assert_int_equal(storage_commit(l.storage, &mark, 1), RC_OK);
    assert_int_equal(lab_restart(&l), RC_INVALID);
    assert_non_null(strstr(l.err.text, "moat import --from did not end here"));
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_carry_the_header),
        cmocka_unit_test(previous_pairs_are_given_when_asked_for),
        cmocka_unit_test(ignoring_keeps_what_was_there),
        cmocka_unit_test(an_unknown_request_changes_nothing),
        cmocka_unit_test(nobody_need_wait_for_an_entry),
        cmocka_unit_test(a_physical_compaction_waits_for_its_sweep),
        cmocka_unit_test(the_quota_counts_flushed_unflushed_and_new),
        cmocka_unit_test(the_same_entries_give_the_same_hash),
        cmocka_unit_test(damaged_data_is_refused),
        cmocka_unit_test(an_import_that_was_broken_off_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
