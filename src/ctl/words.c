#include "ctl/words.h"

#include "ctl/gotext.h"
#include "wire/utf8.h"

#include <stdlib.h>

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct slice words_trim(struct slice s)
{
    while (s.n > 0 && is_space(s.p[0]))
        s = slice_skip(s, 1);
    while (s.n > 0 && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* Quotes */

/* The number of n digits at the front; false when they are not all there. */
static bool take_digits(struct slice *s, size_t n, int base, uint32_t *v)
{
    char digits[9];
    char *end;
    if (s->n < n)
        return false;
    memcpy(digits, s->p, n);
    digits[n] = 0;
    *v = (uint32_t)strtoul(digits, &end, base);
    bool all = end == digits + n && digits[0] != '+' && digits[0] != '-' && digits[0] != ' ';
    *s = slice_skip(*s, n);
    return all;
}

/* What stands behind a backslash. */
static bool take_escape(struct slice *s, struct buf *out)
{
    static const char named[] = "a\ab\bf\fn\nr\rt\tv\v\\\\\"\"";
    uint8_t c = s->p[0];
    uint32_t v = 0;
    for (const char *p = named; *p; p += 2) {
        if (c == (uint8_t)*p) {
            buf_append_u8(out, (uint8_t)p[1]);
            *s = slice_skip(*s, 1);
            return true;
        }
    }
    if (c >= '0' && c <= '7') {
        if (!take_digits(s, 3, 8, &v) || v > 255)
            return false;
        buf_append_u8(out, (uint8_t)v);
        return true;
    }
    *s = slice_skip(*s, 1);
    if (c == 'x' && take_digits(s, 2, 16, &v)) {
        buf_append_u8(out, (uint8_t)v);
        return true;
    }
    size_t n = c == 'u' ? 4 : 8;
    if ((c != 'u' && c != 'U') || !take_digits(s, n, 16, &v) || v > 0x10ffff ||
        (v >= 0xd800 && v < 0xe000))
        return false;
    utf8_append(v, out);
    return true;
}

/* The bytes of a quoted text; s is what stands between the quotes. */
static bool unquote(struct slice s, struct buf *out)
{
    while (s.n > 0) {
        uint8_t c = s.p[0];
        s = slice_skip(s, 1);
        if (c != '\\')
            buf_append_u8(out, c);
        else if (s.n == 0 || !take_escape(&s, out))
            return false;
    }
    return true;
}

/* The length of the quoted text at the front, quotes included; 0 when it is not closed. */
static size_t quoted_len(struct slice s)
{
    uint8_t quote = s.p[0];
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == quote)
            return i + 1;
        if (s.p[i] == '\\' && quote == '"')
            i++;
    }
    return 0;
}

static char *keep(struct arena *arena, struct slice s)
{
    char *text = arena_alloc(arena, s.n + 1);
    if (s.n > 0)
        memcpy(text, s.p, s.n);
    text[s.n] = 0;
    return text;
}

enum rc words_split(struct slice line, struct arena *arena, struct words *out, struct err *err)
{
    out->n = 0;
    while ((line = words_trim(line)).n > 0) {
        struct buf text = {0};
        bool quoted = line.p[0] == '"' || line.p[0] == '\'';
        size_t n = quoted ? quoted_len(line) : 0;
        if (quoted && n == 0) { /* a quote that is never closed */
            line = slice_skip(line, 1);
            continue;
        }
        while (!quoted && n < line.n && !is_space(line.p[n]))
            n++;
        struct slice inner = quoted ? slice_of(line.p + 1, n - 2) : slice_of(line.p, n);
        bool fine = true;
        if (line.p[0] == '"')
            fine = unquote(inner, &text);
        else
            buf_append_slice(&text, inner);
        line = slice_skip(line, n);
        if (fine && out->n < WORDS_MAX)
            out->v[out->n++] = keep(arena, buf_slice(&text));
        else if (fine)
            fine = err_set(err, RC_LIMIT, "more than %d words in a line", WORDS_MAX) == RC_OK;
        else
            err_set(err, RC_INVALID, "invalid syntax");
        buf_fini(&text);
        if (!fine)
            return err->rc;
    }
    out->v[out->n] = NULL;
    return RC_OK;
}

/* Comparisons */

struct comparison {
    struct slice target;
    struct buf key;
    struct slice op;
    struct buf value;
};

static bool take_quoted(struct slice *s, struct buf *out)
{
    while (s->n > 0 && is_space(s->p[0]))
        *s = slice_skip(*s, 1);
    size_t n = s->n > 0 && s->p[0] == '"' ? quoted_len(*s) : 0;
    if (n == 0 || !unquote(slice_of(s->p + 1, n - 2), out))
        return false;
    *s = slice_skip(*s, n);
    return true;
}

/* Whether the whole pattern is there; what came before a difference is set. */
static bool take_comparison(struct slice s, struct comparison *c)
{
    if (!take_quoted(&s, &c->key) || s.n == 0 || s.p[0] != ')')
        return false;
    s = words_trim(slice_skip(s, 1));
    size_t n = 0;
    while (n < s.n && !is_space(s.p[n]))
        n++;
    c->op = slice_of(s.p, n);
    s = slice_skip(s, n);
    return n > 0 && take_quoted(&s, &c->value);
}

static bool set_target(struct comparison *c, struct arena *arena, struct pb_compare *out,
                       struct err *err)
{
    static const struct {
        const char *name;
        int32_t target;
        uint32_t field;
    } targets[] = {
        {"ver", PB_COMPARE_TARGET_VERSION, PB_TARGET_VERSION},
        {"version", PB_COMPARE_TARGET_VERSION, PB_TARGET_VERSION},
        {"c", PB_COMPARE_TARGET_CREATE, PB_TARGET_CREATE_REVISION},
        {"create", PB_COMPARE_TARGET_CREATE, PB_TARGET_CREATE_REVISION},
        {"m", PB_COMPARE_TARGET_MOD, PB_TARGET_MOD_REVISION},
        {"mod", PB_COMPARE_TARGET_MOD, PB_TARGET_MOD_REVISION},
        {"val", PB_COMPARE_TARGET_VALUE, PB_TARGET_VALUE},
        {"value", PB_COMPARE_TARGET_VALUE, PB_TARGET_VALUE},
        {"lease", PB_COMPARE_TARGET_LEASE, PB_TARGET_LEASE},
    };
    size_t i = 0;
    while (i < ARRAY_LEN(targets) && !slice_eq(c->target, slice_str(targets[i].name)))
        i++;
    if (i == ARRAY_LEN(targets))
        return err_set(err, RC_INVALID, " (unknown target %.*s)", (int)c->target.n,
                       (const char *)c->target.p) == RC_OK;
    out->target = targets[i].target;
    out->target_union_case = targets[i].field;
    if (out->target == PB_COMPARE_TARGET_VALUE) {
        out->value = arena_copy(arena, buf_slice(&c->value));
        return true;
    }
    /* Lease IDs are hexadecimal wherever people write them. */
    int base = out->target == PB_COMPARE_TARGET_LEASE ? 16 : 10;
    int64_t v = 0;
    if (go_int_parse(keep(arena, buf_slice(&c->value)), base, &v, NULL) != RC_OK)
        return false;
    int64_t *const at[] = {
        [PB_COMPARE_TARGET_VERSION] = &out->version,
        [PB_COMPARE_TARGET_CREATE] = &out->create_revision,
        [PB_COMPARE_TARGET_MOD] = &out->mod_revision,
        [PB_COMPARE_TARGET_LEASE] = &out->lease,
    };
    *at[out->target] = v;
    return true;
}

static bool set_result(const struct comparison *c, struct pb_compare *out, struct err *err)
{
    static const struct {
        const char *op;
        int32_t result;
    } results[] = {{"=", PB_COMPARE_RESULT_EQUAL},
                   {"!=", PB_COMPARE_RESULT_NOT_EQUAL},
                   {">", PB_COMPARE_RESULT_GREATER},
                   {"<", PB_COMPARE_RESULT_LESS}};
    for (size_t i = 0; i < ARRAY_LEN(results); i++) {
        if (slice_eq(c->op, slice_str(results[i].op))) {
            out->result = results[i].result;
            return true;
        }
    }
    return err_set(err, RC_INVALID, " (unknown operator %.*s)", (int)c->op.n,
                   (const char *)c->op.p) == RC_OK;
}

static enum rc incomplete(struct slice line, const struct comparison *c, struct err *err)
{
    struct buf key = {0};
    struct buf value = {0};
    go_quote(buf_slice(&c->key), &key);
    go_quote(buf_slice(&c->value), &value);
    enum rc rc = err_set(err, RC_INVALID, "malformed comparison: %.*s; got %.*s(%.*s) %.*s %.*s",
                         (int)line.n, (const char *)line.p, (int)c->target.n,
                         (const char *)c->target.p, (int)key.n, (const char *)key.p, (int)c->op.n,
                         (const char *)c->op.p, (int)value.n, (const char *)value.p);
    buf_fini(&key);
    buf_fini(&value);
    return rc;
}

enum rc words_compare(struct slice line, struct arena *arena, struct pb_compare *out,
                      struct err *err)
{
    const uint8_t *paren = line.n ? memchr(line.p, '(', line.n) : NULL;
    struct comparison c = {0};
    struct err why = {0};
    *out = (struct pb_compare){0};
    if (!paren)
        return err_set(err, RC_INVALID, "malformed comparison: %.*s", (int)line.n,
                       (const char *)line.p);
    c.target = slice_of(line.p, (size_t)(paren - line.p));
    enum rc rc = RC_OK;
    if (!take_comparison(slice_skip(line, c.target.n + 1), &c)) {
        rc = incomplete(line, &c, err);
    } else if (set_result(&c, out, &why) && set_target(&c, arena, out, &why)) {
        out->key = arena_copy(arena, buf_slice(&c.key));
    } else {
        const char *what = why.text[0] ? "malformed comparison" : "invalid txn compare request";
        rc = err_set(err, RC_INVALID, "%s: %.*s%s", what, (int)line.n, (const char *)line.p,
                     why.text);
    }
    buf_fini(&c.key);
    buf_fini(&c.value);
    return rc;
}
