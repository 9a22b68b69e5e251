#include "sim/lazy.h"

#include "sim/client.h"

void lazy_close(struct lazy *l)
{
    if (l->open)
        kv_range_close(&l->range);
    l->open = false;
    buf_fini(&l->got);
    buf_fini(&l->want);
}

static const char *begin(struct lazy *l, struct rng *rng, struct kv *kv, struct arena *a)
{
    struct pb_range_request r;
    struct kv_range whole;
    client_range(rng, kv_revision(kv), kv_compacted(kv), a, &r);
    if (kv_range_open(kv, &r, &whole) != ETCD_OK)
        return NULL;
    enum rc rc = kv_range_read(&whole, &l->want, whole.body_len);
    kv_range_close(&whole);
    l->open = kv_range_open(kv, &r, &l->range) == ETCD_OK;
    if (l->open)
        kv_range_pin(&l->range);
    return rc == RC_END ? NULL : "a range does not end where its length says";
}

/* Some bytes more; at the end the pieces must make the whole. */
static const char *read_on(struct lazy *l, struct rng *rng)
{
    enum rc rc = kv_range_read(&l->range, &l->got, (size_t)rng_between(rng, 1, 200));
    if (rc == RC_OK)
        return NULL;
    bool same = rc == RC_END && slice_eq(buf_slice(&l->got), buf_slice(&l->want));
    lazy_close(l);
    return same ? NULL : "a range read in pieces differs from the whole";
}

const char *lazy_step(struct lazy *l, struct rng *rng, struct kv *kv, struct arena *a)
{
    if (l->open)
        return read_on(l, rng);
    return rng_chance(rng, 100000) ? begin(l, rng, kv, a) : NULL;
}
