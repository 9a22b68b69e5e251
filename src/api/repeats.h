/* repeats - lines of the log that a client can cause as often as it likes: of each user and method
 * the first is written at once, then, every REPEATS_NS, how many more there were.
 *
 * Nothing is lost but what else the further lines would have said: each is counted in a line that
 * has the same name, and says "more". */
#ifndef MOAT_API_REPEATS_H
#define MOAT_API_REPEATS_H

#include "base/buf.h"
#include "base/timers.h"
#include "env/env.h"

#define REPEATS_NS    (10ull * NS_PER_S)
#define REPEATS_KINDS 256u /* users and methods told apart; others are counted together */

struct repeats {
    struct env *env;
    const char *event;
    struct timer tick; /* started while there is something to tell, or to forget */
    struct repeat {
        struct buf user;
        const char *method;
        uint64_t more; /* than were told */
    } kinds[REPEATS_KINDS];
    size_t n;
    uint64_t others;
};

void repeats_init(struct repeats *r, struct env *env, const char *event);
void repeats_fini(struct repeats *r); /* tells what was not told yet */

/* One more. True: it is for the caller to write. method must stay where it is. */
bool repeats_first(struct repeats *r, struct slice user, const char *method);

#endif
