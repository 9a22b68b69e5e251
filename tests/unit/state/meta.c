/* What storage says about how far it is comes back as it was written, and damage is refused with a
 * sentence. */
#include "state/meta.h"

#include "kv/map_storage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void store(struct storage *s, const struct meta *m)
{
    struct kv_flush flush = {0};
    AUTO(buf_fini) struct buf space = {0};
    meta_store(m, &flush, &space);
    assert_int_equal(storage_commit(s, flush.ops, flush.n), RC_OK);
    storage_refresh(s);
    free(flush.ops);
}

static const struct meta sample = {
    .applied_index = 1000,
    .applied_term = 7,
    .conf_index = 3,
    .conf = SLICE_INIT("members"),
    .marks = {.revision = 900, .compacted = 500, .swept = 400},
};

static void a_new_store_begins_as_etcds(void **state)
{
    (void)state;
    struct storage *s = map_storage_new();
    struct meta m;
    assert_int_equal(meta_load(s, &m, NULL), RC_OK);
    assert_int_equal(m.applied_index, 0);
    assert_int_equal(m.marks.revision, 1);
    assert_int_equal(m.marks.compacted, -1);
    assert_int_equal(m.marks.swept, -1);
    storage_close(s);
}

static void comes_back_as_it_was(void **state)
{
    (void)state;
    struct storage *s = map_storage_new();
    struct meta m;
    for (int round = 0; round < 2; round++) {
        store(s, &sample);
        assert_int_equal(meta_load(s, &m, NULL), RC_OK);
        assert_int_equal(m.applied_index, 1000);
        assert_int_equal(m.applied_term, 7);
        assert_int_equal(m.conf_index, 3);
        assert_true(slice_eq(m.conf, sample.conf));
        assert_int_equal(m.marks.revision, 900);
        assert_int_equal(m.marks.compacted, 500);
        assert_int_equal(m.marks.swept, 400);
        struct meta other = {.conf = SLICE_LIT(""), .marks = {2, -1, -1}};
        store(s, &other); /* replaced, not added to */
        assert_int_equal(meta_load(s, &m, NULL), RC_OK);
        assert_int_equal(m.conf.n, 0);
        assert_int_equal(m.marks.compacted, -1);
    }
    storage_close(s);
}

static void expect_refusal(struct storage *s)
{
    struct meta m = {.applied_index = 77};
    struct err err = {0};
    assert_int_equal(meta_load(s, &m, &err), RC_CORRUPT);
    assert_int_equal(m.applied_index, 77); /* untouched */
    assert_non_null(strstr(err.text, "cannot be read"));
    assert_non_null(strstr(err.text, "restore a snapshot"));
}

static void damage_is_refused(void **state)
{
    (void)state;
    static const char *const keys[] = {"applied", "configuration", "revision",
                                       "scheduledCompactRev", "finishedCompactRev"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct storage *s = map_storage_new();
        store(s, &sample);
        struct storage_op op = {TABLE_META, STORAGE_PUT, slice_str(keys[i]), SLICE_LIT("1234567")};
        if (i != 1) { /* of a wrong length; the configuration is judged by consensus */
            assert_int_equal(storage_commit(s, &op, 1), RC_OK);
            storage_refresh(s);
            expect_refusal(s);
        }
        op.change = STORAGE_DELETE;
        assert_int_equal(storage_commit(s, &op, 1), RC_OK);
        storage_refresh(s);
        if (i != 0) /* without it the store is a new one */
            expect_refusal(s);
        storage_close(s);
    }
}

static void numbers_that_contradict_each_other_are_refused(void **state)
{
    (void)state;
    static const struct kv_marks wrong[] = {
        {.revision = 0, .compacted = -1, .swept = -1},
        {.revision = -5, .compacted = -1, .swept = -1},
        {.revision = 10, .compacted = 11, .swept = -1},
        {.revision = 10, .compacted = 5, .swept = 6},
        {.revision = 10, .compacted = -2, .swept = -2},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct storage *s = map_storage_new();
        struct meta m = sample;
        m.marks = wrong[i];
        store(s, &m);
        expect_refusal(s);
        storage_close(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_store_begins_as_etcds),
        cmocka_unit_test(comes_back_as_it_was),
        cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(numbers_that_contradict_each_other_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
