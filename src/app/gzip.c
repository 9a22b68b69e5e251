#include "app/gzip.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define PIECE_BYTES (256u << 10)

/* zlib counts in int, and keeps its own errno when the file failed. */
static enum rc put(gzFile gz, const uint8_t *p, size_t n)
{
    return gzwrite(gz, p, (unsigned)n) == (int)n ? RC_OK : rc_of_errno(errno ? errno : EIO);
}

static enum rc copy(int from, gzFile gz, const atomic_bool *stop)
{
    uint8_t *piece = mem_alloc(PIECE_BYTES);
    enum rc rc = RC_OK;
    ssize_t n = 0;
    while (rc == RC_OK && (n = read(from, piece, PIECE_BYTES)) > 0)
        rc = atomic_load(stop) ? RC_AGAIN : put(gz, piece, (size_t)n);
    if (rc == RC_OK && n < 0)
        rc = rc_of_errno(errno);
    free(piece);
    return rc;
}

/* Takes over neither descriptor. */
static enum rc compress_into(int from, int to, const atomic_bool *stop)
{
    int own = fcntl(to, F_DUPFD_CLOEXEC, 0); /* gzclose closes it */
    gzFile gz = own >= 0 ? gzdopen(own, "wb") : NULL;
    if (!gz) {
        enum rc rc = rc_of_errno(own < 0 ? errno : ENOMEM);
        if (own >= 0)
            close(own);
        return rc;
    }
    errno = 0;
    enum rc rc = copy(from, gz, stop);
    int closed = gzclose(gz); /* writes what is left */
    if (rc == RC_OK && closed != Z_OK)
        rc = rc_of_errno(closed == Z_ERRNO && errno ? errno : EIO);
    return rc == RC_OK && fdatasync(to) < 0 ? rc_of_errno(errno) : rc;
}

enum rc gzip_file(const char *from, const char *to, const atomic_bool *stop)
{
    struct stat st;
    int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (in < 0 || fstat(in, &st) < 0) {
        enum rc rc = rc_of_errno(errno);
        if (in >= 0)
            close(in);
        return rc;
    }
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, st.st_mode & 0777);
    enum rc rc = out < 0 ? rc_of_errno(errno) : compress_into(in, out, stop);
    close(in);
    if (out >= 0)
        close(out);
    if (out >= 0 && rc != RC_OK)
        (void)unlink(to);
    return rc;
}
