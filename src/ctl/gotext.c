#include "ctl/gotext.h"

#include "base/must.h"
#include "wire/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Runes beyond ASCII that strconv.IsPrint refuses: controls, spaces, formats, private use. */
static bool is_hidden(uint32_t rune)
{
    static const struct {
        uint32_t first;
        uint32_t last;
    } hidden[] = {
        {0x80, 0xa0},       {0xad, 0xad},        {0x600, 0x605},   {0x61c, 0x61c},
        {0x6dd, 0x6dd},     {0x70f, 0x70f},      {0x1680, 0x1680}, {0x180e, 0x180e},
        {0x2000, 0x200f},   {0x2028, 0x202f},    {0x205f, 0x206f}, {0x3000, 0x3000},
        {0xd800, 0xf8ff},   {0xfeff, 0xfeff},    {0xfff0, 0xfffb}, {0xfffe, 0xffff},
        {0xe0000, 0xe00ff}, {0xe01f0, 0x10ffff},
    };
    for (size_t i = 0; i < ARRAY_LEN(hidden); i++) {
        if (rune >= hidden[i].first && rune <= hidden[i].last)
            return true;
    }
    return false;
}

/* The rune at the front and its length; 0 when that is not UTF-8. */
static size_t rune_first(struct slice s, uint32_t *rune)
{
    size_t n = utf8_len(s);
    *rune = n == 1 ? s.p[0] : s.p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        *rune = *rune << 6 | (s.p[i] & 0x3f);
    return n;
}

static void quote_ascii(uint8_t c, struct buf *out)
{
    static const char named[] = "\aa\bb\ff\nn\rr\tt\vv\"\"\\\\";
    for (const char *p = named; *p; p += 2) {
        if (c == (uint8_t)*p) {
            buf_printf(out, "\\%c", p[1]);
            return;
        }
    }
    if (c < 0x20 || c == 0x7f)
        buf_printf(out, "\\x%02x", c);
    else
        buf_append_u8(out, c);
}

void go_quote(struct slice text, struct buf *out)
{
    buf_append_u8(out, '"');
    while (text.n > 0) {
        uint32_t rune = 0;
        size_t n = rune_first(text, &rune);
        if (n == 0)
            buf_printf(out, "\\x%02x", text.p[0]);
        else if (n == 1)
            quote_ascii(text.p[0], out);
        else if (!is_hidden(rune))
            buf_append(out, text.p, n);
        else
            buf_printf(out, rune < 0x10000 ? "\\u%04x" : "\\U%08x", rune);
        text = slice_skip(text, n ? n : 1);
    }
    buf_append_u8(out, '"');
}

void go_hex(struct slice bytes, struct buf *out)
{
    for (size_t i = 0; i < bytes.n; i++)
        buf_printf(out, "\\x%02x", bytes.p[i]);
}

/* Durations (Go's time.Duration.String and time.ParseDuration) */

#define US INT64_C(1000)
#define MS (1000 * US)
#define S  (1000 * MS)
#define M  (60 * S)
#define H  (60 * M)

/* v / unit with as many decimals as it has. */
static void print_fraction(uint64_t v, uint64_t unit, struct buf *out)
{
    buf_printf(out, "%llu", (unsigned long long)(v / unit));
    uint64_t rest = v % unit;
    if (rest == 0)
        return;
    buf_append_u8(out, '.');
    for (; rest > 0; rest = rest * 10 % unit)
        buf_printf(out, "%llu", (unsigned long long)(rest * 10 / unit));
}

void go_duration(int64_t ns, struct buf *out)
{
    uint64_t v = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    if (ns < 0)
        buf_append_u8(out, '-');
    if (v == 0 || v >= (uint64_t)S) {
        uint64_t hours = v / (uint64_t)H;
        uint64_t minutes = v / (uint64_t)M % 60;
        if (hours > 0)
            buf_printf(out, "%lluh", (unsigned long long)hours);
        if (hours > 0 || minutes > 0)
            buf_printf(out, "%llum", (unsigned long long)minutes);
        print_fraction(v % (uint64_t)M, (uint64_t)S, out);
        buf_append_str(out, "s");
    } else if (v < (uint64_t)US) {
        buf_printf(out, "%lluns", (unsigned long long)v);
    } else {
        print_fraction(v, v < (uint64_t)MS ? (uint64_t)US : (uint64_t)MS, out);
        buf_append_str(out, v < (uint64_t)MS ? "µs" : "ms");
    }
}

static int64_t unit_of(struct slice name)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {{"ns", 1},  {"us", US}, {"µs", US}, {"μs", US},
                 {"ms", MS}, {"s", S},   {"m", M},   {"h", H}};
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (slice_eq(name, slice_str(units[i].name)))
            return units[i].ns;
    }
    return 0;
}

static enum rc bad_text(const char *what, const char *text, const char *why, struct err *err)
{
    struct buf quoted = {0};
    go_quote(slice_str(text), &quoted);
    enum rc rc =
        err_set(err, RC_MALFORMED, "%s %.*s%s", what, (int)quoted.n, (const char *)quoted.p, why);
    buf_fini(&quoted);
    return rc;
}

/* One number with its unit; p is moved behind it. RC_END: the unit is missing or unknown, as *unit
 * says. */
static enum rc duration_part(const char **p, double *ns, struct slice *unit)
{
    static const char numeric[] = "0123456789.";
    char number[64] = {0};
    size_t digits = strspn(*p, numeric);
    if (digits == 0 || digits >= sizeof(number) || strcmp(*p, ".") == 0)
        return RC_MALFORMED;
    memcpy(number, *p, digits);
    char *end;
    double v = strtod(number, &end);
    if (*end) /* two points, or nothing but one */
        return RC_MALFORMED;
    *unit = slice_of(*p + digits, strcspn(*p + digits, numeric));
    *p += digits + unit->n;
    if (unit_of(*unit) == 0)
        return RC_END;
    *ns += v * (double)unit_of(*unit);
    return *ns < 9.2e18 ? RC_OK : RC_MALFORMED;
}

enum rc go_duration_parse(const char *text, int64_t *ns, struct err *err)
{
    const char *p = text;
    bool negative = *p == '-';
    double sum = 0;
    struct slice unit = {0};
    if (*p == '-' || *p == '+')
        p++;
    if (strcmp(p, "0") == 0) {
        *ns = 0;
        return RC_OK;
    }
    enum rc rc = *p ? RC_OK : RC_MALFORMED;
    while (rc == RC_OK && *p)
        rc = duration_part(&p, &sum, &unit);
    if (rc == RC_MALFORMED)
        return bad_text("time: invalid duration", text, "", err);
    if (rc == RC_END && unit.n == 0)
        return bad_text("time: missing unit in duration", text, "", err);
    if (rc == RC_END) {
        char what[64];
        snprintf(what, sizeof(what), "time: unknown unit \"%.*s\" in duration",
                 (int)(unit.n < 16 ? unit.n : 16), (const char *)unit.p);
        return bad_text(what, text, "", err);
    }
    *ns = (int64_t)(negative ? -sum : sum);
    return RC_OK;
}

/* Errors of the system */

void go_errno(int error, struct buf *out)
{
    char room[128];
    const char *text = strerror_r(error, room, sizeof(room));
    buf_append_u8(out, (uint8_t)tolower((unsigned char)*text));
    buf_append_str(out, *text ? text + 1 : "");
}

/* Numbers */

static enum rc number_error(const char *func, const char *text, bool range, struct err *err)
{
    char what[64];
    snprintf(what, sizeof(what), "strconv.%s: parsing", func);
    return bad_text(what, text, range ? ": value out of range" : ": invalid syntax", err);
}

/* The digits behind sign and prefix; base is settled. NULL: no digits, or something else. */
static const char *digits_of(const char *p, int *base)
{
    if (*base == 0) {
        int kind = *p == '0' ? p[1] | 0x20 : 0;
        *base = kind == 'x' ? 16 : kind == 'b' ? 2 : *p == '0' && p[1] ? 8 : 10;
        p += kind == 'x' || kind == 'b' || kind == 'o' ? 2 : 0;
    }
    /* strtoull would take spaces, signs and prefixes here. */
    const char *digits = *base == 16 ? "0123456789abcdefABCDEF" : "0123456789";
    size_t n = strspn(p, digits);
    return n > 0 && p[n] == 0 ? p : NULL;
}

/* The magnitude of a number. */
static enum rc parse(const char *text, bool is_signed, int base, uint64_t *v, struct err *err)
{
    const char *func = is_signed ? "ParseInt" : "ParseUint";
    bool has_sign = is_signed && (*text == '-' || *text == '+');
    uint64_t max = is_signed ? (uint64_t)INT64_MAX + (*text == '-') : UINT64_MAX;
    const char *digits = digits_of(text + has_sign, &base);
    char *end = NULL;
    errno = 0;
    unsigned long long parsed = digits ? strtoull(digits, &end, base) : 0;
    if (!digits || *end)
        return number_error(func, text, false, err);
    if (errno == ERANGE || parsed > max)
        return number_error(func, text, true, err);
    *v = parsed;
    return RC_OK;
}

enum rc go_int_parse(const char *text, int base, int64_t *v, struct err *err)
{
    uint64_t magnitude = 0;
    enum rc rc = parse(text, true, base, &magnitude, err);
    if (rc == RC_OK)
        *v = (int64_t)(*text == '-' ? 0 - magnitude : magnitude);
    return rc;
}

enum rc go_uint_parse(const char *text, int base, uint64_t *v, struct err *err)
{
    return parse(text, false, base, v, err);
}

enum rc go_bool_parse(const char *text, bool *v, struct err *err)
{
    static const char *const words[] = {"1", "t", "T", "true",  "TRUE",  "True",
                                        "0", "f", "F", "false", "FALSE", "False"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(text, words[i]) == 0) {
            *v = i < ARRAY_LEN(words) / 2;
            return RC_OK;
        }
    }
    return number_error("ParseBool", text, false, err);
}

/* go-humanize's Bytes: one decimal below ten, none above, rounded half up. */
void go_size(uint64_t bytes, struct buf *out)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    if (bytes < 10) {
        buf_printf(out, "%llu B", (unsigned long long)bytes);
        return;
    }
    size_t unit = 0;
    double scale = 1;
    while (unit + 1 < ARRAY_LEN(units) && (double)bytes >= scale * 1000) {
        scale *= 1000;
        unit++;
    }
    double tenths = (double)(uint64_t)((double)bytes / scale * 10 + 0.5);
    buf_printf(out, tenths < 100 ? "%.1f %s" : "%.0f %s", tenths / 10, units[unit]);
}
