#include "kv/history.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdlib.h>

#define RUN_CAP_MIN 2u
#define NOTE_BITS   30
#define NOTE_MAX    INDEX_SIZE_MAX

_Static_assert(NOTE_MAX >> NOTE_BITS == 0, "a put's size is its note");

/* Records r[head … head + n - 1]. The front moves up as compaction drops the oldest. */
struct history_run {
    uint32_t head;
    uint32_t n;
    uint32_t cap;
    uint32_t newest; /* where the newest generation begins */
    uint32_t bases;  /* records that are one */
    struct record r[];
};

/* The records of one generation: [begin, end) of a run. */
struct generation {
    uint32_t begin;
    uint32_t end;
};

static bool is_inline(const struct history *h)
{
    return h->one.kind != RECORD_NONE;
}

static uint32_t run_end(const struct history_run *run)
{
    return run->head + run->n;
}

static const struct record *newest(const struct history *h)
{
    if (is_inline(h))
        return &h->one;
    return h->run ? &h->run->r[run_end(h->run) - 1] : NULL;
}

static struct revision record_rev(const struct record *r)
{
    return (struct revision){r->main, r->sub};
}

static struct record record_of(struct revision rev, enum record_kind kind, uint32_t note)
{
    must(rev.main >= 0 && rev.sub >= 0 && rev.sub <= UINT32_MAX);
    must(note <= NOTE_MAX);
    return (struct record){
        .main = rev.main, .sub = (uint32_t)rev.sub, .kind = kind, .note = note & NOTE_MAX};
}

static struct record base_of(int64_t create_main, uint64_t gone)
{
    must(gone > 0 && gone >> (32 + NOTE_BITS) == 0);
    return (struct record){.main = create_main,
                           .sub = (uint32_t)gone,
                           .kind = RECORD_BASE,
                           .note = (uint32_t)(gone >> 32) & NOTE_MAX};
}

static uint64_t base_gone(const struct record *base)
{
    return (uint64_t)base->note << 32 | base->sub;
}

void history_fini(struct history *h)
{
    if (!is_inline(h))
        free(h->run);
    *h = (struct history){0};
}

bool history_empty(const struct history *h)
{
    return !newest(h);
}

bool history_alive(const struct history *h)
{
    const struct record *r = newest(h);
    return r && r->kind == RECORD_PUT;
}

uint32_t history_size(const struct history *h)
{
    const struct record *r = newest(h);
    return r && r->kind == RECORD_PUT ? r->note : 0;
}

struct revision history_newest(const struct history *h)
{
    const struct record *r = newest(h);
    return r ? record_rev(r) : (struct revision){0};
}

uint64_t history_revisions(const struct history *h)
{
    if (is_inline(h))
        return 1;
    return h->run ? h->run->n - h->run->bases : 0;
}

static size_t run_bytes(uint32_t cap)
{
    return sizeof(struct history_run) + cap * sizeof(struct record);
}

size_t history_heap(const struct history *h)
{
    return is_inline(h) || !h->run ? 0 : heap_cost(run_bytes(h->run->cap));
}

/* A run of the given capacity in place of what there is, records at its front. */
static void run_resize(struct history *h, uint32_t cap)
{
    struct history_run *run = mem_alloc(run_bytes(cap));
    *run = (struct history_run){.cap = cap};
    if (is_inline(h)) {
        run->n = 1;
        run->r[0] = h->one;
    } else if (h->run) {
        const struct history_run *old = h->run;
        must(old->n <= cap);
        run->n = old->n;
        run->newest = old->newest - old->head;
        run->bases = old->bases;
        memcpy(run->r, old->r + old->head, old->n * sizeof(struct record));
        free(h->run);
    }
    *h = (struct history){0};
    h->run = run;
}

/* The run, with room for `more` records at its end. */
static struct history_run *run_room(struct history *h, uint32_t more)
{
    const struct history_run *run = is_inline(h) ? NULL : h->run;
    if (!run) {
        run_resize(h, is_inline(h) ? more + 1 : RUN_CAP_MIN);
    } else if (run->cap - run_end(run) < more) {
        must(run->cap <= NOTE_MAX / 2);
        /* Dropped records leave room at the front: reuse it if that is half of all. */
        run_resize(h, run->head >= run->cap / 2 && run->head >= more ? run->cap : run->cap * 2);
    }
    return h->run;
}

static void run_append(struct history_run *run, struct record r)
{
    must(run_end(run) < run->cap);
    run->r[run_end(run)] = r;
    run->n++;
    run->bases += r.kind == RECORD_BASE;
}

void history_put(struct history *h, struct revision rev, uint32_t size)
{
    must(history_empty(h) || revision_cmp(rev, history_newest(h)) > 0);
    struct record r = record_of(rev, RECORD_PUT, size);
    if (history_empty(h)) {
        h->one = r;
        return;
    }
    bool begins = !history_alive(h);
    struct history_run *run = run_room(h, 1);
    if (begins)
        run->newest = run_end(run);
    run_append(run, r);
}

void history_tombstone(struct history *h, struct revision rev)
{
    must(history_empty(h) || revision_cmp(rev, history_newest(h)) > 0);
    if (history_empty(h)) {
        h->one = record_of(rev, RECORD_TOMBSTONE, 1);
        return;
    }
    bool begins = !history_alive(h);
    struct history_run *run = run_room(h, 1);
    if (begins)
        run->newest = run_end(run);
    run_append(run, record_of(rev, RECORD_TOMBSTONE, run_end(run) - run->newest + 1));
}

enum rc history_restore_put(struct history *h, struct revision rev, int64_t create_main,
                            int64_t version, uint32_t size)
{
    if (!history_empty(h) && revision_cmp(rev, history_newest(h)) <= 0)
        return RC_CORRUPT;
    struct index_hit now;
    if (history_at(h, INDEX_NOW, &now) == RC_OK) {
        if (create_main != now.create.main || version != now.version + 1)
            return RC_CORRUPT;
        history_put(h, rev, size);
        return RC_OK;
    }
    bool first = create_main == rev.main && version == 1;
    if (!first && (version < 2 || create_main > rev.main || create_main < history_newest(h).main))
        return RC_CORRUPT;
    if (first) {
        history_put(h, rev, size);
        return RC_OK;
    }
    struct history_run *run = run_room(h, 2);
    run->newest = run_end(run);
    run_append(run, base_of(create_main, (uint64_t)version - 1));
    run_append(run, record_of(rev, RECORD_PUT, size));
    return RC_OK;
}

/* The generation before one that begins at `begin`, which is not the oldest. */
static struct generation generation_before(const struct history_run *run, uint32_t begin)
{
    must(begin > run->head);
    const struct record *end = &run->r[begin - 1];
    must(end->kind == RECORD_TOMBSTONE);
    uint32_t room = begin - run->head;
    return (struct generation){begin - (end->note < room ? end->note : room), begin};
}

static struct generation generation_newest(const struct history_run *run)
{
    return (struct generation){run->newest, run_end(run)};
}

/* The last record in [g.begin, g.end) with main <= at; the first has one. */
static uint32_t last_at(const struct history_run *run, struct generation g, int64_t at)
{
    uint32_t lo = g.begin;
    uint32_t hi = g.end;
    if (run->r[hi - 1].main <= at) /* the present, mostly */
        return hi - 1;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (run->r[mid].main <= at)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

enum rc history_at(const struct history *h, int64_t at, struct index_hit *hit)
{
    if (is_inline(h)) {
        const struct record *r = &h->one;
        if (r->kind != RECORD_PUT || r->main > at)
            return RC_NOT_FOUND;
        hit->mod = hit->create = record_rev(r);
        hit->version = 1;
        hit->size = r->note;
        return RC_OK;
    }
    const struct history_run *run = h->run;
    if (!run)
        return RC_NOT_FOUND;
    struct generation g = generation_newest(run);
    while (run->r[g.begin].main > at) {
        if (g.begin == run->head)
            return RC_NOT_FOUND;
        g = generation_before(run, g.begin);
    }
    uint32_t i = last_at(run, g, at);
    const struct record *r = &run->r[i];
    if (r->kind != RECORD_PUT)
        return RC_NOT_FOUND;
    const struct record *first = &run->r[g.begin];
    bool based = first->kind == RECORD_BASE;
    hit->mod = record_rev(r);
    /* The stored KeyValue has only the main revision of the creation, so a base has no more. */
    hit->create = based ? (struct revision){first->main, 0} : record_rev(first);
    hit->version = (int64_t)((based ? base_gone(first) - 1 : 0) + (i - g.begin) + 1);
    hit->size = r->note;
    return RC_OK;
}

void history_prefetch(const struct history *h)
{
    if (!is_inline(h) && h->run)
        __builtin_prefetch(h->run);
}

void history_prefetch_ends(const struct history *h)
{
    if (is_inline(h) || !h->run)
        return;
    __builtin_prefetch(&h->run->r[h->run->newest]);
    __builtin_prefetch(&h->run->r[run_end(h->run) - 1]);
}

/* Where the run has rev, or its end. Other records of the same main are few. */
static uint32_t run_find(const struct history_run *run, struct revision rev)
{
    struct generation all = {run->head, run_end(run)};
    if (run->r[all.begin].main > rev.main)
        return all.end;
    for (uint32_t i = last_at(run, all, rev.main) + 1; i > all.begin; i--) {
        const struct record *r = &run->r[i - 1];
        if (r->main != rev.main)
            break;
        if (r->kind != RECORD_BASE && r->sub == rev.sub)
            return i - 1;
    }
    return all.end;
}

bool history_may_drop(const struct history *h, struct revision rev, int64_t c)
{
    if (rev.main > c)
        return false;
    const struct record *r = &h->one;
    const struct record *next = NULL;
    if (is_inline(h)) {
        if (revision_cmp(record_rev(r), rev) != 0)
            return true;
    } else {
        uint32_t i = h->run ? run_find(h->run, rev) : 0;
        if (!h->run || i == run_end(h->run))
            return true;
        r = &h->run->r[i];
        next = i + 1 < run_end(h->run) ? r + 1 : NULL;
    }
    if (r->kind == RECORD_TOMBSTONE)
        return r->main < c;
    /* A put ends no generation but the newest, so what comes next is of the same one. */
    return next && next->main <= c;
}

/* Take out record i by moving those before it up: what stands behind keeps its place. */
static void run_remove(struct history_run *run, uint32_t i)
{
    must(i >= run->head && i < run_end(run));
    run->bases -= run->r[i].kind == RECORD_BASE;
    memmove(&run->r[run->head + 1], &run->r[run->head], (i - run->head) * sizeof(struct record));
    run->head++;
    run->n--;
}

/* The generation that the put at i is the oldest of; of the oldest one, end is not looked for. */
static struct generation generation_led_by(const struct history_run *run, uint32_t i)
{
    /* Compaction takes from the front, and must not walk all generations each time. */
    bool oldest = i == run->head || (i == run->head + 1 && run->r[run->head].kind == RECORD_BASE);
    struct generation g = generation_newest(run);
    while (!oldest && g.begin > i)
        g = generation_before(run, g.begin);
    uint32_t begin = oldest ? run->head : g.begin;
    must(i == begin + (run->r[begin].kind == RECORD_BASE));
    return (struct generation){begin, g.end};
}

/* The put at i goes: a base takes its place if other puts of its generation follow. */
static void drop_put(struct history_run *run, uint32_t i)
{
    struct generation g = generation_led_by(run, i);
    bool based = g.begin < i;
    bool ends = i + 1 == run_end(run);
    uint32_t removed = based;
    if (!ends && run->r[i + 1].kind == RECORD_PUT) {
        run->r[i] = based ? base_of(run->r[g.begin].main, base_gone(&run->r[g.begin]) + 1)
                          : base_of(run->r[i].main, 1);
        run->bases++;
    } else {
        /* The last revision of a living key may only go with the key. */
        must(!ends || g.begin == run->head);
        run_remove(run, i);
        removed++;
    }
    if (based)
        run_remove(run, i - (removed == 1));
    if (g.begin == run->newest)
        run->newest += removed;
    struct record *last = &run->r[g.end - 1];
    bool oldest = g.begin == run->head - removed;
    if (!oldest && last->kind == RECORD_TOMBSTONE)
        last->note = (last->note - removed) & NOTE_MAX;
}

/* Back to the smallest form that holds what is left. */
static void run_shrink(struct history *h)
{
    struct history_run *run = h->run;
    if (run->n == 0) {
        history_fini(h);
    } else if (run->n == 1) {
        struct record one = run->r[run->head];
        must(one.kind != RECORD_BASE);
        history_fini(h);
        h->one = one;
    } else if (run->n <= run->cap / 4) {
        run_resize(h, run->n);
    }
}

bool history_drop(struct history *h, struct revision rev)
{
    if (is_inline(h)) {
        if (revision_cmp(record_rev(&h->one), rev) != 0)
            return false;
        history_fini(h);
        return true;
    }
    struct history_run *run = h->run;
    uint32_t i = run ? run_find(run, rev) : 0;
    if (!run || i == run_end(run))
        return false;
    if (run->r[i].kind == RECORD_TOMBSTONE) {
        /* The sweep goes in revision order: all before it is gone. */
        must(i == run->head && i < run->newest);
        run_remove(run, i);
    } else {
        drop_put(run, i);
    }
    run_shrink(h);
    return true;
}

/* Records of one generation: a base or not, puts, a tombstone unless it is the newest. */
static void generation_check(const struct history_run *run, struct generation g)
{
    must(g.begin < g.end && g.begin >= run->head && g.end <= run_end(run));
    for (uint32_t i = g.begin; i < g.end; i++) {
        const struct record *r = &run->r[i];
        must(i == run->head || run->r[i - 1].main <= r->main);
        must(r->kind != RECORD_BASE || (i == g.begin && i + 1 < g.end));
        must(r->kind != RECORD_BASE || run->r[i + 1].kind == RECORD_PUT);
        must(r->kind != RECORD_TOMBSTONE || i + 1 == g.end);
        must(r->kind != RECORD_TOMBSTONE || r->note >= g.end - g.begin);
        bool ordered = i > g.begin && run->r[i - 1].kind != RECORD_BASE;
        must(!ordered || revision_cmp(record_rev(r - 1), record_rev(r)) < 0);
    }
    const struct record *last = &run->r[g.end - 1];
    must(last->kind == RECORD_TOMBSTONE || (last->kind == RECORD_PUT && g.end == run_end(run)));
}

void history_check(const struct history *h)
{
    if (is_inline(h)) {
        must(h->one.kind != RECORD_BASE);
        return;
    }
    const struct history_run *run = h->run;
    must(h->none == 0);
    if (!run)
        return;
    must(run->n >= 2 && run_end(run) <= run->cap);
    uint32_t bases = 0;
    for (uint32_t i = run->head; i < run_end(run); i++)
        bases += run->r[i].kind == RECORD_BASE;
    must(bases == run->bases);
    struct generation g = generation_newest(run);
    generation_check(run, g);
    while (g.begin > run->head) {
        g = generation_before(run, g.begin);
        generation_check(run, g);
    }
}
