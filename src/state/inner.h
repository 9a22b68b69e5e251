/* inner - struct state, for the files of this folder only. */
#ifndef MOAT_STATE_INNER_H
#define MOAT_STATE_INNER_H

#include "state/alarm.h"
#include "state/downgrade.h"
#include "state/lessor.h"
#include "state/members.h"
#include "state/pending.h"
#include "state/state.h"
#include "wire/raft_request.h"

struct state {
    struct state_options opt;
    struct env *env;
    struct kv *kv;
    struct auth *auth;
    uint64_t applied; /* the last entry */
    uint64_t applied_term;
    int64_t quota;
    struct arena arena; /* for decoding one entry */
    struct pending pending;
    struct leases leases;
    struct lessor lessor;
    struct alarms alarms;
    struct members members;
    char downgrade[DOWNGRADE_VERSION_MAX];

    struct flush {
        struct timer timer; /* a batch is due, or to be tried again */
        struct job job;
        uint64_t ns; /* that the job took */
        bool out;    /* the job is on its way */
        bool retry;  /* it had no room: the same batch again */
        bool low;    /* storage is about to have none */
        bool full;   /* on_storage was told so */
        bool dirty;  /* something was applied since the last batch began */
        bool broken; /* storage failed for good */
        enum rc rc;  /* the job's outcome */
        struct kv_flush batch;
        struct buf meta; /* the values of the batch's meta operations */
        uint64_t index;  /* applied when the batch began */
        uint64_t kept;   /* … of the batch before it */
        uint64_t safe;   /* power loss cannot undo entries up to here */
    } flush;
    uint64_t used_bytes; /* of storage, as of the last batch: for the quota */
};

/* A write's outcome is put into reply; body is the request's own message. */
void apply_put(struct state *s, const struct pb_put_request *r, struct state_reply *reply);
void apply_delete(struct state *s, const struct pb_delete_range_request *r,
                  struct state_reply *reply);
void apply_txn(struct state *s, const struct pb_txn_request *r, struct state_reply *reply);
void apply_compaction(struct state *s, const struct pb_compaction_request *r,
                      struct state_reply *reply);

/* An entry that concerns leases: decode and apply. */
MUST_USE enum rc lease_dispatch(struct state *s, const struct raft_request *r,
                                struct state_reply *reply);
void lease_init(struct state *s);
void lease_fini(struct state *s);
/* Load the leases; before the keys, which are bound to them. */
MUST_USE enum rc lease_restore(struct state *s, struct err *err);
void apply_alarm(struct state *s, const struct pb_alarm_request *r, struct state_reply *reply);
void apply_downgrade(struct state *s, const struct pb_downgrade_info_set_request *r,
                     struct state_reply *reply);

MUST_USE enum rc alarms_restore(struct state *s, struct err *err);
void alarms_fini(struct state *s);
/* An entry that changes the members: decode, judge and apply. The answer is the proposer's to make,
 * who knows names and client URLs. */
MUST_USE enum rc member_dispatch(struct state *s, const struct raft_request *r,
                                 struct state_reply *reply);
MUST_USE enum rc members_restore(struct state *s, struct err *err);
void members_fini(struct state *s);
MUST_USE enum rc downgrade_restore(struct state *s, struct err *err);

/* Something was applied: a batch is due within STATE_FLUSH_MS. */
void flush_note(struct state *s);
void flush_init(struct state *s);
void flush_fini(struct state *s);

#endif
