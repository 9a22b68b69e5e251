/* lab - a state machine on the ordered map, with a clock, lanes and callbacks that tests can look
 * into. */
#ifndef MOAT_TESTS_STATE_LAB_H
#define MOAT_TESTS_STATE_LAB_H

#include "sim/workers.h"
#include "state/state.h"
#include "wire/raft_request.h"

#define LAB_CLUSTER 0xc1u
#define LAB_MEMBER  0x3eu
#define LAB_TERM    5u

#define LAB_TOKEN_TTL_NS (300ull * NS_PER_S)

struct lab {
    struct env env;
    struct clock clock;
    uint64_t now_ns;
    struct timers timers;
    struct rng rng;
    struct sim_workers workers;
    struct faults faults;
    const char *fault_point; /* fails once; NULL: none */
    struct log log;
    unsigned logged;
    struct storage *storage;
    struct state *state;
    struct state_restored restored; /* what the last start found */
    struct err err;
    int64_t quota;

    uint64_t index; /* of the last entry applied */
    struct state_reply reply;
    struct arena arena;

    unsigned flushes;
    uint64_t safe; /* as on_flushed said last */
    unsigned storage_events;
    enum rc storage_rc; /* as on_storage said last */
};

void lab_open(struct lab *l);
void lab_close(struct lab *l);

/* The process ends, cleanly or not (what is not flushed is lost), and starts again on the same
 * storage; what the start gave. */
enum rc lab_restart(struct lab *l);

/* Apply the next entry, with this request in it; the outcome is in l->reply. */
enum etcd_error lab_apply(struct lab *l, enum raft_request_field field,
                          const struct wire_message *m, const void *request);
/* … of somebody: at the auth revision that is now. */
enum etcd_error lab_apply_as(struct lab *l, const char *user, enum raft_request_field field,
                             const struct wire_message *m, const void *request);
enum etcd_error lab_put(struct lab *l, const char *key, const char *value);
enum etcd_error lab_delete(struct lab *l, const char *key, struct slice range_end);
enum etcd_error lab_txn(struct lab *l, const struct pb_txn_request *t);
enum etcd_error lab_compact(struct lab *l, int64_t revision, bool physical);

/* The last reply, decoded; valid until the next. */
void lab_response(struct lab *l, const struct wire_message *m, void *out);

/* The value of a key now; NULL bytes when there is none. Valid until the next change. */
struct slice lab_value(struct lab *l, const char *key);

void lab_store(struct lab *l);                /* run the store's lane until it is idle */
void lab_turns(struct lab *l);                /* turns and flushes until nothing is left to do */
void lab_pass_ms(struct lab *l, uint64_t ms); /* time passes; timers fire */

#endif
