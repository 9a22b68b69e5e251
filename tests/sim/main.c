/* moat-sim - run seeds of the simulation, each twice, and say which fail.
 *
 *     moat-sim [--seed N] [--seeds COUNT] [--ops N] [--crashes N] [--verbose] [--once] [--stop]
 *
 * Without --seeds, the environment's MOAT_SIM_SEEDS says how many, else it is 60.
 * --once: do not run a seed a second time to see that it is repeatable. --stop: at the first
 * failure.
 */
#include "base/cc.h"
#include "sim/rounds.h"
#include "sim/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_STEPS  5000u
#define SEEDS_DEFAULT 60u

struct options {
    uint64_t first;
    uint64_t count;
    struct world_options world;
    bool once;
    bool stop;
};

static uint64_t number(int argc, char **argv, int *i)
{
    if (*i + 1 >= argc) {
        fprintf(stderr, "moat-sim: %s needs a number\n", argv[*i]);
        exit(2);
    }
    return strtoull(argv[++*i], NULL, 10);
}

static void parse(int argc, char **argv, struct options *o)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0) {
            o->first = number(argc, argv, &i);
        } else if (strcmp(argv[i], "--seeds") == 0) {
            o->count = number(argc, argv, &i);
        } else if (strcmp(argv[i], "--ops") == 0) {
            o->world.ops = number(argc, argv, &i);
        } else if (strcmp(argv[i], "--crashes") == 0) {
            o->world.crashes = number(argc, argv, &i);
        } else if (strcmp(argv[i], "--verbose") == 0) {
            o->world.verbose = true;
        } else if (strcmp(argv[i], "--once") == 0) {
            o->once = true;
        } else if (strcmp(argv[i], "--stop") == 0) {
            o->stop = true;
        } else {
            fprintf(stderr, "usage: moat-sim [--seed N] [--seeds COUNT] [--ops N] [--crashes N] "
                            "[--verbose] [--once] [--stop]\n");
            exit(2);
        }
    }
}

static void add(struct world_result *sum, const struct world_result *r)
{
    sum->writes += r->writes;
    sum->acknowledged += r->acknowledged;
    sum->refused += r->refused;
    sum->reads += r->reads;
    sum->power_losses += r->power_losses;
    sum->kills += r->kills;
    sum->clean_stops += r->clean_stops;
    sum->disk_errors += r->disk_errors;
    sum->full_disks += r->full_disks;
    sum->undone_commits += r->undone_commits;
    sum->replayed += r->replayed;
    sum->compactions += r->compactions;
    sum->majorities += r->majorities;
    sum->watched += r->watched;
    sum->watch_lost += r->watch_lost;
    sum->sim_ns += r->sim_ns;
}

/* Read rounds among several voters: cheap beside the world, so every seed has some. */
static bool run_rounds(uint64_t seed, uint64_t *reads)
{
    struct rounds_result r;
    rounds_run(seed, ROUNDS_STEPS, &r);
    *reads += r.reads;
    if (r.failed)
        printf("seed %" PRIu64 ": a confirmed read missed a write committed before it was asked\n",
               seed);
    return !r.failed;
}

static bool run(const struct options *o, uint64_t seed, struct world_result *sum)
{
    struct world_options w = o->world;
    struct world_result first;
    struct world_result again;
    w.seed = seed;
    world_run(&w, &first);
    add(sum, &first);
    bool ok = !first.failed;
    if (!ok)
        printf("seed %" PRIu64 ": %s\n", seed, first.text);
    if (ok && !o->once) {
        w.verbose = false;
        world_run(&w, &again);
        ok = again.trace == first.trace;
        if (!ok)
            printf("seed %" PRIu64 ": not repeatable: trace %016" PRIx64 ", then %016" PRIx64 "\n",
                   seed, first.trace, again.trace);
    }
    if (!ok)
        printf("  repeat: moat-sim --seed %" PRIu64 " --seeds 1 --ops %" PRIu64
               " --crashes %" PRIu64 " --verbose\n",
               seed, w.ops, w.crashes);
    return ok;
}

int main(int argc, char **argv)
{
    const char *seeds = getenv("MOAT_SIM_SEEDS");
    struct options o = {.first = 1,
                        .count = seeds ? strtoull(seeds, NULL, 10) : SEEDS_DEFAULT,
                        .world = {.ops = 2000, .crashes = 3}};
    struct world_result sum = {0};
    uint64_t failed = 0;
    uint64_t round_reads = 0;
    parse(argc, argv, &o);
    for (uint64_t s = o.first; s < o.first + o.count && !(o.stop && failed); s++)
        if (!run(&o, s, &sum) || !run_rounds(s, &round_reads))
            failed++;
    printf("writes %" PRIu64 ", acknowledged %" PRIu64 ", refused to users %" PRIu64
           ", reads %" PRIu64 ", power losses %" PRIu64 " (%" PRIu64
           " undid a commit), kills %" PRIu64 ", clean stops %" PRIu64 ", disk errors %" PRIu64
           ", full disks %" PRIu64 ", entries replayed %" PRIu64 ", majorities lost %" PRIu64
           ", compactions %" PRIu64 ", batches watched %" PRIu64 " (%" PRIu64
           " watches lost to compaction), reads among voters %" PRIu64 ", simulated %.0f s\n",
           sum.writes, sum.acknowledged, sum.refused, sum.reads, sum.power_losses,
           sum.undone_commits, sum.kills, sum.clean_stops, sum.disk_errors, sum.full_disks,
           sum.replayed, sum.majorities, sum.compactions, sum.watched, sum.watch_lost, round_reads,
           (double)sum.sim_ns / 1e9);
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", o.count - failed, failed);
    return failed != 0;
}
