#include "app/backups.h"

#include "app/gzip.h"
#include "base/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STAMP_LEN  23 /* 2026-01-31T23-59-59.123 */
#define DAY_S      86400
#define COMPRESSED ".gz"

/* The path in front of the time, and what stands behind it: the extension. */
static size_t stem_len(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash ? slash : path, '.');
    return dot ? (size_t)(dot - path) : strlen(path);
}

static void write_stamp(const struct backups *b, struct timespec now, char out[STAMP_LEN + 1])
{
    struct tm tm;
    char text[32];
    if (b->local_time)
        localtime_r(&now.tv_sec, &tm);
    else
        gmtime_r(&now.tv_sec, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H-%M-%S", &tm);
    snprintf(out, STAMP_LEN + 1, "%.19s.%03u", text, (unsigned)(now.tv_nsec / 1000000) % 1000);
}

void backups_name(const struct backups *b, struct timespec now, char out[BACKUPS_NAME_MAX])
{
    char stamp[STAMP_LEN + 1];
    size_t stem = stem_len(b->path);
    write_stamp(b, now, stamp);
    snprintf(out, BACKUPS_NAME_MAX, "%.*s-%s%s", (int)stem, b->path, stamp, b->path + stem);
}

/* Is it a name that backups_name made, compressed or not? */
static bool is_backup(const char *name, const char *stem, const char *extension)
{
    size_t n = strlen(stem);
    static const char form[] = "dddd-dd-ddTdd-dd-dd.ddd";
    size_t len = n + 1 + STAMP_LEN + strlen(extension);
    if (strlen(name) < len || strncmp(name, stem, n) != 0 || name[n] != '-' ||
        strncmp(name + n + 1 + STAMP_LEN, extension, strlen(extension)) != 0)
        return false;
    if (name[len] != '\0' && strcmp(name + len, COMPRESSED) != 0)
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

/* The names of files put aside, the newest first: the time in them sorts as text. Of one that has
 * both forms, the compressed one comes first. */
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

static bool is_compressed(const char *name)
{
    size_t n = strlen(name);
    return n > strlen(COMPRESSED) && strcmp(name + n - strlen(COMPRESSED), COMPRESSED) == 0;
}

/* The compressed form of before may be half of it: written anew. */
static void compress(const char *path, const atomic_bool *stop)
{
    char *to = mem_printf("%s" COMPRESSED, path);
    if (gzip_file(path, to, stop) == RC_OK)
        (void)unlink(path);
    free(to);
}

void backups_tidy(const struct backups *b, struct timespec now, const atomic_bool *stop)
{
    char oldest[STAMP_LEN + 1];
    size_t stem = stem_len(b->path);
    const char *slash = strrchr(b->path, '/');
    size_t dir_len = slash ? (size_t)(slash - b->path) + 1 : 0;
    char *dir = dir_len ? mem_printf("%.*s", (int)dir_len, b->path) : mem_strdup("./");
    char *name = mem_printf("%.*s", (int)(stem - dir_len), b->path + dir_len);
    size_t n = 0;
    size_t kept = 0;
    char **files = list_backups(dir, name, b->path + stem, &n);
    size_t stamp_at = strlen(name) + 1;
    now.tv_sec -= (time_t)b->days_max * DAY_S;
    write_stamp(b, now, oldest);
    for (size_t i = 0; i < n; i++) {
        const char *stamp = files[i] + stamp_at;
        if (i == 0 || strncmp(files[i - 1] + stamp_at, stamp, STAMP_LEN) != 0)
            kept++;
        bool many = b->backups_max > 0 && kept > b->backups_max;
        bool old = b->days_max > 0 && strncmp(stamp, oldest, STAMP_LEN) < 0;
        char *path = mem_printf("%s%s", dir, files[i]);
        if (many || old)
            (void)unlink(path);
        else if (b->compress && !is_compressed(files[i]) && !atomic_load(stop))
            compress(path, stop);
        free(path);
    }
    for (size_t i = 0; i < n; i++)
        free(files[i]);
    free(files);
    free(name);
    free(dir);
}
