#include "http/h1_parse.h"

#include <strings.h>

#define H1_LENGTH_DIGITS 18u /* of Content-Length: below 2^63 */
#define H1_CHUNK_DIGITS  15u /* of a chunk's size: below 2^60 */

enum {
    IN_TOKEN = 1,  /* RFC 9110 5.6.2: methods, field names */
    IN_TARGET = 2, /* visible US-ASCII without '#' */
    IN_HOST = 4,   /* RFC 3986 3.2.2 and a port; no userinfo */
    IN_VALUE = 8,  /* RFC 9110 5.5: visible, space, tab and the upper half */
};

/* What each byte may stand in. */
static unsigned byte_class(uint8_t c)
{
    if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
        return IN_TOKEN | IN_TARGET | IN_HOST | IN_VALUE;
    unsigned set = 0;
    if (c != 0 && strchr("!#$%&'*+-.^_`|~", c))
        set |= IN_TOKEN;
    if (c > ' ' && c < 0x7f && c != '#')
        set |= IN_TARGET;
    if (c != 0 && strchr("-._~%!$&'()*+,;=:[]", c))
        set |= IN_HOST;
    if (c == '\t' || (c >= ' ' && c != 0x7f))
        set |= IN_VALUE;
    return set;
}

static bool all_in(struct slice s, unsigned set)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(byte_class(s.p[i]) & set))
            return false;
    return true;
}

bool h1_may_begin(uint8_t c)
{
    return byte_class(c) & IN_TOKEN;
}

enum h1_found h1_scan_head(struct h1_scan *scan, struct slice in)
{
    while (scan->at < in.n) {
        const uint8_t *lf = memchr(in.p + scan->at, '\n', in.n - scan->at);
        if (!lf) {
            scan->at = in.n;
            return H1_FOUND_NOTHING;
        }
        size_t end = (size_t)(lf - in.p);
        scan->at = end + 1;
        if (end == scan->line || in.p[end - 1] != '\r')
            return H1_FOUND_BAD; /* a bare LF */
        bool empty = end - 1 == scan->line;
        scan->line = end + 1;
        if (empty)
            return H1_FOUND_HEAD;
    }
    return H1_FOUND_NOTHING;
}

static const struct h1_refusal accepted = {0, NULL};

static struct h1_refusal bad(const char *why)
{
    return (struct h1_refusal){400, why};
}

/* Cut the part of *in before the first sep, and sep. False: there is none. */
static bool cut(struct slice *in, const char *sep, struct slice *out)
{
    size_t n = strlen(sep);
    const uint8_t *at = in->n ? memmem(in->p, in->n, sep, n) : NULL;
    if (!at)
        return false;
    *out = slice_of(in->p, (size_t)(at - in->p));
    *in = slice_skip(*in, out->n + n);
    return true;
}

static struct slice trim(struct slice s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = slice_skip(s, 1);
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

static bool equal_fold(struct slice s, const char *lit)
{
    return s.n == strlen(lit) && strncasecmp((const char *)s.p, lit, s.n) == 0;
}

static bool prefix_fold(struct slice s, const char *lit)
{
    size_t n = strlen(lit);
    return s.n >= n && strncasecmp((const char *)s.p, lit, n) == 0;
}

/* RFC 9112 3.2: origin-form, absolute-form, or * for OPTIONS. */
static struct h1_refusal parse_target(struct slice target, struct http_stream *s)
{
    struct http_request *r = &s->request;
    if (target.n == 0 || !all_in(target, IN_TARGET))
        return bad("malformed request target");
    if (target.p[0] == '/') {
        r->path = arena_copy(&s->arena, target);
        return accepted;
    }
    if (slice_eq(target, SLICE_LIT("*")) && slice_eq(r->method, SLICE_LIT("OPTIONS"))) {
        r->path = SLICE_LIT("*");
        return accepted;
    }
    size_t scheme = prefix_fold(target, "http://") ? 7 : prefix_fold(target, "https://") ? 8 : 0;
    if (scheme == 0)
        return bad("request target is neither a path nor an http URI");
    struct slice rest = slice_skip(target, scheme);
    size_t n = 0;
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    struct slice authority = slice_of(rest.p, n);
    if (n == 0 || !all_in(authority, IN_HOST))
        return bad("malformed authority in request target");
    r->authority = arena_copy(&s->arena, authority);
    rest = slice_skip(rest, n);
    if (rest.n && rest.p[0] == '/') {
        r->path = arena_copy(&s->arena, rest);
        return accepted;
    }
    uint8_t *path = arena_alloc(&s->arena, rest.n + 1); /* no path, perhaps a query */
    path[0] = '/';
    if (rest.n)
        memcpy(path + 1, rest.p, rest.n);
    r->path = slice_of(path, rest.n + 1);
    return accepted;
}

static struct h1_refusal parse_version(struct slice v, struct h1_head *out)
{
    if (!slice_has_prefix(v, SLICE_LIT("HTTP/")) || v.n != 8 || v.p[5] < '0' || v.p[5] > '9' ||
        v.p[6] != '.' || v.p[7] < '0' || v.p[7] > '9')
        return bad("malformed HTTP version");
    if (v.p[5] != '1' || v.p[7] > '1')
        return (struct h1_refusal){505, "unsupported protocol version"};
    out->minor = (unsigned)(v.p[7] - '0');
    return accepted;
}

static struct h1_refusal parse_request_line(struct slice line, struct http_stream *s,
                                            struct h1_head *out)
{
    struct slice method;
    struct slice target;
    if (!cut(&line, " ", &method) || !cut(&line, " ", &target))
        return bad("malformed request line");
    if (method.n == 0 || !all_in(method, IN_TOKEN))
        return bad("malformed method");
    struct h1_refusal no = parse_version(line, out);
    if (no.status)
        return no;
    s->request.method = arena_copy(&s->arena, method);
    if (!http_stream_count(s, method.n, target.n))
        return (struct h1_refusal){431, "request target too long"};
    return parse_target(target, s);
}

static struct h1_refusal parse_field(struct slice line, struct http_stream *s)
{
    struct slice name;
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return bad("folded header line"); /* RFC 9112 5.2 */
    if (!cut(&line, ":", &name) || name.n == 0 || !all_in(name, IN_TOKEN))
        return bad("malformed header name"); /* also white space before the colon: 5.1 */
    if (!all_in(line, IN_VALUE))
        return bad("control character in header value");
    uint8_t *lower = arena_alloc(&s->arena, name.n);
    for (size_t i = 0; i < name.n; i++)
        lower[i] = name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] | 0x20 : name.p[i];
    if (!http_stream_add(s, slice_of(lower, name.n), trim(line)))
        return (struct h1_refusal){431, "header list too large"};
    return accepted;
}

/* What decides how the request is framed and where it is meant to go. */
struct fields {
    struct slice length;
    struct slice coding;
    struct slice host;
    struct slice expect;
    bool close;
    bool keep_alive;
};

bool h1_has_token(const struct http_request *r, const char *name, const char *token)
{
    bool found = false;
    for (size_t i = 0; i < r->header_count; i++) {
        struct slice list = r->headers[i].value;
        struct slice item;
        if (!slice_eq(r->headers[i].name, slice_str(name)))
            continue;
        while (cut(&list, ",", &item))
            found |= equal_fold(trim(item), token);
        found |= equal_fold(trim(list), token);
    }
    return found;
}

static struct h1_refusal collect(const struct http_request *r, struct fields *f)
{
    static const struct {
        const char *name;
        const char *twice;
        size_t at;
    } single[] = {
        {"content-length", "more than one Content-Length", offsetof(struct fields, length)},
        {"transfer-encoding", "more than one Transfer-Encoding", offsetof(struct fields, coding)},
        {"host", "more than one Host header", offsetof(struct fields, host)},
        {"expect", "more than one Expect header", offsetof(struct fields, expect)},
    };
    f->close = h1_has_token(r, "connection", "close");
    f->keep_alive = h1_has_token(r, "connection", "keep-alive");
    for (size_t i = 0; i < r->header_count; i++) {
        struct slice name = r->headers[i].name;
        for (size_t k = 0; k < ARRAY_LEN(single); k++) {
            struct slice *slot = (struct slice *)(void *)((char *)f + single[k].at);
            if (!slice_eq(name, slice_str(single[k].name)))
                continue;
            if (slot->p)
                return bad(single[k].twice);
            *slot = r->headers[i].value;
        }
    }
    return accepted;
}

static struct h1_refusal judge_host(const struct fields *f, struct http_stream *s,
                                    const struct h1_head *out)
{
    if (!f->host.p)
        return out->minor == 1 ? bad("missing required Host header") : accepted;
    if (!all_in(f->host, IN_HOST))
        return bad("malformed Host header");
    if (s->request.authority.n == 0) /* RFC 9112 3.2.2: an absolute target goes before Host */
        s->request.authority = f->host;
    return accepted;
}

static struct h1_refusal judge_length(struct slice v, struct h1_head *out)
{
    if (v.n == 0 || v.n > H1_LENGTH_DIGITS)
        return bad("malformed Content-Length");
    out->length = 0;
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] < '0' || v.p[i] > '9')
            return bad("malformed Content-Length");
        out->length = out->length * 10 + (v.p[i] - '0');
    }
    out->framing = out->length ? H1_LENGTH : H1_NO_BODY;
    return accepted;
}

/* RFC 9112 6.3. Both fields at once, or the coding in 1.0, is how smuggling begins. */
static struct h1_refusal judge_framing(const struct fields *f, struct h1_head *out)
{
    out->framing = H1_NO_BODY;
    if (f->coding.p && f->length.p)
        return bad("both Content-Length and Transfer-Encoding");
    if (f->length.p)
        return judge_length(f->length, out);
    if (!f->coding.p)
        return accepted;
    if (out->minor == 0)
        return bad("Transfer-Encoding in HTTP/1.0");
    if (!equal_fold(f->coding, "chunked"))
        return (struct h1_refusal){501, "unsupported transfer encoding"};
    out->framing = H1_CHUNKED;
    return accepted;
}

static struct h1_refusal judge(struct http_stream *s, struct h1_head *out)
{
    struct fields f = {0};
    struct h1_refusal no = collect(&s->request, &f);
    if (!no.status)
        no = judge_host(&f, s, out);
    if (!no.status)
        no = judge_framing(&f, out);
    if (no.status)
        return no;
    if (f.expect.p && out->minor == 1) {
        if (!equal_fold(f.expect, "100-continue"))
            return (struct h1_refusal){417, "unknown expectation"};
        out->expect_continue = out->framing != H1_NO_BODY;
    }
    out->keep_alive = !f.close && (out->minor == 1 || f.keep_alive);
    return accepted;
}

struct h1_refusal h1_parse_head(struct slice in, struct http_stream *s, struct h1_head *out)
{
    struct h1_head head = {0};
    struct slice line;
    if (!cut(&in, "\r\n", &line))
        return bad("malformed request line");
    s->request.version = 1;
    struct h1_refusal no = parse_request_line(line, s, &head);
    while (!no.status && cut(&in, "\r\n", &line) && line.n)
        no = parse_field(line, s);
    if (!no.status && slice_eq(s->request.method, SLICE_LIT("CONNECT")))
        no = (struct h1_refusal){405, "nothing here tunnels"};
    if (!no.status)
        no = judge(s, &head);
    if (!no.status)
        *out = head;
    return no;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte of a chunk's size line. */
static bool size_byte(struct h1_chunks *c, uint8_t b)
{
    if (++c->line > H1_CHUNK_LINE_MAX)
        return false;
    if (c->state == H1_CHUNK_EXTENSION) {
        if (b == '\r')
            c->state = H1_CHUNK_SIZE_LF;
        return b == '\r' || (++c->waste <= H1_CHUNK_WASTE && (byte_class(b) & IN_VALUE));
    }
    int digit = hex_digit(b);
    if (digit >= 0) {
        c->state = H1_CHUNK_SIZE;
        c->left = c->left << 4 | (uint64_t)digit;
        return c->line <= H1_CHUNK_DIGITS;
    }
    if (c->state != H1_CHUNK_SIZE || (b != '\r' && b != ';'))
        return false;
    c->state = b == ';' ? H1_CHUNK_EXTENSION : H1_CHUNK_SIZE_LF;
    return true;
}

/* One byte of the trailer section: lines of fields, checked and dropped, then an empty one. */
static bool trailer_byte(struct h1_chunks *c, uint8_t b)
{
    if (++c->line > H1_TRAILER_MAX)
        return false;
    if (c->state == H1_TRAILER_FIRST) {
        c->state = b == '\r' ? H1_CHUNKS_LF : H1_TRAILER_NAME;
        return b == '\r' || (byte_class(b) & IN_TOKEN);
    }
    if (c->state == H1_TRAILER_NAME) {
        if (b == ':')
            c->state = H1_TRAILER_VALUE;
        return b == ':' || (byte_class(b) & IN_TOKEN);
    }
    if (b == '\r')
        c->state = H1_TRAILER_LF;
    return b == '\r' || (byte_class(b) & IN_VALUE);
}

/* Any byte but a chunk's own. */
static bool chunk_byte(struct h1_chunks *c, uint8_t b)
{
    static const enum h1_chunk_state after_lf[] = {
        [H1_CHUNK_DATA_LF] = H1_CHUNK_SIZE_FIRST,
        [H1_TRAILER_LF] = H1_TRAILER_FIRST,
        [H1_CHUNKS_LF] = H1_CHUNKS_END,
    };
    switch (c->state) {
    case H1_CHUNK_SIZE_FIRST:
    case H1_CHUNK_SIZE:
    case H1_CHUNK_EXTENSION:
        return size_byte(c, b);
    case H1_CHUNK_SIZE_LF:
        c->state = c->left ? H1_CHUNK_DATA : H1_TRAILER_FIRST;
        c->line = 0;
        return b == '\n';
    case H1_CHUNK_DATA_CR:
        c->state = H1_CHUNK_DATA_LF;
        return b == '\r';
    case H1_CHUNK_DATA_LF:
    case H1_TRAILER_LF:
    case H1_CHUNKS_LF:
        c->state = after_lf[c->state];
        return b == '\n';
    case H1_TRAILER_FIRST:
    case H1_TRAILER_NAME:
    case H1_TRAILER_VALUE:
        return trailer_byte(c, b);
    case H1_CHUNK_DATA:
    case H1_CHUNKS_END:
        break;
    }
    return false;
}

enum h1_step h1_chunks_next(struct h1_chunks *c, struct slice *in, size_t max, struct slice *piece)
{
    while (in->n && c->state != H1_CHUNKS_END) {
        if (c->state == H1_CHUNK_DATA) {
            size_t n = c->left < in->n ? (size_t)c->left : in->n;
            n = n < max ? n : max;
            *piece = slice_of(in->p, n);
            *in = slice_skip(*in, n);
            c->left -= n;
            if (c->left == 0)
                c->state = H1_CHUNK_DATA_CR;
            return H1_STEP_PIECE;
        }
        uint8_t b = in->p[0];
        *in = slice_skip(*in, 1);
        if (!chunk_byte(c, b))
            return H1_STEP_BAD;
    }
    return c->state == H1_CHUNKS_END ? H1_STEP_END : H1_STEP_MORE;
}
