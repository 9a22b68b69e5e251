#include "base/rc.h"

#include "base/must.h"

#include <errno.h>

const char *rc_text(enum rc rc)
{
#define RC_TEXT(name, text) [RC_##name] = (text),
    static const char *const texts[RC_COUNT] = {RC_TABLE(RC_TEXT)};
#undef RC_TEXT
    must(rc < RC_COUNT);
    return texts[rc];
}

enum rc rc_of_errno(int err)
{
    switch (err) {
    case 0:
        return RC_OK;
    case EAGAIN:
    case EINTR:
        return RC_AGAIN;
    case ENOENT:
    case ENOTDIR:
        return RC_NOT_FOUND;
    case EEXIST:
    case ENOTEMPTY:
        return RC_EXISTS;
    case EINVAL:
    case ENAMETOOLONG:
        return RC_INVALID;
    case EACCES:
    case EPERM:
        return RC_PERMISSION;
    case EROFS:
        return RC_READ_ONLY;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return RC_NO_SPACE;
    case EMFILE:
    case ENFILE:
        return RC_NO_FDS;
    case EADDRINUSE:
        return RC_ADDR_IN_USE;
    case ETIMEDOUT:
        return RC_TIMEOUT;
    case EPIPE:
    case ECONNRESET:
        return RC_CLOSED;
    default:
        return RC_IO;
    }
}
