/* lab - consensus on a log on a simulated disk; a state machine that only remembers. */
#ifndef MOAT_TESTS_QUORUM_LAB_H
#define MOAT_TESTS_QUORUM_LAB_H

#include "quorum/quorum.h"
#include "sim/disk.h"
#include "sim/workers.h"

#define LAB_MEMBER   0x3eu
#define LAB_SEEN_MAX 8192

struct lab_entry {
    uint64_t index;
    uint64_t term;
    enum wal_entry_kind kind;
    char text[24]; /* the body's beginning */
    void *ctx;
};

struct lab {
    struct env env;
    struct clock clock;
    uint64_t now_ns;
    struct timers timers;
    struct rng rng;
    struct sim_disk *disk;
    struct sim_workers workers;
    struct wal *wal;
    struct quorum *quorum;
    struct wal_recovered found;
    struct err err;

    struct quorum_snapshot snap; /* what storage holds, for the next start */
    struct buf conf;

    struct lab_entry seen[LAB_SEEN_MAX]; /* applied in this life */
    size_t seen_n;
    void *dropped[LAB_SEEN_MAX];
    size_t dropped_n;
    unsigned fatals;
    char fatal[ERR_TEXT_MAX];
    unsigned wal_errors;
    void (*on_drop)(struct lab *l, void *ctx); /* may be NULL */
    void (*on_apply)(struct lab *l);           /* the last of seen; may be NULL */
    bool alone;                                /* the next start is with --force-new-cluster */
};

void lab_init(struct lab *l);
void lab_fini(struct lab *l);
enum rc lab_start(struct lab *l);
void lab_started(struct lab *l); /* the same; it must work */
void lab_stop(struct lab *l);
void lab_power_loss(struct lab *l);

void lab_propose(struct lab *l, const char *text, void *ctx);
void lab_run(struct lab *l); /* turns until nothing is left to write */
void lab_pass_ms(struct lab *l, uint64_t ms);

/* Storage has all that was applied: the next start begins there. */
void lab_snapshot(struct lab *l);
/* The next start finds these members (LAB_MEMBER is 1 of n) in storage, as of this entry. */
void lab_members(struct lab *l, unsigned n, uint64_t index, uint64_t term);

#endif
