#include "api/repeats.h"

#include "base/log.h"

static void tell(struct repeats *r)
{
    struct log *log = r->env->log;
    for (size_t i = 0; i < r->n; i++) {
        const struct repeat *kind = &r->kinds[i];
        if (kind->more > 0)
            log_warn(log, r->event, "user", BYTES(buf_slice(&kind->user)), "method",
                     STR(kind->method), "more", U64(kind->more), "within", NS(REPEATS_NS));
    }
    if (r->others > 0)
        log_warn(log, r->event, "more", U64(r->others), "within", NS(REPEATS_NS), "of",
                 STR("other users and methods"));
}

/* What was repeated is counted on; what was not is new the next time. */
static void tick(struct timer *t)
{
    struct repeats *r = CONTAINER_OF(t, struct repeats, tick);
    size_t kept = 0;
    tell(r);
    for (size_t i = 0; i < r->n; i++) {
        struct repeat *kind = &r->kinds[i];
        if (kind->more == 0) {
            buf_fini(&kind->user);
            continue;
        }
        kind->more = 0;
        r->kinds[kept++] = *kind;
    }
    r->n = kept;
    r->others = 0;
    if (r->n > 0)
        env_after(r->env, &r->tick, REPEATS_NS);
}

void repeats_init(struct repeats *r, struct env *env, const char *event)
{
    *r = (struct repeats){.env = env, .event = event, .tick.fire = tick};
}

void repeats_fini(struct repeats *r)
{
    timer_stop(r->env->timers, &r->tick);
    tell(r);
    for (size_t i = 0; i < r->n; i++)
        buf_fini(&r->kinds[i].user);
    r->n = 0;
}

bool repeats_first(struct repeats *r, struct slice user, const char *method)
{
    for (size_t i = 0; i < r->n; i++) {
        struct repeat *kind = &r->kinds[i];
        if (kind->method == method && slice_eq(buf_slice(&kind->user), user)) {
            kind->more++;
            return false;
        }
    }
    if (!timer_active(&r->tick))
        env_after(r->env, &r->tick, REPEATS_NS);
    if (r->n == REPEATS_KINDS) {
        r->others++;
        return false;
    }
    struct repeat *kind = &r->kinds[r->n++];
    *kind = (struct repeat){.method = method};
    buf_append_slice(&kind->user, user);
    return true;
}
