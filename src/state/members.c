#include "state/members.h"

#include "base/fnv.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/wr.h"
#include "state/inner.h"

#include <stdlib.h>

#define KEY_LEN 8u

const struct members *state_members(const struct state *s)
{
    return &s->members;
}

/* Where the member is, or would be. */
static size_t place(const struct members *ms, uint64_t id)
{
    size_t i = 0;
    while (i < ms->n && ms->v[i]->m.id < id)
        i++;
    return i;
}

static bool is_there(const struct members *ms, size_t at, uint64_t id)
{
    return at < ms->n && ms->v[at]->m.id == id;
}

const struct pb_member *members_find(const struct members *ms, uint64_t id)
{
    size_t at = place(ms, id);
    return is_there(ms, at, id) ? &ms->v[at]->m : NULL;
}

/* ---- Rows ---- */

static void free_row(struct member_row *row)
{
    arena_fini(&row->arena);
    buf_fini(&row->encoded);
    free(row);
}

/* A row of its encoding; NULL: it is none. */
static struct member_row *make_row(struct slice encoded)
{
    struct member_row *row = mem_zalloc(sizeof(*row));
    buf_append_slice(&row->encoded, encoded);
    if (wire_decode(&wire_member, buf_slice(&row->encoded), &row->arena, &row->m) == RC_OK)
        return row;
    free_row(row);
    return NULL;
}

/* In place of the one with its ID, if there is one. */
static void hold(struct members *ms, struct member_row *row)
{
    size_t at = place(ms, row->m.id);
    if (is_there(ms, at, row->m.id)) {
        free_row(ms->v[at]);
    } else {
        must(ms->n < MEMBERS_MAX);
        memmove(&ms->v[at + 1], &ms->v[at], (ms->n - at) * sizeof(struct member_row *));
        ms->n++;
    }
    ms->v[at] = row;
}

static void put(struct state *s, const struct pb_member *m)
{
    const struct pb_member kept = {.id = m->id,
                                   .peer_urls = m->peer_urls,
                                   .peer_urls_n = m->peer_urls_n,
                                   .is_learner = m->is_learner};
    uint8_t key[KEY_LEN];
    struct buf encoded = {0};
    store_u64_big(key, m->id);
    wire_encode(&wire_member, &kept, &encoded);
    pending_put(&s->pending, TABLE_MEMBER, slice_of(key, sizeof(key)), buf_slice(&encoded));
    struct member_row *row = make_row(buf_slice(&encoded));
    must(row);
    buf_fini(&encoded);
    hold(&s->members, row);
}

static void drop(struct state *s, uint64_t id)
{
    struct members *ms = &s->members;
    size_t at = place(ms, id);
    uint8_t key[KEY_LEN];
    must(is_there(ms, at, id));
    store_u64_big(key, id);
    pending_delete(&s->pending, TABLE_MEMBER, slice_of(key, sizeof(key)));
    free_row(ms->v[at]);
    ms->n--;
    memmove(&ms->v[at], &ms->v[at + 1], (ms->n - at) * sizeof(struct member_row *));
}

/* ---- Changes ---- */

static bool has_url(const struct pb_member *m, struct slice url)
{
    for (size_t i = 0; i < m->peer_urls_n; i++)
        if (slice_eq(m->peer_urls[i], url))
            return true;
    return false;
}

/* Does another member have one of its URLs? */
static bool collides(const struct members *ms, const struct pb_member *m)
{
    for (size_t i = 0; i < ms->n; i++)
        for (size_t k = 0; ms->v[i]->m.id != m->id && k < m->peer_urls_n; k++)
            if (has_url(&ms->v[i]->m, m->peer_urls[k]))
                return true;
    return false;
}

static size_t count(const struct members *ms, bool learners)
{
    size_t n = 0;
    for (size_t i = 0; i < ms->n; i++)
        n += ms->v[i]->m.is_learner == learners;
    return n;
}

size_t members_voters(const struct members *ms, uint64_t ids[MEMBERS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < ms->n; i++)
        if (!ms->v[i]->m.is_learner)
            ids[n++] = ms->v[i]->m.id;
    return n;
}

static enum etcd_error judge_room(const struct members *ms,
                                  const struct pb_member_change_request *r)
{
    bool full = ms->n == MEMBERS_MAX;
    if (r->member->is_learner)
        return full || count(ms, true) >= r->max_learners ? ETCD_TOO_MANY_LEARNERS : ETCD_OK;
    return full ? ETCD_REQUEST_TOO_MANY_REQUESTS : ETCD_OK;
}

/* What etcd would find, in its order. */
static enum etcd_error judge(const struct members *ms, uint32_t field,
                             const struct pb_member_change_request *r)
{
    const struct pb_member *known = members_find(ms, r->member->id);
    if (field == RAFT_REQUEST_MEMBER_REMOVE) {
        if (known && !known->is_learner && count(ms, false) == 1)
            return ETCD_MEMBER_NOT_ENOUGH_STARTED;
        return known ? ETCD_OK : ETCD_MEMBER_NOT_FOUND;
    }
    bool adds = field == RAFT_REQUEST_MEMBER_ADD;
    if (adds && known)
        return ETCD_MEMBER_EXIST;
    if (!adds && !known)
        return ETCD_MEMBER_NOT_FOUND;
    if (collides(ms, r->member))
        return ETCD_PEER_URL_EXIST;
    return adds ? judge_room(ms, r) : ETCD_OK;
}

/* --force-new-cluster: in one entry, so that a crash leaves all members or this one. */
static void drop_others(struct state *s, uint64_t self)
{
    for (size_t i = s->members.n; i-- > 0;)
        if (s->members.v[i]->m.id != self)
            drop(s, s->members.v[i]->m.id);
}

enum rc member_dispatch(struct state *s, const struct raft_request *r, struct state_reply *reply)
{
    struct pb_member_change_request change;
    enum rc rc = wire_decode(&wire_member_change_request, r->body, &s->arena, &change);
    if (rc != RC_OK)
        return rc;
    if (!change.self || (!change.member && r->field != RAFT_REQUEST_MEMBER_ALONE))
        return RC_MALFORMED;
    s->members.changes++;
    if (!members_find(&s->members, change.self->id) && s->members.n < MEMBERS_MAX)
        put(s, change.self);
    if (r->field == RAFT_REQUEST_MEMBER_ALONE) {
        drop_others(s, change.self->id);
        return RC_OK;
    }
    reply->error = judge(&s->members, r->field, &change);
    if (reply->error != ETCD_OK)
        return RC_OK;
    if (r->field == RAFT_REQUEST_MEMBER_REMOVE) {
        drop(s, change.member->id);
        return RC_OK;
    }
    const struct pb_member *known = members_find(&s->members, change.member->id);
    if (known) /* an update is of its URLs */
        change.member->is_learner = known->is_learner;
    put(s, change.member);
    return RC_OK;
}

/* ---- Start and end ---- */

struct load {
    struct state *s;
    enum rc rc;
};

static bool load_one(void *arg, struct slice key, struct slice value)
{
    struct load *l = arg;
    struct members *ms = &l->s->members;
    struct member_row *row = make_row(value);
    bool sound = row && key.n == KEY_LEN && load_u64_big(key.p) == row->m.id;
    if (sound && ms->n < MEMBERS_MAX) {
        hold(ms, row);
        return true;
    }
    l->rc = sound ? RC_LIMIT : RC_CORRUPT;
    if (row)
        free_row(row);
    return false;
}

enum rc members_restore(struct state *s, struct err *err)
{
    struct load l = {.s = s};
    enum rc rc = storage_scan(s->opt.storage, TABLE_MEMBER, (struct slice){0}, load_one, &l);
    rc = rc == RC_OK ? l.rc : rc;
    return rc == RC_OK ? RC_OK
                       : err_set(err, rc, "the stored members are damaged (%s)", rc_text(rc));
}

void members_fini(struct state *s)
{
    for (size_t i = 0; i < s->members.n; i++)
        free_row(s->members.v[i]);
}

uint64_t members_hash(const struct members *ms, uint64_t h)
{
    for (size_t i = 0; i < ms->n; i++)
        h = fnv_hash(h, buf_slice(&ms->v[i]->encoded));
    return h;
}
