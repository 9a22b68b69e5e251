#include "execute.h"

#include "base/mem.h"
#include "base/must.h"
#include "fields.h"
#include "watches.h"

#include <inttypes.h>

#define LEASE_TTL 100000 /* seconds: none ends during a test */

static bool grant(struct server *s, int64_t id)
{
    struct pb_lease_grant_request r = {.ttl = LEASE_TTL, .id = id};
    struct buf message = {0};
    struct answer a = {0};
    wire_encode(&wire_lease_grant_request, &r, &message);
    bool ok = client_call(s->client, "/etcdserverpb.Lease/LeaseGrant", buf_slice(&message), &a) ==
                  RC_OK &&
              a.code == 0;
    answer_fini(&a);
    buf_fini(&message);
    return ok;
}

enum rc rig_start(struct rig *rig, struct err *err)
{
    rig->now = (struct moment){.revision = 1, .compacted = 0};
    enum rc rc = servers_start(rig->options, &rig->servers, err);
    for (enum side side = 0; side < SIDE_COUNT && rc == RC_OK; side++)
        for (int64_t id = 1; id <= rig->program->leases && rc == RC_OK; id++)
            if (!grant(&rig->servers.at[side], id))
                rc = err_set(err, RC_PROTOCOL, "%s grants no lease", side_name(side));
    if (rc != RC_OK)
        servers_stop(rig->options, &rig->servers);
    return rc;
}

void rig_stop(struct rig *rig)
{
    servers_stop(rig->options, &rig->servers);
    callers_fini(&rig->callers);
}

struct round {
    struct step *const *steps;
    size_t n;
    unsigned callers[TOGETHER_MAX];
    struct asked asked[TOGETHER_MAX];
    struct answer answers[SIDE_COUNT][TOGETHER_MAX];
};

static bool can_be_asked(const struct rig *rig, const struct step *s, unsigned *caller)
{
    if (s->kind == STEP_WATCH && rig->options->form != CLIENT_GRPC)
        return false; /* only gRPC has streams here */
    return callers_pick(&rig->callers, s, rig->program->old_peer, caller);
}

/* One write, or as many reads as may be under way together. */
static struct round begin_round(const struct rig *rig, struct step *const *steps, size_t n)
{
    struct round r = {.steps = steps};
    while (r.n < n && r.n < TOGETHER_MAX && (r.n == 0 || step_is_read(steps[r.n])) &&
           can_be_asked(rig, steps[r.n], &r.callers[r.n])) {
        r.asked[r.n] = (struct asked){
            .old_peer = rig->program->old_peer,
            .guarded = rig->callers.guarded,
            .compacted = rig->now.compacted,
            .by_token = callers_token(&rig->callers, SIDE_ETCD, r.callers[r.n]).n > 0};
        if (!step_is_read(steps[r.n++]))
            break;
    }
    return r;
}

static void show_caller(unsigned caller, struct buf *out)
{
    if (caller == CALLER_STRANGER)
        buf_append_str(out, " (by a stranger)");
    else if (caller >= CALLER_FORMER)
        buf_printf(out, " (by %s, with a former token)",
                   (const char *)program_users[caller - CALLER_FORMER].p);
    else if (caller >= CALLER_USER)
        buf_printf(out, " (by %s)", (const char *)program_users[caller - CALLER_USER].p);
}

static void show_step(const struct round *r, size_t i, struct buf *out)
{
    const struct step *s = r->steps[i];
    buf_printf(out, "%s ", step_name(s->kind));
    message_show(step_request(s->kind), s->request, out);
    show_caller(r->callers[i], out);
    if (s->unknown_field)
        buf_append_str(out, " (and an unknown field)");
    buf_append_u8(out, '\n');
}

static void show_answers(const struct round *r, size_t i, struct buf *out)
{
    for (enum side side = 0; side < SIDE_COUNT; side++) {
        buf_printf(out, "    %s: ", side_name(side));
        answer_show(r->steps[i], &r->answers[side][i], out);
        buf_append_u8(out, '\n');
    }
}

static bool has_message(void *arg, struct slice body)
{
    struct slice ignored;
    (void)arg;
    return frame_next(&body, &ignored);
}

/* The first answer of a watch stream, as if the call were unary. */
static enum rc ask_stream(struct client *c, const char *path, struct slice token,
                          struct slice request, struct answer *a)
{
    struct buf framed = {0};
    struct buf body = {0};
    struct slice message = {0};
    *a = (struct answer){.code = -1};
    frame_append(&framed, request);
    enum rc rc = client_stream(c, path, token, buf_slice(&framed), has_message, NULL, &body);
    struct slice rest = buf_slice(&body);
    a->complete = rc == RC_OK && frame_next(&rest, &message);
    a->code = a->complete ? 0 : -1;
    buf_append_slice(&a->message, message);
    buf_fini(&framed);
    buf_fini(&body);
    return rc == RC_END ? RC_OK : rc;
}

static enum rc ask(struct rig *rig, struct round *r, size_t i, enum side side, struct slice message)
{
    const struct step *s = r->steps[i];
    struct client *c = rig->servers.at[side].client;
    struct slice token = callers_token(&rig->callers, side, r->callers[i]);
    struct answer *a = &r->answers[side][i];
    if (s->kind == STEP_WATCH)
        return ask_stream(c, step_path(s->kind), token, message, a);
    client_start(c, step_path(s->kind), token, message, a);
    return RC_OK;
}

/* Both servers work at the same time. */
static bool send_round(struct rig *rig, struct round *r, struct disagreement *out)
{
    enum rc rc[SIDE_COUNT] = {RC_OK};
    for (size_t i = 0; i < r->n; i++) {
        struct buf message = {0};
        step_encode(r->steps[i], &rig->now, &message);
        for (enum side side = 0; side < SIDE_COUNT; side++)
            if (rc[side] == RC_OK)
                rc[side] = ask(rig, r, i, side, buf_slice(&message));
        buf_fini(&message);
    }
    for (enum side side = 0; side < SIDE_COUNT; side++)
        if (rc[side] == RC_OK)
            rc[side] = client_flush(rig->servers.at[side].client);
    bool ok = true;
    for (enum side side = 0; side < SIDE_COUNT; side++) {
        if (rc[side] == RC_OK)
            rc[side] = client_finish(rig->servers.at[side].client);
        if (rc[side] == RC_OK)
            continue;
        ok = false;
        buf_printf(&out->text, "%s: %s at this step or one of the %zu sent with it\n",
                   side_name(side), rc_text(rc[side]), r->n - 1);
        for (size_t i = 0; i < r->n; i++)
            show_step(r, i, &out->text);
        server_quote_log(&rig->servers.at[side], &out->text);
    }
    return ok;
}

static void count(struct rig *rig, const struct step *s, const struct answer *etcd, enum rule rule)
{
    struct tally *t = rig->tally;
    struct arena arena = {0};
    if (!t)
        return;
    t->rules[rule]++;
    t->hits.steps[s->kind]++;
    hits_message(&t->hits, step_request(s->kind), s->request);
    if (etcd->code != 0) {
        hits_error(&t->hits, etcd->text);
        return;
    }
    const struct wire_message *m = step_response(s->kind);
    void *response = arena_zalloc(&arena, m->size);
    if (wire_decode(m, buf_slice(&etcd->message), &arena, response) == RC_OK)
        hits_message(&t->hits, m, response);
    arena_fini(&arena);
}

static void move_on(struct rig *rig, const struct step *s, const struct answer *moat,
                    const struct answer *etcd)
{
    int64_t revision = answer_revision(s, etcd);
    if (revision > rig->now.revision)
        rig->now.revision = revision;
    if (revision != 0 && step_is_fragile(s))
        rig->now.fragile[rig->now.fragile_n++ % FRAGILE_MAX] = revision;
    callers_note(&rig->callers, s, (const struct answer *const[]){moat, etcd});
    if (s->kind == STEP_COMPACT && etcd->code == 0)
        rig->now.compacted = ((const struct pb_compaction_request *)s->request)->revision;
}

static void trace(struct rig *rig, const struct round *r, size_t i)
{
    struct buf text = {0};
    if (!rig->trace)
        return;
    show_step(r, i, &text);
    show_answers(r, i, &text);
    fwrite(text.p, 1, text.n, rig->trace);
    buf_fini(&text);
}

/* Returns how many of the round's answers agree. */
static size_t judge_round(struct rig *rig, struct round *r, struct disagreement *out)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct step *s = r->steps[i];
        const struct answer *etcd = &r->answers[SIDE_ETCD][i];
        const struct answer *moat = &r->answers[SIDE_MOAT][i];
        struct judged j = judge(s, &r->asked[i], moat, etcd);
        trace(rig, r, i);
        if (!j.agree) {
            buf_printf(&out->text, "they differ: %s\n", j.differs);
            show_step(r, i, &out->text);
            show_answers(r, i, &out->text);
            return i;
        }
        count(rig, s, etcd, j.rule);
        move_on(rig, s, moat, etcd);
    }
    return r->n;
}

bool rig_run(struct rig *rig, struct step *const *steps, size_t n, struct disagreement *out)
{
    bool agree = true;
    for (size_t at = 0; at < n && agree;) {
        struct round r = begin_round(rig, steps + at, n - at);
        if (r.n == 0) {
            at++;
            continue;
        }
        size_t good = send_round(rig, &r, out) ? judge_round(rig, &r, out) : 0;
        agree = good == r.n;
        at += good;
        out->at = at;
        for (enum side side = 0; side < SIDE_COUNT; side++)
            for (size_t i = 0; i < r.n; i++)
                answer_fini(&r.answers[side][i]);
    }
    return agree && watches_agree(rig, out);
}
