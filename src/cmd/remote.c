#include "cmd/remote.h"

#include <stdio.h>
#include <string.h>

#define ENDPOINTS_MAX 16

enum rc remote_failed(struct remote *r, struct err *err)
{
    struct buf text = {0};
    client_status_print(&r->status, &text);
    err_set(err, RC_PROTOCOL, "%s: %.*s", r->url, (int)text.n, text.n ? (const char *)text.p : "");
    buf_fini(&text);
    return RC_PROTOCOL;
}

static void on_trouble(void *arg, const char *sentence)
{
    (void)arg;
    fprintf(stderr, "moat: %s\n", sentence);
}

enum rc remote_open(struct remote *r, const char *urls, const struct remote_who *who,
                    struct err *err)
{
    struct slice endpoints[ENDPOINTS_MAX];
    struct client_options opt = {
        .endpoints = endpoints, .dial_timeout_ms = REMOTE_CALL_MS, .trouble = on_trouble};
    const char *user = who->user;
    *r = (struct remote){.url = urls};
    client_loop_init(&r->loop);
    for (const char *at = urls; *at && opt.endpoints_n < ENDPOINTS_MAX;) {
        size_t n = strcspn(at, ",");
        endpoints[opt.endpoints_n++] = slice_of((const uint8_t *)at, n);
        at += n + (at[n] == ',');
    }
    if (opt.endpoints_n == 0)
        return err_set(err, RC_INVALID, "there is no URL in \"%s\"", urls);
    if (user) {
        size_t n = strcspn(user, ":");
        opt.user = slice_of((const uint8_t *)user, n);
        opt.password = slice_str(user[n] ? user + n + 1 : "");
    }
    opt.tls = client_tls_new(&who->tls, err);
    if (!opt.tls)
        return err->rc;
    opt.secure = who->tls.cacert || who->tls.cert || who->tls.key;
    r->client = client_new(&r->loop, &opt);
    return client_login(r->client, &r->status) == RC_OK ? RC_OK : remote_failed(r, err);
}

void remote_close(struct remote *r)
{
    client_free(r->client);
    client_status_fini(&r->status);
    client_loop_fini(&r->loop);
}

enum rc remote_call(struct remote *r, enum client_method m, const void *request,
                    struct arena *arena, void *response, struct err *err)
{
    enum rc rc = client_unary(r->client,
                              &(struct client_request){m, request, client_deadline(REMOTE_CALL_MS)},
                              arena, response, &r->status);
    return rc == RC_OK ? RC_OK : remote_failed(r, err);
}

enum rc remote_revision(struct remote *r, int64_t *out, struct err *err)
{
    const struct pb_range_request ask = {.key = SLICE_LIT("\0"), .count_only = true};
    struct pb_range_response answer;
    struct arena arena = {0};
    enum rc rc = remote_call(r, CLIENT_RANGE, &ask, &arena, &answer, err);
    const struct pb_response_header *header = rc == RC_OK ? answer.header : NULL;
    if (header)
        *out = header->revision;
    else if (rc == RC_OK)
        rc = err_set(err, RC_PROTOCOL, "%s: the answer has no header", r->url);
    arena_fini(&arena);
    return rc;
}
