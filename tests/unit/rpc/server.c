/* A server keeps its calls apart, counts them, and uses their memory again. */
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void calls_are_answered_in_any_order(void **state)
{
    (void)state;
    struct lab l;
    struct rpc_call *held[20];
    struct caller_reply *replies[20];
    lab_open(&l, 0, 1u << 30, 0);
    for (size_t i = 0; i < 20; i++) {
        replies[i] = caller_call(&l.caller, "/t.T/Wait", SLICE_LIT("x"));
        held[i] = l.held;
        assert_int_equal(rpc_server_calls(l.server), i + 1);
    }
    for (size_t i = 0; i < 20; i++) {
        size_t pick = i * 7 % 20;
        char text[8];
        snprintf(text, sizeof(text), "%zu", pick);
        l.held = held[pick];
        lab_answer(&l, text);
        assert_true(slice_eq(caller_message(replies[pick]), slice_str(text)));
        assert_int_equal(rpc_server_calls(l.server), 19 - i);
    }
    lab_close(&l);
}

/* More at once than are kept: all are freed in the end, and those kept are used again. */
static void many_calls_leave_nothing_behind(void **state)
{
    (void)state;
    static struct rpc_call *held[1200];
    struct lab l;
    lab_open(&l, 0, 1u << 30, 0);
    struct rpc_call *first = NULL;
    for (int round = 0; round < 2; round++) {
        size_t n = 0;
        struct caller callers[20];
        for (size_t c = 0; c < 20; c++) {
            caller_open(&callers[c], &l.env, rpc_server_handler(l.server, RPC_DOOR_ALL), &l.budget,
                        0);
            for (size_t i = 0; i < 60; i++) {
                caller_call(&callers[c], "/t.T/Wait", SLICE_LIT("x"));
                held[n++] = l.held;
            }
        }
        assert_int_equal(rpc_server_calls(l.server), 1200);
        if (round == 0)
            first = held[0];
        bool again = false;
        for (size_t i = 0; i < n; i++)
            again = again || held[i] == first;
        assert_true(again);
        for (size_t c = 0; c < 20; c++)
            caller_close(&callers[c]);
        for (size_t i = 0; i < n; i++) {
            l.held = held[i];
            lab_answer(&l, "nobody hears");
        }
        assert_int_equal(rpc_server_calls(l.server), 0);
    }
    lab_close(&l);
}

static void two_mebibytes_unless_told_otherwise(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, 0, 1u << 30, 0);
    struct caller_reply *r =
        caller_send(&l.caller, &(struct caller_request){.path = "/t.T/Echo",
                                                        .body = SLICE_LIT("\0\0\x20\0\1")});
    caller_refused(r, GRPC_RESOURCE_EXHAUSTED,
                   "grpc: received message larger than max (2097153 vs. 2097152)");
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_answered_in_any_order),
        cmocka_unit_test(many_calls_leave_nothing_behind),
        cmocka_unit_test(two_mebibytes_unless_told_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
