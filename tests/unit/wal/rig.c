#include "rig.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t clock_now(struct clock *c)
{
    return CONTAINER_OF(c, struct rig, clock)->now_ns;
}

static bool fault_now(struct faults *f, const char *point)
{
    struct rig *r = CONTAINER_OF(f, struct rig, faults);
    if (r->on_pread && strcmp(point, "wal.pread") == 0) {
        void (*fn)(struct rig *) = r->on_pread;
        r->on_pread = NULL;
        fn(r);
    }
    if (!r->fault_point || strcmp(r->fault_point, point) != 0)
        return false;
    if (r->fault_after > 0) {
        r->fault_after--;
        return false;
    }
    r->fault_point = NULL;
    return true;
}

static void note_durable(void *arg, uint64_t index)
{
    struct rig *r = arg;
    r->durable = index;
    r->durables++;
    if (r->on_durable)
        r->on_durable(r);
}

static void note_error(void *arg, enum rc rc, const char *sentence)
{
    struct rig *r = arg;
    r->errors++;
    r->error_rc = rc;
    snprintf(r->error_text, sizeof(r->error_text), "%s", sentence);
}

static void note_room(void *arg)
{
    struct rig *r = arg;
    r->rooms++;
}

void rig_init(struct rig *r, uint64_t seed)
{
    *r = (struct rig){0};
    rng_seed(&r->rng, seed);
    r->clock = (struct clock){.mono_ns = clock_now, .wall_ns = clock_now};
    r->faults.hit = fault_now;
    r->log.level = LOG_FATAL;
    r->disk = sim_disk_new(&r->rng);
    sim_workers_init(&r->workers);
    r->env = (struct env){
        .clock = &r->clock,
        .timers = &r->timers,
        .rng = &r->rng,
        .disk = sim_disk_env(r->disk),
        .workers = &r->workers.workers,
        .faults = &r->faults,
        .log = &r->log,
    };
    r->opt = (struct wal_options){
        .env = &r->env,
        .dir = RIG_DIR,
        .cluster_id = RIG_CLUSTER,
        .member_id = RIG_MEMBER,
        .segment_bytes = RIG_SEGMENT_BYTES,
        .arg = r,
        .on_durable = note_durable,
        .on_error = note_error,
        .on_room = note_room,
    };
    struct err err = {0};
    assert_int_equal(disk_mkdir(r->env.disk, "/data", &err), RC_OK);
    assert_int_equal(disk_sync_dir(r->env.disk, "/", &err), RC_OK);
}

static void forget_seen(struct rig *r)
{
    for (size_t i = 0; i < r->seen_n; i++)
        buf_fini(&r->seen[i].body);
    r->seen_n = 0;
}

void rig_fini(struct rig *r)
{
    rig_close(r);
    forget_seen(r);
    sim_disk_free(r->disk);
    timers_fini(&r->timers);
}

static void see(void *arg, const struct wal_entry *e)
{
    struct rig *r = arg;
    assert_true(r->seen_n < RIG_SEEN_MAX);
    struct rig_entry *to = &r->seen[r->seen_n++];
    *to = (struct rig_entry){.index = e->index, .term = e->term, .kind = e->kind};
    buf_append_slice(&to->body, e->body);
}

enum rc rig_open_from(struct rig *r, uint64_t from)
{
    assert_null(r->wal);
    forget_seen(r);
    r->err = (struct err){0};
    return wal_open(&r->opt, from, see, &r->wal, &r->found, &r->err);
}

enum rc rig_open(struct rig *r)
{
    return rig_open_from(r, 0);
}

void rig_close(struct rig *r)
{
    wal_close(r->wal);
    r->wal = NULL;
}

void rig_reopen(struct rig *r)
{
    rig_close(r);
    enum rc rc = rig_open(r);
    if (rc != RC_OK)
        fail_msg("reopen: %s", r->err.text);
}

void rig_abandon(struct rig *r)
{
    /* Without power the lane can only fail, and what it fails at is not written. */
    sim_disk_die_at(r->disk, sim_disk_effects(r->disk));
    rig_close(r);
    sim_workers_forget(&r->workers);
}

struct buf rig_body(uint64_t index, uint64_t term, size_t bytes)
{
    struct buf b = {0};
    struct rng rng;
    rng_seed(&rng, index * 1000003 + term);
    uint8_t *p = buf_extend(&b, bytes);
    for (size_t i = 0; i < bytes; i++)
        p[i] = (uint8_t)rng_u64(&rng);
    return b;
}

void rig_append(struct rig *r, uint64_t index, uint64_t term, size_t bytes)
{
    AUTO(buf_fini) struct buf body = rig_body(index, term, bytes);
    const struct wal_entry e = {
        .index = index, .term = term, .kind = WAL_COMMAND, .body = buf_slice(&body)};
    wal_append(r->wal, &e, 1);
}

void rig_fill(struct rig *r, uint64_t from, uint64_t to, uint64_t term, size_t bytes)
{
    for (uint64_t i = from; i <= to; i++) {
        rig_append(r, i, term, bytes);
        rig_run(r);
    }
}

void rig_run(struct rig *r)
{
    wal_submit(r->wal);
    worker_drain(&r->workers.workers, LANE_WAL);
}

void rig_pass(struct rig *r, uint64_t ns)
{
    r->now_ns += ns;
    timers_run(&r->timers, r->now_ns);
}

void rig_expect(const struct rig *r, uint64_t from, uint64_t to, uint64_t term, size_t bytes)
{
    assert_int_equal(r->seen_n, to + 1 - from);
    for (size_t i = 0; i < r->seen_n; i++) {
        const struct rig_entry *e = &r->seen[i];
        assert_int_equal(e->index, from + i);
        assert_int_equal(e->term, term);
        AUTO(buf_fini) struct buf want = rig_body(e->index, term, bytes);
        assert_true(slice_eq(buf_slice(&e->body), buf_slice(&want)));
    }
}

struct counter {
    const char *suffix;
    size_t n;
};

static void count_name(void *arg, const char *name)
{
    struct counter *c = arg;
    size_t n = strlen(name);
    size_t m = strlen(c->suffix);
    c->n += n >= m && strcmp(name + n - m, c->suffix) == 0;
}

size_t rig_count(struct rig *r, const char *suffix)
{
    struct counter c = {.suffix = suffix};
    assert_int_equal(disk_list(r->env.disk, RIG_DIR, count_name, &c, NULL), RC_OK);
    return c.n;
}

const char *rig_segment(uint64_t seq)
{
    static char path[64];
    snprintf(path, sizeof(path), RIG_DIR "/%016llx.seg", (unsigned long long)seq);
    return path;
}
