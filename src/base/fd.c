#include "base/fd.h"

#include <errno.h>
#include <unistd.h>

enum rc fd_write_all(int fd, struct slice s)
{
    while (s.n > 0) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno != EINTR)
            return rc_of_errno(errno);
        if (n > 0)
            s = slice_skip(s, (size_t)n);
    }
    return RC_OK;
}
