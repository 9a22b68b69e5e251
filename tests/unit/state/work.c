/* A transaction that goes over the store again and again is told from one that does not, however
 * small both are. */
#include "state/work.h"

#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define KEYS 2000u
#define OPS  128u

static struct pb_range_request everything = {.key = SLICE_INIT("\0"),
                                             .range_end = SLICE_INIT("\0")};

static void fill(struct lab *l)
{
    lab_open(l);
    for (unsigned i = 0; i < KEYS; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%05u", i);
        assert_int_equal(lab_put(l, key, "v"), ETCD_OK);
    }
}

/* OPS times OPS ranges, nested. */
static bool bearable(struct lab *l, struct pb_range_request *r)
{
    struct pb_request_op ranges[OPS];
    struct pb_request_op nests[OPS];
    for (unsigned i = 0; i < OPS; i++)
        ranges[i] = (struct pb_request_op){.request_case = PB_OP_RANGE, .request_range = r};
    struct pb_txn_request inner = {.success = ranges, .success_n = OPS};
    for (unsigned i = 0; i < OPS; i++)
        nests[i] = (struct pb_request_op){.request_case = PB_OP_TXN, .request_txn = &inner};
    struct pb_txn_request outer = {.failure = nests, .failure_n = OPS};
    return work_is_bearable(state_kv(l->state), &outer);
}

static void going_over_all_again_and_again_is_too_much(void **state)
{
    (void)state;
    struct lab l = {0};
    fill(&l);
    assert_false(bearable(&l, &everything));
    lab_close(&l);
}

static void what_the_index_answers_alone_is_not(void **state)
{
    (void)state;
    struct lab l = {0};
    struct pb_range_request r = everything;
    fill(&l);
    r.count_only = true;
    assert_true(bearable(&l, &r));
    r.min_mod_revision = 5; /* a filter has to look at each */
    assert_false(bearable(&l, &r));
    r = everything;
    r.limit = 10;
    assert_true(bearable(&l, &r));
    r.sort_order = PB_SORT_ORDER_DESCEND; /* sorted first, cut off then */
    assert_false(bearable(&l, &r));
    r = (struct pb_range_request){.key = SLICE_LIT("k00001")};
    assert_true(bearable(&l, &r));
    lab_close(&l);
}

/* Deleted keys are gone now, and still met on the way to a past revision. */
static void keys_of_the_past_count_for_reads_of_the_past(void **state)
{
    (void)state;
    struct lab l = {0};
    struct pb_range_request r = everything;
    fill(&l);
    assert_int_equal(lab_delete(&l, "k", SLICE_LIT("\0")), ETCD_OK);
    assert_true(bearable(&l, &r));
    r.revision = 100;
    assert_false(bearable(&l, &r));
    lab_close(&l);
}

static void comparisons_count(void **state)
{
    (void)state;
    struct lab l = {0};
    struct pb_compare compares[OPS];
    fill(&l);
    for (unsigned i = 0; i < OPS; i++)
        compares[i] = (struct pb_compare){.key = SLICE_LIT("\0"), .range_end = SLICE_LIT("\0")};
    struct pb_txn_request txn = {.compare = compares, .compare_n = OPS};
    assert_true(work_is_bearable(state_kv(l.state), &txn));
    struct pb_request_op nests[OPS];
    for (unsigned i = 0; i < OPS; i++)
        nests[i] = (struct pb_request_op){.request_case = PB_OP_TXN, .request_txn = &txn};
    struct pb_txn_request outer = {.success = nests, .success_n = OPS};
    assert_false(work_is_bearable(state_kv(l.state), &outer));
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(going_over_all_again_and_again_is_too_much),
        cmocka_unit_test(what_the_index_answers_alone_is_not),
        cmocka_unit_test(keys_of_the_past_count_for_reads_of_the_past),
        cmocka_unit_test(comparisons_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
