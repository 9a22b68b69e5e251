/* Making programs: which steps they are of. */
#include "generate.h"
#include "base/must.h"

#define GUARDED_PERCENT     30 /* of programs */
#define MAINTENANCE_PERCENT 2  /* of the steps of the others */

/* So that no more keys than its own exist at any time. */
static void make_sweep(struct gen *g, struct step *s)
{
    struct pb_delete_range_request *r = make(g, sizeof(*r));
    *r = (struct pb_delete_range_request){
        .key = SLICE_LIT("\0"), .range_end = SLICE_LIT("\0"), .prev_kv = percent(g, 50)};
    *s = (struct step){.kind = STEP_DELETE, .request = r};
}

/* From its first quarter on authentication is on. */
static void make_guarded(struct gen *g, struct program *p, size_t n)
{
    size_t open = 1 + below(g, n / 4);
    g->guarded = true;
    for (size_t i = 1; i < n; i++) {
        if (i == open)
            p->step_n += auth_set_up(g, p->steps + p->step_n);
        struct step *s = &p->steps[p->step_n++];
        s->caller = i < open ? CALLER_NOBODY : auth_caller(g);
        if (i >= open && percent(g, 35))
            auth_step(g, s);
        else
            kv_step(g, s);
    }
    p->step_n += auth_tear_down(g, p->steps + p->step_n);
}

static void make_open(struct gen *g, struct program *p, size_t n)
{
    while (p->step_n < n) {
        struct step *s = &p->steps[p->step_n++];
        if (percent(g, MAINTENANCE_PERCENT))
            maintenance_step(g, s);
        else
            kv_step(g, s);
    }
    p->step_n += disarm(g, p->steps + p->step_n);
}

void program_make(struct program *p, const struct program_options *opt, uint64_t number)
{
    struct gen g = {.arena = &p->arena, .opt = opt};
    *p = (struct program){0};
    rng_seed(&g.rng, opt->seed * 1000003 + number);
    choose_keys(&g);
    size_t a = rng_between(&g.rng, PROGRAM_STEPS_MIN, PROGRAM_STEPS_MAX);
    size_t b = rng_between(&g.rng, PROGRAM_STEPS_MIN, PROGRAM_STEPS_MAX);
    size_t n = a < b ? a : b; /* short ones more often */
    p->steps = make(&g, (n + AUTH_SET_UP_MAX + AUTH_TEAR_DOWN_MAX) * sizeof(*p->steps));
    make_sweep(&g, &p->steps[p->step_n++]);
    g.hashes = percent(&g, 50);
    if (percent(&g, GUARDED_PERCENT))
        make_guarded(&g, p, n);
    else
        make_open(&g, p, n);
    must(g.key_n <= PROGRAM_KEYS_MAX);
}
