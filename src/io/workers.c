#include "io/workers.h"

#include "base/cc.h"
#include "base/mem.h"
#include "base/must.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define THREAD_NAME_MAX 16 /* Linux's, terminating zero included */

struct queue {
    struct job *head;
    struct job *tail;
};

struct lane_state {
    struct io_workers *owner;
    enum lane lane;
    pthread_mutex_t mu;
    pthread_cond_t submitted; /* threads wait for jobs */
    pthread_cond_t finished;  /* a draining loop waits for the threads */
    /* Under mu: */
    struct queue todo;
    struct queue done;
    unsigned running;
    bool draining;
    bool stopping;
    /* The loop thread's: finished jobs whose done is yet to be called. Not a local list, so that a
     * done which drains the lane goes on where the interrupted call stood. */
    struct queue ready;
    pthread_t *threads;
    unsigned thread_count;
};

struct io_workers {
    struct workers workers;
    void (*notify)(void *arg);
    void *arg;
    struct lane_state lanes[LANE_COUNT];
};

static void queue_push(struct queue *q, struct job *job)
{
    job->next = NULL;
    if (q->tail)
        q->tail->next = job;
    else
        q->head = job;
    q->tail = job;
}

static struct job *queue_pop(struct queue *q)
{
    struct job *job = q->head;
    if (!job)
        return NULL;
    q->head = job->next;
    if (!q->head)
        q->tail = NULL;
    return job;
}

/* Move all of from behind to. */
static void queue_splice(struct queue *to, struct queue *from)
{
    if (!from->head)
        return;
    if (to->tail)
        to->tail->next = from->head;
    else
        to->head = from->head;
    to->tail = from->tail;
    *from = (struct queue){0};
}

/* Called and left with mu held; lets go of it while the job runs. */
static void run_one(struct lane_state *l, struct job *job)
{
    l->running++;
    pthread_mutex_unlock(&l->mu);
    job->run(job);
    pthread_mutex_lock(&l->mu);
    l->running--;
    /* One notification covers all that gathers until the loop looks. A draining loop needs none. */
    bool first = l->done.head == NULL;
    queue_push(&l->done, job);
    if (l->draining)
        pthread_cond_signal(&l->finished);
    if (first && !l->draining) {
        pthread_mutex_unlock(&l->mu);
        l->owner->notify(l->owner->arg);
        pthread_mutex_lock(&l->mu);
    }
}

static void *thread_main(void *arg)
{
    struct lane_state *l = arg;
    pthread_mutex_lock(&l->mu);
    for (;;) {
        struct job *job = queue_pop(&l->todo);
        if (job)
            run_one(l, job);
        else if (l->stopping)
            break;
        else
            pthread_cond_wait(&l->submitted, &l->mu);
    }
    pthread_mutex_unlock(&l->mu);
    return NULL;
}

static void submit(struct workers *w, enum lane lane, struct job *job)
{
    struct io_workers *ws = CONTAINER_OF(w, struct io_workers, workers);
    must(lane < LANE_COUNT && job->run && job->done);
    struct lane_state *l = &ws->lanes[lane];
    pthread_mutex_lock(&l->mu);
    must(!l->stopping);
    queue_push(&l->todo, job);
    pthread_mutex_unlock(&l->mu);
    /* After the unlock, or the thread would wake only to wait for the mutex. */
    pthread_cond_signal(&l->submitted);
}

static void run_ready(struct lane_state *l)
{
    for (struct job *job; (job = queue_pop(&l->ready));)
        job->done(job);
}

/* Collect what is finished. With wait, block until something is, or the lane has nothing to do.
 * Returns whether there is anything to run. */
static bool collect(struct lane_state *l, bool wait)
{
    pthread_mutex_lock(&l->mu);
    l->draining = wait;
    while (wait && !l->done.head && (l->todo.head || l->running > 0))
        pthread_cond_wait(&l->finished, &l->mu);
    l->draining = false;
    queue_splice(&l->ready, &l->done);
    pthread_mutex_unlock(&l->mu);
    return l->ready.head != NULL;
}

static void drain(struct workers *w, enum lane lane)
{
    struct io_workers *ws = CONTAINER_OF(w, struct io_workers, workers);
    must(lane < LANE_COUNT);
    struct lane_state *l = &ws->lanes[lane];
    /* First what an interrupted completion left, then the rest, in order. */
    do {
        run_ready(l);
    } while (collect(l, true));
}

void io_workers_complete(struct io_workers *ws)
{
    for (unsigned i = 0; i < LANE_COUNT; i++) {
        if (collect(&ws->lanes[i], false))
            run_ready(&ws->lanes[i]);
    }
}

static const struct workers_ops ops = {.submit = submit, .drain = drain};

static void lane_init(struct lane_state *l, struct io_workers *owner, enum lane lane)
{
    l->owner = owner;
    l->lane = lane;
    must(pthread_mutex_init(&l->mu, NULL) == 0);
    must(pthread_cond_init(&l->submitted, NULL) == 0);
    must(pthread_cond_init(&l->finished, NULL) == 0);
}

/* Start the lane's threads; those of a lane that starts short are ended by io_workers_free. */
static int lane_start(struct lane_state *l, unsigned count)
{
    static const char *const names[LANE_COUNT] = {"wal", "store", "pool"};
    l->threads = mem_calloc(count, sizeof(*l->threads));
    while (l->thread_count < count) {
        int errnum = pthread_create(&l->threads[l->thread_count], NULL, thread_main, l);
        if (errnum)
            return errnum;
        char name[THREAD_NAME_MAX];
        if (count == 1)
            snprintf(name, sizeof(name), "moat-%s", names[l->lane]);
        else
            snprintf(name, sizeof(name), "moat-%s-%u", names[l->lane], l->thread_count);
        (void)pthread_setname_np(l->threads[l->thread_count], name);
        l->thread_count++;
    }
    return 0;
}

static void lane_stop(struct lane_state *l)
{
    pthread_mutex_lock(&l->mu);
    l->stopping = true;
    pthread_mutex_unlock(&l->mu);
    pthread_cond_broadcast(&l->submitted);
    for (unsigned i = 0; i < l->thread_count; i++)
        must(pthread_join(l->threads[i], NULL) == 0);
    free(l->threads);
    pthread_cond_destroy(&l->finished);
    pthread_cond_destroy(&l->submitted);
    pthread_mutex_destroy(&l->mu);
}

enum rc io_workers_new(unsigned pool_threads, void (*notify)(void *arg), void *arg,
                       struct io_workers **out, struct err *err)
{
    must(pool_threads > 0);
    struct io_workers *ws = mem_zalloc(sizeof(*ws));
    ws->workers.ops = &ops;
    ws->notify = notify;
    ws->arg = arg;
    for (enum lane lane = 0; lane < LANE_COUNT; lane++)
        lane_init(&ws->lanes[lane], ws, lane);
    /* Signals are the loop thread's: none may interrupt a sync. Faults stay where they happen. */
    static const int faults[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
    sigset_t masked;
    sigset_t before;
    sigfillset(&masked);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        sigdelset(&masked, faults[i]);
    pthread_sigmask(SIG_SETMASK, &masked, &before);
    int errnum = 0;
    for (enum lane lane = 0; lane < LANE_COUNT && !errnum; lane++)
        errnum = lane_start(&ws->lanes[lane], lane == LANE_POOL ? pool_threads : 1);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (errnum) {
        io_workers_free(ws);
        return err_set(err, RC_LIMIT,
                       "cannot start a thread: the system allows no more; raise the limit of "
                       "processes (ulimit -u, TasksMax=) or free memory");
    }
    *out = ws;
    return RC_OK;
}

static bool lane_idle(struct lane_state *l)
{
    pthread_mutex_lock(&l->mu);
    bool idle = !l->todo.head && !l->done.head && l->running == 0 && !l->ready.head;
    pthread_mutex_unlock(&l->mu);
    return idle;
}

/* A done callback of one lane may submit to another: go round until all are idle. */
static void drain_all(struct io_workers *ws)
{
    for (unsigned i = 0; i < LANE_COUNT;) {
        if (lane_idle(&ws->lanes[i])) {
            i++;
            continue;
        }
        drain(&ws->workers, (enum lane)i);
        i = 0;
    }
}

void io_workers_free(struct io_workers *ws)
{
    if (!ws)
        return;
    drain_all(ws);
    for (unsigned i = 0; i < LANE_COUNT; i++)
        lane_stop(&ws->lanes[i]);
    free(ws);
}

struct workers *io_workers_env(struct io_workers *ws)
{
    return &ws->workers;
}
