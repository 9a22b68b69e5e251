/* people - random changes of users and roles, and the plainest model of what they lead to.
 *
 * Authentication stays off: who may do what is judged elsewhere. What counts here is that users,
 * roles and the auth revision are those of the log, whatever was lost on the way to storage. */
#ifndef MOAT_SIM_PEOPLE_H
#define MOAT_SIM_PEOPLE_H

#include "base/arena.h"
#include "base/rng.h"
#include "wire/etcd.h"
#include "wire/raft_request.h"
#include "wire/status.h"

#define PEOPLE_MAX 4u /* users, and roles */

struct people {
    bool users[PEOPLE_MAX];
    bool has[PEOPLE_MAX][PEOPLE_MAX]; /* this user that role */
    bool roles[PEOPLE_MAX];
    uint64_t changes;
};

/* A request as it goes into an entry: field (enum raft_request_field) and encoded. */
uint32_t people_write(struct rng *rng, struct buf *out);

/* Is it one of those? */
bool people_know(uint32_t field);
/* Carry it out, and give the response it must get, in the arena, with this header. */
enum etcd_error people_ask(struct people *p, const struct raft_request *r,
                           struct pb_response_header *header, struct arena *a,
                           const struct wire_message **message, void **response);

#endif
