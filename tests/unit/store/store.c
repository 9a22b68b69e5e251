/* Whole batches or nothing, a view that moves only when asked to, and after a failed write no
 * second try. */
#include "helper.h"

#include "base/cc.h"
#include "store/impl.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_batch_does_all_it_says(void **state)
{
    struct place *p = *state;
    assert_int_equal(place_open(p), RC_OK);
    put(p, "old", "1");
    const struct storage_op ops[] = {
        op_append(TABLE_KEY, "a", "first"),
        op_append(TABLE_KEY, "b", "second"),
        op_put(TABLE_META, "index", "7"),
        op_append(TABLE_KEY, "c", ""),
        op_delete(TABLE_META, "old"),
        op_delete(TABLE_LEASE, "never there"),
        op_put(TABLE_LEASE, "a", "other table"),
        op_put(TABLE_META, "index", "8"),
        op_put(TABLE_V2, "/x", "put, then gone"),
        op_delete(TABLE_V2, "/x"),
    };
    assert_int_equal(storage_commit(p->s, ops, ARRAY_LEN(ops)), RC_OK);
    holds(p, TABLE_META, "old", "1"); /* not before refresh */
    lacks(p, TABLE_KEY, "a");
    storage_refresh(p->s);
    holds(p, TABLE_KEY, "a", "first");
    holds(p, TABLE_KEY, "b", "second");
    holds(p, TABLE_KEY, "c", "");
    holds(p, TABLE_LEASE, "a", "other table");
    holds(p, TABLE_META, "index", "8");
    lacks(p, TABLE_META, "old");
    lacks(p, TABLE_V2, "/x");
    assert_int_equal(storage_commit(p->s, NULL, 0), RC_OK);
}

static bool count_one(void *arg, struct slice key, struct slice value)
{
    unsigned *visits = arg;
    (void)key;
    (void)value;
    ++*visits;
    return true;
}

/* A disk that changes its mind while the store is open: a read says so, and gives nothing. */
static void a_row_damaged_since_is_not_given_out(void **state)
{
    struct place *p = *state;
    struct slice value;
    unsigned visits = 0;
    assert_int_equal(place_open(p), RC_OK);
    put(p, "k", "true or false");
    assert_int_equal(storage_get(p->s, TABLE_META, slice_str("k"), &value), RC_OK);
    const struct store *s = (const void *)p->s;
    poke_file(p->path, (uint64_t)(value.p - s->map.base), "T", 1);
    assert_int_equal(storage_get(p->s, TABLE_META, slice_str("k"), &value), RC_CORRUPT);
    assert_int_equal(storage_scan(p->s, TABLE_META, (struct slice){0}, count_one, &visits),
                     RC_CORRUPT);
    assert_int_equal(visits, 0);
}

static void every_table_stands_alone_and_survives(void **state)
{
    struct place *p = *state;
    assert_int_equal(place_open(p), RC_OK);
    for (unsigned t = 0; t < TABLE_COUNT; t++) {
        char value[16];
        (void)snprintf(value, sizeof(value), "table %u", t);
        const struct storage_op op = op_put((enum table)t, "key", value);
        assert_int_equal(storage_commit(p->s, &op, 1), RC_OK);
    }
    place_reopen(p);
    for (unsigned t = 0; t < TABLE_COUNT; t++) {
        char value[16];
        (void)snprintf(value, sizeof(value), "table %u", t);
        holds(p, (enum table)t, "key", value);
    }
}

static void keys_that_cannot_be_there_are_not_found(void **state)
{
    struct place *p = *state;
    assert_int_equal(place_open(p), RC_OK);
    char longest[STORAGE_KEY_MAX + 2];
    memset(longest, 'k', sizeof(longest));
    longest[STORAGE_KEY_MAX] = 0;
    put(p, longest, "fits");
    holds(p, TABLE_META, longest, "fits");
    struct slice got;
    struct slice longer = slice_of(longest, STORAGE_KEY_MAX + 1);
    assert_int_equal(storage_get(p->s, TABLE_META, longer, &got), RC_NOT_FOUND);
    assert_int_equal(storage_get(p->s, TABLE_META, (struct slice){0}, &got), RC_NOT_FOUND);
}

struct seen {
    char keys[64];
    size_t n;
    size_t stop_at;
    bool count_only;
};

static bool note(void *arg, struct slice key, struct slice value)
{
    struct seen *seen = arg;
    (void)value;
    if (!seen->count_only)
        memcpy(seen->keys + strlen(seen->keys), key.p, key.n);
    return ++seen->n != seen->stop_at;
}

static void scan_goes_in_order_from_where_asked(void **state)
{
    struct place *p = *state;
    assert_int_equal(place_open(p), RC_OK);
    const struct storage_op ops[] = {
        op_put(TABLE_ALARM, "d", "4"),
        op_put(TABLE_ALARM, "b", "2"),
        op_put(TABLE_ALARM, "a", "1"),
        op_put(TABLE_ALARM, "bb", "3"),
    };
    assert_int_equal(storage_commit(p->s, ops, ARRAY_LEN(ops)), RC_OK);
    storage_refresh(p->s);
    const struct {
        const char *from;
        size_t stop_at;
        const char *keys;
    } cases[] = {{"", 0, "abbbd"}, {"b", 0, "bbbd"}, {"ba", 0, "bbd"},
                 {"a", 2, "ab"},   {"e", 0, ""},     {"", 1, "a"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct seen seen = {.stop_at = cases[i].stop_at};
        assert_int_equal(storage_scan(p->s, TABLE_ALARM, slice_str(cases[i].from), note, &seen),
                         RC_OK);
        assert_string_equal(seen.keys, cases[i].keys);
    }
    struct seen none = {0};
    assert_int_equal(storage_scan(p->s, TABLE_MEMBER, (struct slice){0}, note, &none), RC_OK);
    assert_int_equal(none.n, 0);
}

static void a_view_shows_one_moment(void **state)
{
    struct place *p = *state;
    assert_int_equal(place_open(p), RC_OK);
    put(p, "k", "before");
    struct storage_view *v = p->s->ops->view_open(p->s);
    assert_non_null(v);
    put(p, "k", "after");
    assert_int_equal(fill(p, 1, 500, 1000),
                     RC_OK); /* would overwrite freed pages, were they free */
    struct slice got;
    assert_int_equal(p->s->ops->view_get(v, TABLE_META, slice_str("k"), &got), RC_OK);
    assert_true(slice_eq(got, slice_str("before")));
    struct seen seen = {0};
    assert_int_equal(p->s->ops->view_scan(v, TABLE_KEY, (struct slice){0}, note, &seen), RC_OK);
    assert_int_equal(seen.n, 0);
    p->s->ops->view_close(v);
    v = p->s->ops->view_open(p->s);
    assert_int_equal(p->s->ops->view_get(v, TABLE_META, slice_str("k"), &got), RC_OK);
    assert_true(slice_eq(got, slice_str("after")));
    p->s->ops->view_close(v);
    arm(p, "store.view", 0, 1);
    assert_null(p->s->ops->view_open(p->s));
}

static void views_have_a_limit_and_come_back(void **state)
{
    struct place *p = *state;
    assert_int_equal(place_open(p), RC_OK);
    struct storage_view *views[STORE_VIEWS_MAX];
    size_t n = 0;
    while (n < STORE_VIEWS_MAX && (views[n] = p->s->ops->view_open(p->s)))
        n++;
    assert_int_equal(n, STORE_VIEWS_MAX - 1); /* the loop's is the other */
    for (size_t i = 0; i < n; i++)
        p->s->ops->view_close(views[i]);
    views[0] = p->s->ops->view_open(p->s);
    assert_non_null(views[0]);
    p->s->ops->view_close(views[0]);
}

/* Whichever op fails, nothing of the batch is seen, also not after opening again. */
static void a_failing_op_takes_all_with_it(void **state)
{
    struct place *p = *state;
    const struct storage_op ops[] = {
        op_append(TABLE_KEY, "a", "new"),
        op_put(TABLE_META, "kept", "new"),
        op_append(TABLE_KEY, "b", "new"),
        op_delete(TABLE_META, "kept too"),
    };
    static const char *const points[] = {"store.op",     "store.full", "store.begin",
                                         "store.commit", "store.room", "store.nospace"};
    assert_int_equal(place_open(p), RC_OK);
    put(p, "kept", "old");
    put(p, "kept too", "old");
    for (size_t f = 0; f < ARRAY_LEN(points); f++) {
        for (unsigned at = 0; at < ARRAY_LEN(ops); at++) {
            arm(p, points[f], at, 1);
            enum rc rc = storage_commit(p->s, ops, ARRAY_LEN(ops));
            if (p->fault.times) /* passed only once: nothing failed, and nothing more to try */
                break;
            assert_int_not_equal(rc, RC_OK);
            for (unsigned opened = 0; opened < 2; opened++) {
                storage_refresh(p->s);
                lacks(p, TABLE_KEY, "a");
                lacks(p, TABLE_KEY, "b");
                holds(p, TABLE_META, "kept", "old");
                holds(p, TABLE_META, "kept too", "old");
                place_reopen(p);
            }
        }
        const struct storage_op undo[] = {op_delete(TABLE_KEY, "a"), op_delete(TABLE_KEY, "b"),
                                          op_put(TABLE_META, "kept", "old"),
                                          op_put(TABLE_META, "kept too", "old")};
        arm(p, NULL, 0, 0);
        assert_int_equal(storage_commit(p->s, undo, ARRAY_LEN(undo)), RC_OK);
        storage_refresh(p->s);
    }
}

static void after_a_failed_write_none_is_tried(void **state)
{
    struct place *p = *state;
    static const char *const points[] = {"store.op", "store.begin", "store.commit", "store.sync"};
    const struct storage_op op = op_put(TABLE_META, "k", "2");
    assert_int_equal(place_open(p), RC_OK);
    put(p, "k", "1");
    for (size_t f = 0; f < ARRAY_LEN(points); f++) {
        arm(p, points[f], 0, 1);
        bool sync = strcmp(points[f], "store.sync") == 0;
        assert_int_equal(sync ? storage_sync(p->s) : storage_commit(p->s, &op, 1), RC_IO);
        assert_int_equal(p->fault.times, 0);
        assert_int_equal(storage_commit(p->s, &op, 1), RC_IO); /* though it would work */
        assert_int_equal(storage_sync(p->s), RC_IO);
        storage_refresh(p->s);
        holds(p, TABLE_META, "k", "1"); /* reading goes on */
        place_reopen(p);
    }
    assert_int_equal(storage_commit(p->s, &op, 1), RC_OK);
    assert_int_equal(storage_sync(p->s), RC_OK);
}

/* No room to write into is something to wait for; no room met while syncing is not, since the
 * commit before may have been in it. */
static void a_sync_without_room_is_final(void **state)
{
    struct place *p = *state;
    const struct storage_op op = op_put(TABLE_META, "k", "2");
    assert_int_equal(place_open(p), RC_OK);
    arm(p, "store.nospace", 0, 1);
    assert_int_equal(storage_commit(p->s, &op, 1), RC_NO_SPACE);
    assert_int_equal(storage_commit(p->s, &op, 1), RC_OK);
    arm(p, "store.nospace store.resync", 0, 2);
    assert_int_equal(storage_commit(p->s, &op, 1), RC_IO);
    assert_int_equal(p->fault.times, 0);
    assert_int_equal(storage_commit(p->s, &op, 1), RC_IO);
}

static void a_full_map_leaves_all_as_it_was_and_deleting_cures_it(void **state)
{
    struct place *p = *state;
    p->opt.map_bytes = 1u << 20;
    p->opt.room_bytes = 4096;
    assert_int_equal(place_open(p), RC_OK);
    struct storage_stats st;
    storage_stats(p->s, &st);
    assert_int_equal(st.map_bytes, 1u << 20);
    unsigned n = 0;
    enum rc rc;
    while ((rc = fill(p, n, 100, 1000)) == RC_OK)
        n += 100;
    assert_int_equal(rc, RC_NO_SPACE);
    assert_true(n >= 500); /* most of the map was put to use */
    uint8_t key[17];
    struct slice got;
    assert_int_equal(storage_get(p->s, TABLE_KEY, filled_key(n - 1, key), &got), RC_OK);
    assert_int_equal(storage_get(p->s, TABLE_KEY, filled_key(n, key), &got), RC_NOT_FOUND);
    assert_int_equal(fill(p, n, 100, 1000), RC_NO_SPACE); /* and may be tried again */
    for (unsigned i = 0; i < n / 2; i += 50)
        assert_int_equal(unfill(p, i, 50), RC_OK);
    assert_int_equal(fill(p, n, 100, 1000), RC_OK);
    place_reopen(p);
    assert_int_equal(storage_get(p->s, TABLE_KEY, filled_key(n + 99, key), &got), RC_OK);
    assert_int_equal(storage_get(p->s, TABLE_KEY, filled_key(0, key), &got), RC_NOT_FOUND);
}

static void appending_again_is_fine_only_when_equal(void **state)
{
    struct place *p = *state;
    assert_int_equal(place_open(p), RC_OK);
    const struct storage_op ops[] = {op_append(TABLE_KEY, "a", "1"),
                                     op_append(TABLE_KEY, "c", "3")};
    assert_int_equal(storage_commit(p->s, ops, 2), RC_OK);
    assert_int_equal(storage_commit(p->s, ops, 2), RC_OK);
    const struct storage_op more[] = {ops[0], ops[1], op_append(TABLE_KEY, "d", "4")};
    assert_int_equal(storage_commit(p->s, more, 3), RC_OK);
    const struct storage_op between = op_append(TABLE_KEY, "b", "2");
    assert_int_equal(storage_commit(p->s, &between, 1), RC_CORRUPT);
    place_reopen(p);
    const struct storage_op other = op_append(TABLE_KEY, "c", "4");
    assert_int_equal(storage_commit(p->s, &other, 1), RC_CORRUPT);
    place_reopen(p);
    holds(p, TABLE_KEY, "c", "3");
    holds(p, TABLE_KEY, "d", "4");
    lacks(p, TABLE_KEY, "b");
}

/* Free pages as LMDB itself lists them: only with the store closed, since a process may have a file
 * open in LMDB once. */
static void free_pages(const char *path, uint64_t *free_n, uint64_t *last)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_cursor *c;
    MDB_val k;
    MDB_val v;
    MDB_envinfo info;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_RDONLY, 0600), 0);
    assert_int_equal(mdb_env_info(env, &info), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), 0);
    assert_int_equal(mdb_cursor_open(txn, 0, &c), 0);
    *free_n = 0;
    while (mdb_cursor_get(c, &k, &v, MDB_NEXT) == 0) {
        uint64_t n;
        memcpy(&n, v.mv_data, sizeof(n));
        *free_n += n;
    }
    *last = info.me_last_pgno;
    mdb_cursor_close(c);
    mdb_txn_abort(txn);
    mdb_env_close(env);
}

static void used_bytes_are_exact(void **state)
{
    struct place *p = *state;
    assert_int_equal(place_open(p), RC_OK);
    struct storage_stats st;
    struct storage_stats full;
    assert_int_equal(fill(p, 0, 3000, 300), RC_OK);
    assert_int_equal(fill(p, 3000, 40, 70000), RC_OK);
    storage_stats(p->s, &full);
    assert_in_range(full.used_bytes, 3000 * 300 + 40 * 70000, full.file_bytes);
    assert_int_equal(unfill(p, 500, 2530), RC_OK);
    put(p, "k", "v");
    storage_stats(p->s, &st);
    assert_true(st.used_bytes < full.used_bytes / 2);
    assert_true(st.file_bytes >= full.file_bytes); /* the file does not shrink */
    assert_false(st.room_low);
    place_close(p);
    uint64_t free_n;
    uint64_t last;
    free_pages(p->path, &free_n, &last);
    assert_int_equal(st.used_bytes / (uint64_t)sysconf(_SC_PAGESIZE), last + 1 - free_n);
    assert_int_equal(place_open(p), RC_OK);
    struct storage_stats again;
    storage_stats(p->s, &again);
    assert_int_equal(again.used_bytes, st.used_bytes); /* at open as after a commit */
}

/* Forever: append a key, and note its number in the same batch. */
static void write_until_killed(struct place *p, unsigned first)
{
    if (place_open(p) != RC_OK)
        _exit(1);
    for (unsigned i = first;; i++) {
        uint8_t key[17];
        char number[16];
        (void)snprintf(number, sizeof(number), "%u", i);
        const struct storage_op ops[] = {
            {TABLE_KEY, STORAGE_APPEND, filled_key(i, key), slice_str(number)},
            op_put(TABLE_META, "last", number),
        };
        if (storage_commit(p->s, ops, ARRAY_LEN(ops)) != RC_OK)
            _exit(1);
    }
}

static void killed_at_any_time_it_is_whole(void **state)
{
    struct place *p = *state;
    unsigned last = 0;
    for (unsigned kills = 0; kills < 8; kills++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            write_until_killed(p, last + 1);
        (void)usleep(20000 + kills * 7001);
        assert_int_equal(kill(child, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status)); /* it had no trouble of its own */
        assert_int_equal(place_open(p), RC_OK);
        struct slice got;
        char text[16] = {0};
        if (storage_get(p->s, TABLE_META, slice_str("last"), &got) == RC_OK)
            memcpy(text, got.p, got.n);
        last = (unsigned)strtoul(text, NULL, 10);
        struct seen seen = {.count_only = true};
        assert_int_equal(storage_scan(p->s, TABLE_KEY, (struct slice){0}, note, &seen), RC_OK);
        assert_int_equal(seen.n, last);
        place_close(p);
    }
    assert_true(last > 8);
}

static void a_view_that_cannot_move_says_so(void **state)
{
    struct place *p = *state;
    assert_int_equal(place_open(p), RC_OK);
    put(p, "k", "v");
    arm(p, "store.refresh", 0, 1);
    storage_refresh(p->s);
    struct slice got;
    struct seen seen = {0};
    assert_int_equal(storage_get(p->s, TABLE_META, slice_str("k"), &got), RC_IO);
    assert_int_equal(storage_scan(p->s, TABLE_META, (struct slice){0}, note, &seen), RC_IO);
    storage_refresh(p->s);
    holds(p, TABLE_META, "k", "v");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_batch_does_all_it_says),
        TEST(a_row_damaged_since_is_not_given_out),
        TEST(every_table_stands_alone_and_survives),
        TEST(keys_that_cannot_be_there_are_not_found),
        TEST(scan_goes_in_order_from_where_asked),
        TEST(a_view_shows_one_moment),
        TEST(views_have_a_limit_and_come_back),
        TEST(a_failing_op_takes_all_with_it),
        TEST(after_a_failed_write_none_is_tried),
        TEST(a_sync_without_room_is_final),
        TEST(a_full_map_leaves_all_as_it_was_and_deleting_cures_it),
        TEST(appending_again_is_fine_only_when_equal),
        TEST(used_bytes_are_exact),
        TEST(killed_at_any_time_it_is_whole),
        TEST(a_view_that_cannot_move_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
