#include "rpc/outbox.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdlib.h>

#define COPY_MAX  (4u << 10)  /* bytes that are cheaper copied than kept track of */
#define PIECE_MAX (16u << 10) /* bytes gathered in one piece */
#define KEEP_MAX  512u        /* bytes of an empty piece kept for the next message */

/* Own bytes first, then shared ones or a source's. */
struct piece {
    struct list link;
    struct buf own;
    size_t at; /* sent, of own and then of the blob */
    struct blob *blob;
    struct http_source *src;
};

static struct piece *first_piece(struct outbox *o)
{
    return list_empty(&o->pieces) ? NULL : CONTAINER_OF(o->pieces.next, struct piece, link);
}

static bool is_spent(const struct piece *p)
{
    return p->at == p->own.n && !p->blob && !p->src;
}

static bool has_something(struct outbox *o)
{
    struct piece *p = first_piece(o);
    return p && !is_spent(p);
}

/* Where more can be appended: the last piece, or a new one behind it. */
static struct piece *open_piece(struct outbox *o, bool room)
{
    must(o->pieces.prev && o->pieces.next); /* outbox_init was called */
    struct piece *p =
        list_empty(&o->pieces) ? NULL : CONTAINER_OF(o->pieces.prev, struct piece, link);
    if (p && !p->blob && !p->src && (room || is_spent(p)))
        return p;
    p = mem_zalloc(sizeof(*p));
    list_add_tail(&o->pieces, &p->link);
    return p;
}

static void count(struct outbox *o, size_t n)
{
    o->waiting += n;
    if (o->budget)
        o->budget->used += n;
    o->high = o->high || o->waiting > OUTBOX_LOW;
}

static void uncount(struct outbox *o, size_t n)
{
    o->waiting -= n;
    if (o->budget)
        o->budget->used -= n;
}

void outbox_enter(struct http_budget *budget, struct blob *b)
{
    if (budget && b->queues++ == 0)
        budget->used += b->n;
}

void outbox_leave(struct http_budget *budget, struct blob *b)
{
    if (budget && --b->queues == 0)
        budget->used -= b->n;
}

static void count_blob(struct outbox *o, struct blob *b)
{
    o->waiting += b->n;
    outbox_enter(o->budget, b);
    o->high = o->high || o->waiting > OUTBOX_LOW;
}

static void drop_blob(struct outbox *o, struct piece *p)
{
    struct blob *b = p->blob;
    if (!b)
        return;
    outbox_leave(o->budget, b);
    blob_release(b);
    p->blob = NULL;
}

static void drop_piece(struct outbox *o, struct piece *p)
{
    uncount(o, p->own.n > p->at ? p->own.n - p->at : 0);
    if (p->src)
        p->src->ops->release(p->src);
    drop_blob(o, p);
    list_remove(&p->link);
    buf_fini(&p->own);
    free(p);
}

static enum http_pull outbox_pull(struct http_source *source, struct buf *out, size_t max);
static void outbox_release(struct http_source *source);

static const struct http_source_ops source_ops = {outbox_pull, outbox_release};

void outbox_init(struct outbox *o, const struct outbox_ops *ops, struct http_stream *stream,
                 struct http_budget *budget)
{
    *o = (struct outbox){.source = {&source_ops}, .ops = ops, .stream = stream, .budget = budget};
    list_init(&o->pieces);
}

void outbox_attach(struct outbox *o)
{
    http_stream_source(o->stream, &o->source);
}

/* ---- Filling ---- */

/* A stream that has nothing to pull waits to be told. One that has, goes on by itself. */
static void tell(struct outbox *o, bool had)
{
    if (!had && !o->pulling)
        http_stream_resume(o->stream);
}

void outbox_copy(struct outbox *o, struct slice bytes)
{
    must(!o->ended);
    if (bytes.n == 0)
        return;
    bool had = has_something(o);
    struct piece *p = open_piece(o, true);
    if (p->own.n > 0 && p->own.n + bytes.n > PIECE_MAX)
        p = open_piece(o, false);
    buf_append_slice(&p->own, bytes);
    count(o, bytes.n);
    tell(o, had);
}

void outbox_take(struct outbox *o, struct buf *bytes)
{
    must(!o->ended);
    if (bytes->n <= COPY_MAX) {
        outbox_copy(o, buf_slice(bytes));
        buf_fini(bytes);
        return;
    }
    bool had = has_something(o);
    struct piece *p = open_piece(o, false);
    buf_fini(&p->own);
    p->own = *bytes;
    *bytes = (struct buf){0};
    count(o, p->own.n);
    tell(o, had);
}

void outbox_share(struct outbox *o, struct blob *bytes)
{
    must(!o->ended);
    if (bytes->n <= COPY_MAX) {
        outbox_copy(o, blob_slice(bytes));
        return;
    }
    bool had = has_something(o);
    struct piece *p = open_piece(o, true);
    p->blob = blob_share(bytes);
    count_blob(o, bytes);
    tell(o, had);
}

void outbox_source(struct outbox *o, struct http_source *src)
{
    must(!o->ended);
    bool had = has_something(o);
    open_piece(o, true)->src = src;
    tell(o, had);
}

void outbox_end(struct outbox *o)
{
    bool had = has_something(o);
    o->ended = true;
    tell(o, had);
}

/* ---- Emptying ---- */

static size_t pull_own(struct outbox *o, struct piece *p, struct buf *out, size_t max)
{
    size_t left = p->own.n - p->at;
    size_t n = left < max ? left : max;
    buf_append(out, p->own.p + p->at, n);
    p->at += n;
    uncount(o, n);
    return n;
}

static size_t pull_blob(struct outbox *o, struct piece *p, struct buf *out, size_t max)
{
    size_t at = p->at - p->own.n;
    size_t n = p->blob->n - at < max ? p->blob->n - at : max;
    buf_append(out, p->blob->p + at, n);
    p->at += n;
    o->waiting -= n;
    if (at + n == p->blob->n) {
        p->at = p->own.n;
        drop_blob(o, p);
    }
    return n;
}

/* A spent piece goes, unless it is a small one that the next message will use. */
static void retire(struct outbox *o, struct piece *p)
{
    bool last = p->link.next == &o->pieces;
    if (!last || p->own.cap > KEEP_MAX) {
        drop_piece(o, p);
        return;
    }
    buf_clear(&p->own);
    p->at = 0;
}

/* Append from the first piece. WAIT: its source has nothing now. */
static enum http_pull pull_piece(struct outbox *o, struct piece *p, struct buf *out, size_t max)
{
    size_t before = out->n;
    if (p->at < p->own.n)
        pull_own(o, p, out, max);
    max -= out->n - before;
    if (p->blob && max > 0)
        pull_blob(o, p, out, max);
    if (p->src && max > 0) {
        enum http_pull more = p->src->ops->pull(p->src, out, max);
        if (more == HTTP_PULL_WAIT || more == HTTP_PULL_FAIL)
            return more;
        if (more == HTTP_PULL_END) {
            p->src->ops->release(p->src);
            p->src = NULL;
        }
    }
    if (is_spent(p))
        retire(o, p);
    return HTTP_PULL_MORE;
}

static enum http_pull outbox_pull(struct http_source *source, struct buf *out, size_t max)
{
    struct outbox *o = CONTAINER_OF(source, struct outbox, source);
    size_t stop = out->n + max;
    enum http_pull more = HTTP_PULL_MORE;
    o->pulling = true;
    while (more == HTTP_PULL_MORE && out->n < stop && has_something(o)) {
        more = pull_piece(o, first_piece(o), out, stop - out->n);
        if (o->high && o->waiting <= OUTBOX_LOW) {
            o->high = false;
            o->ops->on_low(o);
        }
    }
    o->pulling = false;
    if (more == HTTP_PULL_MORE && !has_something(o))
        more = o->ended ? HTTP_PULL_END : HTTP_PULL_WAIT;
    return more;
}

static void outbox_release(struct http_source *source)
{
    struct outbox *o = CONTAINER_OF(source, struct outbox, source);
    while (first_piece(o))
        drop_piece(o, first_piece(o));
    o->waiting = 0;
    o->ops->on_release(o);
}
