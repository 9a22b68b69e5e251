#include "base/crc32c.h"

#include "base/cc.h"

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
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, struct slice s)
{
    uint64_t c = ~crc;
    for (; s.n >= 8; s = slice_skip(s, 8)) {
        uint64_t word;
        memcpy(&word, s.p, sizeof(word));
        c = __builtin_ia32_crc32di(c, word);
    }
    uint32_t tail = (uint32_t)c;
    for (; s.n > 0; s = slice_skip(s, 1))
        tail = __builtin_ia32_crc32qi(tail, s.p[0]);
    return ~tail;
}
#endif

uint32_t crc32c(uint32_t crc, struct slice s)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("sse4.2"))
        return crc32c_sse42(crc, s);
#endif
    return crc32c_portable(crc, s);
}
