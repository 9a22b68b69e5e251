/* Power is lost at every effect of a random workload: what was reported durable is there after,
 * nothing else is but what was appended, and recovery can itself be interrupted. */
#include "rig.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define INDEX_MAX  1500 /* of a run */
#define OPS_MAX    600
#define STEPS      60 /* of one life */
#define LIVES      4
#define SEEDS      400
#define SEEDS_EACH 2 /* seeds that are tried at each effect */

/* What a log holds. */
struct state {
    uint64_t first;
    uint64_t next;
    struct wal_hard_state hard;
    uint64_t term[INDEX_MAX];
    size_t bytes[INDEX_MAX];
};

enum op_kind { OP_APPEND, OP_HARD, OP_RESET };

struct op {
    enum op_kind kind;
    uint64_t index;
    uint64_t term;
    uint64_t vote;
    size_t bytes;
};

/* What the log may hold: base, then some of the ops, in order; at least the first `durable`. */
struct model {
    struct rig rig;
    struct state base;
    struct op ops[OPS_MAX];
    size_t n;
    size_t flying;
    size_t durable;
    size_t resetting; /* 1 while a reset, which is not in any batch, is the last op */
    uint64_t trimmed;
    uint64_t term;
    struct rng rng; /* of the workload */
};

static void state_apply(struct state *s, const struct op *op)
{
    switch (op->kind) {
    case OP_APPEND:
        s->term[op->index] = op->term;
        s->bytes[op->index] = op->bytes;
        s->next = op->index + 1;
        break;
    case OP_HARD:
        s->hard = (struct wal_hard_state){.term = op->term, .vote = op->vote};
        break;
    case OP_RESET:
        s->first = s->next = op->index + 1;
        s->term[op->index] = op->term;
        break;
    }
}

static void model_op(struct model *m, struct op op)
{
    assert_true(m->n < OPS_MAX);
    m->ops[m->n++] = op;
}

/* A batch is durable; the next one, with all that was appended, is already on its way. */
static void model_durable(struct rig *r)
{
    struct model *m = r->user;
    m->durable = m->flying;
    m->flying = m->n - m->resetting;
}

static uint64_t next_index(const struct model *m)
{
    return wal_next_index(m->rig.wal);
}

static size_t some_bytes(struct rng *rng)
{
    if (rng_chance(rng, 30000))
        return (size_t)rng_between(rng, 10000, 30000); /* beyond a segment */
    if (rng_chance(rng, 4000))
        return (size_t)rng_between(rng, 200000, 600000); /* of several records */
    return (size_t)rng_below(rng, rng_chance(rng, 300000) ? 3000 : 200);
}

static void do_append(struct model *m)
{
    struct rng *rng = &m->rng;
    uint64_t at = next_index(m);
    uint64_t floor = m->trimmed + 1;
    uint64_t first = wal_first_index(m->rig.wal);
    floor = floor > first ? floor : first;
    if (at > floor && rng_chance(rng, 150000)) {
        at = rng_between(rng,
                         floor > at - 1 || at < 12 ? floor
                         : at - 10 > floor         ? at - 10
                                                   : floor,
                         at - 1);
        m->term++;
    }
    uint64_t n = rng_between(rng, 1, 5);
    for (uint64_t i = 0; i < n && at + i < INDEX_MAX; i++) {
        struct op op = {.kind = OP_APPEND, .index = at + i, .term = m->term};
        op.bytes = some_bytes(rng);
        rig_append(&m->rig, op.index, op.term, op.bytes);
        model_op(m, op);
    }
}

static void do_sync(struct model *m)
{
    if (wal_sync(m->rig.wal) == RC_OK)
        m->durable = m->flying = m->n;
}

static void do_hard_state(struct model *m)
{
    struct op op = {.kind = OP_HARD, .term = ++m->term, .vote = rng_below(&m->rng, 3)};
    wal_set_hard_state(m->rig.wal, (struct wal_hard_state){.term = op.term, .vote = op.vote});
    model_op(m, op);
    do_sync(m);
}

static void do_trim(struct model *m)
{
    uint64_t durable = wal_durable_index(m->rig.wal);
    if (durable <= m->trimmed)
        return;
    m->trimmed = rng_between(&m->rng, m->trimmed + 1, durable);
    wal_trim(m->rig.wal, m->trimmed);
}

static void do_reset(struct model *m)
{
    struct op op = {.kind = OP_RESET, .term = ++m->term};
    op.index = next_index(m) - 1 + rng_below(&m->rng, 20);
    if (op.index + 1 >= INDEX_MAX)
        return;
    model_op(m, op);
    m->resetting = 1;
    enum rc rc = wal_reset(m->rig.wal, op.index, op.term);
    m->resetting = 0;
    if (rc != RC_OK)
        return;
    m->durable = m->flying = m->n;
    m->trimmed = op.index;
}

static void do_submit(struct model *m)
{
    if (m->flying == m->durable)
        m->flying = m->n;
    wal_submit(m->rig.wal);
}

static void do_read(struct model *m)
{
    uint64_t first = wal_first_index(m->rig.wal);
    uint64_t durable = wal_durable_index(m->rig.wal);
    if (durable < first || sim_disk_dead(m->rig.disk))
        return;
    uint64_t from = rng_between(&m->rng, first, durable);
    struct wal_read got = {0};
    assert_int_equal(wal_read(m->rig.wal, from, 4000, &got), RC_OK);
    assert_true(got.n > 0 && from + got.n - 1 <= durable);
    for (size_t i = 0; i < got.n; i++) {
        const struct wal_entry *e = &got.entries[i];
        assert_int_equal(e->index, from + i);
        AUTO(buf_fini) struct buf want = rig_body(e->index, e->term, e->body.n);
        assert_true(slice_eq(e->body, buf_slice(&want)));
    }
    wal_read_fini(&got);
}

static void step(struct model *m)
{
    switch (rng_below(&m->rng, 24)) {
    case 0:
        do_sync(m);
        break;
    case 1:
        do_hard_state(m);
        break;
    case 2:
    case 3:
        do_trim(m);
        break;
    case 4:
        if (rng_chance(&m->rng, 200000))
            do_reset(m);
        break;
    case 5:
    case 6:
        do_read(m);
        break;
    case 7:
    case 8:
    case 9:
    case 10:
        sim_workers_begin(&m->rig.workers, LANE_WAL);
        break;
    case 11:
    case 12:
    case 13:
    case 14:
        sim_workers_finish(&m->rig.workers, LANE_WAL);
        break;
    case 15:
    case 16:
    case 17:
        do_submit(m);
        break;
    default:
        do_append(m);
    }
}

/* Does what the last open found agree with this state? */
static bool agrees(const struct model *m, const struct state *s)
{
    const struct rig *r = &m->rig;
    const struct wal_recovered *f = &r->found;
    if (f->next_index != s->next || f->hard.term != s->hard.term || f->hard.vote != s->hard.vote)
        return false;
    if (f->first_index < s->first || f->next_index - f->first_index != r->seen_n)
        return false;
    if (f->first_index > 1 && f->prev_term != s->term[f->first_index - 1])
        return false;
    for (size_t i = 0; i < r->seen_n; i++) {
        const struct rig_entry *e = &r->seen[i];
        if (e->index != f->first_index + i || e->term != s->term[e->index] ||
            e->body.n != s->bytes[e->index])
            return false;
        AUTO(buf_fini) struct buf want = rig_body(e->index, e->term, e->body.n);
        if (!slice_eq(buf_slice(&e->body), buf_slice(&want)))
            return false;
    }
    return true;
}

/* Find the point in the history that was recovered, and go on from there. */
static void model_recovered(struct model *m)
{
    struct state *s = mem_alloc(sizeof(*s));
    *s = m->base;
    size_t i = 0;
    while (i < m->durable)
        state_apply(s, &m->ops[i++]);
    while (!agrees(m, s) && i < m->n)
        state_apply(s, &m->ops[i++]);
    if (!agrees(m, s))
        fail_msg("recovered first %llu next %llu term %llu: no state of the log from op %zu to %zu",
                 (unsigned long long)m->rig.found.first_index,
                 (unsigned long long)m->rig.found.next_index,
                 (unsigned long long)m->rig.found.hard.term, m->durable, m->n);
    assert_true(m->rig.found.first_index <= m->trimmed + 1 || m->rig.found.first_index == s->first);
    s->first = m->rig.found.first_index;
    m->base = *s;
    m->n = m->flying = m->durable = 0;
    if (m->trimmed < s->first - 1)
        m->trimmed = s->first - 1;
    free(s);
}

static void must_open(struct model *m)
{
    enum rc rc = rig_open(&m->rig);
    if (rc != RC_OK)
        fail_msg("open: %s: %s", rc_text(rc), m->rig.err.text);
}

static void must_be_power(const struct model *m)
{
    if (m->rig.err.rc != RC_IO || !sim_disk_dead(m->rig.disk))
        fail_msg("open: %s: %s", rc_text(m->rig.err.rc), m->rig.err.text);
}

/* Power loss, or only the end of the process; then opens, some of which end in power loss. */
static void crash_and_recover(struct model *m)
{
    struct rig *r = &m->rig;
    struct rng *rng = &m->rng;
    rig_abandon(r);
    if (rng_chance(rng, 300000))
        sim_disk_restart(r->disk);
    else
        sim_disk_crash(r->disk, rng);
    for (int tries = 0; tries < 3; tries++) {
        sim_disk_die_at(r->disk, sim_disk_effects(r->disk) + rng_below(rng, 12));
        if (rig_open(r) == RC_OK)
            model_recovered(m); /* relied upon from here, so it must outlive the next crash */
        else
            must_be_power(m);
        rig_abandon(r);
        sim_disk_crash(r->disk, rng);
    }
    must_open(m);
    model_recovered(m);
    rig_reopen(r);
    model_recovered(m);
}

static void model_init(struct model *m, uint64_t seed)
{
    *m = (struct model){.term = 1, .base = {.first = 1, .next = 1}};
    rig_init(&m->rig, seed);
    rng_seed(&m->rng, seed + 1);
    m->rig.on_durable = model_durable;
    m->rig.user = m;
}

/* Lose power after so many effects of each life. Returns the effects of the first life. */
static uint64_t run(uint64_t seed, uint64_t die_after)
{
    struct model *m = mem_alloc(sizeof(*m));
    model_init(m, seed);
    uint64_t first_life = 0;
    if (die_after != UINT64_MAX)
        sim_disk_die_at(m->rig.disk, sim_disk_effects(m->rig.disk) + die_after);
    for (int life = 0; life < LIVES; life++) {
        uint64_t before = sim_disk_effects(m->rig.disk);
        if (!m->rig.wal && rig_open(&m->rig) != RC_OK)
            must_be_power(m);
        for (int i = 0; i < STEPS && m->rig.wal && !sim_disk_dead(m->rig.disk); i++)
            step(m);
        if (life == 0)
            first_life = sim_disk_effects(m->rig.disk) - before;
        crash_and_recover(m);
        if (die_after != UINT64_MAX)
            sim_disk_die_at(m->rig.disk,
                            sim_disk_effects(m->rig.disk) + rng_between(&m->rng, 1, 200));
    }
    rig_fini(&m->rig);
    free(m);
    return first_life;
}

static void crash_at_random(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 7);
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run(seed, rng_between(&rng, 1, 200));
}

static void crash_at_each_effect(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS_EACH; seed++) {
        uint64_t effects = run(seed, UINT64_MAX);
        assert_true(effects > 20);
        for (uint64_t n = 0; n <= effects; n++)
            run(seed, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crash_at_random),
        cmocka_unit_test(crash_at_each_effect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
