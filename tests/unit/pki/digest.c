/* The digests are those of the standard's own examples (FIPS 180-4; NIST's example values). */
#include "pki/digest.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void expect(const uint8_t *sum, size_t n, const char *hex)
{
    AUTO(buf_fini) struct buf text = {0};
    for (size_t i = 0; i < n; i++)
        buf_printf(&text, "%02x", sum[i]);
    buf_append_u8(&text, 0);
    assert_string_equal((const char *)text.p, hex);
}

static void expect_both(struct slice in, const char *sha1, const char *sha256)
{
    uint8_t one[DIGEST_SHA1_LEN];
    uint8_t two[DIGEST_SHA256_LEN];
    digest_sha1(in, one);
    digest_sha256(in, two);
    expect(one, sizeof(one), sha1);
    expect(two, sizeof(two), sha256);
    struct digest *pieces = digest_begin();
    for (size_t at = 0; at < in.n; at += 1000)
        digest_add(pieces, slice_of(in.p + at, in.n - at < 1000 ? in.n - at : 1000));
    digest_end(pieces, two);
    expect(two, sizeof(two), sha256);
}

static void known_values(void **state)
{
    (void)state;
    expect_both((struct slice){0}, "da39a3ee5e6b4b0d3255bfef95601890afd80709",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect_both(SLICE_LIT("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect_both(SLICE_LIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
                "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    AUTO(buf_fini) struct buf million = {0};
    memset(buf_extend(&million, 1000000), 'a', 1000000);
    expect_both(buf_slice(&million), "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_values)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
