/* outbox - bytes on their way to one reader who may be slow: an http_source that is filled bit by
 * bit, from copies, buffers, shared bytes and further sources, in order.
 *
 * Whoever fills it looks at `waiting` and stops in time; on_low says when to go on. What waits is
 * counted in the budget: shared bytes once, in whichever outboxes they wait; those of a source
 * never, since they are made when they are pulled. */
#ifndef MOAT_RPC_OUTBOX_H
#define MOAT_RPC_OUTBOX_H

#include "base/blob.h"
#include "base/list.h"
#include "http/http.h"

#define OUTBOX_LOW (32u << 10) /* bytes waiting; on_low is called when no more are left */

struct outbox;
struct outbox_ops {
    /* No more than OUTBOX_LOW waits, and more than that did. Called while the bytes are pulled:
     * what is added now still goes with them. */
    void (*on_low)(struct outbox *o);
    /* The stream needs the outbox no longer; it is empty. Free it. */
    void (*on_release)(struct outbox *o);
};

struct outbox {
    struct http_source source;
    const struct outbox_ops *ops;
    struct http_stream *stream; /* resumed when there is something again */
    struct http_budget *budget;
    struct list pieces;
    size_t waiting; /* bytes; those of sources are not known */
    bool high;      /* on_low is to be called */
    bool ended;
    bool pulling;
};

/* A blob that waits counts in the budget (may be NULL) once, in however many places it does. */
void outbox_enter(struct http_budget *budget, struct blob *b);
void outbox_leave(struct http_budget *budget, struct blob *b);

void outbox_init(struct outbox *o, const struct outbox_ops *ops, struct http_stream *stream,
                 struct http_budget *budget);
/* Begin to be pulled by the stream (whose headers are set), which owns the outbox from now on. */
void outbox_attach(struct outbox *o);

void outbox_copy(struct outbox *o, struct slice bytes);
void outbox_take(struct outbox *o, struct buf *bytes);         /* takes them over */
void outbox_share(struct outbox *o, struct blob *bytes);       /* one more owner of them */
void outbox_source(struct outbox *o, struct http_source *src); /* takes it over */
void outbox_end(struct outbox *o);                             /* nothing follows */

#endif
