/* The file in memory: what is present is told apart from what is not, what is given back can be
 * read again, and a file cut short under us ends the process with a sentence. */
#include "helper.h"

#include "store/impl.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define TMPFS 0x01021994

static void base_is_found_from_any_page(void **state)
{
    struct place *p = *state;
    assert_int_equal(place_open(p), RC_OK);
    assert_int_equal(fill(p, 0, 3000, 300), RC_OK);
    const struct store *s = (const void *)p->s;
    uint8_t magic[4];
    memcpy(magic, s->map.base + 16, 4); /* LMDB's, in its first header page */
    assert_memory_equal(magic, "\xDE\xC0\xEF\xBE", 4);
    for (unsigned i = 0; i < 3000; i += 100) {
        uint8_t key[17];
        struct slice got;
        assert_int_equal(storage_get(p->s, TABLE_KEY, filled_key(i, key), &got), RC_OK);
        assert_ptr_equal(map_base(val_of(got).mv_data, s->page_bytes), s->map.base);
    }
}

static void evict(struct place *p)
{
    int fd = open(p->path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    store_trim_resident(p->s); /* mapped pages stay */
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    close(fd);
}

static void resident_tells_what_would_wait(void **state)
{
    struct place *p = *state;
    struct statfs fs;
    assert_int_equal(statfs(p->dir, &fs), 0);
    if (fs.f_type == TMPFS)
        skip(); /* is memory */
    assert_int_equal(place_open(p), RC_OK);
    assert_int_equal(fill(p, 0, 2, 20u << 20), RC_OK); /* more than one system call covers */
    uint8_t key[17];
    struct slice got;
    assert_int_equal(storage_get(p->s, TABLE_KEY, filled_key(1, key), &got), RC_OK);
    assert_true(store_resident(p->s, (struct slice){0}));
    assert_true(store_resident(p->s, got)); /* just written */
    evict(p);
    assert_false(store_resident(p->s, got));
    const volatile uint8_t *bytes = got.p; /* each is really read */
    for (size_t i = 0; i < got.n; i += 1024)
        assert_int_equal(bytes[i], 'v');
    assert_int_equal(bytes[got.n - 1], 'v');
    assert_true(store_resident(p->s, got));
    evict(p);
    assert_int_equal(bytes[0], 'v'); /* one page is not all */
    assert_true(store_resident(p->s, slice_of(got.p, 1)));
    assert_false(store_resident(p->s, got));
}

static bool add_up(void *arg, struct slice key, struct slice value)
{
    uint64_t *sum = arg;
    (void)key;
    for (size_t i = 0; i < value.n; i += 512)
        *sum += value.p[i];
    return true;
}

static uint64_t resident_pages_of_files(void)
{
    unsigned long long size;
    unsigned long long resident;
    unsigned long long shared;
    FILE *f = fopen("/proc/self/statm", "re");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%llu %llu %llu", &size, &resident, &shared), 3);
    (void)fclose(f);
    return shared;
}

static void trimmed_pages_leave_and_come_back(void **state)
{
    struct place *p = *state;
    assert_int_equal(place_open(p), RC_OK);
    assert_int_equal(fill(p, 0, 20000, 1000), RC_OK);
    uint64_t first = 0;
    uint64_t again = 0;
    assert_int_equal(storage_scan(p->s, TABLE_KEY, (struct slice){0}, add_up, &first), RC_OK);
    uint64_t before = resident_pages_of_files();
    store_trim_resident(p->s);
    uint64_t after = resident_pages_of_files();
    assert_true(after + (10u << 20) / (uint64_t)sysconf(_SC_PAGESIZE) < before);
    assert_int_equal(storage_scan(p->s, TABLE_KEY, (struct slice){0}, add_up, &again), RC_OK);
    assert_int_equal(again, first);
}

/* In a child with its stderr in a pipe: what, and the exit status. */
static int run_child(void (*body)(struct place *p), struct place *p, char *text, size_t n)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit none = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)dup2(ends[1], STDERR_FILENO);
        body(p);
        _exit(77);
    }
    close(ends[1]);
    size_t have = 0;
    ssize_t got;
    while (have + 1 < n && (got = read(ends[0], text + have, n - 1 - have)) > 0)
        have += (size_t)got;
    text[have] = 0;
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void read_behind_the_cut(struct place *p)
{
    store_catch_sigbus();
    uint8_t key[17];
    struct slice got;
    if (place_open(p) != RC_OK || fill(p, 0, 1000, 1000) != RC_OK ||
        storage_get(p->s, TABLE_KEY, filled_key(900, key), &got) != RC_OK ||
        truncate(p->path, 3 * sysconf(_SC_PAGESIZE)))
        return;
    _exit(*(const volatile uint8_t *)got.p == 'v' ? 78 : 79);
}

static void a_file_cut_short_under_us_ends_with_a_sentence(void **state)
{
    struct place *p = *state;
    char text[2048];
    int status = run_child(read_behind_the_cut, p, text, sizeof(text));
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_non_null(strstr(text, p->path));
    assert_non_null(strstr(text, "SIGBUS"));
    assert_non_null(strstr(text, "cut short"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
}

static void some_other_sigbus(struct place *p)
{
    store_catch_sigbus();
    if (place_open(p) != RC_OK)
        return;
    place_close(p); /* unregistered with it */
    (void)raise(SIGBUS);
    (void)raise(SIGBUS);
}

static void a_sigbus_elsewhere_is_not_blamed_on_the_file(void **state)
{
    struct place *p = *state;
    char text[2048];
    int status = run_child(some_other_sigbus, p, text, sizeof(text));
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGBUS);
    assert_null(strstr(text, "moat"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(base_is_found_from_any_page),
        TEST(resident_tells_what_would_wait),
        TEST(trimmed_pages_leave_and_come_back),
        TEST(a_file_cut_short_under_us_ends_with_a_sentence),
        TEST(a_sigbus_elsewhere_is_not_blamed_on_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
