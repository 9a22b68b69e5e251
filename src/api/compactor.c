#include "api/compactor.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdlib.h>

struct compactor {
    struct compactor_options opt;
    struct timer timer;
    uint64_t step_ns;
    uint64_t wait_ns;      /* at least so long after the last success */
    uint64_t succeeded_ns; /* or when we began */
    int64_t last;          /* revision that was asked for last */
    struct buf revisions;  /* int64_t, one each step, the oldest first: a period of them */
    size_t revisions_max;
};

static uint64_t at_most_an_hour(int64_t period)
{
    return (uint64_t)period < COMPACTOR_HOUR_NS ? (uint64_t)period : COMPACTOR_HOUR_NS;
}

static void write_down(struct compactor *c)
{
    int64_t now = c->opt.revision(c->opt.arg);
    buf_append(&c->revisions, &now, sizeof(now));
    if (c->revisions.n / sizeof(now) > c->revisions_max)
        buf_consume(&c->revisions, sizeof(now));
}

static void ask(struct compactor *c, int64_t revision)
{
    log_info(c->opt.env->log, "compactor.compact", "revision", I64(revision), "mode",
             STR(c->opt.by_revision ? "revision" : "periodic"));
    c->last = revision;
    c->opt.compact(c->opt.arg, revision);
}

static void step_by_time(struct compactor *c)
{
    uint64_t now = env_now_ns(c->opt.env);
    int64_t oldest;
    memcpy(&oldest, c->revisions.p, sizeof(oldest));
    bool due = now - c->succeeded_ns >= c->wait_ns;
    if (c->opt.leads(c->opt.arg) && due && oldest != c->last) {
        c->wait_ns = at_most_an_hour(c->opt.retention); /* the first time it is the whole period */
        c->succeeded_ns = now;
        ask(c, oldest);
    }
    write_down(c);
}

static void step_by_count(struct compactor *c)
{
    int64_t revision = c->opt.revision(c->opt.arg) - c->opt.retention;
    if (c->opt.leads(c->opt.arg) && revision > 0 && revision != c->last)
        ask(c, revision);
}

static void step(struct timer *t)
{
    struct compactor *c = CONTAINER_OF(t, struct compactor, timer);
    if (c->last > 0 && c->opt.compacted(c->opt.arg) < c->last) {
        c->last = 0; /* it was dropped or refused: ask again */
        c->succeeded_ns -= c->wait_ns;
    }
    if (c->opt.by_revision)
        step_by_count(c);
    else
        step_by_time(c);
    env_after(c->opt.env, &c->timer, c->step_ns);
}

struct compactor *compactor_new(const struct compactor_options *opt)
{
    struct compactor *c = mem_zalloc(sizeof(*c));
    c->opt = *opt;
    c->timer.fire = step;
    c->succeeded_ns = env_now_ns(opt->env);
    if (opt->retention == 0)
        return c;
    if (opt->by_revision) {
        c->step_ns = COMPACTOR_REVISION_NS;
    } else {
        c->step_ns = at_most_an_hour(opt->retention) / COMPACTOR_DIVISOR;
        if (c->step_ns < COMPACTOR_STEP_MIN_NS)
            c->step_ns = COMPACTOR_STEP_MIN_NS;
        c->wait_ns = (uint64_t)opt->retention;
        c->revisions_max = (size_t)((uint64_t)opt->retention / c->step_ns) + 1;
        write_down(c);
    }
    env_after(opt->env, &c->timer, c->step_ns);
    return c;
}

void compactor_free(struct compactor *c)
{
    if (!c)
        return;
    timer_stop(c->opt.env->timers, &c->timer);
    buf_fini(&c->revisions);
    free(c);
}
