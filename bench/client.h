/* client - connections that keep a number of gRPC calls in flight: epoll, nghttp2, OpenSSL. */
#ifndef MOAT_BENCH_CLIENT_H
#define MOAT_BENCH_CLIENT_H

#include "load.h"

#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stddef.h>

#define OUT_BYTES (1u << 17) /* what a connection gathers before it sends */

/* One call. */
struct stream {
    struct stream *next_free;
    struct connection *connection;
    double begin;
    uint8_t *out; /* the request; out_cap bytes */
    size_t out_n;
    size_t out_at;
    size_t out_cap;
    bool stays_open; /* a watch: more may be sent, and answers are read */
    bool ok;         /* grpc-status 0 has come */
    uint8_t *in;
    size_t in_n;
    size_t in_cap;
    int32_t id;
};

struct connection {
    struct load *load;
    int fd;
    uint32_t interest; /* epoll events asked for; 0: not yet added */
    SSL *ssl;
    nghttp2_session *session;
    int in_flight;
    uint8_t *out;
    size_t out_n;
    size_t out_at;
    bool up;   /* connected, and the handshake is over */
    bool lost; /* by the other side */
    bool spent;
};

struct client {
    struct load *load;
    struct connection *connections;
    int64_t up;
    int epoll;
    SSL_CTX *tls;
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    struct stream *free_streams;
    char authority[HOST_MAX + 8];
    uint8_t in[1u << 18];
};

struct client *client_new(struct load *l);
void client_connect(struct client *c, int i);
/* Wait at most so long for events, and act on them. */
void client_pump(struct client *c, int timeout_ms);

struct stream *stream_take(struct client *c);
void stream_submit(struct connection *c, struct stream *s, enum op op);
/* Begin what calls the load still wants, and send. */
void connection_fill(struct connection *c);
void connection_send(struct connection *c);

#endif
