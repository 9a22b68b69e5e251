/* TLS on a transport: who is trusted, for which host, what is carried, and what is said when not.
 */
#include "client/tls.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ROUNDS_MAX 1000 /* of a handshake that does not end */

/* ---- A transport on one end of a socket pair ---- */

static enum rc pipe_connect(struct client_transport *t, struct err *err)
{
    (void)t;
    (void)err;
    return RC_OK;
}

static enum rc done(ssize_t got, size_t *n)
{
    if (got < 0)
        return errno == EAGAIN ? RC_AGAIN : RC_CLOSED;
    *n = (size_t)got;
    return got == 0 ? RC_CLOSED : RC_OK;
}

static enum rc pipe_recv(struct client_transport *t, uint8_t *p, size_t *n)
{
    return done(recv(t->fd, p, *n, 0), n);
}

static enum rc pipe_send(struct client_transport *t, const uint8_t *p, size_t *n)
{
    return done(send(t->fd, p, *n, MSG_NOSIGNAL), n);
}

static void pipe_close(struct client_transport *t)
{
    close(t->fd);
    free(t);
}

static const struct client_transport_ops pipe_ops = {pipe_connect, pipe_recv, pipe_send,
                                                     pipe_close};

/* ---- A server, and its certificate ---- */

struct lab {
    char dir[64];
    char *cert; /* of the server, signed by itself: whoever trusts it trusts that */
    char *key;
    SSL_CTX *ctx;
    SSL *server;
    int fd;    /* its end */
    bool deaf; /* it hangs up before a word was said */
    struct client_tls *tls;
    struct client_transport *client;
    struct err err;
};

static void write_pem(struct lab *l, X509 *x, EVP_PKEY *pkey)
{
    FILE *f = fopen(l->cert, "we");
    assert_int_equal(PEM_write_X509(f, x), 1);
    fclose(f);
    f = fopen(l->key, "we");
    assert_int_equal(PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
}

static void make_certificate(struct lab *l, const char *names)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, pkey);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)"common.example", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    assert_non_null(san);
    X509_add_ext(x, san, -1);
    X509_EXTENSION_free(san);
    assert_true(X509_sign(x, pkey, EVP_sha256()) > 0);
    write_pem(l, x, pkey);
    X509_free(x);
    EVP_PKEY_free(pkey);
}

static int choose_h2(SSL *ssl, const unsigned char **out, unsigned char *n, const unsigned char *in,
                     unsigned in_n, void *arg)
{
    (void)ssl;
    (void)arg;
    return SSL_select_next_proto((unsigned char **)(uintptr_t)out, n, (const unsigned char *)"\2h2",
                                 3, in, in_n) == OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_NOACK;
}

static void open_lab(struct lab *l)
{
    *l = (struct lab){.dir = "/tmp/moat-tls-XXXXXX", .fd = -1};
    assert_non_null(mkdtemp(l->dir));
    l->cert = mem_printf("%s/cert.pem", l->dir);
    l->key = mem_printf("%s/key.pem", l->dir);
    make_certificate(l, "DNS:server.example,IP:127.0.0.1");
    l->ctx = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate_chain_file(l->ctx, l->cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(l->ctx, l->key, SSL_FILETYPE_PEM), 1);
    SSL_CTX_set_alpn_select_cb(l->ctx, choose_h2, NULL);
}

static void hang_up(struct lab *l)
{
    if (l->client)
        l->client->ops->close(l->client);
    l->client = NULL;
    SSL_free(l->server);
    l->server = NULL;
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    client_tls_free(l->tls);
    l->tls = NULL;
}

static void close_lab(struct lab *l)
{
    hang_up(l);
    SSL_CTX_free(l->ctx);
    unlink(l->cert);
    unlink(l->key);
    rmdir(l->dir);
    free(l->cert);
    free(l->key);
}

/* A connection to this endpoint; how its handshake ends. */
static enum rc connect_to(struct lab *l, const char *endpoint, const struct client_tls_options *opt)
{
    struct client_endpoint at;
    int ends[2];
    hang_up(l);
    l->err = (struct err){0};
    l->tls = client_tls_new(opt, &l->err);
    assert_non_null(l->tls);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    l->fd = ends[1];
    l->server = SSL_new(l->ctx);
    SSL_set_fd(l->server, l->fd);
    struct client_transport *pipe = mem_zalloc(sizeof(*pipe));
    *pipe = (struct client_transport){.ops = &pipe_ops, .fd = ends[0]};
    client_endpoint_parse(slice_str(endpoint), &at);
    l->client = client_tls_open(l->tls, pipe, &at);
    client_endpoint_fini(&at);
    enum rc rc = RC_AGAIN;
    if (l->deaf)
        shutdown(l->fd, SHUT_RDWR);
    for (int i = 0; i < ROUNDS_MAX && rc == RC_AGAIN; i++) {
        rc = l->client->ops->connect(l->client, &l->err);
        ERR_clear_error();
        if (!l->deaf)
            SSL_accept(l->server);
    }
    return rc;
}

static void refused(struct lab *l, const char *endpoint, const struct client_tls_options *opt,
                    const char *why)
{
    assert_int_equal(connect_to(l, endpoint, opt), RC_CLOSED);
    if (!strstr(l->err.text, why))
        fail_msg("\"%s\" is not in \"%s\"", why, l->err.text);
    assert_non_null(strstr(l->err.text, endpoint));
}

static void only_the_right_host_is_trusted(void **state)
{
    struct lab l;
    (void)state;
    open_lab(&l);
    const struct client_tls_options opt = {.cacert = l.cert};
    assert_int_equal(connect_to(&l, "https://server.example:1", &opt), RC_OK);
    assert_int_equal(connect_to(&l, "https://127.0.0.1:1", &opt), RC_OK);
    assert_int_equal(connect_to(&l, "https://server.example.:1", &opt), RC_OK);
    assert_int_equal(connect_to(&l, "unixs:///run/x.sock", &opt), RC_OK); /* has no name */
    refused(&l, "https://:1", &opt, "ostname mismatch"); /* this machine: localhost */
    refused(&l, "https://other.example:1", &opt, "ostname mismatch");
    refused(&l, "https://common.example:1", &opt, "ostname mismatch"); /* CN counts for nothing */
    refused(&l, "https://127.0.0.2:1", &opt, "IP address mismatch");
    close_lab(&l);
}

static void who_is_not_known_is_not_trusted(void **state)
{
    struct lab l;
    (void)state;
    open_lab(&l);
    refused(&l, "https://server.example:1", &(struct client_tls_options){0}, "is not trusted");
    const struct client_tls_options blind = {.cacert = "", .skip_verify = true};
    assert_int_equal(connect_to(&l, "https://other.example:1", &blind), RC_OK);
    close_lab(&l);
}

static void what_speaks_something_else_is_told_apart(void **state)
{
    struct lab l;
    (void)state;
    open_lab(&l);
    const struct client_tls_options opt = {.cacert = l.cert};
    SSL_CTX_set_alpn_select_cb(l.ctx, NULL, NULL);
    refused(&l, "https://server.example:1", &opt, "does not speak HTTP/2");
    SSL_CTX_set_max_proto_version(l.ctx, TLS1_1_VERSION);
    refused(&l, "https://server.example:1", &opt, "the TLS handshake failed");
    l.deaf = true;
    refused(&l, "https://server.example:1", &opt, "ended the TLS handshake");
    close_lab(&l);
}

/* More than a record, and in pieces as the socket takes them. */
static void bytes_are_carried_both_ways(void **state)
{
    enum { BYTES = 1 << 20 };
    struct lab l;
    uint8_t *sent = mem_alloc(BYTES);
    uint8_t *got = mem_alloc(BYTES + SSL3_RT_MAX_PLAIN_LENGTH);
    (void)state;
    open_lab(&l);
    for (size_t i = 0; i < BYTES; i++)
        sent[i] = (uint8_t)(i * 31 >> 3);
    const struct client_tls_options opt = {.cacert = l.cert};
    assert_int_equal(connect_to(&l, "https://127.0.0.1:1", &opt), RC_OK);
    size_t at = 0;
    size_t there = 0;
    while (there < BYTES) {
        size_t n = BYTES - at;
        if (n > 0 && l.client->ops->send(l.client, sent + at, &n) == RC_OK)
            at += n;
        int more = SSL_read(l.server, got + there, BYTES);
        there += more > 0 ? (size_t)more : 0;
    }
    assert_memory_equal(got, sent, BYTES);
    memset(got, 0, BYTES);
    for (at = there = 0; there < BYTES;) {
        int more = at < BYTES ? SSL_write(l.server, sent + at, 4096) : 0;
        at += more > 0 ? (size_t)more : 0;
        size_t n = SSL3_RT_MAX_PLAIN_LENGTH;
        if (l.client->ops->recv(l.client, got + there, &n) == RC_OK)
            there += n;
    }
    assert_memory_equal(got, sent, BYTES);
    SSL_shutdown(l.server);
    size_t n = SSL3_RT_MAX_PLAIN_LENGTH;
    assert_int_equal(l.client->ops->recv(l.client, got, &n), RC_CLOSED);
    free(sent);
    free(got);
    close_lab(&l);
}

/* With TLS 1.3 the client is through before the server has seen that it has no certificate. */
static void an_alert_behind_the_handshake_says_why(void **state)
{
    struct lab l;
    uint8_t in[SSL3_RT_MAX_PLAIN_LENGTH];
    size_t n = sizeof(in);
    (void)state;
    open_lab(&l);
    SSL_CTX_set_verify(l.ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    const struct client_tls_options nothing = {.cacert = l.cert};
    assert_int_equal(connect_to(&l, "https://127.0.0.1:1", &nothing), RC_OK);
    SSL_free(l.server);
    l.server = NULL;
    close(l.fd);
    l.fd = -1;
    size_t sent = 4;
    assert_int_equal(l.client->ops->send(l.client, (const uint8_t *)"PRI ", &sent), RC_AGAIN);
    assert_int_equal(l.client->ops->recv(l.client, in, &n), RC_CLOSED);
    assert_non_null(strstr(l.client->why, "certificate required"));
    SSL_CTX_load_verify_file(l.ctx, l.cert);
    const struct client_tls_options own = {.cacert = l.cert, .cert = l.cert, .key = l.key};
    assert_int_equal(connect_to(&l, "https://127.0.0.1:1", &own), RC_OK);
    assert_int_equal(SSL_get_verify_result(l.server), X509_V_OK);
    assert_true(SSL_is_init_finished(l.server));
    close_lab(&l);
}

static void bad_file(const struct client_tls_options *opt, const char *why)
{
    struct err err = {0};
    assert_null(client_tls_new(opt, &err));
    if (!strstr(err.text, why))
        fail_msg("\"%s\" is not in \"%s\"", why, err.text);
}

static void files_that_will_not_do_are_named(void **state)
{
    struct lab l;
    (void)state;
    open_lab(&l);
    bad_file(&(struct client_tls_options){.cacert = "/nowhere/ca"},
             "open /nowhere/ca: no such file or directory");
    bad_file(&(struct client_tls_options){.cacert = l.key}, "holds no certificate");
    bad_file(&(struct client_tls_options){.cert = l.cert},
             "KeyFile and CertFile must both be present");
    bad_file(&(struct client_tls_options){.key = l.key},
             "KeyFile and CertFile must both be present");
    bad_file(&(struct client_tls_options){.cert = l.cert, .key = "/nowhere/key"},
             "open /nowhere/key: no such file");
    bad_file(&(struct client_tls_options){.cert = l.cert, .key = l.cert}, "holds no private key");
    close_lab(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_right_host_is_trusted),
        cmocka_unit_test(who_is_not_known_is_not_trusted),
        cmocka_unit_test(what_speaks_something_else_is_told_apart),
        cmocka_unit_test(bytes_are_carried_both_ways),
        cmocka_unit_test(an_alert_behind_the_handshake_says_why),
        cmocka_unit_test(files_that_will_not_do_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
