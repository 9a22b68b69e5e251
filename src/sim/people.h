/* people - random changes of users, roles and permissions, and the plainest model of what they lead
 * to: a table of yes and no for a handful of each. What counts is that users, roles and the auth
 * revision are those of the log, whatever was lost on the way to storage. */
#ifndef MOAT_SIM_PEOPLE_H
#define MOAT_SIM_PEOPLE_H

#include "base/arena.h"
#include "base/rng.h"
#include "wire/etcd.h"
#include "wire/raft_request.h"
#include "wire/status.h"

#define PEOPLE_MAX       4u /* users, and roles */
#define PEOPLE_ROOT      0u /* of both */
#define PEOPLE_RANGES    5u /* that permissions are of */
#define PEOPLE_NONE      PEOPLE_MAX
#define PEOPLE_TOKEN_MAX 48u

struct people {
    bool enabled; /* authentication */
    bool users[PEOPLE_MAX];
    bool has[PEOPLE_MAX][PEOPLE_MAX]; /* this user that role */
    bool roles[PEOPLE_MAX];
    int32_t may[PEOPLE_MAX][PEOPLE_RANGES]; /* this role: 1 + enum pb_permission_type, 0: nothing */
    uint64_t changes;                       /* the auth revision is one more */
    struct people_token {
        char text[PEOPLE_TOKEN_MAX]; /* of the user's last login */
        bool revoked;
    } tokens[PEOPLE_MAX];
};

/* Every range of keys that a permission is of, each of other keys than the rest, in order. */
struct people_range {
    struct slice key;
    struct slice range_end; /* as in a request */
    struct slice to;        /* the first key behind it; empty: there is none */
};
extern const struct people_range people_ranges[PEOPLE_RANGES];

struct slice people_user(size_t i);
struct slice people_role(size_t i);
size_t people_find_user(struct slice name); /* PEOPLE_NONE: it is none of them */

/* A request as it goes into an entry: field (enum raft_request_field) and encoded. guarded: it may
 * lead to authentication being on. */
uint32_t people_write(struct rng *rng, const struct people *p, bool guarded, struct buf *out);

/* Is it one of those? */
bool people_know(uint32_t field);
struct people_answer {
    const struct wire_message *message;
    void *response;
};

/* Carry it out, as the entry of that index, and give the response it must get, in the arena, with
 * this header. Whoever asks may. */
enum etcd_error people_ask(struct people *p, const struct raft_request *r, uint64_t index,
                           struct pb_response_header *header, struct arena *a,
                           struct people_answer *out);

#endif
