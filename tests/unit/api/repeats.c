/* However often it happens, the log gets a bounded number of lines, and they account for all. */
#include "api/repeats.h"

#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char put[] = "/etcdserverpb.KV/Put";
static const char range[] = "/etcdserverpb.KV/Range";

struct world {
    struct env env;
    struct clock clock;
    struct timers timers;
    struct log log;
    uint64_t now_ns;
    unsigned lines;
    uint64_t more; /* what the lines say of it, together */
    char last[64]; /* the user of the last line */
    struct repeats repeats;
};

static uint64_t now(struct clock *c)
{
    return CONTAINER_OF(c, struct world, clock)->now_ns;
}

static void write_line(struct log *log, enum log_level level, const char *event,
                       const struct log_pair *pairs)
{
    struct world *w = CONTAINER_OF(log, struct world, log);
    assert_int_equal(level, LOG_WARN);
    assert_string_equal(event, "auth.denied");
    w->lines++;
    w->last[0] = '\0';
    for (; pairs->name; pairs++) {
        if (strcmp(pairs->name, "more") == 0)
            w->more += pairs->value.u;
        if (strcmp(pairs->name, "user") == 0)
            (void)snprintf(w->last, sizeof(w->last), "%.*s", (int)pairs->value.s.n,
                           (const char *)pairs->value.s.p);
    }
}

static struct world *open_world(void)
{
    struct world *w = calloc(1, sizeof(*w));
    w->clock = (struct clock){.mono_ns = now, .wall_ns = now};
    w->log = (struct log){LOG_DEBUG, write_line};
    w->env = (struct env){.clock = &w->clock, .timers = &w->timers, .log = &w->log};
    repeats_init(&w->repeats, &w->env, "auth.denied");
    return w;
}

static void close_world(struct world *w)
{
    repeats_fini(&w->repeats);
    assert_true(timers_next(&w->timers) == TIMERS_NEVER);
    timers_fini(&w->timers);
    free(w);
}

static void pass(struct world *w, uint64_t ns)
{
    w->now_ns += ns;
    timers_run(&w->timers, w->now_ns);
}

static bool hit(struct world *w, const char *user, const char *method)
{
    return repeats_first(&w->repeats, slice_str(user), method);
}

static void the_first_is_written_and_the_others_are_counted(void **state)
{
    (void)state;
    struct world *w = open_world();
    assert_true(hit(w, "alice", put));
    for (int i = 0; i < 1000; i++)
        assert_false(hit(w, "alice", put));
    assert_true(hit(w, "alice", range));
    assert_true(hit(w, "bob", put));
    pass(w, REPEATS_NS - 1);
    assert_int_equal(w->lines, 0);
    pass(w, 1);
    assert_int_equal(w->lines, 1);
    assert_int_equal(w->more, 1000);
    assert_string_equal(w->last, "alice");
    assert_true(hit(w, "bob", put)); /* not repeated: new again */
    assert_false(hit(w, "alice", put));
    close_world(w);
}

static void after_some_quiet_it_is_new_again(void **state)
{
    (void)state;
    struct world *w = open_world();
    assert_true(hit(w, "alice", put));
    assert_false(hit(w, "alice", put));
    pass(w, REPEATS_NS);
    pass(w, REPEATS_NS);
    assert_int_equal(w->lines, 1);
    assert_true(timers_next(&w->timers) == TIMERS_NEVER); /* nothing is left to do */
    assert_true(hit(w, "alice", put));
    close_world(w);
}

static void the_end_tells_what_is_left(void **state)
{
    (void)state;
    struct world *w = open_world();
    assert_true(hit(w, "alice", put));
    assert_false(hit(w, "alice", put));
    assert_false(hit(w, "alice", put));
    repeats_fini(&w->repeats);
    assert_int_equal(w->lines, 1);
    assert_int_equal(w->more, 2);
    close_world(w);
}

static void what_is_too_much_to_be_told_apart_is_counted_together(void **state)
{
    (void)state;
    struct world *w = open_world();
    unsigned written = 0;
    for (unsigned i = 0; i < 3 * REPEATS_KINDS; i++) {
        char user[16];
        (void)snprintf(user, sizeof(user), "user-%u", i);
        written += hit(w, user, put);
    }
    assert_int_equal(written, REPEATS_KINDS);
    pass(w, REPEATS_NS);
    assert_int_equal(w->lines, 1);
    assert_int_equal(w->more, 2 * REPEATS_KINDS);
    assert_true(hit(w, "user-900", put)); /* there is a place again */
    close_world(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_is_written_and_the_others_are_counted),
        cmocka_unit_test(after_some_quiet_it_is_new_again),
        cmocka_unit_test(the_end_tells_what_is_left),
        cmocka_unit_test(what_is_too_much_to_be_told_apart_is_counted_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
