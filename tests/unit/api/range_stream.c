/* A range in several messages: whole pairs, one revision, header and count at the end; a slow
 * reader does not hold up compaction for ever. */
#include "api/pace.h"
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define RANGE_STREAM "/etcdserverpb.KV/RangeStream"

static void fill(struct lab *l, unsigned n, size_t value_n)
{
    char value[32769];
    memset(value, 'v', value_n);
    value[value_n] = '\0';
    for (unsigned i = 0; i < n; i++) {
        char key[8];
        snprintf(key, sizeof(key), "k%03u", i);
        lab_put(l, key, value);
    }
}

static struct caller_reply *ask(struct lab *l, const struct pb_range_request *r)
{
    struct caller_reply *reply = lab_call(l, RANGE_STREAM, &wire_range_request, r);
    lab_run(l);
    return reply;
}

static const struct pb_range_request everything = {.key = SLICE_INIT("k"),
                                                   .range_end = SLICE_INIT("l")};

/* How many pairs came, in how many messages; what the last one said goes to last. */
static size_t gather(struct lab *l, const struct caller_reply *r, size_t *parts,
                     struct pb_range_response *last)
{
    size_t pairs = 0;
    size_t at = 0;
    *parts = 0;
    for (struct slice m = caller_next(r, &at); m.p; m = caller_next(r, &at)) {
        struct pb_range_stream_response part;
        assert_int_equal(wire_decode(&wire_range_stream_response, m, &l->arena, &part), RC_OK);
        *last = *part.range_response;
        pairs += last->kvs_n;
        ++*parts;
        assert_true((last->header != NULL) == (at == r->body.n));
    }
    return pairs;
}

static void a_small_range_is_one_message(void **state)
{
    (void)state;
    struct lab l;
    struct pb_range_response last;
    size_t parts;
    lab_open(&l, NULL);
    fill(&l, 3, 10);
    struct caller_reply *r = ask(&l, &everything);
    assert_true(r->ended);
    assert_int_equal(gather(&l, r, &parts, &last), 3);
    assert_int_equal(parts, 1);
    assert_int_equal(last.count, 3);
    assert_int_equal(last.header->revision, 4);
    const struct pb_range_request count = {
        .key = SLICE_LIT("k"), .range_end = SLICE_LIT("l"), .count_only = true};
    r = ask(&l, &count);
    assert_int_equal(gather(&l, r, &parts, &last), 0);
    assert_int_equal(last.count, 3);
    const struct pb_range_request none = {.key = SLICE_LIT("")};
    caller_refused(ask(&l, &none), GRPC_INVALID_ARGUMENT, "etcdserver: key is not provided");
    lab_close(&l);
}

static void what_changes_meanwhile_does_not_show(void **state)
{
    (void)state;
    struct lab l;
    struct pb_range_response last;
    size_t parts;
    lab_open(&l, &(struct lab_options){.stream_window = 65536});
    fill(&l, 40, 32768);
    struct caller_reply *r = ask(&l, &everything);
    assert_false(r->ended);
    lab_put(&l, "k000", "later");
    lab_put(&l, "k999", "later");
    for (int i = 0; i < 100 && !r->ended; i++) {
        caller_allow(&l.caller, r, 65536);
        lab_run(&l);
    }
    assert_true(r->ended);
    assert_int_equal(r->grpc_status, 0);
    assert_int_equal(gather(&l, r, &parts, &last), 40);
    assert_true(parts > 5);
    assert_int_equal(last.count, 40);
    assert_int_equal(last.header->revision, 41);
    lab_close(&l);
}

static void who_does_not_read_is_let_go_of(void **state)
{
    (void)state;
    struct lab l;
    struct kv_stats stats;
    lab_open(&l, &(struct lab_options){.stream_window = 65536});
    fill(&l, 40, 32768);
    struct caller_reply *r = ask(&l, &everything);
    assert_false(r->ended);
    kv_stats(state_kv(l.state), &stats);
    assert_int_equal(stats.pins, 1);
    lab_pass_ms(&l, API_PIN_MS_MAX);
    kv_stats(state_kv(l.state), &stats);
    assert_int_equal(stats.pins, 0);
    lab_close(&l);
}

static void who_goes_leaves_nothing(void **state)
{
    (void)state;
    struct lab l;
    struct kv_stats stats;
    lab_open(&l, &(struct lab_options){.stream_window = 65536});
    fill(&l, 40, 32768);
    struct caller_reply *r = ask(&l, &everything);
    caller_cancel(&l.caller, r);
    lab_run(&l);
    kv_stats(state_kv(l.state), &stats);
    assert_int_equal(stats.pins, 0);
    ask(&l, &everything);
    lab_close(&l); /* amid a stream */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_range_is_one_message),
        cmocka_unit_test(what_changes_meanwhile_does_not_show),
        cmocka_unit_test(who_does_not_read_is_let_go_of),
        cmocka_unit_test(who_goes_leaves_nothing),
    };
    return cmocka_run_group_tests_name("api/range_stream", tests, NULL, NULL);
}
