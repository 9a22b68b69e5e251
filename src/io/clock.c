#include "io/clock.h"

#include "base/must.h"

#include <time.h>

static uint64_t read_ns(clockid_t id)
{
    struct timespec ts;
    must(clock_gettime(id, &ts) == 0);
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static uint64_t mono_ns(struct clock *c)
{
    (void)c;
    return read_ns(CLOCK_MONOTONIC);
}

static uint64_t wall_ns(struct clock *c)
{
    (void)c;
    return read_ns(CLOCK_REALTIME);
}

void io_clock_init(struct clock *c)
{
    *c = (struct clock){.mono_ns = mono_ns, .wall_ns = wall_ns};
}
