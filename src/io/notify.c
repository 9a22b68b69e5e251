#include "io/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum rc io_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET"); /* NOLINT(concurrency-mt-unsafe): never set */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;
    if (n == 0)
        return RC_OK;
    if ((path[0] != '/' && path[0] != '@') || n >= sizeof(address.sun_path))
        return RC_INVALID;
    memcpy(address.sun_path, path, n);
    if (path[0] == '@') /* an abstract one: its name begins with a zero */
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return rc_of_errno(errno);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL,
                          (const struct sockaddr *)(const void *)&address, size);
    enum rc rc = sent < 0 ? rc_of_errno(errno) : RC_OK;
    close(fd);
    return rc;
}
