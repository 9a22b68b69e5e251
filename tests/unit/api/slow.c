/* Who asks for much and takes nothing holds nothing up for long: not a revision, not memory. */
#include "api/pace.h"
#include "kv/range.h"
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define KEYS   64u
#define WINDOW 1000u

static struct pb_range_request everything = {.key = SLICE_INIT("\0"),
                                             .range_end = SLICE_INIT("\0")};

/* More than is answered at once, to a client that takes WINDOW bytes of an answer. */
static void open_filled(struct lab *l)
{
    char value[1024];
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    lab_open(l, &(struct lab_options){.stream_window = WINDOW});
    for (unsigned i = 0; i < KEYS; i++) {
        char key[8];
        snprintf(key, sizeof(key), "k%u", i);
        assert_int_equal(lab_put(l, key, value)->grpc_status, 0);
        caller_close(&l->caller); /* its list of replies is short */
        caller_open(&l->caller, &l->env, api_handler(l->api, RPC_DOOR_ALL), &l->budget, WINDOW);
    }
}

static size_t pins(struct lab *l)
{
    struct kv_stats stats;
    kv_stats(state_kv(l->state), &stats);
    return stats.pins;
}

static void a_revision_is_not_held_for_who_takes_nothing(void **state)
{
    (void)state;
    struct lab l;
    open_filled(&l);
    uint64_t before = l.budget.used;
    struct caller_reply *r = lab_range(&l, &everything);
    assert_false(r->ended);
    assert_int_equal(pins(&l), 1);
    lab_pass_ms(&l, API_PIN_MS_MAX - 1);
    assert_int_equal(pins(&l), 1);
    lab_pass_ms(&l, 1);
    assert_int_equal(pins(&l), 0);
    assert_false(r->ended);
    caller_allow(&l.caller, r, 100);
    caller_pump(&l.caller);
    assert_true(r->reset);
    assert_true(l.budget.used <= before + 64);
    lab_close(&l);
}

/* Nor for who takes a little now and then: a byte is worth the time that it may take. */
static void a_revision_is_not_held_for_who_dawdles(void **state)
{
    (void)state;
    struct lab l;
    open_filled(&l);
    struct caller_reply *r = lab_range(&l, &everything);
    for (unsigned s = 0; s < API_PIN_MS_MAX / 1000; s++) {
        assert_int_equal(pins(&l), 1);
        caller_allow(&l.caller, r, 100);
        lab_pass_ms(&l, 1000);
    }
    lab_pass_ms(&l, 10);
    assert_int_equal(pins(&l), 0);
    caller_allow(&l.caller, r, 100000);
    caller_pump(&l.caller);
    assert_true(r->reset && !r->ended);
    lab_close(&l);
}

static void what_a_sorted_answer_keeps_is_counted(void **state)
{
    (void)state;
    struct lab l;
    struct pb_range_request sorted = everything;
    sorted.sort_target = PB_SORT_TARGET_VERSION;
    sorted.sort_order = PB_SORT_ORDER_DESCEND;
    open_filled(&l);
    lab_range(&l, &everything);
    uint64_t plain = l.budget.used;
    lab_range(&l, &sorted);
    uint64_t first = l.budget.used;
    assert_true(first - plain >= KEYS * sizeof(struct range_pick));
    l.budget.max = first + KEYS * sizeof(struct range_pick);
    caller_refused(lab_range(&l, &sorted), GRPC_RESOURCE_EXHAUSTED,
                   "etcdserver: too many requests");
    assert_int_equal(pins(&l), 2);
    l.budget.max = UINT64_MAX;
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_revision_is_not_held_for_who_takes_nothing),
        cmocka_unit_test(a_revision_is_not_held_for_who_dawdles),
        cmocka_unit_test(what_a_sorted_answer_keeps_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
