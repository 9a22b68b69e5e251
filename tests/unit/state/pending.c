/* Changes to the small tables go with exactly one batch, in the order in which they were made. */
#include "state/pending.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect(const struct storage_op *op, enum storage_change change, enum table table,
                   const char *key, const char *value)
{
    assert_int_equal(op->change, change);
    assert_int_equal(op->table, table);
    assert_true(slice_eq(op->key, slice_str(key)));
    assert_true(slice_eq(op->value, slice_str(value)));
}

static void a_batch_takes_what_was_gathered_in_order(void **state)
{
    (void)state;
    struct pending p = {0};
    struct kv_flush batch = {0};
    pending_put(&p, TABLE_LEASE, SLICE_LIT("one"), SLICE_LIT("first"));
    pending_delete(&p, TABLE_LEASE, SLICE_LIT("one"));
    pending_put(&p, TABLE_ALARM, SLICE_LIT("a"), (struct slice){0});
    assert_int_equal(pending_count(&p), 3);
    pending_take(&p, &batch);
    assert_int_equal(pending_count(&p), 0);
    assert_int_equal(batch.n, 3);
    expect(&batch.ops[0], STORAGE_PUT, TABLE_LEASE, "one", "first");
    expect(&batch.ops[1], STORAGE_DELETE, TABLE_LEASE, "one", "");
    expect(&batch.ops[2], STORAGE_PUT, TABLE_ALARM, "a", "");
    free(batch.ops);
    pending_fini(&p);
}

static void what_comes_while_a_batch_is_out_waits_for_the_next(void **state)
{
    (void)state;
    struct pending p = {0};
    struct kv_flush first = {0};
    struct kv_flush second = {0};
    pending_put(&p, TABLE_AUTH_USER, SLICE_LIT("u"), SLICE_LIT("old"));
    pending_take(&p, &first);
    for (unsigned i = 0; i < 1000; i++)
        pending_put(&p, TABLE_AUTH_USER, SLICE_LIT("u"), SLICE_LIT("new"));
    expect(&first.ops[0], STORAGE_PUT, TABLE_AUTH_USER, "u", "old"); /* still as it was */
    assert_int_equal(pending_bytes(&p), 4 + 1000 * 4);
    pending_done(&p);
    assert_int_equal(pending_bytes(&p), 1000 * 4);
    pending_take(&p, &second);
    assert_int_equal(second.n, 1000);
    expect(&second.ops[999], STORAGE_PUT, TABLE_AUTH_USER, "u", "new");
    pending_done(&p);
    assert_int_equal(pending_bytes(&p), 0);
    free(first.ops);
    free(second.ops);
    pending_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_takes_what_was_gathered_in_order),
        cmocka_unit_test(what_comes_while_a_batch_is_out_waits_for_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
