/* `moat verify`: do two servers have the same keys at a revision? Their hashes tell; where these
 * differ, the first key that does is named. */
#include "base/cc.h"
#include "cmd/cmd.h"
#include "cmd/flags.h"
#include "cmd/remote.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGE_KEYS 100 /* compared at once */
#define KEY_SHOWN 80  /* bytes of a key in a sentence */

enum { VERIFY_EQUAL, VERIFY_DIFFERS, VERIFY_FAILED };

struct side {
    struct remote remote;
    struct pb_hash_kv_response hash;
    struct arena arena; /* of the page */
    struct pb_range_response page;
    size_t at;       /* in the page */
    struct buf next; /* where the next page begins */
    bool more;
};

struct verify {
    struct side ours;
    struct side theirs;
    int64_t revision;
    struct err err;
};

static enum rc hash_side(struct verify *v, struct side *s)
{
    const struct pb_hash_kv_request ask = {.revision = v->revision};
    struct arena arena = {0};
    enum rc rc = remote_call(&s->remote, CLIENT_HASH_KV, &ask, &arena, &s->hash, &v->err);
    arena_fini(&arena);
    return rc;
}

/* ---- Key by key ---- */

static void begin_pages(struct side *s)
{
    buf_append_u8(&s->next, 0);
    s->more = true;
}

/* The side's next pair; NULL: there is none. */
static enum rc peek(struct verify *v, struct side *s, const struct pb_key_value **out)
{
    *out = NULL;
    if (s->at == s->page.kvs_n && s->more) {
        const struct pb_range_request ask = {.key = buf_slice(&s->next),
                                             .range_end = SLICE_LIT("\0"),
                                             .limit = PAGE_KEYS,
                                             .revision = v->revision};
        arena_fini(&s->arena);
        s->page = (struct pb_range_response){0};
        s->at = 0;
        enum rc rc = remote_call(&s->remote, CLIENT_RANGE, &ask, &s->arena, &s->page, &v->err);
        if (rc != RC_OK)
            return rc;
        s->more = s->page.more && s->page.kvs_n > 0;
        if (s->page.kvs_n > 0) {
            buf_clear(&s->next);
            buf_append_slice(&s->next, s->page.kvs[s->page.kvs_n - 1].key);
            buf_append_u8(&s->next, 0);
        }
    }
    if (s->at < s->page.kvs_n)
        *out = &s->page.kvs[s->at];
    return RC_OK;
}

static void print_key(struct slice key)
{
    putchar('"');
    for (size_t i = 0; i < key.n && i < KEY_SHOWN; i++) {
        if (key.p[i] >= ' ' && key.p[i] < 127 && key.p[i] != '"' && key.p[i] != '\\')
            putchar(key.p[i]);
        else
            printf("\\x%02x", key.p[i]);
    }
    printf(key.n > KEY_SHOWN ? "…\"" : "\"");
}

static const char *difference(const struct pb_key_value *a, const struct pb_key_value *b)
{
    if (!slice_eq(a->value, b->value))
        return "has another value";
    if (a->mod_revision != b->mod_revision)
        return "was changed at another revision";
    if (a->create_revision != b->create_revision)
        return "was made at another revision";
    if (a->version != b->version)
        return "has another version";
    return a->lease != b->lease ? "has another lease" : NULL;
}

/* Compare the next key of both; *done when there is none, or one differs. */
static int compare_next(struct verify *v, bool *done)
{
    const struct pb_key_value *a;
    const struct pb_key_value *b;
    if (peek(v, &v->ours, &a) != RC_OK || peek(v, &v->theirs, &b) != RC_OK)
        return VERIFY_FAILED;
    *done = true;
    if (!a && !b)
        return VERIFY_EQUAL;
    int order = !a ? 1 : !b ? -1 : slice_cmp(a->key, b->key);
    const char *what = order == 0 ? difference(a, b) : NULL;
    if (order == 0 && !what) {
        v->ours.at++;
        v->theirs.at++;
        *done = false;
        return VERIFY_EQUAL;
    }
    printf("different at revision %" PRId64 ": the first is ", v->revision);
    print_key(order > 0 ? b->key : a->key);
    if (order == 0)
        printf(", which %s\n", what);
    else
        printf(", which only %s has\n", order > 0 ? v->theirs.remote.url : v->ours.remote.url);
    return VERIFY_DIFFERS;
}

static int compare_keys(struct verify *v)
{
    int result = VERIFY_EQUAL;
    begin_pages(&v->ours);
    begin_pages(&v->theirs);
    for (bool done = false; !done && result == VERIFY_EQUAL;)
        result = compare_next(v, &done);
    if (result != VERIFY_EQUAL)
        return result;
    int64_t a = v->ours.hash.compact_revision;
    int64_t b = v->theirs.hash.compact_revision;
    printf("the keys at revision %" PRId64 " are equal; their history is not", v->revision);
    if (a != b)
        printf(": compacted at %" PRId64 " and at %" PRId64 "\n", a, b);
    else
        printf("\n");
    return a != b ? VERIFY_EQUAL : VERIFY_DIFFERS;
}

static int verify(struct verify *v)
{
    int64_t ours = 0;
    int64_t theirs = 0;
    if (v->revision == 0) {
        if (remote_revision(&v->ours.remote, &ours, &v->err) != RC_OK ||
            remote_revision(&v->theirs.remote, &theirs, &v->err) != RC_OK)
            return VERIFY_FAILED;
        v->revision = ours < theirs ? ours : theirs;
    }
    if (hash_side(v, &v->ours) != RC_OK || hash_side(v, &v->theirs) != RC_OK)
        return VERIFY_FAILED;
    if (v->ours.hash.hash != v->theirs.hash.hash)
        return compare_keys(v);
    printf("equal at revision %" PRId64 ": hash %" PRIu32 "\n", v->revision, v->ours.hash.hash);
    return VERIFY_EQUAL;
}

static void close_side(struct side *s)
{
    arena_fini(&s->arena);
    buf_fini(&s->next);
    if (s->remote.url)
        remote_close(&s->remote);
}

static void help(void)
{
    printf("usage: moat verify --against URL [--endpoint URL] [--rev N]\n\n"
           "Compares the keys of two running servers, moat's or etcd's, at one revision.\n\n"
           "  --against URL            the one\n"
           "  --endpoint URL           the other (127.0.0.1:2379)\n"
           "  --rev N                  the revision; the lower of both current ones if left out\n"
           "  --against-user NAME:PASSWORD\n"
           "  --user NAME:PASSWORD     who may read everything there\n"
           "  --against-cacert FILE, --against-cert FILE, --against-key FILE\n"
           "  --cacert FILE, --cert FILE, --key FILE\n"
           "                           for https: whom to trust there, and what to show\n\n"
           "Exit status: 0 equal, 1 different, 2 it could not be told.\n");
}

int cmd_verify(const struct cmd_args *args)
{
    struct verify v = {0};
    const char *against = NULL;
    const char *endpoint = "127.0.0.1:2379";
    struct remote_who ours = {0};
    struct remote_who theirs = {0};
    const char *rev = "0";
    bool wants_help = false;
    char *end = NULL;
    const struct flag known[] = {
        {"against", .text = &against},
        {"against-user", .text = &theirs.user},
        {"against-cacert", .text = &theirs.tls.cacert},
        {"against-cert", .text = &theirs.tls.cert},
        {"against-key", .text = &theirs.tls.key},
        {"endpoint", .text = &endpoint},
        {"user", .text = &ours.user},
        {"cacert", .text = &ours.tls.cacert},
        {"cert", .text = &ours.tls.cert},
        {"key", .text = &ours.tls.key},
        {"rev", .text = &rev},
        {"help", 'h', .set = &wants_help},
    };
    struct flags f = {.known = known, .known_n = ARRAY_LEN(known)};
    enum rc rc = flags_parse(&f, args->argc, args->argv, &v.err);
    if (rc == RC_OK && wants_help) {
        help();
        return VERIFY_EQUAL;
    }
    errno = 0;
    if (rc == RC_OK)
        v.revision = strtoll(rev, &end, 10);
    if (rc == RC_OK && (errno || end == rev || *end || v.revision < 0))
        rc = err_set(&v.err, RC_INVALID, "--rev=%s is no revision", rev);
    if (rc == RC_OK && (!against || f.n > 0))
        rc = err_set(&v.err, RC_INVALID, "--against URL is missing; see moat verify --help");
    if (rc == RC_OK)
        rc = remote_open(&v.ours.remote, endpoint, &ours, &v.err);
    if (rc == RC_OK)
        rc = remote_open(&v.theirs.remote, against, &theirs, &v.err);
    int result = rc == RC_OK ? verify(&v) : VERIFY_FAILED;
    if (result == VERIFY_FAILED)
        fprintf(stderr, "moat: %s\n", v.err.text);
    close_side(&v.ours);
    close_side(&v.theirs);
    return result;
}
