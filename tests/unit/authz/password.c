/* Hashes are those of etcd's bcrypt: its vectors match here, and ours have its form. */
#include "authz/password.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint8_t salt[PASSWORD_SALT_LEN] = "0123456789abcdef";

static void a_hash_made_by_go_matches(void **state)
{
    /* golang.org/x/crypto/bcrypt's own example */
    const struct slice hash =
        SLICE_LIT("$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga");
    (void)state;
    assert_true(password_matches(SLICE_LIT("allmine"), hash));
    assert_false(password_matches(SLICE_LIT("allmin"), hash));
    assert_false(password_matches(SLICE_LIT("allmine "), hash));
    assert_false(password_matches((struct slice){0}, hash));
}

static void a_hash_matches_its_password_alone(void **state)
{
    char hash[PASSWORD_HASH_LEN + 1];
    (void)state;
    assert_int_equal(password_hash(SLICE_LIT("secret"), 4, salt, hash), RC_OK);
    assert_int_equal(strlen(hash), PASSWORD_HASH_LEN);
    assert_memory_equal(hash, "$2a$04$", 7);
    assert_true(password_matches(SLICE_LIT("secret"), slice_str(hash)));
    assert_false(password_matches(SLICE_LIT("Secret"), slice_str(hash)));
}

static void the_salt_decides_the_hash(void **state)
{
    uint8_t other[PASSWORD_SALT_LEN] = {0};
    char one[PASSWORD_HASH_LEN + 1];
    char again[PASSWORD_HASH_LEN + 1];
    char two[PASSWORD_HASH_LEN + 1];
    (void)state;
    assert_int_equal(password_hash(SLICE_LIT("p"), 4, salt, one), RC_OK);
    assert_int_equal(password_hash(SLICE_LIT("p"), 4, salt, again), RC_OK);
    assert_int_equal(password_hash(SLICE_LIT("p"), 4, other, two), RC_OK);
    assert_string_equal(one, again);
    assert_string_not_equal(one, two);
}

static void the_empty_password_is_one(void **state)
{
    char hash[PASSWORD_HASH_LEN + 1];
    (void)state;
    assert_int_equal(password_hash((struct slice){0}, 4, salt, hash), RC_OK);
    assert_true(password_matches(SLICE_LIT(""), slice_str(hash)));
    assert_false(password_matches(SLICE_LIT("x"), slice_str(hash)));
}

/* Every byte of 8 bits counts, and none of crypt's own safety measures changes a hash. */
static void passwords_of_8_bits_are_hashed_as_go_does(void **state)
{
    /* From golang.org/x/crypto/bcrypt, for the password ff a3 '3' '4' '5' of crypt's "$2x$" bug. */
    char hash[PASSWORD_HASH_LEN + 1];
    char plain[PASSWORD_HASH_LEN + 1];
    (void)state;
    assert_int_equal(password_hash(SLICE_LIT("\xff\xa3"
                                             "345"),
                                   4, salt, hash),
                     RC_OK);
    assert_true(password_matches(SLICE_LIT("\xff\xa3"
                                           "345"),
                                 slice_str(hash)));
    assert_int_equal(password_hash(SLICE_LIT("\x7f\x23"
                                             "345"),
                                   4, salt, plain),
                     RC_OK);
    assert_string_not_equal(hash, plain);
}

static void the_longest_password_has_72_bytes(void **state)
{
    char long_one[80];
    char hash[PASSWORD_HASH_LEN + 1];
    (void)state;
    memset(long_one, 'x', sizeof(long_one));
    assert_int_equal(password_hash(slice_of(long_one, 73), 4, salt, hash), RC_LIMIT);
    assert_int_equal(password_hash(slice_of(long_one, 72), 4, salt, hash), RC_OK);
    assert_true(password_matches(slice_of(long_one, 72), slice_str(hash)));
    assert_true(password_matches(slice_of(long_one, 80), slice_str(hash))); /* as in etcd */
    assert_false(password_matches(slice_of(long_one, 71), slice_str(hash)));
}

static void a_zero_byte_is_refused_and_never_matches(void **state)
{
    char hash[PASSWORD_HASH_LEN + 1];
    (void)state;
    assert_int_equal(password_hash(SLICE_LIT("a\0b"), 4, salt, hash), RC_INVALID);
    assert_int_equal(password_hash(SLICE_LIT("a"), 4, salt, hash), RC_OK);
    assert_false(password_matches(SLICE_LIT("a\0b"), slice_str(hash)));
}

static void what_is_no_hash_matches_nothing(void **state)
{
    char hash[PASSWORD_HASH_LEN + 1];
    (void)state;
    assert_int_equal(password_hash(SLICE_LIT("a"), 4, salt, hash), RC_OK);
    assert_false(password_matches((struct slice){0}, (struct slice){0})); /* CVE-2020-15115's kin */
    for (size_t n = 0; n < PASSWORD_HASH_LEN; n++)
        assert_false(password_matches(SLICE_LIT("a"), slice_of(hash, n)));
    hash[4] = '9';
    hash[5] = '9';
    assert_false(password_matches(SLICE_LIT("a"), slice_str(hash)));
    assert_false(password_matches(
        SLICE_LIT("a"),
        SLICE_LIT("$1$aaaaaaaa$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_made_by_go_matches),
        cmocka_unit_test(a_hash_matches_its_password_alone),
        cmocka_unit_test(the_salt_decides_the_hash),
        cmocka_unit_test(the_empty_password_is_one),
        cmocka_unit_test(passwords_of_8_bits_are_hashed_as_go_does),
        cmocka_unit_test(the_longest_password_has_72_bytes),
        cmocka_unit_test(a_zero_byte_is_refused_and_never_matches),
        cmocka_unit_test(what_is_no_hash_matches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
