/* A snapshot that was imported and exported again is the same, but for what is the server's own;
 * damage in any row is refused. */
#include "snapshot/import.h"
#include "../bbolt/file.h"
#include "kv/map_storage.h"
#include "lab.h"
#include "state/meta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct import_options plain = {0};

static enum rc import(struct lab *l, struct slice file, const struct import_options *opt,
                      struct import_result *out)
{
    struct bbolt b;
    l->err = (struct err){0};
    assert_int_equal(bbolt_open(file, &b), RC_OK);
    kv_free(l->kv);
    storage_close(l->storage);
    l->storage = map_storage_new();
    l->kv = kv_new(&l->env, l->storage);
    enum rc rc = snapshot_import(&b, opt, &l->env, l->storage, out, &l->err);
    assert_true((rc == RC_OK) == (l->err.text[0] == 0));
    return rc;
}

static char *rows_of(struct lab *l)
{
    struct buf out = {0};
    assert_int_equal(lab_rows(l, &out), RC_OK);
    buf_append_u8(&out, 0);
    return (char *)out.p;
}

static void there_and_back_is_the_same(void **state)
{
    (void)state;
    struct lab l;
    struct import_result r;
    lab_open(&l);
    char *before = rows_of(&l);
    struct buf file = lab_snapshot(&l);
    assert_int_equal(import(&l, buf_slice(&file), &plain, &r), RC_OK);
    assert_int_equal(r.revision, 5);
    assert_int_equal(r.compacted, 3);
    assert_int_equal(r.revisions, 4);
    assert_int_equal(r.leases, 1);
    assert_int_equal(r.users, 2);
    assert_int_equal(r.roles, 1);
    assert_int_equal(r.alarms, 1);
    assert_false(r.auth_enabled);
    char *after = rows_of(&l);
    /* Consensus begins anew. */
    char *index = strstr(before, "consistent_index=");
    char *term = strstr(before, "meta/term=");
    assert_non_null(index);
    assert_non_null(term);
    memcpy(strstr(index, "\\x09"), "\\x00", 4);
    memcpy(strstr(term, "\\x03"), "\\x00", 4);
    assert_string_equal(after, before);
    free(before);
    free(after);
    buf_fini(&file);
    lab_close(&l);
}

static void revisions_can_be_raised(void **state)
{
    (void)state;
    struct lab l;
    struct import_result r;
    struct meta meta;
    const struct import_options higher = {.bump_revision = 1000};
    const struct import_options too_high = {.bump_revision = UINT64_MAX};
    lab_open(&l);
    struct buf file = lab_snapshot(&l);
    assert_int_equal(import(&l, buf_slice(&file), &higher, &r), RC_OK);
    assert_int_equal(r.revision, 1005);
    assert_int_equal(meta_load(l.storage, &meta, &l.err), RC_OK);
    assert_int_equal(meta.applied_index, 0);
    assert_int_equal(meta.marks.revision, 1005);
    assert_int_equal(meta.marks.compacted, 1005);
    assert_int_equal(meta.marks.swept, 3);
    assert_int_equal(import(&l, buf_slice(&file), &too_high, &r), RC_LIMIT);
    buf_fini(&file);
    lab_close(&l);
}

struct one_row {
    const char *bucket;
    struct slice key;
    struct slice value;
};

/* "key" and "meta" are there, too. */
static void put_one(struct bbolt_writer *w, void *arg)
{
    static const char *const names[] = {"alarm", "auth",  "authRoles", "authUsers",
                                        "key",   "lease", "meta"};
    const struct one_row *row = arg;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        bbolt_bucket_begin(w, slice_str(names[i]));
        if (strcmp(names[i], row->bucket) == 0)
            bbolt_put(w, row->key, row->value);
        bbolt_bucket_end(w);
    }
}

static enum rc import_row(const char *bucket, struct slice key, struct slice value)
{
    struct lab l;
    struct import_result r;
    struct buf file = file_of(put_one, &(struct one_row){bucket, key, value});
    lab_open(&l);
    enum rc rc = import(&l, buf_slice(&file), &plain, &r);
    lab_close(&l);
    buf_fini(&file);
    return rc;
}

#define REV_6 "\0\0\0\0\0\0\0\6_\0\0\0\0\0\0\0\0"

static void what_a_row_must_be_is_checked(void **state)
{
    (void)state;
    struct slice kv = SLICE_LIT("\x0a\x01k\x10\x06\x18\x06\x20\x01");
    assert_int_equal(import_row("key", SLICE_LIT(REV_6), kv), RC_OK);
    assert_int_equal(import_row("key", SLICE_LIT(REV_6), (struct slice){0}), RC_OK); /* bumped */
    assert_int_equal(import_row("key", SLICE_LIT("short"), kv), RC_CORRUPT);
    assert_int_equal(import_row("key", SLICE_LIT(REV_6), SLICE_LIT("\x0a\x7f")), RC_CORRUPT);
    assert_int_equal(import_row("meta", SLICE_LIT("finishedCompactRev"), SLICE_LIT("5")),
                     RC_CORRUPT);
    assert_int_equal(import_row("meta", SLICE_LIT("confState"), SLICE_LIT("{}")), RC_OK);
    assert_int_equal(import_row("lease", SLICE_LIT("short"), SLICE_LIT("")), RC_CORRUPT);
    assert_int_equal(import_row("alarm", SLICE_LIT("\x0a"), SLICE_LIT("")), RC_CORRUPT);
    assert_int_equal(import_row("auth", SLICE_LIT("authEnabled"), SLICE_LIT("\1")), RC_OK);
    assert_int_equal(import_row("auth", SLICE_LIT("authEnabled"), SLICE_LIT("")), RC_CORRUPT);
    assert_int_equal(import_row("auth", SLICE_LIT("other"), SLICE_LIT("\1")), RC_CORRUPT);
    assert_int_equal(import_row("authUsers", SLICE_LIT("u"), SLICE_LIT("\x0a\x01u")), RC_OK);
    assert_int_equal(import_row("authUsers", SLICE_LIT("u"), SLICE_LIT("\x0a\x01v")), RC_CORRUPT);
    assert_int_equal(import_row("authRoles", SLICE_LIT("r"), SLICE_LIT("\x0a\x7fr")), RC_CORRUPT);
}

/* A put that says it is the second version of a key that is not there yet. */
static void a_history_that_contradicts_itself_is_refused(void **state)
{
    (void)state;
    struct slice kv = SLICE_LIT("\x0a\x01k\x10\x07\x18\x06\x20\x01");
    assert_int_equal(import_row("key", SLICE_LIT(REV_6), kv), RC_CORRUPT);
}

static void put_nothing(struct bbolt_writer *w, void *arg)
{
    (void)w;
    (void)arg;
}

static void a_file_of_another_program_is_foreign(void **state)
{
    (void)state;
    struct lab l;
    struct import_result r;
    struct buf file = file_of(put_nothing, NULL);
    lab_open(&l);
    assert_int_equal(import(&l, buf_slice(&file), &plain, &r), RC_FOREIGN);
    lab_close(&l);
    buf_fini(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back_is_the_same),
        cmocka_unit_test(revisions_can_be_raised),
        cmocka_unit_test(what_a_row_must_be_is_checked),
        cmocka_unit_test(a_history_that_contradicts_itself_is_refused),
        cmocka_unit_test(a_file_of_another_program_is_foreign),
    };
    return cmocka_run_group_tests_name("snapshot/import", tests, NULL, NULL);
}
