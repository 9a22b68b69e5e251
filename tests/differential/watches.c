#include "watches.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/wr.h"
#include "fields.h"

#include <inttypes.h>
#include <stdlib.h>

#define WATCHES 8
#define NO_ID   (-2)

struct watches {
    struct buf requests; /* framed */
    int64_t until;       /* the last watch sees everything: this revision is the end */
    int64_t last_id;
    size_t at_least; /* events and other answers, once it was seen */
    struct buf bodies[SIDE_COUNT];
};

/* ---- What is asked ---- */

static void add(struct watches *w, struct pb_watch_create_request *create)
{
    struct buf message = {0};
    wire_encode(
        &wire_watch_request,
        &(struct pb_watch_request){.request_union_case = PB_WATCH_CREATE, .create_request = create},
        &message);
    frame_append(&w->requests, buf_slice(&message));
    buf_fini(&message);
}

/* Keys, ends and filters as programs have keys; starts where history is, or was. */
static void ask(struct watches *w, const struct rig *rig, struct rng *rng)
{
    static const struct slice keys[] = {SLICE_INIT("a"),    SLICE_INIT("\0"), SLICE_INIT("k/1"),
                                        SLICE_INIT("\x7f"), SLICE_INIT("b"),  SLICE_INIT("")};
    static const struct slice ends[] = {SLICE_INIT(""), SLICE_INIT("\0"), SLICE_INIT("b"),
                                        SLICE_INIT("l"), SLICE_INIT("\xff")};
    int64_t compacted = rig->now.compacted;
    int64_t oldest = compacted + 1 > 2 ? compacted + 1 : 2;
    if (w->until - oldest > WATCHES_BACK_MAX)
        oldest = w->until - WATCHES_BACK_MAX;
    int64_t lowest = compacted > 1 && oldest == compacted + 1 ? compacted - 1 : oldest;
    for (int i = 0; i + 1 < WATCHES; i++) {
        int32_t filters[2] = {(int32_t)rng_below(rng, 2), (int32_t)rng_below(rng, 3)};
        add(w,
            &(struct pb_watch_create_request){
                .key = keys[rng_below(rng, ARRAY_LEN(keys))],
                .range_end = ends[rng_below(rng, ARRAY_LEN(ends))],
                .start_revision = (int64_t)rng_between(rng, (uint64_t)lowest, (uint64_t)w->until),
                .filters = filters,
                .filters_n = rng_below(rng, 4) < 3 ? 0 : 1 + rng_below(rng, 2),
                .prev_kv = rng_below(rng, 2),
                .fragment = rng_below(rng, 2)});
    }
    add(w, &(struct pb_watch_create_request){.key = SLICE_LIT("\0"),
                                             .range_end = SLICE_LIT("\0"),
                                             .start_revision = oldest,
                                             .prev_kv = true,
                                             .watch_id = w->last_id});
}

/* ---- What is answered ---- */

/* The next message of a body. */
static bool next(struct slice *body, struct arena *a, struct pb_watch_response *out)
{
    if (body->n < GRPC_FRAME_LEN)
        return false;
    size_t n = __builtin_bswap32(load_u32(body->p + 1));
    if (body->n - GRPC_FRAME_LEN < n)
        return false;
    struct slice message = slice_of(body->p + GRPC_FRAME_LEN, n);
    *body = slice_skip(*body, GRPC_FRAME_LEN + n);
    return wire_decode(&wire_watch_response, message, a, out) == RC_OK;
}

static bool is_enough(void *arg, struct slice body)
{
    const struct watches *w = arg;
    struct arena a = {0};
    struct pb_watch_response r;
    bool end = false;
    size_t n = 0;
    while (next(&body, &a, &r)) {
        n += r.events_n > 0 ? r.events_n : 1;
        end = end || (r.watch_id == w->last_id && r.events_n > 0 &&
                      r.events[r.events_n - 1].kv->mod_revision >= w->until);
    }
    arena_fini(&a);
    return end && n >= w->at_least;
}

static void show(const struct wire_message *m, const void *msg, struct buf *out)
{
    message_show(m, msg, out);
    buf_append_u8(out, '\n');
}

/* Append the answers of one watch, a line each, without the numbers that differ by nature. Returns
 * how many there are of all watches. */
static size_t answers_of(struct slice body, int64_t id, struct buf *out)
{
    struct arena a = {0};
    struct pb_watch_response r;
    size_t n = 0;
    while (next(&body, &a, &r)) {
        n += r.events_n > 0 ? r.events_n : 1;
        if (r.watch_id != id)
            continue;
        r.header->cluster_id = r.header->member_id = r.header->raft_term = 0;
        for (size_t i = 0; i < r.events_n; i++)
            show(&wire_event, &r.events[i], out);
        if (r.events_n == 0)
            show(&wire_watch_response, &r, out);
    }
    arena_fini(&a);
    return n;
}

static bool compare(struct watches *w, struct disagreement *out)
{
    for (int64_t id = -1; id <= w->last_id; id++) {
        struct buf said[SIDE_COUNT] = {{0}};
        for (enum side side = 0; side < SIDE_COUNT; side++)
            answers_of(buf_slice(&w->bodies[side]), id, &said[side]);
        bool same = slice_eq(buf_slice(&said[SIDE_MOAT]), buf_slice(&said[SIDE_ETCD]));
        if (!same)
            buf_printf(&out->text, "watch %" PRId64 " differs\n    moat: %.*s    etcd: %.*s\n", id,
                       (int)said[SIDE_MOAT].n, (const char *)said[SIDE_MOAT].p,
                       (int)said[SIDE_ETCD].n, (const char *)said[SIDE_ETCD].p);
        for (enum side side = 0; side < SIDE_COUNT; side++)
            buf_fini(&said[side]);
        if (!same)
            return false;
    }
    return true;
}

static size_t count(struct slice body)
{
    struct buf ignored = {0};
    size_t n = answers_of(body, NO_ID, &ignored);
    buf_fini(&ignored);
    return n;
}

/* Watch until everything has come that comes. */
static bool watch(struct rig *rig, struct watches *w, enum side side, struct disagreement *out)
{
    struct buf *body = &w->bodies[side];
    buf_clear(body);
    enum rc rc = client_stream(rig->servers.at[side].client, "/etcdserverpb.Watch/Watch",
                               (struct slice){0}, buf_slice(&w->requests), is_enough, w, body);
    size_t n = count(buf_slice(body));
    w->at_least = n > w->at_least ? n : w->at_least;
    if (rc == RC_OK)
        return true;
    buf_printf(&out->text, "%s: %s while watching; it said\n", side_name(side), rc_text(rc));
    for (int64_t id = -1; id <= w->last_id; id++)
        answers_of(buf_slice(body), id, &out->text);
    return false;
}

bool watches_agree(struct rig *rig, struct disagreement *out)
{
    struct watches w = {.until = rig->now.revision, .last_id = 99};
    struct rng rng;
    if (rig->options->form != CLIENT_GRPC)
        return true; /* only gRPC has streams here */
    if (rig->callers.guarded)
        return true; /* a program whose end was cut off: nobody may watch all */
    if (rig->program->old_peer)
        return true; /* 3.4 serves history late and in turns: nothing shows when it has told all */
    if (w.until <= rig->now.compacted || w.until < 2)
        return true; /* there is no history */
    rng_seed(&rng, (uint64_t)w.until);
    ask(&w, rig, &rng);
    bool agree = watch(rig, &w, SIDE_MOAT, out) && watch(rig, &w, SIDE_ETCD, out);
    /* The last watch may be served before others are: then there was more to come. */
    if (agree && count(buf_slice(&w.bodies[SIDE_MOAT])) < w.at_least)
        agree = watch(rig, &w, SIDE_MOAT, out);
    agree = agree && compare(&w, out);
    buf_fini(&w.requests);
    for (enum side side = 0; side < SIDE_COUNT; side++)
        buf_fini(&w.bodies[side]);
    return agree;
}
