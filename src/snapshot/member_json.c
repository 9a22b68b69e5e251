#include "snapshot/member_json.h"

#include "wire/json_encode.h"

#include <inttypes.h>

static void json_strings(struct buf *out, const char *name, const struct slice *v, size_t n)
{
    buf_printf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_append_u8(out, ',');
        json_append_string(out, v[i]);
    }
    buf_append_u8(out, ']');
}

void member_json(struct buf *out, const struct pb_member *m)
{
    buf_printf(out, "{\"id\":%" PRIu64, m->id);
    json_strings(out, "peerURLs", m->peer_urls, m->peer_urls_n);
    if (m->is_learner)
        buf_append_str(out, ",\"isLearner\":true");
    if (m->name.n > 0) {
        buf_append_str(out, ",\"name\":");
        json_append_string(out, m->name);
    }
    if (m->client_urls_n > 0)
        json_strings(out, "clientURLs", m->client_urls, m->client_urls_n);
    buf_append_u8(out, '}');
}
