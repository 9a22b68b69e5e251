#include "lab.h"

#include "quorum/configuration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static uint64_t clock_now(struct clock *c)
{
    return CONTAINER_OF(c, struct lab, clock)->now_ns;
}

void lab_init(struct lab *l)
{
    *l = (struct lab){0};
    rng_seed(&l->rng, 1);
    l->clock = (struct clock){.mono_ns = clock_now, .wall_ns = clock_now};
    l->disk = sim_disk_new(&l->rng);
    sim_workers_init(&l->workers);
    l->env = (struct env){.clock = &l->clock,
                          .timers = &l->timers,
                          .rng = &l->rng,
                          .disk = sim_disk_env(l->disk),
                          .workers = &l->workers.workers};
}

void lab_fini(struct lab *l)
{
    lab_stop(l);
    sim_disk_free(l->disk);
    timers_fini(&l->timers);
    buf_fini(&l->conf);
}

static void on_durable(void *arg, uint64_t index)
{
    struct lab *l = arg;
    quorum_durable(l->quorum, index);
}

static void on_error(void *arg, enum rc rc, const char *sentence)
{
    struct lab *l = arg;
    (void)rc;
    (void)sentence;
    l->wal_errors++;
}

static void on_room(void *arg)
{
    (void)arg;
}

static void load(void *arg, const struct wal_entry *e)
{
    struct lab *l = arg;
    quorum_load(l->quorum, e);
}

static void on_apply(void *arg, const struct wal_entry *e, void *ctx)
{
    struct lab *l = arg;
    assert_true(l->seen_n < LAB_SEEN_MAX);
    struct lab_entry *to = &l->seen[l->seen_n++];
    *to = (struct lab_entry){.index = e->index, .term = e->term, .kind = e->kind, .ctx = ctx};
    if (e->kind == WAL_COMMAND)
        snprintf(to->text, sizeof(to->text), "%.*s", (int)e->body.n, (const char *)e->body.p);
    if (l->on_apply)
        l->on_apply(l);
}

static void on_drop(void *arg, void *ctx)
{
    struct lab *l = arg;
    assert_true(l->dropped_n < LAB_SEEN_MAX);
    l->dropped[l->dropped_n++] = ctx;
    if (l->on_drop)
        l->on_drop(l, ctx);
}

static void on_fatal(void *arg, const char *sentence)
{
    struct lab *l = arg;
    l->fatals++;
    snprintf(l->fatal, sizeof(l->fatal), "%s", sentence);
}

enum rc lab_start(struct lab *l)
{
    assert_null(l->quorum);
    l->seen_n = l->dropped_n = 0;
    l->err = (struct err){0};
    l->quorum = quorum_new(&(struct quorum_options){.env = &l->env,
                                                    .member_id = LAB_MEMBER,
                                                    .address = "http://10.0.0.1:2380",
                                                    .alone = l->alone,
                                                    .arg = l,
                                                    .on_apply = on_apply,
                                                    .on_drop = on_drop,
                                                    .on_fatal = on_fatal});
    const struct wal_options opt = {.env = &l->env,
                                    .dir = "/wal",
                                    .cluster_id = 1,
                                    .member_id = LAB_MEMBER,
                                    .segment_bytes = 16u << 10,
                                    .arg = l,
                                    .on_durable = on_durable,
                                    .on_error = on_error,
                                    .on_room = on_room};
    enum rc rc = wal_open(&opt, l->snap.index + 1, load, &l->wal, &l->found, &l->err);
    if (rc == RC_OK)
        rc = quorum_start(l->quorum, l->wal, &l->found, &l->snap, &l->err);
    return rc;
}

void lab_started(struct lab *l)
{
    enum rc rc = lab_start(l);
    if (rc != RC_OK)
        fail_msg("start: %s", l->err.text);
}

void lab_stop(struct lab *l)
{
    if (l->wal)
        worker_drain(&l->workers.workers, LANE_WAL);
    quorum_free(l->quorum);
    l->quorum = NULL;
    if (l->wal)
        wal_close(l->wal);
    l->wal = NULL;
    assert_true(timers_next(&l->timers) == TIMERS_NEVER);
}

void lab_power_loss(struct lab *l)
{
    sim_disk_die_at(l->disk, sim_disk_effects(l->disk));
    lab_stop(l);
    sim_disk_crash(l->disk, &l->rng);
    sim_disk_die_at(l->disk, UINT64_MAX);
}

void lab_propose(struct lab *l, const char *text, void *ctx)
{
    struct buf body = {0};
    buf_append_str(&body, text);
    quorum_propose(l->quorum, &body, ctx);
    assert_null(body.p);
}

void lab_run(struct lab *l)
{
    do {
        quorum_flush(l->quorum);
        worker_drain(&l->workers.workers, LANE_WAL);
        wal_submit(l->wal);
    } while (!sim_workers_idle(&l->workers, LANE_WAL));
}

void lab_pass_ms(struct lab *l, uint64_t ms)
{
    l->now_ns += ms * NS_PER_MS;
    timers_run(&l->timers, l->now_ns);
}

void lab_snapshot(struct lab *l)
{
    l->snap.index = quorum_applied(l->quorum);
    l->snap.term = l->seen[l->seen_n - 1].term;
    quorum_configuration(l->quorum, &l->snap.conf_index, &l->conf);
    l->snap.conf = buf_slice(&l->conf);
}

void lab_members(struct lab *l, unsigned n, uint64_t index, uint64_t term)
{
    struct raft_configuration c;
    raft_configuration_init(&c);
    for (unsigned i = 0; i < n; i++) {
        char address[32];
        snprintf(address, sizeof(address), "http://10.0.0.%u:2380", i + 1);
        assert_int_equal(raft_configuration_add(&c, LAB_MEMBER + i, address, RAFT_VOTER), 0);
    }
    buf_clear(&l->conf);
    configuration_encode(&c, &l->conf);
    raft_configuration_close(&c);
    l->snap = (struct quorum_snapshot){index, term, 1, buf_slice(&l->conf)};
}
