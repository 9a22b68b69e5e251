#include "app/resident.h"

#include "io/process.h"
#include "store/store.h"

#define LOOK_NS      ((uint64_t)10 * NS_PER_S)
#define RESIDENT_MAX (64u << 20) /* bytes of mapped files; above: given back */

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
    if (!r->busy && io_resident_file_bytes() > RESIDENT_MAX) {
        r->busy = true;
        r->job = (struct job){.run = give_back, .done = given_back};
        worker_submit(r->env->workers, LANE_POOL, &r->job);
    }
    env_after(r->env, t, LOOK_NS);
}

void resident_begin(struct resident *r, struct env *env, struct storage *storage)
{
    *r = (struct resident){.env = env, .storage = storage, .timer.fire = look};
    env_after(env, &r->timer, LOOK_NS);
}

void resident_end(struct resident *r)
{
    if (r->env)
        timer_stop(r->env->timers, &r->timer);
}
