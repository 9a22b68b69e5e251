#include "api/peer_url.h"

#include "base/cc.h"

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct slice trim(struct slice s)
{
    while (s.n > 0 && is_blank(s.p[0]))
        s = slice_skip(s, 1);
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

static bool all_print(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
            return false;
    return true;
}

/* What stands before the first of these bytes, or all. */
static struct slice up_to(struct slice s, const char *bytes)
{
    for (size_t i = 0; i < s.n; i++)
        if (strchr(bytes, s.p[i]))
            return slice_of(s.p, i);
    return s;
}

static bool is_port(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return true;
}

/* An IPv6 address, perhaps with a zone (%25 and a name). */
static bool is_bracketed(struct slice s)
{
    size_t colons = 0;
    struct slice address = up_to(s, "%");
    for (size_t i = 0; i < address.n; i++) {
        uint8_t c = address.p[i] | 0x20;
        colons += c == ':';
        if (c != ':' && c != '.' && !(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
            return false;
    }
    struct slice zone = slice_skip(s, address.n);
    return colons >= 2 && (zone.n == 0 || (zone.n > 3 && slice_has_prefix(zone, SLICE_LIT("%25"))));
}

/* HOST:PORT, perhaps behind USER@. */
static bool is_authority(struct slice s)
{
    for (size_t i = s.n; i > 0; i--)
        if (s.p[i - 1] == '@') {
            s = slice_skip(s, i);
            break;
        }
    if (s.n > 0 && s.p[0] == '[') {
        struct slice inside = up_to(slice_skip(s, 1), "]");
        struct slice behind = slice_skip(s, 1 + inside.n);
        return behind.n >= 2 && behind.p[1] == ':' && is_bracketed(inside) &&
               is_port(slice_skip(behind, 2));
    }
    struct slice host = up_to(s, ":\\^`{|}%[]");
    return host.n < s.n && s.p[host.n] == ':' && is_port(slice_skip(s, host.n + 1));
}

struct slice peer_url_parse(struct slice in, struct arena *arena)
{
    static const char *const schemes[] = {"http", "https", "unix", "unixs"};
    struct slice given = trim(in);
    struct slice scheme = up_to(given, ":");
    if (scheme.n == given.n || !all_print(given))
        return (struct slice){0};
    uint8_t *p = arena_alloc(arena, given.n);
    memcpy(p, given.p, given.n);
    for (size_t i = 0; i < scheme.n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] |= 0x20;
    struct slice url = slice_of(p, given.n);
    scheme.p = p;
    size_t which = 0;
    while (which < ARRAY_LEN(schemes) && !slice_eq(scheme, slice_str(schemes[which])))
        which++;
    if (which == ARRAY_LEN(schemes))
        return (struct slice){0};
    if (schemes[which][0] == 'u')
        return url;
    struct slice rest = slice_skip(url, scheme.n + 1);
    if (!slice_has_prefix(rest, SLICE_LIT("//")))
        return (struct slice){0};
    rest = slice_skip(rest, 2);
    struct slice authority = up_to(rest, "/?#");
    bool path = authority.n < rest.n && rest.p[authority.n] == '/';
    return !path && is_authority(authority) ? url : (struct slice){0};
}
