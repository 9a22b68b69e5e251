#include "snapshot/spool.h"

#include "base/mem.h"
#include "bbolt/writer.h"

#include <stdlib.h>

struct writing {
    struct spool *spool;
    struct bbolt_writer *writer;
};

static enum rc write_out(void *arg, uint64_t at, struct slice bytes)
{
    struct spool *s = arg;
    return file_pwrite(s->file, bytes.p, bytes.n, at);
}

static void begin(void *arg, struct slice bucket)
{
    struct writing *w = arg;
    bbolt_bucket_begin(w->writer, bucket);
}

static bool row(void *arg, struct slice key, struct slice value)
{
    struct writing *w = arg;
    bbolt_put(w->writer, key, value);
    return !atomic_load_explicit(&w->spool->stop, memory_order_relaxed) &&
           bbolt_writer_rc(w->writer) == RC_OK;
}

static void end(void *arg)
{
    struct writing *w = arg;
    bbolt_bucket_end(w->writer);
}

/* A file that is there before a crash took its place is overwritten. */
static enum rc open_nameless(struct spool *s, struct disk *disk, const char *dir, struct err *err)
{
    char *path = mem_printf("%s/snapshot-%p.tmp", dir, (void *)s);
    enum rc rc = disk_open(disk, path, DISK_CREATE, &s->file, err);
    if (rc == RC_OK)
        rc = disk_unlink(disk, path, err);
    free(path);
    return rc;
}

enum rc spool_write(struct spool *s, struct disk *disk, const char *dir,
                    const struct snapshot_source *src, struct err *err)
{
    enum rc rc = open_nameless(s, disk, dir, err);
    if (rc != RC_OK)
        return rc;
    struct bbolt_sink out = {s, write_out};
    struct writing w = {s, bbolt_writer_new(&out)};
    struct snapshot_sink sink = {&w, begin, row, end};
    rc = snapshot_rows(src, &sink);
    if (bbolt_writer_rc(w.writer) != RC_OK)
        rc = bbolt_writer_rc(w.writer);
    if (rc == RC_OK)
        rc = bbolt_writer_finish(w.writer, &s->size);
    bbolt_writer_free(w.writer);
    return rc == RC_OK ? RC_OK
                       : err_set(err, rc, "cannot write a snapshot in %s: %s", dir, rc_text(rc));
}

void spool_close(struct spool *s)
{
    file_close(s->file);
    s->file = NULL;
}
