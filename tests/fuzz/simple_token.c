/* fuzz: authz base */
/* Any bytes as a run of logins, requests, lost rights and time that passes: who is behind a token
 * is told as a plain list tells it, and no other bytes are a token. */
#include "authz/simple_token.h"

#include "base/must.h"

#include <stdio.h>

#define TTL_NS     100u
#define TOKENS_MAX 512
#define LETTERS    "abcdefghijklmnop"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct given {
    char text[40];
    struct slice user;
    uint64_t due_ns;
    bool gone;
};

struct world {
    struct clock clock;
    struct rng rng;
    struct env env;
    struct simple_tokens *tokens;
    uint64_t now_ns;
    struct given v[TOKENS_MAX];
    size_t n;
};

static const char *const users[] = {"", "root", "alice", "alice.1"};

static uint64_t now(struct clock *c)
{
    return CONTAINER_OF(c, struct world, clock)->now_ns;
}

static bool lives(const struct world *w, const struct given *g)
{
    return !g->gone && g->due_ns > w->now_ns;
}

static void login(struct world *w, uint8_t who)
{
    struct given *g = &w->v[w->n];
    struct buf text = {0};
    g->user = slice_str(users[who % ARRAY_LEN(users)]);
    simple_tokens_assign(w->tokens, SLICE_LIT(LETTERS), w->n++, g->user, &text);
    must(text.n < sizeof(g->text));
    memcpy(g->text, text.p, text.n);
    g->due_ns = w->now_ns + TTL_NS;
    buf_fini(&text);
}

static void ask(struct world *w, struct given *g)
{
    struct slice user;
    bool found = simple_tokens_find(w->tokens, slice_str(g->text), &user);
    must(found == lives(w, g));
    must(!found || slice_eq(user, g->user));
    if (found)
        g->due_ns = w->now_ns + TTL_NS;
}

/* Bytes of the input's own: whose they are, if by chance they are a token. */
static void ask_any(struct world *w, struct slice text)
{
    struct slice user;
    if (!simple_tokens_find(w->tokens, text, &user))
        return;
    for (size_t i = 0; i < w->n; i++) {
        if (slice_eq(slice_str(w->v[i].text), text) && lives(w, &w->v[i])) {
            w->v[i].due_ns = w->now_ns + TTL_NS;
            must(slice_eq(user, w->v[i].user));
            return;
        }
    }
    must(false); /* what was never given is a token */
}

static void forget(struct world *w, uint8_t who)
{
    struct slice user = slice_str(users[who % ARRAY_LEN(users)]);
    simple_tokens_forget_user(w->tokens, user);
    for (size_t i = 0; i < w->n; i++)
        w->v[i].gone = w->v[i].gone || slice_eq(w->v[i].user, user);
}

static void step(struct world *w, uint8_t what, uint8_t with, struct slice rest)
{
    switch (what % 6) {
    case 0:
        if (w->n < TOKENS_MAX)
            login(w, with);
        break;
    case 1:
    case 2:
        if (w->n > 0)
            ask(w, &w->v[with % w->n]);
        break;
    case 3:
        ask_any(w, slice_of(rest.p, with < rest.n ? with : rest.n));
        break;
    case 4:
        w->now_ns += with;
        break;
    default:
        forget(w, with);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    w = (struct world){.clock = {now, now}, .now_ns = 1};
    rng_seed(&w.rng, 1);
    w.env = (struct env){.clock = &w.clock, .rng = &w.rng};
    w.tokens = simple_tokens_new(&w.env, TTL_NS);
    for (size_t i = 0; i + 2 <= size; i += 2)
        step(&w, data[i], data[i + 1], slice_of(data + i + 2, size - i - 2));
    size_t alive = 0;
    for (size_t i = 0; i < w.n; i++) {
        alive += lives(&w, &w.v[i]);
        ask(&w, &w.v[i]);
    }
    must(simple_tokens_count(w.tokens) == alive);
    simple_tokens_free(w.tokens);
    return 0;
}
