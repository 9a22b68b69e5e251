/* err - a sentence for the operator: what is wrong, where, and what to do.
 *
 * Beside an enum rc, for calls whose failure a person meets. Fixed size, so that reporting a
 * failure cannot fail. The first sentence set wins: the cause is nearer than what follows. */
#ifndef MOAT_BASE_ERR_H
#define MOAT_BASE_ERR_H

#include "base/cc.h"
#include "base/rc.h"

#define ERR_TEXT_MAX 512 /* bytes, terminating zero included; longer sentences are cut */

struct err {
    enum rc rc;
    char text[ERR_TEXT_MAX];
};

/* Set the sentence unless one is set or err is NULL, and return rc. */
enum rc err_set(struct err *err, enum rc rc, const char *fmt, ...) PRINTF(3, 4);

#endif
