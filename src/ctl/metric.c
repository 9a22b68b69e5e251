#include "ctl/metric.h"

#include "base/buf.h"
#include "client/transport.h"

#include <poll.h>
#include <stdlib.h>

#define PAGE_MAX   (16u << 20)
#define TIMEOUT_MS 5000

enum rc metric_find(struct slice page, const char *name, double *value)
{
    struct slice want = slice_str(name);
    while (page.n > 0) {
        const uint8_t *end = memchr(page.p, '\n', page.n);
        size_t n = end ? (size_t)(end - page.p) : page.n;
        struct slice line = slice_of(page.p, n);
        if (slice_has_prefix(line, want) && n > want.n && line.p[want.n] == ' ') {
            char number[64] = {0};
            size_t len = n - want.n - 1;
            memcpy(number, line.p + want.n + 1, len < sizeof(number) ? len : sizeof(number) - 1);
            char *stop;
            *value = strtod(number, &stop);
            return stop != number ? RC_OK : RC_MALFORMED;
        }
        page = slice_skip(page, end ? n + 1 : n);
    }
    return RC_NOT_FOUND;
}

static bool await(const struct client_transport *t, short events)
{
    struct pollfd p = {.fd = t->fd, .events = events};
    return poll(&p, 1, TIMEOUT_MS) > 0;
}

static enum rc send_request(struct client_transport *t, const struct client_endpoint *to)
{
    struct buf out = {0};
    buf_printf(&out, "GET /metrics HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
               to->host ? to->host : "localhost");
    enum rc rc = RC_OK;
    while (rc == RC_OK && out.n > 0) {
        size_t n = out.n;
        rc = t->ops->send(t, out.p, &n);
        if (rc == RC_OK)
            buf_consume(&out, n);
        else if (rc == RC_AGAIN)
            rc = await(t, POLLOUT) ? RC_OK : RC_TIMEOUT;
    }
    buf_fini(&out);
    return rc;
}

/* All that comes until the server closes; chunks stay as they are, which the one line wanted
 * survives unless a chunk ends in it. */
static enum rc receive(struct client_transport *t, struct buf *page)
{
    while (page->n < PAGE_MAX) {
        size_t n = 65536;
        uint8_t *at = buf_extend(page, n);
        enum rc rc = t->ops->recv(t, at, &n);
        page->n -= 65536 - (rc == RC_OK ? n : 0);
        if (rc == RC_CLOSED)
            return RC_OK;
        if (rc == RC_AGAIN && !await(t, POLLIN))
            return RC_TIMEOUT;
    }
    return RC_LIMIT;
}

enum rc metric_fetch(struct slice endpoint, const char *name, double *value, struct err *err)
{
    struct client_endpoint to;
    struct buf page = {0};
    client_endpoint_parse(endpoint, &to);
    struct client_transport *t = NULL;
    if (to.tls)
        err_set(err, RC_UNSUPPORTED, "%s: metrics are read in plaintext only", to.text);
    else
        t = client_socket_open(&to, err);
    enum rc rc = t ? RC_AGAIN : RC_CLOSED;
    while (rc == RC_AGAIN) {
        rc = await(t, t->wants_write ? POLLOUT : POLLIN) ? RC_OK : RC_TIMEOUT;
        if (rc == RC_OK)
            rc = t->ops->connect(t, err);
    }
    if (rc == RC_OK)
        rc = send_request(t, &to);
    if (rc == RC_OK)
        rc = receive(t, &page);
    if (rc == RC_OK)
        rc = metric_find(buf_slice(&page), name, value);
    if (rc == RC_NOT_FOUND)
        err_set(err, rc, "could not find: %s", name);
    if (rc != RC_OK)
        err_set(err, rc, "fetch error: %s", rc_text(rc));
    if (t)
        t->ops->close(t);
    client_endpoint_fini(&to);
    buf_fini(&page);
    return rc;
}
