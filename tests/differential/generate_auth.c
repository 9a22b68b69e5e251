/* Making programs in which authentication is on: who there is, who may do what, and who asks.
 *
 * Root's password is always the same, so that authentication can be turned off again. */
#include "base/must.h"
#include "generate.h"
#include "wire/table.h"

#define ROLES 4

static const struct slice roles[ROLES] = {SLICE_INIT("root"), SLICE_INIT("r"), SLICE_INIT("s"),
                                          SLICE_INIT("t")};
static const struct slice no_name = {0};

#define ROOT          0 /* of users, and of roles */
#define ROOT_PASSWORD SLICE_LIT("secret")
#define ALARM_MEMBERS 2  /* that have alarms, numbered from 0 */
#define PASSWORD_MAX  72 /* bcrypt takes no more */

static struct slice some_user(struct gen *g)
{
    if (percent(g, 4))
        return percent(g, 50) ? no_name : SLICE_LIT("nobody");
    return program_users[below(g, PROGRAM_USERS)];
}

static struct slice some_role(struct gen *g)
{
    if (percent(g, 6))
        return percent(g, 50) ? no_name : SLICE_LIT("norole");
    return roles[below(g, ROLES)];
}

static struct slice long_password(struct gen *g)
{
    uint8_t *p = make(g, PASSWORD_MAX + 1);
    memset(p, 'x', PASSWORD_MAX + 1);
    return slice_of(p, PASSWORD_MAX + 1);
}

static struct slice password_for(struct gen *g, struct slice user)
{
    if (slice_eq(user, program_users[ROOT]))
        return ROOT_PASSWORD;
    return percent(g, 93) ? SLICE_LIT("a") : SLICE_LIT("b");
}

/* ---- Single requests ---- */

static void set(struct step *s, enum step_kind kind, void *request)
{
    s->kind = kind;
    s->request = request;
}

static void login(struct gen *g, struct step *s, struct slice user)
{
    struct pb_authenticate_request *r = make(g, sizeof(*r));
    r->name = user;
    r->password = password_for(g, user);
    set(s, STEP_LOGIN, r);
}

static void add_user(struct gen *g, struct step *s, struct slice user)
{
    struct pb_auth_user_add_request *r = make(g, sizeof(*r));
    bool root = slice_eq(user, program_users[ROOT]);
    r->name = user;
    r->password = password_for(g, user);
    if (!root && percent(g, 4))
        r->password = no_name;
    if (!root && !g->opt->old_peer && percent(g, 4))
        r->password = long_password(g);
    if (percent(g, 20)) {
        r->options = make(g, sizeof(*r->options));
        r->options->no_password = !root && percent(g, 60);
    }
    if (!g->opt->old_peer && percent(g, 4))
        r->hashed_password = SLICE_LIT("JDJhJDA0JA=="); /* "$2a$04$": does not count */
    set(s, STEP_USER_ADD, r);
}

/* 3.4 knows no hash, and takes the empty password for one. */
static void change_password(struct gen *g, struct step *s)
{
    struct pb_auth_user_change_password_request *r = make(g, sizeof(*r));
    r->name = some_user(g);
    r->password = password_for(g, r->name);
    if (!g->opt->old_peer && !slice_eq(r->name, program_users[ROOT]) && percent(g, 15)) {
        r->password = no_name;
        r->hashed_password = percent(g, 50) ? SLICE_LIT("not base64!") : no_name;
    }
    set(s, STEP_USER_PASSWORD, r);
}

static void name_user(struct gen *g, struct step *s, enum step_kind kind, struct slice name)
{
    struct pb_auth_user_get_request *r = make(g, sizeof(*r)); /* as the others of one name */
    r->name = name;
    set(s, kind, r);
}

static void give_role(struct gen *g, struct step *s, enum step_kind kind, struct slice user,
                      struct slice role)
{
    struct pb_auth_user_grant_role_request *r = make(g, sizeof(*r)); /* or revoke: the same */
    r->user = user;
    r->role = role;
    set(s, kind, r);
}

/* 3.4 grants what is no range, and panics when there is nothing to grant. */
static void tame_permission(const struct gen *g, struct pb_permission *p)
{
    bool open = slice_eq(p->range_end, SLICE_LIT("\0"));
    if (!g->opt->old_peer)
        return;
    if (p->key.n == 0)
        p->key = g->keys[0];
    if (p->range_end.n > 0 && !open && slice_cmp(p->key, p->range_end) >= 0)
        p->range_end = no_name;
}

static struct pb_permission some_permission(struct gen *g)
{
    struct pb_permission p = g->permissions[below(g, GEN_PERMISSIONS)];
    if (percent(g, 25))
        choose_range(g, &p.key, &p.range_end);
    p.perm_type = (int32_t)below(g, PB_PERMISSION_TYPE_READWRITE + 1);
    if (percent(g, 2))
        p.perm_type = 3; /* there is no such */
    tame_permission(g, &p);
    return p;
}

static void grant(struct gen *g, struct step *s, struct slice role)
{
    struct pb_auth_role_grant_permission_request *r = make(g, sizeof(*r));
    r->name = role;
    if (g->opt->old_peer || !percent(g, 3)) {
        r->perm = make(g, sizeof(*r->perm));
        *r->perm = some_permission(g);
    }
    set(s, STEP_ROLE_GRANT, r);
}

static void revoke(struct gen *g, struct step *s)
{
    struct pb_auth_role_revoke_permission_request *r = make(g, sizeof(*r));
    struct pb_permission p = some_permission(g);
    *r = (struct pb_auth_role_revoke_permission_request){some_role(g), p.key, p.range_end};
    set(s, STEP_ROLE_REVOKE, r);
}

static void bare(struct gen *g, struct step *s, enum step_kind kind)
{
    set(s, kind, make(g, step_request(kind)->size));
}

/* ---- Beside the Auth service ---- */

static void watch(struct gen *g, struct step *s)
{
    struct pb_watch_request *r = make(g, sizeof(*r));
    struct pb_watch_create_request *create = make(g, sizeof(*create));
    int32_t *filters = make(g, sizeof(*filters));
    choose_range(g, &create->key, &create->range_end);
    *filters = (int32_t)below(g, 2);
    create->filters = filters;
    create->filters_n = percent(g, 20);
    create->start_revision = (int64_t)below(g, 3);
    create->progress_notify = percent(g, 20);
    create->prev_kv = percent(g, 30);
    create->fragment = percent(g, 20);
    create->watch_id = percent(g, 30) ? (int64_t)below(g, 3) : 0;
    r->request_union_case = PB_WATCH_CREATE;
    r->create_request = create;
    set(s, STEP_WATCH, r);
}

/* None of a member that there is: its number is another on each side. While an alarm is on 3.4
 * forgets about permissions: there is none while they are asked for. */
static void alarm(struct gen *g, struct step *s)
{
    struct pb_alarm_request *r = make(g, sizeof(*r));
    uint64_t choice = below(g, 100);
    r->action = choice < 35   ? PB_ALARM_ACTION_GET
                : choice < 60 ? PB_ALARM_ACTION_ACTIVATE
                              : PB_ALARM_ACTION_DEACTIVATE;
    if (g->alarm == PB_ALARM_TYPE_NONE) /* which of two counts depends on what came first */
        g->alarm = percent(g, 80) ? PB_ALARM_TYPE_NOSPACE : PB_ALARM_TYPE_CORRUPT;
    r->alarm = g->alarm;
    if (!g->opt->old_peer && percent(g, 5))
        r->alarm = PB_ALARM_TYPE_NONE;
    r->member_id = below(g, ALARM_MEMBERS);
    if (g->guarded && g->opt->old_peer && r->action == PB_ALARM_ACTION_ACTIVATE)
        r->action = PB_ALARM_ACTION_GET;
    g->armed = g->armed || r->action == PB_ALARM_ACTION_ACTIVATE;
    set(s, STEP_ALARM, r);
}

void maintenance_step(struct gen *g, struct step *s)
{
    struct pb_member_list_request *members = make(g, sizeof(*members));
    struct pb_hash_kv_request *hash = make(g, sizeof(*hash));
    g->step = s;
    struct pb_move_leader_request *leader = make(g, sizeof(*leader));
    uint64_t choice = below(g, 100);
    if (choice < 20) {
        members->linearizable = percent(g, 50);
        set(s, STEP_MEMBERS, members);
    } else if (choice < 50) {
        alarm(g, s);
    } else if (choice < 68) {
        bare(g, s, STEP_STATUS);
    } else if (choice < 76) {
        bare(g, s, STEP_HASH);
    } else if (choice < 90 && g->hashes) {
        if (percent(g, 40))
            refer(g, &hash->revision, true, (int64_t)below(g, 3) - 1);
        else if (percent(g, 70))
            refer(g, &hash->revision, false, 1 - (int64_t)below(g, 6));
        set(s, STEP_HASH_KV, hash);
    } else if (choice < 93) {
        bare(g, s, STEP_DEFRAGMENT);
    } else {
        leader->target_id = below(g, 2);
        set(s, STEP_MOVE_LEADER, leader);
    }
}

size_t disarm(struct gen *g, struct step *steps)
{
    size_t n = 0;
    while (g->armed && n < ALARM_MEMBERS) {
        struct pb_alarm_request *r = make(g, sizeof(*r));
        *r = (struct pb_alarm_request){PB_ALARM_ACTION_DEACTIVATE, n, g->alarm};
        set(&steps[n++], STEP_ALARM, r);
    }
    return n;
}

/* ---- Programs ---- */

unsigned auth_caller(struct gen *g)
{
    uint64_t choice = below(g, 100);
    if (choice < 35)
        return CALLER_USER + ROOT;
    if (choice < 85)
        return CALLER_USER + 1 + (unsigned)below(g, PROGRAM_USERS - 1);
    if (choice < 93)
        return CALLER_FORMER + (unsigned)below(g, PROGRAM_USERS);
    return choice < 97 ? CALLER_NOBODY : CALLER_STRANGER;
}

/* A change, most often root's, or a look at what there is. */
static void people_step(struct gen *g, struct step *s)
{
    uint64_t choice = below(g, 100);
    if (percent(g, 60))
        s->caller = CALLER_USER + ROOT;
    if (choice < 20)
        login(g, s, some_user(g));
    else if (choice < 26)
        add_user(g, s, some_user(g));
    else if (choice < 30)
        name_user(g, s, STEP_USER_DELETE, some_user(g));
    else if (choice < 38)
        name_user(g, s, STEP_USER_GET, some_user(g));
    else if (choice < 41)
        bare(g, s, STEP_USER_LIST);
    else if (choice < 46)
        change_password(g, s);
    else if (choice < 54)
        give_role(g, s, STEP_USER_GRANT, some_user(g), some_role(g));
    else if (choice < 59)
        give_role(g, s, STEP_USER_REVOKE, some_user(g), some_role(g));
    else if (choice < 64)
        name_user(g, s, STEP_ROLE_ADD, some_role(g));
    else if (choice < 72)
        name_user(g, s, STEP_ROLE_GET, some_role(g));
    else if (choice < 75)
        bare(g, s, STEP_ROLE_LIST);
    else if (choice < 77)
        name_user(g, s, STEP_ROLE_DELETE, some_role(g));
    else if (choice < 87)
        grant(g, s, some_role(g));
    else if (choice < 92)
        revoke(g, s);
    else if (choice < 95)
        bare(g, s, STEP_AUTH_STATUS);
    else
        bare(g, s, percent(g, 70) ? STEP_AUTH_ENABLE : STEP_AUTH_DISABLE);
}

_Static_assert(sizeof(struct pb_auth_role_add_request) == sizeof(struct pb_auth_user_get_request) &&
                   sizeof(struct pb_auth_role_get_request) ==
                       sizeof(struct pb_auth_user_get_request),
               "name_user makes them");
_Static_assert(sizeof(struct pb_auth_user_revoke_role_request) ==
                   sizeof(struct pb_auth_user_grant_role_request),
               "give_role makes both");

void auth_step(struct gen *g, struct step *s)
{
    uint64_t choice = below(g, 100);
    if (choice < 70)
        people_step(g, s);
    else if (choice < 82)
        watch(g, s);
    else
        maintenance_step(g, s);
}

size_t auth_set_up(struct gen *g, struct step *steps)
{
    size_t n = 0;
    for (size_t i = 0; i < GEN_PERMISSIONS; i++) {
        struct pb_permission *p = &g->permissions[i];
        choose_range(g, &p->key, &p->range_end);
    }
    for (size_t i = 1; i < ROLES; i++) {
        if (!percent(g, 3))
            name_user(g, &steps[n++], STEP_ROLE_ADD, roles[i]);
        for (uint64_t k = below(g, 4); k > 0; k--)
            grant(g, &steps[n++], roles[i]);
    }
    for (size_t i = 0; i < PROGRAM_USERS; i++) {
        if (!percent(g, 3))
            add_user(g, &steps[n++], program_users[i]);
        if (!percent(g, 3))
            give_role(g, &steps[n++], STEP_USER_GRANT, program_users[i], roles[i]);
        if (i != ROOT && percent(g, 40))
            give_role(g, &steps[n++], STEP_USER_GRANT, program_users[i], some_role(g));
    }
    bare(g, &steps[n++], STEP_AUTH_ENABLE);
    for (size_t i = 0; i < PROGRAM_USERS; i++)
        login(g, &steps[n++], program_users[i]);
    must(n <= AUTH_SET_UP_MAX);
    return n;
}

size_t auth_tear_down(struct gen *g, struct step *steps)
{
    size_t n = 0;
    login(g, &steps[n++], program_users[ROOT]);
    steps[n].caller = CALLER_USER + ROOT;
    bare(g, &steps[n++], STEP_AUTH_DISABLE);
    n += disarm(g, steps + n);
    for (size_t i = 0; i < PROGRAM_USERS; i++)
        name_user(g, &steps[n++], STEP_USER_DELETE, program_users[i]);
    for (size_t i = 0; i < ROLES; i++)
        name_user(g, &steps[n++], STEP_ROLE_DELETE, roles[i]);
    must(n <= AUTH_TEAR_DOWN_MAX);
    return n;
}
