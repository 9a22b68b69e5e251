/* row - what makes a row's value vouch for itself: behind it stands a CRC32C over its table's name,
 * its key and the value. So a flipped bit shows, and so does a row that got into another's place.
 * Every table has it but `key`, whose values have a checksum of their own (kv/ring.h). */
#ifndef MOAT_STORE_ROW_H
#define MOAT_STORE_ROW_H

#include "base/slice.h"

#include <stdbool.h>

#define ROW_CRC_LEN 4

/* Write the value and its checksum: value.n + ROW_CRC_LEN bytes. */
void row_seal(const char *table, struct slice key, struct slice value, uint8_t *stored);

/* The value that was sealed as this row. False: it is damaged, or another row's. */
bool row_unseal(const char *table, struct slice key, struct slice stored, struct slice *value);

#endif
