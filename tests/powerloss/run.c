#include "run.h"

#include "aim.h"
#include "base/mem.h"
#include "base/must.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct image {
    uint64_t number;
    size_t cut; /* records before the loss */
    struct rng rng;
};

struct child {
    pid_t pid;
    uint64_t number;
};

struct runner {
    const struct run_options *opt;
    struct run_result *out;
    struct child *children;
    unsigned running;
};

static struct image pick(const struct run_options *opt, uint64_t number)
{
    struct image im = {.number = number};
    rng_seed(&im.rng, opt->seed * 1000003u + number);
    if (!aim_behind(opt->trace, opt->sites, opt->without, &im.rng, &im.cut))
        im.cut = aim_anywhere(opt->trace, &im.rng);
    if (im.cut > opt->until)
        im.cut = (size_t)rng_below(&im.rng, opt->until + 1);
    return im;
}

static int by_cut(const void *a, const void *b)
{
    const struct image *x = a;
    const struct image *y = b;
    return (x->cut > y->cut) - (x->cut < y->cut);
}

/* ---- One image, in a process of its own: it has the volume without a copy ---- */

static char *why_path(const struct runner *r, uint64_t number)
{
    return mem_printf("%s/why.%" PRIu64, r->opt->dir, number);
}

NORETURN static void check_one(const struct runner *r, const struct volume *v, struct image im,
                               const struct promises *promises)
{
    const struct run_options *opt = r->opt;
    char why[CHECK_WHY_MAX] = "";
    struct check c = {.program = opt->program,
                      .shim = opt->shim,
                      .dir = mem_printf("%s/%" PRIu64, opt->dir, im.number),
                      .separate_log = opt->separate_log,
                      .history = opt->history,
                      .promises = *promises,
                      .sites = opt->sites,
                      .without = opt->without};
    struct volume *left = volume_lose_power(v, &im.rng);
    if (check_image(&c, left, &im.rng, why))
        _exit(0);
    FILE *f = fopen(why_path(r, im.number), "we");
    must(f);
    fprintf(f, "power lost after record %zu of %zu: %s", im.cut, opt->trace->n, why);
    fclose(f);
    _exit(1);
}

static void note_failure(struct runner *r, uint64_t number)
{
    struct run_result *out = r->out;
    char why[CHECK_WHY_MAX] = "the check itself broke off";
    char *path = why_path(r, number);
    FILE *f = fopen(path, "re");
    if (f) {
        size_t n = fread(why, 1, sizeof(why) - 1, f);
        why[n] = 0;
        fclose(f);
        unlink(path);
    }
    free(path);
    if (out->failed++ == 0) {
        out->first_failed = number;
        memcpy(out->why, why, sizeof(why));
    }
    if (!r->opt->quiet)
        fprintf(stderr, "image %" PRIu64 ": %s\n", number, why);
}

static void wait_for_one(struct runner *r)
{
    int status;
    pid_t pid = waitpid(-1, &status, 0);
    must(pid > 0);
    unsigned i = 0;
    while (i < r->running && r->children[i].pid != pid)
        i++;
    must(i < r->running);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        r->out->passed++;
    else
        note_failure(r, r->children[i].number);
    r->children[i] = r->children[--r->running];
}

static void start_one(struct runner *r, const struct volume *v, struct image im,
                      const struct promises *promises)
{
    while (r->running >= r->opt->jobs)
        wait_for_one(r);
    if (r->opt->stop && r->out->failed > 0)
        return;
    fflush(NULL);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0)
        check_one(r, v, im, promises);
    r->children[r->running++] = (struct child){pid, im.number};
}

void run_images(const struct run_options *opt, struct run_result *out)
{
    *out = (struct run_result){0};
    struct runner r = {.opt = opt, .out = out};
    r.children = mem_calloc(opt->jobs, sizeof(*r.children));
    struct image *images = mem_calloc(opt->images, sizeof(*images));
    for (uint64_t i = 0; i < opt->images; i++)
        images[i] = pick(opt, opt->first + i * opt->step);
    qsort(images, opt->images, sizeof(*images), by_cut);
    struct volume *v = volume_new();
    struct promises promises = {0};
    promises.revision = FIRST_REVISION;
    size_t at = 0;
    for (uint64_t i = 0; i < opt->images && !(opt->stop && out->failed > 0); i++) {
        for (; at < images[i].cut; at++) {
            const struct tracefile_record *record = &opt->trace->v[at];
            if (opt->without < 0 || sites_find(opt->sites, record) != opt->without)
                volume_apply(v, &record->head, record->payload);
            promises_add(&promises, &record->head);
        }
        start_one(&r, v, images[i], &promises);
    }
    while (r.running > 0)
        wait_for_one(&r);
    volume_free(v);
    free(images);
    free(r.children);
}
