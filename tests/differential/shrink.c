#include "shrink.h"

#include "base/mem.h"

#include <stdlib.h>

struct shrinking {
    struct rig *rig;
    struct sequence *s;
    struct disagreement *found;
    unsigned trials;
};

/* Does the sequence, without n steps from place on, still fail? Then it becomes that, cut off
 * behind the failure. */
static bool fails_without(struct shrinking *w, size_t from, size_t n)
{
    struct sequence *s = w->s;
    struct err err = {0};
    struct disagreement found = {0};
    if (w->trials == SHRINK_TRIALS_MAX)
        return false;
    w->trials++;
    struct step **rest = mem_calloc(s->n, sizeof(struct step *));
    size_t left = 0;
    for (size_t i = 0; i < s->n; i++)
        if (i < from || i >= from + n)
            rest[left++] = s->at[i].step;
    bool failed = rig_start(w->rig, &err) == RC_OK && !rig_run(w->rig, rest, left, &found);
    rig_stop(w->rig);
    free(rest);
    if (!failed) {
        buf_fini(&found.text);
        return false;
    }
    buf_fini(&w->found->text);
    *w->found = found;
    memmove(&s->at[from], &s->at[from + n], (s->n - from - n) * sizeof(*s->at));
    s->n = found.at + 1 < left ? found.at + 1 : left;
    return true;
}

static void drop_steps(struct shrinking *w)
{
    for (size_t n = w->s->n / 2; n > 0; n /= 2)
        for (size_t from = 0; from + n <= w->s->n && w->s->n > 1;)
            if (!fails_without(w, from, n))
                from += n;
}

/* ---- Inside transactions ---- */

/* An element taken out of an array, and how to put it back. */
struct removal {
    size_t *count;
    uint8_t *array;
    size_t width;
    size_t at;
    uint8_t element[sizeof(struct pb_compare) + sizeof(struct pb_request_op)];
};

/* Take element *skip out if the array has so many, else lower *skip. */
static bool take_out(void *array, size_t *count, size_t width, size_t *skip, struct removal *out)
{
    if (*skip >= *count) {
        *skip -= *count;
        return false;
    }
    *out = (struct removal){.count = count, .array = array, .width = width, .at = *skip};
    uint8_t *at = out->array + *skip * width;
    memcpy(out->element, at, width);
    --*count;
    memmove(at, at + width, (*count - *skip) * width);
    return true;
}

static void put_back(const struct removal *r)
{
    uint8_t *at = r->array + r->at * r->width;
    memmove(at + r->width, at, (*r->count - r->at) * r->width);
    memcpy(at, r->element, r->width);
    ++*r->count;
}

static bool take_out_of_txn(struct pb_txn_request *r, size_t *skip, struct removal *out);

static bool take_out_of_ops(struct pb_request_op *ops, size_t *n, size_t *skip, struct removal *out)
{
    if (take_out(ops, n, sizeof(*ops), skip, out))
        return true;
    for (size_t i = 0; i < *n; i++)
        if (ops[i].request_case == PB_OP_TXN && take_out_of_txn(ops[i].request_txn, skip, out))
            return true;
    return false;
}

static bool take_out_of_txn(struct pb_txn_request *r, size_t *skip, struct removal *out)
{
    return take_out(r->compare, &r->compare_n, sizeof(*r->compare), skip, out) ||
           take_out_of_ops(r->success, &r->success_n, skip, out) ||
           take_out_of_ops(r->failure, &r->failure_n, skip, out);
}

/* A revision_ref that leads into an array whose elements move would write elsewhere: fix the
 * numbers as the failing run had them. */
static void fix_revisions(struct step *s)
{
    s->refs = NULL;
}

static void drop_parts(struct shrinking *w, struct step *s)
{
    for (size_t skip = 0;;) {
        size_t left = skip;
        struct removal out;
        if (!take_out_of_txn(s->request, &left, &out))
            return;
        if (!fails_without(w, 0, 0)) {
            put_back(&out);
            skip++;
        }
    }
}

bool shrink(struct rig *rig, struct sequence *s, struct disagreement *out)
{
    struct tally *tally = rig->tally;
    struct shrinking w = {.rig = rig, .s = s, .found = out};
    rig->tally = NULL; /* trials do not count */
    bool fails = fails_without(&w, 0, 0);
    if (fails) {
        drop_steps(&w);
        for (size_t i = 0; i < s->n; i++) {
            if (s->at[i].step->kind != STEP_TXN)
                continue;
            fix_revisions(s->at[i].step);
            drop_parts(&w, s->at[i].step);
        }
    }
    rig->tally = tally;
    return fails;
}
