/* The hash of a history is etcd's: the numbers here are what etcd 3.7.1 answered to HashKV for the
 * same requests. It covers what waits for its flush, holds off sweeps, and a finished sweep's hash
 * answers for its revision. */
#include "kv/hash.h"
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct asked {
    struct kv_hash hash;
    bool done;
    enum rc rc;
};

static void note(struct kv_hash *h, enum rc rc)
{
    struct asked *a = CONTAINER_OF(h, struct asked, hash);
    a->done = true;
    a->rc = rc;
}

static void settle(struct lab *l)
{
    for (int i = 0; i < 10; i++) {
        while (kv_sweep(l->kv))
            ;
        lab_flush(l);
    }
}

static void assert_hash(struct lab *l, int64_t rev, uint32_t hash, int64_t compacted, int64_t at)
{
    struct asked a = {.hash.done = note};
    bool known;
    assert_int_equal(kv_hash_begin(l->kv, rev, &a.hash, &known), ETCD_OK);
    if (!known) {
        if (kv_flush_urgent(l->kv))
            lab_flush(l);
        while (!a.done)
            (void)kv_hash_turn(l->kv);
        assert_int_equal(a.rc, RC_OK);
    }
    assert_int_equal(a.hash.value.hash, hash);
    assert_int_equal(a.hash.value.compacted, compacted);
    assert_int_equal(a.hash.value.revision, at);
}

static void assert_refused(struct lab *l, int64_t rev, enum etcd_error error)
{
    struct asked a = {.hash.done = note};
    bool known;
    assert_int_equal(kv_hash_begin(l->kv, rev, &a.hash, &known), error);
}

static void hashes_are_etcds(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l);
    assert_hash(&l, 0, 1084519789, -1, 1);
    lab_put(&l, "a", "1");
    lab_put(&l, "b", "2");
    lab_delete(&l, "a", "");
    lab_put(&l, "b", "3");
    assert_hash(&l, 0, 779336658, -1, 5);
    assert_hash(&l, -3, 1084519789, -1, -3); /* of nothing */
    assert_refused(&l, 99, ETCD_FUTURE_REV);
    assert_int_equal(kv_compact(l.kv, 3), ETCD_OK);
    assert_hash(&l, 0, 988126676, 3, 5);    /* swept or not */
    assert_hash(&l, -1, 1084519789, 3, -1); /* of nothing */
    settle(&l);
    assert_hash(&l, 0, 988126676, 3, 5);
    assert_hash(&l, 3, 1827592406, -1, 3);
    assert_refused(&l, 2, ETCD_COMPACTED);
    assert_int_equal(kv_compact(l.kv, 5), ETCD_OK);
    settle(&l);
    assert_hash(&l, 0, 533074032, 5, 5);
    assert_hash(&l, 5, 988126676, 3, 5);
    lab_put(&l, "c", "3");
    assert_hash(&l, 3, 1827592406, -1, 3);
    assert_hash(&l, 0, 1481272313, 5, 6);
    lab_close(&l);
}

static void a_hash_in_progress_holds_off_the_sweep(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l);
    lab_put(&l, "a", "1");
    lab_put(&l, "b", "2");
    lab_delete(&l, "a", "");
    lab_put(&l, "b", "3");
    lab_flush(&l);
    struct asked a = {.hash.done = note};
    bool known;
    assert_int_equal(kv_hash_begin(l.kv, 0, &a.hash, &known), ETCD_OK);
    assert_int_equal(kv_compact(l.kv, 5), ETCD_OK);
    settle(&l);
    assert_false(kv_swept(l.kv, 5));
    while (!a.done)
        (void)kv_hash_turn(l.kv);
    assert_int_equal(a.hash.value.hash, 779336658);
    settle(&l);
    assert_true(kv_swept(l.kv, 5));
    lab_close(&l);
}

static void a_cancelled_hash_holds_off_nothing(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l);
    lab_put(&l, "a", "1");
    struct asked a = {.hash.done = note};
    bool known;
    assert_int_equal(kv_hash_begin(l.kv, 0, &a.hash, &known), ETCD_OK);
    assert_int_equal(kv_compact(l.kv, 2), ETCD_OK);
    kv_hash_cancel(&a.hash);
    settle(&l);
    assert_true(kv_swept(l.kv, 2));
    assert_false(kv_hash_turn(l.kv));
    assert_false(a.done);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_etcds),
        cmocka_unit_test(a_hash_in_progress_holds_off_the_sweep),
        cmocka_unit_test(a_cancelled_hash_holds_off_nothing),
    };
    return cmocka_run_group_tests_name("kv/hash", tests, NULL, NULL);
}
