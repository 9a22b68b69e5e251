/* The driver carries out what the core decides, in the one order that is safe: a new term or vote
 * first, entries replaced by a new leader dropped and told of, and the end when the log fails. */
#include "quorum/driver.h"

#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct lab lab;

/* One of three, with an empty log behind entry 10 of term 3. */
static struct lab *one_of_three(void)
{
    struct lab *l = &lab;
    lab_init(l);
    lab_started(l);
    lab_run(l);
    while (quorum_applied(l->quorum) < 10) {
        lab_propose(l, "x", l);
        lab_run(l);
    }
    lab_snapshot(l);
    lab_stop(l);
    lab_members(l, 3, l->snap.index, l->snap.term);
    lab_started(l);
    assert_false(quorum_is_leader(l->quorum));
    return l;
}

static void receive(struct lab *l, unsigned from, struct raft_message *m)
{
    m->server_id = LAB_MEMBER + from;
    m->server_address = "http://10.0.0.2:2380";
    struct raft_event event = {.type = RAFT_RECEIVE};
    event.receive.message = m;
    driver_step(l->quorum, &event);
}

static void grant(struct lab *l, bool pre_vote)
{
    struct raft_message m = {.type = RAFT_REQUEST_VOTE_RESULT};
    uint64_t term = quorum_term(l->quorum) + (pre_vote ? 1 : 0);
    m.request_vote_result = (struct raft_request_vote_result){.version = 2,
                                                              .term = term,
                                                              .vote_granted = true,
                                                              .pre_vote = pre_vote,
                                                              .capacity = UINT16_MAX};
    receive(l, 1, &m);
}

static void take_the_lead(struct lab *l)
{
    lab_pass_ms(l, 3 * QUORUM_ELECTION_MS);
    grant(l, true);
    grant(l, false);
    assert_true(quorum_is_leader(l->quorum));
}

/* A leader of this term has one entry for us behind the one at prev. */
static void append(struct lab *l, uint64_t term, uint64_t prev, uint64_t prev_term, uint64_t commit,
                   const char *text)
{
    struct raft_entry *entry = raft_calloc(1, sizeof(*entry));
    size_t n = strlen(text);
    void *body = raft_malloc(n);
    memcpy(body, text, n);
    *entry =
        (struct raft_entry){.term = term, .type = RAFT_COMMAND, .buf = {body, n}, .batch = body};
    struct raft_message m = {.type = RAFT_APPEND_ENTRIES};
    m.append_entries = (struct raft_append_entries){.version = 1,
                                                    .term = term,
                                                    .prev_log_index = prev,
                                                    .prev_log_term = prev_term,
                                                    .leader_commit = commit,
                                                    .entries = entry,
                                                    .n_entries = 1};
    receive(l, 2, &m);
    raft_free(body);
    raft_free(entry);
}

static void a_vote_is_durable_before_anything_else(void **state)
{
    (void)state;
    struct lab *l = one_of_three();
    uint64_t term = quorum_term(l->quorum) + 4;
    struct raft_message m = {.type = RAFT_REQUEST_VOTE};
    m.request_vote = (struct raft_request_vote){.version = 2,
                                                .term = term,
                                                .candidate_id = LAB_MEMBER + 1,
                                                .last_log_index = 1000,
                                                .last_log_term = term - 1,
                                                .disrupt_leader = true};
    receive(l, 1, &m);
    assert_int_equal(quorum_term(l->quorum), term);
    lab_power_loss(l);
    lab_started(l);
    assert_int_equal(l->found.hard.term, term);
    assert_int_equal(l->found.hard.vote, LAB_MEMBER + 1);
    lab_fini(l);
}

static void followers_apply_what_is_committed_and_on_their_disk(void **state)
{
    (void)state;
    struct lab *l = one_of_three();
    uint64_t at = l->snap.index;
    uint64_t term = quorum_term(l->quorum) + 1;
    append(l, term, at, l->snap.term, at + 1, "from the leader");
    assert_int_equal(quorum_leader(l->quorum), LAB_MEMBER + 2);
    assert_int_equal(l->seen_n, 0); /* R3: committed there, not yet on our disk */
    lab_run(l);
    assert_int_equal(l->seen_n, 1);
    assert_int_equal(l->seen[0].index, at + 1);
    assert_string_equal(l->seen[0].text, "from the leader");
    assert_null(l->seen[0].ctx);
    lab_fini(l);
}

static void what_a_new_leader_replaces_is_dropped(void **state)
{
    (void)state;
    struct lab *l = one_of_three();
    uint64_t at = l->snap.index;
    int ctx[3];
    take_the_lead(l);
    for (int i = 0; i < 3; i++)
        lab_propose(l, "never committed", &ctx[i]);
    lab_run(l); /* on our disk, but on no other */
    assert_int_equal(l->seen_n, 0);
    assert_true(quorum_pending_bytes(l->quorum) > 0);
    append(l, quorum_term(l->quorum) + 1, at, l->snap.term, at, "theirs");
    assert_false(quorum_is_leader(l->quorum));
    assert_int_equal(l->dropped_n, 3);
    for (int i = 0; i < 3; i++) /* each once */
        for (int j = 0; j < i; j++)
            assert_ptr_not_equal(l->dropped[i], l->dropped[j]);
    lab_run(l);
    append(l, quorum_term(l->quorum), at + 1, quorum_term(l->quorum), at + 2, "more");
    lab_run(l);
    assert_int_equal(l->seen_n, 2);
    assert_string_equal(l->seen[0].text, "theirs");
    lab_snapshot(l);
    lab_power_loss(l);
    lab_started(l); /* and the log says the same */
    assert_int_equal(l->found.next_index, at + 3);
    lab_fini(l);
}

struct waiter {
    struct read_waiter read;
    unsigned calls;
    enum rc rc;
};

static void ready(struct read_waiter *w, enum rc rc)
{
    struct waiter *me = CONTAINER_OF(w, struct waiter, read);
    me->calls++;
    me->rc = rc;
}

static void reads_outlive_the_lead(void **state)
{
    (void)state;
    struct lab *l = one_of_three();
    take_the_lead(l);
    struct waiter w = {.read = {.ready = ready}};
    quorum_read(l->quorum, &w.read);
    uint64_t asked = l->quorum->reads.number;
    uint64_t term = quorum_term(l->quorum);
    append(l, term + 1, l->snap.index, l->snap.term, 0, "theirs");
    assert_false(quorum_is_leader(l->quorum));
    read_index_answer(&l->quorum->reads, LAB_MEMBER + 1, asked, term);
    driver_apply(l->quorum);
    assert_int_equal(w.calls, 0); /* an answer to the old question is none any more */
    quorum_read_cancel(&w.read);
    lab_fini(l);
    assert_int_equal(w.calls, 0);
}

static void reads_that_wait_are_told_of_the_end(void **state)
{
    (void)state;
    struct lab *l = one_of_three();
    take_the_lead(l);
    struct waiter w = {.read = {.ready = ready}};
    quorum_read(l->quorum, &w.read);
    lab_fini(l);
    assert_int_equal(w.calls, 1);
    assert_int_equal(w.rc, RC_NOT_LEADER);
}

/* R11, and R1: what could not be written must not be acted on. */
static void a_term_that_cannot_be_written_is_the_end(void **state)
{
    (void)state;
    struct lab *l = one_of_three();
    sim_disk_die_at(l->disk, sim_disk_effects(l->disk));
    append(l, quorum_term(l->quorum) + 1, l->snap.index, l->snap.term, l->snap.index + 1, "lost");
    assert_int_equal(l->fatals, 1);
    assert_non_null(strstr(l->fatal, "consensus stopped: the log cannot be written"));
    assert_false(quorum_is_leader(l->quorum));
    lab_propose(l, "x", l);
    quorum_flush(l->quorum);
    assert_int_equal(l->dropped_n, 1); /* who proposes now is told, too */
    lab_pass_ms(l, 10 * QUORUM_ELECTION_MS);
    grant(l, true);
    assert_int_equal(l->fatals, 1); /* said once */
    assert_int_equal(l->seen_n, 0);
    lab_fini(l);
}

static void voters_are_those_of_the_configuration(void **state)
{
    (void)state;
    struct lab *l = one_of_three();
    uint64_t ids[READ_INDEX_VOTERS_MAX];
    assert_int_equal(driver_voters(l->quorum, ids), 3);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(ids[i], LAB_MEMBER + i);
    assert_false(driver_sole_voter(l->quorum));
    lab_fini(l);
    lab_init(l);
    lab_started(l);
    assert_true(driver_sole_voter(l->quorum));
    lab_fini(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vote_is_durable_before_anything_else),
        cmocka_unit_test(followers_apply_what_is_committed_and_on_their_disk),
        cmocka_unit_test(what_a_new_leader_replaces_is_dropped),
        cmocka_unit_test(reads_outlive_the_lead),
        cmocka_unit_test(reads_that_wait_are_told_of_the_end),
        cmocka_unit_test(a_term_that_cannot_be_written_is_the_end),
        cmocka_unit_test(voters_are_those_of_the_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
