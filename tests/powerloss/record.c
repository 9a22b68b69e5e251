#include "record.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/rng.h"
#include "history.h"
#include "server.h"
#include "trace.h"
#include "tracefile.h"
#include "volume.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLIGHT_MAX    48u  /* operations under way */
#define SYNC_US       150u /* so that batches fill, and a life often ends between write and sync */
#define COMPACT_EVERY 700u /* operations */
#define COMPACT_KEEP  150  /* revisions; more than can be under way */
#define PAUSE_US      130000u /* longer than the interval of commits */
#define LIVES_MAX     60u

/* An operation under way. */
struct flight {
    struct recorder *rec;
    struct op op;
    bool used;
};

struct recorder {
    const struct record_options *opt;
    struct rng rng;
    struct server server;
    struct arena arena;
    int out; /* the trace */
    uint64_t next_op;
    uint64_t life;
    int64_t revision;   /* highest known */
    int64_t compacting; /* revision asked for; 0: no compaction under way */
    struct flight flights[FLIGHT_MAX];
    bool deleting;  /* a delete is under way: only one, so that it can be told after a death */
    uint8_t *taken; /* revisions known to be some operation's */
    size_t taken_n;
    bool failed;
};

static void fail(struct recorder *rec, const char *what)
{
    fprintf(stderr, "life %" PRIu64 ": %s\n", rec->life, what);
    rec->failed = true;
}

static void mark(struct recorder *rec, enum trace_kind kind, uint64_t file, int64_t at)
{
    struct trace_record r = {.kind = kind, .file = file, .at = (uint64_t)at};
    must(write(rec->out, &r, sizeof(r)) == sizeof(r));
}

/* ---- Operations ---- */

static void take(struct recorder *rec, enum trace_kind kind, const struct op *op, int64_t revision)
{
    size_t at = (size_t)revision;
    mark(rec, kind, op->number, revision);
    if (at >= rec->taken_n) {
        rec->taken = mem_realloc(rec->taken, 2 * at);
        memset(rec->taken + rec->taken_n, 0, 2 * at - rec->taken_n);
        rec->taken_n = 2 * at;
    }
    if (rec->taken[at])
        fail(rec, "two operations got the same revision");
    rec->taken[at] = 1;
    if (revision > rec->revision)
        rec->revision = revision;
}

static int64_t revision_of(struct recorder *rec, const struct op *op, struct slice message)
{
    struct pb_delete_range_response gone;
    struct pb_put_response put;
    struct pb_txn_response txn;
    enum rc rc = RC_OK;
    switch (op->kind) {
    case OP_DELETE:
        rc = wire_decode(&wire_delete_range_response, message, &rec->arena, &gone);
        return rc != RC_OK ? -1 : gone.deleted ? gone.header->revision : 0;
    case OP_PUT:
        rc = wire_decode(&wire_put_response, message, &rec->arena, &put);
        return rc == RC_OK ? put.header->revision : -1;
    case OP_PAIR:
        rc = wire_decode(&wire_txn_response, message, &rec->arena, &txn);
        return rc == RC_OK ? txn.header->revision : -1;
    }
    return -1;
}

static void on_op(void *arg, int status, struct slice message)
{
    struct flight *f = arg;
    struct recorder *rec = f->rec;
    if (status < 0)
        return; /* the server died: found out later whether it is there */
    f->used = false;
    if (f->op.kind == OP_DELETE)
        rec->deleting = false;
    int64_t revision = status == 0 ? revision_of(rec, &f->op, message) : -1;
    if (revision < 0)
        fail(rec, "an operation was refused");
    if (revision > 0)
        take(rec, TRACE_ACK, &f->op, revision);
}

static void start_op(struct flight *f)
{
    struct recorder *rec = f->rec;
    struct buf keys[2] = {0};
    struct buf values[2] = {0};
    struct buf message = {0};
    struct pb_put_request puts[2] = {0};
    for (unsigned i = 0; i < op_keys(&f->op); i++) {
        op_key(f->op.keys[i], &keys[i]);
        op_value(&f->op, f->op.keys[i], &values[i]);
        puts[i] =
            (struct pb_put_request){.key = buf_slice(&keys[i]), .value = buf_slice(&values[i])};
    }
    struct pb_request_op ops[2] = {{.request_case = PB_OP_PUT, .request_put = &puts[0]},
                                   {.request_case = PB_OP_PUT, .request_put = &puts[1]}};
    struct pb_delete_range_request gone = {.key = puts[0].key};
    struct pb_txn_request txn = {.success = ops, .success_n = 2};
    const char *path = "/etcdserverpb.KV/Put";
    if (f->op.kind == OP_DELETE) {
        path = "/etcdserverpb.KV/DeleteRange";
        wire_encode(&wire_delete_range_request, &gone, &message);
    } else if (f->op.kind == OP_PAIR) {
        path = "/etcdserverpb.KV/Txn";
        wire_encode(&wire_txn_request, &txn, &message);
    } else {
        wire_encode(&wire_put_request, &puts[0], &message);
    }
    grpc_start(rec->server.grpc, path, buf_slice(&message), on_op, f);
    buf_fini(&message);
    for (unsigned i = 0; i < 2; i++) {
        buf_fini(&keys[i]);
        buf_fini(&values[i]);
    }
}

static void on_compacted(void *arg, int status, struct slice message)
{
    struct recorder *rec = arg;
    (void)message;
    if (status == 0)
        mark(rec, TRACE_COMPACT_ACK, 0, rec->compacting);
    else if (status > 0)
        fail(rec, "a compaction was refused");
    rec->compacting = 0;
}

static void start_compaction(struct recorder *rec)
{
    if (rec->compacting || rec->revision <= 2 * COMPACT_KEEP)
        return;
    rec->compacting = rec->revision - COMPACT_KEEP;
    mark(rec, TRACE_COMPACT_ASK, 0, rec->compacting);
    struct pb_compaction_request request = {.revision = rec->compacting};
    struct buf message = {0};
    wire_encode(&wire_compaction_request, &request, &message);
    grpc_start(rec->server.grpc, "/etcdserverpb.KV/Compact", buf_slice(&message), on_compacted,
               rec);
    buf_fini(&message);
}

static struct flight *free_flight(struct recorder *rec, unsigned width)
{
    for (unsigned i = 0; i < width; i++)
        if (!rec->flights[i].used)
            return &rec->flights[i];
    return NULL;
}

/* Keep as many operations under way as width says, until n more have been started. False: the
 * server is gone. */
static bool drive(struct recorder *rec, uint64_t n, unsigned width)
{
    enum rc rc = RC_OK;
    uint64_t last = rec->next_op + n;
    while (rc == RC_OK && !rec->failed &&
           (rec->next_op < last || grpc_open_calls(rec->server.grpc) > 0)) {
        struct flight *f;
        while (rec->next_op < last && (f = free_flight(rec, width))) {
            struct op op = op_of(rec->next_op);
            if (op.kind == OP_DELETE && rec->deleting)
                break;
            *f = (struct flight){rec, op, true};
            rec->deleting = rec->deleting || op.kind == OP_DELETE;
            if (rec->next_op++ % COMPACT_EVERY == 0)
                start_compaction(rec);
            start_op(f);
        }
        rc = grpc_step(rec->server.grpc);
        arena_fini(&rec->arena);
        rec->arena = (struct arena){0};
    }
    return rc == RC_OK;
}

/* ---- After a restart ---- */

static struct flight *find_flight(struct recorder *rec, uint64_t number, bool delete)
{
    for (unsigned i = 0; i < FLIGHT_MAX; i++) {
        struct flight *f = &rec->flights[i];
        if (f->used && (delete ? f->op.kind == OP_DELETE : f->op.number == number))
            return f;
    }
    return NULL;
}

/* Which of the operations that were under way became this revision? */
static void resolve(struct recorder *rec, int64_t revision)
{
    int status = 0;
    struct pb_range_response changed;
    if (server_range(&rec->server, revision, true, &rec->arena, &status, &changed) != RC_OK ||
        status != 0) {
        fail(rec, "a revision cannot be read after a restart");
        return;
    }
    bool delete = changed.kvs_n == 0;
    struct flight *f = find_flight(rec, delete ? 0 : op_of_value(changed.kvs[0].value), delete);
    if (!f) {
        fail(rec, "after a restart there is a revision that is no operation's");
        return;
    }
    f->used = false;
    take(rec, TRACE_FOUND, &f->op, revision);
}

/* What survived the end of the last life? False: the server died while it was asked. */
static bool look_again(struct recorder *rec)
{
    int status = 0;
    struct pb_range_response all;
    if (server_range(&rec->server, 0, false, &rec->arena, &status, &all) != RC_OK)
        return false;
    int64_t now = all.header->revision;
    if (status != 0 || now < rec->revision) {
        fail(rec, "a restart lost what was acknowledged");
        return true;
    }
    for (int64_t r = FIRST_REVISION + 1; r <= now && !rec->failed; r++)
        if ((size_t)r >= rec->taken_n || !rec->taken[r])
            resolve(rec, r);
    mark(rec, TRACE_SEEN, 0, now);
    for (unsigned i = 0; i < FLIGHT_MAX; i++)
        rec->flights[i].used = false;
    rec->deleting = false;
    rec->compacting = 0;
    return true;
}

/* ---- Lives ---- */

/* Some lives end in peace, some while starting, and most at a moment that leaves the next one
 * something to repair: between a write and its sync, between a rename and that of its directory. */
static void pick_death(struct recorder *rec, struct server_options *so)
{
    static const struct {
        enum trace_kind kind;
        uint64_t least;
        uint64_t most;
    } deaths[] = {
        {0, 0, 0},
        {0, 2, 40},
        {TRACE_BEFORE_SYNC, 10, 60},
        {TRACE_WRITE, 20, 200},
        {TRACE_BEFORE_SYNC, 5, 30},
        {TRACE_RENAME, 1, 2},
    };
    size_t i = rec->life % ARRAY_LEN(deaths);
    so->die_kind = deaths[i].kind;
    so->die_at = rng_between(&rec->rng, deaths[i].least, deaths[i].most);
}

static bool work(struct recorder *rec, uint64_t n)
{
    static const unsigned widths[] = {1, 4, 16, FLIGHT_MAX, FLIGHT_MAX, FLIGHT_MAX};
    uint64_t last = rec->next_op + n;
    bool alive = look_again(rec);
    while (alive && !rec->failed && rec->next_op < last) {
        unsigned width = widths[rng_below(&rec->rng, ARRAY_LEN(widths))];
        uint64_t some = rng_between(&rec->rng, 10, width * 12);
        some = some < last - rec->next_op ? some : last - rec->next_op;
        alive = drive(rec, some, width);
        if (rng_chance(&rec->rng, 150000))
            usleep(PAUSE_US);
    }
    return alive;
}

/* The trace must say just what the files are. */
static void check_trace(struct recorder *rec, const char *root)
{
    struct tracefile t;
    struct volume *v = volume_new();
    tracefile_open(&t, rec->opt->trace);
    for (size_t i = 0; i < t.n; i++)
        volume_apply(v, &t.v[i].head, t.v[i].payload);
    if (!volume_matches(v, root))
        fail(rec, "the trace is not complete");
    volume_free(v);
    tracefile_close(&t);
}

static void live(struct recorder *rec, const char *root, uint64_t n)
{
    struct server_options so = {.program = rec->opt->program,
                                .shim = rec->opt->shim,
                                .dir = rec->opt->dir,
                                .trace = rec->opt->trace,
                                .separate_log = rec->opt->separate_log,
                                .sync_us = SYNC_US};
    if (rec->life > 1 && rec->next_op + n <= rec->opt->ops)
        pick_death(rec, &so);
    mark(rec, TRACE_LIFE, 0, (int64_t)rec->life);
    enum rc rc = server_start(&rec->server, &so);
    bool alive = rc == RC_OK && work(rec, n);
    if (!alive && so.die_at == 0)
        fail(rec, "the server ended by itself");
    if (rec->failed)
        server_print_log(&rec->server);
    /* Killed only by the library, which does it between two effects. */
    server_stop(&rec->server, SIGTERM);
    arena_fini(&rec->arena);
    rec->arena = (struct arena){0};
    if (!rec->failed)
        check_trace(rec, root);
}

bool record(const struct record_options *opt)
{
    struct recorder *rec = mem_zalloc(sizeof(*rec));
    char *root = mem_printf("%s/root", opt->dir);
    rec->opt = opt;
    rec->next_op = 1;
    rec->revision = FIRST_REVISION;
    rng_seed(&rec->rng, opt->seed);
    rec->out = open(opt->trace, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    must(rec->out >= 0 && mkdir(root, 0700) == 0);
    while (rec->next_op <= opt->ops && rec->life < LIVES_MAX && !rec->failed) {
        rec->life++;
        live(rec, root, rng_between(&rec->rng, opt->ops / 30, opt->ops / 10));
    }
    bool good = !rec->failed;
    close(rec->out);
    free(rec->taken);
    free(rec);
    free(root);
    return good;
}
