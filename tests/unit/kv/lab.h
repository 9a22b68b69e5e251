/* lab - a key space on the ordered map, with a clock that tests move. */
#ifndef MOAT_TESTS_KV_LAB_H
#define MOAT_TESTS_KV_LAB_H

#include "base/mem.h"
#include "kv/kv.h"
#include "kv/range.h"

struct lab {
    struct env env;
    struct clock clock;
    struct timers timers;
    uint64_t now_ns;
    uint64_t tick_ns; /* the clock moves on by it each time it is read */
    struct log log;
    struct storage *storage;
    struct kv *kv;
    struct kv_flush batch;
    struct kv_marks marks; /* as of the last flush, kept as state would */
    bool verify;           /* at lab_restore */
    struct err err;
};

void lab_open(struct lab *l);
void lab_close(struct lab *l);

/* Turns of the loop until no timer is due. */
void lab_run(struct lab *l);

/* One transaction of one change. */
void lab_put(struct lab *l, const char *key, const char *value);
int64_t lab_delete(struct lab *l, const char *key, const char *range_end);
struct slice lab_get(struct lab *l, const char *key); /* the value; p NULL: there is none */

void lab_flush_begin(struct lab *l);
void lab_flush_end(struct lab *l); /* the batch is in storage */
void lab_flush(struct lab *l);     /* both */
void lab_sweep(struct lab *l);     /* sweep and flush until there is nothing to sweep */

/* Forget everything that is not flushed, and load what is. */
enum rc lab_restore(struct lab *l);

/* How many revisions storage holds. */
size_t lab_stored(struct lab *l);

/* The whole answer's body; the error, if it was refused. Free with buf_fini. */
enum etcd_error lab_range(struct lab *l, const struct pb_range_request *r, struct buf *out);
/* All that can be read at each revision from `from` on, of every key: equal if and only if two key
 * spaces are. */
struct buf lab_everything(struct lab *l, int64_t from);

#endif
