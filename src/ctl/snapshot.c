/* snapshot - save: a member's data as one file.
 *
 * The server sends the file with its SHA-256 behind it. It is written beside its place and moved
 * there once it is whole and on the disk. */
#include "base/fd.h"
#include "base/mem.h"
#include "ctl/gotext.h"
#include "ctl/print.h"
#include "ctl/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR      512 /* a database is a multiple of this, so what is over is the digest */
#define SHA256_SIZE 32

struct saving {
    int fd;
    uint64_t size;
    struct buf version; /* of the server */
};

/* The system's reason between head and tail. */
static int failed(const char *head, const char *tail)
{
    struct buf why = {0};
    go_errno(errno, &why);
    ctl_fail(EXIT_INTERRUPTED, "%s%.*s%s", head, (int)why.n, (const char *)why.p, tail);
    buf_fini(&why);
    return EXIT_INTERRUPTED;
}

static int take_chunk(struct saving *s, struct slice message, struct progress *bar)
{
    struct arena arena = {0};
    struct pb_snapshot_response r;
    int code = EXIT_OK;
    if (wire_decode(&wire_snapshot_response, message, &arena, &r) != RC_OK) {
        code = ctl_fail(EXIT_INTERRUPTED, "could not write snapshot: damaged message");
    } else if (fd_write_all(s->fd, r.blob) != RC_OK) {
        code = failed("could not write snapshot: ", "");
    } else {
        s->size += r.blob.n;
        if (r.version.n > 0 && s->version.n == 0)
            buf_append_slice(&s->version, r.version);
        progress_total(bar, s->size + r.remaining_bytes);
        progress_set(bar, s->size);
    }
    arena_fini(&arena);
    return code;
}

static int receive(struct ctl *ctl, struct saving *s)
{
    const struct pb_snapshot_request request = {0};
    struct buf message = {0};
    struct progress bar;
    int code = EXIT_OK;
    /* The stream has a deadline only if one was asked for. */
    bool limited = flag_changed(&ctl->flags, "command-timeout");
    uint64_t deadline = limited ? ctl_deadline(ctl) : CLIENT_FOREVER;
    struct client_call *call = client_start(
        ctl->client, &(struct client_request){CLIENT_SNAPSHOT, &request, deadline}, &ctl->status);
    if (!call)
        return ctl_call_failed(ctl, EXIT_INTERRUPTED, NULL);
    progress_begin(&bar, "snapshot", 0);
    enum rc rc;
    while ((rc = client_await(ctl->client, call, deadline, &message)) == RC_OK && code == EXIT_OK)
        code = take_chunk(s, buf_slice(&message), &bar);
    progress_end(&bar);
    if (code == EXIT_OK && rc == RC_TIMEOUT) {
        code = ctl_fail(EXIT_INTERRUPTED, "could not write snapshot: context deadline exceeded");
    } else if (code == EXIT_OK) {
        client_status_copy(&ctl->status, client_call_status(call));
        if (ctl->status.code != GRPC_OK)
            code = ctl_call_failed(ctl, EXIT_INTERRUPTED, "could not write snapshot: %s");
    }
    if (code == EXIT_OK && s->size % SECTOR != SHA256_SIZE)
        code = ctl_fail(EXIT_INTERRUPTED, "sha256 checksum not found [bytes: %llu]",
                        (unsigned long long)s->size);
    client_call_free(call);
    buf_fini(&message);
    return code;
}

/* The file's name must survive a loss of power, too. */
static bool sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash ? mem_printf("%.*s", (int)(slash - path + 1), path) : mem_strdup(".");
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool fine = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    free(dir);
    return fine;
}

static int save(struct ctl *ctl, const char *path, const char *part, struct saving *s)
{
    s->fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (s->fd < 0) {
        char *head = mem_printf("could not open %s (open %s: ", part, part);
        int code = failed(head, ")");
        free(head);
        return code;
    }
    int code = receive(ctl, s);
    if (code == EXIT_OK && fsync(s->fd) < 0)
        code = failed("could not fsync snapshot: ", "");
    if (close(s->fd) < 0 && code == EXIT_OK)
        code = failed("could not close file descriptor: ", "");
    if (code == EXIT_OK && (rename(part, path) < 0 || !sync_directory(path))) {
        char *head =
            mem_printf("could not rename %s to %s (rename %s %s: ", part, path, part, path);
        code = failed(head, ")");
        free(head);
    }
    if (code != EXIT_OK)
        unlink(part);
    return code;
}

int cmd_snapshot_save(struct ctl *ctl)
{
    struct saving s = {0};
    size_t n;
    if (ctl->args.n != 1)
        return ctl_fail(EXIT_BAD_ARGS, "snapshot save expects one argument <filename>");
    int code = ctl_setup(ctl);
    if (code != EXIT_OK)
        return code;
    const struct slice *endpoints = ctl_endpoints(ctl, &n);
    if (n != 1) {
        struct buf list = {0};
        for (size_t i = 0; i < n; i++)
            buf_printf(&list, "%s%.*s", i ? " " : "", (int)endpoints[i].n,
                       (const char *)endpoints[i].p);
        ctl_fail(EXIT_INTERRUPTED,
                 "snapshot must be requested to one selected node, not multiple [%.*s]",
                 (int)list.n, (const char *)list.p);
        buf_fini(&list);
        return EXIT_INTERRUPTED;
    }
    ctl->client = ctl_client(ctl, endpoints, n, &code);
    if (!ctl->client)
        return code == EXIT_BAD_CONNECTION ? EXIT_INTERRUPTED : code;
    char *part = mem_printf("%s.part", ctl->args.v[0]);
    code = save(ctl, ctl->args.v[0], part, &s);
    free(part);
    if (code == EXIT_OK)
        printf("Snapshot saved at %s\n", ctl->args.v[0]);
    if (code == EXIT_OK && s.version.n > 0)
        printf("Server version %.*s\n", (int)s.version.n, (const char *)s.version.p);
    buf_fini(&s.version);
    return code;
}
