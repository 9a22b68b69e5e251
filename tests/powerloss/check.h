/* check - does a server that starts on what a loss of power left hold all that it promised? */
#ifndef TEST_POWERLOSS_CHECK_H
#define TEST_POWERLOSS_CHECK_H

#include "base/rng.h"
#include "history.h"
#include "sites.h"
#include "volume.h"

#define CHECK_WHY_MAX 512

/* What was promised up to the moment of the loss. */
struct promises {
    int64_t revision;      /* the highest that was acknowledged, or shown to a reader */
    int64_t compact_acked; /* 0: none */
    int64_t compact_asked; /* no revision below can be relied on to be readable */
};

/* Take in one record of a trace. */
void promises_add(struct promises *p, const struct trace_record *r);

struct check {
    const char *program;
    const char *shim;
    const char *dir; /* to work in; made and removed */
    bool separate_log;
    const struct history *history;
    struct promises promises;
    const struct sites *sites;
    int without; /* index of a site whose syncs do nothing in the second life either; -1: none */
};

/* Start a server on the image and compare it with the history. Then write one thing more, kill it
 * at some point, its recovery included, sometimes start it again on what the system has in memory;
 * then take the power away again at some point of all this, and start once more. False: why says
 * what is wrong. */
bool check_image(const struct check *c, struct volume *image, struct rng *rng,
                 char why[CHECK_WHY_MAX]);

#endif
