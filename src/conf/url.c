#include "conf/url.h"

#include "base/mem.h"
#include "conf/quote.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#define URL_BYTES_MAX 1024
#define PORT_MAX      65535

static struct slice trim(struct slice s)
{
    while (s.n && isspace(s.p[0]))
        s = slice_skip(s, 1);
    while (s.n && isspace(s.p[s.n - 1]))
        s.n--;
    return s;
}

static const uint8_t *find(struct slice s, char c)
{
    return s.n ? memchr(s.p, c, s.n) : NULL;
}

static char *copy(struct slice s)
{
    return mem_printf("%.*s", (int)s.n, (const char *)s.p);
}

/* Words of Go's net/url for what it cannot parse. */
static enum rc parse_err(struct slice in, struct err *err, const char *why)
{
    char quoted[CONF_QUOTED_MAX];
    return err_set(err, RC_INVALID, "parse %s: %s", conf_quote(in, quoted), why);
}

/* The same, naming the part that is wrong: before "part" after. */
static enum rc parse_err_at(struct slice in, const char *before, struct slice part,
                            const char *after, struct err *err)
{
    char quoted[2][CONF_QUOTED_MAX];
    return err_set(err, RC_INVALID, "parse %s: %s %s%s", conf_quote(in, quoted[0]), before,
                   conf_quote(part, quoted[1]), after);
}

/* Split the scheme off, as url.Parse: letters, then letters, digits, "+-.", then a colon. */
static enum rc split_scheme(struct slice in, struct slice *scheme, struct slice *rest,
                            struct err *err)
{
    size_t i = 0;
    while (i < in.n && (isalnum(in.p[i]) || strchr("+-.", in.p[i])) && in.p[i] != '\0')
        i++;
    bool found = i < in.n && in.p[i] == ':';
    if (found && i == 0)
        return parse_err(in, err, "missing protocol scheme");
    found = found && isalpha(in.p[0]);
    *scheme = slice_of(in.p, found ? i : 0);
    *rest = found ? slice_skip(in, i + 1) : in;
    const uint8_t *colon = find(in, ':');
    const uint8_t *slash = find(in, '/');
    if (!found && colon && (!slash || colon < slash))
        return parse_err(in, err, "first path segment in URL cannot contain colon");
    return RC_OK;
}

/* What url.Parse refuses inside a host. Escapes other than a zone's have no place in ours. */
static enum rc check_host_bytes(struct slice in, struct slice host, struct err *err)
{
    for (size_t i = 0; i < host.n; i++) {
        uint8_t c = host.p[i];
        if (c == '%' && !find(host, '['))
            return parse_err_at(in, "invalid URL escape",
                                slice_of(host.p + i, host.n - i < 3 ? host.n - i : 3), "", err);
        if (c <= ' ' || strchr("\"<>\\^`{|}", c))
            return parse_err_at(in, "invalid character", slice_of(&host.p[i], 1), " in host name",
                                err);
    }
    return RC_OK;
}

static enum rc parse_port(struct slice in, struct slice port, uint16_t *out, struct err *err)
{
    unsigned v = 0;
    for (size_t i = 1; i < port.n; i++) {
        if (!isdigit(port.p[i]))
            return parse_err_at(in, "invalid port", port, " after host", err);
        v = v * 10 + (unsigned)(port.p[i] - '0');
        if (v > PORT_MAX)
            return parse_err_at(in, "invalid port", port, " after host", err);
    }
    *out = (uint16_t)v;
    return RC_OK;
}

/* Split "HOST:PORT" or "[HOST]:PORT". */
static enum rc split_host(struct slice in, struct slice authority, struct slice *host,
                          uint16_t *port, struct err *err)
{
    enum rc rc = check_host_bytes(in, authority, err);
    if (rc != RC_OK)
        return rc;
    struct slice tail;
    if (authority.n && authority.p[0] == '[') {
        const uint8_t *end = find(authority, ']');
        if (!end)
            return parse_err(in, err, "missing ']' in host");
        *host = slice_of(authority.p + 1, (size_t)(end - authority.p) - 1);
        tail = slice_skip(authority, host->n + 2);
    } else {
        const uint8_t *colon = find(authority, ':');
        *host = slice_of(authority.p, colon ? (size_t)(colon - authority.p) : authority.n);
        tail = slice_skip(authority, host->n);
    }
    if (tail.n == 0)
        return err_set(err, RC_INVALID, "URL address does not have the form \"host:port\": %.*s",
                       (int)in.n, (const char *)in.p);
    if (tail.p[0] != ':')
        return parse_err_at(in, "invalid port", tail, " after host", err);
    return parse_port(in, tail, port, err);
}

static enum rc parse_web(struct slice in, struct slice rest, struct conf_url *out, struct err *err)
{
    struct slice host = {0};
    const char *text = (const char *)in.p;
    if (!slice_has_prefix(rest, SLICE_LIT("//")))
        return err_set(err, RC_INVALID, "URL address does not have the form \"host:port\": %.*s",
                       (int)in.n, text);
    rest = slice_skip(rest, 2);
    size_t n = 0;
    while (n < rest.n && !strchr("/?#", rest.p[n]))
        n++;
    struct slice authority = slice_of(rest.p, n);
    if (find(authority, '@'))
        return err_set(err, RC_INVALID, "URL must not contain a user name: %.*s", (int)in.n, text);
    enum rc rc = split_host(in, authority, &host, &out->port, err);
    if (rc != RC_OK)
        return rc;
    if (n < rest.n && rest.p[n] == '/')
        return err_set(err, RC_INVALID, "URL must not contain a path: %.*s", (int)in.n, text);
    if (n < rest.n)
        return err_set(err, RC_INVALID, "URL must not contain a query or fragment: %.*s", (int)in.n,
                       text);
    out->host = copy(host);
    out->path = mem_strdup("");
    return RC_OK;
}

/* etcd joins host and path: unix://localhost:1 is a file here, unix:///run/x is /run/x. */
static enum rc parse_socket(struct slice in, struct slice rest, struct conf_url *out,
                            struct err *err)
{
    if (slice_has_prefix(rest, SLICE_LIT("//")))
        rest = slice_skip(rest, 2);
    if (rest.n == 0)
        return err_set(err, RC_INVALID, "URL has no path of a socket: %.*s", (int)in.n,
                       (const char *)in.p);
    out->host = mem_strdup("");
    out->path = copy(rest);
    return RC_OK;
}

enum rc conf_url_parse(struct slice in, struct conf_url *out, struct err *err)
{
    static const char *const names[] = {
        [CONF_HTTP] = "http",
        [CONF_HTTPS] = "https",
        [CONF_UNIX] = "unix",
        [CONF_UNIXS] = "unixs",
    };
    struct slice scheme = {0};
    struct slice rest = {0};
    in = trim(in);
    if (in.n > URL_BYTES_MAX)
        return err_set(err, RC_LIMIT, "URL is longer than %d bytes", URL_BYTES_MAX);
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] < ' ' || in.p[i] == 0x7f)
            return parse_err(in, err, "net/url: invalid control character in URL");
    }
    enum rc rc = split_scheme(in, &scheme, &rest, err);
    if (rc != RC_OK)
        return rc;
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        if (scheme.n != strlen(names[i]) ||
            strncasecmp(names[i], (const char *)scheme.p, scheme.n) != 0)
            continue;
        struct conf_url url = {.scheme = (enum conf_scheme)i};
        rc = conf_url_is_socket(&url) ? parse_socket(in, rest, &url, err)
                                      : parse_web(in, rest, &url, err);
        if (rc != RC_OK)
            return rc;
        url.text = mem_printf("%s:%.*s", names[i], (int)rest.n, (const char *)rest.p);
        *out = url;
        return RC_OK;
    }
    return err_set(err, RC_INVALID, "URL scheme must be http, https, unix, or unixs: %.*s",
                   (int)in.n, (const char *)in.p);
}

void conf_url_fini(struct conf_url *url)
{
    free(url->text);
    free(url->host);
    free(url->path);
    *url = (struct conf_url){0};
}

/* Keep the list sorted; a URL that is there already is dropped. */
static void insert(struct conf_urls *urls, struct conf_url url)
{
    size_t at = 0;
    int order = 1;
    while (at < urls->n && (order = strcmp(urls->v[at].text, url.text)) < 0)
        at++;
    if (at < urls->n && order == 0) {
        conf_url_fini(&url);
        return;
    }
    urls->v = mem_realloc(urls->v, (urls->n + 1) * sizeof(*urls->v));
    memmove(&urls->v[at + 1], &urls->v[at], (urls->n - at) * sizeof(*urls->v));
    urls->v[at] = url;
    urls->n++;
}

enum rc conf_urls_parse(struct slice in, struct conf_urls *out, struct err *err)
{
    struct conf_urls urls = {0};
    for (;;) {
        const uint8_t *comma = find(in, ',');
        struct slice item = slice_of(in.p, comma ? (size_t)(comma - in.p) : in.n);
        struct conf_url url;
        enum rc rc = urls.n < CONF_URLS_MAX
                         ? conf_url_parse(item, &url, err)
                         : err_set(err, RC_LIMIT, "more than %d URLs", CONF_URLS_MAX);
        if (rc != RC_OK) {
            conf_urls_fini(&urls);
            return rc;
        }
        insert(&urls, url);
        if (!comma)
            break;
        in = slice_skip(in, item.n + 1);
    }
    *out = urls;
    return RC_OK;
}

enum rc conf_urls_merge(struct conf_urls *to, struct conf_urls *from)
{
    enum rc rc = to->n + from->n <= CONF_URLS_MAX ? RC_OK : RC_LIMIT;
    for (size_t i = 0; rc == RC_OK && i < from->n; i++) {
        insert(to, from->v[i]);
        from->v[i] = (struct conf_url){0};
    }
    conf_urls_fini(from);
    return rc;
}

void conf_urls_fini(struct conf_urls *urls)
{
    for (size_t i = 0; i < urls->n; i++)
        conf_url_fini(&urls->v[i]);
    free(urls->v);
    *urls = (struct conf_urls){0};
}

enum rc conf_url_check_bind(const struct conf_url *url, struct err *err)
{
    struct in6_addr addr;
    if (conf_url_is_socket(url) || strcmp(url->host, "localhost") == 0 ||
        inet_pton(AF_INET, url->host, &addr) == 1 || inet_pton(AF_INET6, url->host, &addr) == 1)
        return RC_OK;
    return err_set(err, RC_INVALID, "expected IP in URL for binding (%s)", url->text);
}

enum rc conf_url_check_host(const struct conf_url *url, struct err *err)
{
    if (conf_url_is_socket(url) || *url->host)
        return RC_OK;
    return err_set(err, RC_INVALID, "unexpected empty host (%s)", url->text);
}

static const char *host_or_loopback(const struct conf_url *url)
{
    return strcmp(url->host, "localhost") == 0 ? "127.0.0.1" : url->host;
}

bool conf_url_same(const struct conf_url *a, const struct conf_url *b)
{
    return a->scheme == b->scheme && a->port == b->port && strcmp(a->path, b->path) == 0 &&
           strcasecmp(host_or_loopback(a), host_or_loopback(b)) == 0;
}
