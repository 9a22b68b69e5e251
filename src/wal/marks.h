/* marks - where in the segments the entries lie, sparsely.
 *
 * A mark says: the entries from this index on, up to the next mark's, lie one after another in the
 * stream of items that begins here. There is one where a segment's entries begin, where the log was
 * cut and continued, and every MARKS_EVERY bytes; so replaced entries are never met.
 * Invariant: indexes ascend. */
#ifndef MOAT_WAL_MARKS_H
#define MOAT_WAL_MARKS_H

#include <stddef.h>
#include <stdint.h>

#define MARKS_EVERY (64u << 10) /* bytes of a segment */

struct mark {
    uint64_t index; /* of the entry whose item begins here */
    uint64_t seq;   /* segment */
    uint64_t at;    /* offset of the record in which the item begins */
    uint32_t skip;  /* offset of the item in that record's body */
};

struct marks {
    struct mark *v;
    size_t n;
    size_t cap;
    uint64_t next_index; /* behind the last entry that was added; 0: none yet */
};

void marks_fini(struct marks *m);

/* An entry was read or written at this place: cut what it replaces, mark it if that is due. */
void marks_add(struct marks *m, const struct mark *at);

/* Forget what lies in segments before seq. */
void marks_trim(struct marks *m, uint64_t seq);

/* The last mark <= index, or NULL; *end is the index where what it leads to ends. */
const struct mark *marks_find(const struct marks *m, uint64_t index, uint64_t *end);

#endif
