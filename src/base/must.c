#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>

void must_fail(const char *cond, const char *file, int line, const char *func)
{
    fprintf(stderr, "moat: bug: %s:%d: %s: this must hold: %s\n", file, line, func, cond);
    abort();
}
