/* An answer is built only for who waits, and only as large as there is room; what the request
 * writes is written all the same. What cannot be read decides nothing, and never reaches storage.
 */
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct pb_range_request everything = {.key = SLICE_INIT("\0"),
                                             .range_end = SLICE_INIT("\0")};

static void apply_with(struct lab *l, enum raft_request_field field, const struct wire_message *m,
                       const void *request, struct state_reply *reply)
{
    struct buf entry = {0};
    struct buf body = {0};
    wire_encode(m, request, &body);
    raft_request_begin(&entry, 7);
    raft_request_embed(&entry, field, buf_slice(&body));
    state_apply(l->state, ++l->index, LAB_TERM, buf_slice(&entry), reply);
    buf_fini(&entry);
    buf_fini(&body);
}

static void an_answer_without_room_is_cut_and_the_write_is_not(void **state)
{
    (void)state;
    struct lab l = {0};
    struct pb_put_request put = {.key = SLICE_LIT("c"), .value = SLICE_LIT("3")};
    struct pb_request_op ops[] = {
        {.request_case = PB_OP_RANGE, .request_range = &everything},
        {.request_case = PB_OP_PUT, .request_put = &put},
    };
    const struct pb_txn_request txn = {.success = ops, .success_n = ARRAY_LEN(ops)};
    struct state_reply reply = {.raft_term = LAB_TERM, .room = 20};
    lab_open(&l);
    assert_int_equal(lab_put(&l, "a", "one value that is not short"), ETCD_OK);
    apply_with(&l, RAFT_REQUEST_TXN, &wire_txn_request, &txn, &reply);
    assert_int_equal(reply.error, ETCD_OK);
    assert_true(reply.too_large);
    assert_true(slice_eq(lab_value(&l, "c"), SLICE_LIT("3")));
    buf_fini(&reply.body);
    reply = (struct state_reply){.raft_term = LAB_TERM, .room = 200};
    apply_with(&l, RAFT_REQUEST_TXN, &wire_txn_request, &txn, &reply);
    assert_false(reply.too_large);
    buf_fini(&reply.body);
    lab_close(&l);
}

static void a_delete_whose_pairs_have_no_room_deletes(void **state)
{
    (void)state;
    struct lab l = {0};
    const struct pb_delete_range_request del = {
        .key = SLICE_LIT("\0"), .range_end = SLICE_LIT("\0"), .prev_kv = true};
    struct state_reply reply = {.raft_term = LAB_TERM, .room = 20};
    lab_open(&l);
    assert_int_equal(lab_put(&l, "a", "one value that is not short"), ETCD_OK);
    apply_with(&l, RAFT_REQUEST_DELETE_RANGE, &wire_delete_range_request, &del, &reply);
    assert_true(reply.too_large);
    assert_null(lab_value(&l, "a").p);
    buf_fini(&reply.body);
    lab_close(&l);
}

/* At a start nobody waits: the log's transactions are carried out without their reads. */
static void what_nobody_waits_for_is_not_read(void **state)
{
    (void)state;
    struct lab l = {0};
    struct pb_put_request put = {.key = SLICE_LIT("a"), .value = SLICE_LIT("2")};
    struct pb_request_op ops[] = {
        {.request_case = PB_OP_RANGE, .request_range = &everything},
        {.request_case = PB_OP_PUT, .request_put = &put},
    };
    const struct pb_txn_request txn = {.success = ops, .success_n = ARRAY_LEN(ops)};
    struct state_reply reply = {.raft_term = LAB_TERM, .unheard = true};
    lab_open(&l);
    assert_int_equal(lab_put(&l, "a", "a value that an answer would show"), ETCD_OK);
    apply_with(&l, RAFT_REQUEST_TXN, &wire_txn_request, &txn, &reply);
    assert_int_equal(reply.error, ETCD_OK);
    assert_false(reply.too_large);
    assert_null(memmem(reply.body.p, reply.body.n, "would show", 10));
    assert_true(slice_eq(lab_value(&l, "a"), SLICE_LIT("2")));
    buf_fini(&reply.body);
    lab_close(&l);
}

/* The stored revision 2.0 gets other bytes, as a failing disk would give them. */
static void damage(struct lab *l)
{
    uint8_t key[REVISION_TOMBSTONE_LEN];
    revision_key_store(key, (struct revision){2, 0}, false);
    struct storage_op op = {TABLE_KEY, STORAGE_PUT, slice_of(key, REVISION_KEY_LEN),
                            SLICE_LIT("not what was written")};
    assert_int_equal(storage_commit(l->storage, &op, 1), RC_OK);
    storage_refresh(l->storage);
}

static void a_damaged_value_decides_nothing(void **state)
{
    (void)state;
    struct lab l = {0};
    struct pb_compare compare = {.key = SLICE_LIT("a"),
                                 .target = PB_COMPARE_TARGET_VALUE,
                                 .result = PB_COMPARE_RESULT_EQUAL,
                                 .value = SLICE_LIT("1")};
    struct pb_put_request put = {.key = SLICE_LIT("b"), .value = SLICE_LIT("2")};
    struct pb_request_op op = {.request_case = PB_OP_PUT, .request_put = &put};
    const struct pb_txn_request txn = {
        .compare = &compare, .compare_n = 1, .failure = &op, .failure_n = 1};
    lab_open(&l);
    assert_int_equal(lab_put(&l, "a", "1"), ETCD_OK);
    lab_pass_ms(&l, STATE_FLUSH_MS);
    lab_turns(&l);
    damage(&l);
    assert_int_equal(lab_txn(&l, &txn), ETCD_CORRUPT);
    assert_int_equal(l.storage_rc, RC_CORRUPT);
    assert_null(lab_value(&l, "b").p);
    unsigned flushes = l.flushes;
    lab_pass_ms(&l, STATE_FLUSH_MS * 10);
    lab_turns(&l);
    assert_int_equal(l.flushes, flushes); /* nothing goes to storage from here on */
    assert_true(state_congested(l.state));
    lab_close(&l);
}

static void a_put_that_keeps_a_damaged_value_is_not_kept(void **state)
{
    (void)state;
    struct lab l = {0};
    struct pb_put_request put = {.key = SLICE_LIT("a"), .ignore_value = true};
    lab_open(&l);
    assert_int_equal(lab_put(&l, "a", "1"), ETCD_OK);
    lab_pass_ms(&l, STATE_FLUSH_MS);
    lab_turns(&l);
    damage(&l);
    assert_int_equal(lab_apply(&l, RAFT_REQUEST_PUT, &wire_put_request, &put), ETCD_CORRUPT);
    unsigned flushes = l.flushes;
    lab_pass_ms(&l, STATE_FLUSH_MS * 10);
    lab_turns(&l);
    assert_int_equal(l.flushes, flushes);
    lab_close(&l);
}

/* A read that meets damage says so; only writes could make this member differ. */
static void a_read_of_damage_ends_nothing(void **state)
{
    (void)state;
    struct lab l = {0};
    struct pb_request_op op = {.request_case = PB_OP_RANGE, .request_range = &everything};
    const struct pb_txn_request txn = {.success = &op, .success_n = 1};
    struct state_reply reply = {.raft_term = LAB_TERM};
    lab_open(&l);
    assert_int_equal(lab_put(&l, "a", "1"), ETCD_OK);
    lab_pass_ms(&l, STATE_FLUSH_MS);
    lab_turns(&l);
    damage(&l);
    state_read_txn(l.state, &txn, &reply);
    assert_int_equal(reply.error, ETCD_CORRUPT);
    assert_int_equal(l.storage_events, 0);
    assert_false(state_congested(l.state));
    buf_fini(&reply.body);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_without_room_is_cut_and_the_write_is_not),
        cmocka_unit_test(a_delete_whose_pairs_have_no_room_deletes),
        cmocka_unit_test(what_nobody_waits_for_is_not_read),
        cmocka_unit_test(a_damaged_value_decides_nothing),
        cmocka_unit_test(a_put_that_keeps_a_damaged_value_is_not_kept),
        cmocka_unit_test(a_read_of_damage_ends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
