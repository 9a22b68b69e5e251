/* format - bbolt's file, as etcd keeps its data in it (go.etcd.io/bbolt, page.go, meta.go; format
 * version 2). docs/formats/snapshot.md says it byte for byte.
 *
 * Pages of one size; a page and its overflow are one node. Pages 0 and 1 are meta pages, of which
 * the one with the higher transaction number counts. Everything is little-endian. */
#ifndef MOAT_BBOLT_FORMAT_H
#define MOAT_BBOLT_FORMAT_H

#include <stdint.h>

#define BBOLT_MAGIC        0xed0cdaedu
#define BBOLT_VERSION      2u
#define BBOLT_PAGE_BYTES   4096u /* what is written */
#define BBOLT_PAGE_MIN     1024u
#define BBOLT_PAGE_MAX     65536u
#define BBOLT_DEPTH_MAX    32u    /* of a tree; one of 2^63 keys has fewer levels */
#define BBOLT_KEY_MAX      32768u /* bbolt's MaxKeySize */
#define BBOLT_VALUE_MAX    0x7ffffffdu
#define BBOLT_PAGE_HEADER  16u /* id u64, flags u16, count u16, overflow u32 */
#define BBOLT_META_BYTES   64u
#define BBOLT_LEAF_HEAD    16u /* flags u32, pos u32, key length u32, value length u32 */
#define BBOLT_BRANCH_HEAD  16u /* pos u32, key length u32, page u64 */
#define BBOLT_BUCKET_BYTES 16u /* root page u64, sequence u64: a bucket's value in its parent */
#define BBOLT_NO_FREELIST  UINT64_MAX
#define BBOLT_ELEMENTS_MAX UINT16_MAX

enum bbolt_page_flag {
    BBOLT_BRANCH = 0x01,
    BBOLT_LEAF = 0x02,
    BBOLT_META = 0x04,
    BBOLT_FREELIST = 0x10
};

#define BBOLT_LEAF_IS_BUCKET 0x01u /* an element's flag */

#endif
