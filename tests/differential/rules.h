/* rules - where the two versions of etcd, or moat, are known to answer otherwise.
 *
 * Each is named, allows one difference and nothing more, and must be of use: a rule that no program
 * needs any more is a version that changed. */
#ifndef TEST_DIFFERENTIAL_RULES_H
#define TEST_DIFFERENTIAL_RULES_H

#include "client.h"
#include "program.h"

/* When a rule is needed. */
#define RULE_OLD    1u  /* beside 3.4 */
#define RULE_JSON   2u  /* through the gateway */
#define RULE_GRPC   4u  /* not through it */
#define RULE_LEASES 8u  /* when there are leases */
#define RULE_RARE   16u /* not in every run */

/* X(name, when, what differs) */
#define RULE_TABLE(X)                                                                              \
    X(NONE, 0, "agreed in everything")                                                             \
    X(SORT_ORDER, RULE_OLD, "3.4 ignores an unknown sort_order")                                   \
    X(FAULT_ORDER, RULE_OLD, "3.4 judges a transaction's puts before its ranges")                  \
    X(KEYS_ONLY_LEASE, RULE_OLD | RULE_LEASES, "3.4 shows the lease with keys_only")               \
    X(GATEWAY_412, RULE_OLD | RULE_JSON, "3.4's gateway answers FAILED_PRECONDITION with 412")     \
    X(GATEWAY_404, RULE_OLD | RULE_JSON, "3.4's gateway has no such path")                         \
    X(TOKEN_WITHOUT_AUTH, RULE_OLD, "3.4 judges tokens also without authentication")               \
    X(UNGUARDED, RULE_OLD, "3.4 answers this to anybody")                                          \
    X(DENIED_PLAINLY, RULE_OLD, "3.4 refuses this with code UNKNOWN")                              \
    X(WATCH_ON, RULE_OLD | RULE_GRPC, "3.4 lets who may read a key watch all after it")            \
    X(ROOT_ROLE, RULE_OLD, "3.4 does not show all that the role root may")                         \
    X(AUTH_STATUS, RULE_OLD | RULE_GRPC, "3.4 has no AuthStatus")                                  \
    X(NEW_FIELDS, RULE_OLD, "3.4 lacks fields of the answer")                                      \
    X(HASH_COMPACTED, RULE_OLD | RULE_GRPC, "3.4 has no hash at a compacted revision")             \
    X(HASH_KEPT, RULE_OLD | RULE_GRPC, "3.4 hashes otherwise what a compaction keeps")             \
    X(HASH_ZERO, RULE_RARE, "3.7 takes a compaction at revision 0 for the present")                \
    X(MEMBERS, 0, "moat tells who is not logged in where the members are")

#define RULE_ENUM(name, when, text) RULE_##name,
enum rule { RULE_TABLE(RULE_ENUM) RULE_COUNT };
#undef RULE_ENUM

const char *rule_text(enum rule rule);
unsigned rule_when(enum rule rule);

/* What the answers are to, beside the step. */
struct asked {
    bool old_peer; /* etcd is 3.4 */
    bool guarded;  /* authentication is on */
    bool by_token; /* one was sent */
    int64_t compacted;
};

/* By which rule two answers that differ agree; RULE_NONE: by none. */
enum rule rule_find(const struct step *s, const struct asked *asked, const struct answer *moat,
                    const struct answer *etcd);

#endif
