/* What is proposed is applied once, in order, also by the next life; a log that does not fit the
 * data beside it is refused with a sentence. */
#include "quorum/quorum.h"

#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct lab lab;

static struct lab *opened(void)
{
    lab_init(&lab);
    lab_started(&lab);
    lab_run(&lab);
    return &lab;
}

static const struct lab_entry *last(const struct lab *l)
{
    assert_true(l->seen_n > 0);
    return &l->seen[l->seen_n - 1];
}

static void a_new_log_is_a_cluster_of_one(void **state)
{
    (void)state;
    struct lab *l = opened();
    assert_true(l->found.created);
    assert_true(quorum_is_leader(l->quorum));
    assert_int_equal(quorum_leader(l->quorum), LAB_MEMBER);
    assert_int_equal(l->seen[0].index, 1);
    assert_int_equal(l->seen[0].term, 1);
    assert_int_equal(l->seen[0].kind, WAL_CHANGE);
    uint64_t index = 0;
    AUTO(buf_fini) struct buf conf = {0};
    quorum_configuration(l->quorum, &index, &conf);
    assert_int_equal(index, 1);
    assert_true(conf.n > 0);
    lab_fini(l);
}

static void proposals_are_applied_in_order(void **state)
{
    (void)state;
    struct lab *l = opened();
    size_t before = l->seen_n;
    uint64_t first = quorum_applied(l->quorum) + 1;
    char text[24];
    int ctx[5000];
    for (int i = 0; i < 5000; i++) { /* more than the core is handed at once */
        snprintf(text, sizeof(text), "command %d", i);
        lab_propose(l, text, &ctx[i]);
    }
    assert_int_equal(l->seen_n, before); /* never from within the call */
    assert_true(quorum_pending_bytes(l->quorum) > 5000 * 9);
    lab_run(l);
    assert_int_equal(l->seen_n, before + 5000);
    for (int i = 0; i < 5000; i++) {
        const struct lab_entry *e = &l->seen[before + (size_t)i];
        snprintf(text, sizeof(text), "command %d", i);
        assert_string_equal(e->text, text);
        assert_ptr_equal(e->ctx, &ctx[i]);
        assert_int_equal(e->index, first + (uint64_t)i);
        assert_int_equal(e->term, quorum_term(l->quorum));
        assert_int_equal(e->kind, WAL_COMMAND);
    }
    assert_int_equal(quorum_pending_bytes(l->quorum), 0);
    assert_int_equal(quorum_applied(l->quorum), quorum_committed(l->quorum));
    assert_int_equal(l->dropped_n, 0);
    lab_fini(l);
}

static void nothing_is_applied_before_it_is_durable(void **state)
{
    (void)state;
    struct lab *l = opened();
    size_t before = l->seen_n;
    lab_propose(l, "x", l);
    quorum_flush(l->quorum);
    assert_int_equal(l->seen_n, before);
    assert_true(sim_workers_begin(&l->workers, LANE_WAL)); /* written and synced, not yet told */
    assert_int_equal(l->seen_n, before);
    assert_true(sim_workers_finish(&l->workers, LANE_WAL));
    assert_int_equal(l->seen_n, before + 1);
    lab_fini(l);
}

static void the_next_life_applies_what_storage_lacks(void **state)
{
    (void)state;
    struct lab *l = opened();
    lab_propose(l, "a", l);
    lab_propose(l, "b", l);
    lab_run(l);
    lab_snapshot(l);
    uint64_t kept = l->snap.index;
    lab_propose(l, "c", l);
    lab_propose(l, "d", l);
    lab_run(l);
    for (int life = 0; life < 3; life++) {
        lab_power_loss(l);
        lab_started(l);
        assert_int_equal(l->seen[0].index, kept + 1);
        assert_string_equal(l->seen[0].text, "c");
        assert_string_equal(l->seen[1].text, "d");
        assert_null(l->seen[0].ctx); /* whoever proposed it is gone */
        lab_run(l);
        for (size_t i = 0; i < l->seen_n; i++)
            assert_int_equal(l->seen[i].index, kept + 1 + i);
        lab_propose(l, "more", l);
        lab_run(l);
        assert_ptr_equal(last(l)->ctx, l);
    }
    lab_fini(l);
}

/* R8: a sole voter leads without asking, so each life must have a term of its own, durably. */
static void each_life_has_a_term_of_its_own(void **state)
{
    (void)state;
    struct lab *l = opened();
    uint64_t term = quorum_term(l->quorum);
    assert_true(term > 1);
    for (int life = 0; life < 5; life++) {
        if (life % 2)
            lab_stop(l);
        else
            lab_power_loss(l);
        lab_started(l);
        assert_true(quorum_term(l->quorum) > term);
        term = quorum_term(l->quorum);
        lab_stop(l); /* at once: it must be durable already */
        lab_started(l);
        assert_int_equal(l->found.hard.term, term);
        term = quorum_term(l->quorum);
        lab_propose(l, "x", l);
        lab_run(l);
        assert_int_equal(last(l)->term, term);
    }
    lab_fini(l);
}

static void what_storage_holds_is_trimmed(void **state)
{
    (void)state;
    struct lab *l = opened();
    char text[600];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    quorum_trim(l->quorum, 1000, 10); /* beyond what is applied: not yet */
    for (int i = 0; i < 200; i++) {
        lab_propose(l, text, l);
        lab_run(l);
    }
    assert_int_equal(wal_first_index(l->wal), 1);
    lab_snapshot(l);
    quorum_trim(l->quorum, l->snap.index, 10);
    lab_run(l);
    uint64_t first = wal_first_index(l->wal);
    assert_true(first > 100 && first <= l->snap.index - 9);
    quorum_trim(l->quorum, l->snap.index - 5, 0); /* older than the last: nothing */
    lab_propose(l, "after", l);
    lab_run(l);
    lab_power_loss(l);
    lab_started(l);
    assert_string_equal(l->seen[0].text, "after");
    lab_fini(l);
}

struct waiter {
    struct read_waiter read;
    unsigned calls;
    enum rc rc;
    size_t applied;
};

static void ready(struct read_waiter *w, enum rc rc)
{
    struct waiter *me = CONTAINER_OF(w, struct waiter, read);
    me->calls++;
    me->rc = rc;
    me->applied = lab.seen_n;
}

static void reads_see_what_was_acknowledged_before(void **state)
{
    (void)state;
    lab_init(&lab);
    struct lab *l = &lab;
    lab_started(l);
    struct waiter early = {.read = {.ready = ready}};
    struct waiter late = {.read = {.ready = ready}};
    quorum_read(l->quorum, &early.read); /* all that the log had is applied when a start returns */
    assert_int_equal(early.calls, 1);
    assert_int_equal(early.rc, RC_OK);
    lab_run(l);
    lab_propose(l, "x", l);
    lab_run(l);
    quorum_read(l->quorum, &late.read);
    assert_int_equal(late.calls, 1);
    assert_int_equal(late.applied, l->seen_n);
    lab_fini(l);
}

static void propose_again(struct lab *l, void *ctx)
{
    if (l->dropped_n < 3)
        lab_propose(l, "again", ctx);
}

static void who_does_not_lead_drops(void **state)
{
    (void)state;
    struct lab *l = opened();
    lab_snapshot(l);
    lab_stop(l);
    lab_members(l, 3, l->snap.index, l->snap.term); /* the others do not answer */
    lab_started(l);
    assert_false(quorum_is_leader(l->quorum));
    assert_int_equal(quorum_leader(l->quorum), 0);
    struct waiter w = {.read = {.ready = ready}};
    quorum_read(l->quorum, &w.read);
    assert_int_equal(w.calls, 0); /* it waits for a leader … */
    uint64_t term = quorum_term(l->quorum);
    lab_pass_ms(l, 10 * QUORUM_ELECTION_MS);
    lab_pass_ms(l, 10 * QUORUM_ELECTION_MS);
    assert_false(quorum_is_leader(l->quorum));
    assert_int_equal(quorum_term(l->quorum), term); /* pre-vote: nothing is disturbed */
    lab_propose(l, "x", l);
    lab_propose(l, "nobody waits", NULL);
    assert_int_equal(l->dropped_n, 0);
    l->on_drop = propose_again;
    quorum_flush(l->quorum);
    assert_int_equal(l->dropped_n, 1);
    assert_ptr_equal(l->dropped[0], l);
    quorum_flush(l->quorum); /* what was proposed meanwhile has its own turn */
    assert_int_equal(l->dropped_n, 2);
    quorum_flush(l->quorum);
    quorum_flush(l->quorum);
    assert_int_equal(l->dropped_n, 3);
    assert_int_equal(quorum_pending_bytes(l->quorum), 0);
    assert_int_equal(w.calls, 0);
    lab_fini(l);
    assert_int_equal(w.rc, RC_NOT_LEADER); /* … or the end */
}

/* ---- Logs that do not fit ---- */

static void expect_refusal(struct lab *l, const char *a, const char *b)
{
    assert_int_equal(lab_start(l), RC_CORRUPT);
    if (!strstr(l->err.text, a) || !strstr(l->err.text, b))
        fail_msg("%s", l->err.text);
    assert_int_equal(l->seen_n, 0);
    lab_fini(l);
}

static void a_missing_log_is_refused(void **state)
{
    (void)state;
    lab_init(&lab);
    lab_members(&lab, 1, 77, 3);
    expect_refusal(&lab, "the log is missing", "entries up to 77");
}

static void a_log_older_than_the_data_is_refused(void **state)
{
    (void)state;
    struct lab *l = opened();
    uint64_t end = quorum_applied(l->quorum);
    lab_stop(l);
    lab_members(l, 1, end + 5, 3);
    char sentence[64];
    snprintf(sentence, sizeof(sentence), "the log ends at entry %llu", (unsigned long long)end);
    expect_refusal(l, sentence, "older than the data");
}

static void a_gap_between_data_and_log_is_refused(void **state)
{
    (void)state;
    struct lab *l = opened();
    char text[600];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < 100; i++) {
        lab_propose(l, text, l);
        lab_run(l);
    }
    lab_snapshot(l);
    quorum_trim(l->quorum, l->snap.index, 0);
    lab_run(l);
    assert_true(wal_first_index(l->wal) > 20);
    lab_stop(l);
    lab_members(l, 1, 10, 2); /* storage of long ago */
    expect_refusal(l, "the log begins at entry", "the data ends at 10");
}

static void a_configuration_that_cannot_be_read_is_refused(void **state)
{
    (void)state;
    struct lab *l = opened();
    lab_snapshot(l);
    lab_stop(l);
    l->snap.conf = SLICE_LIT("garbage");
    expect_refusal(l, "the member configuration", "restore a snapshot");
}

/* ---- A disk that fails ---- */

/* Whichever write of the first start fails: it is said, and nothing was applied that is not there
 * when the disk works again. */
static void a_start_that_cannot_write_says_so(void **state)
{
    (void)state;
    uint64_t effects = 0;
    for (uint64_t at = 1; effects == 0 || at <= effects; at++) {
        struct lab *l = &lab;
        lab_init(l);
        sim_disk_fail_at(l->disk, at, RC_IO);
        enum rc rc = lab_start(l);
        if (rc == RC_OK) {
            effects = at;
            assert_true(quorum_is_leader(l->quorum));
        } else {
            assert_int_equal(rc, RC_IO);
            assert_true(l->err.text[0] != '\0');
            assert_int_equal(l->seen_n, 0);
            lab_power_loss(l);
            lab_started(l);
            assert_true(quorum_is_leader(l->quorum));
        }
        lab_fini(l);
    }
    assert_true(effects > 5);
}

static void a_log_that_fails_applies_nothing_more(void **state)
{
    (void)state;
    struct lab *l = opened();
    lab_propose(l, "a", l);
    lab_run(l);
    size_t before = l->seen_n;
    sim_disk_fail_at(l->disk, sim_disk_effects(l->disk) + 1, RC_IO);
    lab_propose(l, "b", l);
    lab_run(l);
    assert_int_equal(l->wal_errors, 1);
    assert_int_equal(l->seen_n, before);
    lab_propose(l, "c", l);
    lab_run(l);
    assert_int_equal(l->seen_n, before);
    lab_fini(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_log_is_a_cluster_of_one),
        cmocka_unit_test(proposals_are_applied_in_order),
        cmocka_unit_test(nothing_is_applied_before_it_is_durable),
        cmocka_unit_test(the_next_life_applies_what_storage_lacks),
        cmocka_unit_test(each_life_has_a_term_of_its_own),
        cmocka_unit_test(what_storage_holds_is_trimmed),
        cmocka_unit_test(reads_see_what_was_acknowledged_before),
        cmocka_unit_test(who_does_not_lead_drops),
        cmocka_unit_test(a_missing_log_is_refused),
        cmocka_unit_test(a_log_older_than_the_data_is_refused),
        cmocka_unit_test(a_gap_between_data_and_log_is_refused),
        cmocka_unit_test(a_configuration_that_cannot_be_read_is_refused),
        cmocka_unit_test(a_start_that_cannot_write_says_so),
        cmocka_unit_test(a_log_that_fails_applies_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
