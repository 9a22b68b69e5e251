/* history - the revisions of one key, oldest first, in 16 bytes when there is only one.
 *
 * etcd's keyIndex: generations, each a run of puts and, at its end, a tombstone. Where compaction
 * has eaten the first puts of a generation, a base record stands for them: the creation revision
 * and how many puts are gone, so that create_revision and version stay exact.
 * Invariant: main never falls from record to record; a base is followed by a put of its
 * generation. Dropping the oldest revision and looking at the newest generation are O(1), so a
 * key rewritten a million times between two compactions costs no more than another. */
#ifndef MOAT_KV_HISTORY_H
#define MOAT_KV_HISTORY_H

#include "kv/index.h"

enum record_kind {
    RECORD_NONE, /* in struct history: there is a run, or nothing at all */
    RECORD_PUT,
    RECORD_TOMBSTONE,
    RECORD_BASE
};

/* note: of a put the size; of a tombstone how many records its generation has (at least, for the
 * oldest one); of a base, with sub as the lower half, the puts that are gone. */
struct record {
    int64_t main;
    uint32_t sub;
    uint32_t kind : 2;
    uint32_t note : 30;
};

_Static_assert(sizeof(struct record) == 16, "a record is two words");

struct history_run;

/* {0} is empty. One record stands here itself, more of them in a run. */
struct history {
    union {
        struct record one;
        struct {
            struct history_run *run; /* NULL: no record */
            uint64_t none;           /* where a record has its kind: RECORD_NONE */
        };
    };
};

_Static_assert(sizeof(struct history) == sizeof(struct record), "nothing beside the one record");

void history_fini(struct history *h);

/* rev must be greater than the newest. */
void history_put(struct history *h, struct revision rev, uint32_t size);
/* Ends the generation; of a key that is not alive, a generation of nothing but its end. */
void history_tombstone(struct history *h, struct revision rev);
/* A put whose stored KeyValue says create and version. RC_CORRUPT, and h as it was, if that
 * contradicts what is recorded. */
MUST_USE enum rc history_restore_put(struct history *h, struct revision rev, int64_t create_main,
                                     int64_t version, uint32_t size);

bool history_empty(const struct history *h);
bool history_alive(const struct history *h);             /* is the newest record a put? */
uint32_t history_size(const struct history *h);          /* of the newest put; 0 when not alive */
struct revision history_newest(const struct history *h); /* {0, 0} when empty */
uint64_t history_revisions(const struct history *h);     /* recorded, bases not counted */
size_t history_heap(const struct history *h);            /* bytes on the heap, an estimate */

/* Fill all of hit but the key; RC_NOT_FOUND when not alive at `at`. */
MUST_USE enum rc history_at(const struct history *h, int64_t at, struct index_hit *hit);

bool history_may_drop(const struct history *h, struct revision rev, int64_t c);
/* Forget rev, the oldest recorded of its generation; false if it is not recorded. */
bool history_drop(struct history *h, struct revision rev);

/* Ask for what history_at will look at: the run, then, of a run that is in the cache, its ends. */
void history_prefetch(const struct history *h);
void history_prefetch_ends(const struct history *h);

void history_check(const struct history *h);

/* What malloc takes for n bytes, near enough: glibc's header and rounding. */
static inline size_t heap_cost(size_t n)
{
    size_t cost = (n + sizeof(size_t) + 15) & ~(size_t)15;
    return cost < 32 ? 32 : cost;
}

#endif
