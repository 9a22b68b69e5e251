/* map - the file in memory: what is present, what to give back, and what to say on SIGBUS. */
#ifndef MOAT_STORE_MAP_H
#define MOAT_STORE_MAP_H

#include "base/slice.h"

struct map {
    uint8_t *base; /* where byte 0 of the file is; mapped for reading only */
    uint64_t n;    /* address space */
};

/* Where the map begins, from any address in a tree page of it: a page begins with its number. */
uint8_t *map_base(void *within, uint32_t page_bytes);

/* Name the file that lies there, for the sentence on SIGBUS. At most a few at once; further ones go
 * unnamed. */
void map_register(const struct map *m, const char *path);
void map_unregister(const struct map *m);
void map_catch_sigbus(void);

bool map_resident(const struct map *m, struct slice s);
void map_trim(const struct map *m, uint64_t n); /* the first n bytes */

#endif
