/* judge - holds what a node does against what it did before and against the model. */
#ifndef MOAT_SIM_JUDGE_H
#define MOAT_SIM_JUDGE_H

#include "sim/model.h"
#include "sim/people.h"
#include "state/state.h"

struct judge {
    struct model model;
    struct people people;
    uint64_t applied;      /* the last entry the model has seen */
    uint64_t acknowledged; /* the last entry a client was told of */
    int64_t acknowledged_revision;
    uint64_t *ids;    /* by entry: the request in it, 0 for none */
    uint64_t *hashes; /* by entry: the state after it */
    size_t cap;
    uint8_t *seen; /* by request id: was it applied? */
    size_t seen_cap;
    struct arena arena;
    struct buf expected;
};

void judge_init(struct judge *j);
void judge_fini(struct judge *j);

/* Each gives NULL, or what is wrong. */

/* The entry was applied, with this outcome and the state's hash after it: for the first time (the
 * model says what must come out), or again (it must be the same entry, and lead to the same state).
 */
const char *judge_entry(struct judge *j, uint64_t index, struct slice body,
                        const struct state_reply *reply, uint64_t hash);
void judge_acknowledge(struct judge *j, uint64_t index, int64_t revision);
/* The state that storage held when the node started. */
const char *judge_state(const struct judge *j, uint64_t index, uint64_t hash);
/* A range of the live key space is the model's. */
const char *judge_range(struct judge *j, struct kv *kv, const struct pb_range_request *r);

#endif
