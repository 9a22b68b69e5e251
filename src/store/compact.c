/* Writing the file anew, without its free pages. */
#include "base/mem.h"
#include "store/impl.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum rc sync_path(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum rc rc = fd >= 0 && fsync(fd) == 0 ? RC_OK : rc_of_errno(errno);
    if (fd >= 0)
        close(fd);
    return rc;
}

/* The new file becomes durable before it takes the place, and the place after. */
static enum rc take_place(const char *part, const char *path)
{
    char *dir = mem_strdup(path);
    char *slash = strrchr(dir, '/');
    if (slash)
        *slash = '\0';
    enum rc rc = sync_path(part);
    if (rc == RC_OK && rename(part, path) < 0)
        rc = rc_of_errno(errno);
    if (rc == RC_OK)
        rc = sync_path(slash ? dir : ".");
    free(dir);
    return rc;
}

enum rc store_compact(const char *path, struct err *err)
{
    struct storage *storage = NULL;
    if (access(path, R_OK | W_OK) < 0)
        return err_set(err, rc_of_errno(errno), "stat %s: %s", path, rc_text(rc_of_errno(errno)));
    enum rc rc =
        store_open(&(struct store_options){.path = path, .any_owner = true}, &storage, err);
    if (rc != RC_OK)
        return rc;
    struct store *s = CONTAINER_OF(storage, struct store, storage);
    char *part = mem_printf("%s.part", path);
    (void)unlink(part);
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    rc = fd >= 0 ? store_rc(mdb_env_copyfd2(s->env, fd, MDB_CP_COMPACT)) : rc_of_errno(errno);
    if (fd >= 0)
        close(fd);
    if (rc == RC_OK)
        rc = take_place(part, path);
    if (rc != RC_OK)
        (void)unlink(part);
    free(part);
    storage_close(storage);
    return rc == RC_OK ? RC_OK : err_set(err, rc, "cannot write %s anew: %s", path, rc_text(rc));
}
