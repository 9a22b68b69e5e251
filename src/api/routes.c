/* /version, /health, /livez, /readyz: etcd 3.7's, byte for byte where tools parse them. */
#include "api/inner.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void serve_version(void *arg, const struct rpc_http_request *req, struct rpc_http_reply *out)
{
    const struct api *a = arg;
    const char *v = a->opt.etcd_version;
    const char *cluster = api_cluster_version(a);
    (void)req;
    out->content_type = "application/json";
    /* Clients parse the first three as bare numbers: our name stands in a member of its own. */
    buf_printf(&out->body,
               "{\"etcdserver\":\"%s\",\"etcdcluster\":\"%s\",\"storage\":\"%s\",\"moat\":\"%s\"}",
               v, cluster, cluster, MOAT_VERSION);
}

/* Up to the first c, which *rest is behind; all of it, and nothing left, if there is none. */
static struct slice cut(struct slice s, uint8_t c, struct slice *rest)
{
    size_t n = 0;
    while (n < s.n && s.p[n] != c)
        n++;
    *rest = n < s.n ? slice_skip(s, n + 1) : (struct slice){0};
    return slice_of(s.p, n);
}

/* Has the query name=wanted, or any name if wanted.p is NULL? Nothing is percent-decoded: names of
 * checks and alarms have nothing to decode. */
static bool query_has(struct slice query, const char *name, struct slice wanted)
{
    while (query.n > 0) {
        struct slice value;
        struct slice pair = cut(query, '&', &query);
        struct slice key = cut(pair, '=', &value);
        if (slice_eq(key, slice_str(name)) && (!wanted.p || slice_eq(value, wanted)))
            return true;
    }
    return false;
}

static bool has_leader(const struct api *a)
{
    return quorum_leader(a->quorum) != 0;
}

static bool is_corrupt(const struct api *a)
{
    return a->damaged || state_has_alarm(a->state, PB_ALARM_TYPE_CORRUPT);
}

static void serve_health(void *arg, const struct rpc_http_request *req, struct rpc_http_reply *out)
{
    const struct api *a = arg;
    bool serializable = query_has(req->query, "serializable", SLICE_LIT("true"));
    const char *reason = "";
    bool full = a->no_space || state_has_alarm(a->state, PB_ALARM_TYPE_NOSPACE);
    if (full && !query_has(req->query, "exclude", SLICE_LIT("NOSPACE")))
        reason = "ALARM NOSPACE";
    else if (is_corrupt(a) && !query_has(req->query, "exclude", SLICE_LIT("CORRUPT")))
        reason = "ALARM CORRUPT";
    else if (!serializable && !has_leader(a))
        reason = "RAFT NO LEADER";
    out->status = reason[0] ? 503 : 200;
    out->content_type = "text/plain; charset=utf-8";
    buf_printf(&out->body, "{\"health\":\"%s\",\"reason\":\"%s\"}", reason[0] ? "false" : "true",
               reason);
    if (reason[0])
        buf_append_str(&out->body, "\n"); /* Go's http.Error ends in one */
}

/* One named check: NULL when it passes, else why not. */
struct check {
    const char *name;
    const char *(*run)(const struct api *a);
};

static const char *check_pass(const struct api *a)
{
    (void)a; /* reading here needs nobody else */
    return NULL;
}

static const char *check_corruption(const struct api *a)
{
    return is_corrupt(a) ? "alarm activated: CORRUPT" : NULL;
}

static const char *check_linearizable(const struct api *a)
{
    return has_leader(a) ? NULL : etcd_error_text(ETCD_NO_LEADER);
}

static const struct check checks[] = {
    {"data_corruption", check_corruption},
    {"linearizable_read", check_linearizable},
    {"non_learner", check_pass},
    {"serializable_read", check_pass},
};

static void run_checks(const struct api *a, const struct check *v, size_t n, bool root,
                       struct slice query, struct rpc_http_reply *out)
{
    struct buf report = {0};
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        if (root && query_has(query, "exclude", slice_str(v[i].name)))
            continue;
        const char *why = v[i].run(a);
        ok = ok && !why;
        if (why)
            buf_printf(&report, "[-]%s failed: %s\n", v[i].name, why);
        else
            buf_printf(&report, "[+]%s ok\n", v[i].name);
    }
    out->status = ok ? 200 : 503;
    out->content_type = "text/plain; charset=utf-8";
    if (!ok || query_has(query, "verbose", (struct slice){0}))
        buf_append_slice(&out->body, buf_slice(&report));
    buf_append_str(&out->body, ok ? "ok\n" : "\n");
    buf_fini(&report);
}

static void serve_readyz(void *arg, const struct rpc_http_request *req, struct rpc_http_reply *out)
{
    run_checks(arg, checks, ARRAY_LEN(checks), true, req->query, out);
}

static void serve_livez(void *arg, const struct rpc_http_request *req, struct rpc_http_reply *out)
{
    run_checks(arg, &checks[3], 1, true, req->query, out);
}

/* A path of its own for each check: /readyz/linearizable_read … */
static void serve_one_check(void *arg, const struct rpc_http_request *req,
                            struct rpc_http_reply *out)
{
    const uint8_t *slash = memrchr(req->path.p, '/', req->path.n);
    struct slice name = slice_skip(req->path, (size_t)(slash - req->path.p) + 1);
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        if (slice_eq(slice_str(checks[i].name), name))
            run_checks(arg, &checks[i], 1, false, req->query, out);
}

/* URLs and a member's name need no escaping: conf lets nothing through that would. */
static void append_strings(struct buf *b, const char *const *v, size_t n)
{
    buf_append_u8(b, '[');
    for (size_t i = 0; i < n; i++)
        buf_printf(b, "%s\"%s\"", i ? "," : "", v[i]);
    buf_append_u8(b, ']');
}

/* The IDs are JSON numbers here, above 2^53 as they are: so etcd's peers have them. */
static void serve_members(void *arg, const struct rpc_http_request *req, struct rpc_http_reply *out)
{
    const struct api *a = arg;
    const struct api_member *m = &a->opt.member;
    (void)req;
    out->content_type = "application/json";
    out->extra_name = "x-etcd-cluster-id";
    snprintf(out->extra_value, sizeof(out->extra_value), "%" PRIx64, a->opt.cluster_id);
    buf_printf(&out->body, "[{\"id\":%" PRIu64 ",\"peerURLs\":", m->id);
    append_strings(&out->body, m->peer_urls, m->peer_url_count);
    buf_printf(&out->body, ",\"name\":\"%s\",\"clientURLs\":", m->name);
    append_strings(&out->body, m->client_urls, m->client_url_count);
    buf_append_str(&out->body, "}]\n");
}

const struct rpc_route api_peer_routes[] = {
    {"/members", serve_members},
    {"/version", serve_version},
};
const size_t api_peer_route_count = ARRAY_LEN(api_peer_routes);

const struct rpc_route api_routes[] = {
    {"/health", serve_health},
    {"/livez", serve_livez},
    {"/livez/serializable_read", serve_one_check},
    {"/readyz", serve_readyz},
    {"/readyz/data_corruption", serve_one_check},
    {"/readyz/linearizable_read", serve_one_check},
    {"/readyz/non_learner", serve_one_check},
    {"/readyz/serializable_read", serve_one_check},
    {"/version", serve_version},
};
const size_t api_route_count = ARRAY_LEN(api_routes);
