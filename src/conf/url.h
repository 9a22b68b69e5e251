/* url - the addresses that etcd's flags take.
 *
 *     http://HOST:PORT  https://HOST:PORT  unix://PATH  unixs://PATH
 *
 * A URL keeps the text that the operator wrote (trimmed, scheme in lower case), because member
 * IDs are hashes over these texts. Host names are not resolved here.
 * Rules: etcd's client/pkg/types/urls.go and Go's net/url, which etcd parses with. */
#ifndef MOAT_CONF_URL_H
#define MOAT_CONF_URL_H

#include "base/cc.h"
#include "base/err.h"
#include "base/slice.h"

#define CONF_URLS_MAX 64 /* in one list; more is a mistake, not a cluster */

enum conf_scheme { CONF_HTTP, CONF_HTTPS, CONF_UNIX, CONF_UNIXS };

struct conf_url {
    enum conf_scheme scheme;
    char *text;    /* the whole URL */
    char *host;    /* without brackets; "" for a socket */
    char *path;    /* of the socket; "" for http and https */
    uint16_t port; /* 0 when the URL has none after its colon: the system picks one */
};

/* Sorted by text, each text once. */
struct conf_urls {
    struct conf_url *v;
    size_t n;
};

/* Parse one URL. Fills out only on RC_OK; else err has etcd's sentence and rc is RC_INVALID. */
MUST_USE enum rc conf_url_parse(struct slice in, struct conf_url *out, struct err *err);
void conf_url_fini(struct conf_url *url);

/* Parse a comma-separated list, which must hold at least one URL. */
MUST_USE enum rc conf_urls_parse(struct slice in, struct conf_urls *out, struct err *err);

/* Move the URLs of from into to. RC_LIMIT: there would be too many. from is empty after. */
MUST_USE enum rc conf_urls_merge(struct conf_urls *to, struct conf_urls *from);
void conf_urls_fini(struct conf_urls *urls);

/* Refuse a host name where an address is bound: a lookup must not decide where we listen. */
MUST_USE enum rc conf_url_check_bind(const struct conf_url *url, struct err *err);

/* Refuse an empty host where others are told to connect. */
MUST_USE enum rc conf_url_check_host(const struct conf_url *url, struct err *err);

/* Whether both name the same place; localhost is 127.0.0.1. */
bool conf_url_same(const struct conf_url *a, const struct conf_url *b);

static inline bool conf_url_is_tls(const struct conf_url *url)
{
    return url->scheme == CONF_HTTPS || url->scheme == CONF_UNIXS;
}

static inline bool conf_url_is_socket(const struct conf_url *url)
{
    return url->scheme == CONF_UNIX || url->scheme == CONF_UNIXS;
}

#endif
