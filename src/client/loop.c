#include "client/loop.h"

#include "base/mem.h"
#include "base/must.h"
#include "client/conn.h"

#include <poll.h>
#include <stdlib.h>
#include <time.h>

#define NS_PER_MS   1000000u
#define NS_PER_S    1000000000u
#define WAIT_MAX_MS 60000 /* of one poll: a step of the clock is never slept over */

uint64_t client_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t client_deadline(uint64_t ms)
{
    uint64_t now = client_now_ns();
    return ms > (CLIENT_FOREVER - now) / NS_PER_MS ? CLIENT_FOREVER : now + ms * NS_PER_MS;
}

void client_loop_init(struct client_loop *loop)
{
    *loop = (struct client_loop){0};
    list_init(&loop->conns);
}

void client_loop_fini(struct client_loop *loop)
{
    must(list_empty(&loop->conns));
    timers_fini(&loop->timers);
    free(loop->polls);
}

static int wait_ms(const struct client_loop *loop, uint64_t deadline_ns)
{
    uint64_t next = timers_next(&loop->timers);
    uint64_t until = next < deadline_ns ? next : deadline_ns;
    uint64_t now = client_now_ns();
    if (until <= now)
        return 0;
    uint64_t ms = (until - now + NS_PER_MS - 1) / NS_PER_MS;
    return ms > WAIT_MAX_MS ? WAIT_MAX_MS : (int)ms;
}

static void reserve(struct client_loop *loop)
{
    if (loop->conns_n + 1 <= loop->polls_max)
        return;
    loop->polls_max = 2 * (loop->conns_n + 1);
    loop->polls = mem_realloc(loop->polls, loop->polls_max * sizeof(*loop->polls));
}

bool client_loop_wait(struct client_loop *loop, uint64_t deadline_ns, int fd)
{
    reserve(loop);
    nfds_t n = 0;
    loop->polls[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
    list_each (item, &loop->conns) {
        struct client_conn *c = client_conn_of(item);
        loop->polls[n++] =
            (struct pollfd){.fd = client_conn_fd(c), .events = client_conn_events(c)};
    }
    bool failed = poll(loop->polls, n, wait_ms(loop, deadline_ns)) < 0; /* by a signal */
    nfds_t i = 1;
    list_each (item, &loop->conns) {
        if (!failed && i < n && loop->polls[i].revents)
            client_conn_ready(client_conn_of(item));
        i++;
    }
    timers_run(&loop->timers, client_now_ns());
    return !failed && loop->polls[0].revents != 0;
}
