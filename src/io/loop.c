#include "io/loop.h"

#include "base/mem.h"
#include "base/must.h"
#include "io/clock.h"
#include "io/conn_private.h"
#include "io/disk.h"
#include "io/loop_private.h"
#include "io/random.h"

#include <signal.h>
#include <stdlib.h>

static const int loop_signals[LOOP_SIGNALS] = {SIGINT, SIGTERM};

static void turn_end(struct io_loop *loop);

static void on_turn_end(uv_prepare_t *h)
{
    turn_end(h->data);
}

static void on_no_wait(uv_idle_t *h)
{
    (void)h; /* its being active is the point */
}

static void on_alarm(uv_timer_t *h)
{
    struct io_loop *loop = h->data;
    loop->alarm_ns = TIMERS_NEVER;
    timers_run(&loop->timers, env_now_ns(&loop->env));
}

static void on_completion(uv_async_t *h)
{
    struct io_loop *loop = h->data;
    io_workers_complete(loop->workers);
}

static void notify_completion(void *arg)
{
    struct io_loop *loop = arg;
    must(uv_async_send(&loop->completion) == 0);
}

/*~ 11. The answers leave: each connection that was dirty when this began has one send. What becomes
 * dirty meanwhile has the next turn, so that a connection with much to say cannot hold the loop. */
static void flush_dirty(struct io_loop *loop)
{
    struct list round;
    list_init(&round);
    if (list_empty(&loop->dirty))
        return;
    list_add_tail(&loop->dirty, &round); /* the whole ring now hangs on round */
    list_remove(&loop->dirty);
    for (struct list *item; (item = list_pop(&round));)
        conn_flush(CONTAINER_OF(item, struct io_conn, in_dirty));
}

static void set_alarm(struct io_loop *loop)
{
    uint64_t next = timers_next(&loop->timers);
    if (next == loop->alarm_ns)
        return;
    loop->alarm_ns = next;
    if (next == TIMERS_NEVER) {
        uv_timer_stop(&loop->alarm);
        return;
    }
    uint64_t now = env_now_ns(&loop->env);
    /* Rounded up: too early would only be a wasted turn, again and again. */
    uint64_t ms = next > now ? (next - now + NS_PER_MS - 1) / NS_PER_MS : 0;
    uv_timer_start(&loop->alarm, on_alarm, ms, 0);
}

static void turn_end(struct io_loop *loop)
{
    loop->stats.turns++;
    loop->again = false;
    if (loop->on_turn)
        loop->on_turn(loop->on_turn_arg);
    flush_dirty(loop);
    set_alarm(loop);
    if (loop->again || !list_empty(&loop->dirty))
        uv_idle_start(&loop->no_wait, on_no_wait);
    else
        uv_idle_stop(&loop->no_wait);
}

static void init_env(struct io_loop *loop, struct log *log)
{
    uint64_t seed;
    io_random(&seed, sizeof(seed));
    rng_seed(&loop->rng, seed);
    io_clock_init(&loop->clock);
    io_disk_init(&loop->disk);
    loop->env = (struct env){
        .clock = &loop->clock,
        .timers = &loop->timers,
        .rng = &loop->rng,
        .disk = &loop->disk,
        .workers = io_workers_env(loop->workers),
        .log = log,
    };
}

static enum rc no_descriptors(struct err *err, int uv_error)
{
    enum rc rc = rc_of_errno(-uv_error);
    return err_set(err, rc,
                   "cannot start the event loop: %s; raise the limit of open files (ulimit -n, "
                   "LimitNOFILE=)",
                   uv_strerror(uv_error));
}

enum rc io_loop_new(const struct io_loop_options *opt, struct io_loop **out, struct err *err)
{
    unsigned pool = opt->pool_threads ? opt->pool_threads : IO_POOL_THREADS_DEFAULT;
    if (pool > IO_POOL_THREADS_MAX)
        return err_set(err, RC_LIMIT, "%u pool threads are too many; choose 1 to %u", pool,
                       IO_POOL_THREADS_MAX);
    struct io_loop *loop = mem_zalloc(sizeof(*loop));
    int r = uv_loop_init(&loop->uv);
    if (r < 0) {
        free(loop);
        return no_descriptors(err, r);
    }
    r = uv_async_init(&loop->uv, &loop->completion, on_completion);
    enum rc rc = r < 0 ? no_descriptors(err, r)
                       : io_workers_new(pool, notify_completion, loop, &loop->workers, err);
    if (rc != RC_OK) {
        if (r == 0)
            uv_close((uv_handle_t *)&loop->completion, NULL);
        uv_run(&loop->uv, UV_RUN_DEFAULT);
        must(uv_loop_close(&loop->uv) == 0);
        free(loop);
        return rc;
    }
    must(uv_prepare_init(&loop->uv, &loop->turn_end) == 0);
    must(uv_idle_init(&loop->uv, &loop->no_wait) == 0);
    must(uv_timer_init(&loop->uv, &loop->alarm) == 0);
    loop->completion.data = loop->turn_end.data = loop->no_wait.data = loop->alarm.data = loop;
    must(uv_prepare_start(&loop->turn_end, on_turn_end) == 0);
    loop->alarm_ns = TIMERS_NEVER;
    list_init(&loop->conns);
    list_init(&loop->dirty);
    loop->in = mem_alloc(IO_READ_MAX);
    init_env(loop, opt->log);
    /* A peer that has gone is an error of send, not a reason to die; the others Go ignores, too. */
    static const int ignored[] = {SIGPIPE, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        (void)signal(ignored[i], SIG_IGN);
    *out = loop;
    return RC_OK;
}

static void close_handles(struct io_loop *loop)
{
    uv_close((uv_handle_t *)&loop->turn_end, NULL);
    uv_close((uv_handle_t *)&loop->no_wait, NULL);
    uv_close((uv_handle_t *)&loop->alarm, NULL);
    uv_close((uv_handle_t *)&loop->completion, NULL);
    for (unsigned i = 0; i < loop->signal_count; i++)
        uv_close((uv_handle_t *)&loop->signals[i], NULL);
}

void io_loop_close_conns(struct io_loop *loop)
{
    while (!list_empty(&loop->conns))
        conn_close(CONTAINER_OF(loop->conns.next, struct io_conn, in_conns), RC_CLOSED);
}

void io_loop_free(struct io_loop *loop)
{
    if (!loop)
        return;
    must(loop->listen_count == 0);
    io_loop_close_conns(loop);
    io_workers_free(loop->workers);
    close_handles(loop);
    while (uv_loop_alive(&loop->uv)) /* once more should a last callback have asked to stop */
        uv_run(&loop->uv, UV_RUN_DEFAULT);
    must(uv_loop_close(&loop->uv) == 0);
    timers_fini(&loop->timers);
    buf_fini(&loop->out);
    free(loop->in);
    free(loop);
}

void io_loop_run(struct io_loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    loop->stop_asked = false;
    turn_end(loop);
    /* Asked to stop once more, in that very turn: we have, so this run only takes note of it. */
    if (loop->stop_asked)
        uv_run(&loop->uv, UV_RUN_NOWAIT);
}

void io_loop_stop(struct io_loop *loop)
{
    loop->stop_asked = true;
    uv_stop(&loop->uv);
}

void io_loop_on_turn(struct io_loop *loop, void (*fn)(void *arg), void *arg)
{
    loop->on_turn = fn;
    loop->on_turn_arg = arg;
}

static void on_signal(uv_signal_t *h, int signum)
{
    struct io_loop *loop = h->data;
    loop->on_signal(loop->on_signal_arg, signum);
}

enum rc io_loop_on_signal(struct io_loop *loop, void (*fn)(void *arg, int signum), void *arg,
                          struct err *err)
{
    must(fn && loop->signal_count == 0);
    loop->on_signal = fn;
    loop->on_signal_arg = arg;
    for (unsigned i = 0; i < LOOP_SIGNALS; i++) {
        uv_signal_t *h = &loop->signals[i];
        int r = uv_signal_init(&loop->uv, h);
        if (r == 0) {
            loop->signal_count++;
            h->data = loop;
            r = uv_signal_start(h, on_signal, loop_signals[i]);
        }
        if (r < 0)
            return no_descriptors(err, r);
    }
    return RC_OK;
}

void io_loop_again(struct io_loop *loop)
{
    loop->again = true;
}

struct env *io_loop_env(struct io_loop *loop)
{
    return &loop->env;
}

const struct io_stats *io_loop_stats(const struct io_loop *loop)
{
    return &loop->stats;
}
