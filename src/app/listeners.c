#include "app/listeners.h"

#include "base/mem.h"

#include <stdlib.h>

static enum rc open_one(struct listeners *l, struct io_loop *loop, const struct conf_url *url,
                        struct io_listener_options opt, struct err *err)
{
    bool socket = conf_url_is_socket(url);
    const char *text = socket ? url->path : url->host;
    char *to = socket ? opt.address.path : opt.address.host;
    size_t cap = socket ? sizeof(opt.address.path) : sizeof(opt.address.host);
    opt.address.kind = socket ? IO_ADDRESS_UNIX : IO_ADDRESS_TCP;
    opt.address.port = url->port;
    if (strlen(text) >= cap)
        return err_set(err, RC_LIMIT, "cannot listen on %s: longer than %zu bytes", text, cap - 1);
    memcpy(to, text, strlen(text) + 1);
    enum rc rc = io_listen(loop, &opt, &l->v[l->n], err);
    if (rc == RC_OK)
        l->n++;
    return rc;
}

enum rc listeners_open(struct listeners *l, struct io_loop *loop, const struct conf *conf,
                       listeners_accept *const accept[LISTENERS_ROLE_COUNT], void *arg,
                       struct err *err)
{
    const struct conf_urls *const urls[LISTENERS_ROLE_COUNT] = {
        [LISTENERS_PEER] = &conf->listen_peer_urls,
        [LISTENERS_METRICS] = &conf->listen_metrics_urls,
        [LISTENERS_CLIENT_HTTP] = &conf->listen_client_http_urls,
        [LISTENERS_CLIENT] = &conf->listen_client_urls,
    };
    struct io_listener_options opt = {
        .limits = IO_LIMITS_DEFAULT, .reuse_port = conf->socket_reuse_port, .arg = arg};
    enum rc rc = RC_OK;
    size_t most = 0;
    for (size_t role = 0; role < LISTENERS_ROLE_COUNT; role++)
        most += urls[role]->n;
    l->v = mem_calloc(most, sizeof(struct io_listener *));
    for (size_t role = 0; role < LISTENERS_ROLE_COUNT; role++) {
        opt.on_accept = accept[role];
        for (size_t i = 0; i < urls[role]->n && rc == RC_OK; i++)
            rc = open_one(l, loop, &urls[role]->v[i], opt, err);
    }
    return rc;
}

void listeners_close(struct listeners *l)
{
    for (size_t i = 0; i < l->n; i++)
        io_listener_close(l->v[i]);
    free(l->v);
    *l = (struct listeners){0};
}
