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

/* Its reader takes byte by byte what is around the moment when more is to be sent. */
static void no_byte_is_the_wrong_one_to_stop_at(void **state)
{
    (void)state;
    struct lab l;
    char value[980];
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    lab_open(&l, &(struct lab_options){.stream_window = 65535});
    for (int i = 0; i < 250; i++) /* three fill a page, and a piece has whole pages: 256 KiB */
        lab_put(&l, "k", value);
    lab_pass_ms(&l, 200);
    lab_run(&l);
    struct caller_reply *r = ask(&l);
    lab_run(&l);
    const int about = (8 << 10) + (256 << 10) - (32 << 10); /* two meta pages, a piece */
    caller_allow(&l.caller, r, about - 400 - (int)r->body.n);
    for (unsigned i = 0; i < 800; i++) {
        caller_allow(&l.caller, r, 1);
        lab_run(&l);
    }
    assert_int_equal(r->body.n, about + 400);
    lab_pass_ms(&l, API_VIEW_STALL_MS - 1000);
    caller_allow(&l.caller, r, 200000); /* the rest of this piece, and some of the next */
    lab_run(&l);
    lab_pass_ms(&l, 2000);
    caller_allow(&l.caller, r, 1 << 20);
    lab_run(&l);
    assert_true(r->ended);
    assert_int_equal(r->grpc_status, 0);
    lab_close(&l);
}

static void compact(struct lab *l, int64_t revision)
{
    const struct pb_compaction_request r = {.revision = revision};
    lab_call(l, "/etcdserverpb.KV/Compact", &wire_compaction_request, &r);
    lab_pass_ms(l, 200);
    lab_run(l);
    assert_int_equal(kv_compacted(state_kv(l->state)), revision);
}

/* A snapshot that is read in pieces, and behind it a compaction at revision 20. */
static struct caller_reply *hold_up_a_compaction(struct lab *l)
{
    lab_open(l, &(struct lab_options){.stream_window = 100000});
    fill(l);
    struct caller_reply *r = ask(l);
    lab_run(l);
    compact(l, 20);
    return r;
}

static void a_reader_that_went_is_not_cut_off(void **state)
{
    (void)state;
    struct lab l;
    struct caller_reply *r = hold_up_a_compaction(&l);
    l.pool_idle = true; /* it is busy with others */
    caller_allow(&l.caller, r, 300000);
    lab_run(&l);
    caller_cancel(&l.caller, r);
    lab_run(&l);
    lab_pass_ms(&l, API_VIEW_STALL_MS);
    l.pool_idle = false;
    lab_run(&l);
    assert_true(state_swept(l.state, 20));
    lab_close(&l);
}

static void snapshots_that_overlap_hold_up_no_sweep(void **state)
{
    (void)state;
    struct lab l;
    struct caller_reply *r = hold_up_a_compaction(&l);
    for (int i = 0; i < 20 && !state_swept(l.state, 20); i++) {
        struct caller_reply *next = ask(&l);
        lab_pass_ms(&l, 5000);
        for (int k = 0; k < 60 && !r->ended; k++) {
            caller_allow(&l.caller, r, 65536);
            lab_run(&l);
        }
        assert_int_equal(r->grpc_status, 0);
        lab_put(&l, "k", "v");
        lab_pass_ms(&l, 200);
        r = next;
    }
    assert_true(state_swept(l.state, 20));
    lab_close(&l);
}

/* While it is read nothing is swept, but not for ever. */
static void a_slow_reader_holds_up_a_sweep_for_a_while(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &(struct lab_options){.stream_window = 100000});
    fill(&l);
    struct caller_reply *r = ask(&l);
    lab_run(&l);
    for (unsigned i = 0; i < 4; i++) { /* nothing waits for it */
        lab_pass_ms(&l, API_VIEW_STALL_MS - 1000);
        caller_allow(&l.caller, r, 300000);
        lab_run(&l);
    }
    assert_false(r->ended);
    compact(&l, 20);
    assert_false(state_swept(l.state, 20));
    lab_pass_ms(&l, 2000);
    lab_run(&l);
    assert_true(state_swept(l.state, 20));
    caller_allow(&l.caller, r, 1 << 20);
    lab_run(&l);
    assert_int_equal(r->grpc_status, GRPC_UNAVAILABLE);
    assert_string_equal(r->message, "etcdserver: request timed out");
    lab_close(&l);
}

/* What a reader who keeps up gets is what there was when it asked. */
static void it_is_of_one_moment(void **state)
{
    (void)state;
    struct lab l;
    struct bbolt b;
    struct bbolt_bucket bucket;
    unsigned rows = 0;
    lab_open(&l, &(struct lab_options){.stream_window = 100000});
    fill(&l);
    struct caller_reply *r = ask(&l);
    lab_run(&l);
    compact(&l, 30);
    for (int i = 0; i < 100 && !r->ended; i++) {
        lab_put(&l, "k", "later");
        caller_allow(&l.caller, r, 65536);
        lab_pass_ms(&l, 150);
        lab_run(&l);
        assert_true(i > 10 || !state_swept(l.state, 30));
    }
    assert_true(r->ended);
    lab_pass_ms(&l, 200);
    lab_run(&l);
    assert_true(state_swept(l.state, 30));
    struct buf file = gather(&l, r);
    assert_int_equal(bbolt_open(buf_slice(&file), &b), RC_OK);
    assert_int_equal(bbolt_find(&b, SLICE_LIT("key"), &bucket), RC_OK);
    assert_int_equal(bbolt_rows(&b, &bucket, count_row, &rows), RC_OK);
    assert_int_equal(rows, 40);
    buf_fini(&file);
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
        cmocka_unit_test(no_byte_is_the_wrong_one_to_stop_at),
        cmocka_unit_test(a_slow_reader_holds_up_a_sweep_for_a_while),
        cmocka_unit_test(a_reader_that_went_is_not_cut_off),
        cmocka_unit_test(snapshots_that_overlap_hold_up_no_sweep),
        cmocka_unit_test(it_is_of_one_moment),
        cmocka_unit_test(hash_is_of_all_that_is_stored),
    };
    return cmocka_run_group_tests_name("api/snapshot", tests, NULL, NULL);
}
