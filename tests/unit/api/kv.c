/* The KV service as a client sees it: range whole and streamed, put, delete, transactions, and what
 * is wrong with a request. */
#include "api/pace.h"
#include "lab.h"

#include "base/mem.h"
#include "base/wr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define VALUE_BYTES 1000u

static void fill(struct lab *l, int n)
{
    char value[VALUE_BYTES + 1];
    memset(value, 'v', VALUE_BYTES);
    value[VALUE_BYTES] = '\0';
    for (int i = 0; i < n; i++) {
        char key[16];
        struct pb_put_request put = {.value = slice_str(value)};
        struct buf body = {0};
        snprintf(key, sizeof(key), "key%04d", i);
        put.key = slice_str(key);
        kv_begin(state_kv(l->state)); /* as an entry would, without its way through the log */
        kv_put(state_kv(l->state), put.key, put.value, 0);
        kv_end(state_kv(l->state));
        buf_fini(&body);
    }
}

static const struct pb_range_request everything = {.key = SLICE_INIT("\0"),
                                                   .range_end = SLICE_INIT("\0")};

static void a_small_range_comes_whole(void **state)
{
    (void)state;
    struct lab l;
    struct pb_range_response out;
    lab_open(&l, NULL);
    lab_put(&l, "a", "1");
    lab_put(&l, "b", "2");
    struct pb_range_request r = {.key = SLICE_LIT("a"), .range_end = SLICE_LIT("z"), .limit = 1};
    lab_response(&l, lab_range(&l, &r), &wire_range_response, &out);
    assert_int_equal(out.header->revision, 3);
    assert_int_equal(out.header->cluster_id, LAB_CLUSTER);
    assert_int_equal(out.kvs_n, 1);
    assert_true(slice_eq(out.kvs[0].value, SLICE_LIT("1")));
    assert_int_equal(out.count, 2);
    assert_true(out.more);
    r.revision = 2;
    lab_response(&l, lab_range(&l, &r), &wire_range_response, &out);
    assert_int_equal(out.header->revision, 3);
    assert_int_equal(out.count, 1);
    r.revision = 4;
    caller_refused(lab_range(&l, &r), GRPC_OUT_OF_RANGE,
                   "etcdserver: mvcc: required revision is a future revision");
    lab_close(&l);
}

/* More than is built at once: the client takes it in small pieces while everything changes. */
static void a_large_range_is_streamed_as_of_its_revision(void **state)
{
    (void)state;
    struct lab l;
    struct pb_range_response out;
    lab_open(&l, &(struct lab_options){.stream_window = 10000});
    fill(&l, 200);
    int64_t revision = kv_revision(state_kv(l.state));
    struct caller_reply *r = lab_range(&l, &everything);
    assert_false(r->ended);
    while (!r->ended) {
        size_t before = r->body.n;
        caller_allow(&l.caller, r, 5000);
        assert_true(r->ended || r->body.n > before);
        lab_put(&l, "key0199", "changed");
        lab_run(&l);
    }
    lab_response(&l, r, &wire_range_response, &out);
    assert_int_equal(out.kvs_n, 200);
    assert_int_equal(out.header->revision, revision);
    for (size_t i = 0; i < 200; i++)
        assert_int_equal(out.kvs[i].value.n, VALUE_BYTES);
    assert_int_equal(api_open_calls(l.api), 0);
    lab_close(&l);
}

static void a_client_that_does_not_read_is_cut_off(void **state)
{
    (void)state;
    struct lab l;
    struct kv_stats stats;
    lab_open(&l, &(struct lab_options){.stream_window = 10000});
    fill(&l, 100);
    struct caller_reply *r = lab_range(&l, &everything);
    kv_stats(state_kv(l.state), &stats);
    assert_int_equal(stats.pins, 1);
    lab_pass_ms(&l, API_PIN_MS_MAX - 1);
    kv_stats(state_kv(l.state), &stats);
    assert_int_equal(stats.pins, 1);
    lab_pass_ms(&l, 1);
    caller_allow(&l.caller, r, 1000);
    assert_true(r->reset && !r->ended);
    kv_stats(state_kv(l.state), &stats);
    assert_int_equal(stats.pins, 0);
    lab_close(&l);
}

static void a_client_that_goes_away_pins_nothing(void **state)
{
    (void)state;
    struct lab l;
    struct kv_stats stats;
    lab_open(&l, &(struct lab_options){.stream_window = 10000});
    fill(&l, 100);
    caller_cancel(&l.caller, lab_range(&l, &everything));
    kv_stats(state_kv(l.state), &stats);
    assert_int_equal(stats.pins, 0);
    lab_range(&l, &everything); /* and one whose connection goes */
    lab_close(&l);
}

static void requests_are_judged_before_they_cost(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    const struct pb_range_request no_key = {.range_end = SLICE_LIT("z")};
    const struct pb_range_request bad_sort = {.key = SLICE_LIT("a"), .sort_target = 9};
    const struct pb_put_request no_put_key = {.value = SLICE_LIT("v")};
    const struct pb_put_request both = {
        .key = SLICE_LIT("k"), .value = SLICE_LIT("v"), .ignore_value = true};
    const struct pb_delete_range_request no_delete_key = {.range_end = SLICE_LIT("z")};
    struct pb_put_request put = {.key = SLICE_LIT("k")};
    struct pb_request_op twice[2] = {{.request_case = PB_OP_PUT, .request_put = &put},
                                     {.request_case = PB_OP_PUT, .request_put = &put}};
    const struct pb_txn_request duplicate = {.success = twice, .success_n = 2};
    const struct {
        const char *path;
        const struct wire_message *m;
        const void *request;
        const char *text;
    } cases[] = {
        {"/etcdserverpb.KV/Range", &wire_range_request, &no_key, "etcdserver: key is not provided"},
        {"/etcdserverpb.KV/Range", &wire_range_request, &bad_sort,
         "etcdserver: invalid sort option"},
        {"/etcdserverpb.KV/Put", &wire_put_request, &no_put_key, "etcdserver: key is not provided"},
        {"/etcdserverpb.KV/Put", &wire_put_request, &both, "etcdserver: value is provided"},
        {"/etcdserverpb.KV/DeleteRange", &wire_delete_range_request, &no_delete_key,
         "etcdserver: key is not provided"},
        {"/etcdserverpb.KV/Txn", &wire_txn_request, &duplicate,
         "etcdserver: duplicate key given in txn request"},
    };
    uint64_t applied = quorum_applied(l.quorum);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        caller_refused(lab_call(&l, cases[i].path, cases[i].m, cases[i].request),
                       GRPC_INVALID_ARGUMENT, cases[i].text);
    assert_int_equal(quorum_applied(l.quorum), applied);
    lab_close(&l);
}

static void what_cannot_be_read_is_refused(void **state)
{
    (void)state;
    static const char *const paths[] = {"Range", "Put", "DeleteRange", "Txn", "Compact"};
    struct lab l;
    lab_open(&l, NULL);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        char path[64];
        snprintf(path, sizeof(path), "/etcdserverpb.KV/%s", paths[i]);
        caller_refused(caller_call(&l.caller, path, SLICE_LIT("\x0a\x7fx")), GRPC_INTERNAL,
                       "grpc: error unmarshalling request: proto: cannot parse invalid wire-format "
                       "data");
    }
    caller_refused(caller_call(&l.caller, "/etcdserverpb.Auth/UserGet", SLICE_LIT("\x0a\1\xff")),
                   GRPC_INTERNAL,
                   "grpc: error unmarshalling request: string field contains invalid UTF-8");
    assert_int_equal(api_open_calls(l.api), 0);
    lab_close(&l);
}

static void transactions_write_and_read(void **state)
{
    (void)state;
    struct lab l;
    struct pb_txn_response out;
    lab_open(&l, NULL);
    struct pb_put_request put = {.key = SLICE_LIT("k"), .value = SLICE_LIT("v")};
    struct pb_range_request get = {.key = SLICE_LIT("k")};
    struct pb_request_op ops[2] = {{.request_case = PB_OP_PUT, .request_put = &put},
                                   {.request_case = PB_OP_RANGE, .request_range = &get}};
    struct pb_txn_request t = {.success = ops, .success_n = 2};
    lab_response(&l, lab_call(&l, "/etcdserverpb.KV/Txn", &wire_txn_request, &t),
                 &wire_txn_response, &out);
    assert_true(out.succeeded);
    assert_int_equal(out.header->revision, 2);
    assert_int_equal(out.responses[1].response_range->count, 1);
    uint64_t applied = quorum_applied(l.quorum);
    t.success = ops + 1;
    t.success_n = 1;
    lab_response(&l, lab_call(&l, "/etcdserverpb.KV/Txn", &wire_txn_request, &t),
                 &wire_txn_response, &out);
    assert_int_equal(out.responses[0].response_range->count, 1);
    assert_int_equal(quorum_applied(l.quorum), applied); /* reading costs no entry */
    get.revision = 99;
    caller_refused(lab_call(&l, "/etcdserverpb.KV/Txn", &wire_txn_request, &t), GRPC_OUT_OF_RANGE,
                   "etcdserver: mvcc: required revision is a future revision");
    t.success = ops;
    t.success_n = 2;
    caller_refused(lab_call(&l, "/etcdserverpb.KV/Txn", &wire_txn_request, &t), GRPC_OUT_OF_RANGE,
                   "etcdserver: mvcc: required revision is a future revision");
    lab_close(&l);
}

/* A sub-message that comes in pieces is merged, which takes memory that its length does not tell.
 * What is let in here must be readable when it is applied. */
static void a_transaction_in_many_pieces_does_no_harm(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    for (unsigned pieces = 10; pieces <= 120; pieces += 10) {
        struct buf nested = {0};
        struct buf txn = {0};
        for (unsigned i = 0; i < pieces; i++) {
            struct pb_put_request put = {.key = slice_of((const uint8_t *)&i, 1)};
            struct pb_request_op op = {.request_case = PB_OP_PUT, .request_put = &put};
            struct pb_txn_request piece = {.success = &op, .success_n = 1};
            struct pb_request_op outer = {.request_case = PB_OP_TXN, .request_txn = &piece};
            wire_encode(&wire_request_op, &outer, &nested);
        }
        buf_append_u8(&txn, 2 << 3 | 2); /* success */
        buf_append_varint(&txn, nested.n);
        buf_append_slice(&txn, buf_slice(&nested));
        struct caller_reply *r = caller_call(&l.caller, "/etcdserverpb.KV/Txn", buf_slice(&txn));
        lab_run(&l);
        assert_true(r->ended);
        if (pieces == 10)
            assert_int_equal(r->grpc_status, GRPC_OK);
        buf_fini(&nested);
        buf_fini(&txn);
    }
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_range_comes_whole),
        cmocka_unit_test(a_large_range_is_streamed_as_of_its_revision),
        cmocka_unit_test(a_client_that_does_not_read_is_cut_off),
        cmocka_unit_test(a_client_that_goes_away_pins_nothing),
        cmocka_unit_test(requests_are_judged_before_they_cost),
        cmocka_unit_test(what_cannot_be_read_is_refused),
        cmocka_unit_test(transactions_write_and_read),
        cmocka_unit_test(a_transaction_in_many_pieces_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
