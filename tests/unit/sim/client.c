/* The simulated client asks for everything there is, only for what a server would let through, and
 * for the same again when the seed is the same. */
#include "sim/client.h"

#include "state/check.h"
#include "wire/raft_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void writes_are_of_all_kinds_and_fine(void **state)
{
    (void)state;
    struct rng rng;
    unsigned kinds[RAFT_REQUEST_LEASE_REVOKE + 1] = {0};
    unsigned branches = 0;
    rng_seed(&rng, 1);
    for (uint64_t i = 1; i <= 5000; i++) {
        struct arena a = {0};
        AUTO(buf_fini) struct buf out = {0};
        struct pb_put_request put;
        struct pb_delete_range_request del;
        struct pb_txn_request txn;
        struct pb_compaction_request c;
        struct pb_lease_grant_request grant;
        struct pb_lease_revoke_request revoke;
        uint32_t field = client_write(&rng, i, 100, 10, &a, &out);
        struct slice body = buf_slice(&out);
        assert_true(field <= RAFT_REQUEST_LEASE_REVOKE);
        kinds[field]++;
        if (field == RAFT_REQUEST_PUT) {
            assert_int_equal(wire_decode(&wire_put_request, body, &a, &put), RC_OK);
            assert_int_equal(check_put(&put), ETCD_OK);
        } else if (field == RAFT_REQUEST_DELETE_RANGE) {
            assert_int_equal(wire_decode(&wire_delete_range_request, body, &a, &del), RC_OK);
            assert_int_equal(check_delete(&del), ETCD_OK);
        } else if (field == RAFT_REQUEST_TXN) {
            assert_int_equal(wire_decode(&wire_txn_request, body, &a, &txn), RC_OK);
            assert_int_equal(check_txn(&txn, CHECK_TXN_OPS_MAX), ETCD_OK);
            branches += txn.success_n > 1 && txn.failure_n > 1;
        } else if (field == RAFT_REQUEST_LEASE_GRANT) {
            assert_int_equal(wire_decode(&wire_lease_grant_request, body, &a, &grant), RC_OK);
            assert_true(grant.id != 0 && grant.ttl > 0);
        } else if (field == RAFT_REQUEST_LEASE_REVOKE) {
            assert_int_equal(wire_decode(&wire_lease_revoke_request, body, &a, &revoke), RC_OK);
            assert_int_not_equal(revoke.id, 0);
        } else {
            assert_int_equal(field, RAFT_REQUEST_COMPACTION);
            assert_int_equal(wire_decode(&wire_compaction_request, body, &a, &c), RC_OK);
            assert_true(c.revision >= 10 && c.revision <= 101);
        }
        arena_fini(&a);
    }
    assert_true(kinds[RAFT_REQUEST_PUT] > 2000 && kinds[RAFT_REQUEST_DELETE_RANGE] > 200);
    assert_true(kinds[RAFT_REQUEST_TXN] > 500 && kinds[RAFT_REQUEST_COMPACTION] > 50);
    assert_true(kinds[RAFT_REQUEST_LEASE_GRANT] > 50 && kinds[RAFT_REQUEST_LEASE_REVOKE] > 20);
    assert_true(branches > 50);
}

static void ranges_ask_for_everything(void **state)
{
    (void)state;
    struct rng rng;
    unsigned past = 0;
    unsigned future = 0;
    unsigned limited = 0;
    rng_seed(&rng, 2);
    for (int i = 0; i < 2000; i++) {
        struct arena a = {0};
        struct pb_range_request r;
        client_range(&rng, 100, 50, &a, &r);
        assert_int_equal(check_range(&r), ETCD_OK);
        past += r.revision > 0 && r.revision < 50;
        future += r.revision > 100;
        limited += r.limit > 0;
        arena_fini(&a);
    }
    assert_true(past > 5 && future > 5 && limited > 300);
}

static void a_seed_decides(void **state)
{
    (void)state;
    struct rng first;
    struct rng second;
    rng_seed(&first, 3);
    rng_seed(&second, 3);
    for (uint64_t i = 1; i < 500; i++) {
        struct arena a = {0};
        AUTO(buf_fini) struct buf x = {0};
        AUTO(buf_fini) struct buf y = {0};
        assert_int_equal(client_write(&first, i, 100, 10, &a, &x),
                         client_write(&second, i, 100, 10, &a, &y));
        assert_true(slice_eq(buf_slice(&x), buf_slice(&y)));
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_are_of_all_kinds_and_fine),
        cmocka_unit_test(ranges_ask_for_everything),
        cmocka_unit_test(a_seed_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
