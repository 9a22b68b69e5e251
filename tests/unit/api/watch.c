/* The Watch service says what etcd's says, in its order, and a client that does not read costs what
 * it is allowed to cost. */
#include "api/watch.h"

#include "lab.h"
#include "rpc/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct stream {
    struct lab *lab;
    struct caller_reply *reply;
    size_t at; /* read so far */
};

static struct stream open_stream(struct lab *l)
{
    return (struct stream){
        .lab = l,
        .reply = caller_send(&l->caller, &(struct caller_request){
                                             .path = "/etcdserverpb.Watch/Watch", .open = true})};
}

static void settle(struct lab *l)
{
    for (int i = 0; i < 5; i++)
        lab_pass_ms(l, 0);
}

static void request(struct stream *s, const struct pb_watch_request *r)
{
    struct buf message = {0};
    struct buf body = {0};
    wire_encode(&wire_watch_request, r, &message);
    caller_frame(&body, 0, buf_slice(&message));
    caller_more(&s->lab->caller, s->reply, buf_slice(&body), false);
    buf_fini(&message);
    buf_fini(&body);
    settle(s->lab);
}

static void create(struct stream *s, struct pb_watch_create_request r)
{
    request(
        s, &(struct pb_watch_request){.request_union_case = PB_WATCH_CREATE, .create_request = &r});
}

static void watch_key(struct stream *s, const char *key, int64_t start)
{
    create(s, (struct pb_watch_create_request){.key = slice_str(key), .start_revision = start});
}

static void cancel(struct stream *s, int64_t id)
{
    request(s, &(struct pb_watch_request){.request_union_case = PB_WATCH_CANCEL,
                                          .cancel_request =
                                              &(struct pb_watch_cancel_request){.watch_id = id}});
}

static void ask_progress(struct stream *s)
{
    request(s,
            &(struct pb_watch_request){.request_union_case = PB_WATCH_PROGRESS,
                                       .progress_request = &(struct pb_watch_progress_request){0}});
}

static bool next(struct stream *s, struct pb_watch_response *out)
{
    struct slice m = caller_next(s->reply, &s->at);
    if (!m.p)
        return false;
    assert_int_equal(wire_decode(&wire_watch_response, m, &s->lab->arena, out), RC_OK);
    assert_int_equal(out->header->member_id, LAB_MEMBER);
    assert_int_equal(out->header->cluster_id, LAB_CLUSTER);
    assert_true(out->header->raft_term > 0);
    return true;
}

/* What came, in short: "created 0 @1|0 @2 +a@2|canceled -1 @2 reason|…" */
static void came(struct stream *s, const char *text)
{
    struct buf out = {0};
    struct pb_watch_response r;
    while (next(s, &r)) {
        buf_printf(&out, "%s%s%s%s%d @%d", out.n ? "|" : "", r.created ? "created " : "",
                   r.canceled ? "canceled " : "", r.fragment ? "part " : "", (int)r.watch_id,
                   (int)r.header->revision);
        if (r.compact_revision)
            buf_printf(&out, " compacted %d", (int)r.compact_revision);
        if (r.cancel_reason.n)
            buf_printf(&out, " %.*s", (int)r.cancel_reason.n, (const char *)r.cancel_reason.p);
        for (size_t i = 0; i < r.events_n; i++)
            buf_printf(&out, " %c%.*s@%d%s", r.events[i].type ? '-' : '+',
                       (int)r.events[i].kv->key.n, (const char *)r.events[i].kv->key.p,
                       (int)r.events[i].kv->mod_revision, r.events[i].prev_kv ? "p" : "");
    }
    buf_append_u8(&out, 0);
    assert_string_equal((const char *)out.p, text);
    buf_fini(&out);
}

static void delete_keys(struct lab *l, const char *key, const char *range_end)
{
    lab_call(l, "/etcdserverpb.KV/DeleteRange", &wire_delete_range_request,
             &(struct pb_delete_range_request){.key = slice_str(key),
                                               .range_end = slice_str(range_end)});
}

static void compact(struct lab *l, int64_t revision)
{
    lab_call(l, "/etcdserverpb.KV/Compact", &wire_compaction_request,
             &(struct pb_compaction_request){.revision = revision});
}

static void watches_of_a_stream_are_told_apart(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    struct stream s = open_stream(&l);
    watch_key(&s, "a", 0);
    create(&s, (struct pb_watch_create_request){.key = SLICE_LIT("a"), .watch_id = 1});
    watch_key(&s, "b", 0); /* the next free one */
    create(&s, (struct pb_watch_create_request){.key = SLICE_LIT("b"), .watch_id = -7});
    create(&s, (struct pb_watch_create_request){.key = SLICE_LIT("b"), .watch_id = 2});
    came(&s, "created 0 @1|created 1 @1|created 2 @1|created -7 @1|created canceled -1 @1 mvcc: "
             "duplicate watch ID provided on the WatchStream");
    lab_put(&l, "a", "1");
    came(&s, "0 @2 +a@2|1 @2 +a@2");
    lab_put(&l, "b", "1");
    came(&s, "2 @3 +b@3|-7 @3 +b@3");
    cancel(&s, 0);
    cancel(&s, 0);
    cancel(&s, 9);
    lab_put(&l, "a", "2");
    came(&s, "canceled 0 @3|1 @4 +a@4");
    watch_key(&s, "c", 0); /* an ID is not given twice */
    came(&s, "created 3 @4");
    struct stream other = open_stream(&l);
    watch_key(&other, "a", 0);
    came(&other, "created 0 @4");
    lab_close(&l);
}

static void what_cannot_be_watched_is_created_and_canceled(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    struct stream s = open_stream(&l);
    create(&s,
           (struct pb_watch_create_request){.key = SLICE_LIT("b"), .range_end = SLICE_LIT("a")});
    came(&s, "created canceled -1 @1 mvcc: watcher range is empty");
    watch_key(&s, "a", -1);
    came(&s, "created canceled -1 @1 etcdserver: mvcc: required revision has been compacted");
    request(&s, &(struct pb_watch_request){0}); /* nothing that is known: no answer */
    came(&s, "");
    lab_close(&l);
}

static void garbage_ends_the_stream(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    struct stream s = open_stream(&l);
    watch_key(&s, "a", 0);
    caller_say(&l.caller, s.reply, "\xff\xff");
    assert_true(s.reply->ended);
    assert_int_equal(s.reply->grpc_status, GRPC_INTERNAL);
    lab_put(&l, "a", "1");
    came(&s, "created 0 @1");
    lab_close(&l);
}

static void history_follows_the_answer_to_the_create(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    struct stream s = open_stream(&l);
    lab_put(&l, "a", "1");
    lab_put(&l, "a", "2");
    create(&s, (struct pb_watch_create_request){
                   .key = SLICE_LIT("a"), .start_revision = 2, .prev_kv = true});
    lab_put(&l, "a", "3");
    came(&s, "created 0 @3|0 @3 +a@2 +a@3p|0 @4 +a@4p");
    lab_close(&l);
}

/* A half-closed request stream stays open for events: every watch of the gateway is one. */
static void who_asks_no_more_still_hears(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    struct stream s = open_stream(&l);
    watch_key(&s, "a", 0);
    caller_more(&l.caller, s.reply, SLICE_LIT(""), true);
    lab_put(&l, "a", "1");
    came(&s, "created 0 @1|0 @2 +a@2");
    assert_false(s.reply->ended);
    lab_close(&l);
}

/* etcd#15220: progress says that everything up to it was told. */
static void progress_is_never_ahead_of_events(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &(struct lab_options){.stream_window = 200});
    struct stream s = open_stream(&l);
    ask_progress(&s);
    came(&s, "");
    watch_key(&s, "a", 0);
    ask_progress(&s);
    came(&s, "created 0 @1|-1 @1");
    lab_put(&l, "other", "1");
    ask_progress(&s);
    came(&s, "-1 @2");
    watch_key(&s, "b", 9); /* of the future */
    ask_progress(&s);
    came(&s, "created 1 @2");
    cancel(&s, 1);
    ask_progress(&s);
    caller_allow(&l.caller, s.reply, 100);
    came(&s, "canceled 1 @2|-1 @2");
    /* One who does not read is behind; what it is told of progress stands behind its events. */
    char large[60000];
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = 0;
    for (int i = 0; i < 30; i++)
        lab_put(&l, "a", large);
    ask_progress(&s);
    int64_t seen = 2;
    for (int i = 0; i < 60; i++) {
        struct pb_watch_response r;
        caller_allow(&l.caller, s.reply, 60000);
        settle(&l);
        while (next(&s, &r)) {
            if (r.events_n == 0)
                assert_int_equal(r.header->revision, seen);
            for (size_t e = 0; e < r.events_n; e++)
                assert_int_equal(r.events[e].kv->mod_revision, ++seen);
        }
    }
    assert_int_equal(seen, 32);
    ask_progress(&s);
    caller_allow(&l.caller, s.reply, 100);
    came(&s, "-1 @32");
    lab_close(&l);
}

static void quiet_watches_are_told_the_revision_now_and_then(void **state)
{
    (void)state;
    enum { INTERVAL_MS = (int)(LAB_PROGRESS_NS / NS_PER_MS) * 11 / 10 }; /* the longest */
    struct lab l;
    lab_open(&l, NULL);
    struct stream s = open_stream(&l);
    create(&s, (struct pb_watch_create_request){.key = SLICE_LIT("a"), .progress_notify = true});
    watch_key(&s, "a", 0); /* did not ask */
    create(&s, (struct pb_watch_create_request){
                   .key = SLICE_LIT("f"), .progress_notify = true, .start_revision = 9});
    came(&s, "created 0 @1|created 1 @1|created 2 @1");
    lab_put(&l, "x", "1");
    lab_pass_ms(&l, LAB_PROGRESS_NS / NS_PER_MS - 1);
    came(&s, "");
    lab_pass_ms(&l, INTERVAL_MS / 10);
    came(&s, "0 @2");
    lab_put(&l, "a", "1");
    came(&s, "0 @3 +a@3|1 @3 +a@3");
    lab_pass_ms(&l, INTERVAL_MS);
    came(&s, ""); /* the event said it */
    lab_pass_ms(&l, INTERVAL_MS);
    came(&s, "0 @3");
    lab_close(&l);
}

static void a_compaction_cancels_who_is_behind_it(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    for (int i = 0; i < 5; i++)
        lab_put(&l, "a", "1");
    delete_keys(&l, "a", "");
    compact(&l, 7);
    lab_pass_ms(&l, STATE_FLUSH_MS);
    struct stream s = open_stream(&l);
    watch_key(&s, "a", 6);
    came(&s, "created 0 @7|canceled 0 @0 compacted 7");
    watch_key(&s, "a", 7); /* etcd#18089, etcd#19179 */
    came(&s, "created 1 @7|1 @7 -a@7");
    ask_progress(&s);
    came(&s, "-1 @7"); /* a canceled watch holds up nobody */
    create(&s, (struct pb_watch_create_request){.key = SLICE_LIT("a"), .watch_id = 0});
    cancel(&s, 0); /* clients do so, and wait for the answer */
    came(&s, "created 2 @7|canceled 0 @7");
    lab_close(&l);
}

static void large_revisions_come_in_fragments_if_asked(void **state)
{
    (void)state;
    struct lab l;
    char large[60000];
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = 0;
    lab_open(&l, NULL);
    for (int i = 0; i < 25; i++) {
        char key[8];
        snprintf(key, sizeof(key), "k%02d", i);
        lab_put(&l, key, large);
    }
    struct stream s = open_stream(&l);
    create(&s, (struct pb_watch_create_request){
                   .key = SLICE_LIT("k"), .range_end = SLICE_LIT("l"), .prev_kv = true});
    create(&s, (struct pb_watch_create_request){.key = SLICE_LIT("k"),
                                                .range_end = SLICE_LIT("l"),
                                                .prev_kv = true,
                                                .fragment = true});
    delete_keys(&l, "k", "l");
    settle(&l); /* the second one waited for the first to be taken */
    came(&s, "created 0 @26|created 1 @26"
             "|0 @27 -k00@27p -k01@27p -k02@27p -k03@27p -k04@27p -k05@27p -k06@27p -k07@27p"
             " -k08@27p -k09@27p -k10@27p -k11@27p -k12@27p -k13@27p -k14@27p -k15@27p -k16@27p"
             " -k17@27p -k18@27p -k19@27p -k20@27p -k21@27p -k22@27p -k23@27p -k24@27p"
             "|part 1 @27 -k00@27p -k01@27p -k02@27p -k03@27p -k04@27p -k05@27p -k06@27p -k07@27p"
             " -k08@27p"
             "|part 1 @27 -k09@27p -k10@27p -k11@27p -k12@27p -k13@27p -k14@27p -k15@27p -k16@27p"
             " -k17@27p"
             "|1 @27 -k18@27p -k19@27p -k20@27p -k21@27p -k22@27p -k23@27p -k24@27p");
    lab_close(&l);
}

/* etcd#17529, etcd#17247: slow is not lost, and not twice. And it is not expensive. */
static void who_does_not_read_costs_a_bounded_amount(void **state)
{
    (void)state;
    struct lab l;
    char large[60000];
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = 0;
    lab_open(&l, &(struct lab_options){.stream_window = 1000});
    struct stream s = open_stream(&l);
    watch_key(&s, "a", 0);
    uint64_t before = l.budget.used;
    int64_t last = 1;
    for (int i = 0; i < 60; i++) {
        lab_put(&l, "a", large);
        last++;
        assert_true(l.budget.used < before + API_WATCH_QUEUE_MAX + 130000);
    }
    int64_t seen = 1;
    for (int i = 0; i < 200 && seen < last; i++) {
        struct pb_watch_response r;
        caller_allow(&l.caller, s.reply, 50000);
        settle(&l);
        while (next(&s, &r))
            for (size_t e = 0; e < r.events_n; e++)
                assert_int_equal(r.events[e].kv->mod_revision, ++seen);
    }
    assert_int_equal(seen, last);
    lab_close(&l);
}

static void a_short_budget_stops_watches_for_a_while(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &(struct lab_options){.stream_window = 60});
    struct stream s = open_stream(&l);
    watch_key(&s, "a", 0);
    lab_put(&l, "a", "1"); /* fills the window, and a bit of the queue */
    lab_put(&l, "a", "2");
    uint64_t max = l.budget.max;
    l.budget.max = 1;
    uint64_t used = l.budget.used;
    kv_begin(state_kv(l.state)); /* a client could not write now */
    kv_put(state_kv(l.state), SLICE_LIT("a"), SLICE_LIT("3"), 0);
    kv_end(state_kv(l.state));
    assert_true(l.budget.used <= used);
    watch_key(&s, "b", 0); /* nor is a new watch taken */
    l.budget.max = max;
    for (int i = 0; i < 10; i++) {
        caller_allow(&l.caller, s.reply, 100);
        lab_pass_ms(&l, 100);
    }
    came(&s, "created 0 @1|0 @2 +a@2|0 @3 +a@3|created canceled -1 @4 etcdserver: too many requests"
             "|0 @4 +a@4");
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(watches_of_a_stream_are_told_apart),
        cmocka_unit_test(what_cannot_be_watched_is_created_and_canceled),
        cmocka_unit_test(garbage_ends_the_stream),
        cmocka_unit_test(history_follows_the_answer_to_the_create),
        cmocka_unit_test(who_asks_no_more_still_hears),
        cmocka_unit_test(progress_is_never_ahead_of_events),
        cmocka_unit_test(quiet_watches_are_told_the_revision_now_and_then),
        cmocka_unit_test(a_compaction_cancels_who_is_behind_it),
        cmocka_unit_test(large_revisions_come_in_fragments_if_asked),
        cmocka_unit_test(who_does_not_read_costs_a_bounded_amount),
        cmocka_unit_test(a_short_budget_stops_watches_for_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
