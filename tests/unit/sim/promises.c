/* What clients were promised of their leases: kept, broken, and over. */
#include "sim/promises.h"

#include "wire/raft_request.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct story {
    struct promises p;
    uint64_t now_ns;
    uint64_t index;
};

static const char *apply(struct story *s, uint32_t field, const struct wire_message *m,
                         const void *request, bool told)
{
    const struct state_reply fine = {.error = ETCD_OK};
    struct buf body = {0};
    struct buf entry = {0};
    s->p.now_ns = &s->now_ns;
    wire_encode(m, request, &body);
    raft_request_begin(&entry, 1);
    raft_request_embed(&entry, field, buf_slice(&body));
    const struct wal_entry e = {
        .index = ++s->index, .term = 1, .kind = WAL_COMMAND, .body = buf_slice(&entry)};
    const char *wrong = promises_judge(&s->p, &e, &fine, told);
    buf_fini(&body);
    buf_fini(&entry);
    return wrong;
}

static const char *grant(struct story *s, int64_t id, int64_t ttl, bool told)
{
    const struct pb_lease_grant_request r = {.id = id, .ttl = ttl};
    return apply(s, RAFT_REQUEST_LEASE_GRANT, &wire_lease_grant_request, &r, told);
}

static const char *expire(struct story *s, int64_t id, uint64_t as_of)
{
    const struct pb_lease_expire_request r = {.ids = &id, .ids_n = 1, .as_of = as_of};
    return apply(s, RAFT_REQUEST_LEASE_EXPIRE, &wire_lease_expire_request, &r, false);
}

static void test_a_lease_that_ends_early_is_noticed(void **state)
{
    (void)state;
    struct story s = {0};
    assert_null(grant(&s, 1, 5, true));
    s.now_ns = 5 * (uint64_t)NS_PER_S - 1;
    assert_non_null(expire(&s, 1, s.index));
    assert_null(expire(&s, 1, s.index)); /* said once */
    assert_null(grant(&s, 1, 5, true));
    s.now_ns += 5 * (uint64_t)NS_PER_S;
    assert_null(expire(&s, 1, s.index));
}

static void test_what_nobody_was_told_binds_nobody(void **state)
{
    (void)state;
    struct story s = {0};
    assert_null(grant(&s, 1, 5, false));
    assert_null(expire(&s, 1, s.index));
}

static void test_a_revoked_lease_may_be_granted_again(void **state)
{
    (void)state;
    struct story s = {0};
    const struct pb_lease_revoke_request revoke = {.id = 1};
    assert_null(grant(&s, 1, 5, true));
    uint64_t before = s.index;
    assert_null(apply(&s, RAFT_REQUEST_LEASE_REVOKE, &wire_lease_revoke_request, &revoke, true));
    assert_null(grant(&s, 1, 5, true));
    assert_null(expire(&s, 1, before)); /* meant for the one before: it ends nothing */
    assert_non_null(expire(&s, 1, s.index));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_lease_that_ends_early_is_noticed),
        cmocka_unit_test(test_what_nobody_was_told_binds_nobody),
        cmocka_unit_test(test_a_revoked_lease_may_be_granted_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
