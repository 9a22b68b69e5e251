/* servers - moat and a real etcd, started fresh beside each other.
 *
 * Both listen on free ports of 127.0.0.1 and keep their data below one folder, which goes with
 * them. They die with the process that started them. */
#ifndef TEST_DIFFERENTIAL_SERVERS_H
#define TEST_DIFFERENTIAL_SERVERS_H

#include "client.h"

#include "base/err.h"

#include <sys/types.h>

enum side { SIDE_MOAT, SIDE_ETCD, SIDE_COUNT };

struct servers_options {
    const char *moat;   /* path of the program */
    const char *etcd;   /* likewise */
    const char *folder; /* exists; data and logs go below it */
    bool keep_logs;     /* leave the logs when the servers end */
    enum client_form form;
};

struct server {
    pid_t pid; /* 0: not running */
    uint16_t port;
    struct client *client;
    char *folder;
};

struct servers {
    struct server at[SIDE_COUNT];
};

/* Start both and wait until they answer. On failure nothing runs. */
MUST_USE enum rc servers_start(const struct servers_options *opt, struct servers *s,
                               struct err *err);
/* End both and remove their data. Idle on a struct of zeroes. */
void servers_stop(const struct servers_options *opt, struct servers *s);

/* Append what the server said last. */
void server_quote_log(const struct server *s, struct buf *out);

const char *side_name(enum side side);

#endif
