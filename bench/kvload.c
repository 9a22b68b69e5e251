/* kvload - load for a server of etcd's v3 API, and what it cost: one line of name=value.
 *
 * One thread keeps a number of calls in flight on a number of connections. What it prints: rate,
 * latencies, the CPU time that the servers named by -p used for an operation (whole process
 * trees), our own, and the servers' memory. */
#include "client.h"
#include "request.h"
#include "usage.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SECONDS_DEFAULT 5

static const char usage_text[] =
    "kvload OP [option]...\n"
    "\n"
    "  put             one key with a value        range, srange   one key; s: serializable\n"
    "  list, slist     the keys of the prefix      count           how many those are\n"
    "  txn             one compare, one put        fresh           a new connection, one put\n"
    "  lease           grant a lease               leaseput        a put with such a lease\n"
    "  watch           -n puts to -w watchers      idlewatch       -w watchers, each of a key\n"
    "  stream          the keys of the prefix by RangeStream (etcd 3.7)\n"
    "  compact         at the revision -l, and wait until it is done\n"
    "\n"
    "  -e HOST:PORT  server (127.0.0.1:2379)       -T          TLS, without verifying\n"
    "  -c N          connections (1)               -m N        calls in flight on each (1)\n"
    "  -n N          operations, or                -t SECONDS  time (5)\n"
    "  -r RATE       at most so many a second      -p PID,…    servers to account for\n"
    "  -k N          keys (10000)                  -P PREFIX   of keys (/bench/)\n"
    "  -q            keys in order, not random     -s N        begin there; seed\n"
    "  -v BYTES      of a value (256)              -l N        limit of a list; revision\n"
    "  -L SECONDS    of a lease (3600)             -w N        watchers (1000)\n"
    "  -W            a stream for each watcher     -I SECONDS  hold idle watchers\n"
    "\n"
    "-r does not correct for coordinated omission: look at max, too, not only at p99.\n";

static const char *const op_names[OP_MAX] = {
    [OP_PUT] = "put",
    [OP_RANGE] = "range",
    [OP_RANGE_SERIALIZABLE] = "srange",
    [OP_LIST] = "list",
    [OP_LIST_SERIALIZABLE] = "slist",
    [OP_LIST_STREAM] = "stream",
    [OP_COUNT] = "count",
    [OP_TXN] = "txn",
    [OP_LEASE] = "lease",
    [OP_LEASE_PUT] = "leaseput",
    [OP_FRESH] = "fresh",
    [OP_WATCH] = "watch",
    [OP_WATCH_IDLE] = "idlewatch",
    [OP_COMPACT] = "compact",
};

double now_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void die(const char *what)
{
    fprintf(stderr, "kvload: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* xorshift64 (Marsaglia 2003). */
uint64_t load_random(struct load *l)
{
    l->random ^= l->random << 13;
    l->random ^= l->random >> 7;
    l->random ^= l->random << 17;
    return l->random;
}

bool load_wants_more(const struct load *l)
{
    return !l->stopping && (l->opt.ops == 0 || l->started < l->opt.ops);
}

/* ---- Options ---- */

static _Noreturn void refuse(const char *why)
{
    fprintf(stderr, "kvload: %s\n\n%s", why, usage_text);
    exit(2);
}

static enum op op_of(const char *name)
{
    for (int op = 0; op < OP_MAX; op++)
        if (strcmp(op_names[op], name) == 0)
            return (enum op)op;
    refuse("what is to be done?");
}

static void set_endpoint(struct options *o, const char *text)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon - text >= HOST_MAX)
        refuse("-e takes HOST:PORT");
    snprintf(o->host, sizeof(o->host), "%.*s", (int)(colon - text), text);
    o->port = atoi(colon + 1);
}

static void set_servers(struct options *o, char *text)
{
    for (char *pid = strtok(text, ","); pid && o->server_n < SERVERS_MAX; pid = strtok(NULL, ","))
        o->servers[o->server_n++] = atoi(pid);
}

static void set_prefix(struct options *o, const char *text)
{
    if (!text[0] || strlen(text) >= PREFIX_MAX)
        refuse("-P takes 1 to 63 bytes");
    snprintf(o->prefix, sizeof(o->prefix), "%s", text);
}

static void set_option(struct options *o, int letter, char *value)
{
    switch (letter) {
    case 'e':
        set_endpoint(o, value);
        break;
    case 'p':
        set_servers(o, value);
        break;
    case 'P':
        set_prefix(o, value);
        break;
    case 'T':
        o->tls = true;
        break;
    case 'q':
        o->sequential = true;
        break;
    case 'W':
        o->stream_each = true;
        break;
    case 't':
        o->seconds = atof(value);
        break;
    case 'r':
        o->rate = atof(value);
        break;
    case 'I':
        o->hold_seconds = atof(value);
        break;
    case 'c':
        o->connections = atoi(value);
        break;
    case 'm':
        o->streams = atoi(value);
        break;
    case 'v':
        o->value_bytes = atoi(value);
        break;
    case 'n':
        o->ops = atoll(value);
        break;
    case 'k':
        o->keys = atoll(value);
        break;
    case 's':
        o->first_key = atoll(value);
        break;
    case 'l':
        o->limit = atoll(value);
        break;
    case 'L':
        o->lease_ttl = atoll(value);
        break;
    case 'w':
        o->watchers = atoll(value);
        break;
    default:
        refuse("no such option");
    }
}

static struct options parse(int argc, char **argv)
{
    struct options o = {.host = "127.0.0.1",
                        .port = 2379,
                        .connections = 1,
                        .streams = 1,
                        .keys = 10000,
                        .value_bytes = 256,
                        .prefix = "/bench/",
                        .lease_ttl = 3600,
                        .watchers = 1000};
    if (argc < 2)
        refuse("what is to be done?");
    o.op = op_of(argv[1]);
    optind = 2;
    for (int letter; (letter = getopt(argc, argv, "e:c:m:n:t:k:qv:l:P:p:TL:w:Wr:I:s:")) != -1;)
        set_option(&o, letter, optarg);
    if (o.connections < 1 || o.streams < 1 || o.keys < 1 || o.value_bytes < 0 || o.ops < 0)
        refuse("a number is too small");
    if (o.ops == 0 && o.seconds <= 0)
        o.seconds = SECONDS_DEFAULT;
    return o;
}

/* ---- A run ---- */

static void fill_value(struct load *l)
{
    l->value = malloc((size_t)l->opt.value_bytes + 1);
    for (int i = 0; i < l->opt.value_bytes; i++)
        l->value[i] = "0123456789abcdef"[load_random(l) & 15];
}

/* All connect before the clock starts, unless connecting is what is measured. */
static void connect_all(struct load *l)
{
    l->stopping = true;
    for (int i = 0; i < l->opt.connections; i++) {
        client_connect(l->client, i);
        while (i % 100 == 99 && l->client->up < i - 50)
            client_pump(l->client, 10);
    }
    while (l->client->up < l->opt.connections)
        client_pump(l->client, 100);
    l->stopping = false;
}

static void begin(struct load *l)
{
    l->begin = now_seconds();
    l->deadline = l->opt.seconds > 0 ? l->begin + l->opt.seconds : 0;
    for (int i = 0; i < l->opt.connections; i++) {
        if (l->opt.op == OP_FRESH)
            client_connect(l->client, i);
        else
            connection_fill(&l->client->connections[i]);
    }
}

static void drive(struct load *l)
{
    bool paced = l->opt.rate > 0;
    while (load_wants_more(l) || l->done < l->started) {
        client_pump(l->client, paced ? 1 : 1000);
        if (l->deadline > 0 && now_seconds() > l->deadline)
            l->stopping = true;
        for (int i = 0; paced && i < l->opt.connections; i++)
            if (l->client->connections[i].up)
                connection_fill(&l->client->connections[i]);
    }
}

static void run(struct load *l)
{
    size_t servers = (size_t)l->opt.server_n;
    if (l->opt.op != OP_FRESH)
        connect_all(l);
    struct usage before = usage_of(l->opt.servers, servers);
    double own = usage_own_cpu();
    begin(l);
    drive(l);
    double seconds = now_seconds() - l->begin;
    struct usage after = usage_of(l->opt.servers, servers);
    double done = (double)l->done;
    printf("op=%s%s c=%d m=%d n=%lld err=%lld secs=%.3f rate=%.1f p50=%.1fus p99=%.1fus max=%.2fms "
           "srv_us=%.2f cli_us=%.2f rss_mb=%.1f mb_in=%.1f\n",
           op_names[l->opt.op], l->opt.tls ? "+tls" : "", l->opt.connections, l->opt.streams,
           (long long)l->done, (long long)l->failed, seconds, done / seconds,
           histogram_at(&l->latency, .5), histogram_at(&l->latency, .99),
           l->latency.max_seconds * 1e3, (after.cpu_seconds - before.cpu_seconds) * 1e6 / done,
           (usage_own_cpu() - own) * 1e6 / done, after.rss_mb, (double)l->bytes_in / (1 << 20));
}

int main(int argc, char **argv)
{
    static struct load l;
    struct rlimit files;
    l.opt = parse(argc, argv);
    l.next_key = l.opt.first_key;
    l.random = 88172645463325252u ^ (uint64_t)l.opt.first_key * 0x9e3779b97f4a7c15u;
    fill_value(&l);
    (void)signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    l.client = client_new(&l);
    if (l.opt.op == OP_WATCH || l.opt.op == OP_WATCH_IDLE)
        watch_run(&l);
    else
        run(&l);
    return l.failed ? 3 : 0;
}
