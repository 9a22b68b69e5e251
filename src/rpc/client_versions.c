#include "rpc/client_versions.h"

#include "base/metric.h"

enum { UNKNOWN, OTHER, FIRST };

/* "3.4": what etcd's clients send. Anything else would only fill the table. */
static bool is_fine(struct slice version)
{
    bool fine = version.n <= CLIENT_VERSION_LEN_MAX && slice_has_prefix(version, SLICE_LIT("3."));
    for (size_t i = 2; fine && i < version.n; i++)
        fine = version.p[i] >= '0' && version.p[i] <= '9';
    return fine;
}

static struct client_version *find(struct client_versions *c, struct slice version)
{
    if (version.n == 0)
        return &c->v[UNKNOWN];
    for (size_t i = FIRST; i < FIRST + c->n; i++)
        if (slice_eq(version, slice_of(c->v[i].text, c->v[i].len)))
            return &c->v[i];
    if (c->n == CLIENT_VERSIONS_MAX || !is_fine(version))
        return &c->v[OTHER];
    struct client_version *new = &c->v[FIRST + c->n++];
    memcpy(new->text, version.p, version.n);
    new->len = version.n;
    return new;
}

void client_versions_count(struct client_versions *c, struct slice version, bool stream)
{
    find(c, version)->calls[stream]++;
}

static struct slice name_of(const struct client_versions *c, size_t i)
{
    switch (i) {
    case UNKNOWN:
        return SLICE_LIT("unknown");
    case OTHER:
        return SLICE_LIT("other");
    default:
        return slice_of(c->v[i].text, c->v[i].len);
    }
}

void client_versions_write(const struct client_versions *c, struct buf *out)
{
    static const char *const types[] = {"unary", "stream"};
    const char *name = "etcd_server_client_requests_total";
    metric_family(out, name, METRIC_COUNTER,
                  "The total number of client requests per client version.");
    for (size_t i = 0; i < FIRST + c->n; i++) {
        for (unsigned kind = 0; kind < ARRAY_LEN(types); kind++) {
            struct buf labels = {0};
            metric_label(&labels, "client_api_version", name_of(c, i));
            buf_printf(&labels, ",type=\"%s\"", types[kind]);
            if (c->v[i].calls[kind] > 0) /* as in etcd: only what has happened */
                metric_sample(out, name, (const char *)labels.p, c->v[i].calls[kind]);
            buf_fini(&labels);
        }
    }
}
