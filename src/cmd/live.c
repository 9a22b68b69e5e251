#include "cmd/live.h"

#include "base/fd.h"
#include "base/mem.h"
#include "client/watch.h"
#include "cmd/remote.h"
#include "io/loop.h"
#include "snapshot/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define TICK_NS      UINT64_C(1000000000)
#define REPORT_TICKS 10 /* between two lines, where nobody looks */
#define LEASES_MAX   1000000u

struct live {
    const struct live_options *opt;
    struct conf conf;
    struct remote remote;
    struct follow *follow;
    struct client_watch *watch;
    struct timer tick;
    unsigned ticks;
    int64_t source; /* the other's revision, as far as it is known */
    size_t leases;  /* copied in the end */
    int signals;    /* a descriptor */
    bool talk;      /* somebody looks at the terminal */
    enum rc rc;     /* of the tick */
    struct err *err;
};

/* ---- The snapshot ---- */

static enum rc take_part(struct live *v, struct slice message, int fd)
{
    struct arena arena = {0};
    struct pb_snapshot_response part;
    enum rc rc = wire_decode(&wire_snapshot_response, message, &arena, &part);
    if (rc == RC_OK)
        rc = fd_write_all(fd, part.blob);
    if (rc == RC_OK && v->talk)
        fprintf(stderr, "\rsnapshot: %" PRIu64 " MiB left   ", part.remaining_bytes >> 20);
    arena_fini(&arena);
    return rc == RC_OK ? RC_OK : err_set(v->err, rc, "cannot keep the snapshot: %s", rc_text(rc));
}

static enum rc receive(struct live *v, int fd)
{
    const struct pb_snapshot_request ask = {0};
    struct buf message = {0};
    struct client_call *call = client_start(
        v->remote.client, &(struct client_request){CLIENT_SNAPSHOT, &ask, CLIENT_FOREVER},
        &v->remote.status);
    if (!call)
        return remote_failed(&v->remote, v->err);
    enum rc rc = RC_OK;
    while (rc == RC_OK && client_await(v->remote.client, call, CLIENT_FOREVER, &message) == RC_OK)
        rc = take_part(v, buf_slice(&message), fd);
    client_status_copy(&v->remote.status, client_call_status(call));
    if (rc == RC_OK && v->remote.status.code != GRPC_OK)
        rc = remote_failed(&v->remote, v->err);
    client_call_free(call);
    buf_fini(&message);
    return rc;
}

/* The file is beside the data directory for the while. */
static enum rc copy_snapshot(struct live *v, struct import_result *out)
{
    AUTO(mem_free_at) char *path = mem_printf("%s.snapshot.part", v->conf.data_dir);
    struct restore_options restore = {.path = path};
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(v->err, rc_of_errno(errno), "cannot write %s: %s", path,
                       rc_text(rc_of_errno(errno)));
    enum rc rc = receive(v, fd);
    close(fd);
    if (rc == RC_OK)
        rc = restore_snapshot(&v->conf, &restore, out, v->err);
    unlink(path);
    if (rc == RC_OK && v->talk)
        fprintf(stderr, "\r%40s\r", "");
    return rc;
}

/* ---- Following ---- */

static void report(const struct live *v)
{
    int64_t revision = follow_revision(v->follow);
    int64_t behind = v->source > revision ? v->source - revision : 0;
    fprintf(stderr,
            v->talk ? "\rrevision %" PRId64 ", %" PRId64 " behind   "
                    : "revision %" PRId64 ", %" PRId64 " behind\n",
            revision, behind);
}

static void on_tick(struct timer *t)
{
    struct live *v = CONTAINER_OF(t, struct live, tick);
    if (v->rc == RC_OK)
        v->rc = follow_flush(v->follow, v->err);
    client_watch_request_progress(v->watch);
    if (v->talk || v->ticks++ % REPORT_TICKS == 0)
        report(v);
    timer_start(&v->remote.loop.timers, t, client_now_ns() + TICK_NS);
}

static enum rc take_events(struct live *v, const struct pb_watch_response *r)
{
    if (r->header && r->header->revision > v->source)
        v->source = r->header->revision;
    if (r->canceled || r->compact_revision != 0) {
        struct buf why = {0};
        client_watch_reason(r, &why);
        err_set(v->err, RC_CORRUPT, "%s: %.*s; begin again with an empty data directory",
                v->opt->from, (int)why.n, why.n ? (const char *)why.p : "");
        buf_fini(&why);
        return RC_CORRUPT;
    }
    return follow_apply(v->follow, r->events, r->events_n, v->err);
}

/* Until the follower has that revision (0: until told to switch). */
static enum rc follow_until(struct live *v, int64_t revision)
{
    enum rc rc = RC_OK;
    while (rc == RC_OK && (revision == 0 || follow_revision(v->follow) < revision)) {
        struct arena arena = {0};
        struct pb_watch_response r;
        rc = client_watch_await(v->watch, revision == 0 ? v->signals : -1, &arena, &r);
        if (rc == RC_CANCELED)
            return RC_OK;
        if (rc == RC_OK)
            rc = take_events(v, &r);
        else
            err_set(v->err, rc, "%s: the watch is over", v->opt->from);
        arena_fini(&arena);
        rc = rc == RC_OK ? v->rc : rc;
    }
    return rc;
}

/* ---- The end ---- */

static enum rc one_lease(struct live *v, int64_t id, struct pb_lease *out)
{
    const struct pb_lease_time_to_live_request ask = {.id = id};
    struct pb_lease_time_to_live_response r;
    struct arena arena = {0};
    enum rc rc = remote_call(&v->remote, CLIENT_LEASE_TIME_TO_LIVE, &ask, &arena, &r, v->err);
    arena_fini(&arena);
    if (rc != RC_OK)
        return rc;
    *out = (struct pb_lease){.id = r.ttl > 0 ? id : 0, .ttl = r.granted_ttl};
    if (r.ttl < r.granted_ttl)
        out->remaining_ttl = r.ttl + 1; /* never less than was promised */
    return RC_OK;
}

/* A watch does not tell of leases: they are asked for. */
static enum rc copy_leases(struct live *v)
{
    const struct pb_lease_leases_request ask = {0};
    struct pb_lease_leases_response r;
    struct arena arena = {0};
    struct pb_lease *leases = NULL;
    size_t n = 0;
    enum rc rc = remote_call(&v->remote, CLIENT_LEASE_LEASES, &ask, &arena, &r, v->err);
    if (rc == RC_OK && r.leases_n > LEASES_MAX)
        rc = err_set(v->err, RC_LIMIT, "%s has more than %u leases", v->opt->from, LEASES_MAX);
    if (rc == RC_OK)
        leases = mem_calloc(r.leases_n + 1, sizeof(*leases));
    for (size_t i = 0; rc == RC_OK && i < r.leases_n; i++) {
        rc = one_lease(v, r.leases[i].id, &leases[n]);
        n += rc == RC_OK && leases[n].id != 0;
    }
    if (rc == RC_OK)
        rc = follow_leases(v->follow, leases, n, v->err);
    v->leases = n;
    free(leases);
    arena_fini(&arena);
    return rc;
}

static enum rc follow(struct live *v)
{
    const struct client_watch_options watch = {.key = SLICE_LIT("\0"),
                                               .range_end = SLICE_LIT("\0"),
                                               .revision = follow_revision(v->follow) + 1,
                                               .progress_notify = true};
    v->watch = client_watch_new(v->remote.client, &watch);
    v->tick.fire = on_tick;
    timer_start(&v->remote.loop.timers, &v->tick, client_now_ns() + TICK_NS);
    enum rc rc = v->opt->until_level ? RC_OK : follow_until(v, 0);
    /* Told to switch: what the other has by now must be here, too. */
    int64_t last = 0;
    if (rc == RC_OK)
        rc = remote_revision(&v->remote, &last, v->err);
    if (rc == RC_OK)
        rc = follow_until(v, last);
    if (rc == RC_OK)
        rc = follow_flush(v->follow, v->err);
    if (rc == RC_OK)
        rc = copy_leases(v);
    timer_stop(&v->remote.loop.timers, &v->tick);
    client_watch_free(v->watch);
    if (v->talk)
        fprintf(stderr, "\r%40s\r", "");
    return rc;
}

static enum rc follow_stored(struct live *v, struct import_result *out)
{
    struct log quiet = {.level = LOG_FATAL};
    struct io_loop *loop = NULL;
    struct storage *storage = NULL;
    enum rc rc = io_loop_new(&(struct io_loop_options){.log = &quiet}, &loop, v->err);
    if (rc == RC_OK)
        rc = restore_storage(&v->conf, io_loop_env(loop), &storage, v->err);
    if (rc == RC_OK)
        rc = follow_open(io_loop_env(loop), storage, &v->follow, v->err);
    if (rc == RC_OK)
        rc = follow(v);
    if (v->follow) {
        out->revision = follow_revision(v->follow);
        out->leases = v->leases;
    }
    if (rc == RC_OK && storage_sync(storage) != RC_OK)
        rc = err_set(v->err, RC_IO, "cannot make the data durable");
    follow_close(v->follow);
    storage_close(storage);
    io_loop_free(loop);
    return rc;
}

static int catch_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

enum rc live_import(int argc, char *const *argv, const struct live_options *opt,
                    struct import_result *out, struct err *err)
{
    struct live v = {.opt = opt, .talk = isatty(STDERR_FILENO), .signals = -1, .err = err};
    enum conf_action action = CONF_RUN;
    enum rc rc = conf_load(argc, argv, environ, &v.conf, &action, err);
    if (rc == RC_OK && action != CONF_RUN)
        rc = err_set(err, RC_MALFORMED, "that flag is not for importing");
    if (rc != RC_OK)
        return rc;
    rc = remote_open(&v.remote, opt->from, &opt->who, err);
    if (rc == RC_OK)
        rc = copy_snapshot(&v, out);
    if (rc == RC_OK) {
        v.signals = catch_signals();
        rc = v.signals >= 0 ? follow_stored(&v, out) : err_set(err, RC_NO_FDS, "no signalfd");
    }
    if (v.signals >= 0)
        close(v.signals);
    remote_close(&v.remote);
    conf_fini(&v.conf);
    return rc;
}
