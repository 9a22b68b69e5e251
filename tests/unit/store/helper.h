/* What the tests of a store share: a directory of their own, short forms, armed fault points. */
#ifndef MOAT_TESTS_STORE_HELPER_H
#define MOAT_TESTS_STORE_HELPER_H

#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define CLUSTER 0xcdf818194e3a8c32u
#define MEMBER  0x8e9e05c52164694du

/* Hits what point names (one or several), times times, after skip passes. */
struct one_fault {
    struct faults faults;
    const char *point;
    unsigned skip;
    unsigned times; /* hits to give; counts down */
};

struct place {
    char dir[64];
    char path[80];
    struct one_fault fault;
    struct store_options opt;
    struct storage *s;
    struct err err;
};

int place_setup(void **state);
int place_teardown(void **state);

enum rc place_open(struct place *p); /* into p->s; the sentence into p->err */
void place_close(struct place *p);
void place_reopen(struct place *p);
void arm(struct place *p, const char *point, unsigned skip, unsigned times);

struct storage_op op_put(enum table t, const char *key, const char *value);
struct storage_op op_delete(enum table t, const char *key);
struct storage_op op_append(enum table t, const char *key, const char *value);

/* One op, committed; the loop's view sees it. */
void put(struct place *p, const char *key, const char *value);
/* n values of size bytes each, appended to TABLE_KEY in one batch, numbered from first on. */
enum rc fill(struct place *p, unsigned first, unsigned n, size_t size);
enum rc unfill(struct place *p, unsigned first, unsigned n);
struct slice filled_key(unsigned i, uint8_t key[17]);

void holds(struct place *p, enum table t, const char *key, const char *value);
void lacks(struct place *p, enum table t, const char *key);
/* The sentence names the file and holds this. */
void says(const struct place *p, const char *part);

void write_file(const char *path, const void *bytes, size_t n);
void poke_file(const char *path, uint64_t at, const void *bytes, size_t n);
uint64_t size_of_file(const char *path);

#endif
