#include "request.h"

#include <stdio.h>
#include <string.h>

#define FRAME_LEN   5 /* gRPC: a flag, then the length, big-endian */
#define KEY_MAX     (PREFIX_MAX + 24)
#define LEASE_FIRST 0x100000

/* Field numbers of etcd's messages. */
enum {
    KV_KEY = 1,
    PUT_VALUE = 2,
    PUT_LEASE = 3,
    RANGE_END = 2,
    RANGE_LIMIT = 3,
    RANGE_SERIALIZABLE = 7,
    RANGE_COUNT_ONLY = 9,
    TXN_COMPARE = 1,
    TXN_SUCCESS = 2,
    TXN_FAILURE = 3,
    COMPARE_RESULT = 1,
    COMPARE_KEY = 3,
    COMPARE_VERSION = 4,
    COMPARE_LESS = 2,
    REQUEST_RANGE = 1,
    REQUEST_PUT = 2,
    LEASE_TTL = 1,
    LEASE_ID = 2,
    WATCH_CREATE = 1,
    WATCH_CREATED = 3,
    WATCH_CANCELED = 4,
    WATCH_EVENTS = 11,
    COMPACT_REVISION = 1,
    COMPACT_PHYSICAL = 2
};

struct writer {
    uint8_t *p;
    size_t n;
};

static void put_varint(struct writer *w, uint64_t v)
{
    for (; v > 127; v >>= 7)
        w->p[w->n++] = (uint8_t)(v | 128);
    w->p[w->n++] = (uint8_t)v;
}

static void put_number(struct writer *w, unsigned field, int64_t v)
{
    if (v == 0)
        return;
    put_varint(w, field << 3);
    put_varint(w, (uint64_t)v);
}

static void put_bytes(struct writer *w, unsigned field, const void *p, size_t n)
{
    put_varint(w, field << 3 | 2);
    put_varint(w, n);
    memcpy(w->p + w->n, p, n);
    w->n += n;
}

/* A message inside another: written at its place, its length put in front afterwards. */
static size_t begin_message(struct writer *w, unsigned field)
{
    put_varint(w, field << 3 | 2);
    return w->n;
}

static void end_message(struct writer *w, size_t begin)
{
    uint8_t length[10];
    struct writer head = {length, 0};
    put_varint(&head, w->n - begin);
    memmove(w->p + begin + head.n, w->p + begin, w->n - begin);
    memcpy(w->p + begin, length, head.n);
    w->n += head.n;
}

static size_t make_key(const struct load *l, int64_t i, char key[KEY_MAX])
{
    return (size_t)snprintf(key, KEY_MAX, "%s%016lld", l->opt.prefix, (long long)i);
}

static int64_t next_key(struct load *l)
{
    if (l->opt.sequential)
        return l->next_key++ % l->opt.keys;
    return (int64_t)(load_random(l) % (uint64_t)l->opt.keys);
}

static void put_put(struct writer *w, const struct load *l, const char *key, size_t key_len,
                    int64_t lease)
{
    put_bytes(w, KV_KEY, key, key_len);
    put_bytes(w, PUT_VALUE, l->value, (size_t)l->opt.value_bytes);
    put_number(w, PUT_LEASE, lease);
}

/* The whole prefix; with a limit, from a random key of it on. */
static void put_list(struct writer *w, struct load *l, enum op op)
{
    char key[KEY_MAX];
    const char *prefix = l->opt.prefix;
    size_t prefix_len = strlen(prefix);
    bool part = l->opt.limit > 0 && l->opt.limit < l->opt.keys;
    uint64_t starts = (uint64_t)(l->opt.keys - l->opt.limit + 1);
    size_t n = part ? make_key(l, (int64_t)(load_random(l) % starts), key) : prefix_len;
    put_bytes(w, KV_KEY, part ? key : prefix, n);
    memcpy(key, prefix, prefix_len);
    key[prefix_len - 1]++;
    put_bytes(w, RANGE_END, key, prefix_len);
    put_number(w, RANGE_LIMIT, l->opt.limit);
    put_number(w, RANGE_SERIALIZABLE, op == OP_LIST_SERIALIZABLE);
    put_number(w, RANGE_COUNT_ONLY, op == OP_COUNT);
}

/* If the key's version is below 2^40, put it, else get it: one compare, one put. */
static void put_txn(struct writer *w, const struct load *l, const char *key, size_t key_len)
{
    size_t compare = begin_message(w, TXN_COMPARE);
    put_number(w, COMPARE_RESULT, COMPARE_LESS);
    put_bytes(w, COMPARE_KEY, key, key_len);
    put_number(w, COMPARE_VERSION, (int64_t)1 << 40);
    end_message(w, compare);
    size_t success = begin_message(w, TXN_SUCCESS);
    size_t put = begin_message(w, REQUEST_PUT);
    put_put(w, l, key, key_len, 0);
    end_message(w, put);
    end_message(w, success);
    size_t failure = begin_message(w, TXN_FAILURE);
    size_t get = begin_message(w, REQUEST_RANGE);
    put_bytes(w, KV_KEY, key, key_len);
    end_message(w, get);
    end_message(w, failure);
}

static void put_request(struct writer *w, struct load *l, enum op op, int64_t number)
{
    char key[KEY_MAX];
    size_t n;
    switch (op) {
    case OP_PUT:
    case OP_FRESH:
        n = make_key(l, next_key(l), key);
        put_put(w, l, key, n, 0);
        break;
    case OP_LEASE_PUT:
        n = make_key(l, next_key(l), key);
        put_put(w, l, key, n, LEASE_FIRST + number % l->opt.keys);
        break;
    case OP_RANGE:
    case OP_RANGE_SERIALIZABLE:
        n = make_key(l, next_key(l), key);
        put_bytes(w, KV_KEY, key, n);
        put_number(w, RANGE_SERIALIZABLE, op == OP_RANGE_SERIALIZABLE);
        break;
    case OP_LIST:
    case OP_LIST_SERIALIZABLE:
    case OP_LIST_STREAM:
    case OP_COUNT:
        put_list(w, l, op);
        break;
    case OP_TXN:
        n = make_key(l, next_key(l), key);
        put_txn(w, l, key, n);
        break;
    case OP_LEASE:
        put_number(w, LEASE_TTL, l->opt.lease_ttl);
        put_number(w, LEASE_ID, LEASE_FIRST + number);
        break;
    case OP_COMPACT:
        put_number(w, COMPACT_REVISION, l->opt.limit);
        put_number(w, COMPACT_PHYSICAL, 1);
        break;
    case OP_WATCH:
    case OP_WATCH_IDLE:
    case OP_MAX:
        break;
    }
}

static size_t frame(struct writer *w)
{
    uint8_t *head = w->p - FRAME_LEN;
    head[0] = 0;
    for (int i = 0; i < 4; i++)
        head[1 + i] = (uint8_t)(w->n >> (24 - 8 * i));
    return w->n + FRAME_LEN;
}

size_t request_room(const struct options *opt)
{
    return (size_t)opt->value_bytes + 1024;
}

size_t request_encode(struct load *l, enum op op, int64_t number, uint8_t *out)
{
    struct writer w = {out + FRAME_LEN, 0};
    put_request(&w, l, op, number);
    return frame(&w);
}

size_t request_watch(const struct load *l, int64_t i, uint8_t *out)
{
    struct writer w = {out + FRAME_LEN, 0};
    char key[KEY_MAX];
    size_t create = begin_message(&w, WATCH_CREATE);
    size_t n = make_key(l, i, key);
    put_bytes(&w, KV_KEY, key, n);
    end_message(&w, create);
    return frame(&w);
}

const char *request_path(enum op op)
{
    switch (op) {
    case OP_PUT:
    case OP_FRESH:
    case OP_LEASE_PUT:
        return "/etcdserverpb.KV/Put";
    case OP_TXN:
        return "/etcdserverpb.KV/Txn";
    case OP_COMPACT:
        return "/etcdserverpb.KV/Compact";
    case OP_LIST_STREAM:
        return "/etcdserverpb.KV/RangeStream";
    case OP_LEASE:
        return "/etcdserverpb.Lease/LeaseGrant";
    case OP_WATCH:
    case OP_WATCH_IDLE:
        return "/etcdserverpb.Watch/Watch";
    case OP_RANGE:
    case OP_RANGE_SERIALIZABLE:
    case OP_LIST:
    case OP_LIST_SERIALIZABLE:
    case OP_COUNT:
    case OP_MAX:
        break;
    }
    return "/etcdserverpb.KV/Range";
}

static uint64_t take_varint(const uint8_t **p, const uint8_t *end)
{
    uint64_t v = 0;
    for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
        uint8_t byte = *(*p)++;
        v |= (uint64_t)(byte & 127) << shift;
        if (!(byte & 128))
            break;
    }
    return v;
}

void response_watch(struct load *l, const uint8_t *p, size_t n)
{
    const uint8_t *end = p + n;
    l->watch_messages++;
    while (p < end) {
        uint64_t tag = take_varint(&p, end);
        uint64_t v = take_varint(&p, end);
        if ((tag & 7) == 2) {
            l->watch_events += tag >> 3 == WATCH_EVENTS;
            p += v < (uint64_t)(end - p) ? v : (uint64_t)(end - p);
        } else if ((tag & 7) == 0) {
            l->watch_created += tag >> 3 == WATCH_CREATED && v;
            if (tag >> 3 == WATCH_CANCELED && v)
                fprintf(stderr, "kvload: a watch was cancelled\n");
        } else {
            return;
        }
    }
}
