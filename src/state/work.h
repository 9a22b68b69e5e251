/* work - how much a transaction would make the one thread do, told before it is proposed.
 *
 * A few kilobytes can ask for every key a hundred thousand times: nested operations multiply. Once
 * such an entry is in the log every start would carry it out again, so it is refused before. The
 * estimate is of the present, and for the branch that takes more; what it lets through is bounded
 * by the size of the store, as any single range is. */
#ifndef MOAT_STATE_WORK_H
#define MOAT_STATE_WORK_H

#include "kv/kv.h"

#define WORK_VISITS_MIN     1000000u /* keys that a transaction may always look at */
#define WORK_VISITS_PER_KEY 8u       /* and, in a larger store, each so many times */

bool work_is_bearable(const struct kv *kv, const struct pb_txn_request *r);

#endif
