#include "rpc/counts.h"

#include "base/mem.h"
#include "base/must.h"
#include "env/metrics.h"
#include "rpc/inner.h"

#include <stdio.h>
#include <stdlib.h>

#define CODES (GRPC_UNAUTHENTICATED + 1)

struct method_counts {
    uint64_t started;
    uint64_t received;
    uint64_t sent;
    uint64_t handled[CODES];
    struct metric_histogram seconds;
};

struct counts {
    size_t n;
    struct method_counts v[];
};

struct counts *counts_new(const struct rpc_options *opt)
{
    struct counts *c = mem_zalloc(sizeof(*c) + opt->method_count * sizeof(c->v[0]));
    c->n = opt->method_count;
    for (size_t i = 0; i < c->n; i++)
        c->v[i].seconds.buckets = &metric_buckets_rpc;
    return c;
}

void counts_free(struct counts *c)
{
    free(c);
}

static struct method_counts *counts_of(const struct rpc_call *call)
{
    const struct rpc_server *s = call->server;
    size_t i = (size_t)(call->method - s->opt.methods);
    must(i < s->counts->n);
    return &s->counts->v[i];
}

void counts_start(struct rpc_call *call)
{
    counts_of(call)->started++;
    if (call->server->opt.method_seconds || call->server->opt.slow)
        call->in.begun_ns = env_now_ns(call->server->opt.env);
}

void counts_receive(struct rpc_call *call, uint64_t n)
{
    counts_of(call)->received++;
    env_count(call->server->opt.env, grpc_received_bytes, n);
}

void counts_send(struct rpc_call *call, uint64_t n)
{
    counts_of(call)->sent++;
    env_count(call->server->opt.env, grpc_sent_bytes, n);
}

void counts_handle(struct rpc_call *call, enum grpc_code code)
{
    struct method_counts *m = counts_of(call);
    m->handled[(unsigned)code < CODES ? code : GRPC_UNKNOWN]++;
    const struct rpc_options *opt = &call->server->opt;
    if (!opt->method_seconds && !opt->slow)
        return;
    uint64_t took_ns = env_now_ns(opt->env) - call->in.begun_ns;
    if (opt->method_seconds)
        metric_observe_ns(&m->seconds, took_ns);
    if (opt->slow && took_ns > opt->slow_ns && !call->method->stream)
        opt->slow(opt->arg, call, took_ns);
}

size_t rpc_server_calls_of(const struct rpc_server *s, struct slice path)
{
    const struct rpc_method *method = request_method(s, path);
    if (!method)
        return 0;
    const struct method_counts *m = &s->counts->v[method - s->opt.methods];
    uint64_t open = m->started;
    for (unsigned code = 0; code < CODES; code++)
        open -= m->handled[code];
    return (size_t)open;
}

/* ---- Text ---- */

/* grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary" */
static void labels_of(const struct rpc_method *m, char *out, size_t cap)
{
    const char *slash = strrchr(m->path, '/');
    const char *type = !m->serve               ? "bidi_stream"
                       : rpc_method_streams(m) ? "server_stream"
                                               : "unary";
    snprintf(out, cap, "grpc_method=\"%s\",grpc_service=\"%.*s\",grpc_type=\"%s\"", slash + 1,
             (int)(slash - m->path - 1), m->path + 1, type);
}

static void write_number(const struct rpc_server *s, size_t offset, const char *name,
                         const char *help, struct buf *out)
{
    metric_family(out, name, METRIC_COUNTER, help);
    for (size_t i = 0; i < s->counts->n; i++) {
        char labels[160];
        labels_of(&s->opt.methods[i], labels, sizeof(labels));
        metric_sample(out, name, labels,
                      *(const uint64_t *)(const void *)((const char *)&s->counts->v[i] + offset));
    }
}

static void write_handled(const struct rpc_server *s, struct buf *out)
{
    const char *name = "grpc_server_handled_total";
    metric_family(
        out, name, METRIC_COUNTER,
        "Total number of RPCs completed on the server, regardless of success or failure.");
    for (size_t i = 0; i < s->counts->n; i++) {
        char labels[160];
        char all[224];
        labels_of(&s->opt.methods[i], labels, sizeof(labels));
        for (unsigned code = 0; code < CODES; code++) { /* zeros too, so that rates begin at zero */
            snprintf(all, sizeof(all), "grpc_code=\"%s\",%s", grpc_code_name((enum grpc_code)code),
                     labels);
            metric_sample(out, name, all, s->counts->v[i].handled[code]);
        }
    }
}

static void write_seconds(const struct rpc_server *s, struct buf *out)
{
    const char *name = "grpc_server_handling_seconds";
    metric_family(out, name, METRIC_HISTOGRAM,
                  "Histogram of response latency (seconds) of gRPC that had been application-level "
                  "handled by the server.");
    for (size_t i = 0; i < s->counts->n; i++) {
        char labels[160];
        labels_of(&s->opt.methods[i], labels, sizeof(labels));
        metric_sample_histogram(out, name, labels, &s->counts->v[i].seconds);
    }
}

void rpc_server_metrics(const struct rpc_server *s, struct buf *out)
{
    client_versions_write(&s->clients, out);
    write_handled(s, out);
    if (s->opt.method_seconds)
        write_seconds(s, out);
    write_number(s, offsetof(struct method_counts, received), "grpc_server_msg_received_total",
                 "Total number of RPC stream messages received on the server.", out);
    write_number(s, offsetof(struct method_counts, sent), "grpc_server_msg_sent_total",
                 "Total number of gRPC stream messages sent by the server.", out);
    write_number(s, offsetof(struct method_counts, started), "grpc_server_started_total",
                 "Total number of RPCs started on the server.", out);
}
