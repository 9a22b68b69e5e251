/* must - assertions that stay on in production.
 *
 * For what only a bug of ours can break. Input is never judged by must(): a peer could stop us. */
#ifndef MOAT_BASE_MUST_H
#define MOAT_BASE_MUST_H

#include "base/cc.h"

#define must(cond) ((cond) ? (void)0 : must_fail(#cond, __FILE__, __LINE__, __func__))

/* Writes one sentence to stderr and aborts. */
NORETURN void must_fail(const char *cond, const char *file, int line, const char *func);

/* Invariant functions (x_check) are called through this: in debug builds and simulation only. */
#ifdef MOAT_CHECKS
#    define CHECKED(call) (call)
#else
#    define CHECKED(call) (0 ? (call) : (void)0) /* compiled, so that it cannot rot; never run */
#endif

#endif
