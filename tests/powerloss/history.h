/* history - what a server must hold, revision by revision.
 *
 * An operation's number says all about it: kind, keys, value. The trace's acknowledgements say
 * which operation got which revision; so the whole state at any revision is known. */
#ifndef TEST_POWERLOSS_HISTORY_H
#define TEST_POWERLOSS_HISTORY_H

#include "base/buf.h"
#include "wire/etcd.h"

#define HISTORY_KEYS   400u
#define HISTORY_BIG    8u          /* the last keys: those with large values */
#define OP_EXTRA       1000000000u /* from here on: operations after a loss, puts of one more key */
#define OP_PROBE_KEY   HISTORY_KEYS
#define FIRST_REVISION 1 /* of an empty store */

enum op_kind { OP_PUT, OP_DELETE, OP_PAIR /* a transaction of two puts */ };

struct op {
    enum op_kind kind;
    uint64_t number;
    unsigned keys[2];
    size_t value_n;
};

struct op op_of(uint64_t number);
unsigned op_keys(const struct op *op); /* 1 or 2 */
void op_key(unsigned key, struct buf *out);
void op_value(const struct op *op, unsigned key, struct buf *out);
/* The number of the operation whose value this is. */
uint64_t op_of_value(struct slice value);

struct history;

struct history *history_new(void);
void history_free(struct history *h);

/* The operation got this revision. Revisions come in any order, but each once. */
void history_add(struct history *h, uint64_t op, int64_t revision);
/* The end of adding. Dies when a revision is missing. */
void history_close(struct history *h);
int64_t history_revision(const struct history *h); /* the last */

/* Is answer the state of all keys at this revision? extra (0: none) is an operation that came as
 * the next revision after `last`. If not, why is set to a sentence. */
bool history_holds(const struct history *h, int64_t revision, int64_t last, uint64_t extra,
                   const struct pb_range_response *answer, char why[256]);

#endif
