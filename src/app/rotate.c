#include "app/rotate.h"

#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAMP_LEN 23 /* 2026-01-31T23-59-59.123 */
#define DAY_S     86400

/* The path in front of the time, and what stands behind it: the extension. */
static size_t stem_len(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash ? slash : path, '.');
    return dot ? (size_t)(dot - path) : strlen(path);
}

static void write_stamp(const struct rotate *r, struct timespec now, char out[STAMP_LEN + 1])
{
    struct tm tm;
    char text[32];
    if (r->local_time)
        localtime_r(&now.tv_sec, &tm);
    else
        gmtime_r(&now.tv_sec, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H-%M-%S", &tm);
    snprintf(out, STAMP_LEN + 1, "%.19s.%03u", text, (unsigned)(now.tv_nsec / 1000000) % 1000);
}

void rotate_name(const struct rotate *r, struct timespec now, char out[ROTATE_NAME_MAX])
{
    char stamp[STAMP_LEN + 1];
    size_t stem = stem_len(r->path);
    write_stamp(r, now, stamp);
    snprintf(out, ROTATE_NAME_MAX, "%.*s-%s%s", (int)stem, r->path, stamp, r->path + stem);
}

void rotate_begin(struct rotate *r, int fd)
{
    struct stat st;
    r->bytes = fstat(fd, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

bool rotate_is_due(const struct rotate *r, size_t more)
{
    return r->path && r->bytes > 0 && r->bytes + more > r->bytes_max;
}

/* Is it a name that rotate_name made? */
static bool is_backup(const char *name, const char *stem, const char *extension)
{
    size_t n = strlen(stem);
    static const char form[] = "dddd-dd-ddTdd-dd-dd.ddd";
    if (strlen(name) != n + 1 + STAMP_LEN + strlen(extension) || strncmp(name, stem, n) != 0 ||
        name[n] != '-' || strcmp(name + n + 1 + STAMP_LEN, extension) != 0)
        return false;
    for (size_t i = 0; i < STAMP_LEN; i++) {
        char c = name[n + 1 + i];
        if (form[i] == 'd' ? c < '0' || c > '9' : c != form[i])
            return false;
    }
    return true;
}

static int newest_first(const void *a, const void *b)
{
    return -strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of files put aside, the newest first: the time in them sorts as text. */
static char **list_backups(const char *dir, const char *stem, const char *extension, size_t *n)
{
    char **names = NULL;
    DIR *d = opendir(dir);
    *n = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): this stream is ours alone, which is enough */
    for (const struct dirent *e; d && (e = readdir(d));) {
        if (!is_backup(e->d_name, stem, extension))
            continue;
        names = mem_realloc(names, (*n + 1) * sizeof(*names));
        names[(*n)++] = mem_strdup(e->d_name);
    }
    if (d)
        closedir(d);
    if (*n > 1)
        qsort(names, *n, sizeof(*names), newest_first);
    return names;
}

static void delete_old(const struct rotate *r, struct timespec now)
{
    char oldest[STAMP_LEN + 1];
    size_t stem = stem_len(r->path);
    const char *slash = strrchr(r->path, '/');
    size_t dir_len = slash ? (size_t)(slash - r->path) + 1 : 0;
    char *dir = dir_len ? mem_printf("%.*s", (int)dir_len, r->path) : mem_strdup("./");
    char *name = mem_printf("%.*s", (int)(stem - dir_len), r->path + dir_len);
    size_t n = 0;
    char **backups = list_backups(dir, name, r->path + stem, &n);
    now.tv_sec -= (time_t)r->days_max * DAY_S;
    write_stamp(r, now, oldest);
    for (size_t i = 0; i < n; i++) {
        bool many = r->backups_max > 0 && i >= r->backups_max;
        bool old = r->days_max > 0 && strncmp(backups[i] + strlen(name) + 1, oldest, STAMP_LEN) < 0;
        char *path = mem_printf("%s%s", dir, backups[i]);
        if (many || old)
            (void)unlink(path);
        free(path);
        free(backups[i]);
    }
    free(backups);
    free(name);
    free(dir);
}

int rotate_now(struct rotate *r, int fd, struct timespec now)
{
    char aside[ROTATE_NAME_MAX];
    rotate_name(r, now, aside);
    if (rename(r->path, aside) != 0)
        return fd;
    int fresh = open(r->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fresh < 0) {
        (void)!rename(aside, r->path);
        return fd;
    }
    close(fd);
    r->bytes = 0;
    if (r->days_max > 0 || r->backups_max > 0)
        delete_old(r, now);
    return fresh;
}
