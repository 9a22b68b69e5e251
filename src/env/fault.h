/* fault - named places where a test can make a call fail.
 *
 *     if (fault_hit(env->faults, "wal.sync"))
 *         return RC_IO;
 *
 * In production env->faults is NULL and the test costs one branch. */
#ifndef MOAT_ENV_FAULT_H
#define MOAT_ENV_FAULT_H

#include <stdbool.h>
#include <stddef.h>

struct faults {
    bool (*hit)(struct faults *f, const char *point);
};

static inline bool fault_hit(struct faults *f, const char *point)
{
    return f && f->hit(f, point);
}

#endif
