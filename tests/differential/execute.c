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
}

struct round {
    struct step *const *steps;
    size_t n;
    struct answer answers[SIDE_COUNT][TOGETHER_MAX];
};

/* One write, or as many reads as may be under way together. */
static size_t round_length(struct step *const *steps, size_t n)
{
    size_t reads = 0;
    while (reads < n && reads < TOGETHER_MAX && step_is_read(steps[reads]))
        reads++;
    return reads > 0 ? reads : 1;
}

static void show_step(const struct step *s, struct buf *out)
{
    buf_printf(out, "%s ", step_name(s->kind));
    message_show(step_request(s->kind), s->request, out);
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

/* Both servers work at the same time. */
static bool send_round(struct rig *rig, struct round *r, struct disagreement *out)
{
    for (size_t i = 0; i < r->n; i++) {
        struct buf message = {0};
        step_encode(r->steps[i], &rig->now, &message);
        for (enum side side = 0; side < SIDE_COUNT; side++)
            client_start(rig->servers.at[side].client, step_path(r->steps[i]->kind),
                         buf_slice(&message), &r->answers[side][i]);
        buf_fini(&message);
    }
    enum rc rc[SIDE_COUNT];
    for (enum side side = 0; side < SIDE_COUNT; side++)
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
            show_step(r->steps[i], &out->text);
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

static void move_on(struct rig *rig, const struct step *s, const struct answer *etcd)
{
    int64_t revision = answer_revision(s, etcd);
    if (revision > rig->now.revision)
        rig->now.revision = revision;
    if (revision != 0 && step_is_fragile(s))
        rig->now.fragile[rig->now.fragile_n++ % FRAGILE_MAX] = revision;
    if (s->kind == STEP_COMPACT && etcd->code == 0)
        rig->now.compacted = ((const struct pb_compaction_request *)s->request)->revision;
}

static void trace(struct rig *rig, const struct round *r, size_t i)
{
    struct buf text = {0};
    if (!rig->trace)
        return;
    show_step(r->steps[i], &text);
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
        struct judged j = judge(s, &r->answers[SIDE_MOAT][i], etcd, rig->program->old_peer);
        trace(rig, r, i);
        if (!j.agree) {
            buf_printf(&out->text, "they differ: %s\n", j.differs);
            show_step(s, &out->text);
            show_answers(r, i, &out->text);
            return i;
        }
        count(rig, s, etcd, j.rule);
        move_on(rig, s, etcd);
    }
    return r->n;
}

bool rig_run(struct rig *rig, struct step *const *steps, size_t n, struct disagreement *out)
{
    bool agree = true;
    for (size_t at = 0; at < n && agree;) {
        struct round r = {.steps = steps + at, .n = round_length(steps + at, n - at)};
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
