#include "quorum/configuration.h"

#include "base/must.h"
#include "base/rd.h"

#define ENCODING_VERSION 1

static bool bounds_ok(struct slice in)
{
    struct rd r = {.in = in};
    bool known = rd_u8(&r) == ENCODING_VERSION;
    uint64_t n = rd_u64(&r);
    if (!known || r.failed || n > CONFIGURATION_SERVERS_MAX)
        return false;
    for (uint64_t i = 0; i < n; i++) {
        rd_u64(&r);
        const uint8_t *end = r.in.n ? memchr(r.in.p, 0, r.in.n) : NULL;
        if (r.failed || !end)
            return false;
        rd_bytes(&r, (size_t)(end - r.in.p) + 1);
        if (rd_u8(&r) > RAFT_SPARE)
            return false;
    }
    return !r.failed;
}

enum rc configuration_decode(struct slice in, struct raft_configuration *out)
{
    if (!bounds_ok(in))
        return RC_MALFORMED;
    struct buf copy = {0}; /* libraft takes no const */
    buf_append_slice(&copy, in);
    int rv = raft_configuration_decode(&(struct raft_buffer){copy.p, copy.n}, out);
    buf_fini(&copy);
    return rv == 0 ? RC_OK : RC_MALFORMED;
}

void configuration_encode(const struct raft_configuration *c, struct buf *out)
{
    struct raft_buffer encoded;
    int rv = raft_configuration_encode(c, &encoded);
    must(rv == 0); /* only memory can be missing */
    buf_append(out, encoded.base, encoded.len);
    raft_free(encoded.base);
}

bool configuration_sole_voter(const struct raft_configuration *c, raft_id id)
{
    unsigned voters = 0;
    bool self = false;
    for (unsigned i = 0; i < c->n; i++) {
        bool voter = c->servers[i].role == RAFT_VOTER;
        voters += voter;
        self = self || (voter && c->servers[i].id == id);
    }
    return voters == 1 && self;
}
