#include "app/restore.h"

#include "app/datadir.h"
#include "app/ids.h"
#include "base/mem.h"
#include "io/loop.h"
#include "pki/digest.h"
#include "state/meta.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH_ALIGNMENT 512 /* a file that is longer than a multiple by a SHA-256 ends in one */

static enum rc map_file(const char *path, struct slice *out, struct err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        int code = errno;
        if (fd >= 0)
            close(fd);
        return err_set(err, rc_of_errno(code), "cannot open %s: %s", path,
                       rc_text(rc_of_errno(code)));
    }
    void *p = st.st_size > 0 ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    close(fd);
    if (p == MAP_FAILED)
        return err_set(err, RC_IO, "cannot read %s: %s", path, rc_text(rc_of_errno(errno)));
    *out = slice_of(p, (size_t)st.st_size);
    return RC_OK;
}

static bool hash_is_right(struct slice map)
{
    uint8_t sum[DIGEST_SHA256_LEN];
    size_t n = map.n - DIGEST_SHA256_LEN;
    digest_sha256(slice_of(map.p, n), sum);
    return memcmp(sum, map.p + n, sizeof(sum)) == 0;
}

enum rc restore_open(const char *path, bool check_hash, struct restore_file *out, struct err *err)
{
    struct restore_file f = {0};
    enum rc rc = map_file(path, &f.map, err);
    if (rc != RC_OK)
        return rc;
    f.has_hash = f.map.p && f.map.n % HASH_ALIGNMENT == DIGEST_SHA256_LEN;
    struct slice body = slice_of(f.map.p, f.map.n - (f.has_hash ? DIGEST_SHA256_LEN : 0));
    if (f.has_hash && check_hash && !hash_is_right(f.map))
        rc = err_set(err, RC_CORRUPT,
                     "%s is damaged: it does not have the SHA-256 that it ends with", path);
    if (rc == RC_OK)
        rc = bbolt_open(body, &f.bbolt);
    if (rc == RC_OK) {
        *out = f;
        return RC_OK;
    }
    restore_close(&f);
    return err_set(err, rc == RC_MALFORMED ? RC_FOREIGN : rc, "%s is no snapshot of etcd's (%s)",
                   path, rc_text(rc));
}

void restore_close(struct restore_file *f)
{
    union {
        const void *ours;
        void *theirs;
    } p = {.ours = f->map.p};
    if (p.theirs)
        munmap(p.theirs, f->map.n);
    *f = (struct restore_file){0};
}

static enum rc open_store(const struct conf *conf, const char *path, struct env *env,
                          struct storage **out, struct err *err)
{
    struct store_options options = {.path = path, .log = env->log};
    options.quota_bytes = conf->quota_backend_bytes > 0 ? (uint64_t)conf->quota_backend_bytes : 0;
    ids_of(conf, &options.member_id, &options.cluster_id);
    return store_open(&options, out, err);
}

enum rc restore_storage(const struct conf *conf, struct env *env, struct storage **out,
                        struct err *err)
{
    struct datadir dir = {0};
    enum rc rc = datadir_open(env->disk, conf->data_dir, conf->wal_dir, &dir, err);
    if (rc == RC_OK)
        rc = open_store(conf, dir.db, env, out, err);
    datadir_fini(&dir);
    return rc;
}

struct filling {
    const struct conf *conf;
    const struct restore_options *opt;
    struct restore_file file;
    struct datadir dir;
    struct env *env;
};

/* Fill a new store at that path. */
static enum rc fill(const struct filling *f, const char *path, struct import_result *out,
                    struct err *err)
{
    struct storage *storage = NULL;
    enum rc rc = open_store(f->conf, path, f->env, &storage, err);
    if (rc == RC_OK)
        rc = snapshot_import(&f->file.bbolt, &f->opt->import, f->env, storage, out, err);
    storage_close(storage);
    return rc;
}

/* The store under a name for the while, then under its own. */
static enum rc fill_whole(const struct filling *f, struct import_result *out, struct err *err)
{
    struct disk *disk = f->env->disk;
    AUTO(mem_free_at) char *part = mem_printf("%s.part", f->dir.db);
    AUTO(mem_free_at) char *lock = mem_printf("%s-lock", part);
    (void)disk_unlink(disk, part, NULL); /* of a run that was broken off */
    enum rc rc = fill(f, part, out, err);
    (void)disk_unlink(disk, lock, NULL);
    if (rc == RC_OK)
        rc = disk_rename(disk, part, f->dir.db, err);
    else
        (void)disk_unlink(disk, part, NULL);
    return rc == RC_OK ? disk_sync_dir(disk, f->dir.root, err) : rc;
}

static void note_entry(void *arg, const char *name)
{
    (void)name;
    *(bool *)arg = true;
}

static enum rc check_empty(const struct conf *conf, const struct datadir *dir, struct disk *disk,
                           struct err *err)
{
    bool any = false;
    if (!dir->fresh)
        return err_set(err, RC_EXISTS, "data-dir \"%s\" not empty or could not be read",
                       conf->data_dir);
    if (disk_list(disk, dir->wal, note_entry, &any, NULL) == RC_OK && any)
        return err_set(err, RC_EXISTS, "wal-dir \"%s\" exists", dir->wal);
    return RC_OK;
}

enum rc restore_snapshot(const struct conf *conf, const struct restore_options *opt,
                         struct import_result *out, struct err *err)
{
    struct log quiet = {.level = LOG_FATAL};
    struct filling f = {.conf = conf, .opt = opt};
    struct io_loop *loop = NULL;
    enum rc rc = conf_check_bootstrap(conf, err);
    if (rc == RC_OK)
        rc = restore_open(opt->path, !opt->skip_hash_check, &f.file, err);
    if (rc == RC_OK && !f.file.has_hash && !opt->skip_hash_check)
        rc = err_set(err, RC_INVALID, "snapshot missing hash but --skip-hash-check=false");
    if (rc == RC_OK)
        rc = io_loop_new(&(struct io_loop_options){.log = &quiet}, &loop, err);
    if (rc == RC_OK) {
        f.env = io_loop_env(loop);
        rc = datadir_open(f.env->disk, conf->data_dir, conf->wal_dir, &f.dir, err);
        if (rc == RC_OK)
            rc = check_empty(conf, &f.dir, f.env->disk, err);
        if (rc == RC_OK)
            rc = fill_whole(&f, out, err);
    }
    io_loop_free(loop);
    datadir_fini(&f.dir);
    restore_close(&f.file);
    return rc;
}

/* ---- HashKV ---- */

struct hashing {
    struct kv_hash hash;
    bool done;
    enum rc rc;
};

static void note_hash(struct kv_hash *hash, enum rc rc)
{
    struct hashing *h = CONTAINER_OF(hash, struct hashing, hash);
    h->done = true;
    h->rc = rc;
}

static enum etcd_error hash_storage(struct env *env, struct storage *storage, int64_t revision,
                                    struct kv_hash_value *out, struct err *err)
{
    struct hashing h = {.hash.done = note_hash};
    struct meta meta;
    bool known = false;
    if (meta_load(storage, &meta, err) != RC_OK)
        return ETCD_CORRUPT;
    struct kv *kv = kv_new(env, storage);
    enum etcd_error e = kv_restore(kv, &meta.marks, false, err) == RC_OK
                            ? kv_hash_begin(kv, revision, &h.hash, &known)
                            : ETCD_CORRUPT;
    while (e == ETCD_OK && !h.done)
        (void)kv_hash_turn(kv);
    kv_free(kv);
    if (e == ETCD_OK && h.rc != RC_OK) {
        err_set(err, h.rc, "what is stored is damaged (%s)", rc_text(h.rc));
        e = ETCD_CORRUPT;
    }
    if (e == ETCD_OK)
        *out = h.hash.value;
    return e;
}

static enum etcd_error hash_store(const char *path, int64_t revision, struct kv_hash_value *out,
                                  struct err *err)
{
    struct log quiet = {.level = LOG_FATAL};
    struct io_loop *loop = NULL;
    struct storage *storage = NULL;
    enum etcd_error e = ETCD_CORRUPT;
    enum rc rc = io_loop_new(&(struct io_loop_options){.log = &quiet}, &loop, err);
    if (rc == RC_OK)
        rc = store_open(&(struct store_options){.path = path, .any_owner = true}, &storage, err);
    if (rc == RC_OK)
        e = hash_storage(io_loop_env(loop), storage, revision, out, err);
    storage_close(storage);
    io_loop_free(loop);
    return e;
}

enum etcd_error restore_hash_kv(const char *path, int64_t revision, struct kv_hash_value *out,
                                struct err *err)
{
    struct restore_file file = {0};
    struct err why = {0};
    struct stat st;
    enum rc rc = restore_open(path, false, &file, &why);
    if (rc == RC_OK) {
        enum etcd_error e = snapshot_hash_kv(&file.bbolt, revision, out, err);
        restore_close(&file);
        return e;
    }
    if (rc == RC_FOREIGN && stat(path, &st) == 0 && st.st_size > 0)
        return hash_store(path, revision, out, err);
    err_set(err, rc, "%s", why.text);
    return ETCD_CORRUPT;
}
