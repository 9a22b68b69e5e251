/* program - a random sequence of KV and Lease requests, made from a seed.
 *
 * What a request says of revisions is relative to where the store stands when it is sent, so that a
 * program reaches past, present, future and compacted revisions wherever it starts, and still does
 * after some of its steps were taken out. */
#ifndef TEST_DIFFERENTIAL_PROGRAM_H
#define TEST_DIFFERENTIAL_PROGRAM_H

#include "base/arena.h"
#include "base/buf.h"
#include "wire/etcd.h"

/* Go sorts stably up to this many elements: beyond, etcd's order among equals is its own. */
#define PROGRAM_KEYS_MAX  12
#define PROGRAM_STEPS_MIN 20
#define PROGRAM_STEPS_MAX 200

/* KIND(name, service, method, request, response) */
#define STEP_TABLE(KIND)                                                                           \
    KIND(RANGE, "KV", "Range", range_request, range_response)                                      \
    KIND(PUT, "KV", "Put", put_request, put_response)                                              \
    KIND(DELETE, "KV", "DeleteRange", delete_range_request, delete_range_response)                 \
    KIND(TXN, "KV", "Txn", txn_request, txn_response)                                              \
    KIND(COMPACT, "KV", "Compact", compaction_request, compaction_response)                        \
    KIND(GRANT, "Lease", "LeaseGrant", lease_grant_request, lease_grant_response)                  \
    KIND(REVOKE, "Lease", "LeaseRevoke", lease_revoke_request, lease_revoke_response)              \
    KIND(LEFT, "Lease", "LeaseTimeToLive", lease_time_to_live_request,                             \
         lease_time_to_live_response)                                                              \
    KIND(LEASES, "Lease", "LeaseLeases", lease_leases_request, lease_leases_response)

#define STEP_ENUM(name, service, method, request, response) STEP_##name,
enum step_kind { STEP_TABLE(STEP_ENUM) STEP_KIND_COUNT };
#undef STEP_ENUM

#define FRAGILE_MAX 64

/* Where a store stands. */
struct moment {
    int64_t revision;
    int64_t compacted;
    int64_t fragile[FRAGILE_MAX]; /* the last revisions that are never compacted at, in a ring */
    size_t fragile_n;
};

/* A number in a request that becomes moment's revision, or compacted, plus delta. */
struct revision_ref {
    int64_t *at;
    bool from_compacted;
    int64_t delta;
    struct revision_ref *next;
};

struct step {
    enum step_kind kind;
    void *request; /* struct pb_range_request …; revisions are set when it is encoded */
    struct revision_ref *refs;
    bool unknown_field; /* a field that no version knows follows: it must be skipped */
};

struct program {
    struct arena arena;
    struct step *steps;
    size_t step_n;
};

struct program_options {
    uint64_t seed;
    bool old_peer;  /* no requests that make etcd 3.4 panic, or go on where 3.7 refuses */
    int64_t leases; /* leases 1 … exist, and a few more come and go; 0: none */
};

/* Program number of the sequence that seed begins. */
void program_make(struct program *p, const struct program_options *opt, uint64_t number);
void program_fini(struct program *p);

const char *step_name(enum step_kind kind); /* "Range" */
const char *step_path(enum step_kind kind); /* "/etcdserverpb.KV/Range" */
const struct wire_message *step_request(enum step_kind kind);
const struct wire_message *step_response(enum step_kind kind);

/* Of a transaction, nested ones included. */
struct habits {
    bool writes;
    bool puts;
    bool deletes_from_key;
};

struct habits txn_habits(const struct pb_txn_request *r);

/* Compacting etcd 3.7 at the revision of a transaction that deletes a key and puts it again loses
 * the key, and the next read of it panics. Only a delete from key on gets that past the check for
 * duplicate keys. */
bool step_is_fragile(const struct step *s);

/* The request as it is sent when the store stands at now. */
void step_encode(const struct step *s, const struct moment *now, struct buf *out);
/* It changes nothing, so it may be under way together with others like it. */
bool step_is_read(const struct step *s);

#endif
