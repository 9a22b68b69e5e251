/* Files put aside bear the time, only so many are kept, and compressed they are the same. */
#include "app/backups.h"

#include "place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct timespec now = {.tv_sec = 1769903999, .tv_nsec = 123456789};

static void tidy(const struct place *p, struct backups b)
{
    atomic_bool stop = false;
    b.path = p->path;
    backups_tidy(&b, now, &stop);
}

static void the_time_goes_into_the_name(void **state)
{
    (void)state;
    char name[BACKUPS_NAME_MAX];
    backups_name(&(struct backups){.path = "/var/log.d/moat.log"}, now, name);
    assert_string_equal(name, "/var/log.d/moat-2026-01-31T23-59-59.123.log");
    backups_name(&(struct backups){.path = "log.d/moat"}, now, name);
    assert_string_equal(name, "log.d/moat-2026-01-31T23-59-59.123");
}

static void only_so_many_and_so_old_ones_are_kept(void **state)
{
    const struct place *p = *state;
    place_write(p, "moat.log", "now");
    place_write(p, "moat-2026-01-01T00-00-00.000.log", "1");
    place_write(p, "moat-2026-01-29T00-00-00.000.log.gz", "2");
    place_write(p, "moat-2026-01-30T00-00-00.000.log", "3");
    place_write(p, "moat-2026-01-31T00-00-00.000.log", "4");
    place_write(p, "moat-other.log", "");
    place_write(p, "moat-2020-01-30T00-00-00.00x.log", "");
    place_write(p, "moat-2020-01-30T00-00-00.000.log.xz", "");
    tidy(p, (struct backups){.backups_max = 3});
    assert_false(place_has(p, "moat-2026-01-01T00-00-00.000.log"));
    assert_true(place_has(p, "moat-2026-01-29T00-00-00.000.log.gz"));
    tidy(p, (struct backups){.days_max = 2});
    assert_false(place_has(p, "moat-2026-01-29T00-00-00.000.log.gz"));
    assert_true(place_has(p, "moat-2026-01-30T00-00-00.000.log"));
    assert_true(place_has(p, "moat-2026-01-31T00-00-00.000.log"));
    assert_true(place_has(p, "moat-other.log"));
    assert_true(place_has(p, "moat-2020-01-30T00-00-00.00x.log"));
    assert_true(place_has(p, "moat-2020-01-30T00-00-00.000.log.xz"));
    assert_true(place_has(p, "moat.log"));
}

/* What a crash left half compressed is compressed anew, and is one file among those that are kept.
 */
static void those_that_are_kept_are_compressed(void **state)
{
    const struct place *p = *state;
    place_write(p, "moat.log", "now");
    place_write(p, "moat-2026-01-01T00-00-00.000.log", "too many");
    place_write(p, "moat-2026-01-30T00-00-00.000.log", "older");
    place_write(p, "moat-2026-01-31T00-00-00.000.log", "the newest");
    place_write(p, "moat-2026-01-31T00-00-00.000.log.gz", "half of");
    tidy(p, (struct backups){.backups_max = 2, .compress = true});
    place_unzips(p, "moat-2026-01-31T00-00-00.000.log.gz", "the newest");
    place_unzips(p, "moat-2026-01-30T00-00-00.000.log.gz", "older");
    uint64_t bytes = 0;
    assert_int_equal(place_files(p, &bytes), 3);
    assert_true(place_has(p, "moat.log"));
    tidy(p, (struct backups){.backups_max = 2, .compress = true}); /* again changes nothing */
    place_unzips(p, "moat-2026-01-30T00-00-00.000.log.gz", "older");
}

static void what_is_stopped_is_left_as_it_was(void **state)
{
    const struct place *p = *state;
    atomic_bool stop = true;
    place_write(p, "moat-2026-01-30T00-00-00.000.log", "older");
    backups_tidy(&(struct backups){.path = p->path, .compress = true}, now, &stop);
    assert_true(place_has(p, "moat-2026-01-30T00-00-00.000.log"));
    assert_false(place_has(p, "moat-2026-01-30T00-00-00.000.log.gz"));
    backups_tidy(&(struct backups){.path = "/nowhere/moat.log", .days_max = 1}, now, &stop);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_time_goes_into_the_name),
        TEST(only_so_many_and_so_old_ones_are_kept),
        TEST(those_that_are_kept_are_compressed),
        TEST(what_is_stopped_is_left_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
