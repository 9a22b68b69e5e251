/* A voter that is added takes the majority away, only a forced start gives it back, and a voter
 * that vanishes otherwise is noticed. */
#include "sim/majority.h"

#include "kv/map_storage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct lab {
    struct node node;
    struct rng rng;
    struct sim_disk *disk;
    struct storage *storage;
};

static void on_apply(void *arg, const struct wal_entry *e, void *ctx)
{
    struct lab *l = arg;
    struct slice body = e->kind == WAL_COMMAND ? e->body : (struct slice){0};
    (void)ctx;
    state_apply(l->node.state, e->index, e->term, body, NULL);
}

static void on_drop(void *arg, void *ctx)
{
    (void)arg;
    (void)ctx;
}

static void start(struct lab *l, uint64_t alone_id)
{
    const struct node_events events = {l, on_apply, on_drop};
    const struct node_place place = {l->disk, l->storage, 1, 1, alone_id};
    struct err err = {0};
    if (node_start(&l->node, &place, &events, &err) != RC_OK)
        fail_msg("%s", err.text);
}

static void crash(struct lab *l)
{
    sim_disk_die_at(l->disk, 0);
    node_crash(&l->node);
    sim_disk_restart(l->disk);
    sim_disk_die_at(l->disk, UINT64_MAX);
    map_storage_power_loss(l->storage, false);
}

static void a_majority_is_lost_and_found(void **state)
{
    (void)state;
    struct lab l = {0};
    struct majority m = {0};
    struct buf entry = {0};
    rng_seed(&l.rng, 1);
    l.disk = sim_disk_new(&l.rng);
    l.storage = map_storage_new();
    start(&l, 0);
    assert_null(majority_note(&m, &l.node));
    assert_false(m.lost || majority_forces(&m, &l.rng));
    majority_entry(7, &entry);
    quorum_propose(l.node.quorum, &entry, NULL);
    node_turn(&l.node);
    worker_drain(l.node.env.workers, LANE_WAL);
    assert_null(majority_note(&m, &l.node));
    assert_true(m.lost);
    assert_int_equal(quorum_majority(l.node.quorum).needed, 2);
    node_turn(&l.node);
    worker_drain(l.node.env.workers, LANE_WAL);
    crash(&l);
    start(&l, 0);
    assert_null(majority_note(&m, &l.node));
    assert_true(m.lost);
    assert_false(quorum_is_leader(l.node.quorum));
    while (!majority_forces(&m, &l.rng))
        ;
    crash(&l);
    start(&l, 8);
    struct majority careless = {.lost = true};
    assert_non_null(majority_note(&careless, &l.node)); /* as if nobody had forced it */
    assert_null(majority_note(&m, &l.node));
    assert_false(m.lost);
    assert_int_equal(m.times, 1);
    assert_true(quorum_is_leader(l.node.quorum));
    crash(&l);
    storage_close(l.storage);
    sim_disk_free(l.disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_majority_is_lost_and_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
