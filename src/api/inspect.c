/* moat's own questions, which etcd has none for: service moatpb.Inspect. */
#include "api/access.h"
#include "api/watch.h"
#include "kv/usage.h"
#include "kv/watch.h"
#include "state/lessor.h"

#include <inttypes.h>
#include <stdio.h>

#define QUOTA_USED_UP  "the quota (--quota-backend-bytes) is used up: delete keys and compact"
#define GROUPS_DEFAULT 1000
#define TOP_DEFAULT    10
#define TOP_KEY_MAX    1024u /* bytes shown of a watcher's key and range_end */
#define TOP_MAX        100u  /* of each list */
#define EXPLAIN_GROUPS 3u
#define EXPLAIN_PREFIX 64 /* bytes shown of a prefix */
#define EXPLAIN_NS     NS_PER_S

static struct pb_weight weight_of(const struct index_weight *w)
{
    return (struct pb_weight){
        .keys = (int64_t)w->keys, .bytes = (int64_t)w->bytes, .revisions = (int64_t)w->revisions};
}

static void reply_usage(struct api *a, struct rpc_call *call, const struct usage *u)
{
    struct pb_response_header header = api_header(a);
    struct pb_weight total = weight_of(&u->total);
    struct pb_weight direct = weight_of(&u->direct);
    struct pb_weight unsplit = weight_of(&u->unsplit);
    struct pb_weight *weights = arena_alloc(&call->arena, u->n * sizeof(*weights));
    struct pb_usage_group *groups = arena_zalloc(&call->arena, u->n * sizeof(*groups));
    for (size_t i = 0; i < u->n; i++) {
        weights[i] = weight_of(&u->groups[i].weight);
        groups[i].prefix = buf_slice(&u->groups[i].prefix);
        groups[i].weight = &weights[i];
    }
    struct pb_usage_response out = {.header = &header,
                                    .prefix = buf_slice(&u->prefix),
                                    .total = &total,
                                    .direct = &direct,
                                    .unsplit = &unsplit,
                                    .groups = groups,
                                    .groups_n = u->n};
    api_reply(call, &wire_usage_response, &out);
}

/* To read the sizes of keys is to read that they are there: of all below the prefix. */
static bool may_see(struct api *a, struct rpc_call *call, struct slice prefix)
{
    struct buf end = {0};
    usage_range_end(prefix, &end);
    if (end.n == 0)
        buf_append_u8(&end, 0); /* up to the last key there is */
    bool may =
        access_allows(a, call, AUTH_READ, prefix.n ? prefix : SLICE_LIT("\0"), buf_slice(&end));
    buf_fini(&end);
    return may;
}

void serve_usage(void *arg, struct rpc_call *call, struct slice message)
{
    struct api *a = arg;
    struct pb_usage_request r;
    struct usage u;
    if (!api_decode(call, &wire_usage_request, message, &r))
        return;
    if (r.delimiter.n > 1 || r.limit < 0 || r.limit > USAGE_STEPS_MAX) {
        rpc_fail(call, GRPC_INVALID_ARGUMENT,
                 "moat: a delimiter is one byte, a limit at most 10000", NULL);
        return;
    }
    if (!may_see(a, call, r.prefix))
        return;
    usage_find(state_kv(a->state),
               &(struct usage_request){.prefix = r.prefix,
                                       .delimiter = r.delimiter.n ? r.delimiter.p[0] : '/',
                                       .descend = r.descend,
                                       .groups_max = r.limit ? (size_t)r.limit : GROUPS_DEFAULT},
               &u);
    usage_sort(&u);
    reply_usage(a, call, &u);
    usage_fini(&u);
}

/* ---- What is busy ---- */

static void find_hottest(struct api *a, struct arena *arena, size_t max,
                         struct pb_top_response *out)
{
    struct heat_prefix hottest[TOP_MAX];
    uint64_t window_ns;
    out->prefixes_n = kv_hottest(state_kv(a->state), hottest, (unsigned)max, &window_ns);
    out->prefixes = arena_zalloc(arena, out->prefixes_n * sizeof(*out->prefixes));
    out->window_ms = (int64_t)(window_ns / NS_PER_MS);
    for (size_t i = 0; i < out->prefixes_n; i++)
        out->prefixes[i] = (struct pb_hot_prefix){.prefix = hottest[i].prefix,
                                                  .changes = (int64_t)hottest[i].changes};
}

static void find_slow(struct api *a, struct arena *arena, size_t max, struct pb_top_response *out)
{
    struct watcher *slowest[TOP_MAX];
    struct watch_stats stats;
    watch_stats(state_kv(a->state), &stats);
    out->watchers = (int64_t)stats.watchers;
    out->watchers_slow = (int64_t)stats.slow;
    out->slow_n = watch_slowest(state_kv(a->state), slowest, max);
    out->slow = arena_zalloc(arena, out->slow_n * sizeof(*out->slow));
    for (size_t i = 0; i < out->slow_n; i++) {
        struct pb_slow_watcher *w = &out->slow[i];
        watch_describe(slowest[i], w);
        w->key.n = w->key.n < TOP_KEY_MAX ? w->key.n : TOP_KEY_MAX;
        w->range_end.n = w->range_end.n < TOP_KEY_MAX ? w->range_end.n : TOP_KEY_MAX;
    }
}

static void find_biggest(struct api *a, struct arena *arena, size_t max,
                         struct pb_top_response *out)
{
    const struct lease *biggest[TOP_MAX];
    const struct leases *ls = state_leases(a->state);
    out->leases = (int64_t)leases_count(ls);
    out->leased_keys = (int64_t)leases_key_count(ls);
    out->biggest_n = leases_biggest(ls, biggest, max);
    out->biggest = arena_zalloc(arena, out->biggest_n * sizeof(*out->biggest));
    for (size_t i = 0; i < out->biggest_n; i++) {
        uint64_t left_ns = lessor_left_ns(state_lessor(a->state), biggest[i]);
        out->biggest[i] = (struct pb_big_lease){.id = biggest[i]->id,
                                                .ttl = (int64_t)(left_ns / NS_PER_S),
                                                .granted_ttl = biggest[i]->ttl,
                                                .keys = (int64_t)biggest[i]->key_n};
    }
}

void serve_top(void *arg, struct rpc_call *call, struct slice message)
{
    struct api *a = arg;
    struct pb_top_request r;
    if (!api_decode(call, &wire_top_request, message, &r))
        return;
    if (r.limit < 0 || r.limit > TOP_MAX) {
        rpc_fail(call, GRPC_INVALID_ARGUMENT, "moat: a limit is at most 100", NULL);
        return;
    }
    struct pb_response_header header = api_header(a);
    struct pb_top_response out = {.header = &header};
    size_t max = r.limit ? (size_t)r.limit : TOP_DEFAULT;
    find_hottest(a, &call->arena, max, &out);
    find_slow(a, &call->arena, max, &out);
    find_biggest(a, &call->arena, max, &out);
    api_reply(call, &wire_top_response, &out);
}

/* ---- What fills it, told to who is refused ---- */

static void list_one(const char *before, struct slice prefix, const struct index_weight *w,
                     struct buf *out)
{
    size_t shown = prefix.n < EXPLAIN_PREFIX ? prefix.n : EXPLAIN_PREFIX;
    buf_printf(out, "%s%.*s (%" PRIu64 " keys, %" PRIu64 " bytes, %" PRIu64 " revisions)", before,
               (int)shown, (const char *)prefix.p, w->keys, w->bytes, w->revisions);
}

/* Largest first, as far as there are some and they hold anything. */
static void list_largest(const struct usage *u, struct buf *out)
{
    bool direct = u->n == 0 || u->direct.bytes > u->groups[0].weight.bytes;
    size_t listed = direct;
    if (u->total.revisions == 0)
        return;
    buf_append_str(out, "; what takes most: ");
    if (direct)
        list_one(u->prefix.n ? "directly below " : "keys without a /", buf_slice(&u->prefix),
                 &u->direct, out);
    for (size_t i = 0; i < u->n && listed < EXPLAIN_GROUPS; i++) {
        const struct usage_group *g = &u->groups[i];
        if (g->weight.revisions == 0)
            break;
        list_one(listed++ ? ", " : "", buf_slice(&g->prefix), &g->weight, out);
    }
}

/* Unlike may_see, without a word about it. */
static bool may_see_all(struct api *a, struct rpc_call *call)
{
    static const struct slice zero = SLICE_INIT("\0");
    struct auth_denial why = {0};
    struct auth_who who;
    return access_who(a, call, &who) == ETCD_OK &&
           auth_may(state_auth(a->state), &who, AUTH_READ, zero, zero, &why) == ETCD_OK;
}

const char *api_explain_space(struct api *a, struct rpc_call *call)
{
    if (!may_see_all(a, call))
        return QUOTA_USED_UP;
    uint64_t now = env_now_ns(a->opt.env);
    if (a->space.text.n > 0 && now - a->space.told_ns < EXPLAIN_NS)
        return (const char *)a->space.text.p; /* refusals may come by the thousand */
    struct usage u;
    usage_find(
        state_kv(a->state),
        &(struct usage_request){.delimiter = '/', .descend = true, .groups_max = GROUPS_DEFAULT},
        &u);
    usage_sort(&u);
    buf_clear(&a->space.text);
    buf_append_str(&a->space.text,
                   "the quota (--quota-backend-bytes) is used up: delete keys and compact, then "
                   "disarm the alarm (etcdctl alarm disarm)");
    list_largest(&u, &a->space.text);
    buf_append_u8(&a->space.text, 0);
    a->space.told_ns = now;
    usage_fini(&u);
    return (const char *)a->space.text.p;
}
