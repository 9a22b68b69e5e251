/* Each call is counted once under its method, whatever becomes of it. */
#include "env/metrics.h"
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void has(struct lab *l, const char *name, const char *code, const char *method,
                const char *type, unsigned n)
{
    char line[256];
    struct buf out = {0};
    snprintf(line, sizeof(line),
             "\n%s{%s%s%sgrpc_method=\"%s\",grpc_service=\"t.T\",grpc_type=\"%s\"} %u\n", name,
             code ? "grpc_code=\"" : "", code ? code : "", code ? "\"," : "", method, type, n);
    rpc_server_metrics(l->server, &out);
    buf_append_u8(&out, 0);
    if (!strstr((const char *)out.p, line))
        fail_msg("%s is not in\n%s", line, (const char *)out.p);
    buf_fini(&out);
}

static void every_way_a_call_may_go(void **state)
{
    struct metrics m;
    struct lab l;
    (void)state;
    metrics_init(&m);
    lab_open(&l, 0, 1u << 30, 0);
    l.env.metrics = &m;
    caller_call(&l.caller, "/t.T/Echo", SLICE_LIT("hello"));
    caller_call(&l.caller, "/t.T/Explain", SLICE_LIT(""));
    caller_call(&l.caller, "/t.T/Source", SLICE_LIT("100"));
    caller_call(&l.caller, "/t.T/Count", SLICE_LIT("3"));
    struct caller_reply *r = caller_call(&l.caller, "/t.T/Wait", SLICE_LIT(""));
    has(&l, "grpc_server_started_total", NULL, "Wait", "unary", 1);
    has(&l, "grpc_server_handled_total", "Canceled", "Wait", "unary", 0);
    assert_int_equal(rpc_server_calls_of(l.server, SLICE_LIT("/t.T/Wait")), 1);
    assert_int_equal(rpc_server_calls_of(l.server, SLICE_LIT("/t.T/Echo")), 0);
    assert_int_equal(rpc_server_calls_of(l.server, SLICE_LIT("/t.T/None")), 0);
    caller_cancel(&l.caller, r);
    lab_answer(&l, "nobody hears");
    has(&l, "grpc_server_handled_total", "Canceled", "Wait", "unary", 1);
    assert_int_equal(rpc_server_calls_of(l.server, SLICE_LIT("/t.T/Wait")), 0);
    has(&l, "grpc_server_handled_total", "OK", "Wait", "unary", 0);
    has(&l, "grpc_server_handled_total", "OK", "Echo", "unary", 1);
    has(&l, "grpc_server_handled_total", "NotFound", "Explain", "unary", 1);
    has(&l, "grpc_server_handled_total", "OK", "Count", "server_stream", 1);
    has(&l, "grpc_server_msg_sent_total", NULL, "Count", "server_stream", 3);
    has(&l, "grpc_server_msg_received_total", NULL, "Count", "server_stream", 1);
    has(&l, "grpc_server_msg_sent_total", NULL, "Source", "unary", 1);
    has(&l, "grpc_server_started_total", NULL, "Chat", "bidi_stream", 0);
    assert_int_equal(m.grpc_received_bytes, 5 + 0 + 3 + 1 + 0);
    assert_int_equal(m.grpc_sent_bytes, 5 + 100 + 3 * 3);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_way_a_call_may_go)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
