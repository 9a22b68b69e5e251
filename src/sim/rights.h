/* rights - the plainest model of who may do what (etcd's server/etcdserver/apply/auth.go), and the
 * simulated clients, each of whom is somebody.
 *
 * A client is known by the token of its last login, as the present revision of users and roles has
 * it, or says of himself under which revision he was known, as a JSON Web Token does. What he asks
 * for is judged by the permissions in force when it is carried out. */
#ifndef MOAT_SIM_RIGHTS_H
#define MOAT_SIM_RIGHTS_H

#include "sim/model.h"
#include "sim/people.h"
#include "state/auth.h"

/* May he have the request of an entry carried out now? */
enum etcd_error rights_judge(const struct people *p, const struct model *m,
                             const struct raft_request *r);
/* May he read these keys now? */
enum etcd_error rights_read(const struct people *p, const struct auth_who *who, struct slice key,
                            struct slice range_end);

/* Who asks next, for a change of users and roles, or for something else. NULL, or what is wrong
 * with the token that he has. */
const char *rights_who(const struct people *p, struct rng *rng, struct auth *a, bool manages,
                       struct auth_who *out);

/* The server has the model's state of authentication. NULL, or what is wrong. */
const char *rights_check(const struct people *p, const struct auth *a);

#endif
