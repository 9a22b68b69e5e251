#include "kv/usage.h"

#include "base/mem.h"
#include "kv/inner.h"

#include <stdlib.h>

/* All keys that begin with prefix: [prefix, end), or up to the end of all when end is empty. */
struct below {
    struct slice prefix;
    struct buf end;
};

void usage_range_end(struct slice prefix, struct buf *out)
{
    buf_clear(out);
    buf_append_slice(out, prefix);
    while (out->n > 0 && out->p[out->n - 1] == 0xff)
        out->n--;
    if (out->n > 0)
        out->p[out->n - 1]++;
}

static void below_init(struct below *s, struct slice prefix)
{
    *s = (struct below){.prefix = prefix};
    usage_range_end(prefix, &s->end);
}

static struct index_weight weigh(const struct kv *kv, struct slice from, const struct buf *end)
{
    struct index_range r = {.from = from, .to = buf_slice(end), .open_end = end->n == 0};
    struct index_weight w;
    index_weigh(kv->index, &r, &w);
    return w;
}

static struct index_weight weigh_one(const struct kv *kv, struct slice key, struct buf *behind)
{
    buf_clear(behind);
    buf_append_slice(behind, key);
    buf_append_u8(behind, 0);
    return weigh(kv, key, behind);
}

static void add(struct index_weight *sum, struct index_weight w)
{
    sum->keys += w.keys;
    sum->bytes += w.bytes;
    sum->revisions += w.revisions;
}

/* The group that key belongs to; false: it stands directly below the prefix. */
static bool group_of(const struct usage_request *r, struct slice prefix, struct slice key,
                     struct slice *group)
{
    struct slice rest = slice_skip(key, prefix.n);
    const uint8_t *at = rest.n ? memchr(rest.p, r->delimiter, rest.n) : NULL;
    if (at)
        *group = slice_of(key.p, (size_t)(at - key.p) + 1);
    return at != NULL;
}

static void add_group(struct usage *u, struct slice prefix, struct index_weight weight)
{
    if ((u->n & (u->n - 1)) == 0) /* full at each power of two */
        u->groups = mem_realloc(u->groups, (u->n ? u->n * 2 : 1) * sizeof(*u->groups));
    u->groups[u->n] = (struct usage_group){.weight = weight};
    buf_append_slice(&u->groups[u->n++].prefix, prefix);
}

static void split(const struct kv *kv, const struct usage_request *r, struct usage *u)
{
    struct below all;
    struct buf at = {0};
    struct slice key;
    struct slice group;
    unsigned steps = 0;
    size_t bytes = 0;
    bool more = true;
    below_init(&all, buf_slice(&u->prefix));
    u->total = weigh(kv, all.prefix, &all.end);
    buf_append_slice(&at, all.prefix);
    while (more && steps++ < USAGE_STEPS_MAX && u->n < r->groups_max && bytes < USAGE_BYTES_MAX) {
        more = index_seek(kv->index, buf_slice(&at), &key) && slice_has_prefix(key, all.prefix);
        if (more && group_of(r, all.prefix, key, &group)) {
            struct below s;
            below_init(&s, group);
            add_group(u, group, weigh(kv, group, &s.end));
            bytes += group.n;
            buf_fini(&at);
            at = s.end;
            more = at.n > 0;
        } else if (more) {
            add(&u->direct, weigh_one(kv, key, &at));
        }
    }
    if (more)
        u->unsplit = weigh(kv, buf_slice(&at), &all.end);
    buf_fini(&at);
    buf_fini(&all.end);
}

static void clear(struct usage *u)
{
    for (size_t i = 0; i < u->n; i++)
        buf_fini(&u->groups[i].prefix);
    free(u->groups);
    *u = (struct usage){.prefix = u->prefix};
}

/* Is everything below the prefix in one group? */
static bool is_one_group(const struct usage *u)
{
    return u->n == 1 && u->groups[0].weight.revisions == u->total.revisions;
}

void usage_find(const struct kv *kv, const struct usage_request *r, struct usage *out)
{
    *out = (struct usage){0};
    buf_append_slice(&out->prefix, r->prefix);
    split(kv, r, out);
    for (unsigned i = 0; r->descend && i < USAGE_DESCENTS_MAX && is_one_group(out); i++) {
        struct buf longer = out->groups[0].prefix;
        out->groups[0].prefix = (struct buf){0};
        buf_fini(&out->prefix);
        clear(out);
        out->prefix = longer;
        split(kv, r, out);
    }
}

void usage_fini(struct usage *u)
{
    clear(u);
    buf_fini(&u->prefix);
}

static int compare(const void *left, const void *right)
{
    const struct usage_group *a = left;
    const struct usage_group *b = right;
    if (a->weight.bytes != b->weight.bytes)
        return a->weight.bytes < b->weight.bytes ? 1 : -1;
    return slice_cmp(buf_slice(&a->prefix), buf_slice(&b->prefix));
}

void usage_sort(struct usage *u)
{
    if (u->n > 0)
        qsort(u->groups, u->n, sizeof(*u->groups), compare);
}
