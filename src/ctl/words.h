/* words - a line of txn's or watch's input as words, and a comparison of txn.
 *
 * A word stands in double quotes with Go's escapes, in single quotes as it is, or bare up to a
 * space; a quote that is never closed is left out (etcdctl's Argify). */
#ifndef MOAT_CTL_WORDS_H
#define MOAT_CTL_WORDS_H

#include "base/arena.h"
#include "base/err.h"
#include "wire/etcd.h"

#define WORDS_MAX 256 /* in one line */

struct words {
    char *v[WORDS_MAX + 1]; /* each with a zero behind it, in the arena; NULL at the end */
    int n;
};

/* RC_INVALID: an escape that is none; RC_LIMIT. */
MUST_USE enum rc words_split(struct slice line, struct arena *arena, struct words *out,
                             struct err *err);

/* `mod("key") > "0"`. Sets all of *out but the range; borrows from arena. err has etcdctl's text.
 */
MUST_USE enum rc words_compare(struct slice line, struct arena *arena, struct pb_compare *out,
                               struct err *err);

/* Without spaces at both ends. */
struct slice words_trim(struct slice s);

#endif
