#include "wal/recover.h"

#include "base/mem.h"
#include "base/must.h"
#include "wal/access.h"
#include "wal/cursor.h"
#include "wal/tail.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SEGMENTS_MAX 65536 /* names taken from a directory; no trimmed log has as many */

#define WHAT_TO_DO                                                                                 \
    "; restore this member from a snapshot, or remove its data and add it to the cluster anew"

/* What the directory holds. */
struct listing {
    uint64_t *seqs;
    size_t n;
    size_t cap;
    bool spare[SPARES_MAX];
    bool too_many;
    char etcds[DISK_NAME_MAX + 1]; /* a file of etcd's own log; empty: none */
};

static void listing_fini(struct listing *l)
{
    free(l->seqs);
}

static void list_name(void *arg, const char *name)
{
    struct listing *l = arg;
    uint64_t seq;
    if (wal_name_is_etcds(name))
        (void)snprintf(l->etcds, sizeof(l->etcds), "%s", name);
    for (size_t i = 0; i < SPARES_MAX; i++)
        l->spare[i] = l->spare[i] || strcmp(name, segments_spare_name(i)) == 0;
    if (!wal_segment_name_parse(name, &seq))
        return;
    if (l->n == SEGMENTS_MAX) {
        l->too_many = true;
        return;
    }
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 16;
        l->seqs = mem_realloc(l->seqs, l->cap * sizeof(*l->seqs));
    }
    l->seqs[l->n++] = seq;
}

static int by_seq(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static enum rc list_dir(struct segments *s, struct listing *l, struct err *err)
{
    enum rc rc = disk_list(s->env->disk, s->dir, list_name, l, err);
    if (rc != RC_OK)
        return rc;
    if (l->etcds[0])
        return err_set(err, RC_FOREIGN,
                       "%s/%s is a file of etcd's own log, which is not converted by opening it in "
                       "place: save a snapshot from etcd, load it with \"moat import\" into an "
                       "empty data directory, and start with that",
                       s->dir, l->etcds);
    if (l->too_many)
        return err_set(err, RC_LIMIT, "%s holds more than %d segments", s->dir, SEGMENTS_MAX);
    if (l->n > 0)
        qsort(l->seqs, l->n, sizeof(*l->seqs), by_seq);
    return RC_OK;
}

/* Create the directory if it is absent. That its name is durable is seen to when a log is begun. */
static enum rc enter_dir(struct segments *s, struct listing *l, struct err *err)
{
    struct err absent = {0};
    enum rc rc = list_dir(s, l, &absent);
    if (rc == RC_OK)
        return rc;
    if (rc != RC_NOT_FOUND)
        return err_set(err, rc, "%s", absent.text);
    rc = disk_mkdir(s->env->disk, s->dir, err);
    return rc == RC_EXISTS ? RC_OK : rc;
}

static enum rc take_lock(struct segments *s, struct err *err)
{
    AUTO(mem_free_at) char *path = segments_path(s, "lock");
    enum rc rc = wal_open_file(s->env, path, DISK_CREATE, &s->lock_file, err);
    if (rc != RC_OK)
        return rc;
    rc = file_lock(s->lock_file);
    if (rc == RC_LOCKED)
        return err_set(err, rc,
                       "another process uses %s: stop it, or give this one a data directory of its "
                       "own",
                       s->dir);
    return rc == RC_OK ? RC_OK : err_set(err, rc, "lock %s: %s", path, rc_text(rc));
}

static enum rc sync_parent(struct segments *s, struct err *err)
{
    AUTO(mem_free_at) char *parent = mem_strdup(s->dir);
    size_t n = strlen(parent);
    while (n > 1 && parent[n - 1] == '/')
        parent[--n] = 0;
    char *slash = strrchr(parent, '/');
    if (!slash)
        return wal_dir_sync(s->env, ".", err);
    slash[slash == parent] = 0;
    return wal_dir_sync(s->env, parent, err);
}

/* Open the spares that a former run left; what is of no use is deleted. */
static enum rc adopt_spares(struct segments *s, const struct listing *l, struct err *err)
{
    for (size_t i = 0; i < SPARES_MAX; i++) {
        if (!l->spare[i])
            continue;
        AUTO(mem_free_at) char *path = segments_path(s, segments_spare_name(i));
        struct file *f = NULL;
        uint64_t size = 0;
        enum rc rc = wal_open_file(s->env, path, 0, &f, err);
        if (rc != RC_OK)
            return rc;
        rc = file_size(f, &size);
        if (rc == RC_OK && segments_adopt_spare(s, i, f, size))
            continue;
        file_close(f);
        if (rc == RC_OK)
            rc = wal_unlink(s->env, path, err);
        if (rc != RC_OK)
            return err_set(err, rc, "open %s: %s", path, rc_text(rc));
    }
    return RC_OK;
}

static enum rc judge_header(const struct segments *s, const char *path, uint64_t seq,
                            const struct wal_header *h, struct err *err)
{
    if (h->seq != seq)
        return err_set(err, RC_CORRUPT,
                       "%s is segment %016" PRIx64 " by its header: it was renamed" WHAT_TO_DO,
                       path, h->seq);
    if (h->cluster_id != s->cluster_id || h->member_id != s->member_id)
        return err_set(err, RC_FOREIGN,
                       "%s belongs to member %" PRIx64 " of cluster %" PRIx64
                       ", not to member %" PRIx64 " of cluster %" PRIx64
                       ": use that member's name and flags, or another data directory",
                       path, h->member_id, h->cluster_id, s->member_id, s->cluster_id);
    return RC_OK;
}

static enum rc read_header(struct segments *s, struct segment *seg, const char *path, uint64_t seq,
                           struct err *err)
{
    AUTO(buf_fini) struct buf block = {0};
    uint64_t size = 0;
    enum rc rc = file_size(seg->file, &size);
    if (rc == RC_OK)
        rc = wal_file_pread(s->env, seg->file, &block, WAL_HEADER_BYTES, 0);
    if (rc != RC_OK)
        return err_set(err, rc, "read %s: %s", path, rc_text(rc));
    rc = block.n == WAL_HEADER_BYTES ? wal_header_parse(block.p, &seg->header) : RC_CORRUPT;
    if (rc == RC_VERSION)
        return err_set(err, rc,
                       "%s has log format %" PRIu32
                       ", and this program knows no later one than %d: "
                       "run the newer program that wrote it",
                       path, seg->header.version, WAL_FORMAT_VERSION);
    if (rc != RC_OK)
        return err_set(err, rc, "the header of %s is damaged" WHAT_TO_DO, path);
    if (size < seg->header.size || seg->header.size < WAL_HEADER_BYTES + WAL_HEAD_BYTES)
        return err_set(err, RC_CORRUPT,
                       "%s has %" PRIu64 " bytes and should have %" PRIu64 WHAT_TO_DO, path, size,
                       seg->header.size);
    return judge_header(s, path, seq, &seg->header, err);
}

static enum rc open_segment(struct segments *s, uint64_t seq, struct segment **out, struct err *err)
{
    AUTO(mem_free_at) char *path = segments_path_seq(s, seq);
    struct segment *seg = mem_zalloc(sizeof(*seg));
    enum rc rc = wal_open_file(s->env, path, 0, &seg->file, err);
    if (rc == RC_OK)
        rc = read_header(s, seg, path, seq, err);
    if (rc == RC_OK) {
        *out = seg;
        return RC_OK;
    }
    segment_free(seg);
    return rc;
}

/* Open the segments, newest first, back to the oldest or to the log's last reset. The log begins at
 * the last one that does not begin behind the oldest: the entries before were trimmed, and those in
 * between replaced, else the removal that was under way would not have come this far. */
static enum rc open_segments(struct segments *s, const struct listing *l, struct err *err)
{
    struct segment **found = mem_calloc(l->n, sizeof(struct segment *));
    enum rc rc = RC_OK;
    size_t i = l->n;
    bool reset = false;
    while (rc == RC_OK && i > 0 && !reset) {
        i--;
        if (i + 1 < l->n && l->seqs[i] + 1 != l->seqs[i + 1]) {
            rc = err_set(err, RC_CORRUPT, "segment %016" PRIx64 " is missing in %s" WHAT_TO_DO,
                         l->seqs[i + 1] - 1, s->dir);
            break;
        }
        rc = open_segment(s, l->seqs[i], &found[i], err);
        reset = rc == RC_OK && (found[i]->header.flags & WAL_SEGMENT_RESET);
    }
    size_t start = i;
    for (size_t k = i; k < l->n && rc == RC_OK; k++)
        if (found[k]->header.first_index <= found[i]->header.first_index)
            start = k;
    for (size_t k = i; k < l->n; k++) {
        if (rc == RC_OK && k >= start)
            segments_push(s, found[k]);
        else
            segment_free(found[k]);
    }
    free(found);
    return rc;
}

/* Remove what is before the log's beginning: oldest first, each durably, as ever, so that an
 * interrupted removal leaves no gap. */
static enum rc remove_void(struct segments *s, const struct listing *l, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < l->n && l->seqs[i] < s->v[0]->header.seq; i++) {
        AUTO(mem_free_at) char *path = segments_path_seq(s, l->seqs[i]);
        rc = wal_unlink(s->env, path, err);
        if (rc == RC_OK)
            rc = wal_dir_sync(s->env, s->dir, err);
    }
    return rc;
}

static enum rc take_entry(struct segments *s, const struct segment *seg, struct recovered *out,
                          const struct wal_entry *e, const struct mark *where)
{
    if (e->index < seg->header.first_index || e->index > out->next_index)
        return RC_CORRUPT;
    marks_add(&s->marks, where);
    terms_put(&out->terms, e->index, e->term);
    out->next_index = e->index + 1;
    return RC_OK;
}

/* Does the segment begin where those before it ended? */
static bool joins(const struct segments *s, const struct wal_header *h, const struct recovered *out)
{
    return h->batch == s->next_batch && h->first_index >= s->v[0]->header.first_index &&
           h->first_index <= out->next_index &&
           h->prev_term == terms_at(&out->terms, h->first_index - 1);
}

/* Go through the items of one segment whose end is known; each must be right. */
static enum rc replay(struct segments *s, struct segment *seg, struct recovered *out,
                      struct err *err)
{
    AUTO(mem_free_at) char *path = segments_path_seq(s, seg->header.seq);
    const struct wal_header *h = &seg->header;
    if (!joins(s, h, out))
        return err_set(err, RC_CORRUPT, "%s does not continue the segment before it" WHAT_TO_DO,
                       path);
    out->hard = h->hard;
    struct cursor c;
    cursor_init(&c, s->env, seg->file, h);
    c.end = seg->end;
    struct wal_item item;
    struct mark where;
    enum rc rc;
    while ((rc = cursor_item(&c, &item, &where)) == RC_OK) {
        if (item.kind == WAL_ITEM_HARD_STATE)
            out->hard = item.hard;
        else if (take_entry(s, seg, out, &item.entry, &where) != RC_OK)
            break;
    }
    if (rc == RC_OK || (rc == RC_END && c.part != 0))
        rc = RC_CORRUPT;
    s->next_batch = c.batch;
    uint64_t at = c.at;
    cursor_fini(&c);
    if (rc == RC_CORRUPT)
        return err_set(err, rc, "%s is damaged at offset %" PRIu64 WHAT_TO_DO, path, at);
    return rc == RC_END ? RC_OK : err_set(err, rc, "read %s: %s", path, rc_text(rc));
}

/* Make the end of the log clean, and all that was read durable. */
static enum rc settle(struct segments *s, const struct tail *t, struct err *err)
{
    struct segment *last = segments_last(s);
    enum rc rc = tail_rewrite(s->env, last, t);
    if (rc == RC_OK)
        rc = tail_clear(s->env, last, t);
    if (rc == RC_OK)
        rc = wal_file_sync(s->env, last->file);
    if (rc != RC_OK)
        return err_set(err, rc, "sync the newest segment in %s: %s", s->dir, rc_text(rc));
    return wal_dir_sync(s->env, s->dir, err);
}

static enum rc replay_all(struct segments *s, struct recovered *out, struct err *err)
{
    struct segment *last = segments_last(s);
    AUTO(mem_free_at) char *path = segments_path_seq(s, last->header.seq);
    struct tail tail;
    struct err damage = {0};
    enum rc rc = tail_find(s->env, last, path, &tail, &damage);
    if (rc != RC_OK)
        return err_set(err, rc, "%s%s", damage.text, rc == RC_CORRUPT ? WHAT_TO_DO : "");
    const struct wal_header *first = &s->v[0]->header;
    terms_init(&out->terms, first->first_index - 1, first->prev_term);
    out->next_index = first->first_index;
    s->next_batch = first->batch;
    for (size_t i = 0; i < s->n && rc == RC_OK; i++) {
        struct segment *seg = s->v[i];
        seg->end = seg == last ? tail.end : s->v[i + 1]->header.prev_end;
        if (seg->end > seg->header.size)
            rc = err_set(err, RC_CORRUPT,
                         "the header of segment %016" PRIx64 " in %s is not right" WHAT_TO_DO,
                         seg->header.seq + 1, s->dir);
        else
            rc = replay(s, seg, out, err);
    }
    if (rc != RC_OK)
        return rc;
    s->hard = out->hard;
    s->readable = out->next_index;
    out->torn = tail.dirty > tail.end;
    return settle(s, &tail, err);
}

enum rc segments_recover(struct segments *s, struct recovered *out, struct err *err)
{
    AUTO(listing_fini) struct listing l = {0};
    enum rc rc = enter_dir(s, &l, err);
    if (rc == RC_OK)
        rc = take_lock(s, err);
    /* Look again: another process may have been at work until it let go of the lock. */
    l.n = 0;
    if (rc == RC_OK)
        rc = list_dir(s, &l, err);
    if (rc == RC_OK && l.n > 0)
        rc = open_segments(s, &l, err);
    if (rc == RC_OK)
        rc = adopt_spares(s, &l, err);
    if (rc != RC_OK)
        return rc;
    if (l.n > 0) {
        rc = replay_all(s, out, err);
        return rc == RC_OK ? remove_void(s, &l, err) : rc;
    }
    out->created = true;
    out->next_index = 1;
    terms_init(&out->terms, 0, 0);
    rc = sync_parent(s, err);
    return rc == RC_OK ? segments_begin(s, 1, 0, 0, err) : rc;
}
