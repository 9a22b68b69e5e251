/* Deadlines: a lease never ends early, ends when its time is up, and a renewal that was answered
 * outlives checkpoints, crashes and a change of the leader. */
#include "state/lessor.h"

#include "wire/etcd.h"
#include "wire/raft_request.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct entry {
    struct lessor_proposal *p;
    uint32_t field;
    struct buf body;
};

/* A lessor whose entries the test applies, or drops, when it likes. */
struct rig {
    struct env env;
    struct clock clock;
    struct timers timers;
    struct rng rng;
    uint64_t now_ns;
    struct leases leases;
    struct lessor lessor;
    struct entry log[8];
    size_t n;
    bool refuse;
    unsigned proposed;
};

struct asked {
    struct lessor_renewal renewal;
    unsigned told;
    enum rc rc;
    int64_t ttl;
};

static uint64_t now(struct clock *c)
{
    return CONTAINER_OF(c, struct rig, clock)->now_ns;
}

static bool propose(void *arg, struct lessor_proposal *p, uint32_t field, struct slice request)
{
    struct rig *r = arg;
    if (r->refuse)
        return false;
    assert_true(r->n < 8);
    struct entry *e = &r->log[r->n++];
    *e = (struct entry){.p = p, .field = field};
    buf_append_slice(&e->body, request);
    r->proposed++;
    return true;
}

static void lead(struct rig *r)
{
    const struct lessor_ops ops = {.propose = propose, .arg = r};
    lessor_lead(&r->lessor, &ops);
}

static void open(struct rig *r)
{
    *r = (struct rig){.now_ns = NS_PER_S};
    r->clock = (struct clock){now, now};
    r->env = (struct env){.clock = &r->clock, .timers = &r->timers, .rng = &r->rng};
    rng_seed(&r->rng, 1);
    leases_init(&r->leases, &r->rng);
    lessor_init(&r->lessor, &r->env, &r->leases);
    lead(r);
}

static void close(struct rig *r)
{
    lessor_fini(&r->lessor);
    leases_fini(&r->leases);
    for (size_t i = 0; i < r->n; i++)
        buf_fini(&r->log[i].body);
    assert_true(timers_next(&r->timers) == TIMERS_NEVER);
    timers_fini(&r->timers);
}

static void pass_ms(struct rig *r, uint64_t ms)
{
    r->now_ns += ms * NS_PER_MS;
    timers_run(&r->timers, r->now_ns);
}

static struct lease *grant_at(struct rig *r, int64_t id, int64_t ttl, uint64_t index)
{
    struct lease *l = leases_add(&r->leases, id, ttl, index);
    lessor_granted(&r->lessor, l);
    return l;
}

static struct lease *grant(struct rig *r, int64_t id, int64_t ttl)
{
    return grant_at(r, id, ttl, 1);
}

static void revoke_as_of(struct rig *r, int64_t id, uint64_t as_of)
{
    struct lease *l = leases_find(&r->leases, id);
    if (!l || l->granted > as_of)
        return;
    lessor_revoked(&r->lessor, l);
    leases_remove(&r->leases, l);
}

static void revoke(struct rig *r, int64_t id)
{
    revoke_as_of(r, id, UINT64_MAX);
}

static void apply_body(struct rig *r, const struct entry *e)
{
    struct arena a = {0};
    struct pb_lease_expire_request ends;
    struct pb_lease_remaining_request left;
    if (e->field == RAFT_REQUEST_LEASE_EXPIRE) {
        assert_int_equal(wire_decode(&wire_lease_expire_request, buf_slice(&e->body), &a, &ends),
                         RC_OK);
        for (size_t i = 0; i < ends.ids_n; i++)
            revoke_as_of(r, ends.ids[i], ends.as_of);
    } else {
        assert_int_equal(wire_decode(&wire_lease_remaining_request, buf_slice(&e->body), &a, &left),
                         RC_OK);
        for (size_t i = 0; i < left.checkpoints_n; i++) {
            struct lease *l = leases_find(&r->leases, left.checkpoints[i].id);
            if (l && l->granted <= left.as_of)
                l->remaining = left.checkpoints[i].remaining_ttl;
        }
    }
    arena_fini(&a);
}

/* The oldest entry comes back. */
static void settle(struct rig *r, bool applied)
{
    assert_true(r->n > 0);
    struct entry e = r->log[0];
    r->n--;
    memmove(r->log, r->log + 1, r->n * sizeof(r->log[0]));
    if (applied)
        apply_body(r, &e);
    e.p->done(e.p, applied);
    buf_fini(&e.body);
}

static void on_renewed(struct lessor_renewal *renewal, enum rc rc, int64_t ttl)
{
    struct asked *a = CONTAINER_OF(renewal, struct asked, renewal);
    a->told++;
    a->rc = rc;
    a->ttl = ttl;
}

static void renew(struct rig *r, int64_t id, struct asked *a)
{
    *a = (struct asked){.renewal = {.done = on_renewed}};
    lessor_renew(&r->lessor, id, &a->renewal);
}

static void test_a_lease_ends_when_its_time_is_up_and_not_before(void **state)
{
    (void)state;
    struct rig r;
    open(&r);
    struct lease *l = grant(&r, 1, 5);
    pass_ms(&r, 4999);
    assert_int_equal(r.n, 0);
    assert_int_equal(lessor_left_ns(&r.lessor, l), NS_PER_MS);
    pass_ms(&r, 1);
    assert_int_equal(r.n, 1);
    assert_int_equal(lessor_left_ns(&r.lessor, l), 0);
    assert_non_null(leases_find(&r.leases, 1)); /* only the entry ends it */
    settle(&r, true);
    assert_null(leases_find(&r.leases, 1));
    assert_int_equal(r.lessor.counts.expired, 1);
    close(&r);
}

static void test_a_renewal_gives_all_the_time_again(void **state)
{
    (void)state;
    struct rig r;
    struct asked a;
    open(&r);
    grant(&r, 1, 5);
    for (int i = 0; i < 10; i++) {
        pass_ms(&r, 4000);
        renew(&r, 1, &a);
        assert_int_equal(a.rc, RC_OK);
        assert_int_equal(a.ttl, 5);
    }
    assert_int_equal(r.proposed, 0); /* and costs no entry */
    renew(&r, 2, &a);
    assert_int_equal(a.rc, RC_NOT_FOUND);
    pass_ms(&r, 5000);
    assert_int_equal(r.n, 1);
    close(&r);
}

/* Its end is in the log: whoever renews it now must learn that it is gone, once it is. */
static void test_a_renewal_waits_for_an_end_that_is_on_its_way(void **state)
{
    (void)state;
    struct rig r;
    struct asked a;
    struct asked left;
    open(&r);
    grant(&r, 1, 5);
    pass_ms(&r, 5000);
    renew(&r, 1, &a);
    renew(&r, 1, &left);
    lessor_cancel(&left.renewal);
    assert_int_equal(a.told, 0);
    settle(&r, true);
    assert_int_equal(a.told, 1);
    assert_int_equal(a.rc, RC_NOT_FOUND);
    assert_int_equal(left.told, 0);
    close(&r);
}

/* etcd#17425: what a member proposed that leads no more ends nothing. */
static void test_an_end_that_is_dropped_ends_nothing(void **state)
{
    (void)state;
    struct rig r;
    struct asked a;
    open(&r);
    grant(&r, 1, 5);
    pass_ms(&r, 5000);
    renew(&r, 1, &a);
    settle(&r, false);
    assert_int_equal(a.rc, RC_NOT_LEADER);
    renew(&r, 1, &a);
    assert_int_equal(a.rc, RC_OK);
    pass_ms(&r, 4999);
    assert_int_equal(r.n, 0);
    pass_ms(&r, 1);
    assert_int_equal(r.n, 1);
    close(&r);
}

static void test_what_cannot_be_proposed_is_tried_again(void **state)
{
    (void)state;
    struct rig r;
    struct asked a;
    open(&r);
    grant(&r, 1, 5);
    grant(&r, 2, 5);
    r.refuse = true;
    pass_ms(&r, 5000);
    renew(&r, 2, &a); /* late, but its end is not in the log */
    assert_int_equal(a.rc, RC_OK);
    pass_ms(&r, LESSOR_RETRY_MS);
    r.refuse = false;
    assert_int_equal(r.n, 0);
    pass_ms(&r, LESSOR_RETRY_MS);
    assert_int_equal(r.n, 1);
    settle(&r, true);
    assert_null(leases_find(&r.leases, 1));
    assert_non_null(leases_find(&r.leases, 2));
    close(&r);
}

/* Stopped for a while, it wakes late: what clients sent meanwhile is still to be read. */
static void test_who_stood_still_lets_renewals_come_first(void **state)
{
    (void)state;
    struct rig r;
    struct asked a;
    open(&r);
    grant(&r, 1, 5);
    grant(&r, 2, 5);
    pass_ms(&r, 60000);
    assert_int_equal(r.n, 0);
    renew(&r, 1, &a);
    assert_int_equal(a.rc, RC_OK);
    pass_ms(&r, LESSOR_GRACE_MS);
    settle(&r, true);
    assert_non_null(leases_find(&r.leases, 1));
    assert_null(leases_find(&r.leases, 2));
    pass_ms(&r, 5000 - LESSOR_GRACE_MS);
    assert_int_equal(r.n, 1);
    close(&r);
}

static void test_many_that_end_together_go_in_turns(void **state)
{
    (void)state;
    struct rig r;
    open(&r);
    for (int64_t id = 1; id <= 2500; id++)
        grant(&r, id, 5);
    pass_ms(&r, 5000);
    for (size_t left = 2500; left > 0;) {
        assert_int_equal(r.n, 1); /* one entry at a time */
        settle(&r, true);
        left -= left < LESSOR_EXPIRE_MAX ? left : LESSOR_EXPIRE_MAX;
        assert_int_equal(leases_count(&r.leases), left);
    }
    assert_int_equal(r.proposed, 3);
    close(&r);
}

static void test_few_end_together_that_have_many_keys(void **state)
{
    (void)state;
    struct rig r;
    open(&r);
    for (int64_t id = 1; id <= 3; id++) {
        grant(&r, id, 5);
        for (int i = 0; i < 600; i++) {
            const int key[2] = {(int)id, i};
            leases_bind(&r.leases, slice_of(key, sizeof(key)), id);
        }
    }
    pass_ms(&r, 5000);
    settle(&r, true);
    assert_int_equal(leases_count(&r.leases), 2);
    close(&r);
}

static void test_what_is_left_of_long_leases_is_recorded(void **state)
{
    (void)state;
    struct rig r;
    open(&r);
    struct lease *longer = grant(&r, 1, 1000);
    struct lease *shorter = grant(&r, 2, 300);
    pass_ms(&r, 300000);
    assert_int_equal(r.proposed, 1); /* the other's end waits for this entry */
    settle(&r, true);
    assert_int_equal(longer->remaining, 700);
    assert_int_equal(shorter->remaining, 0);
    settle(&r, true);
    pass_ms(&r, 300000);
    settle(&r, true);
    assert_int_equal(longer->remaining, 400);
    pass_ms(&r, 300000);
    settle(&r, true);
    pass_ms(&r, 100000 - 1);
    assert_int_equal(r.n, 0);
    assert_non_null(leases_find(&r.leases, 1));
    pass_ms(&r, 1);
    settle(&r, true);
    assert_null(leases_find(&r.leases, 1));
    close(&r);
}

static void test_a_lease_that_is_renewed_all_the_time_needs_no_checkpoint(void **state)
{
    (void)state;
    struct rig r;
    struct asked a;
    open(&r);
    grant(&r, 1, 1000);
    for (int i = 0; i < 100; i++) {
        pass_ms(&r, 299000);
        renew(&r, 1, &a);
    }
    assert_int_equal(r.proposed, 0);
    close(&r);
}

/* etcd#13508: a new leader, or the next start, goes on from the checkpoint. */
static void test_a_new_leader_begins_with_what_was_left(void **state)
{
    (void)state;
    struct rig r;
    open(&r);
    grant(&r, 1, 1000);
    grant(&r, 2, 60);
    leases_find(&r.leases, 1)->remaining = 400;
    lessor_follow(&r.lessor);
    pass_ms(&r, 5000000);
    assert_int_equal(r.proposed, 0);
    lead(&r);
    assert_int_equal(lessor_left_ns(&r.lessor, leases_find(&r.leases, 1)) / NS_PER_S, 400);
    assert_int_equal(lessor_left_ns(&r.lessor, leases_find(&r.leases, 2)) / NS_PER_S, 60);
    close(&r);
}

/* The renewal is answered only when no crash can bring the checkpoint back. */
static void test_a_renewal_takes_the_checkpoint_back_first(void **state)
{
    (void)state;
    struct rig r;
    struct asked a;
    struct asked b;
    open(&r);
    struct lease *l = grant(&r, 1, 1000);
    l->remaining = 400;
    renew(&r, 1, &a);
    renew(&r, 1, &b);
    assert_int_equal(a.told, 0);
    assert_int_equal(r.n, 1); /* one for both */
    pass_ms(&r, 10);
    settle(&r, true);
    assert_int_equal(l->remaining, 0);
    assert_int_equal(a.rc, RC_OK);
    assert_int_equal(b.ttl, 1000);
    assert_int_equal(lessor_left_ns(&r.lessor, l), 1000 * (uint64_t)NS_PER_S);
    renew(&r, 1, &a);
    assert_int_equal(a.told, 1);
    close(&r);
}

static void test_a_renewal_outlives_a_checkpoint_that_is_on_its_way(void **state)
{
    (void)state;
    struct rig r;
    struct asked a;
    open(&r);
    struct lease *l = grant(&r, 1, 1000);
    pass_ms(&r, 300000);
    assert_int_equal(r.n, 1); /* says 700, not applied yet */
    renew(&r, 1, &a);
    assert_int_equal(a.told, 0);
    settle(&r, true);
    assert_int_equal(l->remaining, 700);
    settle(&r, true);
    assert_int_equal(l->remaining, 0);
    assert_int_equal(a.rc, RC_OK);
    close(&r);
}

/* Such a checkpoint would be of the time before, and a crash would bring that back. */
static void test_no_checkpoint_is_made_while_a_renewal_is_on_its_way(void **state)
{
    (void)state;
    struct rig r;
    struct asked a;
    open(&r);
    struct lease *l = grant(&r, 1, 1000);
    pass_ms(&r, 300000);
    settle(&r, true);
    assert_int_equal(l->remaining, 700);
    pass_ms(&r, 299999);
    renew(&r, 1, &a);
    pass_ms(&r, 1); /* the next would be due */
    assert_int_equal(r.n, 1);
    settle(&r, true);
    assert_int_equal(a.rc, RC_OK);
    assert_int_equal(l->remaining, 0);
    pass_ms(&r, 299999);
    assert_int_equal(r.n, 0);
    pass_ms(&r, 1);
    settle(&r, true);
    assert_int_equal(l->remaining, 700);
    close(&r);
}

/* etcd#20615 */
static void test_a_lease_revoked_during_its_renewal_is_not_renewed(void **state)
{
    (void)state;
    struct rig r;
    struct asked a;
    open(&r);
    grant(&r, 1, 1000)->remaining = 400;
    renew(&r, 1, &a);
    revoke(&r, 1); /* a client's, in the log before */
    assert_int_equal(a.told, 1);
    assert_int_equal(a.rc, RC_NOT_FOUND);
    grant(&r, 1, 60); /* the same ID again: another lease */
    settle(&r, true);
    assert_int_equal(a.told, 1);
    assert_int_equal(lessor_left_ns(&r.lessor, leases_find(&r.leases, 1)) / NS_PER_S, 60);
    close(&r);
}

/* An ID may be granted again while an entry for the lease before is on its way: its end says
 * nothing of the new one, whose own renewal waits for an entry of its own. */
static void test_what_was_meant_for_the_lease_before_does_not_reach_its_successor(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct rig r;
        struct asked before = {0};
        struct asked after = {0};
        open(&r);
        struct lease *old = grant(&r, 7, kind == 0 ? 1000 : 5);
        if (kind == 0) {
            old->remaining = 500;
            renew(&r, 7, &before);
            assert_int_equal(r.log[0].field, RAFT_REQUEST_LEASE_REMAINING);
        } else {
            pass_ms(&r, 5000);
            assert_int_equal(r.log[0].field, RAFT_REQUEST_LEASE_EXPIRE);
        }
        revoke(&r, 7);
        struct lease *new = grant_at(&r, 7, 1000, 2);
        new->remaining = 400; /* as a checkpoint says */
        renew(&r, 7, &after);
        assert_int_equal(r.n, 2);
        settle(&r, kind < 2);
        assert_int_equal(after.told, 0);
        assert_int_equal(new->remaining, 400);
        assert_true(new->term.clearing);
        settle(&r, true);
        assert_int_equal(after.told, 1);
        assert_int_equal(after.rc, RC_OK);
        assert_int_equal(new->remaining, 0);
        close(&r);
    }
}

static void test_time_that_is_up_during_a_renewal_does_not_end_the_lease(void **state)
{
    (void)state;
    struct rig r;
    struct asked a;
    open(&r);
    struct lease *l = grant(&r, 1, 1000);
    l->remaining = 1;
    lessor_follow(&r.lessor);
    lead(&r);
    renew(&r, 1, &a);
    pass_ms(&r, 1100);
    assert_int_equal(r.proposed, 1);
    settle(&r, true);
    assert_int_equal(a.rc, RC_OK);
    assert_int_equal(lessor_left_ns(&r.lessor, l) / NS_PER_S, 1000);
    pass_ms(&r, 2000);
    assert_int_equal(r.n, 0);
    close(&r);
}

static void test_a_renewal_that_needs_an_entry_says_when_there_is_none(void **state)
{
    (void)state;
    struct rig r;
    struct asked a;
    open(&r);
    grant(&r, 1, 1000)->remaining = 400;
    r.refuse = true;
    renew(&r, 1, &a);
    assert_int_equal(a.rc, RC_AGAIN);
    r.refuse = false;
    renew(&r, 1, &a);
    settle(&r, false);
    assert_int_equal(a.rc, RC_NOT_LEADER);
    lessor_follow(&r.lessor);
    renew(&r, 1, &a);
    assert_int_equal(a.rc, RC_NOT_LEADER);
    close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_lease_ends_when_its_time_is_up_and_not_before),
        cmocka_unit_test(test_a_renewal_gives_all_the_time_again),
        cmocka_unit_test(test_a_renewal_waits_for_an_end_that_is_on_its_way),
        cmocka_unit_test(test_an_end_that_is_dropped_ends_nothing),
        cmocka_unit_test(test_what_cannot_be_proposed_is_tried_again),
        cmocka_unit_test(test_who_stood_still_lets_renewals_come_first),
        cmocka_unit_test(test_many_that_end_together_go_in_turns),
        cmocka_unit_test(test_few_end_together_that_have_many_keys),
        cmocka_unit_test(test_what_is_left_of_long_leases_is_recorded),
        cmocka_unit_test(test_a_lease_that_is_renewed_all_the_time_needs_no_checkpoint),
        cmocka_unit_test(test_a_new_leader_begins_with_what_was_left),
        cmocka_unit_test(test_a_renewal_takes_the_checkpoint_back_first),
        cmocka_unit_test(test_a_renewal_outlives_a_checkpoint_that_is_on_its_way),
        cmocka_unit_test(test_no_checkpoint_is_made_while_a_renewal_is_on_its_way),
        cmocka_unit_test(test_a_lease_revoked_during_its_renewal_is_not_renewed),
        cmocka_unit_test(test_what_was_meant_for_the_lease_before_does_not_reach_its_successor),
        cmocka_unit_test(test_time_that_is_up_during_a_renewal_does_not_end_the_lease),
        cmocka_unit_test(test_a_renewal_that_needs_an_entry_says_when_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
