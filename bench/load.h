/* load - what kvload was asked to do, and the run it is in. One thread; everything hangs from
 * struct load. */
#ifndef MOAT_BENCH_LOAD_H
#define MOAT_BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"

#define HOST_MAX    64 /* bytes, with the zero */
#define PREFIX_MAX  64
#define SERVERS_MAX 16 /* processes whose CPU time is counted */

enum op {
    OP_PUT,
    OP_RANGE,
    OP_RANGE_SERIALIZABLE,
    OP_LIST,
    OP_LIST_SERIALIZABLE,
    OP_LIST_STREAM,
    OP_COUNT,
    OP_TXN,
    OP_LEASE,
    OP_LEASE_PUT,
    OP_FRESH,
    OP_WATCH,
    OP_WATCH_IDLE,
    OP_COMPACT,
    OP_MAX
};

struct options {
    enum op op;
    char host[HOST_MAX];
    int port;
    bool tls;
    int connections;
    int streams;    /* in flight on each connection */
    int64_t ops;    /* 0: until seconds have passed */
    double seconds; /* 0: until ops are done */
    double rate;    /* puts a second at most; 0: as fast as answers come */
    int64_t keys;
    bool sequential;
    int64_t first_key; /* where a sequence begins; seeds random keys */
    int value_bytes;
    int64_t limit; /* of a list; the revision of a compaction */
    char prefix[PREFIX_MAX];
    int64_t lease_ttl;
    int64_t watchers;
    bool stream_each;    /* a stream for each watcher */
    double hold_seconds; /* idle watchers */
    int servers[SERVERS_MAX];
    int server_n;
};

struct connection;
struct client;

struct load {
    struct options opt;
    struct client *client;
    struct histogram latency;
    uint64_t random;
    int64_t next_key;
    char *value;
    int64_t started;
    int64_t done;
    int64_t failed;
    int64_t bytes_in;
    double begin;    /* seconds, monotonic */
    double deadline; /* 0: none */
    bool stopping;

    int64_t watch_created;
    int64_t watch_events;
    int64_t watch_messages;
};

double now_seconds(void);
_Noreturn void die(const char *what); /* with errno's text */
uint64_t load_random(struct load *l);
/* May another operation begin? */
bool load_wants_more(const struct load *l);

/* watch.c: the operations that are about watchers, from connecting to the printed line. */
void watch_run(struct load *l);

#endif
