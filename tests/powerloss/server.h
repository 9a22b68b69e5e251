/* server - one moat under test: start, connect, read, stop. */
#ifndef TEST_POWERLOSS_SERVER_H
#define TEST_POWERLOSS_SERVER_H

#include "base/arena.h"
#include "grpc.h"
#include "wire/etcd.h"

#include <sys/types.h>

#define SERVER_START_S 20

/* Where things are; all but dir NULL or 0 when not wanted. */
struct server_options {
    const char *program;
    const char *shim;  /* the library to preload */
    const char *dir;   /* working directory: root/ below it is the server's, log and socket ours */
    const char *trace; /* file that the library appends to */
    bool separate_log; /* --wal-dir beside the data directory */
    uint64_t die_at;   /* so many effects … */
    uint64_t die_kind; /* … of this trace_kind; 0: any */
    uint64_t sync_us;  /* delay of each sync */
};

struct server {
    pid_t pid;
    int status; /* waitpid's, once it has ended */
    struct grpc *grpc;
    char *log; /* path */
    char *socket_path;
};

/* RC_OK once it takes connections. RC_CLOSED: it ended before (killed, or it refused: see log);
 * RC_TIMEOUT. */
MUST_USE enum rc server_start(struct server *s, const struct server_options *opt);
void server_stop(struct server *s, int signal); /* and wait for its end */
bool server_was_killed(struct server *s);       /* by SIGKILL; looks for a second whether it ends */
void server_print_log(const struct server *s);

/* A read of all keys. revision 0: now; changed: only what was last modified there. *status is
 * grpc-status. answer lives in arena. */
MUST_USE enum rc server_range(struct server *s, int64_t revision, bool changed, struct arena *arena,
                              int *status, struct pb_range_response *answer);

#endif
