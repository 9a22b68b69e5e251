/* read_index - linearizable reads without a log entry (raft thesis 6.4).
 *
 * A round notes the commit index and asks every voter whether our term is still theirs. Once a
 * quorum has said so after the question was put, and everything up to the noted index is applied,
 * the reads that waited for the round see every write acknowledged before they came.
 * Rounds are numbered and a number is never used twice, also not after the leader changed or a
 * pause: an answer to an old question must not count for a new one (etcd#20418).
 * A round starts only after the one before it was answered, so reads that come meanwhile share one.
 */
#ifndef MOAT_QUORUM_READ_INDEX_H
#define MOAT_QUORUM_READ_INDEX_H

#include "base/list.h"
#include "base/rc.h"

#include <stdint.h>

#define READ_INDEX_VOTERS_MAX 64

struct read_waiter {
    struct list link;
    void (*ready)(struct read_waiter *w, enum rc rc);
};

struct read_index {
    uint64_t self;
    uint64_t number; /* of the round that is out, or of the last one */
    uint64_t term;
    uint64_t index; /* the commit index the round noted */
    bool out;       /* a round waits for answers */
    uint64_t acked[READ_INDEX_VOTERS_MAX];
    size_t acked_n;
    struct list asking;   /* waiters of the round that is out */
    struct list queued;   /* waiters of the next round */
    struct list applying; /* confirmed: wait until applied reaches confirmed_index */
    uint64_t confirmed_index;
    void *arg;
    void (*ask)(void *arg, uint64_t number,
                uint64_t term); /* send the question to every other voter */
};

struct read_voters {
    const uint64_t *ids;
    size_t n;
};

void read_index_init(struct read_index *ri, uint64_t self, void *arg,
                     void (*ask)(void *arg, uint64_t number, uint64_t term));

/* Queue a read; read_index_step starts it. */
void read_index_add(struct read_index *ri, struct read_waiter *w);

/* Move on as leader of term, having committed and applied that far: start a round if reads wait and
 * none is out, count answers, answer what is ready. */
void read_index_step(struct read_index *ri, uint64_t term, uint64_t committed, uint64_t applied,
                     struct read_voters voters);

/* A voter has said that `term` is its term, to question `number`. */
void read_index_answer(struct read_index *ri, uint64_t from, uint64_t number, uint64_t term);

/* Not leader (any more): what waits is asked anew once we lead again, or cancelled by then. */
void read_index_again(struct read_index *ri);

/* The end: everything that waits fails with RC_NOT_LEADER. */
void read_index_fail(struct read_index *ri);

#endif
