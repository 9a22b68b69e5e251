/* An event reaches its sink with its values when its level is high enough, and not otherwise. */
#include "base/log.h"

#include "base/cc.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct sink {
    struct log log;
    unsigned events;
    enum log_level level;
    const char *event;
    struct log_pair pairs[8];
    size_t n;
};

static void note(struct log *log, enum log_level level, const char *event,
                 const struct log_pair *pairs)
{
    struct sink *s = CONTAINER_OF(log, struct sink, log);
    s->events++;
    s->level = level;
    s->event = event;
    for (s->n = 0; pairs[s->n].name; s->n++)
        s->pairs[s->n] = pairs[s->n];
}

static void values_arrive(void **state)
{
    (void)state;
    struct sink s = {.log = {LOG_DEBUG, note}};
    log_warn(&s.log, "e", "a", STR("text"), "b", U64(7), "c", I64(-7), "d", HEX64(255), "e",
             BOOL(true), "f", NS(1500));
    assert_int_equal(s.level, LOG_WARN);
    assert_string_equal(s.event, "e");
    assert_int_equal(s.n, 6);
    assert_true(slice_eq(s.pairs[0].value.s, SLICE_LIT("text")));
    assert_int_equal(s.pairs[1].value.u, 7);
    assert_int_equal(s.pairs[2].value.i, -7);
    assert_int_equal(s.pairs[3].value.kind, LOG_KIND_HEX);
    assert_int_equal(s.pairs[4].value.u, 1);
    assert_string_equal(s.pairs[5].name, "f");
    assert_int_equal(s.pairs[5].value.kind, LOG_KIND_NS);
    log_info(&s.log, "bare");
    assert_int_equal(s.n, 0);
}

static void what_is_below_the_level_is_dropped(void **state)
{
    (void)state;
    struct sink s = {.log = {LOG_WARN, note}};
    log_debug(&s.log, "debug");
    log_info(&s.log, "info");
    assert_int_equal(s.events, 0);
    log_warn(&s.log, "warn");
    log_error(&s.log, "error");
    assert_int_equal(s.events, 2);
    log_error(NULL, "nobody listens");
}

static void levels_have_etcds_names(void **state)
{
    (void)state;
    static const char *const names[] = {"debug", "info", "warn", "error", "panic", "fatal"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_string_equal(log_level_name((enum log_level)i), names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_arrive),
        cmocka_unit_test(what_is_below_the_level_is_dropped),
        cmocka_unit_test(levels_have_etcds_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
