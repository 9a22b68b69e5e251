/* leases - the table of leases and of the keys bound to them.
 *
 * What is replicated of a lease: its ID, the seconds it was granted, what was left of them at the
 * last checkpoint, and its keys, each bound to at most one lease. Beside that each lease has a term
 * (state/lessor.h): when it ends, known to the member that leads, and to nobody else.
 * Invariant: a key's lease is in the table; key_n counts keys. */
#ifndef MOAT_STATE_LEASES_H
#define MOAT_STATE_LEASES_H

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "base/timers.h"

#define LEASE_TTL_MAX   9000000000 /* seconds, etcd's limit: in nanoseconds it is below 2^63 */
#define LEASE_SIZES     65u        /* classes by number of keys: 0, 1, 2 to 3, 4 to 7, … */
#define LEASE_LOOK_MAX  10000u     /* leases of one class looked at for the biggest */
#define LEASES_TIDY_MAX 1000u      /* keys freed at once */
#define LEASE_COST      64u        /* bytes that etcd's quota counts for a lease */

/* The lessor's part of a lease. */
struct lease_term {
    struct timer timer; /* due at the deadline, or at a checkpoint before it */
    uint64_t deadline_ns;
    struct list renewals; /* struct lessor_renewal that wait for an entry */
    bool expiring;        /* an entry that revokes it is on its way */
    bool checkpointing;   /* … that says what is left of it */
    bool clearing;        /* … that says that all of it is left again */
    bool over;            /* it is being revoked, and no longer to be renewed */
};

/* Whom the auth store let touch all keys, so that it need not look at each of them for each put:
 * who has a lease of a million keys could hold everybody up. */
struct lease_judged {
    uint64_t user;    /* record ID; 0: nobody yet */
    uint64_t changes; /* of users and roles, as it was */
    uint64_t bound;   /* keys bound until then */
    int need;         /* enum auth_need */
};

struct lease {
    struct map_node node;
    int64_t id;
    int64_t ttl;       /* seconds, as granted */
    int64_t remaining; /* seconds, as of the last checkpoint; 0: all of them */
    uint64_t granted;  /* by this entry: an ID may be granted again */
    struct list keys;  /* in the order in which they were bound */
    size_t key_n;
    struct list sized; /* among those of its size */
    uint64_t bound;    /* keys ever bound to it */
    struct lease_judged judged;
    struct lease_term term;
};

struct leases {
    struct map ids;
    struct map keys;
    struct list sizes[LEASE_SIZES]; /* so that the biggest are found without a walk over all */
    struct list taken;              /* keys that are bound no more, to be freed by and by */
    uint64_t last_granted;          /* no lease here was granted by a later entry */
};

void leases_init(struct leases *ls, struct rng *rng);
void leases_fini(struct leases *ls);

struct lease *leases_find(const struct leases *ls, int64_t id); /* NULL: not there */
struct lease *leases_add(struct leases *ls, int64_t id, int64_t ttl, uint64_t granted);
/* Forget a lease. Its keys are bound to none from now on. */
void leases_remove(struct leases *ls, struct lease *l);

/* The key belongs to the lease with this ID from now on, and to no other; to none if there is no
 * such lease (0 never is one). */
void leases_bind(struct leases *ls, struct slice key, int64_t id);
const struct lease *leases_of_key(const struct leases *ls, struct slice key); /* NULL: none */

/* The lease's key_n keys in bytewise order: the array in the arena, the bytes borrowed until the
 * key is bound otherwise. */
struct slice *lease_keys(const struct lease *l, struct arena *a);
/* The same, and none of them is bound any more. The bytes stay until leases_tidy. */
struct slice *leases_take_keys(struct leases *ls, struct lease *l, struct arena *a);
/* Free some of what was taken: to free a million at once would hold everybody up. Is there more? */
bool leases_tidy(struct leases *ls);

/* The key that was bound to the lease before k (NULL: the last one); NULL: there is none. */
struct leased_key;
const struct leased_key *lease_key_before(const struct lease *l, const struct leased_key *k);
struct slice leased_key_bytes(const struct leased_key *k);

size_t leases_count(const struct leases *ls);
/* The one after l (NULL: the first), in no order; NULL at the end. The table must not change. */
struct lease *leases_after(const struct leases *ls, const struct lease *l);

size_t leases_key_count(const struct leases *ls);
/* Those with the most keys, the biggest first, ones without left out: at most max. Returns how
 * many. Where more than LEASE_LOOK_MAX are of about one size, others may have up to twice as many.
 */
size_t leases_biggest(const struct leases *ls, const struct lease **out, size_t max);

/* A digest of what is replicated. */
uint64_t leases_hash(const struct leases *ls);
void leases_check(const struct leases *ls);

#endif
