#include "app/resident.h"

#include "io/process.h"
#include "store/store.h"

static void give_back(struct job *job)
{
    store_trim_resident(CONTAINER_OF(job, struct resident, job)->storage);
}

static void given_back(struct job *job)
{
    CONTAINER_OF(job, struct resident, job)->busy = false;
}

/* Not on the loop: of a large file that takes long. */
static void look(struct timer *t)
{
    struct resident *r = CONTAINER_OF(t, struct resident, timer);
    if (!r->busy && io_resident_file_bytes() > r->max_bytes) {
        r->busy = true;
        r->job = (struct job){.run = give_back, .done = given_back};
        worker_submit(r->env->workers, LANE_POOL, &r->job);
    }
    env_after(r->env, t, RESIDENT_LOOK_NS);
}

void resident_begin(struct resident *r, struct env *env, struct storage *storage, size_t max_bytes)
{
    *r = (struct resident){
        .env = env, .storage = storage, .max_bytes = max_bytes, .timer.fire = look};
    env_after(env, &r->timer, RESIDENT_LOOK_NS);
}

void resident_end(struct resident *r)
{
    if (r->env)
        timer_stop(r->env->timers, &r->timer);
}
