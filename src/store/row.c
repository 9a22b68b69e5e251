#include "store/row.h"

#include "base/crc32c.h"
#include "base/wr.h"

#include <string.h>

/* The key's length is in it: else a byte could change sides between key and value. */
static uint32_t row_crc(const char *table, struct slice key, struct slice value)
{
    uint8_t len[4];
    store_u32(len, (uint32_t)key.n);
    uint32_t crc = crc32c(crc32c(0, slice_str(table)), slice_of(len, sizeof(len)));
    return crc32c(crc32c(crc, key), value);
}

void row_seal(const char *table, struct slice key, struct slice value, uint8_t *stored)
{
    if (value.n > 0)
        memcpy(stored, value.p, value.n);
    store_u32(stored + value.n, row_crc(table, key, value));
}

bool row_unseal(const char *table, struct slice key, struct slice stored, struct slice *value)
{
    if (stored.n < ROW_CRC_LEN)
        return false;
    struct slice body = slice_of(stored.p, stored.n - ROW_CRC_LEN);
    if (load_u32(body.p + body.n) != row_crc(table, key, body))
        return false;
    *value = body;
    return true;
}
