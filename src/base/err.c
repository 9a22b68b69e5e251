#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

enum rc err_set(struct err *err, enum rc rc, const char *fmt, ...)
{
    if (err && err->text[0] == '\0') {
        va_list args;
        va_start(args, fmt);
        vsnprintf(err->text, sizeof(err->text), fmt, args);
        va_end(args);
        err->rc = rc;
    }
    return rc;
}
