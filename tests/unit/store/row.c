/* A row vouches for itself, in its own place and nowhere else. */
#include "helper.h"

#include "base/cc.h"
#include "store/row.h"

static const struct slice key = {(const uint8_t *)"authEnabled", 11};
static const struct slice value = {(const uint8_t *)"\1\0\0\0\0\0\0\0", 8};

static bool reads(const char *table, struct slice k, const uint8_t *stored, size_t n)
{
    struct slice got;
    return row_unseal(table, k, slice_of(stored, n), &got);
}

static void what_was_sealed_is_read(void **state)
{
    uint8_t stored[8 + ROW_CRC_LEN];
    struct slice got;
    (void)state;
    row_seal("meta", key, value, stored);
    assert_true(row_unseal("meta", key, slice_of(stored, sizeof(stored)), &got));
    assert_true(slice_eq(got, value));
    row_seal("meta", key, (struct slice){0}, stored);
    assert_true(row_unseal("meta", key, slice_of(stored, ROW_CRC_LEN), &got));
    assert_int_equal(got.n, 0);
}

static void any_changed_bit_shows(void **state)
{
    uint8_t stored[8 + ROW_CRC_LEN];
    uint8_t name[11];
    (void)state;
    row_seal("meta", key, value, stored);
    for (size_t bit = 0; bit < 8 * sizeof(stored); bit++) {
        stored[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(reads("meta", key, stored, sizeof(stored)));
        stored[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof(name); bit++) {
        memcpy(name, key.p, sizeof(name));
        name[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(reads("meta", slice_of(name, sizeof(name)), stored, sizeof(stored)));
    }
    for (size_t n = 0; n < sizeof(stored); n++)
        assert_false(reads("meta", key, stored, n));
}

static void it_holds_in_its_own_place_only(void **state)
{
    uint8_t stored[2 + ROW_CRC_LEN];
    (void)state;
    row_seal("lease", SLICE_LIT("ab"), SLICE_LIT("cd"), stored);
    assert_false(reads("alarm", SLICE_LIT("ab"), stored, sizeof(stored)));
    assert_false(reads("lease", SLICE_LIT("ac"), stored, sizeof(stored)));
    assert_false(reads("lease", SLICE_LIT("abc"), stored + 1, sizeof(stored) - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sealed_is_read),
        cmocka_unit_test(any_changed_bit_shows),
        cmocka_unit_test(it_holds_in_its_own_place_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
