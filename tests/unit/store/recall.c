/* What was found once is found again without a search, and never where something else stands by
 * now: appends, deletes and pages used again change no answer. */
#include "helper.h"

#include "base/rng.h"
#include "base/wr.h"
#include "store/impl.h"

#define PAGE      4096u
#define REVISIONS 4000u
#define ROUNDS    60u
#define VALUE_MAX 6000u /* some need pages of their own */

static const uint8_t pages[4][PAGE] __attribute__((aligned(PAGE)));

static struct slice key_of(uint64_t main, uint8_t key[RECALL_KEY_LEN])
{
    memset(key, 0, RECALL_KEY_LEN);
    store_u64_big(key, main);
    key[8] = '_';
    return slice_of(key, RECALL_KEY_LEN);
}

static void keep(struct recall *r, uint64_t main, const uint8_t *value)
{
    uint8_t key[RECALL_KEY_LEN];
    recall_keep(r, key_of(main, key), slice_of(value, 10), PAGE);
}

static const uint8_t *find(const struct recall *r, uint64_t main)
{
    uint8_t key[RECALL_KEY_LEN];
    struct slice value;
    if (!recall_find(r, key_of(main, key), &value))
        return NULL;
    assert_int_equal(value.n, 10);
    return value.p;
}

static void a_rewritten_table_forgets_all(void **state)
{
    (void)state;
    struct recall r = {0};
    recall_renew(&r, false, pages[3], PAGE);
    assert_null(find(&r, 7));
    keep(&r, 7, &pages[0][100]);
    assert_ptr_equal(find(&r, 7), &pages[0][100]);
    assert_null(find(&r, 8));
    recall_renew(&r, false, pages[3], PAGE);
    assert_ptr_equal(find(&r, 7), &pages[0][100]);
    recall_renew(&r, true, pages[3], PAGE);
    assert_null(find(&r, 7));
    recall_fini(&r);
}

static void the_last_leaf_is_not_kept(void **state)
{
    (void)state;
    struct recall r = {0};
    recall_renew(&r, false, &pages[1][50], PAGE);
    keep(&r, 1, &pages[1][PAGE - 20]);
    keep(&r, 2, &pages[2][0]);
    assert_null(find(&r, 1));
    assert_ptr_equal(find(&r, 2), &pages[2][0]);
    recall_fini(&r);
}

static void a_crowded_set_keeps_the_newest_two(void **state)
{
    (void)state;
    struct recall r = {0};
    uint64_t far = 1u << 20; /* a multiple of the number of sets */
    for (uint64_t i = 0; i < 3; i++)
        keep(&r, 5 + i * far, &pages[i][0]);
    assert_null(find(&r, 5));
    assert_ptr_equal(find(&r, 5 + far), pages[1]);
    assert_ptr_equal(find(&r, 5 + 2 * far), pages[2]);
    recall_fini(&r);
}

/* What revision main was given: its length and each byte depend on it. */
static struct slice value_of(uint64_t main, uint8_t value[VALUE_MAX])
{
    struct rng r;
    rng_seed(&r, main);
    size_t n = main % 50 == 0 ? VALUE_MAX : 20 + rng_u64(&r) % 400;
    for (size_t i = 0; i < n; i++)
        value[i] = (uint8_t)rng_u64(&r);
    return slice_of(value, n);
}

static void commit_one(struct place *p, uint64_t main, bool append)
{
    uint8_t key[RECALL_KEY_LEN];
    uint8_t value[VALUE_MAX];
    struct storage_op op = {.table = TABLE_KEY,
                            .change = append ? STORAGE_APPEND : STORAGE_DELETE,
                            .key = key_of(main, key)};
    if (append)
        op.value = value_of(main, value);
    assert_int_equal(storage_commit(p->s, &op, 1), RC_OK);
}

static void check_some(struct place *p, struct rng *r, const bool *there, uint64_t end)
{
    for (unsigned i = 0; i < 400; i++) {
        uint64_t main = 1 + rng_u64(r) % end;
        uint8_t key[RECALL_KEY_LEN];
        uint8_t value[VALUE_MAX];
        struct slice got;
        enum rc rc = storage_get(p->s, TABLE_KEY, key_of(main, key), &got);
        assert_int_equal(rc, there[main] ? RC_OK : RC_NOT_FOUND);
        if (rc == RC_OK)
            assert_true(slice_eq(got, value_of(main, value)));
    }
}

static void no_answer_changes(void **state)
{
    struct place *p = *state;
    static bool there[REVISIONS + 1];
    struct rng r;
    uint64_t end = 0;
    rng_seed(&r, 20);
    assert_int_equal(place_open(p), RC_OK);
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t appends = rng_u64(&r) % (REVISIONS / ROUNDS);
        for (uint64_t i = 0; i < appends; i++) {
            commit_one(p, ++end, true);
            there[end] = true;
        }
        for (unsigned i = 0; end > 0 && round % 3 == 2 && i < 30; i++) {
            uint64_t main = 1 + rng_u64(&r) % end;
            commit_one(p, main, false);
            there[main] = false;
        }
        storage_refresh(p->s);
        if (end > 0) {
            check_some(p, &r, there, end);
            check_some(p, &r, there, end);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rewritten_table_forgets_all),
        cmocka_unit_test(the_last_leaf_is_not_kept),
        cmocka_unit_test(a_crowded_set_keeps_the_newest_two),
        cmocka_unit_test_setup_teardown(no_answer_changes, place_setup, place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
