/* Calls that the server makes to itself: answered as a client's, refused as a client's, whole when
 * they are large, and forgotten when nobody wants them any more. */
#include "api/errand.h"

#include "api/inner.h"
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define VALUE_BYTES (60u << 10) /* above API_WHOLE_BYTES_MAX: the answer comes in pieces */

struct outcome {
    struct errand errand;
    unsigned told;
    enum grpc_code code;
    char text[128];
    struct buf message;
};

static void note(struct errand *e, const struct errand_answer *answer)
{
    struct outcome *o = CONTAINER_OF(e, struct outcome, errand);
    o->told++;
    o->code = answer->code;
    snprintf(o->text, sizeof(o->text), "%s", answer->text);
    buf_append_slice(&o->message, answer->message);
}

static void begin(struct lab *l, struct outcome *o, const struct pb_put_request *r)
{
    o->errand.done = note;
    errand_begin(&o->errand, l->api, (struct slice){0}, "/etcdserverpb.KV/Put", &wire_put_request,
                 r);
}

static void test_it_is_answered_as_a_client_would_be(void **state)
{
    (void)state;
    struct lab l;
    struct outcome o = {0};
    struct pb_put_response out;
    lab_open(&l, NULL);
    begin(&l, &o, &(struct pb_put_request){.key = SLICE_LIT("k"), .value = SLICE_LIT("v")});
    assert_int_equal(o.told, 0); /* it has to go through the log */
    lab_run(&l);
    assert_int_equal(o.told, 1);
    assert_int_equal(o.code, GRPC_OK);
    assert_int_equal(wire_decode(&wire_put_response, buf_slice(&o.message), &l.arena, &out), RC_OK);
    assert_int_equal(out.header->revision, 2);
    begin(&l, &o, &(struct pb_put_request){.value = SLICE_LIT("v")});
    assert_int_equal(o.told, 2); /* refused at once */
    assert_int_equal(o.code, GRPC_INVALID_ARGUMENT);
    assert_string_equal(o.text, "etcdserver: key is not provided");
    buf_fini(&o.message);
    lab_close(&l);
}

static void test_a_large_answer_comes_whole(void **state)
{
    (void)state;
    static const uint8_t value[VALUE_BYTES];
    struct lab l;
    struct outcome o = {.errand.done = note};
    struct pb_range_response out;
    const struct pb_range_request r = {.key = SLICE_LIT("k")};
    lab_open(&l, NULL);
    const struct pb_put_request put = {.key = SLICE_LIT("k"),
                                       .value = slice_of(value, VALUE_BYTES)};
    caller_message(lab_call(&l, "/etcdserverpb.KV/Put", &wire_put_request, &put));
    errand_begin(&o.errand, l.api, (struct slice){0}, "/etcdserverpb.KV/Range", &wire_range_request,
                 &r);
    assert_int_equal(o.told, 1);
    assert_int_equal(wire_decode(&wire_range_response, buf_slice(&o.message), &l.arena, &out),
                     RC_OK);
    assert_int_equal(out.kvs[0].value.n, VALUE_BYTES);
    buf_fini(&o.message);
    lab_close(&l);
}

static void test_what_nobody_waits_for_takes_effect_all_the_same(void **state)
{
    (void)state;
    struct lab l;
    struct outcome o = {0};
    const struct pb_put_request sent = {.key = SLICE_LIT("sent")};
    lab_open(&l, NULL);
    begin(&l, &o, &(struct pb_put_request){.key = SLICE_LIT("left")});
    errand_cancel(&o.errand);
    errand_cancel(&o.errand);
    errand_send(l.api, (struct slice){0}, "/etcdserverpb.KV/Put", &wire_put_request, &sent);
    lab_run(&l);
    assert_int_equal(o.told, 0);
    assert_int_equal(lab_count(&l), 2);
    assert_int_equal(api_open_calls(l.api), 0);
    lab_close(&l);
}

static void test_one_under_way_when_the_server_stops_is_told(void **state)
{
    (void)state;
    struct lab l;
    struct outcome o = {0};
    lab_open(&l, NULL);
    l.halted = true;
    begin(&l, &o, &(struct pb_put_request){.key = SLICE_LIT("k")});
    lab_close(&l);
    assert_int_equal(o.told, 1);
    assert_int_equal(o.code, GRPC_UNAVAILABLE);
    buf_fini(&o.message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_answered_as_a_client_would_be),
        cmocka_unit_test(test_a_large_answer_comes_whole),
        cmocka_unit_test(test_what_nobody_waits_for_takes_effect_all_the_same),
        cmocka_unit_test(test_one_under_way_when_the_server_stops_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
