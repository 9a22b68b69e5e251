#include "state/alarm.h"

#include "base/mem.h"
#include "state/inner.h"
#include "wire/raft_request.h"

#include <stdlib.h>

bool state_has_alarm(const struct state *s, enum pb_alarm_type type)
{
    for (size_t i = 0; i < s->alarms.n; i++)
        if (s->alarms.v[i].alarm == (int32_t)type)
            return true;
    return false;
}

const struct alarms *state_alarms(const struct state *s)
{
    return &s->alarms;
}

enum etcd_error alarm_refusal(const struct state *s, uint32_t field, size_t cost)
{
    if (s->alarms.n == 0)
        return ETCD_OK;
    bool changes = field == RAFT_REQUEST_PUT || field == RAFT_REQUEST_DELETE_RANGE ||
                   field == RAFT_REQUEST_TXN || field == RAFT_REQUEST_COMPACTION ||
                   field == RAFT_REQUEST_LEASE_GRANT || field == RAFT_REQUEST_LEASE_REVOKE ||
                   field == RAFT_REQUEST_LEASE_EXPIRE;
    if (changes && state_has_alarm(s, PB_ALARM_TYPE_CORRUPT))
        return ETCD_CORRUPT;
    if (cost > 0 && state_has_alarm(s, PB_ALARM_TYPE_NOSPACE))
        return ETCD_NO_SPACE;
    return ETCD_OK;
}

static int compare(const struct pb_alarm_member *a, const struct pb_alarm_member *b)
{
    if (a->member_id != b->member_id)
        return a->member_id < b->member_id ? -1 : 1;
    return (a->alarm > b->alarm) - (a->alarm < b->alarm);
}

/* Where m is, or would be. */
static size_t place(const struct alarms *a, const struct pb_alarm_member *m)
{
    size_t i = 0;
    while (i < a->n && compare(&a->v[i], m) < 0)
        i++;
    return i;
}

static bool is_there(const struct alarms *a, size_t at, const struct pb_alarm_member *m)
{
    return at < a->n && compare(&a->v[at], m) == 0;
}

static void insert(struct alarms *a, size_t at, struct pb_alarm_member m)
{
    a->v = mem_realloc(a->v, (a->n + 1) * sizeof(*a->v));
    memmove(&a->v[at + 1], &a->v[at], (a->n - at) * sizeof(*a->v));
    a->v[at] = m;
    a->n++;
}

static void row_of(const struct pb_alarm_member *m, struct buf *out)
{
    wire_encode(&wire_alarm_member, m, out);
}

/* Returns whether the alarm stands. */
static bool activate(struct state *s, const struct pb_alarm_member *m)
{
    size_t at = place(&s->alarms, m);
    if (m->alarm == PB_ALARM_TYPE_NONE)
        return false;
    if (is_there(&s->alarms, at, m))
        return true;
    if (s->alarms.n == STATE_ALARMS_MAX)
        return false;
    struct buf row = {0};
    row_of(m, &row);
    pending_put(&s->pending, TABLE_ALARM, buf_slice(&row), (struct slice){0});
    buf_fini(&row);
    insert(&s->alarms, at, *m);
    return true;
}

/* Returns whether there was something to disarm. */
static bool deactivate(struct state *s, const struct pb_alarm_member *m)
{
    struct alarms *a = &s->alarms;
    size_t at = place(a, m);
    if (!is_there(a, at, m))
        return false;
    struct buf row = {0};
    row_of(m, &row);
    pending_delete(&s->pending, TABLE_ALARM, buf_slice(&row));
    buf_fini(&row);
    a->n--;
    memmove(&a->v[at], &a->v[at + 1], (a->n - at) * sizeof(*a->v));
    return true;
}

void apply_alarm(struct state *s, const struct pb_alarm_request *r, struct state_reply *reply)
{
    struct pb_alarm_member one = {.member_id = r->member_id, .alarm = r->alarm};
    struct pb_response_header h = state_header(s, reply->raft_term);
    struct pb_alarm_member *listed = &one;
    size_t n = 0;
    if (r->action == PB_ALARM_ACTION_ACTIVATE) {
        n = activate(s, &one);
    } else if (r->action == PB_ALARM_ACTION_DEACTIVATE) {
        n = deactivate(s, &one);
    } else if (r->action == PB_ALARM_ACTION_GET) {
        listed = arena_alloc(&s->arena, (s->alarms.n + 1) * sizeof(*listed));
        for (size_t i = 0; i < s->alarms.n; i++)
            if (r->alarm == PB_ALARM_TYPE_NONE || s->alarms.v[i].alarm == r->alarm)
                listed[n++] = s->alarms.v[i];
    }
    struct pb_alarm_response out = {.header = &h, .alarms = listed, .alarms_n = n};
    wire_encode(&wire_alarm_response, &out, &reply->body);
}

struct load {
    struct state *s;
    enum rc rc;
};

static bool load_one(void *arg, struct slice key, struct slice value)
{
    struct load *l = arg;
    struct pb_alarm_member m;
    (void)value;
    l->rc = wire_decode(&wire_alarm_member, key, &l->s->arena, &m);
    if (l->rc == RC_OK && l->s->alarms.n == STATE_ALARMS_MAX)
        l->rc = RC_LIMIT;
    if (l->rc == RC_OK)
        insert(&l->s->alarms, place(&l->s->alarms, &m), m);
    return l->rc == RC_OK;
}

enum rc alarms_restore(struct state *s, struct err *err)
{
    struct load l = {.s = s};
    enum rc rc = storage_scan(s->opt.storage, TABLE_ALARM, (struct slice){0}, load_one, &l);
    rc = rc == RC_OK ? l.rc : rc;
    arena_fini(&s->arena);
    return rc == RC_OK ? RC_OK
                       : err_set(err, rc, "the stored alarms are damaged (%s)", rc_text(rc));
}

void alarms_fini(struct state *s)
{
    free(s->alarms.v);
}
