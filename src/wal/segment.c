#include "wal/segment.h"

#include "base/mem.h"
#include "base/must.h"
#include "wal/access.h"

#include <stdlib.h>

void segments_init(struct segments *s, struct env *env, const char *dir, uint64_t segment_bytes)
{
    *s = (struct segments){
        .env = env,
        .dir = mem_strdup(dir),
        .segment_bytes = segment_bytes ? wal_align(segment_bytes) : WAL_SEGMENT_BYTES,
        .next_batch = 1,
    };
    must(s->segment_bytes > WAL_HEADER_BYTES + WAL_HEAD_BYTES);
    rng_seed(&s->rng, rng_u64(env->rng));
    s->lock = mem_alloc(sizeof(*s->lock));
    must(mtx_init(s->lock, mtx_plain) == thrd_success);
}

void segment_free(struct segment *seg)
{
    if (!seg)
        return;
    file_close(seg->file);
    free(seg);
}

void segments_fini(struct segments *s)
{
    for (size_t i = 0; i < s->n; i++)
        segment_free(s->v[i]);
    for (size_t i = 0; i < SPARES_MAX; i++)
        file_close(s->spares[i].file);
    file_close(s->lock_file);
    marks_fini(&s->marks);
    free(s->v);
    free(s->dir);
    mtx_destroy(s->lock);
    free(s->lock);
}

const char *segments_spare_name(size_t slot)
{
    static const char *const names[SPARES_MAX] = {"spare.0", "spare.1"};
    must(slot < SPARES_MAX);
    return names[slot];
}

char *segments_path(const struct segments *s, const char *name)
{
    return mem_printf("%s/%s", s->dir, name);
}

char *segments_path_seq(const struct segments *s, uint64_t seq)
{
    char name[WAL_NAME_BYTES];
    wal_segment_name(seq, name);
    return segments_path(s, name);
}

struct segment *segments_last(const struct segments *s)
{
    return s->n ? s->v[s->n - 1] : NULL;
}

static void lock(const struct segments *s)
{
    must(mtx_lock(s->lock) == thrd_success);
}

static void unlock(const struct segments *s)
{
    must(mtx_unlock(s->lock) == thrd_success);
}

void segments_push(struct segments *s, struct segment *seg)
{
    lock(s);
    must(s->n == 0 || seg->header.seq == s->v[s->n - 1]->header.seq + 1);
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 4;
        s->v = mem_realloc(s->v, s->cap * sizeof(struct segment *));
    }
    s->v[s->n++] = seg;
    s->disk_bytes += seg->header.size;
    unlock(s);
}

static void add_bytes(struct segments *s, uint64_t plus, uint64_t minus)
{
    lock(s);
    must(s->disk_bytes + plus >= minus);
    s->disk_bytes = s->disk_bytes + plus - minus;
    unlock(s);
}

bool segments_adopt_spare(struct segments *s, size_t slot, struct file *f, uint64_t size)
{
    must(slot < SPARES_MAX && !s->spares[slot].file);
    if (size != s->segment_bytes)
        return false;
    s->spares[slot] = (struct spare){.file = f, .size = size};
    add_bytes(s, size, 0);
    return true;
}

static int spare_slot(const struct segments *s, bool filled)
{
    for (int i = 0; i < SPARES_MAX; i++)
        if ((s->spares[i].file != NULL) == filled)
            return i;
    return -1;
}

/* Let the spare in this slot have at least size bytes, and create it if there is none. */
static enum rc spare_make(struct segments *s, int slot, uint64_t size, struct err *err)
{
    struct spare *spare = &s->spares[slot];
    if (spare->file && spare->size >= size)
        return RC_OK;
    AUTO(mem_free_at) char *path = segments_path(s, segments_spare_name((size_t)slot));
    struct file *f = spare->file;
    enum rc rc = f ? RC_OK : wal_open_file(s->env, path, DISK_CREATE, &f, err);
    if (rc != RC_OK)
        return rc;
    rc = wal_file_allocate(s->env, f, size);
    if (rc == RC_OK)
        rc = wal_file_sync(s->env, f);
    if (rc != RC_OK) {
        err_set(err, rc, "allocate %llu bytes for %s: %s", (unsigned long long)size, path,
                rc_text(rc));
        if (!spare->file) {
            /* Half an allocation helps nobody, least of all when space is short. */
            file_close(f);
            enum rc gone = wal_unlink(s->env, path, NULL);
            rc = rc == RC_NO_SPACE && gone != RC_OK ? gone : rc;
        }
        return rc;
    }
    add_bytes(s, size, spare->file ? spare->size : 0);
    *spare = (struct spare){.file = f, .size = size};
    return RC_OK;
}

bool segments_has_spare(const struct segments *s)
{
    return spare_slot(s, true) >= 0;
}

enum rc segments_prepare(struct segments *s, struct err *err)
{
    if (segments_has_spare(s))
        return RC_OK;
    return spare_make(s, 0, s->segment_bytes, err);
}

/* What a new segment's header says; a larger size may come of it. */
static struct wal_header next_header(struct segments *s)
{
    const struct segment *last = segments_last(s);
    return (struct wal_header){
        .cluster_id = s->cluster_id,
        .member_id = s->member_id,
        .seq = last ? last->header.seq + 1 : 1,
        .salt = rng_u64(&s->rng),
        .size = s->segment_bytes,
        .batch = s->next_batch,
        .hard = s->hard,
        .prev_end = last ? last->end : 0,
    };
}

/* A batch is written: sync it, and note when that began. */
static enum rc sync_batch(struct segments *s, struct file *f)
{
    s->sync_begun_ns = env_now_ns(s->env);
    return wal_file_sync(s->env, f);
}

static enum rc fill(struct segments *s, const struct segment *seg, struct batch *b)
{
    uint8_t block[WAL_HEADER_BYTES + WAL_HEAD_BYTES] = {0}; /* an empty head behind the header */
    wal_header_encode(&seg->header, block);
    enum rc rc = wal_file_pwrite(s->env, seg->file, slice_of(block, sizeof(block)), 0);
    if (rc == RC_OK && b)
        rc = batch_write(b, s->env, seg->file, &seg->header, seg->header.batch, WAL_HEADER_BYTES);
    if (rc == RC_OK)
        rc = sync_batch(s, seg->file);
    return rc;
}

/* Write header and batch into a spare, and give it the segment's name, each step durably. */
static enum rc create(struct segments *s, struct wal_header header, struct batch *b,
                      struct err *err)
{
    uint64_t body = b ? batch_body_bytes(b) : 0;
    uint64_t need = WAL_HEADER_BYTES + wal_batch_span(body);
    int slot = spare_slot(s, true);
    if (slot < 0)
        slot = 0;
    enum rc rc = spare_make(s, slot, need > header.size ? need : header.size, err);
    if (rc != RC_OK)
        return rc;
    struct spare *spare = &s->spares[slot];
    header.size = spare->size;
    struct segment *seg = mem_zalloc(sizeof(*seg));
    *seg = (struct segment){
        .header = header,
        .file = spare->file,
        .end = WAL_HEADER_BYTES + wal_batch_span(body),
    };
    AUTO(mem_free_at) char *from = segments_path(s, segments_spare_name((size_t)slot));
    AUTO(mem_free_at) char *to = segments_path_seq(s, header.seq);
    rc = fill(s, seg, b);
    if (rc != RC_OK) {
        free(seg);
        /* The space was allocated: that there is none is as bad as any other failure here. */
        rc = rc == RC_NO_SPACE ? RC_IO : rc;
        return err_set(err, rc, "write %s: %s", from, rc_text(rc));
    }
    rc = wal_rename(s->env, from, to, err);
    if (rc != RC_OK) {
        free(seg);
        return rc;
    }
    add_bytes(s, 0, spare->size);
    *spare = (struct spare){0};
    segments_push(s, seg);
    rc = wal_dir_sync(s->env, s->dir, err);
    return rc == RC_NO_SPACE ? RC_IO : rc;
}

enum rc segments_begin(struct segments *s, uint64_t first_index, uint64_t prev_term, uint32_t flags,
                       struct err *err)
{
    struct wal_header header = next_header(s);
    header.flags = flags;
    if (header.seq == 1 && header.size > FIRST_SEGMENT_BYTES)
        header.size = FIRST_SEGMENT_BYTES;
    header.first_index = first_index;
    header.prev_term = prev_term;
    header.prev_end = 0;
    enum rc rc = create(s, header, NULL, err);
    if (rc != RC_OK)
        return rc;
    lock(s);
    s->live = s->n - 1;
    marks_fini(&s->marks);
    s->readable = first_index;
    unlock(s);
    return RC_OK;
}

static enum rc append(struct segments *s, struct segment *seg, struct batch *b, struct err *err)
{
    enum rc rc = batch_write(b, s->env, seg->file, &seg->header, s->next_batch, seg->end);
    if (rc == RC_OK)
        rc = sync_batch(s, seg->file);
    if (rc == RC_OK)
        return RC_OK;
    rc = rc == RC_NO_SPACE ? RC_IO : rc;
    AUTO(mem_free_at) char *path = segments_path_seq(s, seg->header.seq);
    return err_set(err, rc, "write %s at offset %llu: %s", path, (unsigned long long)seg->end,
                   rc_text(rc));
}

enum rc segments_write(struct segments *s, struct batch *b, struct err *err)
{
    struct segment *last = segments_last(s);
    must(last != NULL);
    uint64_t span = wal_batch_span(batch_body_bytes(b));
    uint64_t at = last->end;
    bool fits = at + span <= last->header.size && b->first_index >= last->header.first_index;
    enum rc rc;
    if (fits) {
        rc = append(s, last, b, err);
    } else {
        struct wal_header header = next_header(s);
        header.first_index = b->first_index;
        header.prev_term = b->prev_term;
        at = WAL_HEADER_BYTES;
        rc = create(s, header, b, err);
    }
    if (rc != RC_OK)
        return rc;
    s->next_batch++;
    s->hard = b->hard;
    last = segments_last(s);
    lock(s);
    last->end = at + span;
    batch_mark(b, &s->marks, last->header.seq, at);
    unlock(s);
    return RC_OK;
}

bool segments_void(struct segments *s, uint64_t index)
{
    lock(s);
    for (size_t i = s->live + 1; i < s->n; i++)
        if (s->v[i]->header.first_index <= index + 1)
            s->live = i;
    if (s->live < s->n)
        marks_trim(&s->marks, s->v[s->live]->header.seq);
    bool some = s->live > 0;
    unlock(s);
    return some;
}

/* Take the oldest segment off the list if it is void and nobody reads it. */
static struct segment *take_void(struct segments *s)
{
    struct segment *seg = NULL;
    lock(s);
    if (s->live > 0 && s->v[0]->readers == 0) {
        seg = s->v[0];
        s->n--;
        s->live--;
        memmove(s->v, s->v + 1, s->n * sizeof(struct segment *));
        s->disk_bytes -= seg->header.size;
    }
    unlock(s);
    return seg;
}

static enum rc remove_one(struct segments *s, struct segment *seg, struct err *err)
{
    AUTO(mem_free_at) char *path = segments_path_seq(s, seg->header.seq);
    int slot = spare_slot(s, false);
    enum rc rc;
    if (slot >= 0 && seg->header.size == s->segment_bytes) {
        AUTO(mem_free_at) char *to = segments_path(s, segments_spare_name((size_t)slot));
        rc = wal_rename(s->env, path, to, err);
        if (rc == RC_OK && segments_adopt_spare(s, (size_t)slot, seg->file, seg->header.size))
            seg->file = NULL;
    } else {
        rc = wal_unlink(s->env, path, err);
    }
    segment_free(seg);
    if (rc != RC_OK)
        return rc == RC_NO_SPACE ? RC_IO : rc;
    rc = wal_dir_sync(s->env, s->dir, err);
    return rc == RC_NO_SPACE ? RC_IO : rc;
}

enum rc segments_remove(struct segments *s, struct err *err)
{
    enum rc rc = RC_OK;
    struct segment *seg;
    while (rc == RC_OK && (seg = take_void(s)) != NULL)
        rc = remove_one(s, seg, err);
    return rc;
}

enum rc segments_find(struct segments *s, uint64_t index, struct segments_found *out)
{
    enum rc rc = RC_OK;
    lock(s);
    const struct mark *m = NULL;
    uint64_t stop = 0;
    if (index >= s->readable)
        rc = RC_END;
    else
        m = marks_find(&s->marks, index, &stop);
    if (rc == RC_OK && !m)
        rc = RC_NOT_FOUND;
    if (m) {
        must(m->seq >= s->v[0]->header.seq);
        size_t i = (size_t)(m->seq - s->v[0]->header.seq);
        must(i >= s->live && i < s->n);
        s->v[i]->readers++;
        *out = (struct segments_found){
            .segment = s->v[i],
            .mark = *m,
            .stop = stop < s->readable ? stop : s->readable,
            .end = s->v[i]->end,
        };
    }
    unlock(s);
    return rc;
}

void segments_unpin(struct segments *s, struct segment *seg)
{
    lock(s);
    must(seg->readers > 0);
    seg->readers--;
    unlock(s);
}

uint64_t segments_first_index(const struct segments *s)
{
    lock(s);
    uint64_t first = s->v[s->live]->header.first_index;
    unlock(s);
    return first;
}

uint64_t segments_readable(const struct segments *s)
{
    lock(s);
    uint64_t next = s->readable;
    unlock(s);
    return next;
}

void segments_set_readable(struct segments *s, uint64_t next_index)
{
    lock(s);
    s->readable = next_index;
    unlock(s);
}

uint64_t segments_disk_bytes(const struct segments *s)
{
    lock(s);
    uint64_t bytes = s->disk_bytes;
    unlock(s);
    return bytes;
}
