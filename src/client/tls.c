#include "client/tls.h"

#include "base/mem.h"
#include "base/must.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct client_tls {
    SSL_CTX *ctx;
    BIO_METHOD *method; /* over a transport */
};

struct secured {
    struct client_transport base;
    struct client_transport *socket;
    struct client_tls *tls;
    char *text; /* of the endpoint */
    char *host; /* NULL for a path */
    SSL *ssl;   /* NULL until the socket is connected */
};

static struct secured *of(struct client_transport *t)
{
    return CONTAINER_OF(t, struct secured, base);
}

/* ---- Settings ---- */

/* What OpenSSL found wrong first. */
static const char *reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_error());
    return text ? text : "unknown error";
}

static bool given(const char *file)
{
    return file && *file;
}

/* Go's words for what cannot be opened, ours for what is not PEM of the right kind. */
static enum rc bad_file(const char *file, const char *what, struct err *err)
{
    char why[128];
    FILE *f = fopen(file, "re");
    if (!f)
        return err_set(err, RC_NOT_FOUND, "open %s: %s", file,
                       errno == ENOENT ? "no such file or directory"
                                       : strerror_r(errno, why, sizeof(why)));
    fclose(f);
    return err_set(err, RC_INVALID, "%s holds no %s: %s", file, what, reason());
}

static enum rc load_own(SSL_CTX *ctx, const struct client_tls_options *opt, struct err *err)
{
    if (!given(opt->cert) && !given(opt->key))
        return RC_OK;
    if (!given(opt->cert) || !given(opt->key))
        return err_set(err, RC_INVALID,
                       "KeyFile and CertFile must both be present[key: %s, cert: %s]",
                       opt->key ? opt->key : "", opt->cert ? opt->cert : "");
    if (SSL_CTX_use_certificate_chain_file(ctx, opt->cert) != 1)
        return bad_file(opt->cert, "certificate", err);
    if (SSL_CTX_use_PrivateKey_file(ctx, opt->key, SSL_FILETYPE_PEM) != 1)
        return bad_file(opt->key, "private key of that certificate", err);
    return RC_OK;
}

static enum rc load_trusted(SSL_CTX *ctx, const struct client_tls_options *opt, struct err *err)
{
    SSL_CTX_set_verify(ctx, opt->skip_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    /* As in Go whatever is in the file is trusted, whether it has signed itself or not. */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    if (!given(opt->cacert)) {
        SSL_CTX_set_default_verify_paths(ctx); /* none there: nobody is trusted, which is told */
        return RC_OK;
    }
    return SSL_CTX_load_verify_file(ctx, opt->cacert) == 1
               ? RC_OK
               : bad_file(opt->cacert, "certificate", err);
}

static int bio_write(BIO *bio, const char *p, int n)
{
    const struct secured *s = BIO_get_data(bio);
    size_t done = (size_t)n;
    BIO_clear_retry_flags(bio);
    enum rc rc = s->socket->ops->send(s->socket, (const uint8_t *)p, &done);
    /* If it is closed, reading tells: there the server may have said why. A handshake that wants to
     * write does not read. */
    if (rc == RC_AGAIN || (rc != RC_OK && SSL_is_init_finished(s->ssl)))
        BIO_set_retry_write(bio);
    return rc == RC_OK ? (int)done : -1;
}

static int bio_read(BIO *bio, char *p, int n)
{
    const struct secured *s = BIO_get_data(bio);
    size_t done = (size_t)n;
    BIO_clear_retry_flags(bio);
    enum rc rc = s->socket->ops->recv(s->socket, (uint8_t *)p, &done);
    if (rc == RC_AGAIN)
        BIO_set_retry_read(bio);
    return rc == RC_OK ? (int)done : -1;
}

static long bio_ctrl(BIO *bio, int what, long number, void *p)
{
    (void)bio;
    (void)number;
    (void)p;
    return what == BIO_CTRL_FLUSH; /* what was sent is on its way */
}

/* A key behind a passphrase is refused, as by Go: nobody is asked. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is OpenSSL's */
static int no_passphrase(char *out, int n, int writing, void *arg)
{
    (void)out;
    (void)n;
    (void)writing;
    (void)arg;
    return -1;
}

struct client_tls *client_tls_new(const struct client_tls_options *opt, struct err *err)
{
    static const unsigned char h2[] = {2, 'h', '2'};
    struct client_tls *tls = mem_zalloc(sizeof(*tls));
    ERR_clear_error();
    tls->ctx = SSL_CTX_new(TLS_client_method());
    tls->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "transport");
    must(tls->method); /* only memory can be missing */
    if (!tls->ctx) {
        err_set(err, RC_INVALID, "OpenSSL cannot be set up (openssl.cnf?): %s", reason());
        client_tls_free(tls);
        return NULL;
    }
    BIO_meth_set_write(tls->method, bio_write);
    BIO_meth_set_read(tls->method, bio_read);
    BIO_meth_set_ctrl(tls->method, bio_ctrl);
    SSL_CTX_set_options(tls->ctx, SSL_OP_NO_RENEGOTIATION); /* RFC 9113, 9.2.1 */
    SSL_CTX_set_default_passwd_cb(tls->ctx, no_passphrase);
    SSL_CTX_set_min_proto_version(tls->ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(tls->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_alpn_protos(tls->ctx, h2, sizeof(h2));
    enum rc rc = load_trusted(tls->ctx, opt, err);
    if (rc == RC_OK)
        rc = load_own(tls->ctx, opt, err);
    if (rc == RC_OK)
        return tls;
    client_tls_free(tls);
    return NULL;
}

void client_tls_free(struct client_tls *tls)
{
    if (!tls)
        return;
    SSL_CTX_free(tls->ctx);
    BIO_meth_free(tls->method);
    free(tls);
}

/* ---- A connection ---- */

/* The certificate is to be for this host; a path has none, so there it is only to be trusted. */
static void expect_host(SSL *ssl, char *host)
{
    struct in6_addr any;
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                               X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    int rv = 1;
    if (inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1) {
        rv = X509_VERIFY_PARAM_set1_ip_asc(param, host);
    } else {
        rv = X509_VERIFY_PARAM_set1_host(param, host, 0);
        SSL_set_tlsext_host_name(ssl, host);
    }
    must(rv == 1); /* only memory can be missing */
}

static void begin(struct secured *s)
{
    BIO *bio = BIO_new(s->tls->method);
    s->ssl = SSL_new(s->tls->ctx);
    must(bio && s->ssl); /* only memory can be missing */
    BIO_set_data(bio, s);
    BIO_set_init(bio, 1);
    SSL_set_bio(s->ssl, bio, bio); /* which owns it now */
    if (s->host)
        expect_host(s->ssl, s->host);
}

static enum rc handshake_failed(const struct secured *s, int what, struct err *err)
{
    long verdict = SSL_get_verify_result(s->ssl);
    if (verdict != X509_V_OK && SSL_get_verify_mode(s->ssl) != SSL_VERIFY_NONE)
        return err_set(err, RC_CLOSED, "%s: the server's certificate is not trusted: %s", s->text,
                       X509_verify_cert_error_string(verdict));
    if (what == SSL_ERROR_SSL)
        return err_set(err, RC_CLOSED, "%s: the TLS handshake failed: %s", s->text, reason());
    return err_set(err, RC_CLOSED, "%s: the server ended the TLS handshake", s->text);
}

/* HTTP/2 must have been agreed on: what answers else is no gRPC server. */
static enum rc check_protocol(const struct secured *s, struct err *err)
{
    const unsigned char *protocol;
    unsigned n;
    SSL_get0_alpn_selected(s->ssl, &protocol, &n);
    if (n == 2 && memcmp(protocol, "h2", 2) == 0)
        return RC_OK;
    return err_set(err, RC_CLOSED, "%s: the server does not speak HTTP/2 over TLS", s->text);
}

static enum rc secured_connect(struct client_transport *t, struct err *err)
{
    struct secured *s = of(t);
    if (!s->ssl) {
        enum rc rc = s->socket->ops->connect(s->socket, err);
        t->fd = s->socket->fd;
        t->wants_write = s->socket->wants_write;
        if (rc != RC_OK)
            return rc;
        begin(s);
    }
    ERR_clear_error();
    int rv = SSL_connect(s->ssl);
    int what = SSL_get_error(s->ssl, rv);
    if (rv == 1)
        return check_protocol(s, err);
    t->wants_write = what == SSL_ERROR_WANT_WRITE;
    if (t->wants_write || what == SSL_ERROR_WANT_READ)
        return RC_AGAIN;
    return handshake_failed(s, what, err);
}

static enum rc outcome(struct secured *s, int done, size_t *n)
{
    int what = SSL_get_error(s->ssl, done);
    if (done > 0) {
        *n = (size_t)done;
        return RC_OK;
    }
    if (what == SSL_ERROR_WANT_READ || what == SSL_ERROR_WANT_WRITE)
        return RC_AGAIN;
    if (what == SSL_ERROR_SSL) /* such as an alert: with TLS 1.3 it may come after the handshake */
        s->base.why = reason();
    return RC_CLOSED;
}

/* OpenSSL reads no further than the record at hand, and a record fits into what conn.c gives: so
 * nothing is left inside that the descriptor would not tell of. */
static enum rc secured_recv(struct client_transport *t, uint8_t *p, size_t *n)
{
    struct secured *s = of(t);
    must(*n >= SSL3_RT_MAX_PLAIN_LENGTH);
    ERR_clear_error();
    return outcome(s, SSL_read(s->ssl, p, (int)*n), n);
}

static enum rc secured_send(struct client_transport *t, const uint8_t *p, size_t *n)
{
    struct secured *s = of(t);
    int some = *n < SSL3_RT_MAX_PLAIN_LENGTH ? (int)*n : SSL3_RT_MAX_PLAIN_LENGTH;
    ERR_clear_error();
    return outcome(s, SSL_write(s->ssl, p, some), n);
}

static void secured_close(struct client_transport *t)
{
    struct secured *s = of(t);
    if (s->ssl && SSL_is_init_finished(s->ssl)) {
        ERR_clear_error();
        SSL_shutdown(s->ssl); /* says so, and waits for nobody */
    }
    SSL_free(s->ssl);
    s->socket->ops->close(s->socket);
    free(s->text);
    free(s->host);
    free(s);
}

static const struct client_transport_ops ops = {secured_connect, secured_recv, secured_send,
                                                secured_close};

struct client_transport *client_tls_open(struct client_tls *tls, struct client_transport *socket,
                                         const struct client_endpoint *at)
{
    struct secured *s = mem_zalloc(sizeof(*s));
    s->base = (struct client_transport){&ops, socket->fd, socket->wants_write};
    s->socket = socket;
    s->tls = tls;
    s->text = mem_strdup(at->text);
    if (at->host) { /* none is this machine; a dot at the end is not part of a certificate's name */
        size_t n = strlen(at->host);
        n -= n > 1 && at->host[n - 1] == '.';
        s->host = n ? mem_printf("%.*s", (int)n, at->host) : mem_strdup("localhost");
    }
    return &s->base;
}
