/* lab - a whole member but its sockets: api on consensus, log and state machine, on a simulated
 * disk and the ordered map, with a clock that the test moves and a client. */
#ifndef MOAT_TESTS_API_LAB_H
#define MOAT_TESTS_API_LAB_H

#include "../rpc/caller.h"
#include "api/api.h"
#include "env/metrics.h"
#include "sim/disk.h"
#include "sim/workers.h"
#include "wire/etcd.h"

#define LAB_CLUSTER       0xc1u
#define LAB_MEMBER        0x3eu
#define LAB_REQUEST_BYTES (64u << 10)
#define LAB_PROGRESS_NS   ((uint64_t)10 * NS_PER_S)

struct lab {
    struct env env;
    struct clock clock;
    uint64_t now_ns;
    struct timers timers;
    struct rng rng;
    struct log log;
    struct metrics metrics;
    struct sim_disk *disk;
    struct sim_workers workers;
    struct storage *storage;
    struct wal *wal;
    struct quorum *quorum;
    struct state *state;
    struct api *api;
    struct http_budget budget;
    struct caller caller;
    struct arena arena;
    unsigned slow_requests; /* logged */
    uint64_t leader;        /* as api was told */
    bool halted;            /* the log's lane stands still */
    bool pool_idle;         /* the pool's too */
    const char *token;      /* of every call; NULL: none */
    char *own_token;        /* a test's */
};

struct lab_options {
    const struct jwt *jwt; /* NULL: simple tokens, for 300 s */
    enum api_member_list member_list;
    int64_t quota;
    uint32_t stream_window; /* the client's; 0: plenty */
    size_t request_bytes;   /* 0: LAB_REQUEST_BYTES */
    bool lax;               /* --strict-reconfig-check=false */
    unsigned members;       /* of the cluster that storage names; 0: a new one of one */
};

void lab_open(struct lab *l, const struct lab_options *opt);
void lab_close(struct lab *l); /* nothing may be left behind */
void lab_run(struct lab *l);   /* turns until nothing is left to do */
void lab_pass_ms(struct lab *l, uint64_t ms);

/* Call, run, and give what came back. */
struct caller_reply *lab_call(struct lab *l, const char *path, const struct wire_message *m,
                              const void *request);
struct caller_reply *lab_put(struct lab *l, const char *key, const char *value);
struct caller_reply *lab_range(struct lab *l, const struct pb_range_request *r);
/* The answer, decoded; valid until the next. */
void lab_response(struct lab *l, const struct caller_reply *r, const struct wire_message *m,
                  void *out);
int64_t lab_count(struct lab *l); /* of all keys, by a range */
/* Add a voter with these peer URLs; its ID. */
uint64_t lab_add_voter(struct lab *l, const char *url);

#endif
