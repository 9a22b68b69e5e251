#include "pki/jwt.h"

#include "base/base64.h"
#include "base/mem.h"
#include "base/must.h"
#include "pki/jwt_key.h"

#include <jansson.h>
#include <stdlib.h>

#define REVISION_MAX 9007199254740992.0 /* 2^53: what a JSON number says exactly */

struct jwt {
    struct jwt_key *key;
    uint64_t ttl_s;
};

enum rc jwt_new(const struct jwt_options *opt, struct jwt **out, struct err *err)
{
    struct jwt_key *key = NULL;
    enum rc rc = jwt_key_new(opt, &key, err);
    if (rc != RC_OK)
        return rc;
    struct jwt *j = mem_zalloc(sizeof(*j));
    j->key = key;
    j->ttl_s = opt->ttl_s;
    *out = j;
    return RC_OK;
}

void jwt_free(struct jwt *j)
{
    if (!j)
        return;
    jwt_key_free(j->key);
    free(j);
}

bool jwt_may_sign(const struct jwt *j)
{
    return jwt_key_may_sign(j->key);
}

/* ---- Parts: base64 of the URL's alphabet, without padding (RFC 7515 2) ---- */

static void append_part(struct buf *out, struct slice in)
{
    size_t before = out->n;
    base64_encode(in, out);
    while (out->n > before && out->p[out->n - 1] == '=')
        out->n--;
    for (size_t i = before; i < out->n; i++) {
        if (out->p[i] == '+')
            out->p[i] = '-';
        else if (out->p[i] == '/')
            out->p[i] = '_';
    }
}

static enum rc read_part(struct slice in, struct buf *out)
{
    for (size_t i = 0; i < in.n; i++)
        if (strchr("+/=\r\n", in.p[i])) /* or a zero byte */
            return RC_MALFORMED;
    /* A multiple of 4 letters reads as padded; other lengths have none. */
    return base64_decode(in, out);
}

/* ---- Signing ---- */

static enum rc append_json(struct buf *out, json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (!text)
        return RC_UNSUPPORTED;
    append_part(out, slice_str(text));
    free(text);
    return RC_OK;
}

enum rc jwt_sign(const struct jwt *j, struct slice user, uint64_t revision, uint64_t now_s,
                 struct buf *out)
{
    struct buf text = {0};
    struct buf signature = {0};
    uint64_t expires_s = now_s + j->ttl_s;
    enum rc rc =
        append_json(&text, json_pack("{s:s,s:s}", "alg", jwt_key_method(j->key), "typ", "JWT"));
    buf_append_u8(&text, '.');
    if (rc == RC_OK)
        rc = append_json(&text, json_pack("{s:I,s:I,s:s%}", "exp", (json_int_t)expires_s,
                                          "revision", (json_int_t)revision, "username",
                                          user.n ? (const char *)user.p : "", user.n));
    if (rc == RC_OK)
        rc = jwt_key_sign(j->key, buf_slice(&text), &signature);
    if (rc == RC_OK) {
        buf_append_slice(out, buf_slice(&text));
        buf_append_u8(out, '.');
        append_part(out, buf_slice(&signature));
    }
    buf_fini(&text);
    buf_fini(&signature);
    return rc;
}

/* ---- Verifying ---- */

struct parts {
    struct slice header;
    struct slice claims;
    struct slice signature;
    struct slice signed_text; /* header and claims, with the dot */
};

static enum rc split(struct slice token, struct parts *out)
{
    const uint8_t *first = token.n > 0 ? memchr(token.p, '.', token.n) : NULL;
    const uint8_t *last = token.n > 0 ? memrchr(token.p, '.', token.n) : NULL;
    if (!first || first == last || token.n > JWT_BYTES_MAX)
        return RC_MALFORMED;
    size_t head = (size_t)(first - token.p);
    size_t text = (size_t)(last - token.p);
    *out = (struct parts){.header = slice_of(token.p, head),
                          .claims = slice_of(first + 1, text - head - 1),
                          .signature = slice_skip(token, text + 1),
                          .signed_text = slice_of(token.p, text)};
    return memchr(out->claims.p, '.', out->claims.n) ? RC_MALFORMED : RC_OK;
}

/* NULL: no JSON object. Numbers are as Go's decoder gives them: floating. */
static json_t *read_object(struct slice part)
{
    struct buf text = {0};
    json_t *value = NULL;
    if (read_part(part, &text) == RC_OK && text.n > 0)
        value = json_loadb((const char *)text.p, text.n, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL,
                           NULL);
    buf_fini(&text);
    if (value && !json_is_object(value)) {
        json_decref(value);
        value = NULL;
    }
    return value;
}

static enum rc check_header(const struct jwt *j, struct slice part)
{
    json_t *header = read_object(part);
    const char *alg = json_string_value(json_object_get(header, "alg"));
    enum rc rc = RC_MALFORMED;
    if (alg)
        rc = strcmp(alg, jwt_key_method(j->key)) == 0 ? RC_OK : RC_PERMISSION;
    json_decref(header);
    return rc;
}

static enum rc check_signature(const struct jwt *j, const struct parts *p)
{
    struct buf signature = {0};
    enum rc rc = read_part(p->signature, &signature);
    if (rc == RC_OK && !jwt_key_verify(j->key, p->signed_text, buf_slice(&signature)))
        rc = RC_PERMISSION;
    buf_fini(&signature);
    return rc;
}

/* A time of the token, in whole seconds; absent is fine. A negative one counts as 0. */
static enum rc read_time(const json_t *claims, const char *name, uint64_t absent, uint64_t *out)
{
    const json_t *value = json_object_get(claims, name);
    *out = absent;
    if (!value)
        return RC_OK;
    if (!json_is_real(value))
        return RC_MALFORMED;
    double seconds = json_real_value(value);
    if (seconds < 0)
        *out = 0;
    else
        *out = seconds >= REVISION_MAX ? UINT64_MAX : (uint64_t)seconds;
    return RC_OK;
}

/* RFC 7519 4.1.4, 4.1.5: not on or after exp, not before nbf. */
static enum rc check_times(const json_t *claims, uint64_t now_s, uint64_t *expires_s)
{
    uint64_t not_before = 0;
    enum rc rc = read_time(claims, "exp", UINT64_MAX, expires_s);
    if (rc == RC_OK)
        rc = read_time(claims, "nbf", 0, &not_before);
    if (rc == RC_OK && (now_s >= *expires_s || now_s < not_before))
        rc = RC_PERMISSION;
    return rc;
}

static enum rc read_claims(const json_t *claims, uint64_t now_s, struct jwt_claims *out)
{
    const json_t *user = json_object_get(claims, "username");
    const json_t *revision = json_object_get(claims, "revision");
    uint64_t expires_s = 0;
    enum rc rc = check_times(claims, now_s, &expires_s);
    if (rc != RC_OK)
        return rc;
    if (!json_is_string(user) || !json_is_real(revision) || json_real_value(revision) < 0 ||
        json_real_value(revision) > REVISION_MAX)
        return RC_MALFORMED;
    *out = (struct jwt_claims){.revision = (uint64_t)json_real_value(revision),
                               .expires_s = expires_s};
    buf_append(&out->user, json_string_value(user), json_string_length(user));
    return RC_OK;
}

enum rc jwt_verify(const struct jwt *j, struct slice token, uint64_t now_s, struct jwt_claims *out)
{
    struct parts p;
    enum rc rc = split(token, &p);
    if (rc == RC_OK)
        rc = check_header(j, p.header);
    if (rc == RC_OK)
        rc = check_signature(j, &p);
    if (rc != RC_OK)
        return rc;
    json_t *claims = read_object(p.claims); /* ours by now: nobody else's JSON is read */
    rc = claims ? read_claims(claims, now_s, out) : RC_MALFORMED;
    json_decref(claims);
    return rc;
}
