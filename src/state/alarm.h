/* alarm - what is wrong with a member, replicated and kept until someone disarms it.
 *
 * etcd's alarms (server/etcdserver/api/v3alarm, apply/capped.go, apply/corrupt.go): while any
 * member has NOSPACE, entries that add keys or leases are refused; while any has CORRUPT, every
 * change is. Reads go on. Stored in TABLE_ALARM as etcd's bucket has them: the key is the encoded
 * AlarmMember, the value is empty. */
#ifndef MOAT_STATE_ALARM_H
#define MOAT_STATE_ALARM_H

#include "state/state.h"

#define STATE_ALARMS_MAX 1024u /* raised at the same time; more are not recorded */

struct alarms {
    struct pb_alarm_member *v; /* by member, then type */
    size_t n;
};

/* Any member's. */
bool state_has_alarm(const struct state *s, enum pb_alarm_type type);
const struct alarms *state_alarms(const struct state *s);

/* Why an alarm forbids the entry to change anything; ETCD_OK if none does. cost: what the entry may
 * add, as the quota reckons (state/check.h). */
enum etcd_error alarm_refusal(const struct state *s, uint32_t field, size_t cost);

#endif
