/* Entries that concern leases: what they answer, which keys go with a lease, and what storage gives
 * back after a start. */
#include "kv/map_storage.h"
#include "kv/watch.h"
#include "lab.h"
#include "state/leases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static enum etcd_error grant(struct lab *l, int64_t id, int64_t ttl)
{
    const struct pb_lease_grant_request r = {.id = id, .ttl = ttl};
    return lab_apply(l, RAFT_REQUEST_LEASE_GRANT, &wire_lease_grant_request, &r);
}

static enum etcd_error revoke(struct lab *l, int64_t id)
{
    const struct pb_lease_revoke_request r = {.id = id};
    return lab_apply(l, RAFT_REQUEST_LEASE_REVOKE, &wire_lease_revoke_request, &r);
}

static void expire(struct lab *l, int64_t *ids, size_t n)
{
    const struct pb_lease_expire_request r = {.ids = ids, .ids_n = n, .as_of = l->index};
    lab_apply(l, RAFT_REQUEST_LEASE_EXPIRE, &wire_lease_expire_request, &r);
}

static void checkpoint(struct lab *l, int64_t id, int64_t remaining)
{
    struct pb_lease_checkpoint one = {.id = id, .remaining_ttl = remaining};
    const struct pb_lease_remaining_request r = {
        .checkpoints = &one, .checkpoints_n = 1, .as_of = l->index};
    lab_apply(l, RAFT_REQUEST_LEASE_REMAINING, &wire_lease_remaining_request, &r);
}

static enum etcd_error put_on(struct lab *l, const char *key, int64_t lease)
{
    const struct pb_put_request r = {
        .key = slice_str(key), .value = SLICE_LIT("v"), .lease = lease};
    return lab_apply(l, RAFT_REQUEST_PUT, &wire_put_request, &r);
}

static size_t keys_on(struct lab *l, int64_t id)
{
    const struct lease *lease = leases_find(state_leases(l->state), id);
    assert_non_null(lease);
    return lease->key_n;
}

static void test_grants_answer_and_are_refused_as_etcd_has_it(void **state)
{
    (void)state;
    struct lab l = {0};
    struct pb_lease_grant_response out;
    lab_open(&l);
    assert_int_equal(grant(&l, 7, 30), ETCD_OK);
    lab_response(&l, &wire_lease_grant_response, &out);
    assert_int_equal(out.id, 7);
    assert_int_equal(out.ttl, 30);
    assert_int_equal(out.header->revision, 1);
    assert_int_equal(out.header->raft_term, LAB_TERM);
    assert_int_equal(grant(&l, 7, 30), ETCD_LEASE_EXIST);
    assert_int_equal(grant(&l, 7, 9000000001), ETCD_LEASE_TTL_TOO_LARGE);
    assert_int_equal(grant(&l, 0, 30), ETCD_LEASE_NOT_FOUND);
    assert_int_equal(grant(&l, 8, 9000000000), ETCD_OK);
    assert_int_equal(revoke(&l, 9), ETCD_LEASE_NOT_FOUND);
    lab_close(&l);
}

static void test_keys_are_bound_moved_and_let_go(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    grant(&l, 1, 60);
    grant(&l, 2, 60);
    assert_int_equal(put_on(&l, "k", 3), ETCD_LEASE_NOT_FOUND);
    assert_int_equal(kv_revision(state_kv(l.state)), 1);
    assert_int_equal(put_on(&l, "k", 1), ETCD_OK);
    assert_int_equal(put_on(&l, "k", 2), ETCD_OK); /* moved */
    assert_int_equal(keys_on(&l, 1), 0);
    assert_int_equal(keys_on(&l, 2), 1);
    const struct pb_put_request keep = {
        .key = SLICE_LIT("k"), .value = SLICE_LIT("new"), .ignore_lease = true};
    assert_int_equal(lab_apply(&l, RAFT_REQUEST_PUT, &wire_put_request, &keep), ETCD_OK);
    assert_int_equal(keys_on(&l, 2), 1);
    lab_put(&l, "k", "without"); /* detached */
    assert_int_equal(keys_on(&l, 2), 0);
    put_on(&l, "k", 2);
    lab_delete(&l, "a", SLICE_LIT("z"));
    assert_int_equal(keys_on(&l, 2), 0);
    assert_int_equal(revoke(&l, 2), ETCD_OK);
    assert_int_equal(kv_revision(state_kv(l.state)), 7); /* no key, no revision */
    lab_close(&l);
}

static void test_revoking_deletes_the_keys_in_order_at_one_revision(void **state)
{
    (void)state;
    struct lab l = {0};
    struct pb_lease_revoke_response out;
    lab_open(&l);
    grant(&l, 1, 60);
    put_on(&l, "c", 1);
    put_on(&l, "a", 1);
    put_on(&l, "b", 1);
    lab_put(&l, "d", "stays");
    assert_int_equal(revoke(&l, 1), ETCD_OK);
    lab_response(&l, &wire_lease_revoke_response, &out);
    assert_int_equal(out.header->revision, 6);
    assert_null(lab_value(&l, "a").p);
    assert_null(lab_value(&l, "b").p);
    assert_null(lab_value(&l, "c").p);
    assert_true(slice_eq(lab_value(&l, "d"), SLICE_LIT("stays")));
    for (int64_t sub = 0; sub < 3; sub++) {
        struct slice encoded;
        struct pb_key_value pair;
        struct arena a = {0};
        const char name = (char)('a' + sub);
        lab_pass_ms(&l, 200);
        lab_store(&l);
        uint8_t key[18] = {[7] = 6, [8] = '_', [16] = (uint8_t)sub, [17] = 't'};
        assert_int_equal(storage_get(l.storage, TABLE_KEY, slice_of(key, 18), &encoded), RC_OK);
        encoded.n -= 4; /* its checksum */
        assert_int_equal(wire_decode(&wire_key_value, encoded, &a, &pair), RC_OK);
        assert_true(slice_eq(pair.key, slice_of(&name, 1)));
        arena_fini(&a);
    }
    lab_close(&l);
}

static void test_one_entry_ends_many_leases_each_at_its_revision(void **state)
{
    (void)state;
    struct lab l = {0};
    int64_t ids[] = {1, 2, 99, 3};
    lab_open(&l);
    for (int64_t id = 1; id <= 3; id++)
        grant(&l, id, 60);
    put_on(&l, "one", 1);
    put_on(&l, "three", 3);
    expire(&l, ids, 4);
    assert_int_equal(kv_revision(state_kv(l.state)), 5);
    assert_int_equal(leases_count(state_leases(l.state)), 0);
    expire(&l, ids, 4); /* nothing is left to end */
    assert_int_equal(kv_revision(state_kv(l.state)), 5);
    lab_close(&l);
}

/* Entries of the lessor's may be overtaken: the client revokes the lease and takes its ID again. */
static void test_what_was_meant_for_a_lease_does_not_meet_its_successor(void **state)
{
    (void)state;
    struct lab l = {0};
    int64_t id = 1;
    struct pb_lease_checkpoint one = {.id = id, .remaining_ttl = 5};
    lab_open(&l);
    grant(&l, id, 60);
    const struct pb_lease_expire_request ends = {.ids = &id, .ids_n = 1, .as_of = l.index};
    const struct pb_lease_remaining_request left = {
        .checkpoints = &one, .checkpoints_n = 1, .as_of = l.index};
    revoke(&l, id);
    grant(&l, id, 60);
    assert_int_equal(state_sync(l.state), RC_OK);
    assert_int_equal(lab_restart(&l), RC_OK);
    lab_apply(&l, RAFT_REQUEST_LEASE_REMAINING, &wire_lease_remaining_request, &left);
    lab_apply(&l, RAFT_REQUEST_LEASE_EXPIRE, &wire_lease_expire_request, &ends);
    const struct lease *lease = leases_find(state_leases(l.state), id);
    assert_non_null(lease);
    assert_int_equal(lease->remaining, 0);
    lab_close(&l);
}

static enum etcd_error txn_if_lease_is(struct lab *l, int64_t lease, struct pb_put_request *then)
{
    struct pb_compare c = {.target = PB_COMPARE_TARGET_LEASE,
                           .key = SLICE_LIT("k"),
                           .target_union_case = PB_TARGET_LEASE,
                           .lease = lease};
    struct pb_request_op op = {.request_case = PB_OP_PUT, .request_put = then};
    const struct pb_txn_request t = {.compare = &c, .compare_n = 1, .success = &op, .success_n = 1};
    return lab_txn(l, &t);
}

static void test_transactions_bind_and_compare(void **state)
{
    (void)state;
    struct lab l = {0};
    struct pb_txn_response out;
    struct pb_put_request put = {.key = SLICE_LIT("k"), .value = SLICE_LIT("v"), .lease = 5};
    lab_open(&l);
    assert_int_equal(txn_if_lease_is(&l, 0, &put), ETCD_LEASE_NOT_FOUND);
    assert_int_equal(kv_revision(state_kv(l.state)), 1);
    grant(&l, 5, 60);
    assert_int_equal(txn_if_lease_is(&l, 0, &put), ETCD_OK);
    assert_int_equal(keys_on(&l, 5), 1);
    put.lease = 0;
    txn_if_lease_is(&l, 6, &put);
    lab_response(&l, &wire_txn_response, &out);
    assert_false(out.succeeded);
    assert_int_equal(keys_on(&l, 5), 1);
    txn_if_lease_is(&l, 5, &put);
    lab_response(&l, &wire_txn_response, &out);
    assert_true(out.succeeded);
    assert_int_equal(keys_on(&l, 5), 0);
    lab_close(&l);
}

static void test_a_start_gives_leases_keys_and_checkpoints_back(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    grant(&l, 1, 600);
    grant(&l, -2, 60); /* etcd#14239 */
    grant(&l, 3, 60);
    put_on(&l, "a", 1);
    put_on(&l, "b", -2);
    put_on(&l, "c", -2);
    put_on(&l, "c", 1);
    put_on(&l, "gone", 1);
    lab_delete(&l, "gone", (struct slice){0});
    checkpoint(&l, 1, 250);
    checkpoint(&l, 42, 1);
    revoke(&l, 3);
    uint64_t hash = state_hash(l.state);
    assert_int_equal(state_sync(l.state), RC_OK);
    assert_int_equal(lab_restart(&l), RC_OK);
    assert_true(state_hash(l.state) == hash);
    assert_int_equal(leases_count(state_leases(l.state)), 2);
    const struct lease *one = leases_find(state_leases(l.state), 1);
    assert_int_equal(one->ttl, 600);
    assert_int_equal(one->remaining, 250); /* etcd#13508 */
    assert_int_equal(keys_on(&l, 1), 2);
    assert_int_equal(keys_on(&l, -2), 1);
    checkpoint(&l, 1, 0);
    assert_int_equal(one->remaining, 0);
    lab_close(&l);
}

static void test_a_checkpoint_cannot_say_more_than_was_granted(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    grant(&l, 1, 600);
    checkpoint(&l, 1, 601);
    checkpoint(&l, 1, -1);
    assert_int_equal(leases_find(state_leases(l.state), 1)->remaining, 0);
    lab_close(&l);
}

static void store_lease(struct lab *l, struct slice key, struct slice value)
{
    const struct storage_op op = {TABLE_LEASE, STORAGE_PUT, key, value};
    assert_int_equal(storage_commit(l->storage, &op, 1), RC_OK);
}

static void test_damaged_leases_refuse_the_start(void **state)
{
    (void)state;
    static const struct {
        struct slice key;
        struct slice value;
    } cases[] = {
        {SLICE_INIT("\0\0\0\0\0\0\0\1"), SLICE_INIT("\x08\x02\x10\x05")}, /* another's ID */
        {SLICE_INIT("\0\0\0\1"), SLICE_INIT("\x08\x01\x10\x05")},
        {SLICE_INIT("\0\0\0\0\0\0\0\1"), SLICE_INIT("\x08\x01\x10")},
        {SLICE_INIT("\0\0\0\0\0\0\0\1"), SLICE_INIT("\x08\x01\x10\x05\x18\x06")}, /* more left */
        {SLICE_INIT("\0\0\0\0\0\0\0\0"), SLICE_INIT("")},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct lab l = {0};
        lab_open(&l);
        store_lease(&l, cases[i].key, cases[i].value);
        assert_int_equal(lab_restart(&l), RC_CORRUPT);
        assert_non_null(strstr(l.err.text, "leases are damaged"));
        lab_close(&l);
    }
}

struct reader {
    struct listener listener;
    struct state *state;
    unsigned heard;
};

static void read_users(struct listener *listener, const struct change *c)
{
    struct reader *r = CONTAINER_OF(listener, struct reader, listener);
    struct state_reply reply = {0};
    (void)c;
    state_read_auth(r->state, RAFT_REQUEST_AUTH_USER_LIST, (struct slice){0}, &reply);
    assert_int_equal(reply.error, ETCD_OK);
    buf_fini(&reply.body);
    r->heard++;
}

/* A lock that hears of its key's end asks on from there, and with it whoever waits to read. */
static void test_reading_within_an_entry_does_it_no_harm(void **state)
{
    (void)state;
    enum { LEASES = 100 };
    struct lab l = {0};
    struct reader r = {.listener.changed = read_users};
    int64_t ids[LEASES];
    lab_open(&l);
    r.state = l.state;
    listener_begin(&r.listener, state_kv(l.state), SLICE_LIT("a"), SLICE_LIT("b"));
    for (int i = 0; i < LEASES; i++) {
        char key[8];
        snprintf(key, sizeof(key), "k%d", i);
        ids[i] = i + 1;
        grant(&l, ids[i], 60);
        assert_int_equal(put_on(&l, i == 0 ? "a" : key, ids[i]), ETCD_OK);
    }
    expire(&l, ids, LEASES);
    listener_end(&r.listener);
    assert_int_equal(r.heard, 2);
    assert_int_equal(leases_count(state_leases(l.state)), 0);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grants_answer_and_are_refused_as_etcd_has_it),
        cmocka_unit_test(test_keys_are_bound_moved_and_let_go),
        cmocka_unit_test(test_revoking_deletes_the_keys_in_order_at_one_revision),
        cmocka_unit_test(test_one_entry_ends_many_leases_each_at_its_revision),
        cmocka_unit_test(test_what_was_meant_for_a_lease_does_not_meet_its_successor),
        cmocka_unit_test(test_transactions_bind_and_compare),
        cmocka_unit_test(test_a_start_gives_leases_keys_and_checkpoints_back),
        cmocka_unit_test(test_a_checkpoint_cannot_say_more_than_was_granted),
        cmocka_unit_test(test_damaged_leases_refuse_the_start),
        cmocka_unit_test(test_reading_within_an_entry_does_it_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
