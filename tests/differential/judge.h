/* judge - do two answers to one request agree?
 *
 * Everything is compared: form, status, text, and every field of the message. Three numbers differ
 * by nature (cluster_id, member_id, raft_term): of them, only whether they are zero. Where etcd 3.4
 * is known to answer otherwise than 3.7, which moat follows, a named rule allows that and nothing
 * more. */
#ifndef TEST_DIFFERENTIAL_JUDGE_H
#define TEST_DIFFERENTIAL_JUDGE_H

#include "client.h"
#include "program.h"

/* X(name, what differs) */
#define RULE_TABLE(X)                                                                              \
    X(NONE, "agreed in everything")                                                                \
    X(SORT_ORDER, "3.4 ignores an unknown sort_order")                                             \
    X(FAULT_ORDER, "3.4 judges a transaction's puts before its ranges")                            \
    X(KEYS_ONLY_LEASE, "3.4 shows the lease with keys_only")                                       \
    X(GATEWAY_412, "3.4's gateway answers FAILED_PRECONDITION with 412")

#define RULE_ENUM(name, text) RULE_##name,
enum rule { RULE_TABLE(RULE_ENUM) RULE_COUNT };
#undef RULE_ENUM

const char *rule_text(enum rule rule);

struct judged {
    bool agree;
    enum rule rule;      /* by which they agree */
    const char *differs; /* in what they do not */
};

struct judged judge(const struct step *s, const struct answer *moat, const struct answer *etcd,
                    bool old_peer);

/* The revision in the answer's header, or 0. */
int64_t answer_revision(const struct step *s, const struct answer *a);
/* One line: the answer in words. */
void answer_show(const struct step *s, const struct answer *a, struct buf *out);

#endif
