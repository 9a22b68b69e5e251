#include "api/pace.h"

#define PATIENCE_NS ((uint64_t)API_PIN_MS_MAX * NS_PER_MS)

static uint64_t due(const struct pace *p)
{
    uint64_t stalled = p->moved_ns + PATIENCE_NS;
    uint64_t behind = p->begun_ns + PATIENCE_NS + p->bytes / API_PIN_BYTES_PER_MS * NS_PER_MS;
    return stalled < behind ? stalled : behind;
}

/* What was taken since the timer was set moved the end on. */
static void look(struct timer *t)
{
    struct pace *p = CONTAINER_OF(t, struct pace, timer);
    if (due(p) > env_now_ns(p->env))
        timer_start(p->env->timers, t, due(p));
    else
        p->late(p);
}

void pace_begin(struct pace *p, struct env *env, void (*late)(struct pace *p))
{
    uint64_t now = env_now_ns(env);
    *p = (struct pace){
        .env = env, .timer.fire = look, .begun_ns = now, .moved_ns = now, .late = late};
    timer_start(env->timers, &p->timer, due(p));
}

void pace_moved(struct pace *p, size_t bytes)
{
    if (bytes == 0)
        return;
    p->moved_ns = env_now_ns(p->env);
    p->bytes += bytes;
}

void pace_end(struct pace *p)
{
    if (p->env)
        timer_stop(p->env->timers, &p->timer);
}
