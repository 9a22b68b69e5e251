/* The configuration follows the members, also over a crash between the two; what a lone voter has
 * on its disk stays committed; and --force-new-cluster is the way back. */
#include "quorum/membership.h"

#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SECOND 0x7ull
#define THIRD  0x99ull

static struct lab lab;

static const uint64_t alone[] = {LAB_MEMBER};
static const uint64_t both[] = {SECOND, LAB_MEMBER};

/* A member that has written so many entries. */
static struct lab *member(int entries)
{
    struct lab *l = &lab;
    lab_init(l);
    lab_started(l);
    for (int i = 0; i < entries; i++)
        lab_propose(l, "before", l);
    lab_run(l);
    return l;
}

static size_t applied(const struct lab *l, const char *text)
{
    size_t n = 0;
    for (size_t i = 0; i < l->seen_n; i++)
        n += strcmp(l->seen[i].text, text) == 0;
    return n;
}

struct waiter {
    struct read_waiter read;
    unsigned calls;
};

static void ready(struct read_waiter *w, enum rc rc)
{
    struct waiter *me = CONTAINER_OF(w, struct waiter, read);
    (void)rc;
    me->calls++;
}

static void expect_no_majority(struct lab *l)
{
    struct waiter w = {.read = {.ready = ready}};
    uint64_t term = quorum_term(l->quorum);
    size_t before = l->seen_n;
    quorum_read(l->quorum, &w.read);
    lab_propose(l, "after", NULL);
    lab_run(l);
    lab_pass_ms(l, QUORUM_ELECTION_MS);
    assert_false(quorum_is_leader(l->quorum));
    assert_int_equal(quorum_leader(l->quorum), 0);
    lab_propose(l, "after", NULL);
    lab_run(l);
    for (int i = 0; i < 20; i++)
        lab_pass_ms(l, QUORUM_ELECTION_MS);
    assert_int_equal(quorum_term(l->quorum), term);
    assert_int_equal(l->seen_n, before);
    assert_int_equal(w.calls, 0);
    assert_int_equal(quorum_majority(l->quorum).needed, 2);
    assert_int_equal(quorum_majority(l->quorum).voters, 2);
    quorum_read_cancel(&w.read);
}

static void with_a_second_voter_nothing_commits_alone(void **state)
{
    (void)state;
    struct lab *l = member(3);
    assert_int_equal(quorum_majority(l->quorum).needed, 1);
    quorum_voters(l->quorum, alone, 0); /* nobody says */
    quorum_voters(l->quorum, alone, 1); /* as it is */
    lab_run(l);
    assert_int_equal(wal_next_index(l->wal), 5);
    quorum_voters(l->quorum, both, 2);
    assert_true(quorum_is_leader(l->quorum)); /* until it is missed for long enough */
    expect_no_majority(l);
    lab_fini(l);
}

/* Entries that went out before the change, and were not durable by then, wait as well. */
static void what_is_on_its_way_waits_for_the_new_majority(void **state)
{
    (void)state;
    struct lab *l = member(1);
    lab_propose(l, "on its way", l);
    quorum_flush(l->quorum);
    quorum_voters(l->quorum, both, 2);
    lab_run(l);
    assert_int_equal(applied(l, "on its way"), 0);
    expect_no_majority(l);
    lab_fini(l);
}

/* Storage lags, and nobody is there to say what is committed: the log says it. */
static void a_restart_takes_nothing_back(void **state)
{
    (void)state;
    for (int stored = 0; stored < 2; stored++) {
        struct lab *l = member(3);
        if (stored)
            lab_snapshot(l);
        for (int i = 0; i < 4; i++)
            lab_propose(l, "late", l);
        lab_run(l);
        quorum_voters(l->quorum, both, 2);
        lab_propose(l, "after", l);
        lab_run(l);
        for (int life = 0; life < 3; life++) {
            lab_power_loss(l);
            lab_started(l);
            assert_false(quorum_is_leader(l->quorum));
            assert_int_equal(applied(l, "before"), stored ? 0 : 3);
            assert_int_equal(applied(l, "late"), 4);
            assert_int_equal(applied(l, "after"), 0);
            quorum_voters(l->quorum, both, 2);
            if (life > 0)
                expect_no_majority(l);
        }
        lab_fini(l);
    }
}

/* The change never reached the disk: then this member votes alone, until it is told again. */
static void a_change_that_was_lost_is_made_again(void **state)
{
    (void)state;
    struct lab *l = member(3);
    quorum_voters(l->quorum, both, 2); /* not written: no turn of the loop ends */
    lab_power_loss(l);
    lab_started(l);
    assert_true(quorum_is_leader(l->quorum));
    quorum_voters(l->quorum, both, 2);
    expect_no_majority(l);
    lab_fini(l);
}

static void grow_within(struct lab *l)
{
    if (strcmp(l->seen[l->seen_n - 1].text, "grow") == 0)
        quorum_voters(l->quorum, both, 2);
    if (strcmp(l->seen[l->seen_n - 1].text, "shrink") == 0)
        quorum_voters(l->quorum, alone, 1);
}

static void what_was_committed_together_is_applied_first(void **state)
{
    (void)state;
    struct lab *l = member(0);
    l->on_apply = grow_within;
    lab_propose(l, "grow", l);
    lab_propose(l, "shrink", l);
    lab_run(l);
    assert_int_equal(quorum_majority(l->quorum).voters, 1); /* it never came to that */
    assert_int_equal(wal_next_index(l->wal), 4);
    lab_propose(l, "grow", l);
    lab_propose(l, "with it", l);
    lab_run(l);
    assert_int_equal(applied(l, "with it"), 1);
    expect_no_majority(l);
    lab_fini(l);
}

/* What a start applies on its way is not the end yet. */
static void a_start_is_told_when_it_is_over(void **state)
{
    (void)state;
    struct lab *l = member(0);
    lab_propose(l, "grow", l);
    lab_propose(l, "shrink", l);
    lab_run(l);
    lab_stop(l);
    l->on_apply = grow_within;
    lab_started(l);
    assert_true(quorum_is_leader(l->quorum));
    assert_int_equal(quorum_majority(l->quorum).voters, 1);
    lab_fini(l);
}

/* R9 */
static void members_come_one_at_a_time(void **state)
{
    (void)state;
    static const uint64_t three[] = {SECOND, LAB_MEMBER, THIRD};
    struct lab *l = member(1);
    quorum_voters(l->quorum, three, 3);
    lab_run(l);
    assert_int_equal(quorum_majority(l->quorum).voters, 2);
    quorum_voters(l->quorum, alone, 1);
    lab_run(l);
    assert_int_equal(quorum_majority(l->quorum).voters, 2); /* the first is not through yet */
    expect_no_majority(l);
    lab_fini(l);
}

static void forced_it_goes_on_alone(void **state)
{
    (void)state;
    struct lab *l = member(3);
    quorum_voters(l->quorum, both, 2);
    lab_propose(l, "uncertain", l);
    lab_run(l);
    lab_power_loss(l);
    uint64_t next = 0;
    l->alone = true;
    for (int life = 0; life < 3; life++) {
        uint64_t term = life ? quorum_term(l->quorum) : 0;
        if (life)
            lab_power_loss(l);
        lab_started(l);
        assert_true(quorum_is_leader(l->quorum));
        assert_true(quorum_term(l->quorum) > term);
        assert_int_equal(applied(l, "before"), 3);
        assert_int_equal(applied(l, "uncertain"), 1); /* nobody was told that it is not */
        assert_true(life == 0 || wal_next_index(l->wal) == next); /* once is enough */
        next = wal_next_index(l->wal);
        quorum_voters(l->quorum, alone, 1);
    }
    lab_snapshot(l);
    l->alone = false;
    lab_power_loss(l);
    lab_started(l);
    assert_int_equal(quorum_majority(l->quorum).voters, 1);
    lab_propose(l, "again", l);
    lab_run(l);
    assert_int_equal(applied(l, "again"), 1);
    lab_fini(l);
}

/* Wherever power is lost, the log is the old one or the new one. */
static void a_crash_leaves_the_old_or_the_new(void **state)
{
    (void)state;
    bool forced = false;
    for (uint64_t effects = 0; !forced; effects++) {
        assert_true(effects < 100);
        struct lab *l = member(3);
        quorum_voters(l->quorum, both, 2);
        lab_run(l);
        lab_power_loss(l);
        l->alone = true;
        sim_disk_die_at(l->disk, sim_disk_effects(l->disk) + effects);
        forced = lab_start(l) == RC_OK && l->fatals == 0 && l->wal_errors == 0;
        l->alone = false;
        l->fatals = l->wal_errors = 0;
        lab_power_loss(l);
        lab_started(l);
        bool leads = quorum_is_leader(l->quorum);
        assert_int_equal(quorum_majority(l->quorum).voters, leads ? 1 : 2);
        assert_int_equal(applied(l, "before"), 3);
        assert_true(leads || !forced);
        lab_fini(l);
    }
}

/* One of three that were there, with everything in storage and an empty log behind. */
static void the_last_of_many_goes_on_alone(void **state)
{
    (void)state;
    struct lab *l = member(3);
    lab_snapshot(l);
    lab_stop(l);
    lab_members(l, 3, l->snap.index, l->snap.term);
    l->alone = true;
    lab_started(l);
    assert_true(quorum_is_leader(l->quorum));
    lab_propose(l, "x", l);
    lab_run(l);
    assert_int_equal(applied(l, "x"), 1);
    uint64_t at;
    struct buf conf = {0};
    struct raft_configuration c;
    quorum_configuration(l->quorum, &at, &conf);
    assert_int_equal(at, l->snap.index + 1);
    assert_int_equal(configuration_decode(buf_slice(&conf), &c), RC_OK);
    assert_int_equal(c.n, 1);
    raft_configuration_close(&c);
    buf_fini(&conf);
    lab_fini(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_a_second_voter_nothing_commits_alone),
        cmocka_unit_test(what_is_on_its_way_waits_for_the_new_majority),
        cmocka_unit_test(a_restart_takes_nothing_back),
        cmocka_unit_test(a_change_that_was_lost_is_made_again),
        cmocka_unit_test(what_was_committed_together_is_applied_first),
        cmocka_unit_test(a_start_is_told_when_it_is_over),
        cmocka_unit_test(members_come_one_at_a_time),
        cmocka_unit_test(forced_it_goes_on_alone),
        cmocka_unit_test(a_crash_leaves_the_old_or_the_new),
        cmocka_unit_test(the_last_of_many_goes_on_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
