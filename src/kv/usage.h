/* usage - what fills the key space, prefix by prefix.
 *
 * Keys are split at a delimiter, as paths are. The counted index knows the weight of a whole prefix
 * without a walk over its keys, so the cost is that of the prefixes found, not of what they hold.
 */
#ifndef MOAT_KV_USAGE_H
#define MOAT_KV_USAGE_H

#include "kv/kv.h"

#define USAGE_STEPS_MAX    10000u     /* prefixes and keys looked at; what is left stays unsplit */
#define USAGE_BYTES_MAX    (1u << 20) /* of prefixes found, and one more; likewise */
#define USAGE_DESCENTS_MAX 100u       /* each copies the prefix: a key may be all delimiters */

struct usage_group {
    struct buf prefix; /* up to and with the delimiter */
    struct index_weight weight;
};

struct usage {
    struct buf prefix; /* what was split: as asked, or further down */
    struct index_weight total;
    struct index_weight direct;  /* keys of the prefix without a further delimiter */
    struct index_weight unsplit; /* behind where the steps or groups ended */
    struct usage_group *groups;  /* in the order of their prefixes */
    size_t n;
};

struct usage_request {
    struct slice prefix;
    uint8_t delimiter;
    /* Where all keys below the prefix share a longer one, split that: "/registry/" of "". */
    bool descend;
    size_t groups_max;
};

void usage_find(const struct kv *kv, const struct usage_request *r, struct usage *out);
void usage_fini(struct usage *u);
/* Where the keys with this prefix end: [prefix, out); empty: nowhere. */
void usage_range_end(struct slice prefix, struct buf *out);
/* The largest by bytes first; equal ones stay in order of their prefixes. */
void usage_sort(struct usage *u);

#endif
