#include "base/crc32c.h"

#include "base/cc.h"

#ifdef __x86_64__
#    include <immintrin.h>
#endif

#define CRC32C_POLY 0x82f63b78u /* reflected */

uint32_t crc32c_portable(uint32_t crc, struct slice s)
{
    crc = ~crc;
    for (size_t i = 0; i < s.n; i++) {
        crc ^= s.p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (CRC32C_POLY & -(crc & 1));
    }
    return ~crc;
}

#ifdef __x86_64__
/* By three lanes (Gopal and others, "Fast CRC Computation for iSCSI Polynomial Using CRC32
 * Instruction", Intel 2011): how many words a lane has; x^(64 words - 33) mod P, with the words of
 * the one lane, and of the two, that follow. */
#    define LONG_WORDS  64
#    define LONG_ONE    0xdd7e3b0cu
#    define LONG_TWO    0x170076fau
#    define SHORT_WORDS 8
#    define SHORT_ONE   0x9e4addf8u
#    define SHORT_TWO   0x0d3b6092u
#    define WORD        sizeof(uint64_t)

#    define ON_X86 __attribute__((target("sse4.2,pclmul"))) static inline

ON_X86 uint64_t word_at(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    return word;
}

/* The product of two polynomials; the crc instruction then makes its remainder, times x^32. */
ON_X86 uint64_t product(uint64_t a, uint32_t b)
{
    __m128i both =
        _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)a), _mm_cvtsi32_si128((int)b), 0);
    return (uint64_t)_mm_cvtsi128_si64(both);
}

/* The instruction gives its result three cycles after its operands, and can begin each cycle: three
 * lanes side by side take as long as one. What the first two give is then moved over what follows
 * them. */
ON_X86 uint64_t three_lanes(uint64_t crc, const uint8_t *p, size_t words, uint32_t one,
                            uint32_t two)
{
    uint64_t second = 0;
    uint64_t third = 0;
    for (size_t i = 0; i < words; i++, p += WORD) {
        crc = _mm_crc32_u64(crc, word_at(p));
        second = _mm_crc32_u64(second, word_at(p + words * WORD));
        third = _mm_crc32_u64(third, word_at(p + 2 * words * WORD));
    }
    return _mm_crc32_u64(0, product(crc, two) ^ product(second, one)) ^ third;
}

ON_X86 uint32_t crc32c_x86(uint32_t crc, struct slice s)
{
    uint64_t c = ~crc;
    for (; s.n >= WORD * 3 * LONG_WORDS; s = slice_skip(s, WORD * 3 * LONG_WORDS))
        c = three_lanes(c, s.p, LONG_WORDS, LONG_ONE, LONG_TWO);
    for (; s.n >= WORD * 3 * SHORT_WORDS; s = slice_skip(s, WORD * 3 * SHORT_WORDS))
        c = three_lanes(c, s.p, SHORT_WORDS, SHORT_ONE, SHORT_TWO);
    for (; s.n >= WORD; s = slice_skip(s, WORD))
        c = _mm_crc32_u64(c, word_at(s.p));
    uint32_t tail = (uint32_t)c;
    if (s.n & 4) {
        uint32_t half;
        memcpy(&half, s.p, sizeof(half));
        tail = _mm_crc32_u32(tail, half);
        s = slice_skip(s, sizeof(half));
    }
    for (; s.n > 0; s = slice_skip(s, 1))
        tail = _mm_crc32_u8(tail, s.p[0]);
    return ~tail;
}
#endif

uint32_t crc32c(uint32_t crc, struct slice s)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"))
        return crc32c_x86(crc, s);
#endif
    return crc32c_portable(crc, s);
}
