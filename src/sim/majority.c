#include "sim/majority.h"

#include "state/members.h"
#include "wire/raft_request.h"

#include <stdio.h>

void majority_entry(uint64_t id, struct buf *out)
{
    struct slice own = SLICE_LIT(NODE_URL);
    char text[48];
    snprintf(text, sizeof(text), "http://127.0.0.1:%llu", (unsigned long long)id);
    struct slice url = slice_str(text);
    struct pb_member self = {.id = NODE_ID, .peer_urls = &own, .peer_urls_n = 1};
    struct pb_member member = {.id = NODE_ID + id, .peer_urls = &url, .peer_urls_n = 1};
    const struct pb_member_change_request r = {.self = &self, .member = &member};
    struct buf body = {0};
    wire_encode(&wire_member_change_request, &r, &body);
    raft_request_begin(out, id);
    raft_request_embed(out, RAFT_REQUEST_MEMBER_ADD, buf_slice(&body));
    buf_fini(&body);
}

bool majority_forces(struct majority *m, struct rng *rng)
{
    bool forces = m->lost && rng_chance(rng, 500000);
    m->forced = m->forced || forces;
    return forces;
}

const char *majority_note(struct majority *m, const struct node *n)
{
    uint64_t ids[MEMBERS_MAX];
    bool alone = members_voters(state_members(n->state), ids) <= 1;
    if (alone && m->lost && !m->forced)
        return "a voter is forgotten, and nobody wanted that";
    if (!alone && !m->lost) {
        m->forced = false;
        m->times++;
    }
    m->lost = !alone;
    return NULL;
}
