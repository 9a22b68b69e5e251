/* callers - the tokens that go with requests, each server's own.
 *
 * A user has the token of his last login until what revokes it; then, as one that another login
 * replaced, it is his former one, which may still be sent. */
#ifndef TEST_DIFFERENTIAL_CALLERS_H
#define TEST_DIFFERENTIAL_CALLERS_H

#include "client.h"
#include "program.h"
#include "servers.h"

struct callers {
    bool guarded; /* authentication is on */
    struct buf tokens[SIDE_COUNT][CALLER_COUNT];
};

void callers_fini(struct callers *c);

/* Whose token goes with s to both servers: the step's, unless 3.4 would then do what 3.7 refuses:
 * after that they would not be the same any more. False: nobody's will do, so it is left out. */
MUST_USE bool callers_pick(const struct callers *c, const struct step *s, bool old_peer,
                           unsigned *caller);

/* Both servers have carried this step out. */
void callers_note(struct callers *c, const struct step *s, const struct answer *const at[]);

/* Empty: no token. Borrows until the next note. */
struct slice callers_token(const struct callers *c, enum side side, unsigned caller);

#endif
