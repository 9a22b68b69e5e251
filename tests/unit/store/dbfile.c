/* A file that LMDB would trust and should not is refused before it is mapped; a healthy one that
 * merely looks short is not. */
#include "helper.h"

#include "base/cc.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/wr.h"
#include "store/dbfile.h"
#include "store/impl.h"

#include <fcntl.h>
#include <unistd.h>

static enum rc judge(struct place *p, struct dbfile *f)
{
    int fd = open(p->path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    p->err = (struct err){0};
    enum rc rc = dbfile_judge(fd, p->path, f, &p->err);
    close(fd);
    return rc;
}

static void made(struct place *p)
{
    place_reopen(p);
    assert_int_equal(fill(p, 0, 2000, 300), RC_OK);
    place_close(p);
}

static void a_healthy_file_passes(void **state)
{
    struct place *p = *state;
    struct dbfile f = {0};
    made(p);
    assert_int_equal(judge(p, &f), RC_OK);
    assert_int_equal(f.page_bytes, sysconf(_SC_PAGESIZE));
    assert_int_equal(f.size, size_of_file(p->path));
    assert_true((f.last_page + 1) * f.page_bytes >= 2000 * 300);
    write_file(p->path, "", 0);
    assert_int_equal(judge(p, &f), RC_OK);
    assert_int_equal(f.page_bytes, 0);
}

static void other_kinds_of_files_are_foreign(void **state)
{
    struct place *p = *state;
    uint8_t bytes[8192] = {0};
    store_u32(bytes + 16, 0xED0CDAEDu); /* bbolt */
    write_file(p->path, bytes, sizeof(bytes));
    assert_int_equal(place_open(p), RC_FOREIGN);
    says(p, "etcd's own database (bbolt)");
    struct rng rng;
    rng_seed(&rng, 1);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)rng_u64(&rng);
    memcpy(bytes + 16, "abcd", 4);
    write_file(p->path, bytes, sizeof(bytes));
    assert_int_equal(place_open(p), RC_FOREIGN);
    says(p, "begins with the bytes 61 62 63 64");
    assert_int_equal(size_of_file(p->path), sizeof(bytes)); /* and it was not touched */
    memset(bytes, 0, sizeof(bytes));
    write_file(p->path, bytes, sizeof(bytes));
    assert_int_equal(place_open(p), RC_FOREIGN);
    write_file(p->path, "short", 5);
    assert_int_equal(place_open(p), RC_CORRUPT);
    says(p, "was cut short");
}

/* Cut anywhere, it is refused; never believed, never a crash. */
static void a_file_cut_short_is_refused(void **state)
{
    struct place *p = *state;
    struct dbfile f = {0};
    made(p);
    uint64_t size = size_of_file(p->path);
    uint64_t step = size / 64;
    for (uint64_t n = size - 1; n > step + 1; n -= n % 3 ? step : step + 1) {
        assert_int_equal(truncate(p->path, (off_t)n), 0);
        assert_int_equal(judge(p, &f), RC_CORRUPT);
        says(p, "was cut short");
    }
    assert_int_equal(place_open(p), RC_CORRUPT);
    says(p, "restore it from a snapshot");
    uint64_t header = 2 * (uint64_t)sysconf(_SC_PAGESIZE);
    for (uint64_t n = header - 1; n > 0; n -= n > 4096 ? 97 : 1) {
        assert_int_equal(truncate(p->path, (off_t)n), 0);
        assert_int_equal(judge(p, &f), RC_CORRUPT);
    }
}

/* Random puts, large and small, and in every third batch all keys deleted again at its end. */
static enum rc churn(struct place *p, struct rng *rng, bool empty)
{
    enum { KEYS = 300, OPS = 600 };
    static const uint8_t value[100000];
    struct storage_op ops[OPS];
    uint8_t keys[OPS][4];
    for (size_t i = 0; i < OPS; i++) {
        bool clearing = empty && i >= OPS - KEYS;
        bool put = !clearing && rng_chance(rng, 600000);
        size_t size = rng_below(rng, rng_chance(rng, 100000) ? sizeof(value) : 500);
        store_u32_big(keys[i], (uint32_t)(clearing ? i - (OPS - KEYS) : rng_below(rng, KEYS)));
        ops[i] = (struct storage_op){TABLE_V2, put ? STORAGE_PUT : STORAGE_DELETE,
                                     slice_of(keys[i], 4), slice_of(value, put ? size : 0)};
    }
    return storage_commit(p->s, ops, OPS);
}

/* Pages that one transaction took from the end and gave back are never written: the file ends
 * before its last page, and nothing is wrong. One page more taken away is. */
static void missing_pages_that_are_free_do_no_harm(void **state)
{
    struct place *p = *state;
    struct dbfile f = {0};
    struct rng rng;
    unsigned shorter = 0;
    unsigned refused = 0;
    rng_seed(&rng, 7);
    for (unsigned round = 0; round < 60; round++) {
        assert_int_equal(place_open(p), RC_OK);
        assert_int_equal(churn(p, &rng, round % 3 == 2), RC_OK);
        place_close(p);
        assert_int_equal(judge(p, &f), RC_OK);
        if (f.last_page + 1 <= f.size / f.page_bytes)
            continue;
        shorter++;
        int fd = open(p->path, O_RDWR | O_CLOEXEC);
        uint8_t page[DBFILE_PAGE_BYTES_MAX];
        uint64_t at = f.size - f.page_bytes;
        assert_int_equal(pread(fd, page, f.page_bytes, (off_t)at), f.page_bytes);
        assert_int_equal(ftruncate(fd, (off_t)at), 0);
        refused += judge(p, &(struct dbfile){0}) == RC_CORRUPT; /* unless that one is free too */
        assert_int_equal(pwrite(fd, page, f.page_bytes, (off_t)at), f.page_bytes);
        close(fd);
    }
    assert_true(shorter > 0);
    assert_true(refused > 0);
}

/* A file of our own making: header pages, and in page 2 a free list of pages from 3 up to but
 * without end. The last page is number 100, and nothing behind page 2 is there. */
static void craft(struct place *p, uint64_t end)
{
    uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
    uint8_t *file = mem_zalloc(3 * (size_t)page);
    for (uint64_t i = 0; i < 2; i++) {
        uint8_t *m = file + i * page;
        store_u64(m, i);
        m[10] = 8; /* header */
        store_u32(m + 16, 0xBEEFC0DEu);
        store_u32(m + 20, 1);
        store_u32(m + 40, page);
        store_u64(m + 80, i ? 2 : UINT64_MAX); /* root of the free list */
        store_u64(m + 128, UINT64_MAX);
        store_u64(m + 136, 100);
        store_u64(m + 144, i);
    }
    uint8_t *tree = file + page + 40;
    tree[6] = 1;             /* depth */
    store_u64(tree + 16, 1); /* leaf pages */
    uint8_t *leaf = file + 2 * (size_t)page;
    store_u64(leaf, 2);
    leaf[10] = 2;
    leaf[12] = 18; /* one node, at 32 */
    leaf[14] = 32;
    leaf[16] = 32;
    store_u32(leaf + 32, (uint32_t)(8 + (end - 3) * 8)); /* its data: a count and the numbers */
    leaf[38] = 8;                                        /* its key: a transaction number */
    store_u64(leaf + 48, end - 3);
    for (uint64_t i = 3; i < end; i++)
        store_u64(leaf + 56 + (i - 3) * 8, end - 1 - (i - 3));
    write_file(p->path, file, 3 * (size_t)page);
    free(file);
}

static void one_missing_page_in_use_is_too_many(void **state)
{
    struct place *p = *state;
    struct dbfile f = {0};
    craft(p, 101);
    assert_int_equal(judge(p, &f), RC_OK);
    assert_int_equal(f.last_page, 100);
    craft(p, 100); /* page 100 is not free */
    assert_int_equal(judge(p, &f), RC_CORRUPT);
    says(p, "was cut short");
    craft(p, 101);
    uint8_t more[8];
    store_u64(more, 99); /* a count that the data has no room for */
    poke_file(p->path, 2 * (uint64_t)sysconf(_SC_PAGESIZE) + 48, more, sizeof(more));
    assert_int_equal(judge(p, &f), RC_CORRUPT);
}

struct damage {
    uint64_t at; /* from the header page's beginning */
    uint64_t value;
    size_t width;
    enum rc rc;
    const char *part;
};

/* Offsets: docs/formats/store.md, header page. */
static const struct damage damages[] = {
    {0, 9, 8, RC_CORRUPT, "not marked as one"},
    {10, 0, 2, RC_CORRUPT, "not marked as one"},
    {20, 2, 4, RC_VERSION, "LMDB's file format 2"},
    {20, 999, 4, RC_VERSION, "LMDB's file format 999"},
    {40, 0, 4, RC_CORRUPT, "page size"},
    {40, 4097, 4, RC_CORRUPT, "page size"},
    {40, 1u << 20, 4, RC_CORRUPT, "page size"},
    {46, 77, 2, RC_CORRUPT, "outside of the file"},
    {80, 1, 8, RC_CORRUPT, "outside of the file"},
    {128, 1ull << 40, 8, RC_CORRUPT, "outside of the file"},
    {136, 0, 8, RC_CORRUPT, "last page number"},
    {136, UINT64_MAX, 8, RC_CORRUPT, "last page number"},
};

static void damaged_header_pages_are_named(void **state)
{
    struct place *p = *state;
    uint8_t before[8];
    uint8_t after[8];
    made(p);
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    for (uint64_t which = 0; which < 2; which++) {
        for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
            const struct damage *d = &damages[i];
            int fd = open(p->path, O_RDONLY | O_CLOEXEC);
            uint64_t at = which * page + d->at;
            assert_int_equal(pread(fd, before, d->width, (off_t)at), d->width);
            close(fd);
            store_u64(after, d->value);
            poke_file(p->path, at, after, d->width);
            assert_int_equal(place_open(p), d->rc);
            says(p, d->part);
            poke_file(p->path, at, before, d->width);
        }
        store_u32(after, 0);
        uint64_t magic = which * page + 16;
        poke_file(p->path, magic, after, 4);
        assert_int_equal(place_open(p), which ? RC_CORRUPT : RC_FOREIGN);
        store_u32(after, 0xBEEFC0DEu);
        poke_file(p->path, magic, after, 4);
    }
    place_reopen(p); /* and unharmed it opens */
}

static void a_transaction_number_on_the_wrong_page_is_damage(void **state)
{
    struct place *p = *state;
    struct dbfile f = {0};
    uint8_t odd[8];
    made(p);
    store_u64(odd, 101);
    poke_file(p->path, 144, odd, sizeof(odd));
    assert_int_equal(judge(p, &f), RC_CORRUPT);
    says(p, "header page 0");
}

static void pages_of_another_machine_are_not_supported(void **state)
{
    struct place *p = *state;
    uint8_t file[65536 * 2] = {0};
    for (uint64_t i = 0; i < 2; i++) {
        uint8_t *m = file + i * 65536;
        store_u64(m, i);
        m[10] = 8;
        store_u32(m + 16, 0xBEEFC0DEu);
        store_u32(m + 20, 1);
        store_u32(m + 40, 65536);
        store_u64(m + 80, UINT64_MAX);
        store_u64(m + 128, UINT64_MAX);
        store_u64(m + 136, 1);
    }
    write_file(p->path, file, sizeof(file));
    assert_int_equal(place_open(p), RC_UNSUPPORTED);
    says(p, "65536 bytes");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_healthy_file_passes),
        TEST(other_kinds_of_files_are_foreign),
        TEST(a_file_cut_short_is_refused),
        TEST(missing_pages_that_are_free_do_no_harm),
        TEST(one_missing_page_in_use_is_too_many),
        TEST(damaged_header_pages_are_named),
        TEST(a_transaction_number_on_the_wrong_page_is_damage),
        TEST(pages_of_another_machine_are_not_supported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
