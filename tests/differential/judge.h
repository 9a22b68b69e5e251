/* judge - do two answers to one request agree?
 *
 * Everything is compared: form, status, text, and every field of the message but for what differs
 * by nature (canonical.h). Where etcd 3.4 is known to answer otherwise than 3.7, which moat
 * follows, a named rule allows that and nothing more (rules.h). */
#ifndef TEST_DIFFERENTIAL_JUDGE_H
#define TEST_DIFFERENTIAL_JUDGE_H

#include "rules.h"

struct judged {
    bool agree;
    enum rule rule;      /* by which they agree */
    const char *differs; /* in what they do not */
};

struct judged judge(const struct step *s, const struct asked *asked, const struct answer *moat,
                    const struct answer *etcd);

/* The revision in the answer's header, or 0. */
int64_t answer_revision(const struct step *s, const struct answer *a);
/* One line: the answer in words. */
void answer_show(const struct step *s, const struct answer *a, struct buf *out);

#endif
