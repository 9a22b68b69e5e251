/* moat's own questions, which etcd has none for: service moatpb.Inspect. */
#include "api/inner.h"
#include "kv/usage.h"

#include <inttypes.h>
#include <stdio.h>

#define QUOTA_USED_UP  "the quota (--quota-backend-bytes) is used up: delete keys and compact"
#define GROUPS_DEFAULT 1000
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

/* Largest first, as far as there are some and they hold anything. */
static void list_largest(const struct usage *u, struct buf *out)
{
    for (size_t i = 0; i < u->n && i < EXPLAIN_GROUPS; i++) {
        const struct usage_group *g = &u->groups[i];
        if (g->weight.revisions == 0)
            break;
        size_t shown = g->prefix.n < EXPLAIN_PREFIX ? g->prefix.n : EXPLAIN_PREFIX;
        buf_printf(out, "%s%.*s (%" PRIu64 " keys, %" PRIu64 " bytes, %" PRIu64 " revisions)",
                   i ? ", " : "; what takes most: ", (int)shown, (const char *)g->prefix.p,
                   g->weight.keys, g->weight.bytes, g->weight.revisions);
    }
}

const char *api_explain_space(struct api *a)
{
    if (auth_is_enabled(state_auth(a->state))) /* not everybody may know the prefixes */
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
