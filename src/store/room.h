/* room - disk space in hand: blocks allocated beyond the end of the file.
 *
 * So a full disk is met here, before anything is written, as a clean RC_NO_SPACE. LMDB alone would
 * meet it halfway through its pages, and reports a short write as EIO, which nobody may retry.
 * Invariant: all bytes of the file below end have blocks. */
#ifndef MOAT_STORE_ROOM_H
#define MOAT_STORE_ROOM_H

#include "base/cc.h"
#include "base/rc.h"
#include "env/fault.h"

#include <stdint.h>

struct room {
    int fd;
    bool off;       /* the file system cannot allocate ahead: nothing is promised */
    bool low;       /* the disk gave less than ahead asks for */
    uint64_t end;   /* blocks exist up to here */
    uint64_t max;   /* the file never grows beyond */
    uint64_t ahead; /* to keep in hand behind what the next commit needs */
    struct faults *faults;
};

/* See to it that a file that ends at `used` can grow by need. RC_NO_SPACE if it cannot; when only
 * the bytes to keep in hand cannot be had, sets low, and goes on with those that are there. */
MUST_USE enum rc room_reserve(struct room *r, uint64_t used, uint64_t need);

#endif
