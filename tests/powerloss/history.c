#include "history.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/wr.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define VALUE_MIN   16u
#define VALUE_MAX   600u
#define LARGE_MIN   100000u
#define LARGE_MAX   400000u
#define LARGE_EVERY 200u  /* operations */
#define BURST_EVERY 2500u /* at each such number: large values at once, a batch above a segment */
#define BURST       6u

/* splitmix64: one number from another. */
static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

struct op op_of(uint64_t number)
{
    struct op op = {.kind = OP_PUT, .number = number};
    uint64_t r = mix(number);
    unsigned small = HISTORY_KEYS - HISTORY_BIG;
    bool large = number % LARGE_EVERY == LARGE_EVERY / 2 || number % BURST_EVERY < BURST;
    op.keys[0] = (unsigned)(r % small);
    op.value_n = VALUE_MIN + (size_t)((r >> 16) % (VALUE_MAX - VALUE_MIN));
    if (number >= OP_EXTRA) {
        op.keys[0] = OP_PROBE_KEY;
        if (r % 3 > 0)
            op.value_n = LARGE_MIN + (size_t)((r >> 16) % 600000);
    } else if (large) {
        op.keys[0] = small + (unsigned)(r % HISTORY_BIG);
        op.value_n = LARGE_MIN + (size_t)((r >> 16) % (LARGE_MAX - LARGE_MIN));
    } else if ((r >> 40) % 100 < 4) {
        op.kind = OP_DELETE;
    } else if ((r >> 40) % 100 < 9) {
        op.kind = OP_PAIR;
        op.keys[1] = (op.keys[0] + 1) % small;
    }
    return op;
}

unsigned op_keys(const struct op *op)
{
    return op->kind == OP_PAIR ? 2 : 1;
}

void op_key(unsigned key, struct buf *out)
{
    buf_printf(out, "key/%04u", key);
}

void op_value(const struct op *op, unsigned key, struct buf *out)
{
    uint64_t word = mix(op->number ^ ((uint64_t)key << 40));
    buf_append_u64(out, op->number);
    while (out->n < op->value_n) {
        buf_append_u64(out, word);
        word = word * 6364136223846793005u + 1442695040888963407u;
    }
}

uint64_t op_of_value(struct slice value)
{
    return value.n >= sizeof(uint64_t) ? load_u64(value.p) : 0;
}

/* ---- Revisions ---- */

/* One key at one revision. */
struct event {
    int64_t revision;
    uint64_t op;
    int64_t create_revision; /* 0: deleted */
    int64_t version;
};

struct key_events {
    struct event *v;
    size_t n;
};

struct history {
    uint64_t *ops; /* by revision; 0: unknown */
    size_t n;
    struct key_events keys[HISTORY_KEYS];
};

struct history *history_new(void)
{
    struct history *h = mem_zalloc(sizeof(*h));
    h->n = FIRST_REVISION + 1;
    h->ops = mem_calloc(h->n, sizeof(uint64_t));
    return h;
}

void history_free(struct history *h)
{
    if (!h)
        return;
    for (size_t k = 0; k < HISTORY_KEYS; k++)
        free(h->keys[k].v);
    free(h->ops);
    free(h);
}

void history_add(struct history *h, uint64_t op, int64_t revision)
{
    size_t at = (size_t)revision;
    must(revision > FIRST_REVISION);
    if (at >= h->n) {
        h->ops = mem_realloc(h->ops, (at + 1) * sizeof(uint64_t));
        memset(h->ops + h->n, 0, (at + 1 - h->n) * sizeof(uint64_t));
        h->n = at + 1;
    }
    must(h->ops[at] == 0 && op != 0);
    h->ops[at] = op;
}

static void key_add(struct key_events *k, const struct op *op, int64_t revision)
{
    const struct event *last = k->n ? &k->v[k->n - 1] : NULL;
    struct event e = {.revision = revision, .op = op->number};
    if (op->kind != OP_DELETE) {
        bool fresh = !last || last->create_revision == 0;
        e.create_revision = fresh ? revision : last->create_revision;
        e.version = fresh ? 1 : last->version + 1;
    }
    k->v = mem_realloc(k->v, (k->n + 1) * sizeof(struct event));
    k->v[k->n++] = e;
}

void history_close(struct history *h)
{
    for (size_t r = FIRST_REVISION + 1; r < h->n; r++) {
        must(h->ops[r] != 0);
        struct op op = op_of(h->ops[r]);
        for (unsigned i = 0; i < op_keys(&op); i++)
            key_add(&h->keys[op.keys[i]], &op, (int64_t)r);
    }
}

int64_t history_revision(const struct history *h)
{
    return (int64_t)h->n - 1;
}

/* The last event of the key at or before the revision, or NULL. */
static const struct event *event_at(const struct key_events *k, int64_t revision)
{
    size_t lo = 0;
    size_t hi = k->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (k->v[mid].revision <= revision)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo ? &k->v[lo - 1] : NULL;
}

static bool same_kv(unsigned key, const struct event *e, const struct pb_key_value *kv,
                    char why[256])
{
    struct op op = op_of(e->op);
    struct buf name = {0};
    struct buf value = {0};
    op_key(key, &name);
    op_value(&op, key, &value);
    bool same = slice_eq(kv->key, buf_slice(&name)) && slice_eq(kv->value, buf_slice(&value)) &&
                kv->mod_revision == e->revision && kv->create_revision == e->create_revision &&
                kv->version == e->version;
    if (!same)
        snprintf(why, 256,
                 "wanted %.*s of operation %" PRIu64 " (revision %" PRId64 ", created at %" PRId64
                 "), found %.*s of %" PRIu64 " (%" PRId64 ", %" PRId64 ")",
                 (int)name.n, (const char *)name.p, e->op, e->revision, e->create_revision,
                 (int)kv->key.n, (const char *)kv->key.p, op_of_value(kv->value), kv->mod_revision,
                 kv->create_revision);
    buf_fini(&name);
    buf_fini(&value);
    return same;
}

bool history_holds(const struct history *h, int64_t revision, int64_t last, uint64_t extra,
                   const struct pb_range_response *answer, char why[256])
{
    size_t at = 0;
    int64_t known = revision < last ? revision : last;
    struct event probe = {
        .revision = last + 1, .op = extra, .create_revision = last + 1, .version = 1};
    for (unsigned k = 0; k <= OP_PROBE_KEY; k++) {
        const struct event *e = NULL;
        if (k < HISTORY_KEYS)
            e = event_at(&h->keys[k], known);
        else if (extra && revision > last)
            e = &probe;
        if (!e || e->create_revision == 0)
            continue;
        if (at == answer->kvs_n) {
            snprintf(why, 256, "key/%04u is missing: operation %" PRIu64 ", revision %" PRId64, k,
                     e->op, e->revision);
            return false;
        }
        if (!same_kv(k, e, &answer->kvs[at++], why))
            return false;
    }
    if (at == answer->kvs_n)
        return true;
    snprintf(why, 256, "%.*s should not be there", (int)answer->kvs[at].key.n,
             (const char *)answer->kvs[at].key.p);
    return false;
}
