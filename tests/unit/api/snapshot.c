/* A snapshot has all that was acknowledged before, comes piece by piece as it is read, ends in its
 * SHA-256, and leaves nothing behind when its reader goes. */
#include "bbolt/reader.h"
#include "lab.h"
#include "pki/digest.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SNAPSHOT "/etcdserverpb.Maintenance/Snapshot"

static struct caller_reply *ask(struct lab *l)
{
    const struct pb_snapshot_request r = {0};
    return lab_call(l, SNAPSHOT, &wire_snapshot_request, &r);
}

static bool count_row(void *arg, struct slice key, struct slice value)
{
    (void)key;
    (void)value;
    ++*(unsigned *)arg;
    return true;
}

/* The file, put together; the last message is its hash. */
static struct buf gather(struct lab *l, const struct caller_reply *r)
{
    struct buf file = {0};
    struct pb_snapshot_response part = {0};
    uint8_t sum[DIGEST_SHA256_LEN];
    size_t at = 0;
    uint64_t remaining = UINT64_MAX;
    for (struct slice m = caller_next(r, &at); m.p; m = caller_next(r, &at)) {
        assert_int_equal(wire_decode(&wire_snapshot_response, m, &l->arena, &part), RC_OK);
        assert_true(part.remaining_bytes <= remaining);
        assert_true(slice_eq(part.version, SLICE_LIT("3.7.0")));
        remaining = part.remaining_bytes;
        buf_append_slice(&file, part.blob);
    }
    assert_int_equal(remaining, 0);
    file.n -= sizeof(sum);
    digest_sha256(buf_slice(&file), sum);
    assert_true(slice_eq(part.blob, slice_of(sum, sizeof(sum))));
    return file;
}

static void a_snapshot_has_what_was_acknowledged(void **state)
{
    (void)state;
    struct lab l;
    struct bbolt b;
    struct bbolt_bucket bucket;
    unsigned rows = 0;
    lab_open(&l, NULL);
    for (int i = 0; i < 20; i++)
        lab_put(&l, "k", "v");
    struct caller_reply *r = ask(&l);
    lab_pass_ms(&l, 200); /* the batch that it waits for */
    lab_run(&l);
    assert_true(r->ended);
    assert_int_equal(r->grpc_status, 0);
    struct buf file = gather(&l, r);
    assert_int_equal(bbolt_open(buf_slice(&file), &b), RC_OK);
    assert_int_equal(bbolt_find(&b, SLICE_LIT("key"), &bucket), RC_OK);
    assert_int_equal(bbolt_rows(&b, &bucket, count_row, &rows), RC_OK);
    assert_int_equal(rows, 20);
    buf_fini(&file);
    lab_close(&l);
}

static void fill(struct lab *l)
{
    char value[32769];
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    for (int i = 0; i < 40; i++)
        lab_put(l, "k", value);
    lab_pass_ms(l, 200);
    lab_run(l);
}

static void it_waits_for_its_reader(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &(struct lab_options){.stream_window = 100000});
    fill(&l);
    struct caller_reply *r = ask(&l);
    lab_run(&l);
    assert_false(r->ended);
    assert_true(r->body.n <= 100000);
    for (int i = 0; i < 100 && !r->ended; i++) {
        caller_allow(&l.caller, r, 65536);
        lab_run(&l);
    }
    assert_true(r->ended);
    struct buf file = gather(&l, r);
    assert_true(file.n > 40 * 32768);
    buf_fini(&file);
    lab_close(&l);
}

static void a_reader_that_goes_leaves_nothing(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &(struct lab_options){.stream_window = 100000});
    fill(&l);
    for (unsigned i = 0; i < 3 * API_VIEWS_MAX; i++) {
        struct caller_reply *r = ask(&l);
        lab_run(&l);
        caller_cancel(&l.caller, r);
        lab_run(&l);
    }
    for (unsigned i = 0; i < API_VIEWS_MAX; i++)
        assert_false(ask(&l)->ended);
    caller_refused(ask(&l), GRPC_RESOURCE_EXHAUSTED, "etcdserver: too many requests");
    lab_close(&l); /* while four are being read */
}

/* Or the few places there are would soon be held by those who forgot. */
static void a_reader_that_stands_still_is_cut_off(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &(struct lab_options){.stream_window = 100000});
    fill(&l);
    struct caller_reply *slow = ask(&l);
    struct caller_reply *dead = ask(&l);
    lab_run(&l);
    for (unsigned i = 0; i < 3; i++) {
        lab_pass_ms(&l, API_VIEW_STALL_MS - 1000);
        caller_allow(&l.caller, slow, 300000);
        lab_run(&l);
    }
    assert_false(slow->ended || slow->reset);
    caller_allow(&l.caller, dead, 1 << 20); /* its refusal comes behind what was sent before */
    lab_run(&l);
    assert_true(dead->ended);
    assert_int_equal(dead->grpc_status, GRPC_UNAVAILABLE);
    assert_string_equal(dead->message, "etcdserver: request timed out");
    lab_close(&l);
}

static void hash_is_of_all_that_is_stored(void **state)
{
    (void)state;
    struct lab l;
    const struct pb_hash_request r = {0};
    struct pb_hash_response one;
    struct pb_hash_response two;
    lab_open(&l, NULL);
    struct caller_reply *first =
        lab_call(&l, "/etcdserverpb.Maintenance/Hash", &wire_hash_request, &r);
    lab_pass_ms(&l, 200);
    lab_run(&l);
    lab_response(&l, first, &wire_hash_response, &one);
    lab_put(&l, "k", "v");
    struct caller_reply *second =
        lab_call(&l, "/etcdserverpb.Maintenance/Hash", &wire_hash_request, &r);
    lab_pass_ms(&l, 200);
    lab_run(&l);
    uint32_t hash = one.hash;
    lab_response(&l, second, &wire_hash_response, &two);
    assert_int_not_equal(hash, two.hash);
    assert_int_equal(two.header->revision, 2);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_has_what_was_acknowledged),
        cmocka_unit_test(it_waits_for_its_reader),
        cmocka_unit_test(a_reader_that_goes_leaves_nothing),
        cmocka_unit_test(a_reader_that_stands_still_is_cut_off),
        cmocka_unit_test(hash_is_of_all_that_is_stored),
    };
    return cmocka_run_group_tests_name("api/snapshot", tests, NULL, NULL);
}
