/* run - many losses of power, each at a moment and with a result of its own. */
#ifndef TEST_POWERLOSS_RUN_H
#define TEST_POWERLOSS_RUN_H

#include "check.h"

struct run_options {
    const struct tracefile *trace;
    const struct sites *sites;
    const struct history *history;
    const char *program;
    const char *shim;
    const char *dir; /* to work in; exists */
    bool separate_log;
    uint64_t seed;
    uint64_t first; /* number of the first image */
    uint64_t step;  /* from one image's number to the next */
    uint64_t images;
    uint64_t until; /* the power is lost after this many records at most */
    unsigned jobs;
    int without; /* a site whose syncs are taken out, the moments chosen accordingly; -1: none */
    bool stop;   /* at the first failure */
    bool quiet;
};

struct run_result {
    uint64_t passed;
    uint64_t failed;
    uint64_t first_failed;
    char why[CHECK_WHY_MAX]; /* of the first one */
};

/* Image number i of a seed is the same whatever else is run. */
void run_images(const struct run_options *opt, struct run_result *out);

#endif
