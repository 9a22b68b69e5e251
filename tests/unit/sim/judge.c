/* The judge has nothing against a state machine that is right, and notices one that is not. */
#include "sim/judge.h"

#include "kv/map_storage.h"
#include "wire/raft_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct bench {
    struct env env;
    struct clock clock;
    struct timers timers;
    struct rng rng;
    struct log log;
    struct storage *storage;
    struct state *state;
    struct judge judge;
    struct buf entry;
    struct state_reply reply;
    uint64_t index;
};

static uint64_t no_time(struct clock *c)
{
    (void)c;
    return 0;
}

static void configuration(void *arg, uint64_t *index, struct buf *out)
{
    (void)arg;
    (void)out;
    *index = 0;
}

static void on_flushed(void *arg, uint64_t safe)
{
    (void)arg;
    (void)safe;
}

static void on_storage(void *arg, enum rc rc)
{
    (void)arg;
    (void)rc;
}

static void begin(struct bench *b)
{
    *b = (struct bench){.clock = {no_time, no_time}};
    b->log.level = LOG_FATAL;
    rng_seed(&b->rng, 1);
    b->env = (struct env){.clock = &b->clock, .timers = &b->timers, .rng = &b->rng, .log = &b->log};
    b->storage = map_storage_new();
    b->state = state_new(&(struct state_options){.env = &b->env,
                                                 .storage = b->storage,
                                                 .cluster_id = 1,
                                                 .member_id = 2,
                                                 .arg = b,
                                                 .configuration = configuration,
                                                 .on_flushed = on_flushed,
                                                 .on_storage = on_storage});
    judge_init(&b->judge);
}

static void end(struct bench *b)
{
    state_free(b->state);
    storage_close(b->storage);
    judge_fini(&b->judge);
    buf_fini(&b->entry);
    buf_fini(&b->reply.body);
    timers_fini(&b->timers);
}

static void apply(struct bench *b, uint64_t id, const char *key)
{
    struct buf body = {0};
    const struct pb_put_request put = {.key = slice_str(key), .value = SLICE_LIT("v")};
    wire_encode(&wire_put_request, &put, &body);
    buf_clear(&b->entry);
    raft_request_begin(&b->entry, id);
    raft_request_embed(&b->entry, RAFT_REQUEST_PUT, buf_slice(&body));
    buf_fini(&body);
    buf_clear(&b->reply.body);
    b->reply = (struct state_reply){.raft_term = 3, .body = b->reply.body};
    state_apply(b->state, ++b->index, 3, buf_slice(&b->entry), &b->reply);
}

static const char *judged(struct bench *b)
{
    return judge_entry(&b->judge, b->index, buf_slice(&b->entry), &b->reply, state_hash(b->state));
}

static void expect_blame(const char *wrong, const char *part)
{
    assert_non_null(wrong);
    if (!strstr(wrong, part))
        fail_msg("%s", wrong);
}

static void nothing_is_wrong_with_what_is_right(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    for (uint64_t id = 1; id <= 20; id++) {
        apply(&b, id, id % 2 ? "a" : "b");
        assert_null(judged(&b));
    }
    const struct pb_range_request all = {.key = SLICE_LIT("\0"), .range_end = SLICE_LIT("\0")};
    assert_null(judge_range(&b.judge, state_kv(b.state), &all));
    assert_null(judge_state(&b.judge, 20, state_hash(b.state)));
    assert_null(judge_state(&b.judge, 0, 0));
    assert_null(judged(&b)); /* applied again by the next life, to the same end */
    end(&b);
}

static void each_wrong_has_its_name(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    apply(&b, 1, "a");
    assert_null(judged(&b));
    apply(&b, 2, "a");
    b.reply.body.p[b.reply.body.n - 3] ^= 1; /* the revision */
    expect_blame(judged(&b), "the answer");
    apply(&b, 3, "a");
    b.reply.error = ETCD_NO_SPACE;
    expect_blame(judged(&b), "the error is not the model's");
    apply(&b, 3, "a");
    expect_blame(judged(&b), "applied twice");
    uint64_t hash = state_hash(b.state);
    expect_blame(judge_entry(&b.judge, 9, buf_slice(&b.entry), &b.reply, hash),
                 "an entry before it was never applied");
    expect_blame(judge_entry(&b.judge, 1, buf_slice(&b.entry), &b.reply, hash),
                 "another request stands here");
    expect_blame(judge_entry(&b.judge, 4, buf_slice(&b.entry), &b.reply, hash + 1),
                 "leads to another state");
    expect_blame(judge_entry(&b.judge, 5, SLICE_LIT("\xff"), &b.reply, hash), "cannot be read");
    expect_blame(judge_state(&b.judge, 2, hash), "does not hold the state");
    expect_blame(judge_state(&b.judge, 99, hash), "ahead of everything");
    kv_begin(state_kv(b.state)); /* a change that no entry made */
    kv_put(state_kv(b.state), SLICE_LIT("x"), SLICE_LIT("y"), 0);
    kv_end(state_kv(b.state));
    const struct pb_range_request all = {.key = SLICE_LIT("\0"), .range_end = SLICE_LIT("\0")};
    expect_blame(judge_range(&b.judge, state_kv(b.state), &all), "the answer is not the model's");
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_wrong_with_what_is_right),
        cmocka_unit_test(each_wrong_has_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
