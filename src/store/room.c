#include "store/room.h"

#include "base/must.h"

#include <errno.h>
#include <fcntl.h>

static enum rc room_grow(struct room *r, uint64_t to)
{
    if (to <= r->end)
        return RC_OK;
    int rc;
    do {
        rc = fallocate(r->fd, FALLOC_FL_KEEP_SIZE, (off_t)r->end, (off_t)(to - r->end));
    } while (rc && errno == EINTR);
    if (rc && (errno == EOPNOTSUPP || errno == ENOSYS)) {
        r->off = true;
        return RC_OK;
    }
    if (rc)
        return rc_of_errno(errno);
    r->end = to;
    return RC_OK;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

enum rc room_reserve(struct room *r, uint64_t used, uint64_t need)
{
    must(r->max > 0 && r->ahead > 0);
    if (fault_hit(r->faults, "store.room"))
        return RC_NO_SPACE;
    uint64_t floor = least(used + need, r->max);
    uint64_t wanted = least(floor + r->ahead, r->max);
    if (r->off || r->end >= wanted)
        return RC_OK;
    /* A quarter more than wanted, so that not every commit has to ask. */
    enum rc rc = room_grow(r, least(wanted + r->ahead / 4, r->max));
    r->low = rc == RC_NO_SPACE;
    return r->low ? room_grow(r, floor) : rc;
}
