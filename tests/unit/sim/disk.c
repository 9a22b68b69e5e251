/* The simulated disk is as treacherous as a real one, and no worse: what was synced stays, and
 * what was not may be lost, whole or in part, but is never something else. */
#include "sim/disk.h"

#include "base/buf.h"
#include "base/cc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define FILE_BYTES (8u * 4096)

struct bench {
    struct rng rng;
    struct sim_disk *sim;
    struct disk *disk;
    struct file *file;
};

static void begin(struct bench *b, uint64_t seed)
{
    *b = (struct bench){0};
    rng_seed(&b->rng, seed);
    b->sim = sim_disk_new(&b->rng);
    b->disk = sim_disk_env(b->sim);
    assert_int_equal(disk_mkdir(b->disk, "/d", NULL), RC_OK);
    assert_int_equal(disk_sync_dir(b->disk, "/", NULL), RC_OK);
    assert_int_equal(disk_open(b->disk, "/d/f", DISK_CREATE, &b->file, NULL), RC_OK);
    assert_int_equal(file_allocate(b->file, FILE_BYTES), RC_OK);
}

static void end(struct bench *b)
{
    file_close(b->file);
    sim_disk_free(b->sim);
}

static void write_all(struct bench *b, uint8_t byte)
{
    uint8_t bytes[FILE_BYTES];
    memset(bytes, byte, sizeof(bytes));
    assert_int_equal(file_pwrite(b->file, bytes, sizeof(bytes), 0), RC_OK);
}

static void sync_all(struct bench *b)
{
    assert_int_equal(file_sync(b->file), RC_OK);
    assert_int_equal(disk_sync_dir(b->disk, "/d", NULL), RC_OK);
}

static void synced_data_stays(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct bench b;
        begin(&b, seed);
        write_all(&b, 1);
        sync_all(&b);
        sim_disk_crash(b.sim, &b.rng);
        struct slice s = sim_disk_peek(b.sim, "/d/f");
        assert_int_equal(s.n, FILE_BYTES);
        for (size_t i = 0; i < s.n; i++)
            assert_int_equal(s.p[i], 1);
        end(&b);
    }
}

static void unsynced_data_is_lost_kept_or_torn(void **state)
{
    (void)state;
    unsigned lost = 0;
    unsigned kept = 0;
    unsigned torn = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct bench b;
        begin(&b, seed);
        write_all(&b, 1);
        sync_all(&b);
        write_all(&b, 2);
        sim_disk_crash(b.sim, &b.rng);
        const uint8_t *p = sim_disk_peek(b.sim, "/d/f").p;
        for (size_t block = 0; block < FILE_BYTES; block += 4096) {
            unsigned new = 0;
            for (size_t at = block; at < block + 4096; at += 512) {
                for (size_t i = at; i < at + 512; i++)
                    assert_int_equal(p[i], p[at]); /* a sector is whole */
                new += p[at] == 2;
            }
            lost += new == 0;
            kept += new == 8;
            torn += new > 0 && new < 8;
        }
        end(&b);
    }
    assert_true(lost > 50 && kept > 50 && torn > 50);
}

static void names_need_their_directory_synced(void **state)
{
    (void)state;
    unsigned there = 0;
    unsigned renamed = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct bench b;
        begin(&b, seed);
        assert_int_equal(file_sync(b.file), RC_OK);
        assert_int_equal(disk_rename(b.disk, "/d/f", "/d/g", NULL), RC_OK);
        sim_disk_crash(b.sim, &b.rng);
        bool f = sim_disk_peek(b.sim, "/d/f").n > 0;
        bool g = sim_disk_peek(b.sim, "/d/g").n > 0;
        assert_false(f && g);
        there += f;
        renamed += g;
        end(&b);
    }
    assert_true(there > 15 && renamed > 15 && there + renamed < 85);
}

static void a_synced_rename_is_whole(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, 1);
    sync_all(&b);
    assert_int_equal(disk_rename(b.disk, "/d/f", "/d/g", NULL), RC_OK);
    assert_int_equal(disk_sync_dir(b.disk, "/d", NULL), RC_OK);
    sim_disk_crash(b.sim, &b.rng);
    assert_int_equal(sim_disk_peek(b.sim, "/d/f").n, 0);
    assert_int_equal(sim_disk_peek(b.sim, "/d/g").n, FILE_BYTES);
    end(&b);
}

static void a_lost_directory_takes_its_files_along(void **state)
{
    (void)state;
    unsigned lost = 0;
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct bench b;
        begin(&b, seed);
        struct file *f = NULL;
        assert_int_equal(disk_mkdir(b.disk, "/d/sub", NULL), RC_OK);
        assert_int_equal(disk_open(b.disk, "/d/sub/x", DISK_CREATE, &f, NULL), RC_OK);
        assert_int_equal(file_pwrite(f, "x", 1, 0), RC_OK);
        assert_int_equal(file_sync(f), RC_OK);
        assert_int_equal(disk_sync_dir(b.disk, "/d/sub", NULL), RC_OK);
        file_close(f);
        sim_disk_crash(b.sim, &b.rng);
        lost += sim_disk_peek(b.sim, "/d/sub/x").n == 0;
        end(&b);
    }
    assert_true(lost > 5 && lost < 25);
}

static void the_dead_do_nothing(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, 1);
    sync_all(&b);
    uint64_t n = sim_disk_effects(b.sim);
    sim_disk_die_at(b.sim, n + 1);
    write_all(&b, 1);
    assert_true(sim_disk_dead(b.sim));
    assert_int_equal(file_sync(b.file), RC_IO);
    assert_int_equal(disk_unlink(b.disk, "/d/f", NULL), RC_IO);
    uint8_t byte;
    size_t got;
    assert_int_equal(file_pread(b.file, &byte, 1, 0, &got), RC_IO);
    assert_int_equal(sim_disk_effects(b.sim), n + 1);
    sim_disk_crash(b.sim, &b.rng);
    assert_false(sim_disk_dead(b.sim));
    assert_int_equal(file_sync(b.file), RC_IO); /* opened before */
    assert_int_equal(sim_disk_peek(b.sim, "/d/f").n, FILE_BYTES);
    end(&b);
}

static void a_failed_sync_proves_nothing(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, 1);
    sync_all(&b);
    write_all(&b, 7);
    sim_disk_fail_at(b.sim, sim_disk_effects(b.sim) + 1, RC_IO);
    assert_int_equal(file_sync(b.file), RC_IO);
    assert_int_equal(file_sync(b.file), RC_OK); /* and yet */
    sim_disk_crash(b.sim, &b.rng);
    struct slice s = sim_disk_peek(b.sim, "/d/f");
    unsigned kept = 0;
    for (size_t i = 0; i < s.n; i++)
        kept += s.p[i] == 7;
    assert_true(kept < s.n);
    end(&b);
}

static void space_runs_out(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, 1);
    sim_disk_set_capacity(b.sim, FILE_BYTES + 100);
    uint64_t size = 0;
    assert_int_equal(file_allocate(b.file, FILE_BYTES + 101), RC_NO_SPACE);
    assert_int_equal(file_size(b.file, &size), RC_OK);
    assert_int_equal(size, FILE_BYTES);
    assert_int_equal(file_allocate(b.file, FILE_BYTES + 100), RC_OK);
    assert_int_equal(file_pwrite(b.file, "x", 1, FILE_BYTES + 100), RC_NO_SPACE);
    write_all(&b, 3); /* what is allocated can be written */
    end(&b);
}

static void one_process_has_the_lock(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, 1);
    struct file *other = NULL;
    assert_int_equal(disk_open(b.disk, "/d/f", 0, &other, NULL), RC_OK);
    assert_int_equal(file_lock(b.file), RC_OK);
    assert_int_equal(file_lock(other), RC_LOCKED);
    file_close(other);
    sim_disk_restart(b.sim);
    assert_int_equal(disk_open(b.disk, "/d/f", 0, &other, NULL), RC_OK);
    assert_int_equal(file_lock(other), RC_OK);
    file_close(other);
    end(&b);
}

static void one_seed_is_one_history(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++) {
        AUTO(buf_fini) struct buf first = {0};
        for (int round = 0; round < 2; round++) {
            struct bench b;
            begin(&b, seed);
            sync_all(&b);
            for (uint8_t i = 0; i < 20; i++)
                write_all(&b, i);
            sim_disk_crash(b.sim, &b.rng);
            if (round == 0)
                buf_append_slice(&first, sim_disk_peek(b.sim, "/d/f"));
            else
                assert_true(slice_eq(buf_slice(&first), sim_disk_peek(b.sim, "/d/f")));
            end(&b);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(synced_data_stays),
        cmocka_unit_test(unsynced_data_is_lost_kept_or_torn),
        cmocka_unit_test(names_need_their_directory_synced),
        cmocka_unit_test(a_synced_rename_is_whole),
        cmocka_unit_test(a_lost_directory_takes_its_files_along),
        cmocka_unit_test(the_dead_do_nothing),
        cmocka_unit_test(a_failed_sync_proves_nothing),
        cmocka_unit_test(space_runs_out),
        cmocka_unit_test(one_process_has_the_lock),
        cmocka_unit_test(one_seed_is_one_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
