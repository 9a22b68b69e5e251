#include "check.h"

#include "aim.h"
#include "base/mem.h"
#include "base/must.h"
#include "server.h"
#include "tracefile.h"

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define OLD_READS    3u    /* older revisions that are compared as a whole */
#define WAIT_US_MAX  3000u /* for a write that is not waited for */
#define OUT_OF_RANGE 11    /* grpc-status of a read below the compacted revision */
#define NEAR_THE_END 12u   /* effects */
#define DEATH_MAX    6u    /* writes or syncs of a first life, start included */
#define HALF         500000u

void promises_add(struct promises *p, const struct trace_record *r)
{
    int64_t at = (int64_t)r->at;
    bool shown = r->kind == TRACE_ACK || r->kind == TRACE_FOUND || r->kind == TRACE_SEEN;
    if (shown && at > p->revision)
        p->revision = at;
    if (r->kind == TRACE_COMPACT_ACK && at > p->compact_acked)
        p->compact_acked = at;
    if (r->kind == TRACE_COMPACT_ASK && at > p->compact_asked)
        p->compact_asked = at;
}

/* One start on one image. */
struct start {
    const struct check *check;
    struct promises promises;
    int64_t last;   /* revision up to which the history counts */
    uint64_t extra; /* an operation that may have come as the next one; 0: none */
    const char *name;
    char *dir;
    char *trace;
    uint64_t die_at; /* its process is killed at so many effects … */
    enum trace_kind die_kind;
    struct server server;
    bool gone;        /* it does not answer any more */
    int64_t revision; /* found */
    char *why;
};

static bool blame(struct start *s, const char *what, const char *detail)
{
    snprintf(s->why, CHECK_WHY_MAX, "%s start: %s%s%s", s->name, what, detail[0] ? ": " : "",
             detail);
    return false;
}

static void first_line_of_log(const struct server *server, char out[256])
{
    FILE *f = fopen(server->log, "re");
    out[0] = 0;
    if (f && fgets(out, 256, f))
        out[strcspn(out, "\n")] = 0;
    if (f)
        fclose(f);
}

/* Compare the state at a revision; 0: now, whose number is found out. */
static bool compare(struct start *s, int64_t revision)
{
    struct arena arena = {0};
    struct pb_range_response answer;
    int status = 0;
    char detail[256] = "";
    enum rc rc = server_range(&s->server, revision, false, &arena, &status, &answer);
    bool good = rc == RC_OK && status == 0;
    s->gone = rc != RC_OK;
    if (!good) {
        snprintf(detail, sizeof(detail), "revision %" PRId64 ", %s, status %d", revision,
                 rc_text(rc), status);
        blame(s, "a read failed", detail);
    } else {
        if (revision == 0)
            s->revision = revision = answer.header->revision;
        good = history_holds(s->check->history, revision, s->last, s->extra, &answer, detail);
        if (!good)
            blame(s, "the state is not what it was", detail);
    }
    arena_fini(&arena);
    return good;
}

static bool compare_compacted(struct start *s)
{
    struct arena arena = {0};
    struct pb_range_response answer;
    int status = 0;
    if (s->promises.compact_acked <= FIRST_REVISION + 1)
        return true;
    enum rc rc =
        server_range(&s->server, s->promises.compact_acked - 1, false, &arena, &status, &answer);
    arena_fini(&arena);
    s->gone = rc != RC_OK;
    return (rc == RC_OK && status == OUT_OF_RANGE) ||
           blame(s, "an acknowledged compaction is gone", "");
}

static bool compare_all(struct start *s, struct rng *rng)
{
    char detail[128];
    if (!compare(s, 0))
        return false;
    snprintf(detail, sizeof(detail),
             "found %" PRId64 ", promised %" PRId64 ", known up to %" PRId64, s->revision,
             s->promises.revision, s->last);
    if (s->revision < s->promises.revision)
        return blame(s, "an acknowledged write is gone", detail);
    if (s->revision > s->last + (s->extra ? 1 : 0))
        return blame(s, "there is a revision that nobody wrote", detail);
    int64_t oldest = s->promises.compact_asked;
    oldest = oldest > FIRST_REVISION ? oldest : FIRST_REVISION;
    if (!compare(s, s->promises.revision))
        return false;
    for (unsigned i = 0; i < OLD_READS; i++)
        if (!compare(s, (int64_t)rng_between(rng, (uint64_t)oldest, (uint64_t)s->revision)))
            return false;
    return compare_compacted(s);
}

static void lay_out(struct start *s, struct volume *image)
{
    char *root = mem_printf("%s/root", s->dir);
    must(mkdir(s->dir, 0700) == 0 && mkdir(root, 0700) == 0);
    volume_write(image, root);
    close(open(s->trace, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    free(root);
}

static bool start(struct start *s)
{
    char detail[256];
    struct server_options so = {.program = s->check->program,
                                .shim = s->check->shim,
                                .dir = s->dir,
                                .trace = s->trace,
                                .separate_log = s->check->separate_log,
                                .die_at = s->die_at,
                                .die_kind = s->die_kind};
    enum rc rc = server_start(&s->server, &so);
    s->gone = rc == RC_CLOSED;
    if (rc == RC_OK)
        return true;
    first_line_of_log(&s->server, detail);
    return blame(s, rc == RC_TIMEOUT ? "it hangs" : "it refuses", detail);
}

static void start_fini(struct start *s)
{
    server_stop(&s->server, SIGKILL);
    free(s->dir);
    free(s->trace);
}

/* ---- Between the two losses ---- */

static void on_put(void *arg, int status, struct slice message)
{
    (void)message;
    *(int *)arg = status;
}

static void mark(struct start *s, enum trace_kind kind, int64_t revision)
{
    struct trace_record r = {.kind = kind, .at = (uint64_t)revision};
    int fd = open(s->trace, O_WRONLY | O_APPEND | O_CLOEXEC);
    must(fd >= 0 && write(fd, &r, sizeof(r)) == sizeof(r));
    close(fd);
    promises_add(&s->promises, &r);
}

/* Write one thing more, half of the times without waiting for it. */
static bool write_extra(struct start *s, uint64_t number, struct rng *rng)
{
    struct op op = op_of(number);
    struct buf key = {0};
    struct buf value = {0};
    struct buf message = {0};
    int status = -1;
    op_key(op.keys[0], &key);
    op_value(&op, op.keys[0], &value);
    wire_encode(&wire_put_request,
                &(struct pb_put_request){.key = buf_slice(&key), .value = buf_slice(&value)},
                &message);
    grpc_start(s->server.grpc, "/etcdserverpb.KV/Put", buf_slice(&message), on_put, &status);
    buf_fini(&key);
    buf_fini(&value);
    buf_fini(&message);
    bool wait = rng_chance(rng, HALF);
    enum rc rc = grpc_flush(s->server.grpc);
    while (wait && rc == RC_OK && grpc_open_calls(s->server.grpc) > 0)
        rc = grpc_step(s->server.grpc);
    if (!wait)
        usleep((unsigned)rng_below(rng, WAIT_US_MAX));
    bool good = rc == RC_OK && (status == 0 || !wait);
    s->gone = rc != RC_OK;
    if (good && wait)
        mark(s, TRACE_ACK, s->revision + 1);
    grpc_close(s->server.grpc); /* may call on_put, so not later than this */
    s->server.grpc = NULL;
    return good || blame(s, "a write failed", "");
}

/* What is left when the power fails somewhere in the life that the first start began. */
static struct volume *second_image(const struct start *first, struct volume *v,
                                   struct promises *promises, struct rng *rng)
{
    const struct check *c = first->check;
    struct tracefile t;
    tracefile_open(&t, first->trace);
    size_t from = rng_chance(rng, HALF) && t.n > NEAR_THE_END ? t.n - NEAR_THE_END : 0;
    size_t cut = (size_t)rng_between(rng, from, t.n);
    if (rng_chance(rng, HALF))
        (void)aim_behind(&t, c->sites, c->without, rng, &cut);
    for (size_t i = 0; i < cut; i++) {
        if (c->without < 0 || sites_find(c->sites, &t.v[i]) != c->without)
            volume_apply(v, &t.v[i].head, t.v[i].payload);
        promises_add(promises, &t.v[i].head);
    }
    tracefile_close(&t);
    return volume_lose_power(v, rng);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

/* False: it misbehaved. *died: its process was killed as it was told to be. */
static bool first_life(struct start *s, uint64_t number, struct rng *rng, bool *died)
{
    bool good = start(s) && compare_all(s, rng);
    if (good) {
        s->extra = number; /* from now on it may be there */
        s->last = s->revision;
        mark(s, TRACE_SEEN, s->revision);
        good = write_extra(s, number, rng);
    }
    *died = s->gone && s->die_at > 0 && server_was_killed(&s->server);
    server_stop(&s->server, SIGKILL);
    return good || *died;
}

/* The process died, the machine did not: what it had not synced is there, and is relied upon. */
static bool middle_life(struct start *s, struct rng *rng)
{
    s->name = "middle";
    s->die_at = 0;
    mark(s, TRACE_LIFE, 0);
    bool good = start(s) && compare_all(s, rng);
    if (good) {
        mark(s, TRACE_SEEN, s->revision);
        if (!s->extra)
            s->last = s->revision;
    }
    server_stop(&s->server, SIGKILL);
    return good;
}

bool check_image(const struct check *c, struct volume *image, struct rng *rng,
                 char why[CHECK_WHY_MAX])
{
    struct start first = {.check = c,
                          .promises = c->promises,
                          .last = history_revision(c->history),
                          .name = "first",
                          .dir = mem_printf("%s/1", c->dir),
                          .trace = mem_printf("%s/1/trace", c->dir),
                          .why = why};
    struct start second = {.check = c,
                           .promises = c->promises,
                           .name = "second",
                           .dir = mem_printf("%s/2", c->dir),
                           .trace = mem_printf("%s/2/trace", c->dir),
                           .why = why};
    struct volume *left = NULL;
    bool died = false;
    if (rng_chance(rng, HALF)) {
        first.die_kind = rng_chance(rng, HALF) ? TRACE_WRITE : TRACE_BEFORE_SYNC;
        first.die_at = rng_between(rng, 1, DEATH_MAX);
    }
    must(mkdir(c->dir, 0700) == 0);
    lay_out(&first, image);
    bool good = first_life(&first, OP_EXTRA + rng_below(rng, 1000), rng, &died);
    if (good && died)
        good = middle_life(&first, rng);
    if (good) {
        second.last = first.last;
        second.extra = first.extra;
        left = second_image(&first, image, &second.promises, rng);
        lay_out(&second, left);
        good = start(&second) && compare_all(&second, rng);
    }
    start_fini(&first);
    start_fini(&second);
    volume_free(left);
    nftw(c->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return good;
}
