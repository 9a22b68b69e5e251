/* dbfile - a first look at an LMDB file, with pread, before anything is mapped.
 *
 * LMDB trusts its file: one that was cut short ends in SIGBUS at some later read. So: is it LMDB
 * at all, are both header (meta) pages sane, and is every page there that the newest commit uses?
 * LMDB 0.9's layout, as far as needed, is in docs/formats/store.md. */
#ifndef MOAT_STORE_DBFILE_H
#define MOAT_STORE_DBFILE_H

#include "base/cc.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define DBFILE_PAGE_BYTES_MAX 65536

struct dbfile {
    uint64_t size;       /* bytes */
    uint64_t last_page;  /* number of the highest page ever used */
    uint32_t page_bytes; /* 0: the file is empty, to be made */
};

/* Judge the open file; path is for the sentence. RC_FOREIGN, RC_VERSION, RC_CORRUPT,
 * RC_UNSUPPORTED, or what reading it gave. Believes nothing it reads. */
MUST_USE enum rc dbfile_judge(int fd, const char *path, struct dbfile *out, struct err *err);

#endif
