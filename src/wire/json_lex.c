#include "wire/json_lex.h"

#include "wire/utf8.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- Failing ---- */

/* Lines and columns count from 1; columns count characters. */
static void place(struct slice all, size_t pos, size_t *line, size_t *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < pos && i < all.n; i++) {
        if (all.p[i] == '\n') {
            ++*line;
            *column = 1;
        } else {
            *column += (all.p[i] & 0xc0) != 0x80;
        }
    }
}

PRINTF(4, 0)
static void fail_at(struct json_lex *l, size_t pos, const char *head, const char *fmt, va_list args)
{
    size_t line;
    size_t column;
    place(l->all, pos, &line, &column);
    int n = snprintf(l->why, sizeof(l->why), "proto: %s(line %zu:%zu): ", head, line, column);
    vsnprintf(l->why + n, sizeof(l->why) - (size_t)n, fmt, args);
}

void json_fail(struct json_lex *l, enum rc rc, size_t pos, const char *fmt, ...)
{
    va_list args;
    if (l->failed != RC_OK)
        return;
    l->failed = rc;
    va_start(args, fmt);
    fail_at(l, pos, "", fmt, args);
    va_end(args);
}

void json_fail_syntax(struct json_lex *l, size_t pos, const char *fmt, ...)
{
    va_list args;
    if (l->failed != RC_OK)
        return;
    l->failed = RC_MALFORMED;
    va_start(args, fmt);
    fail_at(l, pos, "syntax error ", fmt, args);
    va_end(args);
}

void json_fail_end(struct json_lex *l)
{
    if (l->failed != RC_OK)
        return;
    l->failed = RC_MALFORMED;
    snprintf(l->why, sizeof(l->why), "unexpected EOF");
}

static bool is_word_byte(uint8_t c)
{
    return c == '-' || c == '+' || c == '.' || c == '_' || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* The bytes of the word at s: letters and digits, else one byte. */
static size_t word_len(struct slice s)
{
    size_t n = 0;
    while (n < s.n && n < JSON_QUOTE_MAX && is_word_byte(s.p[n]))
        n++;
    return n ? n : s.n > 0;
}

void json_fail_unexpected(struct json_lex *l, size_t pos)
{
    if (pos >= l->all.n) {
        json_fail_end(l);
        return;
    }
    struct slice rest = slice_skip(l->all, pos);
    struct slice word = slice_of(rest.p, word_len(rest));
    bool known = (rest.p[0] && strchr("{}[],:\"", rest.p[0])) || json_number_len(rest) > 0 ||
                 slice_eq(word, SLICE_LIT("null")) || slice_eq(word, SLICE_LIT("true")) ||
                 slice_eq(word, SLICE_LIT("false"));
    if (rest.p[0] == '"') {
        const uint8_t *end = rest.n > 1 ? memchr(rest.p + 1, '"', rest.n - 1) : NULL;
        word.n = end ? (size_t)(end - rest.p) + 1 : rest.n;
        word.n = word.n < JSON_QUOTE_MAX ? word.n : JSON_QUOTE_MAX;
    }
    json_fail_syntax(l, pos, "%s %.*s", known ? "unexpected token" : "invalid value", (int)word.n,
                     (const char *)word.p);
}

/* ---- Words ---- */

uint8_t json_peek(struct json_lex *l)
{
    if (l->failed != RC_OK)
        return 0;
    while (l->at < l->all.n) {
        uint8_t c = l->all.p[l->at];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            return c;
        l->at++;
    }
    return 0;
}

bool json_take(struct json_lex *l, uint8_t c)
{
    if (json_peek(l) != c || l->at == l->all.n)
        return false;
    l->at++;
    return true;
}

bool json_take_word(struct json_lex *l, const char *word)
{
    struct slice want = slice_str(word);
    if (json_peek(l) != want.p[0])
        return false;
    struct slice rest = slice_skip(l->all, l->at);
    if (!slice_has_prefix(rest, want) || (rest.n > want.n && is_word_byte(rest.p[want.n])))
        return false;
    l->at += want.n;
    return true;
}

/* Four hexadecimal digits at s. */
static bool hex4(struct slice s, uint32_t *out)
{
    uint32_t v = 0;
    if (s.n < 4)
        return false;
    for (size_t i = 0; i < 4; i++) {
        uint8_t c = s.p[i];
        uint8_t lower = c | 0x20;
        if (c >= '0' && c <= '9')
            v = v << 4 | (uint32_t)(c - '0');
        else if (lower >= 'a' && lower <= 'f')
            v = v << 4 | (uint32_t)(lower - 'a' + 10);
        else
            return false;
    }
    *out = v;
    return true;
}

/* The escape at s, which begins behind the backslash: its length, 0 when it is none. Surrogates
 * come in pairs (RFC 8259 7). */
static size_t unescape(struct slice s, struct buf *out)
{
    static const char plain[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    const char *found = s.n && s.p[0] ? strchr(plain, s.p[0]) : NULL;
    uint32_t c;
    uint32_t low;
    if (found) {
        buf_append_u8(out, (uint8_t)meant[found - plain]);
        return 1;
    }
    if (s.n == 0 || s.p[0] != 'u' || !hex4(slice_skip(s, 1), &c))
        return 0;
    if (c < 0xd800 || c > 0xdfff) {
        utf8_append(c, out);
        return 5;
    }
    if (c > 0xdbff || s.n < 11 || s.p[5] != '\\' || s.p[6] != 'u' ||
        !hex4(slice_skip(s, 7), &low) || low < 0xdc00 || low > 0xdfff)
        return 0;
    utf8_append(0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00), out);
    return 11;
}

/* From begin up to the quote, or the first byte that needs more than being copied. */
static size_t plain_run(struct slice s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] >= ' ' && s.p[n] != '"' && s.p[n] != '\\')
        n++;
    return n;
}

/* The rest of a string with escapes; at stands on the first of them. */
static struct slice string_escaped(struct json_lex *l, struct slice head, struct buf *scratch)
{
    buf_clear(scratch);
    buf_append_slice(scratch, head);
    for (;;) {
        struct slice rest = slice_skip(l->all, l->at);
        if (rest.n == 0) {
            json_fail_end(l);
            break;
        }
        if (rest.p[0] == '"') {
            l->at++;
            return buf_slice(scratch);
        }
        size_t n = plain_run(rest);
        buf_append(scratch, rest.p, n);
        if (n == 0 && rest.p[0] == '\\') {
            n = unescape(slice_skip(rest, 1), scratch);
            if (n == 0) {
                json_fail_syntax(l, l->at, "invalid escape code in string");
                break;
            }
            n++;
        } else if (n == 0) {
            json_fail_syntax(l, l->at, "invalid character 0x%02x in string", rest.p[0]);
            break;
        }
        l->at += n;
    }
    return (struct slice){0};
}

struct slice json_string(struct json_lex *l, struct buf *scratch)
{
    if (!json_take(l, '"')) {
        json_fail_unexpected(l, l->at);
        return (struct slice){0};
    }
    size_t begin = l->at;
    struct slice rest = slice_skip(l->all, begin);
    struct slice found = slice_of(rest.p, plain_run(rest));
    l->at += found.n;
    if (found.n < rest.n && rest.p[found.n] == '"')
        l->at++;
    else
        found = string_escaped(l, found, scratch);
    if (l->failed == RC_OK && !utf8_valid(found))
        json_fail_syntax(l, begin - 1, "invalid UTF-8 in string");
    return l->failed == RC_OK ? found : (struct slice){0};
}

struct slice json_name(struct json_lex *l, struct buf *scratch)
{
    struct slice name = json_string(l, scratch);
    if (l->failed != RC_OK || json_take(l, ':'))
        return name;
    if (json_peek(l) == 0) {
        json_fail_unexpected(l, l->at);
        return (struct slice){0};
    }
    json_fail_syntax(l, l->at, "unexpected character %c, missing \":\" after field name",
                     l->all.p[l->at] < ' ' ? '?' : l->all.p[l->at]);
    return (struct slice){0};
}

bool json_more(struct json_lex *l, uint8_t end, bool *first)
{
    if (json_take(l, end))
        return false;
    if (!*first && !json_take(l, ',')) {
        json_fail_unexpected(l, l->at);
        return false;
    }
    if (!*first && json_peek(l) == end) { /* a comma, and nothing behind it */
        json_fail_unexpected(l, l->at);
        return false;
    }
    *first = false;
    if (json_peek(l) == 0)
        json_fail_unexpected(l, l->at);
    return l->failed == RC_OK;
}

/* ---- Numbers ---- */

static size_t digits(struct slice s, size_t at)
{
    size_t n = 0;
    while (at + n < s.n && s.p[at + n] >= '0' && s.p[at + n] <= '9')
        n++;
    return n;
}

size_t json_number_len(struct slice s)
{
    size_t n = s.n > 0 && s.p[0] == '-';
    size_t whole = digits(s, n);
    if (whole == 0 || (whole > 1 && s.p[n] == '0'))
        return 0;
    n += whole;
    if (n < s.n && s.p[n] == '.') {
        size_t more = digits(s, n + 1);
        if (more == 0)
            return 0;
        n += 1 + more;
    }
    if (n < s.n && (s.p[n] | 0x20) == 'e') {
        n++;
        n += n < s.n && (s.p[n] == '+' || s.p[n] == '-');
        size_t more = digits(s, n);
        if (more == 0)
            return 0;
        n += more;
    }
    return n < s.n && is_word_byte(s.p[n]) ? 0 : n;
}

struct slice json_number(struct json_lex *l)
{
    json_peek(l);
    struct slice rest = slice_skip(l->all, l->at);
    size_t n = l->failed == RC_OK ? json_number_len(rest) : 0;
    if (n == 0)
        json_fail_unexpected(l, l->at);
    l->at += n;
    return slice_of(rest.p, n);
}

/* The exponent, its sign included; far beyond any use it stays where it is. */
static int64_t exponent(struct slice s, size_t at)
{
    bool negative = at < s.n && s.p[at] == '-';
    int64_t v = 0;
    at += at < s.n && (s.p[at] == '-' || s.p[at] == '+');
    for (; at < s.n; at++)
        v = v < 1000000000 ? v * 10 + (s.p[at] - '0') : v;
    return negative ? -v : v;
}

bool json_number_whole(struct slice number, bool *negative, uint64_t *out)
{
    struct slice s = number;
    *negative = s.n > 0 && s.p[0] == '-';
    if (*negative)
        s = slice_skip(s, 1);
    size_t whole_n = digits(s, 0);
    bool has_fraction = whole_n < s.n && s.p[whole_n] == '.';
    size_t fraction_n = has_fraction ? digits(s, whole_n + 1) : 0;
    size_t digit_n = whole_n + fraction_n;
    size_t behind = digit_n + has_fraction;
    /* Where the point is, counted in digits from the left. */
    int64_t point = (int64_t)whole_n + (behind < s.n ? exponent(s, behind + 1) : 0);
    uint64_t v = 0;
    for (size_t i = 0; i < digit_n; i++) {
        uint64_t digit = (uint64_t)(s.p[i < whole_n ? i : i + 1] - '0');
        if ((int64_t)i >= point) {
            if (digit != 0)
                return false;
        } else if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, digit, &v)) {
            return false;
        }
    }
    for (int64_t i = (int64_t)digit_n; i < point && v != 0; i++)
        if (__builtin_mul_overflow(v, 10u, &v))
            return false;
    *out = v;
    return true;
}

/* ---- Skipping ---- */

/* One bit for each open array or object: is it an object? */
struct nest {
    uint8_t bits[JSON_DEPTH_MAX / 8];
    unsigned depth;
};
_Static_assert(JSON_DEPTH_MAX % 8 == 0, "whole bytes");

static void open_nest(struct json_lex *l, struct nest *n, bool object)
{
    if (n->depth == JSON_DEPTH_MAX) {
        json_fail(l, RC_LIMIT, l->at, "exceeded max recursion depth");
        return;
    }
    uint8_t bit = (uint8_t)(1u << n->depth % 8);
    n->bits[n->depth / 8] =
        (uint8_t)(object ? n->bits[n->depth / 8] | bit : n->bits[n->depth / 8] & (uint8_t)~bit);
    n->depth++;
}

static void skip_scalar(struct json_lex *l, struct buf *scratch)
{
    if (json_peek(l) == '"')
        json_string(l, scratch);
    else if (!json_take_word(l, "null") && !json_take_word(l, "true") &&
             !json_take_word(l, "false"))
        json_number(l);
}

void json_skip(struct json_lex *l, struct buf *scratch)
{
    struct nest n = {.depth = 0};
    bool first = false;
    do {
        if (n.depth > 0) { /* within: another member or element, or the end of this one */
            bool object = n.bits[(n.depth - 1) / 8] >> (n.depth - 1) % 8 & 1;
            if (!json_more(l, object ? '}' : ']', &first)) {
                n.depth--;
                first = false;
                continue;
            }
            if (object)
                json_name(l, scratch);
        }
        uint8_t c = json_peek(l);
        first = c == '{' || c == '[';
        if (first) {
            json_take(l, c);
            open_nest(l, &n, c == '{');
        } else {
            skip_scalar(l, scratch);
        }
    } while (n.depth > 0 && l->failed == RC_OK);
}

/* ---- The end of a value ---- */

static void span_byte(struct json_span *s, uint8_t c)
{
    if (s->escaped)
        s->escaped = false;
    else if (s->in_string && c == '\\')
        s->escaped = true;
    else if (c == '"')
        s->in_string = !s->in_string;
    else if (!s->in_string && (c == '{' || c == '['))
        s->depth++;
    else if (!s->in_string && (c == '}' || c == ']'))
        s->depth--;
}

size_t json_span_feed(struct json_span *s, struct slice piece, bool *complete)
{
    *complete = false;
    for (size_t i = 0; i < piece.n; i++) {
        uint8_t c = piece.p[i];
        if (!s->begun) {
            if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
                continue;
            s->begun = true;
            if (c != '{') { /* no request; the decoder says why */
                *complete = true;
                return piece.n;
            }
        }
        span_byte(s, c);
        if (s->depth == 0) {
            *complete = true;
            return i + 1;
        }
    }
    return piece.n;
}
