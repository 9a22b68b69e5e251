#include "ctl/load.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>

#define NS_PER_S UINT64_C(1000000000)

/* One connection. */
struct worker {
    struct client *client;
    struct client_call *call;
    uint64_t start_ns;
};

struct load {
    struct ctl *ctl;
    const struct load_options *opt;
    struct load_result *out;
    struct worker *workers;
    struct rng rng;
    uint8_t *key; /* prefix, then key_len bytes */
    uint8_t *value;
    uint64_t start_ns;
    size_t started;
    size_t running;
    size_t room; /* in out->latencies */
    size_t next; /* the worker that is asked first */
};

void load_result_fini(struct load_result *r)
{
    free(r->latencies);
    buf_fini(&r->error);
    *r = (struct load_result){0};
}

double load_rate(const struct load_result *r)
{
    return r->seconds > 0 ? (double)r->n / r->seconds : 0;
}

double load_slowest(const struct load_result *r)
{
    double slowest = 0;
    for (size_t i = 0; i < r->n; i++)
        slowest = r->latencies[i] > slowest ? r->latencies[i] : slowest;
    return slowest;
}

double load_deviation(const struct load_result *r)
{
    double sum = 0;
    double squares = 0;
    for (size_t i = 0; i < r->n; i++)
        sum += r->latencies[i];
    double mean = r->n ? sum / (double)r->n : 0;
    for (size_t i = 0; i < r->n; i++)
        squares += (r->latencies[i] - mean) * (r->latencies[i] - mean);
    return r->n ? sqrt(squares / (double)r->n) : 0;
}

static void note_error(struct load *l, const struct client_status *status)
{
    if (l->out->errors++ == 0)
        client_status_print(status, &l->out->error);
}

static void note_success(struct load *l, uint64_t ns)
{
    struct load_result *r = l->out;
    if (r->n == l->room) {
        l->room = l->room ? 2 * l->room : 1024;
        r->latencies = mem_realloc(r->latencies, l->room * sizeof(*r->latencies));
    }
    r->latencies[r->n++] = (double)ns / (double)NS_PER_S;
}

static void begin(struct load *l, struct worker *w)
{
    const struct load_options *opt = l->opt;
    for (size_t i = 0; i < opt->key_len && i < 8; i++)
        l->key[opt->prefix.n + i] = (uint8_t)rng_u64(&l->rng);
    const struct pb_put_request put = {.key = slice_of(l->key, opt->prefix.n + opt->key_len),
                                       .value = slice_of(l->value, opt->value_len)};
    w->start_ns = client_now_ns();
    w->call = client_start(w->client, &(struct client_request){CLIENT_PUT, &put, CLIENT_FOREVER},
                           &l->ctl->status);
    l->started++;
    if (w->call)
        l->running++;
    else
        note_error(l, &l->ctl->status);
}

/* Take the answer, if it is there as a whole. */
static void finish(struct load *l, struct worker *w)
{
    struct buf message = {0};
    enum rc rc;
    while ((rc = client_call_next(w->call, &message)) == RC_OK)
        ;
    buf_fini(&message);
    if (rc == RC_AGAIN)
        return;
    const struct client_status *status = client_call_status(w->call);
    if (status->code == GRPC_OK)
        note_success(l, client_now_ns() - w->start_ns);
    else
        note_error(l, status);
    client_call_free(w->call);
    w->call = NULL;
    l->running--;
}

/* How many puts may have been started by now. */
static size_t allowance(const struct load *l, uint64_t now)
{
    const struct load_options *opt = l->opt;
    uint64_t passed = now - l->start_ns;
    bool over = l->out->stopped || (opt->time_s && passed >= opt->time_s * NS_PER_S);
    if (over)
        return l->started;
    size_t n = opt->puts ? opt->puts : SIZE_MAX;
    if (opt->rate) {
        double due = (double)passed / (double)NS_PER_S * (double)opt->rate;
        n = due + 1 < (double)n ? (size_t)due + 1 : n;
    }
    return n;
}

static bool is_over(const struct load *l, uint64_t now)
{
    const struct load_options *opt = l->opt;
    bool no_more = l->out->stopped || (opt->puts && l->started >= opt->puts) ||
                   (opt->time_s && now - l->start_ns >= opt->time_s * NS_PER_S);
    return no_more && l->running == 0;
}

static void drive(struct load *l, struct progress *bar)
{
    must(l->opt->clients > 0);
    uint64_t now;
    while (!is_over(l, now = client_now_ns())) {
        size_t may = allowance(l, now);
        for (size_t i = 0; i < l->opt->clients; i++) {
            struct worker *w = &l->workers[(l->next + i) % l->opt->clients];
            if (w->call)
                finish(l, w);
            if (!w->call && l->started < may)
                begin(l, w);
        }
        l->next = l->started % l->opt->clients; /* each connection has its turn */
        progress_set(bar, l->opt->time_s ? (now - l->start_ns) / NS_PER_S : l->out->n);
        /* With a rate, the next put may be due although nothing arrives. */
        uint64_t until = l->opt->rate ? now + NS_PER_S / 1000 : now + NS_PER_S / 10;
        l->out->stopped |= client_loop_wait(&l->ctl->loop, until, l->opt->stop_fd);
    }
}

static int connect_all(struct load *l)
{
    size_t n;
    int code = EXIT_OK;
    const struct slice *endpoints = ctl_endpoints(l->ctl, &n);
    for (size_t i = 0; i < l->opt->clients && code == EXIT_OK; i++)
        l->workers[i].client = ctl_client(l->ctl, endpoints, n, &code);
    return code;
}

int load_run(struct ctl *ctl, const struct load_options *opt, struct progress *bar,
             struct load_result *out)
{
    struct load l = {.ctl = ctl, .opt = opt, .out = out};
    *out = (struct load_result){0};
    l.workers = mem_calloc(opt->clients, sizeof(*l.workers));
    l.key = mem_zalloc(opt->prefix.n + opt->key_len);
    l.value = mem_zalloc(opt->value_len);
    memcpy(l.key, opt->prefix.p, opt->prefix.n);
    rng_seed(&l.rng, client_now_ns());
    int code = connect_all(&l);
    l.start_ns = client_now_ns();
    if (code == EXIT_OK)
        drive(&l, bar);
    out->seconds = (double)(client_now_ns() - l.start_ns) / (double)NS_PER_S;
    for (size_t i = 0; i < opt->clients; i++) {
        client_call_free(l.workers[i].call);
        client_free(l.workers[i].client);
    }
    free(l.workers);
    free(l.key);
    free(l.value);
    return code;
}
