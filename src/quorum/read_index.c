#include "quorum/read_index.h"

#include "base/must.h"

void read_index_init(struct read_index *ri, uint64_t self, void *arg,
                     void (*ask)(void *arg, uint64_t number, uint64_t term))
{
    *ri = (struct read_index){.self = self, .arg = arg, .ask = ask};
    list_init(&ri->asking);
    list_init(&ri->queued);
    list_init(&ri->applying);
}

void read_index_add(struct read_index *ri, struct read_waiter *w)
{
    list_add_tail(&ri->queued, &w->link);
}

static void move_all(struct list *from, struct list *to)
{
    for (struct list *item = list_pop(from); item; item = list_pop(from))
        list_add_tail(to, item);
}

static void finish_all(struct list *waiters, enum rc rc)
{
    for (struct list *item = list_pop(waiters); item; item = list_pop(waiters)) {
        struct read_waiter *w = CONTAINER_OF(item, struct read_waiter, link);
        w->ready(w, rc);
    }
}

/* Ask anew. The number moves on first: whatever is still on the way answers an older question. */
static void start_round(struct read_index *ri, uint64_t term, uint64_t committed)
{
    ri->number++;
    ri->term = term;
    ri->index = committed;
    ri->out = true;
    ri->acked[0] = ri->self;
    ri->acked_n = 1;
    move_all(&ri->queued, &ri->asking);
    ri->ask(ri->arg, ri->number, term);
}

static bool is_quorum(const struct read_index *ri, struct read_voters voters)
{
    size_t yes = 0;
    for (size_t v = 0; v < voters.n; v++)
        for (size_t a = 0; a < ri->acked_n; a++)
            if (ri->acked[a] == voters.ids[v]) {
                yes++;
                break;
            }
    return yes > voters.n / 2;
}

void read_index_step(struct read_index *ri, uint64_t term, uint64_t committed, uint64_t applied,
                     struct read_voters voters)
{
    must(applied <= committed);
    if (ri->out && ri->term != term)
        read_index_again(ri); /* a leader again, in another term: the old answers prove nothing */
    if (!ri->out && !list_empty(&ri->queued))
        start_round(ri, term, committed);
    if (ri->out && is_quorum(ri, voters)) {
        ri->out = false;
        ri->confirmed_index = ri->index;
        move_all(&ri->asking, &ri->applying);
        if (!list_empty(&ri->queued))
            start_round(ri, term, committed);
    }
    if (applied >= ri->confirmed_index)
        finish_all(&ri->applying, RC_OK);
}

void read_index_answer(struct read_index *ri, uint64_t from, uint64_t number, uint64_t term)
{
    if (!ri->out || number != ri->number || term != ri->term)
        return;
    for (size_t i = 0; i < ri->acked_n; i++)
        if (ri->acked[i] == from)
            return;
    if (ri->acked_n < READ_INDEX_VOTERS_MAX)
        ri->acked[ri->acked_n++] = from;
}

void read_index_again(struct read_index *ri)
{
    ri->out = false;
    move_all(&ri->applying, &ri->queued);
    move_all(&ri->asking, &ri->queued);
}

void read_index_fail(struct read_index *ri)
{
    ri->out = false;
    finish_all(&ri->asking, RC_NOT_LEADER);
    finish_all(&ri->applying, RC_NOT_LEADER);
    finish_all(&ri->queued, RC_NOT_LEADER);
}
