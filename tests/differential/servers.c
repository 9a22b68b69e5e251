#include "servers.h"

#include "base/mem.h"
#include "base/must.h"
#include "wire/etcd.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_TRIES   3     /* somebody may take a port between our look and the server's bind */
#define START_MS_MAX  20000 /* from the start of the process to its first answer */
#define START_LOOK_MS 5
#define LOG_QUOTED    2000 /* bytes of the end of a log */

const char *side_name(enum side side)
{
    return side == SIDE_MOAT ? "moat" : "etcd";
}

static void sleep_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static uint16_t free_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    must(fd >= 0);
    must(bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0);
    must(getsockname(fd, (struct sockaddr *)&at, &n) == 0);
    close(fd);
    return ntohs(at.sin_port);
}

void server_quote_log(const struct server *s, struct buf *out)
{
    char *path = mem_printf("%s.log", s->folder);
    char text[LOG_QUOTED];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    free(path);
    if (fd < 0)
        return;
    off_t size = lseek(fd, 0, SEEK_END);
    ssize_t n = pread(fd, text, sizeof(text), size > LOG_QUOTED ? size - LOG_QUOTED : 0);
    close(fd);
    if (n <= 0)
        return;
    buf_append(out, text, (size_t)n);
    buf_append_u8(out, '\n');
}

/* In the child: become the server. */
NORETURN static void become(const char *log, char *const argv[])
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0) {
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
    }
    execv(argv[0], argv);
    dprintf(STDERR_FILENO, "cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static void spawn(const struct servers_options *opt, enum side side, struct server *s)
{
    uint16_t peer_port = free_port();
    s->port = free_port();
    s->folder = mem_printf("%s/%s-%u", opt->folder, side_name(side), s->port);
    mkdir(s->folder, 0700);
    char *data = mem_printf("--data-dir=%s/data", s->folder);
    char *log = mem_printf("%s.log", s->folder);
    char *listen = mem_printf("--listen-client-urls=http://127.0.0.1:%u", s->port);
    char *advertise = mem_printf("--advertise-client-urls=http://127.0.0.1:%u", s->port);
    char *peer = mem_printf("--listen-peer-urls=http://127.0.0.1:%u", peer_port);
    char *peer_known = mem_printf("--initial-advertise-peer-urls=http://127.0.0.1:%u", peer_port);
    char *cluster = mem_printf("--initial-cluster=default=http://127.0.0.1:%u", peer_port);
    char *program = mem_strdup(side == SIDE_MOAT ? opt->moat : opt->etcd);
    /* etcd waits for an election timeout before its first vote: make it short. */
    char *moat_argv[] = {program,
                         (char[]){"server"},
                         data,
                         listen,
                         advertise,
                         peer,
                         peer_known,
                         cluster,
                         (char[]){"--log-level=warn"},
                         (char[]){"--bcrypt-cost=4"},
                         NULL};
    char *etcd_argv[] = {program,
                         data,
                         listen,
                         advertise,
                         peer,
                         peer_known,
                         cluster,
                         (char[]){"--logger=zap"},
                         (char[]){"--log-level=error"},
                         (char[]){"--heartbeat-interval=10"},
                         (char[]){"--election-timeout=50"},
                         (char[]){"--bcrypt-cost=4"},
                         NULL};
    s->pid = fork();
    must(s->pid >= 0);
    if (s->pid == 0)
        become(log, side == SIDE_MOAT ? moat_argv : etcd_argv);
    char *all[] = {data, log, listen, advertise, peer, peer_known, cluster, program};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        free(all[i]);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void end(const struct servers_options *opt, struct server *s)
{
    client_close(s->client);
    if (s->pid > 0) {
        kill(s->pid, SIGKILL); /* nothing of it is wanted any more */
        while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (s->folder) {
        nftw(s->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        char *log = mem_printf("%s.log", s->folder);
        if (!opt->keep_logs)
            unlink(log);
        free(log);
    }
    free(s->folder);
    *s = (struct server){0};
}

static bool has_ended(struct server *s)
{
    if (waitpid(s->pid, NULL, WNOHANG) != s->pid)
        return false;
    s->pid = 0;
    return true;
}

/* A linearizable read is answered when the member leads. */
static bool answers(const struct servers_options *opt, struct server *s)
{
    struct pb_range_request r = {.key = SLICE_LIT("a")};
    struct buf message = {0};
    struct answer a = {0};
    s->client = client_open(s->port, opt->form);
    if (!s->client)
        return false;
    wire_encode(&wire_range_request, &r, &message);
    bool ok = client_call(s->client, "/etcdserverpb.KV/Range", buf_slice(&message), &a) == RC_OK &&
              a.code == 0;
    answer_fini(&a);
    buf_fini(&message);
    if (ok)
        return true;
    client_close(s->client);
    s->client = NULL;
    return false;
}

static bool wait_ready(const struct servers_options *opt, struct server *s)
{
    for (unsigned waited = 0; waited < START_MS_MAX; waited += START_LOOK_MS) {
        if (answers(opt, s))
            return true;
        if (has_ended(s))
            return false;
        sleep_ms(START_LOOK_MS);
    }
    return false;
}

enum rc servers_start(const struct servers_options *opt, struct servers *s, struct err *err)
{
    AUTO(buf_fini) struct buf log = {0};
    *s = (struct servers){0};
    for (unsigned try = 0; try < START_TRIES; try++) {
        for (enum side side = 0; side < SIDE_COUNT; side++)
            if (!s->at[side].folder)
                spawn(opt, side, &s->at[side]);
        bool ready = true;
        for (enum side side = 0; side < SIDE_COUNT; side++) {
            struct server *one = &s->at[side];
            if (one->client || wait_ready(opt, one))
                continue;
            ready = false;
            err->text[0] = 0;
            err_set(err, RC_TIMEOUT, "%s does not answer after its start", side_name(side));
            buf_clear(&log);
            server_quote_log(one, &log);
            fwrite(log.p, 1, log.n, stderr);
            end(opt, one);
        }
        if (ready)
            return RC_OK;
    }
    servers_stop(opt, s);
    return RC_TIMEOUT;
}

void servers_stop(const struct servers_options *opt, struct servers *s)
{
    for (enum side side = 0; side < SIDE_COUNT; side++)
        end(opt, &s->at[side]);
}
