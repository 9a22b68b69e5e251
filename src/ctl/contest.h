/* contest - who created the oldest key below a prefix has it: locks and elections.
 *
 * Each contender puts PREFIX/LEASE-ID with a lease that it keeps alive, then waits until every
 * older key is gone (etcd's client/v3/concurrency). */
#ifndef MOAT_CTL_CONTEST_H
#define MOAT_CTL_CONTEST_H

#include "client/session.h"
#include "ctl/inner.h"

enum contest_end {
    CONTEST_WON,
    CONTEST_STOPPED, /* by a signal */
    CONTEST_EXPIRED, /* the lease is gone */
    CONTEST_FAILED,  /* ctl->status says why */
};

struct contest {
    struct ctl *ctl;
    struct slice prefix; /* with its slash */
    struct slice key;    /* ours */
    int64_t lease;
    int64_t revision; /* at which our key was created */
    int64_t won_at;   /* the answer's revision when we had won */
    int signals;      /* has input once SIGINT or SIGTERM came */
    struct client_session *session;
};

/* Get a lease. EXIT_OK, or the code after the error was printed. */
int contest_open(struct contest *c, struct ctl *ctl, struct slice name, int64_t ttl_s);
void contest_close(struct contest *c);

/* Put our key with this value and wait for our turn. */
enum contest_end contest_enter(struct contest *c, struct slice value);

/* Wait until we are stopped or the lease is gone. */
enum contest_end contest_hold(struct contest *c);

/* Remove our key. False: ctl->status says why. */
bool contest_leave(struct contest *c);

#endif
