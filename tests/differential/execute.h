/* execute - carry steps out on both servers and stop at the first disagreement. */
#ifndef TEST_DIFFERENTIAL_EXECUTE_H
#define TEST_DIFFERENTIAL_EXECUTE_H

#include "callers.h"
#include "hits.h"
#include "judge.h"
#include "servers.h"

#define TOGETHER_MAX 16 /* reads under way at once */

_Static_assert(TOGETHER_MAX <= CLIENT_CALLS_MAX, "they fit");

/* What the workers count, each for itself. */
struct tally {
    struct hits hits;
    uint64_t rules[RULE_COUNT]; /* answers that agree, by rule */
    uint64_t passed;            /* programs */
    uint64_t failed;
};

/* Both servers, and where etcd's store stands. */
struct rig {
    const struct servers_options *options;
    const struct program_options *program;
    struct servers servers;
    struct moment now;
    struct callers callers;
    struct tally *tally; /* may be NULL: nothing is counted */
    FILE *trace;         /* may be NULL: each step and its answers */
};

/* Where and in what the servers disagree. */
struct disagreement {
    size_t at;       /* the step's place */
    struct buf text; /* of several lines */
};

/* Fresh servers, with the leases that programs use. */
MUST_USE enum rc rig_start(struct rig *rig, struct err *err);
void rig_stop(struct rig *rig);

/* True when both agree in everything; else out is filled, and the servers are of no more use. */
bool rig_run(struct rig *rig, struct step *const *steps, size_t n, struct disagreement *out);

#endif
