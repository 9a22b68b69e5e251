/* turns - a queue in which each user has a turn, and of a user's each connection, however many
 * others wait.
 *
 * For few items that take long each: passwords to be hashed. Unlike in a fair queue (api/fair.h)
 * nobody shares a turn with another by chance: who knows one user's name cannot shut out another.
 * Each call looks at all that wait. */
#ifndef MOAT_API_TURNS_H
#define MOAT_API_TURNS_H

#include "base/list.h"
#include "base/slice.h"

#include <stdint.h>

struct turn { /* embedded in what waits */
    struct list link;
    struct slice user;    /* borrowed while it waits */
    uint64_t origin;      /* the connection */
    uint64_t user_served; /* when a turn was the user's the last time, and the connection's */
    uint64_t line_served;
    size_t user_waits; /* how many wait of the user, and of the user by this connection */
    size_t line_waits;
};

struct turns {
    struct list waiting; /* oldest first */
    uint64_t served;     /* turns so far */
};

void turns_init(struct turns *t);
void turns_add(struct turns *t, struct turn *turn, struct slice user, uint64_t origin);
/* Each of these takes one out, or gives NULL when none waits: the one whose turn it is; … */
struct turn *turns_next(struct turns *t);
/* … the newest of the user who has most of them, by the connection that has most of the user's. */
struct turn *turns_excess(struct turns *t);
/* Take out this one, which waits. */
void turns_remove(struct turns *t, struct turn *turn);

#endif
