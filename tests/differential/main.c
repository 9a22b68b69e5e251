/* differential [OPTION...] - random programs against a real etcd, answer by answer.
 *
 * moat and etcd are started fresh beside each other and get the same programs, so that their
 * revisions are equal and every field can be compared. A block of programs shares a pair of
 * servers; workers share out the blocks. What fails is shrunk on fresh servers and printed with the
 * options that repeat it. */
#include "base/mem.h"
#include "base/must.h"
#include "shrink.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LEASES_DEFAULT 3
#define BLOCK_MAX      100 /* programs on one pair of servers */
#define JOBS_MAX       64
#define FAILURES_MAX   5    /* of one worker: then it gives up */
#define COVERAGE_AT    2000 /* programs: from here on every row of the table must be reached */
#define KEPT_MAX       4096

struct options {
    struct servers_options servers;
    struct program_options program;
    uint64_t from;
    uint64_t programs;
    unsigned jobs;
    bool keeping; /* run only these steps, and show them */
    size_t kept[KEPT_MAX];
    size_t kept_n;
};

static void usage(FILE *out)
{
    fputs("differential --moat PROGRAM --etcd PROGRAM --folder FOLDER [OPTION...]\n"
          "  --peer 3.4|3.7   the version of etcd (3.7)\n"
          "  --seed N         of all programs (1)\n"
          "  --from N         the first program (0)\n"
          "  --programs N     how many (150)\n"
          "  --jobs N         pairs of servers at once (2)\n"
          "  --form grpc|json how they are asked (grpc)\n"
          "  --leases N       grant leases 1 to N first, and use them (3)\n"
          "  --keep N,N,…     run only these steps, counted over all programs, and show them\n"
          "  --keep-logs      leave the servers' logs in the folder\n",
          out);
}

/* ---- Failures ---- */

static struct sequence join(const struct program *programs, size_t n)
{
    struct sequence s = {0};
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += programs[i].step_n;
    s.at = mem_calloc(total, sizeof(*s.at));
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < programs[i].step_n; k++, s.n++)
            s.at[s.n] = (struct placed){&programs[i].steps[k], s.n};
    return s;
}

static void show_repeat(const struct options *opt, uint64_t from, uint64_t programs,
                        const struct sequence *s, struct buf *out)
{
    buf_printf(out,
               "  repeat: tests/differential/run --peer %s --seed %" PRIu64 " --from %" PRIu64
               " --programs %" PRIu64,
               opt->program.old_peer ? "3.4" : "3.7", opt->program.seed, from, programs);
    if (opt->program.leases != LEASES_DEFAULT)
        buf_printf(out, " --leases %" PRId64, opt->program.leases);
    if (opt->servers.form == CLIENT_JSON)
        buf_append_str(out, " --form json");
    for (size_t i = 0; i < s->n; i++)
        buf_printf(out, "%s%zu", i == 0 ? " --keep " : ",", s->at[i].place);
    buf_append_u8(out, '\n');
}

static void show_sequence(const struct sequence *s, struct buf *out)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct step *step = s->at[i].step;
        buf_printf(out, "  %zu. %s ", i + 1, step_name(step->kind));
        message_show(step_request(step->kind), step->request, out);
        buf_append_u8(out, '\n');
    }
}

/* The last of n programs, numbered from first, failed after the others. The shortest history that
 * still fails is shrunk. */
static void report(struct rig *rig, const struct options *opt, struct program *programs, size_t n,
                   uint64_t first, struct disagreement *seen)
{
    const size_t histories[] = {1, 2, 8, n};
    struct buf text = {0};
    buf_printf(&text, "FAILED: program %" PRIu64 " of seed %" PRIu64 ", at step %zu of %zu\n",
               first + n - 1, opt->program.seed, seen->at, programs[n - 1].step_n);
    buf_append_slice(&text, buf_slice(&seen->text));
    bool again = false;
    for (size_t i = 0; i < ARRAY_LEN(histories) && !again; i++) {
        size_t with = histories[i] < n ? histories[i] : n;
        struct sequence s = join(programs + n - with, with);
        struct disagreement found = {0};
        again = shrink(rig, &s, &found);
        if (again) {
            buf_printf(&text, "  shrunk to %zu steps:\n", s.n);
            show_sequence(&s, &text);
            buf_append_slice(&text, buf_slice(&found.text));
            show_repeat(opt, first + n - with, with, &s, &text);
        }
        buf_fini(&found.text);
        free(s.at);
    }
    if (!again) {
        buf_append_str(&text, "  it did not fail again on fresh servers\n");
        show_repeat(opt, first, n, &(struct sequence){0}, &text);
    }
    fwrite(text.p, 1, text.n, stdout);
    fflush(stdout);
    buf_fini(&text);
}

/* ---- Workers ---- */

struct worker {
    const struct options *opt;
    struct rig rig;
    struct program history[BLOCK_MAX]; /* what the servers that run have seen */
    size_t history_n;
};

static void forget(struct worker *w)
{
    for (size_t i = 0; i < w->history_n; i++)
        program_fini(&w->history[i]);
    w->history_n = 0;
}

static void start(struct worker *w)
{
    struct err err = {0};
    if (rig_start(&w->rig, &err) == RC_OK)
        return;
    fprintf(stderr, "differential: %s\n", err.text);
    exit(2);
}

static void run_program(struct worker *w, uint64_t number)
{
    struct disagreement found = {0};
    struct program *p = &w->history[w->history_n++];
    program_make(p, &w->opt->program, number);
    struct sequence s = join(p, 1);
    struct step **steps = mem_calloc(s.n, sizeof(struct step *));
    for (size_t i = 0; i < s.n; i++)
        steps[i] = s.at[i].step;
    bool agree = rig_run(&w->rig, steps, s.n, &found);
    free(steps);
    free(s.at);
    if (agree) {
        w->rig.tally->passed++;
    } else {
        w->rig.tally->failed++;
        rig_stop(&w->rig);
        report(&w->rig, w->opt, w->history, w->history_n, number + 1 - w->history_n, &found);
        forget(w);
        start(w);
    }
    buf_fini(&found.text);
}

static uint64_t block_size(const struct options *opt)
{
    uint64_t each = (opt->programs + opt->jobs - 1) / opt->jobs;
    return each < BLOCK_MAX ? each : BLOCK_MAX;
}

/* Blocks job, job + jobs, job + 2 jobs … */
static void work(const struct options *opt, unsigned job, struct tally *tally)
{
    struct worker *w = mem_zalloc(sizeof(*w));
    w->opt = opt;
    w->rig = (struct rig){.options = &opt->servers, .program = &opt->program, .tally = tally};
    uint64_t size = block_size(opt);
    uint64_t end = opt->from + opt->programs;
    for (uint64_t first = opt->from + job * size; first < end; first += opt->jobs * size) {
        start(w);
        for (uint64_t i = first; i < first + size && i < end && tally->failed < FAILURES_MAX; i++)
            run_program(w, i);
        rig_stop(&w->rig);
        forget(w);
    }
    free(w);
}

/* False when a worker broke off. */
static bool run_workers(const struct options *opt, struct tally *tallies)
{
    bool ok = true;
    fflush(NULL);
    for (unsigned job = 0; job < opt->jobs; job++) {
        pid_t pid = fork();
        must(pid >= 0);
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGTERM);
            work(opt, job, &tallies[job]);
            exit(0);
        }
    }
    for (unsigned job = 0; job < opt->jobs; job++) {
        int status = 1;
        must(wait(&status) > 0);
        ok = ok && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    return ok;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool rule_applies(const struct options *opt, enum rule rule)
{
    unsigned is = opt->servers.form == CLIENT_JSON ? RULE_JSON : RULE_GRPC;
    if (opt->program.old_peer)
        is |= RULE_OLD;
    if (opt->program.leases > 0)
        is |= RULE_LEASES;
    return (rule_when(rule) & ~is) == 0;
}

/* Returns how many rules were of no use: then the versions do not differ in that any more. */
static unsigned print_rules(const struct options *opt, const uint64_t rules[RULE_COUNT])
{
    unsigned never = 0;
    printf("answers\n");
    for (enum rule rule = 0; rule < RULE_COUNT; rule++) {
        bool used = rule_applies(opt, rule);
        never += rules[rule] == 0 && used;
        printf("  %-60s %10" PRIu64 "%s\n", rule_text(rule), rules[rule],
               rules[rule] == 0 && used ? "  (NEVER REACHED)" : "");
    }
    return never;
}

static int run_all(const struct options *opt)
{
    size_t size = opt->jobs * sizeof(struct tally);
    struct tally *tallies =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct tally sum = {0};
    double began = seconds();
    must(tallies != MAP_FAILED);
    bool whole = run_workers(opt, tallies);
    double took = seconds() - began;
    for (unsigned job = 0; job < opt->jobs; job++) {
        hits_add(&sum.hits, &tallies[job].hits);
        sum.passed += tallies[job].passed;
        sum.failed += tallies[job].failed;
        for (enum rule rule = 0; rule < RULE_COUNT; rule++)
            sum.rules[rule] += tallies[job].rules[rule];
    }
    munmap(tallies, size);
    struct hits_options hits_options = {.leases = opt->program.leases > 0,
                                        .old_peer = opt->program.old_peer,
                                        .json = opt->servers.form == CLIENT_JSON};
    unsigned never = hits_print(&sum.hits, &hits_options, stdout);
    never += print_rules(opt, sum.rules);
    uint64_t left = opt->programs - sum.passed - sum.failed;
    printf("etcd %s, seed %" PRIu64 ", programs %" PRIu64 " to %" PRIu64 ", %.0f s\n",
           opt->program.old_peer ? "3.4" : "3.7", opt->program.seed, opt->from,
           opt->from + opt->programs - 1, took);
    if (left > 0)
        printf("%" PRIu64 " programs were not run\n", left);
    if (never > 0 && opt->programs >= COVERAGE_AT) {
        printf("%u rows were never reached: the generator does not cover them any more\n", never);
        sum.failed++;
    }
    sum.failed += left + (left == 0 && !whole);
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", sum.passed, sum.failed);
    return sum.failed > 0;
}

/* ---- --keep ---- */

static int run_kept(const struct options *opt)
{
    struct rig rig = {.options = &opt->servers, .program = &opt->program, .trace = stdout};
    struct disagreement found = {0};
    struct err err = {0};
    struct program *programs = mem_calloc(opt->programs, sizeof(*programs));
    for (uint64_t i = 0; i < opt->programs; i++)
        program_make(&programs[i], &opt->program, opt->from + i);
    struct sequence all = join(programs, opt->programs);
    struct step **steps = mem_calloc(opt->kept_n, sizeof(struct step *));
    size_t n = 0;
    for (size_t i = 0; i < opt->kept_n; i++)
        if (opt->kept[i] < all.n)
            steps[n++] = all.at[opt->kept[i]].step;
    int status = 2;
    if (rig_start(&rig, &err) == RC_OK)
        status = !rig_run(&rig, steps, n, &found);
    else
        fprintf(stderr, "differential: %s\n", err.text);
    rig_stop(&rig);
    fwrite(found.text.p, 1, found.text.n, stdout);
    printf("%d passed, %d failed\n", status == 0, status != 0);
    buf_fini(&found.text);
    free(steps);
    free(all.at);
    for (uint64_t i = 0; i < opt->programs; i++)
        program_fini(&programs[i]);
    free(programs);
    return status;
}

/* ---- Options ---- */

enum {
    OPT_MOAT,
    OPT_ETCD,
    OPT_FOLDER,
    OPT_PEER,
    OPT_SEED,
    OPT_FROM,
    OPT_PROGRAMS,
    OPT_JOBS,
    OPT_LEASES,
    OPT_FORM,
    OPT_KEEP,
    OPT_KEEP_LOGS,
    OPT_HELP
};

static bool number(const char *text, uint64_t max, uint64_t *out)
{
    char *end;
    *out = strtoull(text, &end, 10);
    return end != text && *end == 0 && *out <= max;
}

static bool kept(const char *text, struct options *opt)
{
    opt->keeping = true;
    while (opt->kept_n < KEPT_MAX) {
        char *end;
        opt->kept[opt->kept_n++] = strtoull(text, &end, 10);
        if (end == text || (*end != ',' && *end != 0))
            return false;
        if (*end == 0)
            return true;
        text = end + 1;
    }
    return false;
}

static bool take(struct options *opt, int which, const char *value)
{
    uint64_t n = 0;
    bool ok = true;
    switch (which) {
    case OPT_MOAT:
        opt->servers.moat = value;
        return true;
    case OPT_ETCD:
        opt->servers.etcd = value;
        return true;
    case OPT_FOLDER:
        opt->servers.folder = value;
        return true;
    case OPT_PEER:
        opt->program.old_peer = strcmp(value, "3.4") == 0;
        return opt->program.old_peer || strcmp(value, "3.7") == 0;
    case OPT_SEED:
        return number(value, UINT32_MAX, &opt->program.seed);
    case OPT_FROM:
        return number(value, UINT32_MAX, &opt->from);
    case OPT_PROGRAMS:
        return number(value, UINT32_MAX, &opt->programs) && opt->programs > 0;
    case OPT_JOBS:
        ok = number(value, JOBS_MAX, &n) && n > 0;
        opt->jobs = (unsigned)n;
        return ok;
    case OPT_LEASES:
        ok = number(value, 1000, &n);
        opt->program.leases = (int64_t)n;
        return ok;
    case OPT_FORM:
        opt->servers.form = strcmp(value, "json") == 0 ? CLIENT_JSON : CLIENT_GRPC;
        return opt->servers.form == CLIENT_JSON || strcmp(value, "grpc") == 0;
    case OPT_KEEP:
        return kept(value, opt);
    case OPT_KEEP_LOGS:
        opt->servers.keep_logs = true;
        return true;
    default:
        return false;
    }
}

int main(int argc, char **argv)
{
    static const struct option names[] = {
        {"moat", required_argument, NULL, OPT_MOAT},
        {"etcd", required_argument, NULL, OPT_ETCD},
        {"folder", required_argument, NULL, OPT_FOLDER},
        {"peer", required_argument, NULL, OPT_PEER},
        {"seed", required_argument, NULL, OPT_SEED},
        {"from", required_argument, NULL, OPT_FROM},
        {"programs", required_argument, NULL, OPT_PROGRAMS},
        {"jobs", required_argument, NULL, OPT_JOBS},
        {"leases", required_argument, NULL, OPT_LEASES},
        {"form", required_argument, NULL, OPT_FORM},
        {"keep", required_argument, NULL, OPT_KEEP},
        {"keep-logs", no_argument, NULL, OPT_KEEP_LOGS},
        {"help", no_argument, NULL, OPT_HELP},
        {0},
    };
    struct options opt = {
        .program = {.seed = 1, .leases = LEASES_DEFAULT}, .programs = 150, .jobs = 2};
    int which;
    while ((which = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (which == OPT_HELP) {
            usage(stdout);
            return 0;
        }
        if (!take(&opt, which, optarg)) {
            usage(stderr);
            return 2;
        }
    }
    if (!opt.servers.moat || !opt.servers.etcd || !opt.servers.folder || optind != argc) {
        usage(stderr);
        return 2;
    }
    return opt.keeping ? run_kept(&opt) : run_all(&opt);
}
