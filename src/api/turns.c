#include "api/turns.h"

static struct turn *turn_of(struct list *link)
{
    return CONTAINER_OF(link, struct turn, link);
}

static bool same_line(const struct turn *a, const struct turn *b)
{
    return a->origin == b->origin;
}

void turns_init(struct turns *t)
{
    list_init(&t->waiting);
    t->served = 0;
}

/* Who begins to wait stands behind those who had a turn lately, as if it had just had one. */
void turns_add(struct turns *t, struct turn *turn, struct slice user, uint64_t origin)
{
    *turn = (struct turn){.user = user,
                          .origin = origin,
                          .user_served = t->served,
                          .line_served = t->served,
                          .user_waits = 1,
                          .line_waits = 1};
    list_each (at, &t->waiting) {
        struct turn *other = turn_of(at);
        if (!slice_eq(other->user, user))
            continue;
        turn->user_served = other->user_served;
        turn->user_waits = ++other->user_waits;
        if (same_line(other, turn)) {
            turn->line_served = other->line_served;
            turn->line_waits = ++other->line_waits;
        }
    }
    list_add_tail(&t->waiting, &turn->link);
}

void turns_remove(struct turns *t, struct turn *turn)
{
    list_remove(&turn->link);
    list_each (at, &t->waiting) {
        struct turn *other = turn_of(at);
        if (!slice_eq(other->user, turn->user))
            continue;
        other->user_waits--;
        if (same_line(other, turn))
            other->line_waits--;
    }
}

struct turn *turns_next(struct turns *t)
{
    struct turn *next = NULL;
    list_each (at, &t->waiting) {
        struct turn *turn = turn_of(at);
        if (!next || turn->user_served < next->user_served ||
            (turn->user_served == next->user_served && slice_eq(turn->user, next->user) &&
             turn->line_served < next->line_served))
            next = turn;
    }
    if (!next)
        return NULL;
    turns_remove(t, next);
    t->served++;
    list_each (at, &t->waiting) {
        struct turn *other = turn_of(at);
        if (!slice_eq(other->user, next->user))
            continue;
        other->user_served = t->served;
        if (same_line(other, next))
            other->line_served = t->served;
    }
    return next;
}

struct turn *turns_excess(struct turns *t)
{
    struct turn *most = NULL;
    list_each (at, &t->waiting) {
        struct turn *turn = turn_of(at);
        if (!most || turn->user_waits > most->user_waits ||
            (turn->user_waits == most->user_waits && turn->line_waits >= most->line_waits))
            most = turn;
    }
    if (most)
        turns_remove(t, most);
    return most;
}
