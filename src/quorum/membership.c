#include "quorum/membership.h"

#include "base/must.h"
#include "quorum/configuration.h"

#include <inttypes.h>
#include <stdio.h>

static bool is_alone(const struct quorum *q, struct slice encoded)
{
    struct raft_configuration conf;
    if (configuration_decode(encoded, &conf) != RC_OK)
        return false;
    bool alone = configuration_sole_voter(&conf, q->opt.member_id);
    raft_configuration_close(&conf);
    return alone;
}

/* While this member is the only voter, what it has on its disk is committed. The core cannot tell
 * after a start under a later configuration that needs others; but whatever lies before the first
 * entry with such a one was written under the old one. (Nor can any leader to come lack it: it
 * needs this member's vote, so its log must reach beyond.) Without this a restart would take back,
 * from reads that need no quorum, what was acknowledged and is not in storage yet. */
void membership_read(const struct quorum *q, const struct quorum_snapshot *snap,
                     struct membership *out)
{
    struct slice conf = snap->conf;
    uint64_t conf_index = snap->conf_index;
    *out = (struct membership){.alone = snap->index > 0 && is_alone(q, conf), .settled = *snap};
    for (uint64_t i = q->tail.first; i < tail_next(&q->tail); i++) {
        const struct tail_entry *e = tail_at(&q->tail, i);
        if (e->kind != WAL_CHANGE)
            continue;
        if (out->alone && i > out->settled.index + 1)
            out->settled = (struct quorum_snapshot){
                .index = i - 1,
                .term = tail_at(&q->tail, i - 1)->term,
                .conf_index = conf_index,
                .conf = conf,
            };
        conf = buf_slice(&e->body);
        conf_index = i;
        out->alone = is_alone(q, conf);
    }
}

enum rc membership_force(struct quorum *q, struct wal_hard_state *hard)
{
    struct raft_configuration conf;
    struct buf body = {0};
    raft_configuration_init(&conf);
    int rv = raft_configuration_add(&conf, q->opt.member_id, q->opt.address, RAFT_VOTER);
    must(rv == 0); /* only memory can be missing */
    configuration_encode(&conf, &body);
    raft_configuration_close(&conf);
    *hard = (struct wal_hard_state){.term = hard->term + 1};
    const struct tail_entry *e = tail_push(&q->tail, hard->term, WAL_CHANGE, &body, NULL);
    const struct wal_entry entry = {tail_next(&q->tail) - 1, e->term, e->kind, buf_slice(&e->body)};
    wal_set_hard_state(q->wal, *hard);
    wal_append(q->wal, &entry, 1);
    return wal_sync(q->wal);
}

/* ---- Following ---- */

static bool is_wanted(const struct quorum *q, raft_id id)
{
    for (size_t i = 0; i < q->wanted_n; i++)
        if (q->wanted[i] == id)
            return true;
    return false;
}

static bool is_configured(const struct raft_configuration *c, raft_id id)
{
    for (unsigned i = 0; i < c->n; i++)
        if (c->servers[i].id == id)
            return true;
    return false;
}

static void add_server(struct raft_configuration *c, raft_id id, const char *address)
{
    int rv = raft_configuration_add(c, id, address, RAFT_VOTER);
    must(rv == 0); /* neither is there yet; only memory can be missing */
}

/* The server by which configuration and members differ, or 0: the one to go first. */
static raft_id first_difference(const struct quorum *q)
{
    const struct raft_configuration *c = &q->raft.configuration;
    for (unsigned i = 0; i < c->n; i++)
        if (!is_wanted(q, c->servers[i].id))
            return c->servers[i].id;
    for (size_t i = 0; i < q->wanted_n; i++)
        if (!is_configured(c, q->wanted[i]))
            return q->wanted[i];
    return 0;
}

/* The configuration without the server, or with it. Its address is its ID: the URLs of a member may
 * change, and stand in the state, where whoever connects to it finds them. */
static void toggle(const struct quorum *q, raft_id id, struct buf *out)
{
    const struct raft_configuration *c = &q->raft.configuration;
    struct raft_configuration next;
    char address[24];
    raft_configuration_init(&next);
    for (unsigned i = 0; i < c->n; i++)
        if (c->servers[i].id != id)
            add_server(&next, c->servers[i].id, c->servers[i].address);
    if (!is_configured(c, id)) {
        snprintf(address, sizeof(address), "%" PRIx64, (uint64_t)id);
        add_server(&next, id, address);
    }
    configuration_encode(&next, out);
    raft_configuration_close(&next);
}

/* R9: one server a change, none while another is under way, and only by who has committed an entry
 * of its own term: else it could overlap with a change that a leader before it has made. Where this
 * member is the only voter there is no such leader. */
static bool may_change(const struct quorum *q)
{
    return quorum_is_leader(q) && q->raft.configuration_uncommitted_index == 0 &&
           !raft_transferee(&q->raft) && q->raft.leader_state.promotee_id == 0 &&
           (driver_sole_voter(q) || q->applied_term == raft_current_term(&q->raft));
}

void membership_follow(struct quorum *q)
{
    if (q->wanted_n == 0 || !may_change(q))
        return;
    raft_id id = first_difference(q);
    if (id == 0)
        return;
    struct proposal p = {0};
    toggle(q, id, &p.body);
    q->proposal_bytes += p.body.n;
    struct raft_entry entry = {.term = raft_current_term(&q->raft),
                               .type = RAFT_CHANGE,
                               .buf = {p.body.p, p.body.n},
                               .batch = &p};
    struct raft_event event = {.type = RAFT_SUBMIT};
    event.submit.entries = &entry;
    event.submit.n = 1;
    driver_step(q, &event);
    q->proposal_bytes -= p.body.n; /* refused: else it is in the tail, and p is empty */
    buf_fini(&p.body);
}

void quorum_voters(struct quorum *q, const uint64_t *ids, size_t n)
{
    must(n <= CONFIGURATION_SERVERS_MAX);
    if (!q->ready)
        return;
    memcpy(q->wanted, ids, n * sizeof(*ids));
    q->wanted_n = n;
    if (!q->applying)
        membership_follow(q);
}
