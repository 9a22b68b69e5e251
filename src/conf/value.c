#include "conf/value.h"

#include "base/mem.h"
#include "base/must.h"
#include "conf/gates.h"
#include "conf/quote.h"

#include <stdlib.h>

#define DURATION_MAX ((uint64_t)INT64_MAX)

/* The base that a literal's prefix gives, and the text behind the prefix. */
static unsigned number_base(const char **text)
{
    const char *s = *text;
    if (s[0] != '0' || s[1] == '\0')
        return 10;
    *text = s + 2;
    switch (s[1]) {
    case 'x':
    case 'X':
        return 16;
    case 'b':
    case 'B':
        return 2;
    case 'o':
    case 'O':
        return 8;
    default:
        *text = s + 1;
        return 8;
    }
}

static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A') + 10;
    return UINT32_MAX;
}

enum rc conf_parse_uint(const char *text, uint64_t max, uint64_t *out)
{
    const char *s = text;
    unsigned base = number_base(&s);
    bool digit_before = s != text; /* an underscore stands between digits, or after a prefix */
    bool any = false;
    bool over = false;
    uint64_t v = 0;
    for (; *s; s++) {
        if (*s == '_') {
            if (!digit_before)
                return RC_MALFORMED;
            digit_before = false;
            continue;
        }
        unsigned d = digit_value(*s);
        if (d >= base)
            return RC_MALFORMED;
        over = over || __builtin_mul_overflow(v, (uint64_t)base, &v) ||
               __builtin_add_overflow(v, (uint64_t)d, &v);
        digit_before = any = true;
    }
    if (!any || !digit_before)
        return RC_MALFORMED;
    if (over || v > max)
        return RC_LIMIT;
    *out = v;
    return RC_OK;
}

enum rc conf_parse_int(const char *text, int64_t *out)
{
    bool negative = *text == '-';
    uint64_t v = 0;
    if (*text == '-' || *text == '+')
        text++;
    enum rc rc = conf_parse_uint(text, (uint64_t)INT64_MAX + negative, &v);
    if (rc != RC_OK)
        return rc;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return RC_OK;
}

enum rc conf_parse_bool(const char *text, bool *out)
{
    static const char *const yes[] = {"1", "t", "T", "TRUE", "true", "True"};
    static const char *const no[] = {"0", "f", "F", "FALSE", "false", "False"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *out = strcmp(text, yes[i]) == 0;
            return RC_OK;
        }
    }
    return RC_MALFORMED;
}

/* The length of a unit's name at text, and its nanoseconds; 0 if there is no unit. */
static size_t duration_unit(const char *text, uint64_t *ns)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {
        {"ns", 1},           {"us", 1000},      {"\xc2\xb5s", 1000}, /* micro sign */
        {"\xce\xbcs", 1000},                                         /* Greek mu */
        {"ms", 1000000},     {"s", 1000000000}, {"m", 60000000000},  {"h", 3600000000000},
    };
    size_t n = strcspn(text, ".0123456789");
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (n == strlen(units[i].name) && memcmp(text, units[i].name, n) == 0) {
            *ns = units[i].ns;
            return n;
        }
    }
    return 0;
}

/* One number with its unit, as 1.5h. Advances text. */
static enum rc duration_term(const char **text, uint64_t *out)
{
    const char *s = *text;
    uint64_t whole = 0;
    uint64_t part = 0;  /* digits behind the point, as many as fit */
    uint64_t scale = 1; /* ten to their number */
    bool any = false;
    for (; *s >= '0' && *s <= '9'; s++, any = true) {
        if (__builtin_mul_overflow(whole, (uint64_t)10, &whole) ||
            __builtin_add_overflow(whole, (uint64_t)(*s - '0'), &whole))
            return RC_MALFORMED;
    }
    if (*s == '.') {
        for (s++; *s >= '0' && *s <= '9'; s++, any = true) {
            if (scale < 100000000000000000) {
                part = part * 10 + (uint64_t)(*s - '0');
                scale *= 10;
            }
        }
    }
    uint64_t unit = 0;
    size_t n = any ? duration_unit(s, &unit) : 0;
    if (n == 0 || __builtin_mul_overflow(whole, unit, &whole))
        return RC_MALFORMED;
    *out = whole + (uint64_t)((double)part * ((double)unit / (double)scale));
    *text = s + n;
    return *out < whole ? RC_MALFORMED : RC_OK;
}

enum rc conf_parse_duration(const char *text, int64_t *out)
{
    bool negative = *text == '-';
    uint64_t total = 0;
    if (*text == '-' || *text == '+')
        text++;
    if (strcmp(text, "0") == 0) {
        *out = 0;
        return RC_OK;
    }
    if (*text == '\0')
        return RC_MALFORMED;
    while (*text) {
        uint64_t term = 0;
        enum rc rc = duration_term(&text, &term);
        if (rc != RC_OK)
            return rc;
        if (__builtin_add_overflow(total, term, &total) || total > DURATION_MAX)
            return RC_MALFORMED;
    }
    *out = negative ? -(int64_t)total : (int64_t)total;
    return RC_OK;
}

enum rc conf_parse_choice(const char *choices, const char *text, unsigned *out)
{
    size_t n = strlen(text);
    unsigned index = 0;
    for (const char *s = choices;; index++) {
        size_t len = strcspn(s, "|");
        if (len == n && memcmp(s, text, n) == 0) {
            *out = index;
            return RC_OK;
        }
        if (s[len] == '\0')
            return RC_NOT_FOUND;
        s += len + 1;
    }
}

static bool strings_have(const struct conf_strings *strings, struct slice text)
{
    for (size_t i = 0; i < strings->n; i++) {
        if (slice_eq(slice_str(strings->v[i]), text))
            return true;
    }
    return false;
}

void conf_parse_strings(const char *text, struct conf_strings *out)
{
    *out = (struct conf_strings){0};
    while (*text) {
        struct slice item = slice_of(text, strcspn(text, ","));
        if (!strings_have(out, item)) {
            out->v = mem_realloc(out->v, (out->n + 1) * sizeof(*out->v));
            out->v[out->n++] = mem_printf("%.*s", (int)item.n, (const char *)item.p);
        }
        text += item.n + (text[item.n] == ',');
    }
}

void conf_strings_fini(struct conf_strings *strings)
{
    for (size_t i = 0; i < strings->n; i++)
        free(strings->v[i]);
    free(strings->v);
    *strings = (struct conf_strings){0};
}

/* "" leaves the default in place, as etcd's URL flags do. */
static enum rc check_urls(const char *text, struct err *err)
{
    struct conf_urls urls = {0};
    if (*text == '\0')
        return RC_OK;
    enum rc rc = conf_urls_parse(slice_str(text), &urls, err);
    if (rc == RC_OK)
        conf_urls_fini(&urls);
    return rc;
}

/* Go's flag package words a wrong number so. */
static enum rc number_err(enum rc rc, struct err *err)
{
    if (rc == RC_OK)
        return RC_OK;
    return err_set(err, rc, rc == RC_LIMIT ? "value out of range" : "parse error");
}

/* etcd's own uint32 flag passes strconv's words on. */
static enum rc uint32_err(enum rc rc, const char *text, struct err *err)
{
    char quoted[CONF_QUOTED_MAX];
    if (rc == RC_OK)
        return RC_OK;
    return err_set(err, rc, "strconv.ParseUint: parsing %s: %s",
                   conf_quote(slice_str(text), quoted),
                   rc == RC_LIMIT ? "value out of range" : "invalid syntax");
}

enum rc conf_value_check(const struct conf_flag *flag, const char *text, struct err *err)
{
    bool b = false;
    int64_t i = 0;
    uint64_t u = 0;
    unsigned choice = 0;
    struct conf_gates gates;
    switch (flag->type) {
    case CONF_BOOL:
        return number_err(conf_parse_bool(text, &b), err);
    case CONF_CHOICE:
        if (flag->bad || conf_parse_choice(flag->choices, text, &choice) == RC_OK)
            return RC_OK;
        return err_set(err, RC_INVALID, "invalid value");
    case CONF_DURATION:
        return number_err(conf_parse_duration(text, &i), err);
    case CONF_GATES:
        return conf_gates_parse(text, &gates, err);
    case CONF_INT:
        return number_err(conf_parse_int(text, &i), err);
    case CONF_UINT:
        return number_err(conf_parse_uint(text, UINT64_MAX, &u), err);
    case CONF_UINT32:
        return uint32_err(conf_parse_uint(text, UINT32_MAX, &u), text, err);
    case CONF_URLS:
        return check_urls(text, err);
    case CONF_STRING:
    case CONF_STRINGS:
        return RC_OK;
    }
    must(false);
    return RC_INVALID;
}

bool conf_value_same(const struct conf_flag *flag, const char *a, const char *b)
{
    int64_t i[2] = {0};
    uint64_t u[2] = {0};
    bool bools[2] = {0};
    switch (flag->type) {
    case CONF_BOOL:
        return conf_parse_bool(a, &bools[0]) == RC_OK && conf_parse_bool(b, &bools[1]) == RC_OK &&
               bools[0] == bools[1];
    case CONF_DURATION:
        return conf_parse_duration(a, &i[0]) == RC_OK && conf_parse_duration(b, &i[1]) == RC_OK &&
               i[0] == i[1];
    case CONF_INT:
        return conf_parse_int(a, &i[0]) == RC_OK && conf_parse_int(b, &i[1]) == RC_OK &&
               i[0] == i[1];
    case CONF_UINT:
    case CONF_UINT32:
        return conf_parse_uint(a, UINT64_MAX, &u[0]) == RC_OK &&
               conf_parse_uint(b, UINT64_MAX, &u[1]) == RC_OK && u[0] == u[1];
    case CONF_CHOICE:
    case CONF_GATES:
    case CONF_STRING:
    case CONF_STRINGS:
    case CONF_URLS:
        return strcmp(a, b) == 0;
    }
    must(false);
    return false;
}

void conf_value_store(const struct conf_flag *flag, const char *text, struct conf *out)
{
    must(flag->field != CONF_NO_FIELD);
    void *field = (char *)out + flag->field;
    unsigned choice = 0;
    enum rc rc = RC_OK;
    _Static_assert(sizeof(enum log_level) == sizeof(choice), "enums are stored as unsigned");
    switch (flag->type) {
    case CONF_BOOL:
        rc = conf_parse_bool(text, field);
        break;
    case CONF_CHOICE:
        rc = conf_parse_choice(flag->choices, text, &choice);
        memcpy(field, &choice, sizeof(choice));
        break;
    case CONF_GATES:
        rc = conf_gates_parse(text, field, NULL);
        break;
    case CONF_INT:
        rc = conf_parse_int(text, field);
        break;
    case CONF_UINT:
        rc = conf_parse_uint(text, UINT64_MAX, field);
        break;
    case CONF_UINT32: {
        uint64_t u = 0;
        rc = conf_parse_uint(text, UINT32_MAX, &u);
        *(uint32_t *)field = (uint32_t)u;
        break;
    }
    case CONF_STRING:
        *(char **)field = mem_strdup(text);
        break;
    case CONF_STRINGS:
        conf_parse_strings(text, field);
        break;
    case CONF_URLS:
        if (*text)
            rc = conf_urls_parse(slice_str(text), field, NULL);
        break;
    case CONF_DURATION:
        rc = conf_parse_duration(text, field);
        break;
    }
    must(rc == RC_OK);
}
