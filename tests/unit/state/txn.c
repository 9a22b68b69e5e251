/* A transaction compares, and then does everything or nothing; its answer has etcd's shape. */
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct pb_request_op put_op(struct pb_put_request *r)
{
    return (struct pb_request_op){.request_case = PB_OP_PUT, .request_put = r};
}

static struct pb_request_op delete_op(struct pb_delete_range_request *r)
{
    return (struct pb_request_op){.request_case = PB_OP_DELETE_RANGE, .request_delete_range = r};
}

static struct pb_request_op range_op(struct pb_range_request *r)
{
    return (struct pb_request_op){.request_case = PB_OP_RANGE, .request_range = r};
}

static struct pb_request_op txn_op(struct pb_txn_request *r)
{
    return (struct pb_request_op){.request_case = PB_OP_TXN, .request_txn = r};
}

static bool holds(struct lab *l, struct pb_compare c)
{
    struct pb_txn_response out;
    const struct pb_txn_request t = {.compare = &c, .compare_n = 1};
    assert_int_equal(lab_txn(l, &t), ETCD_OK);
    lab_response(l, &wire_txn_response, &out);
    return out.succeeded;
}

static void expect_order(struct lab *l, struct pb_compare c, int cmp)
{
    c.result = PB_COMPARE_RESULT_EQUAL;
    assert_int_equal(holds(l, c), cmp == 0);
    c.result = PB_COMPARE_RESULT_NOT_EQUAL;
    assert_int_equal(holds(l, c), cmp != 0);
    c.result = PB_COMPARE_RESULT_LESS;
    assert_int_equal(holds(l, c), cmp < 0);
    c.result = PB_COMPARE_RESULT_GREATER;
    assert_int_equal(holds(l, c), cmp > 0);
}

/* The key's number under this target, and its neighbours. */
static void expect_number(struct lab *l, struct slice key, int32_t target, int64_t is)
{
    for (int64_t d = -1; d <= 1; d++) {
        struct pb_compare c = {.target = target, .key = key};
        c.target_union_case = target == PB_COMPARE_TARGET_VERSION  ? PB_TARGET_VERSION
                              : target == PB_COMPARE_TARGET_CREATE ? PB_TARGET_CREATE_REVISION
                              : target == PB_COMPARE_TARGET_MOD    ? PB_TARGET_MOD_REVISION
                                                                   : PB_TARGET_LEASE;
        c.version = target == PB_COMPARE_TARGET_VERSION ? is + d : 0;
        c.create_revision = target == PB_COMPARE_TARGET_CREATE ? is + d : 0;
        c.mod_revision = target == PB_COMPARE_TARGET_MOD ? is + d : 0;
        c.lease = target == PB_COMPARE_TARGET_LEASE ? is + d : 0;
        expect_order(l, c, (int)-d);
    }
}

static void comparisons(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    lab_put(&l, "other", "x");
    lab_put(&l, "k", "m");
    lab_put(&l, "k", "m");
    expect_number(&l, SLICE_LIT("k"), PB_COMPARE_TARGET_VERSION, 2);
    expect_number(&l, SLICE_LIT("k"), PB_COMPARE_TARGET_CREATE, 3);
    expect_number(&l, SLICE_LIT("k"), PB_COMPARE_TARGET_MOD, 4);
    expect_number(&l, SLICE_LIT("k"), PB_COMPARE_TARGET_LEASE, 0);
    static const struct {
        struct slice value;
        int cmp;
    } values[] = {{SLICE_INIT("m"), 0},
                  {SLICE_INIT("n"), -1},
                  {SLICE_INIT("l"), 1},
                  {SLICE_INIT("ma"), -1},
                  {SLICE_INIT(""), 1}};
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        expect_order(&l,
                     (struct pb_compare){.target = PB_COMPARE_TARGET_VALUE,
                                         .key = SLICE_LIT("k"),
                                         .target_union_case = PB_TARGET_VALUE,
                                         .value = values[i].value},
                     values[i].cmp);
    lab_close(&l);
}

/* A key that is not there has zeros, and no value that anything could be said of. */
static void a_missing_key_compares_as_zero(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    for (int32_t target = PB_COMPARE_TARGET_VERSION; target <= PB_COMPARE_TARGET_LEASE; target++) {
        if (target != PB_COMPARE_TARGET_VALUE) {
            expect_number(&l, SLICE_LIT("none"), target, 0);
            continue;
        }
        for (int32_t result = 0; result < 4; result++)
            assert_false(holds(
                &l,
                (struct pb_compare){.target = target, .result = result, .key = SLICE_LIT("none")}));
    }
    lab_close(&l);
}

static void a_range_holds_when_all_of_it_does(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    lab_put(&l, "a", "1");
    lab_put(&l, "b", "1");
    lab_put(&l, "c", "2");
    struct pb_compare c = {.target = PB_COMPARE_TARGET_VALUE,
                           .target_union_case = PB_TARGET_VALUE,
                           .value = SLICE_LIT("1"),
                           .key = SLICE_LIT("a"),
                           .range_end = SLICE_LIT("c")};
    assert_true(holds(&l, c));
    c.range_end = SLICE_LIT("\0");
    assert_false(holds(&l, c));
    c.key = SLICE_LIT("x"); /* of no key nothing holds */
    assert_false(holds(&l, c));
    c.target = 99; /* unknown: equal */
    c.result = PB_COMPARE_RESULT_EQUAL;
    assert_true(holds(&l, c));
    c.result = 99; /* unknown: it holds */
    assert_true(holds(&l, c));
    lab_close(&l);
}

static void every_comparison_must_hold(void **state)
{
    (void)state;
    struct lab l = {0};
    struct pb_txn_response out;
    lab_open(&l);
    lab_put(&l, "k", "v");
    struct pb_compare c[2] = {{.target = PB_COMPARE_TARGET_VERSION,
                               .key = SLICE_LIT("k"),
                               .target_union_case = PB_TARGET_VERSION,
                               .version = 1},
                              {.target = PB_COMPARE_TARGET_VERSION,
                               .key = SLICE_LIT("k"),
                               .target_union_case = PB_TARGET_VERSION,
                               .version = 2}};
    struct pb_put_request yes = {.key = SLICE_LIT("yes")};
    struct pb_put_request no = {.key = SLICE_LIT("no")};
    struct pb_request_op then = put_op(&yes);
    struct pb_request_op otherwise = put_op(&no);
    struct pb_txn_request t = {.compare = c,
                               .compare_n = 2,
                               .success = &then,
                               .success_n = 1,
                               .failure = &otherwise,
                               .failure_n = 1};
    assert_int_equal(lab_txn(&l, &t), ETCD_OK);
    lab_response(&l, &wire_txn_response, &out);
    assert_false(out.succeeded);
    assert_null(lab_value(&l, "yes").p);
    assert_non_null(lab_value(&l, "no").p);
    t.compare_n = 1;
    assert_int_equal(lab_txn(&l, &t), ETCD_OK);
    assert_non_null(lab_value(&l, "yes").p);
    lab_close(&l);
}

static void one_revision_in_order_of_the_operations(void **state)
{
    (void)state;
    struct lab l = {0};
    struct pb_txn_response out;
    lab_open(&l);
    lab_put(&l, "a", "old");
    struct pb_range_request all = {.key = SLICE_LIT("\0"), .range_end = SLICE_LIT("\0")};
    struct pb_put_request a = {.key = SLICE_LIT("a"), .value = SLICE_LIT("new"), .prev_kv = true};
    struct pb_put_request b = {.key = SLICE_LIT("b"), .value = SLICE_LIT("v")};
    struct pb_delete_range_request c = {.key = SLICE_LIT("c")};
    struct pb_request_op ops[] = {range_op(&all), put_op(&a),     range_op(&all),
                                  put_op(&b),     range_op(&all), delete_op(&c)};
    const struct pb_txn_request t = {.success = ops, .success_n = ARRAY_LEN(ops)};
    assert_int_equal(lab_txn(&l, &t), ETCD_OK);
    lab_response(&l, &wire_txn_response, &out);
    assert_int_equal(out.header->revision, 3);
    assert_int_equal(out.header->member_id, LAB_MEMBER);
    assert_int_equal(out.responses_n, 6);
    struct pb_range_response *first = out.responses[0].response_range;
    assert_int_equal(first->header->revision, 2);
    assert_int_equal(first->header->member_id, 0); /* inside there is the revision alone */
    assert_true(slice_eq(first->kvs[0].value, SLICE_LIT("old")));
    assert_true(slice_eq(out.responses[1].response_put->prev_kv->value, SLICE_LIT("old")));
    assert_int_equal(out.responses[1].response_put->header->revision, 3);
    struct pb_range_response *second = out.responses[2].response_range;
    assert_int_equal(second->count, 1);
    assert_true(slice_eq(second->kvs[0].value, SLICE_LIT("new")));
    assert_int_equal(second->kvs[0].mod_revision, 3);
    assert_int_equal(out.responses[4].response_range->count, 2);
    assert_int_equal(out.responses[5].response_delete_range->deleted, 0);
    assert_int_equal(out.responses[5].response_delete_range->header->revision, 3);
    lab_close(&l);
}

static void reading_changes_no_revision(void **state)
{
    (void)state;
    struct lab l = {0};
    struct pb_txn_response out;
    lab_open(&l);
    lab_put(&l, "a", "1");
    struct pb_range_request r = {.key = SLICE_LIT("a")};
    struct pb_delete_range_request none = {.key = SLICE_LIT("none")};
    struct pb_request_op ops[] = {range_op(&r), delete_op(&none)};
    struct pb_txn_request t = {.success = ops, .success_n = 2};
    assert_int_equal(lab_txn(&l, &t), ETCD_OK);
    lab_response(&l, &wire_txn_response, &out);
    assert_int_equal(out.header->revision, 2);
    assert_int_equal(kv_revision(state_kv(l.state)), 2);
    t.success_n = 1; /* read only: evaluated without an entry, to the same answer */
    assert_int_equal(lab_txn(&l, &t), ETCD_OK);
    struct state_reply now = {.raft_term = LAB_TERM};
    state_read_txn(l.state, &t, &now);
    assert_int_equal(now.error, ETCD_OK);
    assert_true(slice_eq(buf_slice(&now.body), buf_slice(&l.reply.body)));
    buf_clear(&now.body);
    r.revision = 99;
    state_read_txn(l.state, &t, &now);
    assert_int_equal(now.error, ETCD_FUTURE_REV);
    buf_fini(&now.body);
    lab_close(&l);
}

/* Each level copies the answer of the one below once more: what is large is not nested deep. */
static void a_large_answer_is_not_nested_deep(void **state)
{
    enum { LEVELS = 100, LARGE = 2 << 20 }; /* times LEVELS: more than STATE_REPLY_BYTES_MAX */
    (void)state;
    struct lab l = {0};
    struct pb_txn_request level[LEVELS] = {0};
    struct pb_request_op op[LEVELS];
    struct pb_txn_response out;
    static uint8_t value[LARGE];
    lab_open(&l);
    const struct pb_put_request large = {.key = SLICE_LIT("k"), .value = {value, LARGE}};
    assert_int_equal(lab_apply(&l, RAFT_REQUEST_PUT, &wire_put_request, &large), ETCD_OK);
    struct pb_range_request get = {.key = SLICE_LIT("k")};
    op[0] = range_op(&get);
    for (int i = 0; i < LEVELS; i++) {
        level[i] = (struct pb_txn_request){.success = &op[i], .success_n = 1};
        if (i + 1 < LEVELS)
            op[i + 1] = txn_op(&level[i]);
    }
    assert_int_equal(lab_txn(&l, &level[LEVELS - 1]), ETCD_OK);
    assert_true(l.reply.too_large);
    assert_int_equal(lab_txn(&l, &level[4]), ETCD_OK);
    assert_false(l.reply.too_large);
    lab_response(&l, &wire_txn_response, &out);
    lab_close(&l);
}

/* The last operation is refused when applied; the first must not have happened. */
/* Also what reads below a compaction, which is judged in the log's order: so every member says the
 * same (etcd#18667). */
static void all_or_nothing(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    for (int i = 0; i < 5; i++)
        lab_put(&l, "k", "v");
    lab_compact(&l, 4, false);
    struct pb_put_request first = {.key = SLICE_LIT("first")};
    struct pb_put_request leased = {.key = SLICE_LIT("x"), .lease = 7};
    struct pb_put_request ignoring = {.key = SLICE_LIT("x"), .ignore_value = true};
    struct pb_put_request keeping = {.key = SLICE_LIT("x"), .ignore_lease = true};
    struct pb_range_request future = {.key = SLICE_LIT("k"), .revision = 99};
    struct pb_range_request past = {.key = SLICE_LIT("k"), .revision = 3};
    const struct {
        struct pb_request_op op;
        enum etcd_error error;
    } cases[] = {{put_op(&leased), ETCD_LEASE_NOT_FOUND},
                 {put_op(&ignoring), ETCD_KEY_NOT_FOUND},
                 {put_op(&keeping), ETCD_KEY_NOT_FOUND},
                 {range_op(&future), ETCD_FUTURE_REV},
                 {range_op(&past), ETCD_COMPACTED}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pb_request_op last = cases[i].op;
        struct pb_txn_request inner = {.success = &last, .success_n = 1};
        struct pb_request_op flat[] = {put_op(&first), last};
        struct pb_request_op nested[] = {put_op(&first), txn_op(&inner)};
        const struct pb_txn_request t = {.success = flat, .success_n = 2};
        const struct pb_txn_request u = {.success = nested, .success_n = 2};
        assert_int_equal(lab_txn(&l, &t), cases[i].error);
        assert_int_equal(lab_txn(&l, &u), cases[i].error);
        assert_int_equal(l.reply.body.n, 0);
        assert_null(lab_value(&l, "first").p);
        assert_int_equal(kv_revision(state_kv(l.state)), 6);
        /* In the branch not taken nothing is judged. */
        struct pb_compare never = {.key = SLICE_LIT("k"), .target = PB_COMPARE_TARGET_VERSION};
        const struct pb_txn_request other = {
            .compare = &never, .compare_n = 1, .success = flat, .success_n = 2};
        assert_int_equal(lab_txn(&l, &other), ETCD_OK);
    }
    lab_close(&l);
}

/* Nested comparisons see what was before all of the transaction, operations what was before them.
 */
static void nested_transactions(void **state)
{
    (void)state;
    struct lab l = {0};
    struct pb_txn_response out;
    lab_open(&l);
    struct pb_put_request a = {.key = SLICE_LIT("a"), .value = SLICE_LIT("1")};
    struct pb_compare absent = {.key = SLICE_LIT("a"), .target = PB_COMPARE_TARGET_VERSION};
    struct pb_range_request read = {.key = SLICE_LIT("a")};
    struct pb_request_op inner_ops = range_op(&read);
    struct pb_txn_request inner = {
        .compare = &absent, .compare_n = 1, .success = &inner_ops, .success_n = 1};
    struct pb_request_op ops[] = {put_op(&a), txn_op(&inner)};
    const struct pb_txn_request t = {.success = ops, .success_n = 2};
    assert_int_equal(lab_txn(&l, &t), ETCD_OK);
    lab_response(&l, &wire_txn_response, &out);
    struct pb_txn_response *nested = out.responses[1].response_txn;
    assert_true(nested->succeeded);
    assert_int_equal(nested->responses_n, 1);
    assert_int_equal(nested->responses[0].response_range->count, 1); /* put before it */
    assert_non_null(nested->header);
    assert_int_equal(nested->header->revision, 0); /* stays empty, as etcd's */
    assert_int_equal(lab_txn(&l, &t), ETCD_OK);
    lab_response(&l, &wire_txn_response, &out);
    assert_false(out.responses[1].response_txn->succeeded);
    assert_int_equal(out.responses[1].response_txn->responses_n, 0);
    lab_close(&l);
}

/* Only such a delete may name a key that is put beside it: what it takes away is not there to be
 * kept. etcd's members end at this; refused it is safe. */
static void nothing_is_kept_of_what_a_from_key_delete_takes(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    lab_put(&l, "k", "v");
    lab_put(&l, "z", "v");
    struct pb_delete_range_request from = {.key = SLICE_LIT("j"), .range_end = SLICE_LIT("\0")};
    struct pb_put_request keep = {.key = SLICE_LIT("k"), .ignore_value = true};
    struct pb_request_op gone_first[] = {delete_op(&from), put_op(&keep)};
    struct pb_request_op put_first[] = {put_op(&keep), delete_op(&from)};
    struct pb_txn_request inner = {.success = gone_first, .success_n = 1};
    struct pb_request_op nested[] = {txn_op(&inner), put_op(&keep)};
    struct pb_txn_request t = {.success = gone_first, .success_n = 2};
    assert_int_equal(lab_txn(&l, &t), ETCD_KEY_NOT_FOUND);
    t.success = nested;
    assert_int_equal(lab_txn(&l, &t), ETCD_KEY_NOT_FOUND);
    assert_non_null(lab_value(&l, "k").p);
    t.success = put_first;
    assert_int_equal(lab_txn(&l, &t), ETCD_OK);
    assert_null(lab_value(&l, "k").p);
    assert_null(lab_value(&l, "z").p);
    keep.ignore_value = false;
    t.success = gone_first;
    assert_int_equal(lab_txn(&l, &t), ETCD_OK);
    assert_non_null(lab_value(&l, "k").p);
    assert_int_equal(lab_txn(&l, &t), ETCD_OK); /* deleted and put in one revision */
    assert_int_equal(state_sync(l.state), RC_OK);
    uint64_t hash = state_hash(l.state);
    assert_int_equal(lab_restart(&l), RC_OK);
    assert_true(state_hash(l.state) == hash);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparisons),
        cmocka_unit_test(a_missing_key_compares_as_zero),
        cmocka_unit_test(a_range_holds_when_all_of_it_does),
        cmocka_unit_test(every_comparison_must_hold),
        cmocka_unit_test(one_revision_in_order_of_the_operations),
        cmocka_unit_test(reading_changes_no_revision),
        cmocka_unit_test(all_or_nothing),
        cmocka_unit_test(nested_transactions),
        cmocka_unit_test(a_large_answer_is_not_nested_deep),
        cmocka_unit_test(nothing_is_kept_of_what_a_from_key_delete_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
