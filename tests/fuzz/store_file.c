/* fuzz: store base */
/* Any bytes as a store's file: judged without a crash, without end, and with a sentence whenever
 * they are refused. What is not LMDB at all is never called ours. And any bytes as a row: it is
 * read back as it was sealed, with any bit changed it is refused. */
#include "base/must.h"
#include "store/dbfile.h"
#include "store/row.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The first byte says how much of the rest is the key, the second which bit is changed. */
static void try_row(const uint8_t *data, size_t n)
{
    if (n < 3)
        return;
    struct slice key = slice_of(data + 2, data[0] < n - 2 ? data[0] : n - 2);
    struct slice value = slice_of(key.p + key.n, n - 2 - key.n);
    struct slice got;
    uint8_t *stored = malloc(value.n + ROW_CRC_LEN);
    must(stored);
    if (row_unseal("lease", key, value, &got)) {
        row_seal("lease", key, got, stored);
        must(memcmp(stored, value.p, value.n) == 0);
    }
    row_seal("lease", key, value, stored);
    must(row_unseal("lease", key, slice_of(stored, value.n + ROW_CRC_LEN), &got));
    must(slice_eq(got, value));
    must(!row_unseal("meta", key, slice_of(stored, value.n + ROW_CRC_LEN), &got));
    size_t bit = data[1] % (8 * (value.n + ROW_CRC_LEN));
    stored[bit / 8] ^= (uint8_t)(1 << bit % 8);
    must(!row_unseal("lease", key, slice_of(stored, value.n + ROW_CRC_LEN), &got));
    free(stored);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    try_row(data, n);
    int fd = memfd_create("store", MFD_CLOEXEC);
    must(fd >= 0);
    must(n == 0 || write(fd, data, n) == (ssize_t)n);
    struct dbfile f = {0};
    struct err err = {0};
    enum rc rc = dbfile_judge(fd, "db", &f, &err);
    must((rc == RC_OK) == (err.text[0] == 0));
    if (rc == RC_OK && n > 0) {
        static const uint8_t magic[] = {0xDE, 0xC0, 0xEF, 0xBE};
        must(n > f.page_bytes && memcmp(data + 16, magic, 4) == 0);
        must(f.size == n && f.last_page >= 1);
    }
    close(fd);
    return 0;
}
