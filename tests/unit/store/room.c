/* A full disk is met before anything is written: the batch waits, nothing is lost, and what is
 * there can be read, deleted and grown again. A file system in memory is
 * the disk. */
#include "helper.h"

#include "store/impl.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

/* A small disk of our own over the test's directory, in a mount namespace of our own. */
static bool set_disk(struct place *p, const char *options, bool again)
{
    if (!again) {
        if (unshare(CLONE_NEWNS) && unshare(CLONE_NEWUSER | CLONE_NEWNS))
            return false;
        if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
            return false;
    }
    return mount("moat", p->dir, "tmpfs", again ? MS_REMOUNT : 0, options) == 0;
}

static void a_full_disk_is_no_space_and_passes(void **state)
{
    struct place *p = *state;
    if (!set_disk(p, "size=8m", false))
        skip(); /* needs the right to mount */
    assert_int_equal(place_open(p), RC_OK);
    struct storage_stats st;
    unsigned n = 0;
    unsigned warned_at = 0;
    enum rc rc;
    while ((rc = fill(p, n, 100, 1000)) == RC_OK) {
        n += 100;
        storage_stats(p->s, &st);
        if (st.room_low && !warned_at)
            warned_at = n;
    }
    assert_int_equal(rc, RC_NO_SPACE);
    assert_true(n > 4000);
    assert_in_range(warned_at, 100, n - 500); /* the warning came with room still in hand */
    assert_int_equal(fill(p, n, 100, 1000), RC_NO_SPACE);
    for (unsigned i = 0; i < n / 2; i += 4) /* a small batch still fits into what is in hand */
        assert_int_equal(unfill(p, i, 4), RC_OK);
    for (unsigned i = 0; i < 1000; i++) /* pages set free are used again, the disk being full */
        assert_int_equal(fill(p, n + i, 1, 1000), RC_OK);
    n += 1000;
    assert_true(set_disk(p, "size=64m", true));
    assert_int_equal(fill(p, n, 1000, 1000), RC_OK);
    storage_stats(p->s, &st);
    assert_false(st.room_low);
    place_reopen(p);
    uint8_t key[17];
    struct slice got;
    assert_int_equal(storage_get(p->s, TABLE_KEY, filled_key(n + 999, key), &got), RC_OK);
    assert_int_equal(storage_get(p->s, TABLE_KEY, filled_key(0, key), &got), RC_NOT_FOUND);
    place_close(p);
    assert_int_equal(umount(p->dir), 0);
}

/* The promise behind it: no batch makes the file grow by more than was reserved for it. */
static void what_is_reserved_suffices(void **state)
{
    struct place *p = *state;
    assert_int_equal(place_open(p), RC_OK);
    const struct store *s = (const void *)p->s;
    static const size_t sizes[] = {0, 1, 100, 300, 1000, 2000, 2040, 4000, 5000, 100000};
    static uint8_t value[100000];
    unsigned id = 0;
    for (unsigned round = 0; round < 60; round++) {
        enum { N = 150 };
        struct storage_op ops[N];
        uint8_t keys[N][17];
        for (unsigned i = 0; i < N; i++) {
            static const enum storage_change changes[] = {STORAGE_APPEND, STORAGE_PUT,
                                                          STORAGE_DELETE};
            enum storage_change change = changes[round % 3];
            unsigned at = change == STORAGE_APPEND ? id++ : (i * 7919 + round * 31) % 5000;
            ops[i] = (struct storage_op){change == STORAGE_APPEND ? TABLE_KEY : TABLE_V2, change,
                                         filled_key(at, keys[i]),
                                         slice_of(value, sizes[round / 3 % 10])};
        }
        uint64_t before = s->end;
        uint64_t need = batch_need(s, ops, N);
        assert_int_equal(storage_commit(p->s, ops, N), RC_OK);
        assert_true(s->end - before <= need);
        assert_true(s->room.off || s->end <= s->room.end);
    }
}

static void a_bad_descriptor_is_not_taken_for_a_full_disk(void **state)
{
    struct place *p = *state;
    write_file(p->path, "x", 1);
    int fd = open(p->path, O_RDONLY | O_CLOEXEC);
    struct room r = {.fd = fd, .max = 1u << 30, .ahead = 4096};
    enum rc rc = room_reserve(&r, 1, 1);
    close(fd);
    assert_int_not_equal(rc, RC_OK);
    assert_int_not_equal(rc, RC_NO_SPACE);
    assert_false(r.low);
}

/* What cannot allocate ahead (a pipe here, some file systems) is written to without promises. */
static void without_support_nothing_is_promised(void **state)
{
    struct place *p = *state;
    write_file(p->path, "", 0);
    int fd = open("/proc/self/comm", O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    struct room r = {.fd = fd, .max = 1u << 30, .ahead = 4096};
    assert_int_equal(room_reserve(&r, 0, 1), RC_OK);
    close(fd);
    assert_true(r.off);
    assert_int_equal(r.end, 0);
}

static void it_asks_rarely_and_never_beyond_the_map(void **state)
{
    struct place *p = *state;
    write_file(p->path, "", 0);
    int fd = open(p->path, O_RDWR | O_CLOEXEC);
    struct room r = {.fd = fd, .max = 1u << 20, .ahead = 64u << 10};
    assert_int_equal(room_reserve(&r, 0, 4096), RC_OK);
    uint64_t first = r.end;
    assert_in_range(first, 68u << 10, 1u << 20);
    assert_int_equal(room_reserve(&r, 8192, 4096), RC_OK);
    assert_int_equal(r.end, first);
    assert_int_equal(room_reserve(&r, 1000u << 10, 1u << 20), RC_OK);
    assert_int_equal(r.end, 1u << 20);
    assert_int_equal(size_of_file(p->path), 0); /* the file's size is LMDB's business */
    close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_full_disk_is_no_space_and_passes),
        TEST(what_is_reserved_suffices),
        TEST(a_bad_descriptor_is_not_taken_for_a_full_disk),
        TEST(without_support_nothing_is_promised),
        TEST(it_asks_rarely_and_never_beyond_the_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
