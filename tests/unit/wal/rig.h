/* rig - a log on a simulated disk, with a clock, lanes and callbacks that tests can look into. */
#ifndef MOAT_TESTS_WAL_RIG_H
#define MOAT_TESTS_WAL_RIG_H

#include "env/env.h"
#include "sim/disk.h"
#include "sim/workers.h"
#include "wal/wal.h"

#define RIG_DIR           "/data/wal"
#define RIG_CLUSTER       0xc1u
#define RIG_MEMBER        0x3eu
#define RIG_SEGMENT_BYTES (16u << 10)
#define RIG_SEEN_MAX      4096

struct rig_entry {
    uint64_t index;
    uint64_t term;
    enum wal_entry_kind kind;
    struct buf body;
};

struct rig {
    struct env env;
    struct clock clock;
    uint64_t now_ns;
    struct timers timers;
    struct rng rng;
    struct sim_disk *disk;
    struct sim_workers workers;
    struct faults faults;
    const char *fault_point; /* fails once the countdown is over; NULL: none */
    unsigned fault_after;
    struct log log;

    struct wal_options opt;
    struct wal *wal;
    struct wal_recovered found;
    struct err err;
    struct rig_entry seen[RIG_SEEN_MAX]; /* what the last open visited */
    size_t seen_n;

    uint64_t durable; /* as last reported */
    unsigned durables;
    unsigned errors;
    enum rc error_rc;
    char error_text[ERR_TEXT_MAX];
    unsigned rooms;
    void (*on_durable)(struct rig *r); /* may be NULL */
    void (*on_pread)(struct rig *r);   /* once, before the next read of a file; may be NULL */
    void *user;
};

void rig_init(struct rig *r, uint64_t seed);
void rig_fini(struct rig *r);

enum rc rig_open_from(struct rig *r, uint64_t from);
enum rc rig_open(struct rig *r);
void rig_close(struct rig *r);
void rig_reopen(struct rig *r); /* close, open, must be RC_OK */

/* The process is gone without a word; files it had open are stale. */
void rig_abandon(struct rig *r);

/* Append one command whose body follows from its index and term. */
void rig_append(struct rig *r, uint64_t index, uint64_t term, size_t bytes);
void rig_fill(struct rig *r, uint64_t from, uint64_t to, uint64_t term, size_t bytes);
void rig_run(struct rig *r);               /* submit, and run the lane until it is idle */
void rig_pass(struct rig *r, uint64_t ns); /* time passes */

/* The body rig_append gives to an entry; free with buf_fini. */
struct buf rig_body(uint64_t index, uint64_t term, size_t bytes);

/* Assert that the last open saw exactly entries from…to, all of this term and size. */
void rig_expect(const struct rig *r, uint64_t from, uint64_t to, uint64_t term, size_t bytes);

/* Names in the log's directory that end like this. */
size_t rig_count(struct rig *r, const char *suffix);

/* The path of a segment; static storage. */
const char *rig_segment(uint64_t seq);

#endif
