/* What batch_write writes, a cursor reads: items of any size, in records of any number, from any
 * mark; and it stops at the first byte that is wrong. */
#include "wal/cursor.h"

#include "base/cc.h"
#include "rig.h"
#include "wal/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define BATCHES 12

struct bench {
    struct rig rig;
    struct file *file;
    struct wal_header header;
    struct marks marks;
    uint64_t end;
    uint64_t next;
};

static size_t body_bytes(uint64_t index)
{
    /* Around a record's end, byte by byte, and beyond. */
    if (index % 5 == 0)
        return WAL_RECORD_BODY_MAX - 3 * WAL_ITEM_BYTES + (size_t)index;
    return index % 7 == 0 ? 2 * WAL_RECORD_BODY_MAX + (size_t)index : (size_t)(index * 13 % 400);
}

static int setup(void **state)
{
    static struct bench b;
    b = (struct bench){.header = {.seq = 1, .size = 32u << 20, .batch = 1, .first_index = 1}};
    rig_init(&b.rig, 6);
    assert_int_equal(disk_open(b.rig.env.disk, "/data/f", DISK_CREATE, &b.file, NULL), RC_OK);
    assert_int_equal(file_allocate(b.file, b.header.size), RC_OK);
    b.end = WAL_HEADER_BYTES;
    b.next = 1;
    struct batch batch = {0};
    for (uint64_t n = 1; n <= BATCHES; n++) {
        batch_begin(&batch, b.next, 1, (struct wal_hard_state){0});
        for (uint64_t k = 0; k < n; k++, b.next++) {
            AUTO(buf_fini) struct buf body = rig_body(b.next, n, body_bytes(b.next));
            const struct wal_entry e = {
                .index = b.next, .term = n, .kind = WAL_COMMAND, .body = buf_slice(&body)};
            batch_put_entry(&batch, &e, n);
            if (k % 2)
                batch_put_hard_state(&batch, (struct wal_hard_state){.term = n, .vote = k});
        }
        assert_int_equal(batch_write(&batch, &b.rig.env, b.file, &b.header, n, b.end), RC_OK);
        /* Unchanged, and so written the same again: as when there was no room at first. */
        assert_int_equal(batch_write(&batch, &b.rig.env, b.file, &b.header, n, b.end), RC_OK);
        batch_mark(&batch, &b.marks, b.header.seq, b.end);
        b.end += wal_batch_span(batch_body_bytes(&batch));
    }
    batch_fini(&batch);
    *state = &b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    marks_fini(&b->marks);
    file_close(b->file);
    rig_fini(&b->rig);
    return 0;
}

static void expect_entry(const struct wal_entry *e, uint64_t index)
{
    assert_int_equal(e->index, index);
    AUTO(buf_fini) struct buf want = rig_body(index, e->term, body_bytes(index));
    assert_true(slice_eq(e->body, buf_slice(&want)));
}

static void all_items_come_back(void **state)
{
    struct bench *b = *state;
    struct cursor c;
    cursor_init(&c, &b->rig.env, b->file, &b->header);
    c.end = b->end;
    uint64_t index = 1;
    struct wal_item item;
    struct mark where;
    struct marks marks = {0};
    enum rc rc;
    while ((rc = cursor_item(&c, &item, &where)) == RC_OK) {
        if (item.kind == WAL_ITEM_HARD_STATE)
            continue;
        expect_entry(&item.entry, index++);
        marks_add(&marks, &where);
    }
    assert_int_equal(rc, RC_END);
    assert_int_equal(index, b->next);
    /* Writer and reader agree on where entries are. */
    assert_int_equal(marks.n, b->marks.n);
    for (size_t i = 0; i < marks.n; i++) {
        assert_int_equal(marks.v[i].index, b->marks.v[i].index);
        assert_int_equal(marks.v[i].at, b->marks.v[i].at);
        assert_int_equal(marks.v[i].skip, b->marks.v[i].skip);
    }
    marks_fini(&marks);
    cursor_fini(&c);
}

static void each_mark_leads_to_its_entry(void **state)
{
    struct bench *b = *state;
    assert_true(b->marks.n > 10);
    for (size_t i = 0; i < b->marks.n; i++) {
        struct cursor c;
        cursor_init(&c, &b->rig.env, b->file, &b->header);
        c.end = b->end;
        assert_int_equal(cursor_seek(&c, &b->marks.v[i]), RC_OK);
        struct wal_item item;
        for (uint64_t index = b->marks.v[i].index; index < b->next;) {
            assert_int_equal(cursor_item(&c, &item, NULL), RC_OK);
            if (item.kind != WAL_ITEM_HARD_STATE)
                expect_entry(&item.entry, index++);
        }
        cursor_fini(&c);
    }
}

static void a_wrong_mark_is_seen(void **state)
{
    struct bench *b = *state;
    struct cursor c;
    cursor_init(&c, &b->rig.env, b->file, &b->header);
    c.end = b->end;
    struct mark m = b->marks.v[1];
    m.at += WAL_ALIGN;
    assert_int_equal(cursor_seek(&c, &m), RC_CORRUPT);
    m = b->marks.v[1];
    m.skip = WAL_RECORD_BODY_MAX;
    assert_int_equal(cursor_seek(&c, &m), RC_CORRUPT);
    cursor_fini(&c);
}

static void records_must_follow_one_another(void **state)
{
    struct bench *b = *state;
    struct cursor c;
    cursor_init(&c, &b->rig.env, b->file, &b->header);
    struct wal_head head;
    assert_int_equal(cursor_record(&c, &head), RC_OK);
    c.batch++; /* as if the one that comes had been skipped */
    assert_int_equal(cursor_record(&c, &head), RC_CORRUPT);
    c.batch--;
    c.part++;
    assert_int_equal(cursor_record(&c, &head), RC_CORRUPT);
    c.part--;
    assert_int_equal(cursor_record(&c, &head), RC_OK);
    cursor_fini(&c);
}

int main(void)
{
#define WITH_BENCH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_BENCH(all_items_come_back),
        WITH_BENCH(each_mark_leads_to_its_entry),
        WITH_BENCH(a_wrong_mark_is_seen),
        WITH_BENCH(records_must_follow_one_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
