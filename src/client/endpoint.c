#include "client/endpoint.h"

#include "base/mem.h"

#include <stdlib.h>

static char *copy(struct slice s)
{
    return mem_printf("%.*s", (int)s.n, (const char *)s.p);
}

/* Whether text begins with the scheme; then it is taken off. */
static bool take(struct slice *text, const char *scheme)
{
    struct slice s = slice_str(scheme);
    if (!slice_has_prefix(*text, s))
        return false;
    *text = slice_skip(*text, s.n);
    return true;
}

static struct slice until(struct slice s, uint8_t end)
{
    const uint8_t *at = s.n ? memchr(s.p, end, s.n) : NULL;
    return at ? slice_of(s.p, (size_t)(at - s.p)) : s;
}

/* The colon before the port: the last one, outside brackets. */
static size_t port_at(struct slice s)
{
    for (size_t i = s.n; i > 0 && s.p[i - 1] != ']'; i--) {
        if (s.p[i - 1] == ':')
            return i - 1;
    }
    return s.n;
}

void client_endpoint_parse(struct slice text, struct client_endpoint *out)
{
    *out = (struct client_endpoint){.text = copy(text)};
    out->tls = take(&text, "unixs:");
    if (out->tls || take(&text, "unix:")) {
        out->bare = !out->tls; /* as etcd's client has it */
        (void)take(&text, "//");
        out->path = copy(text);
        return;
    }
    out->tls = take(&text, "https://");
    out->bare = !out->tls && !take(&text, "http://");
    text = until(text, '/');
    size_t colon = port_at(text);
    struct slice host = slice_of(text.p, colon);
    if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = slice_of(host.p + 1, host.n - 2);
    out->host = copy(host);
    out->port = copy(colon < text.n ? slice_skip(text, colon + 1) : SLICE_LIT(""));
}

void client_endpoint_fini(struct client_endpoint *e)
{
    free(e->text);
    free(e->host);
    free(e->port);
    free(e->path);
    *e = (struct client_endpoint){0};
}
