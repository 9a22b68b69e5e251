#include "state/meta.h"

#include "base/rd.h"
#include "base/wr.h"

static enum rc load_i64(struct storage *storage, const char *key, int64_t *out)
{
    struct slice v;
    enum rc rc = storage_get(storage, TABLE_META, slice_str(key), &v);
    if (rc != RC_OK)
        return rc;
    struct rd r = {.in = v};
    int64_t value = (int64_t)rd_u64(&r);
    if (rd_done(&r) != RC_OK)
        return RC_CORRUPT;
    *out = value;
    return RC_OK;
}

/* Nothing that a flush can have written: without a check of its own, storage may give anything. */
static bool contradict(const struct kv_marks *m)
{
    return m->revision < 1 || m->compacted < -1 || m->compacted > m->revision || m->swept < -1 ||
           m->swept > m->compacted;
}

enum rc meta_load(struct storage *storage, struct meta *out, struct err *err)
{
    struct meta m = {.marks = {.revision = 1, .compacted = -1, .swept = -1}};
    struct slice applied;
    enum rc rc = storage_get(storage, TABLE_META, SLICE_LIT(META_APPLIED), &applied);
    if (rc == RC_NOT_FOUND) {
        *out = m;
        return RC_OK;
    }
    if (rc == RC_OK) {
        struct rd r = {.in = applied};
        m.applied_index = rd_u64(&r);
        m.applied_term = rd_u64(&r);
        m.conf_index = rd_u64(&r);
        rc = rd_done(&r) == RC_OK ? RC_OK : RC_CORRUPT;
    }
    if (rc == RC_OK)
        rc = storage_get(storage, TABLE_META, SLICE_LIT(META_CONF), &m.conf);
    if (rc == RC_OK)
        rc = load_i64(storage, META_REVISION, &m.marks.revision);
    if (rc == RC_OK)
        rc = load_i64(storage, META_COMPACTED, &m.marks.compacted);
    if (rc == RC_OK)
        rc = load_i64(storage, META_SWEPT, &m.marks.swept);
    if (rc == RC_OK && contradict(&m.marks))
        rc = RC_CORRUPT;
    if (rc != RC_OK)
        return err_set(err, rc == RC_NOT_FOUND ? RC_CORRUPT : rc,
                       "the data's own record of how far it is cannot be read (%s); restore a "
                       "snapshot into an empty data directory",
                       rc_text(rc));
    *out = m;
    return RC_OK;
}

static void add(struct kv_flush *f, const char *key, struct slice value)
{
    kv_flush_add(
        f, (struct storage_op){
               .table = TABLE_META, .change = STORAGE_PUT, .key = slice_str(key), .value = value});
}

void meta_store(const struct meta *m, struct kv_flush *flush, struct buf *space)
{
    buf_clear(space);
    buf_append_u64(space, m->applied_index);
    buf_append_u64(space, m->applied_term);
    buf_append_u64(space, m->conf_index);
    buf_append_u64(space, (uint64_t)m->marks.revision);
    buf_append_u64(space, (uint64_t)m->marks.compacted);
    buf_append_u64(space, (uint64_t)m->marks.swept);
    buf_append_slice(space, m->conf);
    const uint8_t *p = space->p; /* nothing is appended any more: it stays where it is */
    add(flush, META_APPLIED, slice_of(p, 24));
    add(flush, META_REVISION, slice_of(p + 24, 8));
    add(flush, META_COMPACTED, slice_of(p + 32, 8));
    add(flush, META_SWEPT, slice_of(p + 40, 8));
    add(flush, META_CONF, slice_of(p + 48, m->conf.n));
}
