/* progress - how far long work has come, on standard error, only when that is a terminal. */
#ifndef MOAT_CTL_PROGRESS_H
#define MOAT_CTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what;
    uint64_t total; /* 0: not known */
    uint64_t done;
    uint64_t shown_ns;
    bool active;
    bool colour; /* NO_COLOR is not set (no-color.org) */
};

void progress_begin(struct progress *p, const char *what, uint64_t total);
void progress_total(struct progress *p, uint64_t total);
void progress_set(struct progress *p, uint64_t done); /* draws at most ten times a second */
void progress_end(struct progress *p);                /* removes the line */

#endif
