/* hits - what the programs have reached: each field, enum value and error, counted.
 *
 * A row that stays at zero in a long run means that the generator no longer covers it. Counts are
 * plain numbers in one array, so that worker processes can share it; names come from the message
 * tables, the same in each of them. */
#ifndef TEST_DIFFERENTIAL_HITS_H
#define TEST_DIFFERENTIAL_HITS_H

#include "fields.h"
#include "program.h"

#include <stdio.h>

#define HITS_ROWS_MAX 384

/* What cannot be reached is left out of the judgement. */
struct hits_options {
    bool leases;   /* there are leases for keys to have */
    bool old_peer; /* 3.4 knows no invalid sort options, or panics */
    bool json;     /* asked through the gateway */
};

struct hits {
    uint64_t count[HITS_ROWS_MAX];
    uint64_t steps[STEP_KIND_COUNT];
    uint64_t other_errors; /* not etcd's: gRPC's own */
};

/* A request, or what the real server answered; with all that is nested in it. */
void hits_message(struct hits *h, const struct wire_message *m, const void *msg);
void hits_error(struct hits *h, const char *text);
void hits_add(struct hits *sum, const struct hits *more);

/* Print the table; returns how many rows that must be reached are at zero. */
unsigned hits_print(const struct hits *h, const struct hits_options *opt, FILE *out);

#endif
