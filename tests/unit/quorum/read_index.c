/* A read is let go only when a quorum has said, after it was asked, that our term is still theirs;
 * answers to older questions, of other terms, or said twice do not count. */
#include "quorum/read_index.h"

#include "base/cc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SELF 1u

static const uint64_t ids[] = {1, 2, 3, 4, 5};

struct bench {
    struct read_index ri;
    unsigned asked;
    uint64_t number; /* of the last question */
    uint64_t term;
    uint64_t voters;
    uint64_t committed;
    uint64_t applied;
    uint64_t leading; /* the term that we lead in */
};

struct waiter {
    struct read_waiter read;
    unsigned calls;
    enum rc rc;
};

static void ask(void *arg, uint64_t number, uint64_t term)
{
    struct bench *b = arg;
    assert_true(number > b->number); /* never used again */
    b->asked++;
    b->number = number;
    b->term = term;
}

static void ready(struct read_waiter *w, enum rc rc)
{
    struct waiter *me = CONTAINER_OF(w, struct waiter, read);
    me->calls++;
    me->rc = rc;
}

static void begin(struct bench *b, uint64_t voters)
{
    *b = (struct bench){.voters = voters, .committed = 10, .applied = 10, .leading = 5};
    read_index_init(&b->ri, SELF, b, ask);
}

static void step(struct bench *b)
{
    read_index_step(&b->ri, b->leading, b->committed, b->applied,
                    (struct read_voters){ids, b->voters});
}

static void add(struct bench *b, struct waiter *w)
{
    *w = (struct waiter){.read = {.ready = ready}};
    read_index_add(&b->ri, &w->read);
    step(b);
}

static void answer(struct bench *b, uint64_t from, uint64_t number, uint64_t term)
{
    read_index_answer(&b->ri, from, number, term);
    step(b);
}

static void expect_done(const struct waiter *w, enum rc rc)
{
    assert_int_equal(w->calls, 1);
    assert_int_equal(w->rc, rc);
}

static void alone_there_is_nobody_to_wait_for(void **state)
{
    (void)state;
    struct bench b;
    struct waiter w;
    begin(&b, 1);
    add(&b, &w);
    expect_done(&w, RC_OK);
}

static void a_quorum_must_answer(void **state)
{
    (void)state;
    for (uint64_t voters = 2; voters <= 5; voters++) {
        struct bench b;
        struct waiter w;
        begin(&b, voters);
        add(&b, &w);
        assert_int_equal(b.asked, 1);
        assert_int_equal(b.term, 5);
        for (uint64_t yes = 1; yes <= voters / 2; yes++) {
            assert_int_equal(w.calls, 0);
            answer(&b, ids[yes], b.number, 5);
            answer(&b, ids[yes], b.number, 5); /* twice is once */
        }
        expect_done(&w, RC_OK);
        answer(&b, ids[voters - 1], b.number, 5); /* late: nothing more happens */
        expect_done(&w, RC_OK);
    }
}

static void others_do_not_count(void **state)
{
    (void)state;
    struct bench b;
    struct waiter w;
    begin(&b, 3);
    add(&b, &w);
    answer(&b, 9, b.number, 5);     /* no voter */
    answer(&b, SELF, b.number, 5);  /* us again */
    answer(&b, 2, b.number - 1, 5); /* an older question */
    answer(&b, 2, b.number + 1, 5); /* one never asked */
    answer(&b, 2, b.number, 4);     /* another term */
    answer(&b, 2, b.number, 6);
    assert_int_equal(w.calls, 0);
    answer(&b, 2, b.number, 5);
    expect_done(&w, RC_OK);
}

/* Who comes while a question is out was not there when it was put: the next one is theirs. */
static void later_reads_need_a_question_of_their_own(void **state)
{
    (void)state;
    struct bench b;
    struct waiter first;
    struct waiter second;
    struct waiter third;
    begin(&b, 3);
    add(&b, &first);
    uint64_t old = b.number;
    add(&b, &second);
    add(&b, &third);
    assert_int_equal(b.asked, 1);
    answer(&b, 3, old, 5);
    expect_done(&first, RC_OK);
    assert_int_equal(second.calls, 0);
    assert_int_equal(b.asked, 2); /* one question for both */
    answer(&b, 2, old, 5);
    answer(&b, 3, old, 5);
    assert_int_equal(second.calls + third.calls, 0);
    answer(&b, 2, b.number, 5);
    expect_done(&second, RC_OK);
    expect_done(&third, RC_OK);
}

static void waits_until_what_was_committed_is_applied(void **state)
{
    (void)state;
    struct bench b;
    struct waiter w;
    begin(&b, 3);
    b.committed = 12;
    add(&b, &w);
    b.committed = 20; /* only what was committed when the question was put */
    answer(&b, 2, b.number, 5);
    assert_int_equal(w.calls, 0);
    b.applied = 11;
    step(&b);
    assert_int_equal(w.calls, 0);
    b.applied = 12;
    step(&b);
    expect_done(&w, RC_OK);
}

/* etcd#20418: we were paused, another led and wrote, we lead again; answers of then are about. */
static void a_number_is_never_used_again(void **state)
{
    (void)state;
    struct bench b;
    struct waiter before;
    struct waiter after;
    begin(&b, 3);
    add(&b, &before);
    uint64_t old = b.number;
    b.leading = 7;
    step(&b);
    assert_true(b.number > old); /* asked anew */
    assert_int_equal(b.term, 7);
    answer(&b, 2, old, 5);
    answer(&b, 3, old, 7);
    assert_int_equal(before.calls, 0);
    answer(&b, 2, b.number, 7);
    expect_done(&before, RC_OK);
    add(&b, &after);
    answer(&b, 2, b.number, 7);
    expect_done(&after, RC_OK);
    read_index_fail(&b.ri);
    old = b.number;
    add(&b, &before);
    assert_true(b.number > old);
    read_index_fail(&b.ri);
}

static void without_the_lead_all_wait(void **state)
{
    (void)state;
    struct bench b;
    struct waiter asking;
    struct waiter applying;
    struct waiter queued;
    begin(&b, 3);
    b.committed = 12;
    add(&b, &applying);
    answer(&b, 2, b.number, 5);
    add(&b, &asking);
    add(&b, &queued);
    read_index_again(&b.ri);
    uint64_t old = b.number;
    answer(&b, 3, old, 5); /* the lead came back in the same step: still a new question */
    assert_true(b.number > old);
    b.applied = 12;
    step(&b);
    assert_int_equal(applying.calls + asking.calls + queued.calls, 0);
    answer(&b, 3, b.number, 5);
    expect_done(&applying, RC_OK);
    expect_done(&asking, RC_OK);
    expect_done(&queued, RC_OK);
}

static void at_the_end_all_fail(void **state)
{
    (void)state;
    struct bench b;
    struct waiter asking;
    struct waiter applying;
    struct waiter queued;
    begin(&b, 3);
    b.committed = 12;
    add(&b, &applying);
    answer(&b, 2, b.number, 5);
    add(&b, &asking);
    add(&b, &queued);
    read_index_fail(&b.ri);
    expect_done(&applying, RC_NOT_LEADER);
    expect_done(&asking, RC_NOT_LEADER);
    expect_done(&queued, RC_NOT_LEADER);
    answer(&b, 3, b.number, 5); /* the round is over */
    assert_false(b.ri.out);
}

/* Voters are those of now: one that was removed meanwhile does not count. */
static void voters_may_change_meanwhile(void **state)
{
    (void)state;
    struct bench b;
    struct waiter w;
    begin(&b, 5);
    add(&b, &w);
    answer(&b, 5, b.number, 5);
    assert_int_equal(w.calls, 0);
    b.voters = 3;
    step(&b);
    assert_int_equal(w.calls, 0);
    answer(&b, 2, b.number, 5);
    expect_done(&w, RC_OK);
}

struct again {
    struct read_waiter read;
    struct bench *bench;
    struct waiter next;
    unsigned calls;
};

static void ask_again(struct read_waiter *w, enum rc rc)
{
    struct again *a = CONTAINER_OF(w, struct again, read);
    assert_int_equal(rc, RC_OK);
    a->calls++;
    add(a->bench, &a->next);
}

static void a_reader_may_read_again_at_once(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, 3);
    struct again a = {.read = {.ready = ask_again}, .bench = &b};
    read_index_add(&b.ri, &a.read);
    step(&b);
    answer(&b, 2, b.number, 5);
    assert_int_equal(a.calls, 1);
    assert_int_equal(a.next.calls, 0);
    assert_int_equal(b.asked, 2);
    answer(&b, 3, b.number, 5);
    expect_done(&a.next, RC_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone_there_is_nobody_to_wait_for),
        cmocka_unit_test(a_quorum_must_answer),
        cmocka_unit_test(others_do_not_count),
        cmocka_unit_test(later_reads_need_a_question_of_their_own),
        cmocka_unit_test(waits_until_what_was_committed_is_applied),
        cmocka_unit_test(a_number_is_never_used_again),
        cmocka_unit_test(without_the_lead_all_wait),
        cmocka_unit_test(at_the_end_all_fail),
        cmocka_unit_test(voters_may_change_meanwhile),
        cmocka_unit_test(a_reader_may_read_again_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
