#include "state/downgrade.h"

#include "base/must.h"
#include "state/inner.h"

#include <stdio.h>

#define KEY_DOWNGRADE "downgrade"

const char *state_downgrade(const struct state *s)
{
    return s->downgrade;
}

/* One number of a version; no leading zero, as semver has it. */
static bool number(struct slice *in, unsigned *out)
{
    size_t n = 0;
    unsigned v = 0;
    while (n < in->n && n < 6 && in->p[n] >= '0' && in->p[n] <= '9')
        v = v * 10 + (unsigned)(in->p[n++] - '0');
    if (n == 0 || (n > 1 && in->p[0] == '0'))
        return false;
    *in = slice_skip(*in, n);
    *out = v;
    return true;
}

static bool dot(struct slice *in)
{
    if (in->n == 0 || in->p[0] != '.')
        return false;
    *in = slice_skip(*in, 1);
    return true;
}

enum etcd_error downgrade_parse(struct slice text, unsigned *major, unsigned *minor)
{
    unsigned v[3] = {0};
    bool ok = number(&text, &v[0]) && dot(&text) && number(&text, &v[1]);
    if (ok && text.n > 0)
        ok = dot(&text) && number(&text, &v[2]);
    /* A pre-release or build behind it is semver's, and dropped as the patch number is. */
    if (!ok || (text.n > 0 && text.p[0] != '-' && text.p[0] != '+'))
        return ETCD_WRONG_DOWNGRADE_VERSION_FORMAT;
    *major = v[0];
    *minor = v[1];
    return ETCD_OK;
}

enum etcd_error downgrade_check(const char *from, unsigned major, unsigned minor)
{
    unsigned have_major;
    unsigned have_minor;
    enum etcd_error e = downgrade_parse(slice_str(from), &have_major, &have_minor);
    must(e == ETCD_OK);
    return major == have_major && minor + 1 == have_minor ? ETCD_OK
                                                          : ETCD_INVALID_DOWNGRADE_TARGET_VERSION;
}

static void set_target(struct state *s, unsigned major, unsigned minor)
{
    snprintf(s->downgrade, sizeof(s->downgrade), "%u.%u.0", major, minor);
}

/* The answer names the version that the cluster had until now, as etcd's does. */
void apply_downgrade(struct state *s, const struct pb_downgrade_info_set_request *r,
                     struct state_reply *reply)
{
    char before[DOWNGRADE_VERSION_MAX] = "";
    unsigned major = 0;
    unsigned minor = 0;
    if (s->downgrade[0] && downgrade_parse(slice_str(s->downgrade), &major, &minor) == ETCD_OK)
        snprintf(before, sizeof(before), "%u.%u", major, minor);
    s->downgrade[0] = '\0';
    if (r->enabled && downgrade_parse(r->ver, &major, &minor) == ETCD_OK) {
        set_target(s, major, minor);
        if (!before[0])
            snprintf(before, sizeof(before), "%u.%u", major, minor + 1);
    }
    pending_put(&s->pending, TABLE_META, SLICE_LIT(KEY_DOWNGRADE), slice_str(s->downgrade));
    struct pb_response_header h = state_header(s, reply->raft_term);
    struct pb_downgrade_response out = {.header = &h, .version = slice_str(before)};
    wire_encode(&wire_downgrade_response, &out, &reply->body);
}

enum rc downgrade_restore(struct state *s, struct err *err)
{
    struct slice v;
    unsigned major;
    unsigned minor;
    enum rc rc = storage_get(s->opt.storage, TABLE_META, SLICE_LIT(KEY_DOWNGRADE), &v);
    if (rc == RC_NOT_FOUND || (rc == RC_OK && v.n == 0))
        return RC_OK;
    if (rc == RC_OK && downgrade_parse(v, &major, &minor) == ETCD_OK)
        set_target(s, major, minor);
    if (rc == RC_OK && !slice_eq(v, slice_str(s->downgrade))) /* else as we write it */
        rc = RC_CORRUPT;
    return rc == RC_OK
               ? RC_OK
               : err_set(err, rc, "the stored downgrade target is damaged (%s)", rc_text(rc));
}
