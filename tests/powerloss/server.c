#include "server.h"

#include "base/mem.h"
#include "base/must.h"
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POLL_US 500

static void set_number(const char *name, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof(text), "%" PRIu64, value);
    setenv(name, text, 1);
}

/* In the child. */
static void run(const struct server *s, const struct server_options *opt)
{
    int out = open(s->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setenv("LD_PRELOAD", opt->shim, 1);
    unsetenv(TRACE_ENV_FILE);
    char *root = mem_printf("%s/root", opt->dir);
    if (opt->trace) {
        setenv(TRACE_ENV_FILE, opt->trace, 1);
        setenv(TRACE_ENV_ROOT, root, 1);
        set_number(TRACE_ENV_DIE, opt->die_at);
        set_number(TRACE_ENV_DIE_KIND, opt->die_kind);
        set_number(TRACE_ENV_DELAY, opt->sync_us);
    }
    char *clients = mem_printf("unix://%s", s->socket_path);
    char *peers = mem_printf("unix://%s.peer", s->socket_path);
    char *data = mem_printf("%s/data", root);
    char *log = mem_printf("%s/log", root);
    execl(opt->program, opt->program, "server", "--data-dir", data, "--listen-client-urls", clients,
          "--advertise-client-urls", "http://localhost:2379", "--listen-peer-urls", peers,
          "--snapshot-count", "300", "--log-level", "warn", opt->separate_log ? "--wal-dir" : NULL,
          log, (char *)NULL);
    _exit(127);
}

static bool has_ended(struct server *s)
{
    if (s->pid > 0 && waitpid(s->pid, &s->status, WNOHANG) == s->pid)
        s->pid = 0;
    return s->pid == 0;
}

enum rc server_start(struct server *s, const struct server_options *opt)
{
    *s = (struct server){.log = mem_printf("%s/output", opt->dir),
                         .socket_path = mem_printf("%s/sock", opt->dir)};
    unlink(s->socket_path);
    unlink(s->log);
    s->pid = fork();
    must(s->pid >= 0);
    if (s->pid == 0)
        run(s, opt);
    for (int i = 0; i < SERVER_START_S * 1000000 / POLL_US; i++) {
        s->grpc = grpc_open(s->socket_path);
        if (s->grpc)
            return RC_OK;
        if (has_ended(s))
            return RC_CLOSED;
        usleep(POLL_US);
    }
    return RC_TIMEOUT;
}

void server_stop(struct server *s, int signal)
{
    if (s->pid > 0) {
        kill(s->pid, signal);
        waitpid(s->pid, NULL, 0);
    }
    grpc_close(s->grpc);
    free(s->log);
    free(s->socket_path);
    *s = (struct server){0};
}

bool server_was_killed(struct server *s)
{
    for (int i = 0; i < 1000000 / POLL_US && !has_ended(s); i++)
        usleep(POLL_US);
    return s->pid == 0 && WIFSIGNALED(s->status) && WTERMSIG(s->status) == SIGKILL;
}

void server_print_log(const struct server *s)
{
    char line[512];
    FILE *f = fopen(s->log, "re");
    while (f && fgets(line, sizeof(line), f))
        fprintf(stderr, "    %s", line);
    if (f)
        fclose(f);
}

struct reading {
    bool done;
    int *status;
    struct arena *arena;
    struct pb_range_response *answer;
    enum rc rc;
};

static void on_range(void *arg, int status, struct slice message)
{
    struct reading *r = arg;
    r->done = true;
    *r->status = status;
    r->rc = status < 0 ? RC_CLOSED : RC_OK;
    if (status == 0)
        r->rc =
            wire_decode(&wire_range_response, arena_copy(r->arena, message), r->arena, r->answer);
}

enum rc server_range(struct server *s, int64_t revision, bool changed, struct arena *arena,
                     int *status, struct pb_range_response *answer)
{
    static const uint8_t all[1] = {0};
    struct pb_range_request request = {
        .key = {all, 1}, .range_end = {all, 1}, .revision = revision};
    struct buf message = {0};
    if (changed) {
        request.min_mod_revision = revision;
        request.max_mod_revision = revision;
    }
    struct reading r = {.status = status, .arena = arena, .answer = answer};
    wire_encode(&wire_range_request, &request, &message);
    grpc_start(s->grpc, "/etcdserverpb.KV/Range", buf_slice(&message), on_range, &r);
    buf_fini(&message);
    enum rc rc = RC_OK;
    while (rc == RC_OK && !r.done)
        rc = grpc_step(s->grpc);
    if (!r.done) { /* r is about to go out of scope, and the call must not outlive it */
        grpc_close(s->grpc);
        s->grpc = NULL;
    }
    return r.done ? r.rc : rc;
}
