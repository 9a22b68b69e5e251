/* A record is found by its name, replaced whole, stored under a number, and read back, or refused
 * when it is not what was written. */
#include "state/auth_table.h"

#include "kv/map_storage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct auth_table open_table(struct pending *pending)
{
    return (struct auth_table){.table = TABLE_AUTH_ROLE, .pending = pending};
}

static void put(struct auth_table *t, const char *name, const char *key)
{
    struct pb_permission perm = {.key = slice_str(key)};
    struct pb_role role = {.name = slice_str(name), .key_permission = &perm, .key_permission_n = 1};
    auth_table_put(t, &role);
}

static void flush(struct pending *pending, struct storage *storage)
{
    struct kv_flush batch = {0};
    pending_take(pending, &batch);
    assert_int_equal(storage_commit(storage, batch.ops, batch.n), RC_OK);
    storage_refresh(storage);
    pending_done(pending);
    free(batch.ops);
}

static const char *key_of(const struct auth_table *t, const char *name)
{
    static char text[32];
    const struct auth_record *r = auth_table_find(t, slice_str(name));
    if (!r)
        return NULL;
    snprintf(text, sizeof(text), "%.*s", (int)r->role.key_permission[0].key.n,
             (const char *)r->role.key_permission[0].key.p);
    return text;
}

static void the_last_record_of_a_name_counts(void **state)
{
    struct pending pending = {0};
    struct auth_table t = open_table(&pending);
    (void)state;
    put(&t, "b", "1");
    put(&t, "a", "2");
    put(&t, "c", "3");
    put(&t, "b", "4");
    assert_int_equal(t.n, 3);
    assert_true(slice_eq(t.v[0]->name, SLICE_LIT("a")));
    assert_string_equal(key_of(&t, "b"), "4");
    assert_null(key_of(&t, "bb"));
    auth_table_delete(&t, SLICE_LIT("b"));
    assert_null(key_of(&t, "b"));
    assert_string_equal(key_of(&t, "c"), "3");
    auth_table_fini(&t);
    pending_fini(&pending);
}

static void what_was_stored_is_read_back(void **state)
{
    struct pending pending = {0};
    struct auth_table t = open_table(&pending);
    struct storage *storage = map_storage_new();
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof(name), "role%u", i * 37 % 100);
        put(&t, name, name);
    }
    put(&t, "role7", "again");
    auth_table_delete(&t, SLICE_LIT("role99"));
    flush(&pending, storage);
    struct auth_table back = open_table(&pending);
    assert_int_equal(auth_table_load(&back, storage), RC_OK);
    assert_int_equal(back.n, 99);
    assert_string_equal(key_of(&back, "role7"), "again");
    assert_string_equal(key_of(&back, "role98"), "role98");
    assert_null(key_of(&back, "role99"));
    put(&back, "new", "1"); /* a number of its own */
    flush(&pending, storage);
    auth_table_fini(&t);
    t = open_table(&pending);
    assert_int_equal(auth_table_load(&t, storage), RC_OK);
    assert_int_equal(t.n, 100);
    auth_table_fini(&t);
    auth_table_fini(&back);
    pending_fini(&pending);
    storage_close(storage);
}

static enum rc load_raw(struct slice key, struct slice value)
{
    struct pending pending = {0};
    struct auth_table t = open_table(&pending);
    struct storage *storage = map_storage_new();
    const struct storage_op op = {
        .table = TABLE_AUTH_ROLE, .change = STORAGE_PUT, .key = key, .value = value};
    assert_int_equal(storage_commit(storage, &op, 1), RC_OK);
    storage_refresh(storage);
    enum rc rc = auth_table_load(&t, storage);
    auth_table_fini(&t);
    storage_close(storage);
    return rc;
}

static void what_is_no_record_is_refused(void **state)
{
    struct pending pending = {0};
    struct auth_table t = open_table(&pending);
    struct kv_flush batch = {0};
    (void)state;
    put(&t, "role", "key");
    pending_take(&pending, &batch);
    struct slice good = batch.ops[0].value;
    struct slice key = batch.ops[0].key;
    assert_int_equal(load_raw(key, good), RC_OK);
    assert_int_equal(load_raw(key, slice_of(good.p, 3)), RC_CORRUPT);
    assert_int_equal(load_raw(key, slice_of(good.p, good.n - 1)), RC_CORRUPT);
    assert_int_equal(load_raw(key, (struct slice){0}), RC_CORRUPT); /* no name */
    assert_int_equal(load_raw(SLICE_LIT("1234567"), good), RC_CORRUPT);
    free(batch.ops);
    auth_table_fini(&t);
    pending_fini(&pending);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_record_of_a_name_counts),
        cmocka_unit_test(what_was_stored_is_read_back),
        cmocka_unit_test(what_is_no_record_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
