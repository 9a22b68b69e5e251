/* powerloss - crash tests of the real server by images of what a loss of power leaves.
 *
 *     powerloss record DIR [--seed N] [--ops N]     drive a server, keep traces in DIR
 *     powerloss run    DIR [--images N] [--seed N] [--only N] [--until N] [--jobs N]
 *     powerloss prove  DIR [--images N] [--spared N] [--site TEXT] [--seed N] [--jobs N]
 *                                                   take out each sync in turn: must be noticed
 *
 * Every start is of one program, which differs from the one that is installed in nothing but the
 * size of a log segment, so that segments fill and are used again within seconds. It runs twice:
 * with the log inside the data directory, and with the log beside it, where other directories need
 * a sync. DIR is kept from record to run; SERVER and SHIM in the environment name program and
 * library. */
#include "base/mem.h"
#include "base/must.h"
#include "record.h"
#include "run.h"

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPS          14000u
#define IMAGES       60u
#define PROVE_IMAGES 600u
#define PROVE_BATCH  20u

struct options {
    const char *command;
    const char *dir;
    const char *program;
    const char *shim;
    uint64_t seed;
    uint64_t images;
    uint64_t ops;
    uint64_t only; /* UINT64_MAX: all */
    uint64_t until;
    uint64_t spared;  /* images for a sync that can be spared */
    const char *site; /* prove only those whose names have this in them */
    unsigned jobs;
    char *work; /* for servers; in memory if that can be had */
};

/* Syncs that are not missed when they are left out, and why they are there. A change that makes one
 * of them matter must take it from this list, which the proof sees to. */
static const struct spare_sync {
    const char *site; /* its name begins so */
    const char *why;
} spare_syncs[] = {
    {"mdb_env_sync < mdb_txn_commit < open_tables",
     "open_tables syncs the file once more, before it gets its name"},
    {"mdb_env_sync < open_tables < make_as",
     "with the tables' commit gone LMDB's empty header is left, and they are made again"},
    {"mdb_env_sync < open_tables",
     "the log is kept back to the commit before the last, and the next commit syncs the same file"},
    {"mdb_env_sync < store_sync", "an end in peace: the log has it all, and is applied again"},
    {"mdb_env_sync < store_close", "the same, once more"},
    {"spare_make < chore_run",
     "fill syncs the same file; done here, that one finds the allocation on disk already"},
    {"spare_make < create", "fill syncs the same file before it gets its name"},
};

static const char *const layouts[] = {"inside", "beside"};

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static char *trace_path(const struct options *o, size_t layout)
{
    return mem_printf("%s/%s.trace", o->dir, layouts[layout]);
}

static int record_all(const struct options *o)
{
    bool good = true;
    for (size_t i = 0; i < ARRAY_LEN(layouts) && good; i++) {
        char *work = mem_printf("%s/%s", o->work, layouts[i]);
        char *trace = trace_path(o, i);
        must(mkdir(work, 0700) == 0);
        good = record(&(struct record_options){.program = o->program,
                                               .shim = o->shim,
                                               .dir = work,
                                               .trace = trace,
                                               .separate_log = i == 1,
                                               .seed = o->seed + i,
                                               .ops = o->ops});
        free(work);
        free(trace);
    }
    return good ? 0 : 1;
}

/* A trace with all that follows from it. */
struct loaded {
    struct tracefile trace;
    struct sites sites;
    struct history *history;
};

static void load(struct loaded *l, const struct options *o, size_t layout)
{
    char *path = trace_path(o, layout);
    tracefile_open(&l->trace, path);
    free(path);
    sites_init(&l->sites, &l->trace, o->program);
    l->history = history_new();
    for (size_t i = 0; i < l->trace.n; i++) {
        const struct trace_record *r = &l->trace.v[i].head;
        if (r->kind == TRACE_ACK || r->kind == TRACE_FOUND)
            history_add(l->history, r->file, (int64_t)r->at);
    }
    history_close(l->history);
}

static void unload(struct loaded *l)
{
    history_free(l->history);
    sites_fini(&l->sites);
    tracefile_close(&l->trace);
}

static struct run_options run_of(const struct options *o, const struct loaded *l, size_t layout)
{
    return (struct run_options){.trace = &l->trace,
                                .sites = &l->sites,
                                .history = l->history,
                                .program = o->program,
                                .shim = o->shim,
                                .dir = o->work,
                                .separate_log = layout == 1,
                                .seed = o->seed,
                                .first = layout,
                                .step = ARRAY_LEN(layouts),
                                .images = (o->images + 1 - layout) / 2,
                                .until = o->until,
                                .jobs = o->jobs,
                                .without = -1};
}

/* Images with even numbers are of the first layout, those with odd ones of the second. */
static int run_all(const struct options *o)
{
    uint64_t passed = 0;
    uint64_t failed = 0;
    for (size_t i = 0; i < ARRAY_LEN(layouts); i++) {
        struct loaded l;
        struct run_result result;
        if (o->only != UINT64_MAX && o->only % 2 != i)
            continue;
        load(&l, o, i);
        struct run_options ro = run_of(o, &l, i);
        if (o->only != UINT64_MAX) {
            ro.first = o->only;
            ro.images = 1;
        }
        run_images(&ro, &result);
        unload(&l);
        passed += result.passed;
        failed += result.failed;
        if (result.failed > 0)
            printf("image %" PRIu64 ": %s\nto repeat: tests/powerloss/run --only %" PRIu64
                   " --seed %" PRIu64 "\n",
                   result.first_failed, result.why, result.first_failed, o->seed);
    }
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", passed, failed);
    return failed ? 1 : 0;
}

/* ---- prove ---- */

/* One site over both layouts. */
struct verdict {
    const char *site;
    size_t syncs;
    uint64_t images;
    bool noticed;
    char why[CHECK_WHY_MAX];
};

static const struct spare_sync *find_spare(const char *site)
{
    for (size_t i = 0; i < ARRAY_LEN(spare_syncs); i++)
        if (strncmp(spare_syncs[i].site, site, strlen(spare_syncs[i].site)) == 0)
            return &spare_syncs[i];
    return NULL;
}

static int site_in(const struct loaded *l, const char *name)
{
    for (size_t i = 0; i < l->sites.n; i++)
        if (strcmp(l->sites.v[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* Batch after batch, in both layouts by turns, until one image fails. */
static void take_out(const struct options *o, const struct loaded *l, struct verdict *v)
{
    uint64_t images = find_spare(v->site) ? o->spared : o->images;
    for (uint64_t i = 0; v->images < images && !v->noticed; i++) {
        size_t layout = i % ARRAY_LEN(layouts);
        struct run_options ro = run_of(o, &l[layout], layout);
        struct run_result result;
        ro.without = site_in(&l[layout], v->site);
        if (ro.without < 0)
            continue; /* it is a site of the other layout */
        ro.first = i * PROVE_BATCH;
        ro.step = 1;
        ro.images = PROVE_BATCH;
        ro.stop = true;
        ro.quiet = true;
        run_images(&ro, &result);
        v->images += result.passed + result.failed;
        v->noticed = result.failed > 0;
        memcpy(v->why, result.why, sizeof(v->why));
    }
}

static bool judge(const struct options *o, const struct verdict *v)
{
    const struct spare_sync *spare = find_spare(v->site);
    bool good = v->noticed == !spare;
    printf("%s  %s (%zu syncs)\n", good ? "good" : "BAD ", v->site, v->syncs);
    if (v->noticed)
        printf("      noticed within %" PRIu64 " images: %s\n", v->images, v->why);
    else
        printf("      not noticed in %" PRIu64 " images%s%s\n", v->images, spare ? ": " : "",
               spare ? spare->why : "");
    if (!good)
        printf("to repeat: tests/powerloss/run prove --site '%s' --seed %" PRIu64 "\n", v->site,
               o->seed);
    fflush(stdout);
    return good;
}

static int prove_all(const struct options *o)
{
    struct loaded l[ARRAY_LEN(layouts)];
    uint64_t passed = 0;
    uint64_t failed = 0;
    for (size_t i = 0; i < ARRAY_LEN(layouts); i++)
        load(&l[i], o, i);
    for (size_t i = 0; i < ARRAY_LEN(layouts); i++) {
        for (size_t k = 0; k < l[i].sites.n; k++) {
            const struct site *site = &l[i].sites.v[k];
            struct verdict v = {.site = site->name, .syncs = site->syncs};
            if ((i > 0 && site_in(&l[0], v.site) >= 0) || !strstr(v.site, o->site))
                continue;
            take_out(o, l, &v);
            if (judge(o, &v))
                passed++;
            else
                failed++;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(layouts); i++)
        unload(&l[i]);
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", passed, failed);
    return failed > 0 || passed == 0 ? 1 : 0;
}

/* ---- Command line ---- */

static int usage(void)
{
    fprintf(stderr, "usage: powerloss record|run|prove DIR [--images N] [--only N] [--seed N] "
                    "[--ops N] [--spared N] [--site TEXT] [--jobs N]\n");
    return 2;
}

static bool parse(int argc, char **argv, struct options *o)
{
    if (argc < 3)
        return false;
    o->command = argv[1];
    o->dir = argv[2];
    o->images = strcmp(o->command, "prove") == 0 ? PROVE_IMAGES : IMAGES;
    for (int i = 3; i + 1 < argc; i += 2) {
        uint64_t number = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--images") == 0)
            o->images = number;
        else if (strcmp(argv[i], "--only") == 0)
            o->only = number;
        else if (strcmp(argv[i], "--site") == 0)
            o->site = argv[i + 1];
        else if (strcmp(argv[i], "--spared") == 0)
            o->spared = number;
        else if (strcmp(argv[i], "--until") == 0)
            o->until = number;
        else if (strcmp(argv[i], "--seed") == 0)
            o->seed = number;
        else if (strcmp(argv[i], "--ops") == 0)
            o->ops = number;
        else if (strcmp(argv[i], "--jobs") == 0 && number > 0)
            o->jobs = (unsigned)number;
        else
            return false;
    }
    return argc % 2 == 1;
}

static char *make_work(void)
{
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    char *path = mem_printf("%s/moat-powerloss-XXXXXX", base);
    must(mkdtemp(path));
    return path;
}

int main(int argc, char **argv)
{
    struct options o = {.program = getenv("SERVER"),
                        .shim = getenv("SHIM"),
                        .seed = 1,
                        .spared = PROVE_IMAGES,
                        .site = "",
                        .ops = OPS,
                        .only = UINT64_MAX,
                        .until = UINT64_MAX,
                        .jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN)};
    if (!parse(argc, argv, &o) || !o.program || !o.shim)
        return usage();
    o.work = make_work();
    int status = 2;
    if (strcmp(o.command, "record") == 0)
        status = record_all(&o);
    else if (strcmp(o.command, "run") == 0)
        status = run_all(&o);
    else if (strcmp(o.command, "prove") == 0)
        status = prove_all(&o);
    remove_tree(o.work);
    free(o.work);
    return status == 2 ? usage() : status;
}
