/* state - the one replicated state machine.
 *
 * Committed entries (etcd's InternalRaftRequest, wire/raft_request.h) change keys, leases, users,
 * roles, alarms and members, here and nowhere else, deterministically. Changes gather and
 * go to storage in batches: one transaction holds them, the applied index with its term, the
 * configuration and the revision, always at the border between two entries (docs/ARCHITECTURE.md,
 * Storage).
 *
 * Before an entry is proposed its request is judged (state/check.h) and the quota asked; what an
 * entry must find when applied, later entries may have changed, is judged again in state_apply. */
#ifndef MOAT_STATE_STATE_H
#define MOAT_STATE_STATE_H

#include "kv/kv.h"
#include "kv/range.h"
#include "state/auth.h"

#define STATE_FLUSH_MS        100u         /* at most that long a change waits for its batch */
#define STATE_FLUSH_OPS       20000u       /* … or until so many wait (ITS#9155), … */
#define STATE_FLUSH_BYTES     (16u << 20)  /* … or so much */
#define STATE_UNFLUSHED_MAX   (64u << 20)  /* bytes; above: nothing is proposed */
#define STATE_RETRY_MS        1000u        /* after storage had no room */
#define STATE_COPY_FREE       (64u << 10)  /* of a nested answer; larger: counts for each level */
#define STATE_REPLY_BYTES_MAX (128u << 20) /* of pairs in the answer to a transaction or delete */
#define STATE_QUOTA_OVERHEAD  256u /* bytes etcd counts for each pair beside key and value */

struct leases;
struct lessor;
struct state;

struct state_options {
    struct env *env;
    struct storage *storage; /* stays the caller's */
    uint64_t cluster_id;
    uint64_t member_id;
    int64_t quota_bytes;   /* <= 0: none */
    bool verify;           /* judge every stored value when loading */
    uint64_t token_ttl_ns; /* of simple tokens; 0: tokens are made and known elsewhere */
    void *arg;
    /* The committed configuration, kept with the next batch (quorum_configuration). */
    void (*configuration)(void *arg, uint64_t *index, struct buf *out);
    /* A batch is in storage. Up to this entry even a power loss cannot undo it: the log may be
     * trimmed. */
    void (*on_flushed)(void *arg, uint64_t safe_index);
    /* Storage had no room (RC_NO_SPACE: retried until there is), has room again (RC_OK), or failed
     * for good (anything else). */
    void (*on_storage)(void *arg, enum rc rc);
};

/* What storage held. */
struct state_restored {
    uint64_t index; /* the last entry applied; 0: none */
    uint64_t term;
    uint64_t conf_index;
    struct buf conf;
};

struct state *state_new(const struct state_options *opt);
void state_free(struct state *s);

/* Load everything; once, first. The caller frees out->conf. */
MUST_USE enum rc state_restore(struct state *s, struct state_restored *out, struct err *err);

/* The outcome of a request, for whoever waits for it. {.raft_term, .room} going in. */
struct state_reply {
    uint64_t raft_term; /* for the response's header */
    size_t room;        /* bytes of pairs that the answer may hold; 0: STATE_REPLY_BYTES_MAX */
    bool unheard;       /* nobody waits: what is read for the answer alone is left out */
    bool too_large;     /* done, but the answer had no room: body is not all of it */
    enum etcd_error error;
    struct auth_denial denial; /* to ETCD_PERMISSION_DENIED; borrows from the entry or request */
    struct buf body;           /* the encoded response message, when error is ETCD_OK */
    int64_t sweep; /* not 0: answer only once state_swept of this revision (physical compaction) */
};

/* Apply the entry of that index; body empty for entries without a request (barriers,
 * configurations). reply may be NULL: nobody here waits. */
void state_apply(struct state *s, uint64_t index, uint64_t term, struct slice body,
                 struct state_reply *reply);

/* A read-only transaction, evaluated now. */
void state_read_txn(struct state *s, const struct pb_txn_request *r, struct state_reply *reply);

/* A request of the Auth service that changes nothing, answered now. It was let through. */
void state_read_auth(struct state *s, uint32_t field, struct slice request,
                     struct state_reply *reply);

/* Would a request that adds so many bytes exceed the quota? Flushed, unflushed and new bytes count.
 */
bool state_over_quota(const struct state *s, size_t new_bytes);
/* Of everything applied, what waits for storage or is on its way there. */
size_t state_unflushed_bytes(const struct state *s);
/* Too much waits for storage: propose nothing now. */
bool state_congested(const struct state *s);
bool state_swept(const struct state *s, int64_t revision);

/* The loop's turn: sweep a slice, start a flush when one is due. Returns true while it wants
 * another turn soon. */
bool state_turn(struct state *s);

/* Flush what is left and make it proof against power loss. Blocks; before state_free at a clean
 * stop. */
MUST_USE enum rc state_sync(struct state *s);

struct kv *state_kv(struct state *s);
struct leases *state_leases(struct state *s);
struct lessor *state_lessor(struct state *s);
uint64_t state_applied(const struct state *s);
uint64_t state_flushed(const struct state *s); /* the last entry that storage has */
/* The header of a response made now. */
struct pb_response_header state_header(const struct state *s, uint64_t raft_term);

/* A digest of all that is replicated, for members to be compared by (simulation, tests). */
uint64_t state_hash(struct state *s);

#endif
