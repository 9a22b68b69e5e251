/* watches - moat and etcd are asked for the same stretch of history by the same watches.
 *
 * What is compared is each watch's answers, in order: control messages, and events with the pairs
 * before them. Where a message ends is not: moat's are smaller when there is much to tell. Between
 * watches there is no order in etcd, and nothing shows when a watch has told all of the past: so
 * every key that watches begin with is put, and deleted again, at the end. Whoever has told that
 * has told everything before. */
#ifndef TEST_DIFFERENTIAL_WATCHES_H
#define TEST_DIFFERENTIAL_WATCHES_H

#include "execute.h"

#define WATCHES_BACK_MAX 300 /* revisions */

/* True when both agree, or cannot be asked. Else out says in what; its place is the last step
 * before. */
bool watches_agree(struct rig *rig, struct disagreement *out);

#endif
