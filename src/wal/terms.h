/* terms - the term of each entry in the log, as runs of equal terms.
 *
 * Covers the entry before the log's first one too, whose term a new segment's header repeats.
 * Invariant: at least one run after terms_init; runs ascend by index. */
#ifndef MOAT_WAL_TERMS_H
#define MOAT_WAL_TERMS_H

#include <stddef.h>
#include <stdint.h>

struct term_run {
    uint64_t index; /* first of the run */
    uint64_t term;
};

struct terms {
    struct term_run *v;
    size_t n;
    size_t cap;
};

/* The log is empty after (index, term). */
void terms_init(struct terms *t, uint64_t index, uint64_t term);
void terms_fini(struct terms *t);

/* The entry at index has this term; those at and behind it are replaced. */
void terms_put(struct terms *t, uint64_t index, uint64_t term);

/* Forget entries before index, and what was there in their place. */
void terms_trim(struct terms *t, uint64_t index);

/* The term at an index that is covered. */
uint64_t terms_at(const struct terms *t, uint64_t index);

#endif
