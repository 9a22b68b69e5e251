/* The compactor asks for what etcd's asks for, at the times etcd's does. */
#include "api/compactor.h"

#include "base/cc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MINUTE_NS ((uint64_t)60 * NS_PER_S)

struct lab {
    struct env env;
    struct clock clock;
    struct timers timers;
    struct log log;
    uint64_t now_ns;
    int64_t revision;
    int64_t compacted;
    int64_t asked;
    unsigned times;
    bool follows;
    bool fails;
};

static uint64_t now_ns(struct clock *c)
{
    return CONTAINER_OF(c, struct lab, clock)->now_ns;
}

static int64_t revision(void *arg)
{
    return ((struct lab *)arg)->revision;
}

static int64_t compacted(void *arg)
{
    return ((struct lab *)arg)->compacted;
}

static bool leads(void *arg)
{
    return !((struct lab *)arg)->follows;
}

static void compact(void *arg, int64_t rev)
{
    struct lab *l = arg;
    l->asked = rev;
    l->times++;
    if (!l->fails)
        l->compacted = rev;
}

static struct compactor *start(struct lab *l, bool by_revision, int64_t retention)
{
    *l = (struct lab){.clock = {now_ns, now_ns}, .compacted = -1, .revision = 1};
    l->log.level = LOG_ERROR;
    l->env = (struct env){.clock = &l->clock, .timers = &l->timers, .log = &l->log};
    return compactor_new(&(struct compactor_options){.env = &l->env,
                                                     .by_revision = by_revision,
                                                     .retention = retention,
                                                     .arg = l,
                                                     .revision = revision,
                                                     .compacted = compacted,
                                                     .leads = leads,
                                                     .compact = compact});
}

/* One step; one revision is added before it. */
static void pass(struct lab *l, uint64_t ns)
{
    l->revision++;
    l->now_ns += ns;
    timers_run(&l->timers, l->now_ns);
}

static void end(struct lab *l, struct compactor *c)
{
    compactor_free(c);
    assert_true(timers_next(&l->timers) == TIMERS_NEVER);
    timers_fini(&l->timers);
}

static void an_hour_is_kept_in_tenths(void **state)
{
    (void)state;
    struct lab l;
    struct compactor *c = start(&l, false, (int64_t)COMPACTOR_HOUR_NS);
    for (int i = 0; i < 9; i++)
        pass(&l, 6 * MINUTE_NS);
    assert_int_equal(l.times, 0);
    pass(&l, 6 * MINUTE_NS); /* an hour: what was current at the start */
    assert_int_equal(l.times, 1);
    assert_int_equal(l.asked, 1);
    for (int i = 0; i < 9; i++)
        pass(&l, 6 * MINUTE_NS);
    assert_int_equal(l.times, 1);
    pass(&l, 6 * MINUTE_NS);
    assert_int_equal(l.times, 2);
    assert_int_equal(l.asked, 10);
    end(&l, c);
}

static void a_day_is_compacted_every_hour(void **state)
{
    (void)state;
    struct lab l;
    struct compactor *c = start(&l, false, 24 * (int64_t)COMPACTOR_HOUR_NS);
    for (int i = 0; i < 239; i++)
        pass(&l, 6 * MINUTE_NS);
    assert_int_equal(l.times, 0);
    pass(&l, 6 * MINUTE_NS);
    assert_int_equal(l.times, 1);
    assert_int_equal(l.asked, 1);
    for (int i = 0; i < 10; i++)
        pass(&l, 6 * MINUTE_NS);
    assert_int_equal(l.times, 2);
    assert_int_equal(l.asked, 10);
    end(&l, c);
}

static void a_failure_is_tried_again_at_the_next_step(void **state)
{
    (void)state;
    struct lab l;
    struct compactor *c = start(&l, false, (int64_t)COMPACTOR_HOUR_NS);
    l.fails = true;
    for (int i = 0; i < 10; i++)
        pass(&l, 6 * MINUTE_NS);
    assert_int_equal(l.times, 1);
    pass(&l, 6 * MINUTE_NS);
    assert_int_equal(l.times, 2);
    assert_int_equal(l.asked, 1);
    l.fails = false;
    pass(&l, 6 * MINUTE_NS);
    assert_int_equal(l.times, 3);
    assert_int_equal(l.asked, 2);
    pass(&l, 6 * MINUTE_NS);
    assert_int_equal(l.times, 3);
    end(&l, c);
}

static void who_follows_and_who_rests_asks_nothing(void **state)
{
    (void)state;
    struct lab l;
    struct compactor *c = start(&l, false, (int64_t)COMPACTOR_HOUR_NS);
    l.follows = true;
    for (int i = 0; i < 20; i++)
        pass(&l, 6 * MINUTE_NS);
    assert_int_equal(l.times, 0);
    l.follows = false;
    pass(&l, 6 * MINUTE_NS);
    assert_int_equal(l.asked, 11);
    for (int i = 0; i < 40; i++) {
        l.revision--; /* nothing changes any more */
        pass(&l, 6 * MINUTE_NS);
    }
    assert_int_equal(l.asked, 22);
    unsigned before = l.times;
    for (int i = 0; i < 40; i++) {
        l.revision--;
        pass(&l, 6 * MINUTE_NS);
    }
    assert_int_equal(l.times, before);
    end(&l, c);
}

static void by_count_the_last_ones_stay(void **state)
{
    (void)state;
    struct lab l;
    struct compactor *c = start(&l, true, 10);
    l.revision = 8;
    pass(&l, COMPACTOR_REVISION_NS);
    assert_int_equal(l.times, 0);
    l.revision = 50;
    pass(&l, COMPACTOR_REVISION_NS - 1);
    assert_int_equal(l.times, 0);
    pass(&l, 1);
    assert_int_equal(l.asked, 42);
    l.revision--;
    pass(&l, COMPACTOR_REVISION_NS);
    assert_int_equal(l.times, 1);
    end(&l, c);
}

static void no_retention_is_no_compaction(void **state)
{
    (void)state;
    struct lab l;
    struct compactor *c = start(&l, false, 0);
    assert_true(timers_next(&l.timers) == TIMERS_NEVER);
    end(&l, c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_hour_is_kept_in_tenths),
        cmocka_unit_test(a_day_is_compacted_every_hour),
        cmocka_unit_test(a_failure_is_tried_again_at_the_next_step),
        cmocka_unit_test(who_follows_and_who_rests_asks_nothing),
        cmocka_unit_test(by_count_the_last_ones_stay),
        cmocka_unit_test(no_retention_is_no_compaction),
    };
    return cmocka_run_group_tests_name("api/compactor", tests, NULL, NULL);
}
