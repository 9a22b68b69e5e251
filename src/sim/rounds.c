#include "sim/rounds.h"

#include "base/cc.h"
#include "base/mem.h"
#include "base/rng.h"
#include "quorum/read_index.h"

#include <stdlib.h>

#define VOTERS_MAX   5u
#define MESSAGES_MAX 64u
#define READS_MAX    64u

struct member {
    struct rounds *r;
    uint64_t id;
    uint64_t term;      /* adopted */
    bool leads;         /* believes so, in term */
    uint64_t committed; /* as far as it knows */
    struct read_index ri;
};

struct message {
    bool used;
    bool answer;
    uint64_t from;
    uint64_t to;
    uint64_t number;
    uint64_t term;
};

struct reader {
    struct read_waiter waiter;
    struct rounds *r;
    struct member *at;
    bool waiting;
    uint64_t committed; /* anywhere, when the read was asked for */
};

struct rounds {
    struct rng rng;
    struct rounds_result *out;
    struct member members[VOTERS_MAX];
    uint64_t ids[VOTERS_MAX];
    size_t n;
    uint64_t term;      /* the newest leader's */
    size_t leader;      /* its place */
    uint64_t committed; /* by anyone */
    struct message messages[MESSAGES_MAX];
    struct reader readers[READS_MAX];
};

/* Into a random place: what was on its way there is lost. */
static void send(struct rounds *r, struct message m)
{
    m.used = true;
    r->messages[rng_below(&r->rng, MESSAGES_MAX)] = m;
}

static void ask(void *arg, uint64_t number, uint64_t term)
{
    struct member *m = arg;
    for (size_t i = 0; i < m->r->n; i++)
        if (m->r->ids[i] != m->id)
            send(m->r, (struct message){
                           .from = m->id, .to = m->r->ids[i], .number = number, .term = term});
}

static void move_on(struct member *m)
{
    struct read_voters voters = {m->r->ids, m->r->n};
    if (m->leads)
        read_index_step(&m->ri, m->term, m->committed, m->committed, voters);
    else
        read_index_fail(&m->ri);
}

static void ready(struct read_waiter *w, enum rc rc)
{
    struct reader *reader = CONTAINER_OF(w, struct reader, waiter);
    struct rounds *r = reader->r;
    reader->waiting = false;
    r->out->trace = r->out->trace * 31 + (uint64_t)rc + reader->committed;
    if (rc != RC_OK) {
        r->out->refused++;
        return;
    }
    r->out->reads++;
    if (reader->at->committed < reader->committed)
        r->out->failed = true;
}

static void read_somewhere(struct rounds *r)
{
    struct member *m = &r->members[rng_below(&r->rng, r->n)];
    struct reader *reader = &r->readers[rng_below(&r->rng, READS_MAX)];
    if (!m->leads || reader->waiting)
        return;
    reader->waiting = true;
    reader->at = m;
    reader->committed = r->committed;
    read_index_add(&m->ri, &reader->waiter);
    move_on(m);
}

static void deliver_one(struct rounds *r)
{
    uint64_t start = rng_below(&r->rng, MESSAGES_MAX);
    struct message *m = NULL;
    for (size_t i = 0; i < MESSAGES_MAX && !(m && m->used); i++)
        m = &r->messages[(start + i) % MESSAGES_MAX];
    if (!m || !m->used)
        return;
    m->used = false;
    struct member *to = &r->members[m->to];
    if (m->answer) {
        read_index_answer(&to->ri, m->from, m->number, m->term);
        move_on(to);
    } else if (to->term == m->term) {
        send(r, (struct message){.answer = true,
                                 .from = m->to,
                                 .to = m->from,
                                 .number = m->number,
                                 .term = m->term});
    }
}

/* A majority adopts a new term; the rest, an old leader perhaps, hears of it later or never. */
static void elect(struct rounds *r)
{
    size_t first = rng_below(&r->rng, r->n);
    r->term++;
    r->leader = first;
    r->out->elections++;
    for (size_t i = 0; i <= r->n / 2; i++) {
        struct member *m = &r->members[(first + i) % r->n];
        m->term = r->term;
        m->leads = i == 0;
        if (i > 0)
            move_on(m);
    }
    /* Its first entry is committed before it serves reads (raft thesis 6.4). */
    r->members[first].committed = ++r->committed;
    move_on(&r->members[first]);
}

static void write_one(struct rounds *r)
{
    struct member *m = &r->members[r->leader];
    m->committed = ++r->committed;
    move_on(m);
}

/* Somebody who was left out hears of the newest term. */
static void hear(struct rounds *r)
{
    struct member *m = &r->members[rng_below(&r->rng, r->n)];
    if (m->term == r->term)
        return;
    m->term = r->term;
    m->leads = false;
    move_on(m);
}

static void step(struct rounds *r)
{
    uint64_t kind = rng_below(&r->rng, 100);
    if (kind < 60)
        deliver_one(r);
    else if (kind < 80)
        read_somewhere(r);
    else if (kind < 95)
        write_one(r);
    else if (kind < 98)
        hear(r);
    else
        elect(r);
}

void rounds_run(uint64_t seed, uint64_t steps, struct rounds_result *out)
{
    struct rounds *r = mem_zalloc(sizeof(*r));
    *out = (struct rounds_result){0};
    r->out = out;
    rng_seed(&r->rng, seed);
    r->n = rng_chance(&r->rng, 500000) ? 3 : VOTERS_MAX;
    for (size_t i = 0; i < r->n; i++) {
        r->ids[i] = i;
        r->members[i] = (struct member){.r = r, .id = i};
        read_index_init(&r->members[i].ri, i, &r->members[i], ask);
    }
    for (size_t i = 0; i < READS_MAX; i++)
        r->readers[i] = (struct reader){.waiter = {.ready = ready}, .r = r};
    elect(r);
    for (uint64_t i = 0; i < steps && !out->failed; i++)
        step(r);
    for (size_t i = 0; i < r->n; i++)
        read_index_fail(&r->members[i].ri);
    free(r);
}
