/* Those who watch a simulated server have nothing against one that is right, and notice one that is
 * not. */
#include "sim/watchers.h"

#include "kv/map_storage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct bench {
    struct env env;
    struct clock clock;
    struct timers timers;
    struct log log;
    struct storage *storage;
    struct kv *kv;
    struct model model;
    struct arena arena;
    struct watchers watchers;
};

static uint64_t no_time(struct clock *c)
{
    (void)c;
    return 0;
}

static void open_bench(struct bench *b)
{
    *b = (struct bench){.log.level = LOG_FATAL};
    b->clock = (struct clock){.mono_ns = no_time, .wall_ns = no_time};
    b->env = (struct env){.clock = &b->clock, .timers = &b->timers, .log = &b->log};
    b->storage = map_storage_new();
    b->kv = kv_new(&b->env, b->storage);
    model_init(&b->model);
    watchers_init(&b->watchers, &b->model);
    watchers_begin(&b->watchers, b->kv);
    for (size_t i = 0; i < WATCHERS_MAX; i++) {
        b->watchers.v[i].takes = 1000;
        watcher_go_on(&b->watchers.v[i].watcher);
    }
}

static void close_bench(struct bench *b)
{
    watchers_end(&b->watchers);
    kv_free(b->kv);
    storage_close(b->storage);
    model_fini(&b->model);
    arena_fini(&b->arena);
    timers_fini(&b->timers);
}

static void put(struct bench *b, const char *key, const char *value)
{
    kv_begin(b->kv);
    kv_put(b->kv, slice_str(key), slice_str(value), 0);
    kv_end(b->kv);
    timers_run(&b->timers, 0);
}

static void model_says(struct bench *b, const char *key, const char *value)
{
    struct pb_put_response out = {0};
    const struct pb_put_request r = {.key = slice_str(key), .value = slice_str(value)};
    assert_int_equal(model_put(&b->model, &r, &b->arena, &out), ETCD_OK);
}

static void what_is_right_is_not_objected_to(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    for (int i = 0; i < 5; i++) {
        put(&b, i % 2 ? "a" : "b", "v");
        model_says(&b, i % 2 ? "a" : "b", "v");
        assert_null(watchers_check(&b.watchers));
    }
    assert_true(b.watchers.batches > 5);
    watchers_end(&b.watchers); /* a crash: everybody goes on where he was */
    watchers_begin(&b.watchers, b.kv);
    put(&b, "c", "v");
    model_says(&b, "c", "v");
    timers_run(&b.timers, 0);
    assert_null(watchers_check(&b.watchers));
    close_bench(&b);
}

static void what_is_wrong_is_noticed(void **state)
{
    (void)state;
    static const struct {
        const char *value;       /* the server's */
        const char *model_value; /* NULL: nothing should have happened */
        const char *wrong;
    } cases[] = {
        {"v", NULL, "a watch shows what never happened"},
        {"v", "w", "a watch shows another pair than was put"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench b;
        open_bench(&b);
        timers_run(&b.timers, 0);
        put(&b, "a", cases[i].value);
        if (cases[i].model_value)
            model_says(&b, "a", cases[i].model_value);
        assert_string_equal(watchers_check(&b.watchers), cases[i].wrong);
        close_bench(&b);
    }
}

static void what_is_missing_is_noticed(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    put(&b, "z", "nobody watches this");
    model_says(&b, "a", "this should have been told");
    assert_string_equal(watchers_check(&b.watchers),
                        "a watch counts as current and misses a change");
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_right_is_not_objected_to),
        cmocka_unit_test(what_is_wrong_is_noticed),
        cmocka_unit_test(what_is_missing_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
