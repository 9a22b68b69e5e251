/* lab - a storage with a small history, leases, users, roles and alarms in it, and its snapshot.
 *
 * The keys: a=1 (revision 2), b=2, a deleted, b=3 (revision 5); compacted at 3. */
#ifndef MOAT_TESTS_SNAPSHOT_LAB_H
#define MOAT_TESTS_SNAPSHOT_LAB_H

#include "base/buf.h"
#include "bbolt/reader.h"
#include "env/env.h"
#include "kv/kv.h"
#include "sim/disk.h"
#include "snapshot/import.h"
#include "snapshot/rows.h"

struct lab {
    struct env env;
    struct clock clock;
    struct log log;
    struct rng rng;
    struct sim_disk *disk;
    struct storage *storage;
    struct kv *kv;
    struct snapshot_source source;
    struct err err;
};

void lab_open(struct lab *l); /* with all of the above */
void lab_close(struct lab *l);
/* Store what was changed in kv. */
void lab_flush(struct lab *l);
/* Put a row as it is. */
void lab_store(struct lab *l, enum table table, struct slice key, struct slice value);
/* A user or role, as the state machine stores them. */
void lab_store_named(struct lab *l, enum table table, uint64_t number, struct slice message);

/* All rows, as "bucket/key=value\n" with what is not printable as \xNN; the caller's to free. */
enum rc lab_rows(struct lab *l, struct buf *out);
/* The snapshot's bytes, appended to *out in as many steps as it takes; RC_END when that worked. */
enum rc lab_stream(struct lab *l, struct buf *out);
/* The same, which has to work. */
struct buf lab_snapshot(struct lab *l);

#endif
