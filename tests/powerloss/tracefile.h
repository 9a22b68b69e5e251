/* tracefile - a trace, mapped and taken apart. */
#ifndef TEST_POWERLOSS_TRACEFILE_H
#define TEST_POWERLOSS_TRACEFILE_H

#include "trace.h"

#include <stddef.h>

struct tracefile {
    struct tracefile_record {
        struct trace_record head;
        const uint8_t *payload; /* in the map */
    } * v;
    size_t n;
    void *map;
    size_t map_n;
};

/* An unfinished record at the end is left out. */
void tracefile_open(struct tracefile *t, const char *path);
void tracefile_close(struct tracefile *t);

/* Of a sync: its call stack (trace.h); else NULL. */
const char *tracefile_stack(const struct tracefile_record *r);

#endif
