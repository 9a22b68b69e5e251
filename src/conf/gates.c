#include "conf/gates.h"

#include "conf/quote.h"
#include "conf/source.h"
#include "conf/value.h"

#include <ctype.h>
#include <stdio.h>

static const struct gate {
    const char *name;
    bool initial;
    bool beta;       /* else alpha */
    const char *why; /* it changes nothing; NULL: it works */
} gates[CONF_GATE_COUNT] = {
    [CONF_GATE_COMPACT_HASH_CHECK] = {"CompactHashCheck", false, false,
                                      "a single member has no other to compare with"},
    [CONF_GATE_FAST_LEASE_KEEP_ALIVE] = {"FastLeaseKeepAlive", true, true,
                                         "keep-alives never wait for what is applied"},
    [CONF_GATE_INITIAL_CORRUPT_CHECK] = {"InitialCorruptCheck", false, false, NULL},
    [CONF_GATE_LEASE_CHECKPOINT] = {"LeaseCheckpoint", false, false,
                                    "what is left of a lease is always stored"},
    [CONF_GATE_LEASE_CHECKPOINT_PERSIST] = {"LeaseCheckpointPersist", false, false,
                                            "what is left of a lease is always stored"},
    [CONF_GATE_PRIORITY_REQUEST] = {"PriorityRequest", false, false,
                                    "no request waits behind another kind's"},
    [CONF_GATE_SET_MEMBER_LOCAL_ADDR] = {"SetMemberLocalAddr", false, false,
                                         "a single member has no other to talk to"},
    [CONF_GATE_STOP_GRPC_SERVICE_ON_DEFRAG] = {"StopGRPCServiceOnDefrag", false, false,
                                               "defragmenting never stops the service"},
    [CONF_GATE_TXN_MODE_WRITE_WITH_SHARED_BUFFER] = {"TxnModeWriteWithSharedBuffer", true, true,
                                                     "transactions read without copying"},
};

static void set_all(struct conf_gates *out, bool beta, bool on)
{
    for (size_t i = 0; i < CONF_GATE_COUNT; i++)
        if (gates[i].beta == beta)
            out->on[i] = on;
}

static enum rc set_one(struct slice name, bool on, struct conf_gates *out, struct err *err)
{
    for (size_t i = 0; i < CONF_GATE_COUNT; i++) {
        if (!slice_eq(name, slice_str(gates[i].name)))
            continue;
        out->on[i] = on;
        return RC_OK;
    }
    if (!slice_eq(name, SLICE_LIT("AllAlpha")) && !slice_eq(name, SLICE_LIT("AllBeta")))
        return err_set(err, RC_INVALID, "unrecognized feature gate: %.*s", (int)name.n,
                       (const char *)name.p);
    set_all(out, slice_eq(name, SLICE_LIT("AllBeta")), on);
    return RC_OK;
}

static struct slice trim(struct slice s)
{
    while (s.n > 0 && isspace(s.p[0]))
        s = slice_skip(s, 1);
    while (s.n > 0 && isspace(s.p[s.n - 1]))
        s.n--;
    return s;
}

static enum rc parse_one(struct slice pair, struct conf_gates *out, struct err *err)
{
    const uint8_t *equals = memchr(pair.p, '=', pair.n);
    struct slice name = trim(slice_of(pair.p, equals ? (size_t)(equals - pair.p) : pair.n));
    char value[32];
    char quoted[CONF_QUOTED_MAX];
    bool on = false;
    if (!equals)
        return err_set(err, RC_INVALID, "missing bool value for %.*s", (int)name.n,
                       (const char *)name.p);
    struct slice rest = trim(slice_skip(pair, (size_t)(equals - pair.p) + 1));
    snprintf(value, sizeof(value), "%.*s", (int)rest.n, (const char *)rest.p);
    if (rest.n >= sizeof(value) || conf_parse_bool(value, &on) != RC_OK)
        return err_set(err, RC_INVALID,
                       "invalid value of %.*s=%.*s, err: strconv.ParseBool: parsing %s: invalid "
                       "syntax",
                       (int)name.n, (const char *)name.p, (int)rest.n, (const char *)rest.p,
                       conf_quote(rest, quoted));
    return set_one(name, on, out, err);
}

enum rc conf_gates_parse(const char *text, struct conf_gates *out, struct err *err)
{
    struct conf_gates parsed;
    for (size_t i = 0; i < CONF_GATE_COUNT; i++)
        parsed.on[i] = gates[i].initial;
    while (*text) {
        struct slice pair = trim(slice_of(text, strcspn(text, ",")));
        enum rc rc = pair.n > 0 ? parse_one(pair, &parsed, err) : RC_OK;
        if (rc != RC_OK)
            return rc;
        text += strcspn(text, ",");
        text += *text == ',';
    }
    *out = parsed;
    return RC_OK;
}

enum rc conf_gates_resolve(const struct conf_gates *given, struct conf_notes *notes,
                           struct err *err)
{
    if (given->on[CONF_GATE_LEASE_CHECKPOINT_PERSIST] && !given->on[CONF_GATE_LEASE_CHECKPOINT])
        return err_set(err, RC_INVALID,
                       "enabling feature gate LeaseCheckpointPersist requires enabling feature "
                       "gate LeaseCheckpoint");
    for (size_t i = 0; i < CONF_GATE_COUNT; i++)
        if (given->on[i] != gates[i].initial && gates[i].why)
            conf_note(notes, LOG_WARN, "the feature gate %s changes nothing here: %s",
                      gates[i].name, gates[i].why);
    return RC_OK;
}
