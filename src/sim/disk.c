#include "sim/disk.h"

#include "base/mem.h"
#include "base/must.h"
#include "sim/image.h"

#include <stdlib.h>

/* Chance at each effect that one block is written back early. */
#define WRITEBACK_PER_MILLION 50000
#define SIM_FILE_BYTES_MAX    (1u << 30)

struct sim_disk {
    struct disk disk;
    struct rng *rng;
    struct image image;
    uint64_t effects;
    uint64_t die_at;
    uint64_t fail_at;
    enum rc fail_rc;
    uint64_t capacity;
    uint64_t lie_per_million;
    uint64_t life; /* counts crashes: files opened before are stale */
};

struct sim_file {
    struct file file;
    struct sim_disk *disk;
    struct node *node;
    uint64_t life;
    bool read_only;
};

static struct sim_disk *disk_of(struct disk *d)
{
    return CONTAINER_OF(d, struct sim_disk, disk);
}

static struct sim_file *file_of(struct file *f)
{
    return CONTAINER_OF(f, struct sim_file, file);
}

/* --- effects --- */

/* Count one, and say whether it takes place. */
static enum rc effect(struct sim_disk *d)
{
    if (sim_disk_dead(d))
        return RC_IO;
    d->effects++;
    if (rng_chance(d->rng, WRITEBACK_PER_MILLION))
        image_write_back_some(&d->image, d->rng);
    return d->effects == d->fail_at ? d->fail_rc : RC_OK;
}

static enum rc file_effect(struct sim_file *f)
{
    if (f->life != f->disk->life)
        return RC_IO;
    if (f->read_only)
        return RC_PERMISSION;
    return effect(f->disk);
}

static enum rc grow(struct sim_file *f, uint64_t size)
{
    struct sim_disk *d = f->disk;
    uint64_t n = f->node->seen.n;
    if (size <= n)
        return RC_OK;
    must(size <= SIM_FILE_BYTES_MAX);
    if (sim_disk_used(d) - n > d->capacity || d->capacity - (sim_disk_used(d) - n) < size)
        return RC_NO_SPACE;
    node_resize(f->node, (size_t)size);
    return RC_OK;
}

/* --- files --- */

static enum rc sim_pread(struct file *file, void *p, size_t n, uint64_t at, size_t *got)
{
    struct sim_file *f = file_of(file);
    if (f->life != f->disk->life || sim_disk_dead(f->disk))
        return RC_IO;
    const struct buf *b = &f->node->seen;
    size_t left = at < b->n ? b->n - (size_t)at : 0;
    *got = n < left ? n : left;
    if (*got)
        memcpy(p, b->p + at, *got);
    return RC_OK;
}

static enum rc sim_pwrite(struct file *file, const void *p, size_t n, uint64_t at)
{
    struct sim_file *f = file_of(file);
    enum rc rc = file_effect(f);
    if (rc == RC_OK)
        rc = grow(f, at + n);
    if (rc == RC_OK)
        node_write(f->node, at, slice_of(p, n));
    return rc;
}

static enum rc sim_allocate(struct file *file, uint64_t size)
{
    struct sim_file *f = file_of(file);
    enum rc rc = file_effect(f);
    return rc == RC_OK ? grow(f, size) : rc;
}

static enum rc sim_sync(struct file *file)
{
    struct sim_file *f = file_of(file);
    enum rc rc = file_effect(f);
    if (rc != RC_OK) {
        if (f->life == f->disk->life && !sim_disk_dead(f->disk))
            node_forget_dirty(f->node);
        return rc;
    }
    if (!rng_chance(f->disk->rng, f->disk->lie_per_million))
        node_sync(f->node);
    return RC_OK;
}

static enum rc sim_size(struct file *file, uint64_t *out)
{
    struct sim_file *f = file_of(file);
    if (f->life != f->disk->life || sim_disk_dead(f->disk))
        return RC_IO;
    *out = f->node->seen.n;
    return RC_OK;
}

static enum rc sim_truncate(struct file *file, uint64_t size)
{
    struct sim_file *f = file_of(file);
    enum rc rc = file_effect(f);
    if (rc == RC_OK)
        rc = grow(f, size);
    if (rc == RC_OK)
        node_resize(f->node, (size_t)size);
    return rc;
}

static enum rc sim_lock(struct file *file)
{
    struct sim_file *f = file_of(file);
    if (f->life != f->disk->life || sim_disk_dead(f->disk))
        return RC_IO;
    if (f->node->locked_by && f->node->locked_by != f)
        return RC_LOCKED;
    f->node->locked_by = f;
    return RC_OK;
}

static void sim_close(struct file *file)
{
    struct sim_file *f = file_of(file);
    if (f->node->locked_by == f)
        f->node->locked_by = NULL;
    free(f);
}

static const struct file_ops file_ops = {
    .pread = sim_pread,
    .pwrite = sim_pwrite,
    .allocate = sim_allocate,
    .sync = sim_sync,
    .size = sim_size,
    .truncate = sim_truncate,
    .lock = sim_lock,
    .close = sim_close,
};

/* --- names, as calls --- */

static enum rc refuse(struct err *err, enum rc rc, const char *what, const char *path)
{
    return err_set(err, rc, "%s %s: %s", what, path, rc_text(rc));
}

static enum rc sim_open(struct disk *disk, const char *path, unsigned flags, struct file **out,
                        struct err *err)
{
    struct sim_disk *d = disk_of(disk);
    struct node *n = image_find(&d->image, path);
    if (sim_disk_dead(d))
        return refuse(err, RC_IO, "open", path);
    if (n && (flags & DISK_EXCLUSIVE))
        return refuse(err, RC_EXISTS, "open", path);
    if (!n && (!(flags & DISK_CREATE) || !image_parent_exists(&d->image, path)))
        return refuse(err, RC_NOT_FOUND, "open", path);
    if (!n) {
        enum rc rc = effect(d);
        if (rc != RC_OK)
            return refuse(err, rc, "create", path);
        n = image_add(&d->image, path, false);
    }
    if (n->dir)
        return refuse(err, RC_INVALID, "open", path);
    struct sim_file *f = mem_zalloc(sizeof(*f));
    *f = (struct sim_file){
        .file.ops = &file_ops,
        .disk = d,
        .node = n,
        .life = d->life,
        .read_only = flags & DISK_READ,
    };
    *out = &f->file;
    return RC_OK;
}

static enum rc sim_mkdir(struct disk *disk, const char *path, struct err *err)
{
    struct sim_disk *d = disk_of(disk);
    if (image_find(&d->image, path))
        return refuse(err, RC_EXISTS, "mkdir", path);
    if (!image_parent_exists(&d->image, path))
        return refuse(err, RC_NOT_FOUND, "mkdir", path);
    enum rc rc = effect(d);
    if (rc != RC_OK)
        return refuse(err, rc, "mkdir", path);
    image_add(&d->image, path, true);
    return RC_OK;
}

static enum rc sim_rename(struct disk *disk, const char *from, const char *to, struct err *err)
{
    struct sim_disk *d = disk_of(disk);
    struct node *n = image_find(&d->image, from);
    if (!n || !image_parent_exists(&d->image, to))
        return refuse(err, sim_disk_dead(d) ? RC_IO : RC_NOT_FOUND, "rename", from);
    enum rc rc = effect(d);
    if (rc != RC_OK)
        return refuse(err, rc, "rename", from);
    image_rename(&d->image, from, to);
    return RC_OK;
}

static enum rc sim_unlink(struct disk *disk, const char *path, struct err *err)
{
    struct sim_disk *d = disk_of(disk);
    struct node *n = image_find(&d->image, path);
    if (!n)
        return refuse(err, sim_disk_dead(d) ? RC_IO : RC_NOT_FOUND, "unlink", path);
    enum rc rc = effect(d);
    if (rc != RC_OK)
        return refuse(err, rc, "unlink", path);
    image_rename(&d->image, path, NULL);
    return RC_OK;
}

static enum rc sim_sync_dir(struct disk *disk, const char *path, struct err *err)
{
    struct sim_disk *d = disk_of(disk);
    struct node *n = image_find(&d->image, path);
    if (!n || !n->dir)
        return refuse(err, RC_NOT_FOUND, "sync", path);
    enum rc rc = effect(d);
    if (rc != RC_OK)
        return refuse(err, rc, "sync", path);
    image_sync_dir(&d->image, path);
    return RC_OK;
}

static enum rc sim_list(struct disk *disk, const char *path,
                        void (*fn)(void *arg, const char *name), void *arg, struct err *err)
{
    struct sim_disk *d = disk_of(disk);
    struct node *n = image_find(&d->image, path);
    if (sim_disk_dead(d))
        return refuse(err, RC_IO, "list", path);
    if (!n || !n->dir)
        return refuse(err, RC_NOT_FOUND, "list", path);
    image_list(&d->image, path, fn, arg);
    return RC_OK;
}

static const struct disk_ops disk_ops = {
    .open = sim_open,
    .mkdir = sim_mkdir,
    .rename = sim_rename,
    .unlink = sim_unlink,
    .sync_dir = sim_sync_dir,
    .list = sim_list,
};

/* --- the disk itself --- */

struct sim_disk *sim_disk_new(struct rng *rng)
{
    struct sim_disk *d = mem_zalloc(sizeof(*d));
    d->disk.ops = &disk_ops;
    d->rng = rng;
    d->die_at = d->capacity = UINT64_MAX;
    image_init(&d->image);
    return d;
}

void sim_disk_free(struct sim_disk *d)
{
    if (!d)
        return;
    image_fini(&d->image);
    free(d);
}

struct disk *sim_disk_env(struct sim_disk *d)
{
    return &d->disk;
}

uint64_t sim_disk_effects(const struct sim_disk *d)
{
    return d->effects;
}

void sim_disk_die_at(struct sim_disk *d, uint64_t effects)
{
    d->die_at = effects;
}

bool sim_disk_dead(const struct sim_disk *d)
{
    return d->effects >= d->die_at;
}

void sim_disk_fail_at(struct sim_disk *d, uint64_t nth, enum rc rc)
{
    d->fail_at = nth;
    d->fail_rc = rc;
}

void sim_disk_set_capacity(struct sim_disk *d, uint64_t bytes)
{
    d->capacity = bytes;
}

uint64_t sim_disk_used(const struct sim_disk *d)
{
    return image_bytes(&d->image);
}

void sim_disk_lie(struct sim_disk *d, uint64_t per_million)
{
    d->lie_per_million = per_million;
}

static void new_life(struct sim_disk *d)
{
    d->life++;
    d->die_at = UINT64_MAX;
    d->fail_at = 0;
    for (struct node *n = d->image.nodes; n; n = n->next)
        n->locked_by = NULL;
}

void sim_disk_crash(struct sim_disk *d, struct rng *rng)
{
    image_crash(&d->image, rng);
    new_life(d);
}

void sim_disk_restart(struct sim_disk *d)
{
    new_life(d);
}

struct slice sim_disk_peek(struct sim_disk *d, const char *path)
{
    const struct node *n = image_find(&d->image, path);
    return n ? buf_slice(&n->seen) : (struct slice){0};
}

bool sim_disk_poke(struct sim_disk *d, const char *path, uint64_t at, struct slice bytes)
{
    struct node *n = image_find(&d->image, path);
    if (!n || at > n->seen.n || bytes.n > n->seen.n - at)
        return false;
    node_poke(n, at, bytes);
    return true;
}

void sim_disk_put(struct sim_disk *d, const char *path, struct slice content)
{
    image_put(&d->image, path, content);
}
