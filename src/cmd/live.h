/* live - `moat import --from`: copy a running etcd, follow its changes, stop when told to. */
#ifndef MOAT_CMD_LIVE_H
#define MOAT_CMD_LIVE_H

#include "app/restore.h"
#include "cmd/remote.h"

struct live_options {
    const char *from;      /* URLs */
    struct remote_who who; /* root, if auth is on there */
    bool until_level;      /* end as soon as nothing is missing; else at SIGINT or SIGTERM */
};

/* Into the data directory that the server's flags name (argv[0 … argc)). */
MUST_USE enum rc live_import(int argc, char *const *argv, const struct live_options *opt,
                             struct import_result *out, struct err *err);

#endif
