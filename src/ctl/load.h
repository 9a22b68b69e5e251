/* load - many puts at once, and how long they took: what check perf and check datascale need. */
#ifndef MOAT_CTL_LOAD_H
#define MOAT_CTL_LOAD_H

#include "ctl/inner.h"
#include "ctl/progress.h"

struct load_options {
    size_t clients;  /* connections, each with one put under way */
    size_t puts;     /* how many; 0: until the time is over */
    uint64_t rate;   /* puts a second; 0: as many as possible */
    uint64_t time_s; /* 0: no limit */
    struct slice prefix;
    size_t key_len; /* behind the prefix */
    size_t value_len;
    int stop_fd; /* has input: stop. -1: none */
};

struct load_result {
    double *latencies; /* seconds, of what succeeded */
    size_t n;
    size_t errors;
    struct buf error; /* the first one's text */
    double seconds;   /* of the whole run */
    bool stopped;
};

/* EXIT_OK, or the code after the error was printed. bar counts puts, or seconds if there is a time
 * limit. */
int load_run(struct ctl *ctl, const struct load_options *opt, struct progress *bar,
             struct load_result *out);
void load_result_fini(struct load_result *r);

double load_rate(const struct load_result *r); /* puts a second */
double load_slowest(const struct load_result *r);
double load_deviation(const struct load_result *r);

#endif
