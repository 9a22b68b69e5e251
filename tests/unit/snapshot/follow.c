/* What is followed gives the same revisions as the other server's; what does not follow from what
 * is there is refused; leases are replaced whole. */
#include "snapshot/follow.h"
#include "kv/map_storage.h"
#include "lab.h"
#include "state/meta.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* A storage that the lab's snapshot was imported into. */
static struct follow *start(struct lab *l)
{
    static const struct import_options plain = {0};
    struct bbolt b;
    struct import_result r;
    struct follow *f = NULL;
    lab_open(l);
    struct buf file = lab_snapshot(l);
    assert_int_equal(bbolt_open(buf_slice(&file), &b), RC_OK);
    kv_free(l->kv);
    l->kv = NULL;
    storage_close(l->storage);
    l->storage = map_storage_new();
    assert_int_equal(snapshot_import(&b, &plain, &l->env, l->storage, &r, &l->err), RC_OK);
    buf_fini(&file);
    assert_int_equal(follow_open(&l->env, l->storage, &f, &l->err), RC_OK);
    assert_int_equal(follow_revision(f), 5);
    return f;
}

static void end(struct lab *l, struct follow *f)
{
    follow_close(f);
    lab_close(l);
}

static struct pb_key_value b_again = {.key = SLICE_INIT("b"),
                                      .create_revision = 3,
                                      .mod_revision = 6,
                                      .version = 3,
                                      .value = SLICE_INIT("4")};
static struct pb_key_value c_new = {.key = SLICE_INIT("c"),
                                    .create_revision = 7,
                                    .mod_revision = 7,
                                    .version = 1,
                                    .value = SLICE_INIT("1"),
                                    .lease = 1};
static struct pb_key_value b_gone = {.key = SLICE_INIT("b"), .mod_revision = 7};

static void changes_follow(void **state)
{
    (void)state;
    struct lab l;
    struct meta meta;
    struct pb_event events[] = {
        {PB_EVENT_TYPE_PUT, .kv = &b_again},
        {PB_EVENT_TYPE_PUT, .kv = &c_new},
        {PB_EVENT_TYPE_DELETE, .kv = &b_gone},
    };
    struct follow *f = start(&l);
    assert_int_equal(follow_apply(f, events, 1, &l.err), RC_OK);
    assert_int_equal(follow_apply(f, events, 3, &l.err), RC_OK); /* the first one again */
    assert_int_equal(follow_revision(f), 7);
    assert_int_equal(follow_flush(f, &l.err), RC_OK);
    follow_close(f);
    assert_int_equal(meta_load(l.storage, &meta, &l.err), RC_OK);
    assert_int_equal(meta.applied_index, 0);
    assert_int_equal(meta.marks.revision, 7);
    assert_int_equal(meta.marks.compacted, 3);
    assert_int_equal(follow_open(&l.env, l.storage, &f, &l.err), RC_OK);
    assert_int_equal(follow_revision(f), 7);
    end(&l, f);
}

static void a_gap_is_refused(void **state)
{
    (void)state;
    struct lab l;
    struct pb_event event = {PB_EVENT_TYPE_PUT, .kv = &c_new};
    struct follow *f = start(&l);
    assert_int_equal(follow_apply(f, &event, 1, &l.err), RC_CORRUPT);
    assert_non_null(strstr(l.err.text, "revision 7 came after 5"));
    end(&l, f);
}

static void what_does_not_follow_is_refused(void **state)
{
    (void)state;
    struct pb_key_value other = b_again;
    struct pb_key_value absent = {.key = SLICE_LIT("x"), .mod_revision = 6};
    struct pb_event events[] = {
        {PB_EVENT_TYPE_PUT, .kv = &other},
        {PB_EVENT_TYPE_DELETE, .kv = &absent},
        {PB_EVENT_TYPE_PUT, .kv = NULL},
    };
    static const enum rc wanted[] = {RC_CORRUPT, RC_CORRUPT, RC_PROTOCOL};
    other.version = 9;
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        struct lab l;
        struct follow *f = start(&l);
        assert_int_equal(follow_apply(f, &events[i], 1, &l.err), wanted[i]);
        end(&l, f);
    }
}

/* The leases come last: without them keys would live for ever. */
static void a_server_may_start_once_the_leases_are_there(void **state)
{
    (void)state;
    struct lab l;
    struct slice mark;
    struct follow *f = start(&l);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(storage_get(l.storage, TABLE_META, SLICE_LIT(META_FOLLOWING), &mark),
                         RC_OK);
        assert_int_equal(follow_flush(f, &l.err), RC_OK);
    }
    assert_int_equal(follow_leases(f, NULL, 0, &l.err), RC_OK);
    assert_int_equal(storage_get(l.storage, TABLE_META, SLICE_LIT(META_FOLLOWING), &mark),
                     RC_NOT_FOUND);
    end(&l, f);
}

static void leases_are_replaced(void **state)
{
    (void)state;
    struct lab l;
    struct slice value;
    const struct pb_lease leases[] = {{.id = 2, .ttl = 60, .remaining_ttl = 30},
                                      {.id = -3, .ttl = 9}};
    struct follow *f = start(&l);
    assert_int_equal(storage_get(l.storage, TABLE_LEASE, SLICE_LIT("\0\0\0\0\0\0\0\1"), &value),
                     RC_OK);
    assert_int_equal(follow_leases(f, leases, 2, &l.err), RC_OK);
    assert_int_equal(storage_get(l.storage, TABLE_LEASE, SLICE_LIT("\0\0\0\0\0\0\0\1"), &value),
                     RC_NOT_FOUND);
    assert_int_equal(storage_get(l.storage, TABLE_LEASE, SLICE_LIT("\0\0\0\0\0\0\0\2"), &value),
                     RC_OK);
    assert_true(slice_eq(value, SLICE_LIT("\x08\x02\x10\x3c\x18\x1e")));
    assert_int_equal(
        storage_get(l.storage, TABLE_LEASE, SLICE_LIT("\xff\xff\xff\xff\xff\xff\xff\xfd"), &value),
        RC_OK);
    end(&l, f);
}

static void data_that_was_started_on_is_left_alone(void **state)
{
    (void)state;
    struct lab l;
    struct follow *f = NULL;
    lab_open(&l); /* has applied entries */
    assert_int_equal(follow_open(&l.env, l.storage, &f, &l.err), RC_INVALID);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_follow),
        cmocka_unit_test(a_gap_is_refused),
        cmocka_unit_test(what_does_not_follow_is_refused),
        cmocka_unit_test(a_server_may_start_once_the_leases_are_there),
        cmocka_unit_test(leases_are_replaced),
        cmocka_unit_test(data_that_was_started_on_is_left_alone),
    };
    return cmocka_run_group_tests_name("snapshot/follow", tests, NULL, NULL);
}
