/* /health, /livez, /readyz: etcd 3.7's, byte for byte where tools parse them. */
#include "api/inner.h"
#include "env/metrics.h"

#include <stdio.h>

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

void serve_health(void *arg, const struct rpc_http_request *req, struct rpc_http_reply *out)
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
    if (reason[0]) {
        env_count(a->opt.env, health_failures, 1);
        buf_append_str(&out->body, "\n"); /* Go's http.Error ends in one */
    } else {
        env_count(a->opt.env, health_success, 1);
    }
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
_Static_assert(ARRAY_LEN(checks) == HEALTH_CHECKS, "struct api counts each");

#define LIVEZ_FIRST 3u /* /livez has those from here on */

/* Which checks, where, and what is asked of them. */
struct asked {
    enum health_type type;
    size_t first;
    size_t n;
    bool all; /* of the type: some may be excluded */
    struct slice query;
};

static void run_checks(struct api *a, struct asked asked, struct rpc_http_reply *out)
{
    struct buf report = {0};
    bool ok = true;
    for (size_t i = asked.first; i < asked.first + asked.n; i++) {
        if (asked.all && query_has(asked.query, "exclude", slice_str(checks[i].name)))
            continue;
        const char *why = checks[i].run(a);
        struct health_count *count = &a->health[asked.type][i];
        ok = ok && !why;
        count->passed = !why;
        if (why) {
            count->error++;
            buf_printf(&report, "[-]%s failed: %s\n", checks[i].name, why);
        } else {
            count->success++;
            buf_printf(&report, "[+]%s ok\n", checks[i].name);
        }
    }
    out->status = ok ? 200 : 503;
    out->content_type = "text/plain; charset=utf-8";
    out->nosniff = true;
    if (!ok || query_has(asked.query, "verbose", (struct slice){0}))
        buf_append_slice(&out->body, buf_slice(&report));
    buf_append_str(&out->body, ok ? "ok\n" : "\n");
    buf_fini(&report);
}

void serve_readyz(void *arg, const struct rpc_http_request *req, struct rpc_http_reply *out)
{
    run_checks(arg, (struct asked){HEALTH_READYZ, 0, HEALTH_CHECKS, true, req->query}, out);
}

void serve_livez(void *arg, const struct rpc_http_request *req, struct rpc_http_reply *out)
{
    run_checks(
        arg,
        (struct asked){HEALTH_LIVEZ, LIVEZ_FIRST, HEALTH_CHECKS - LIVEZ_FIRST, true, req->query},
        out);
}

/* A path of its own for each check: /readyz/linearizable_read … */
void serve_one_check(void *arg, const struct rpc_http_request *req, struct rpc_http_reply *out)
{
    const uint8_t *slash = memrchr(req->path.p, '/', req->path.n);
    struct slice name = slice_skip(req->path, (size_t)(slash - req->path.p) + 1);
    enum health_type type =
        slice_has_prefix(req->path, SLICE_LIT("/livez/")) ? HEALTH_LIVEZ : HEALTH_READYZ;
    for (size_t i = 0; i < HEALTH_CHECKS; i++)
        if (slice_eq(slice_str(checks[i].name), name))
            run_checks(arg, (struct asked){type, i, 1, false, req->query}, out);
}

/* ---- Counted ---- */

static void labels_of(char *out, size_t cap, unsigned type, size_t check, const char *status)
{
    static const char *const types[HEALTH_TYPES] = {"livez", "readyz"};
    snprintf(out, cap, "name=\"%s\"%s%s%s,type=\"%s\"", checks[check].name,
             status ? ",status=\"" : "", status ? status : "", status ? "\"" : "", types[type]);
}

static bool was_run(const struct health_count *c)
{
    return c->success + c->error > 0;
}

void health_metrics(const struct api *a, struct buf *out)
{
    char labels[128];
    metric_family(out, "etcd_server_healthcheck", METRIC_GAUGE,
                  "The result of each kind of healthcheck.");
    for (unsigned type = 0; type < HEALTH_TYPES; type++) {
        for (size_t i = 0; i < HEALTH_CHECKS; i++) {
            labels_of(labels, sizeof(labels), type, i, NULL);
            if (was_run(&a->health[type][i]))
                metric_sample(out, "etcd_server_healthcheck", labels, a->health[type][i].passed);
        }
    }
    metric_family(out, "etcd_server_healthchecks_total", METRIC_COUNTER,
                  "The total number of each kind of healthcheck.");
    for (unsigned type = 0; type < HEALTH_TYPES; type++) {
        for (size_t i = 0; i < HEALTH_CHECKS; i++) {
            const struct health_count *c = &a->health[type][i];
            labels_of(labels, sizeof(labels), type, i, "success");
            if (c->success)
                metric_sample(out, "etcd_server_healthchecks_total", labels, c->success);
            labels_of(labels, sizeof(labels), type, i, "error");
            if (c->error)
                metric_sample(out, "etcd_server_healthchecks_total", labels, c->error);
        }
    }
}
