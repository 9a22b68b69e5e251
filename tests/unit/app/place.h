/* place - a directory with log files, for the tests of what becomes of those. */
#ifndef MOAT_TESTS_APP_PLACE_H
#define MOAT_TESTS_APP_PLACE_H

#include <stdbool.h>
#include <stdint.h>

struct place {
    char dir[64];
    char path[96]; /* of the log, moat.log */
};

int place_setup(void **state);
int place_teardown(void **state);

void place_write(const struct place *p, const char *name, const char *text);
bool place_has(const struct place *p, const char *name);
/* How many files there are, and their bytes. */
unsigned place_files(const struct place *p, uint64_t *bytes);
/* The file, decompressed, holds just this. */
void place_unzips(const struct place *p, const char *name, const char *text);

#endif
