#include "rpc/access.h"

#include "wire/utf8.h"

/* Go's net.SplitHostPort, and the whole where that fails, as etcd takes it. */
static struct slice host_of(struct slice authority)
{
    const uint8_t *colon = authority.n ? memrchr(authority.p, ':', authority.n) : NULL;
    if (!colon)
        return authority;
    struct slice host = slice_of(authority.p, (size_t)(colon - authority.p));
    if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        return slice_of(host.p + 1, host.n - 2);
    bool plain = host.n == 0 || (!memchr(host.p, ':', host.n) && !memchr(host.p, '[', host.n) &&
                                 !memchr(host.p, ']', host.n));
    return plain ? host : authority;
}

static bool is_listed(const char *const *v, size_t n, struct slice what)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i], "*") == 0 || slice_eq(slice_str(v[i]), what))
            return true;
    return n == 0;
}

struct slice access_foreign_host(const struct rpc_access *a, const struct http_request *request)
{
    struct slice host = host_of(request->authority);
    if (is_listed(a->hosts, a->host_count, host))
        return (struct slice){0};
    return host.p ? host : SLICE_LIT("");
}

void access_explain_host(struct slice host, struct buf *out)
{
    buf_append_str(out, "\netcd received your request, but the Host header was unrecognized.\n\n"
                        "To fix this, choose one of the following options:\n"
                        "- Enable TLS, then any HTTPS request will be allowed.\n"
                        "- Add the hostname you want to use to the whitelist in settings.\n"
                        "  - e.g. etcd --host-whitelist \"");
    bool text = utf8_valid(host);
    for (size_t i = 0; i < host.n; i++) { /* as Go quotes */
        uint8_t c = host.p[i];
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < ' ' || c == 0x7f || (c > 0x7f && !text))
            buf_printf(out, "\\x%02x", c);
        else
            buf_append_u8(out, c);
    }
    buf_append_str(out, "\"\n\nThis requirement has been added to help prevent \"DNS Rebinding\" "
                        "attacks (CVE-2018-5702).\n\n");
}

size_t access_headers(const struct rpc_access *a, const struct http_request *request,
                      struct http_header *out)
{
    struct slice origin = http_request_header(request, "origin");
    if (!a->cors)
        return 0;
    if (is_listed(a->origins, a->origin_count, SLICE_LIT("*")))
        origin = SLICE_LIT("*");
    else if (!is_listed(a->origins, a->origin_count, origin))
        return 0;
    out[0] = (struct http_header){SLICE_LIT("access-control-allow-headers"),
                                  SLICE_LIT("accept, content-type, authorization")};
    out[1] = (struct http_header){SLICE_LIT("access-control-allow-methods"),
                                  SLICE_LIT("POST, GET, OPTIONS, PUT, DELETE")};
    out[2] = (struct http_header){SLICE_LIT("access-control-allow-origin"), origin};
    return ACCESS_HEADERS_MAX;
}

bool access_origin_may_act(const struct rpc_access *a, const struct http_request *request)
{
    struct slice origin = http_request_header(request, "origin");
    if (!origin.p || is_listed(a->origins, a->origin_count, origin))
        return true;
    /* A page of ours: scheme://host:port, and the same host:port is asked. */
    const uint8_t *host = origin.n ? memmem(origin.p, origin.n, "://", 3) : NULL;
    return host && slice_eq(slice_skip(origin, (size_t)(host - origin.p) + 3), request->authority);
}
