/* recall - where the loop's view has the values it read lately, so that reading them again takes
 * no search: lists and popular keys are asked for again and again.
 *
 * A committed page is never written again, and freed only when a later commit changed something on
 * it (LMDB copies on write). Appending changes no leaf but the last one. So a place stays good from
 * view to view while every commit has only appended to the table, if it is not on the last leaf;
 * after any other commit all are forgotten. Only table `key` has them: there, a key is a revision,
 * and what stands under it never changes. */
#ifndef MOAT_STORE_RECALL_H
#define MOAT_STORE_RECALL_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define RECALL_KEY_LEN 17 /* bytes of a revision's key; others are not kept */

struct recalled {
    uint64_t main; /* the revision's two numbers, as they stand in the key */
    uint32_t sub;
    uint32_t len;
    const uint8_t *value; /* NULL: none is kept here */
    uint64_t epoch;       /* of the recall when it was kept; another one: forgotten */
};

/* {0} is empty; the memory comes with the first value. */
struct recall {
    struct recalled *of; /* sets of two, the one kept last first */
    uint64_t epoch;
    const uint8_t *last_leaf; /* the page that the next append may replace */
};

void recall_fini(struct recall *p);

bool recall_find(const struct recall *p, struct slice key, struct slice *value);
void recall_keep(struct recall *p, struct slice key, struct slice value, uint32_t page_bytes);

/* A new view. rewritten: a commit since the view before did more to the table than append; last:
 * its last key as the view has it, NULL when it is empty. */
void recall_renew(struct recall *p, bool rewritten, const void *last, uint32_t page_bytes);

#endif
