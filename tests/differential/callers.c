#include "callers.h"

#define NO_USER PROGRAM_USERS

void callers_fini(struct callers *c)
{
    for (enum side side = 0; side < SIDE_COUNT; side++)
        for (size_t i = 0; i < CALLER_COUNT; i++)
            buf_fini(&c->tokens[side][i]);
    *c = (struct callers){0};
}

static size_t user_of(struct slice name)
{
    size_t i = 0;
    while (i < PROGRAM_USERS && !slice_eq(program_users[i], name))
        i++;
    return i;
}

static void retire(struct callers *c, enum side side, size_t user)
{
    struct buf *last = &c->tokens[side][CALLER_USER + user];
    struct buf *former = &c->tokens[side][CALLER_FORMER + user];
    if (last->n == 0)
        return;
    buf_fini(former);
    *former = *last;
    *last = (struct buf){0};
}

static void keep_token(struct callers *c, enum side side, size_t user, const struct answer *a)
{
    struct arena arena = {0};
    struct pb_authenticate_response r;
    retire(c, side, user);
    if (wire_decode(&wire_authenticate_response, buf_slice(&a->message), &arena, &r) == RC_OK)
        buf_append_slice(&c->tokens[side][CALLER_USER + user], r.token);
    arena_fini(&arena);
}

void callers_note(struct callers *c, const struct step *s, const struct answer *const at[])
{
    const struct pb_auth_user_get_request *named = s->request; /* their first field is the name */
    if (at[SIDE_ETCD]->code != 0)
        return;
    if (s->kind == STEP_AUTH_ENABLE)
        c->guarded = true;
    if (s->kind == STEP_AUTH_DISABLE)
        c->guarded = false;
    bool one =
        s->kind == STEP_LOGIN || s->kind == STEP_USER_DELETE || s->kind == STEP_USER_PASSWORD;
    size_t user = one ? user_of(named->name) : NO_USER;
    for (enum side side = 0; side < SIDE_COUNT; side++) {
        if (s->kind == STEP_LOGIN && user != NO_USER)
            keep_token(c, side, user, at[side]);
        else if (user != NO_USER)
            retire(c, side, user);
        for (size_t i = 0; s->kind == STEP_AUTH_DISABLE && i < PROGRAM_USERS; i++)
            retire(c, side, i);
    }
}

/* What 3.4 does for anybody, and changes something. */
static bool is_unguarded(const struct step *s)
{
    const struct pb_alarm_request *alarm = s->request;
    return s->kind == STEP_COMPACT || s->kind == STEP_GRANT || s->kind == STEP_REVOKE ||
           (s->kind == STEP_ALARM && alarm->action != PB_ALARM_ACTION_GET);
}

/* With authentication off 3.4 refuses a token that it does not know, 3.7 looks at none. */
bool callers_pick(const struct callers *c, const struct step *s, bool old_peer, unsigned *caller)
{
    *caller = s->caller;
    if (!old_peer)
        return true;
    if (!c->guarded) {
        *caller = step_is_read(s) ? s->caller : CALLER_NOBODY;
        return true;
    }
    if (s->kind == STEP_LOGIN)
        *caller = CALLER_NOBODY; /* 3.4 logs nobody in who sends a token that it does not know */
    if (!is_unguarded(s))
        return true;
    *caller = CALLER_USER; /* root */
    return callers_token(c, SIDE_ETCD, *caller).n > 0;
}

struct slice callers_token(const struct callers *c, enum side side, unsigned caller)
{
    if (caller == CALLER_STRANGER)
        return SLICE_LIT("abcdefghijklmnop.1");
    return buf_slice(&c->tokens[side][caller]);
}
