/* A full log file is put aside and no line is lost; old ones are a worker's, one job at a time. */
#include "app/rotate.h"

#include "app/logger.h"
#include "base/mem.h"
#include "place.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* Workers whose one job the test runs when it likes. */
struct hands {
    struct workers workers;
    struct job *job;
};

static void submit(struct workers *w, enum lane lane, struct job *job)
{
    struct hands *h = CONTAINER_OF(w, struct hands, workers);
    assert_int_equal(lane, LANE_POOL);
    assert_null(h->job);
    h->job = job;
}

static const struct workers_ops hands_ops = {.submit = submit};

static void work(struct hands *h)
{
    struct job *job = h->job;
    assert_non_null(job);
    job->run(job);
    h->job = NULL;
    job->done(job);
}

static void no_line_is_lost(void **state)
{
    const struct place *p = *state;
    struct logger l;
    char *outputs[] = {mem_strdup(p->path)};
    assert_int_equal(logger_init(&l, LOG_INFO, false, outputs, 1, NULL), RC_OK);
    logger_rotate(&l, outputs, 1, &(struct rotate){.bytes_max = 300});
    uint64_t written = 0;
    for (unsigned i = 0; i < 20; i++) {
        log_info(&l.log, "event", "number", U64(i));
        written += l.line.n;
        usleep(1500); /* names tell milliseconds apart */
    }
    logger_fini(&l);
    free(outputs[0]);
    uint64_t found = 0;
    assert_true(place_files(p, &found) >= 3);
    assert_int_equal(found, written);
}

static void a_file_put_aside_is_compressed_by_a_worker(void **state)
{
    const struct place *p = *state;
    struct hands h = {.workers.ops = &hands_ops};
    struct rotate r = {.backups = {.path = p->path, .compress = true}, .bytes_max = 1};
    int fd = open(p->path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    place_write(p, "moat-2026-01-30T00-00-00.000.log", "of a life before");
    assert_int_equal(write(fd, "line\n", 5), 5);
    rotate_begin(&r, fd);
    assert_true(rotate_is_due(&r, 1));
    fd = rotate_now(&r, fd, (struct timespec){.tv_sec = 1769903999});
    assert_false(rotate_is_due(&r, 100));                          /* one line fits, however long */
    assert_true(place_has(p, "moat-2026-01-31T23-59-59.000.log")); /* there are no workers yet */
    r.workers = &h.workers;
    rotate_tidy(&r);
    assert_true(place_has(p, "moat-2026-01-31T23-59-59.000.log")); /* not on this thread */
    assert_int_equal(write(fd, "next\n", 5), 5);
    fd = rotate_now(&r, fd, (struct timespec){.tv_sec = 1769904000});
    work(&h);
    place_unzips(p, "moat-2026-01-30T00-00-00.000.log.gz", "of a life before");
    place_unzips(p, "moat-2026-01-31T23-59-59.000.log.gz", "line\n");
    work(&h); /* for the second, which may have come too late for the first job */
    place_unzips(p, "moat-2026-02-01T00-00-00.000.log.gz", "next\n");
    assert_null(h.job);
    uint64_t bytes = 0;
    assert_int_equal(place_files(p, &bytes), 4);
    close(fd);
}

static void at_the_end_what_is_in_progress_stops(void **state)
{
    const struct place *p = *state;
    struct hands h = {.workers.ops = &hands_ops};
    struct rotate r = {.backups = {.path = p->path, .compress = true}, .workers = &h.workers};
    place_write(p, "moat-2026-01-30T00-00-00.000.log", "text");
    rotate_tidy(&r);
    rotate_tidy(&r);
    rotate_stop(&r);
    work(&h);
    assert_null(h.job); /* and not once more */
    assert_null(r.job);
    assert_true(place_has(p, "moat-2026-01-30T00-00-00.000.log"));
    rotate_tidy(&r);
    assert_null(h.job);
}

static void what_cannot_be_put_aside_goes_on(void **state)
{
    const struct place *p = *state;
    struct rotate r = {.backups = {.path = "/nowhere/moat.log"}, .bytes_max = 1, .bytes = 5};
    int fd = open(p->path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(rotate_now(&r, fd, (struct timespec){0}), fd);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_line_is_lost),
        TEST(a_file_put_aside_is_compressed_by_a_worker),
        TEST(at_the_end_what_is_in_progress_stops),
        TEST(what_cannot_be_put_aside_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
