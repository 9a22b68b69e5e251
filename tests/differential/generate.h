/* generate - what the files that make programs share; for them only. */
#ifndef TEST_DIFFERENTIAL_GENERATE_H
#define TEST_DIFFERENTIAL_GENERATE_H

#include "base/rng.h"
#include "program.h"

#define GEN_PERMISSIONS 4

struct gen {
    struct rng rng;
    struct arena *arena;
    const struct program_options *opt;
    struct slice keys[PROGRAM_KEYS_MAX];
    size_t key_n;
    struct pb_permission permissions[GEN_PERMISSIONS]; /* most that are granted, and revoked */
    struct step *step;                                 /* being made */
    bool guarded;                                      /* authentication is, or may be, on */
    int32_t alarm;                                     /* the one that there may be */
    bool armed;                                        /* an alarm is, or may be, on */
    bool hashes;    /* HashKV is asked: it tells of sweeps, so they are waited for */
    bool careful;   /* puts of one transaction take different keys … */
    unsigned taken; /* … namely not these, a bit each */
};

static inline uint64_t below(struct gen *g, uint64_t n)
{
    return rng_below(&g->rng, n);
}

static inline bool percent(struct gen *g, uint64_t n)
{
    return below(g, 100) < n;
}

static inline void *make(struct gen *g, size_t size)
{
    return arena_zalloc(g->arena, size);
}

/* The program's own. */
void choose_keys(struct gen *g);
/* Keys as programs have them, and a range_end that goes with it. */
void choose_range(struct gen *g, struct slice *key, struct slice *end);

/* The number at becomes the store's revision, or the compacted one, plus delta (step->refs). */
void refer(struct gen *g, int64_t *at, bool from_compacted, int64_t delta);

/* A step about keys and leases; about the server itself; these leave s->caller alone. */
void kv_step(struct gen *g, struct step *s);
void maintenance_step(struct gen *g, struct step *s);
/* No alarm is left. Returns how many steps it is. */
size_t disarm(struct gen *g, struct step *steps);

#define AUTH_SET_UP_MAX    40 /* steps */
#define AUTH_TEAR_DOWN_MAX 20

/* Users, roles and permissions, authentication on, and everybody's login; now and then one of these
 * is missing. Returns how many steps it is. */
size_t auth_set_up(struct gen *g, struct step *steps);
/* A step that those have in addition. */
void auth_step(struct gen *g, struct step *s);
/* Whose request a step of such a program is. */
unsigned auth_caller(struct gen *g);
/* Whatever happened: authentication off, nobody there, no alarm. */
size_t auth_tear_down(struct gen *g, struct step *steps);

#endif
