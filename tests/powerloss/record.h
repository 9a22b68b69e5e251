/* record - drive a server through several lives, and leave the trace of it. */
#ifndef TEST_POWERLOSS_RECORD_H
#define TEST_POWERLOSS_RECORD_H

#include "base/slice.h"

struct record_options {
    const char *program;
    const char *shim;
    const char *dir;   /* to work in; absolute */
    const char *trace; /* made; absolute */
    bool separate_log;
    uint64_t seed;
    uint64_t ops;
};

/* False, with a sentence on stderr, when the server misbehaved without any loss of power. */
bool record(const struct record_options *opt);

#endif
