#include "http/h2_head.h"

#include "base/wr.h"

#include <strings.h>

#define H2_LENGTH_DIGITS 18u /* of content-length: below 2^63 */

enum {
    IN_NAME = 1,   /* RFC 9110 5.6.2 without upper case: RFC 9113 8.2.1 */
    IN_METHOD = 2, /* RFC 9110 5.6.2 */
    IN_SCHEME = 4, /* RFC 3986 3.1 */
    IN_TOKEN = IN_NAME | IN_METHOD,
    IN_ALL = IN_TOKEN | IN_SCHEME,
};

/* What each byte may stand in. */
__extension__ static const uint8_t byte_class[256] = {
    ['a' ... 'z'] = IN_ALL, ['0' ... '9'] = IN_ALL, ['A' ... 'Z'] = IN_METHOD | IN_SCHEME,
    ['+'] = IN_ALL,         ['-'] = IN_ALL,         ['.'] = IN_ALL,
    ['!'] = IN_TOKEN,       ['#'] = IN_TOKEN,       ['$'] = IN_TOKEN,
    ['%'] = IN_TOKEN,       ['&'] = IN_TOKEN,       ['\''] = IN_TOKEN,
    ['*'] = IN_TOKEN,       ['^'] = IN_TOKEN,       ['_'] = IN_TOKEN,
    ['`'] = IN_TOKEN,       ['|'] = IN_TOKEN,       ['~'] = IN_TOKEN,
};

static bool all_in(struct slice s, uint8_t set)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(byte_class[s.p[i]] & set))
            return false;
    return s.n > 0;
}

/* RFC 9110 5.5: no control byte but the tab. 0x7f counts to them, as for Go. */
static bool each_is_fine(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
            return false;
    return true;
}

#define EACH(byte) (UINT64_MAX / 255 * (byte)) /* eight of them */

/* Whether any of eight bytes is below n, at most 128: subtracting borrows into its high bit. */
static bool any_below(uint64_t eight, uint8_t n)
{
    return (eight - EACH(n)) & ~eight & EACH(128);
}

static bool any_control(const uint8_t *p)
{
    uint64_t eight = load_u64(p);
    return any_below(eight, ' ') || any_below(eight ^ EACH(0x7f), 1);
}

/* Most values have no control byte, not even a tab, which eight bytes at a time can tell. */
static bool value_is_fine(struct slice s)
{
    bool look = s.n < 8;
    for (size_t i = 0; i + 8 <= s.n && !look; i += 8)
        look = any_control(s.p + i);
    if (!look)
        look = any_control(s.p + s.n - 8);
    return !look || each_is_fine(s);
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static bool has_space_around(struct slice s)
{
    return s.n > 0 && (is_space(s.p[0]) || is_space(s.p[s.n - 1]));
}

static struct slice trim(struct slice s)
{
    while (s.n > 0 && is_space(s.p[0]))
        s = slice_skip(s, 1);
    while (s.n > 0 && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

static bool set_length(struct h2_head *head, struct slice value)
{
    if (head->has_length || value.n == 0 || value.n > H2_LENGTH_DIGITS)
        return false;
    head->has_length = true;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return false;
        head->length = head->length * 10 + (value.p[i] - '0');
    }
    return true;
}

static enum h2_field pseudo_named(struct slice name)
{
    if (slice_eq(name, SLICE_LIT(":method")))
        return H2_METHOD;
    if (slice_eq(name, SLICE_LIT(":scheme")))
        return H2_SCHEME;
    if (slice_eq(name, SLICE_LIT(":path")))
        return H2_PATH;
    if (slice_eq(name, SLICE_LIT(":authority")))
        return H2_AUTHORITY;
    return H2_BAD;
}

/* RFC 9113 8.3.1. An authority may be anything, and empty: nothing here is chosen by it. */
static bool pseudo_is_fine(enum h2_field field, struct slice value)
{
    switch (field) {
    case H2_METHOD:
        return all_in(value, IN_METHOD);
    case H2_SCHEME:
        return all_in(value, IN_SCHEME) && value.p[0] >= 'A';
    case H2_PATH:
        return value.n > 0 && !has_space_around(value);
    case H2_AUTHORITY:
        return !has_space_around(value);
    case H2_BAD:
    case H2_REGULAR:
        break;
    }
    return false;
}

static const char *judge_pseudo(struct h2_head *head, enum h2_field field, struct slice value)
{
    if (head->regular)
        return "pseudo header behind a regular one";
    if (field == H2_BAD)
        return "unknown pseudo header";
    if (head->pseudo & 1u << field)
        return "pseudo header twice";
    head->pseudo |= (uint8_t)(1u << field);
    if (field == H2_METHOD)
        head->connect = slice_eq(value, SLICE_LIT("CONNECT"));
    return pseudo_is_fine(field, value) ? NULL : "malformed pseudo header";
}

/* RFC 9113 8.2.2: what HTTP/1 says about its connection. */
static bool speaks_of_connection(struct slice name, struct slice value)
{
    if (slice_eq(name, SLICE_LIT("te")))
        return value.n != 0 &&
               (value.n != 8 || strncasecmp((const char *)value.p, "trailers", 8) != 0);
    return slice_eq(name, SLICE_LIT("connection")) || slice_eq(name, SLICE_LIT("keep-alive")) ||
           slice_eq(name, SLICE_LIT("proxy-connection")) ||
           slice_eq(name, SLICE_LIT("transfer-encoding")) || slice_eq(name, SLICE_LIT("upgrade"));
}

/* What holds in the head and in trailers. A pseudo header's colon is in no name. */
static const char *judge_regular(struct slice name, struct slice value)
{
    if (!all_in(name, IN_NAME))
        return "malformed field name";
    return speaks_of_connection(name, value) ? "connection-specific field" : NULL;
}

static const char *judge_framing(struct h2_head *head, struct slice name, struct slice value)
{
    if (slice_eq(name, SLICE_LIT("content-length")))
        return set_length(head, value) ? NULL : "malformed content-length";
    if (!slice_eq(name, SLICE_LIT("host")))
        return NULL;
    if (head->host)
        return "host twice";
    head->host = true;
    return NULL;
}

enum h2_field h2_head_field(struct h2_head *head, struct slice name, struct slice *value)
{
    if (!value_is_fine(*value)) {
        head->why = "control byte in a value";
        return H2_BAD;
    }
    if (name.n > 0 && name.p[0] == ':') {
        enum h2_field field = pseudo_named(name);
        head->why = judge_pseudo(head, field, *value);
        return head->why ? H2_BAD : field;
    }
    head->regular = true;
    /* RFC 9113 8.2.1 refuses spaces around a value. gRPC lets metadata have them, and Go's servers
     * take them; without them, the value is what RFC 9110 5.5 reads. */
    *value = trim(*value);
    head->why = judge_regular(name, *value);
    if (!head->why)
        head->why = judge_framing(head, name, *value);
    return head->why ? H2_BAD : H2_REGULAR;
}

bool h2_head_complete(struct h2_head *head)
{
    const unsigned authority = 1u << H2_AUTHORITY;
    const unsigned required = 1u << H2_METHOD | 1u << H2_SCHEME | 1u << H2_PATH;
    bool fine = (head->pseudo & required) == required;
    if (head->connect) /* RFC 9113 8.5 */
        fine = head->pseudo == (1u << H2_METHOD | authority);
    if (!fine)
        head->why = "pseudo headers do not make a request";
    return fine;
}

bool h2_head_body(struct h2_head *head, size_t n)
{
    if (!head->has_length)
        return true;
    if (n > head->length) {
        head->why = "body longer than content-length";
        return false;
    }
    head->length -= n;
    return true;
}

bool h2_head_body_complete(struct h2_head *head)
{
    if (!head->has_length || head->length == 0)
        return true;
    head->why = "body shorter than content-length";
    return false;
}

bool h2_head_trailer(struct h2_head *head, struct slice name, struct slice value)
{
    head->why =
        value_is_fine(value) ? judge_regular(name, trim(value)) : "control byte in a trailer";
    return !head->why;
}

bool h2_head_trailers_complete(struct h2_head *head, bool ended)
{
    if (ended)
        return h2_head_body_complete(head);
    head->why = "trailers that do not end the stream";
    return false;
}
