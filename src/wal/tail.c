#include "wal/tail.h"

#include "base/mem.h"
#include "base/wr.h"
#include "wal/access.h"
#include "wal/cursor.h"

#include <inttypes.h>
#include <stdlib.h>

#define SEARCH_BYTES (256u << 10) /* looked at in one go */

/* Heads found behind the end of the log. */
struct remains {
    uint64_t later_at; /* of a head of a batch after the next one; 0: none */
    uint64_t end;      /* of the last record of the next batch; 0: none */
};

/* Try every place of one stretch. in reaches a head's length less a step further than its places.
 */
static void search_stretch(const struct wal_header *h, uint64_t at, struct slice in, uint64_t batch,
                           struct remains *out)
{
    for (; in.n >= WAL_HEAD_BYTES; in = slice_skip(in, WAL_ALIGN), at += WAL_ALIGN) {
        /* Cheap first: zeros and most bytes of an earlier life fail here. */
        if (load_u64(in.p + 8) < batch)
            continue;
        struct wal_head head;
        if (!wal_head_parse(wal_seed(h, at), in.p, &head))
            continue;
        if (head.batch > batch && out->later_at == 0)
            out->later_at = at;
        if (head.batch == batch)
            out->end = at + WAL_HEAD_BYTES + wal_align(head.len);
    }
}

static enum rc search(struct cursor *c, uint64_t at, uint64_t batch, struct remains *out)
{
    enum rc rc = RC_OK;
    while (rc == RC_OK && at < c->end) {
        uint64_t want = c->end - at < SEARCH_BYTES ? c->end - at : SEARCH_BYTES;
        struct slice in = {0};
        rc = cursor_fetch(c, at, (size_t)want, &in);
        if (rc != RC_OK || in.n < WAL_HEAD_BYTES)
            break;
        search_stretch(c->header, at, in, batch, out);
        at += wal_align(in.n - WAL_HEAD_BYTES + 1);
    }
    return rc;
}

/* Is there anything but zeros where the next head would be? */
static enum rc head_is_clear(struct cursor *c, uint64_t at, bool *clear)
{
    static const uint8_t zeros[WAL_HEAD_BYTES];
    struct slice in = {0};
    enum rc rc = RC_OK;
    *clear = true;
    if (c->end - at >= WAL_HEAD_BYTES)
        rc = cursor_fetch(c, at, WAL_HEAD_BYTES, &in);
    if (rc == RC_OK)
        *clear = in.n == 0 || memcmp(in.p, zeros, in.n) == 0;
    return rc;
}

/* Read on to the first record that is not right; out->end and out->batch stay behind it. */
static enum rc last_complete(struct cursor *c, struct tail *out)
{
    enum rc rc;
    struct wal_head head;
    while ((rc = cursor_record(c, &head)) == RC_OK) {
        if (!head.last)
            continue;
        out->begin = out->end;
        out->end = c->at;
        out->batch = head.batch + 1;
    }
    return rc == RC_CORRUPT || rc == RC_END ? RC_OK : rc;
}

enum rc tail_find(struct env *env, struct segment *seg, const char *path, struct tail *out,
                  struct err *err)
{
    struct cursor c;
    cursor_init(&c, env, seg->file, &seg->header);
    struct tail t = {.end = c.at, .batch = seg->header.batch};
    struct remains remains = {0};
    bool clear = true;
    enum rc rc = last_complete(&c, &t);
    if (rc == RC_OK)
        rc = search(&c, t.end, t.batch, &remains);
    if (rc == RC_OK)
        rc = head_is_clear(&c, t.end, &clear);
    uint64_t bad_at = c.at;
    cursor_fini(&c);
    if (rc != RC_OK)
        return err_set(err, rc, "read %s: %s", path, rc_text(rc));
    if (remains.later_at)
        return err_set(err, RC_CORRUPT,
                       "%s is damaged at offset %" PRIu64 ": batch %" PRIu64
                       " cannot be read, yet a later one follows at offset %" PRIu64
                       ", so it was complete once",
                       path, bad_at, t.batch, remains.later_at);
    t.dirty = remains.end;
    if (t.dirty < t.end)
        t.dirty = clear ? t.end : t.end + WAL_HEAD_BYTES;
    if (t.dirty > seg->header.size)
        t.dirty = seg->header.size;
    *out = t;
    return RC_OK;
}

static enum rc rewrite(struct env *env, struct segment *seg, uint64_t at, uint64_t end)
{
    struct buf b = {0};
    enum rc rc = RC_OK;
    for (; at < end && rc == RC_OK; at += SEARCH_BYTES) {
        uint64_t n = end - at < SEARCH_BYTES ? end - at : SEARCH_BYTES;
        buf_clear(&b);
        rc = wal_file_pread(env, seg->file, &b, (size_t)n, at);
        if (rc == RC_OK)
            rc = wal_file_pwrite(env, seg->file, buf_slice(&b), at);
    }
    buf_fini(&b);
    return rc;
}

enum rc tail_rewrite(struct env *env, struct segment *seg, const struct tail *t)
{
    enum rc rc = rewrite(env, seg, 0, WAL_HEADER_BYTES);
    return rc == RC_OK && t->begin > 0 ? rewrite(env, seg, t->begin, t->end) : rc;
}

enum rc tail_clear(struct env *env, struct segment *seg, const struct tail *t)
{
    uint8_t *zeros = mem_zalloc(SEARCH_BYTES);
    enum rc rc = RC_OK;
    for (uint64_t at = t->end; at < t->dirty && rc == RC_OK; at += SEARCH_BYTES) {
        uint64_t n = t->dirty - at < SEARCH_BYTES ? t->dirty - at : SEARCH_BYTES;
        rc = wal_file_pwrite(env, seg->file, slice_of(zeros, (size_t)n), at);
    }
    free(zeros);
    return rc;
}
