/* A seed decides everything that happens, and much does: crashes, full disks, lost commits. */
#include "sim/world.h"

#include "sim/rounds.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void one_seed_is_one_history(void **state)
{
    (void)state;
    struct world_result first;
    struct world_result again;
    struct world_result other;
    world_run(&(struct world_options){.seed = 1, .ops = 300, .crashes = 5}, &first);
    world_run(&(struct world_options){.seed = 1, .ops = 300, .crashes = 5}, &again);
    world_run(&(struct world_options){.seed = 2, .ops = 300, .crashes = 5}, &other);
    assert_string_equal(first.text, "");
    assert_false(first.failed || again.failed || other.failed);
    assert_true(first.trace == again.trace);
    assert_true(first.trace != other.trace);
    assert_int_equal(first.writes, again.writes);
    assert_int_equal(first.sim_ns, again.sim_ns);
}

static void much_happens(void **state)
{
    (void)state;
    struct world_result sum = {0};
    for (uint64_t seed = 10; seed < 25; seed++) {
        struct world_result r;
        world_run(&(struct world_options){.seed = seed, .ops = 400, .crashes = 6}, &r);
        assert_string_equal(r.text, "");
        assert_false(r.failed);
        assert_true(r.writes >= 400);
        assert_true(r.power_losses + r.kills + r.clean_stops + r.disk_errors >= 6);
        sum.acknowledged += r.acknowledged;
        sum.reads += r.reads;
        sum.power_losses += r.power_losses;
        sum.kills += r.kills;
        sum.clean_stops += r.clean_stops;
        sum.disk_errors += r.disk_errors;
        sum.full_disks += r.full_disks;
        sum.undone_commits += r.undone_commits;
        sum.replayed += r.replayed;
        sum.compactions += r.compactions;
        sum.majorities += r.majorities;
        sum.watched += r.watched;
        sum.watch_lost += r.watch_lost;
    }
    assert_true(sum.acknowledged > 2000 && sum.reads > 500 && sum.replayed > 200);
    assert_true(sum.power_losses > 5 && sum.kills > 5 && sum.clean_stops > 5);
    assert_true(sum.disk_errors > 0 && sum.full_disks > 0 && sum.undone_commits > 0);
    assert_true(sum.compactions > 10 && sum.majorities > 0);
    assert_true(sum.watched > 1000 && sum.watch_lost > 0);
}

static void rounds_confirm_refuse_and_hold(void **state)
{
    (void)state;
    uint64_t reads = 0;
    uint64_t refused = 0;
    uint64_t elections = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct rounds_result r;
        struct rounds_result again;
        rounds_run(seed, 2000, &r);
        rounds_run(seed, 2000, &again);
        assert_false(r.failed);
        assert_true(r.trace == again.trace);
        reads += r.reads;
        refused += r.refused;
        elections += r.elections;
    }
    assert_true(reads > 1000 && refused > 100 && elections > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_seed_is_one_history),
        cmocka_unit_test(much_happens),
        cmocka_unit_test(rounds_confirm_refuse_and_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
