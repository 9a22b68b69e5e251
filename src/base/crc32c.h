/* crc32c - the Castagnoli checksum (RFC 3720 B.4), by the processor where it can. */
#ifndef MOAT_BASE_CRC32C_H
#define MOAT_BASE_CRC32C_H

#include "base/slice.h"

/* Continue crc over s; start with 0. crc32c(crc32c(0, a), b) == crc32c(0, ab). */
uint32_t crc32c(uint32_t crc, struct slice s);

/* The portable form, for processors without the instruction and for the test that holds both equal.
 */
uint32_t crc32c_portable(uint32_t crc, struct slice s);

#endif
