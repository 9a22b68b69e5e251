/* fuzz: store base */
/* Any bytes as a store's file: judged without a crash, without end, and with a sentence whenever
 * they are refused. What is not LMDB at all is never called ours. */
#include "base/must.h"
#include "store/dbfile.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
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
