#include "watches.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/wr.h"
#include "fields.h"

#include <inttypes.h>
#include <stdlib.h>

#define WATCHES 8
#define LAST_ID 99 /* of the last watch, which sees everything */

struct watches {
    struct buf requests; /* framed */
    int64_t until;       /* the end of history, before the marks */
    int64_t marked;      /* the revision at which keys were put; they were deleted at the next */
    size_t n;
    bool silent[WATCHES]; /* it filters everything: nothing shows when it has told all */
    bool only_puts[WATCHES];
    struct buf bodies[SIDE_COUNT];
};

static const struct slice keys[] = {SLICE_INIT("a"), SLICE_INIT("\0"), SLICE_INIT("k/1"),
                                    SLICE_INIT("\x7f"), SLICE_INIT("b")};

/* ---- The marks. Before, everything is deleted: no more keys than a program's are ever there. ----
 */

enum marking { MARK_SWEEP, MARK_PUT, MARK_DELETE };

/* Everything is deleted, then the keys are put, then deleted. The revision at which that was done,
 * 0: it was refused; -1: there was no answer. */
static int64_t mark_on(struct client *c, enum marking what)
{
    struct pb_request_op ops[ARRAY_LEN(keys)];
    struct pb_put_request puts[ARRAY_LEN(keys)];
    struct pb_delete_range_request deletes[ARRAY_LEN(keys)];
    struct pb_delete_range_request all = {.key = SLICE_LIT("\0"), .range_end = SLICE_LIT("\0")};
    struct pb_txn_request txn = {.success = ops, .success_n = ARRAY_LEN(keys)};
    struct step step = {.kind = STEP_TXN};
    struct buf message = {0};
    struct answer a = {0};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        puts[i] = (struct pb_put_request){.key = keys[i], .value = SLICE_LIT("mark")};
        deletes[i] = (struct pb_delete_range_request){.key = keys[i]};
        ops[i] = what == MARK_PUT
                     ? (struct pb_request_op){.request_case = PB_OP_PUT, .request_put = &puts[i]}
                     : (struct pb_request_op){.request_case = PB_OP_DELETE_RANGE,
                                              .request_delete_range = &deletes[i]};
    }
    if (what == MARK_SWEEP) {
        ops[0].request_delete_range = &all;
        txn.success_n = 1;
    }
    wire_encode(&wire_txn_request, &txn, &message);
    enum rc rc = client_call(c, step_path(STEP_TXN), buf_slice(&message), &a);
    int64_t revision = rc == RC_OK ? answer_revision(&step, &a) : -1;
    answer_fini(&a);
    buf_fini(&message);
    return revision;
}

/* Both at the same revision. False: they differ. */
static bool mark(struct rig *rig, enum marking what, int64_t *at, struct disagreement *out)
{
    int64_t moat = mark_on(rig->servers.at[SIDE_MOAT].client, what);
    int64_t etcd = mark_on(rig->servers.at[SIDE_ETCD].client, what);
    *at = etcd;
    if (moat == etcd && etcd >= 0) {
        rig->now.revision = etcd > 0 ? etcd : rig->now.revision;
        return true;
    }
    buf_printf(&out->text, "after the last step, keys are %s at %" PRId64 " and %" PRId64 "\n",
               what == MARK_PUT ? "put" : "deleted", moat, etcd);
    return false;
}

/* ---- What is asked ---- */

/* One that tells nothing of its keys must not be told of compaction, either: when is not known. 3.4
 * leaves out what was deleted at the compacted revision. */
static int64_t start_of(const struct watches *w, const struct rig *rig, int64_t start)
{
    int64_t compacted = rig->now.compacted;
    bool shift =
        w->silent[w->n] ? start <= compacted : rig->program->old_peer && start == compacted;
    return shift ? compacted + 1 : start;
}

static void add(struct watches *w, const struct rig *rig, struct pb_watch_create_request *create)
{
    struct buf message = {0};
    bool no[2] = {false};
    for (size_t i = 0; i < create->filters_n; i++)
        if (create->filters[i] <= PB_FILTER_TYPE_NODELETE)
            no[create->filters[i]] = true;
    w->silent[w->n] = no[PB_FILTER_TYPE_NOPUT] && no[PB_FILTER_TYPE_NODELETE];
    w->only_puts[w->n] = no[PB_FILTER_TYPE_NODELETE];
    create->start_revision = start_of(w, rig, create->start_revision);
    w->n++;
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
    static const struct slice ends[] = {SLICE_INIT(""), SLICE_INIT("\0"), SLICE_INIT("b"),
                                        SLICE_INIT("l"), SLICE_INIT("\xff")};
    int64_t compacted = rig->now.compacted;
    int64_t oldest = compacted + 1 > 2 ? compacted + 1 : 2;
    if (w->until - oldest > WATCHES_BACK_MAX)
        oldest = w->until - WATCHES_BACK_MAX;
    int64_t lowest = compacted > 1 && oldest == compacted + 1 ? compacted - 1 : oldest;
    for (int i = 0; i + 1 < WATCHES; i++) {
        int32_t filters[2] = {(int32_t)rng_below(rng, 2), (int32_t)rng_below(rng, 3)};
        uint64_t key = rng_below(rng, ARRAY_LEN(keys) + 1);
        struct pb_watch_create_request create = {
            .range_end = ends[rng_below(rng, ARRAY_LEN(ends))],
            .start_revision = (int64_t)rng_between(rng, (uint64_t)lowest, (uint64_t)w->until),
            .filters = filters,
            .filters_n = rng_below(rng, 4) < 3 ? 0 : 1 + rng_below(rng, 2),
            .prev_kv = rng_below(rng, 2),
            .fragment = rng_below(rng, 2)};
        if (key < ARRAY_LEN(keys)) /* else it is empty: that is "\0", too */
            create.key = keys[key];
        add(w, rig, &create);
    }
    add(w, rig,
        &(struct pb_watch_create_request){.key = SLICE_LIT("\0"),
                                          .range_end = SLICE_LIT("\0"),
                                          .start_revision = oldest,
                                          .prev_kv = true,
                                          .watch_id = LAST_ID});
}

/* ---- What is answered ---- */

/* The next message of a body. */
static bool next(struct slice *body, struct arena *a, struct pb_watch_response *out)
{
    struct slice message;
    return frame_next(body, &message) &&
           wire_decode(&wire_watch_response, message, a, out) == RC_OK;
}

/* Created answers come in the order of the requests; what is not created has no ID. */
static bool is_enough(void *arg, struct slice body)
{
    const struct watches *w = arg;
    struct arena a = {0};
    struct pb_watch_response r;
    int64_t ids[WATCHES];
    bool done[WATCHES] = {false};
    size_t created = 0;
    while (next(&body, &a, &r)) {
        size_t i = 0;
        while (i < created && ids[i] != r.watch_id)
            i++;
        if (r.created && created < w->n) {
            i = created++;
            ids[i] = r.watch_id;
            done[i] = w->silent[i];
        }
        if (i == created)
            continue;
        int64_t last = r.events_n > 0 ? r.events[r.events_n - 1].kv->mod_revision : 0;
        done[i] = done[i] || r.canceled || last >= w->marked + !w->only_puts[i];
    }
    arena_fini(&a);
    bool all = created == w->n;
    for (size_t i = 0; i < created; i++)
        all = all && done[i];
    return all;
}

static void show(const struct wire_message *m, const void *msg, struct buf *out)
{
    message_show(m, msg, out);
    buf_append_u8(out, '\n');
}

/* Append the answers of one watch, a line each, without the numbers that differ by nature. */
static void answers_of(struct slice body, int64_t id, struct buf *out)
{
    struct arena a = {0};
    struct pb_watch_response r;
    while (next(&body, &a, &r)) {
        if (r.watch_id != id)
            continue;
        r.header->cluster_id = r.header->member_id = r.header->raft_term = 0;
        for (size_t i = 0; i < r.events_n; i++)
            show(&wire_event, &r.events[i], out);
        if (r.events_n == 0)
            show(&wire_watch_response, &r, out);
    }
    arena_fini(&a);
}

static bool compare(struct watches *w, struct disagreement *out)
{
    for (int64_t id = -1; id <= LAST_ID; id++) {
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

static void count(struct hits *h, const struct watches *w)
{
    struct arena a = {0};
    struct pb_watch_request asked;
    struct pb_watch_response r;
    struct slice message;
    for (struct slice rest = buf_slice(&w->requests); frame_next(&rest, &message);)
        if (wire_decode(&wire_watch_request, message, &a, &asked) == RC_OK)
            hits_message(h, &wire_watch_request, &asked);
    for (struct slice rest = buf_slice(&w->bodies[SIDE_ETCD]); next(&rest, &a, &r);)
        hits_message(h, &wire_watch_response, &r);
    arena_fini(&a);
}

/* Watch until everything has come that comes. */
static bool watch(struct rig *rig, struct watches *w, enum side side, struct disagreement *out)
{
    struct buf *body = &w->bodies[side];
    enum rc rc = client_stream(rig->servers.at[side].client, step_path(STEP_WATCH),
                               (struct slice){0}, buf_slice(&w->requests), is_enough, w, body);
    if (rc == RC_OK)
        return true;
    buf_printf(&out->text, "%s: %s while watching; it said\n", side_name(side), rc_text(rc));
    for (int64_t id = -1; id <= LAST_ID; id++)
        answers_of(buf_slice(body), id, &out->text);
    return false;
}

bool watches_agree(struct rig *rig, struct disagreement *out)
{
    struct watches w = {.until = rig->now.revision};
    struct rng rng;
    int64_t swept = 0;
    int64_t deleted = 0;
    if (rig->options->form != CLIENT_GRPC)
        return true; /* only gRPC has streams here */
    if (w.until <= rig->now.compacted || w.until < 2)
        return true; /* there is no history */
    if (rig->callers.guarded)
        return true; /* a program whose end was cut off: nobody may watch all */
    bool agree = mark(rig, MARK_SWEEP, &swept, out) && mark(rig, MARK_PUT, &w.marked, out) &&
                 mark(rig, MARK_DELETE, &deleted, out);
    if (agree && deleted != w.marked + 1)
        return true; /* likewise: an alarm is on */
    rng_seed(&rng, (uint64_t)w.until);
    ask(&w, rig, &rng);
    agree = agree && watch(rig, &w, SIDE_MOAT, out) && watch(rig, &w, SIDE_ETCD, out);
    agree = agree && compare(&w, out);
    if (agree && rig->tally)
        count(&rig->tally->hits, &w);
    buf_fini(&w.requests);
    for (enum side side = 0; side < SIDE_COUNT; side++)
        buf_fini(&w.bodies[side]);
    return agree;
}
