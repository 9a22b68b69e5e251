/* A store opens its own file and no other; whatever it refuses, it says why and what to do. */
#include "helper.h"

#include "base/cc.h"
#include "base/mem.h"
#include "base/wr.h"
#include "store/row.h"

#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void it_makes_a_private_file_and_finds_it_again(void **state)
{
    struct place *p = *state;
    assert_int_equal(place_open(p), RC_OK);
    put(p, "k", "v");
    struct stat st;
    assert_int_equal(stat(p->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    place_reopen(p);
    holds(p, TABLE_META, "k", "v");
    struct storage_stats stats;
    storage_stats(p->s, &stats);
    assert_int_equal(stats.map_bytes, STORE_MAP_BYTES);
}

static void a_missing_directory_is_named(void **state)
{
    struct place *p = *state;
    p->opt.path = "/tmp/no-such-directory-of-moat/db";
    assert_int_equal(place_open(p), RC_NOT_FOUND);
    assert_non_null(strstr(p->err.text, p->opt.path));
    p->opt.path = p->dir;
    assert_int_not_equal(place_open(p), RC_OK);
    assert_non_null(strstr(p->err.text, p->dir));
}

static void another_clusters_file_is_refused(void **state)
{
    struct place *p = *state;
    place_reopen(p);
    place_close(p);
    p->opt.cluster_id = 0x1234;
    assert_int_equal(place_open(p), RC_FOREIGN);
    says(p, "belongs to cluster cdf818194e3a8c32, and this member is of cluster 1234");
    p->opt.adopt_member = true; /* does not reach across clusters */
    assert_int_equal(place_open(p), RC_FOREIGN);
}

static void another_members_file_only_when_adopted(void **state)
{
    struct place *p = *state;
    assert_int_equal(place_open(p), RC_OK);
    put(p, "k", "v");
    place_close(p);
    p->opt.member_id = 0x77;
    assert_int_equal(place_open(p), RC_FOREIGN);
    says(p, "belongs to member 8e9e05c52164694d, and this is member 77");
    p->opt.adopt_member = true;
    place_reopen(p);
    holds(p, TABLE_META, "k", "v");
    p->opt.adopt_member = false;
    place_reopen(p); /* it is ours now */
    place_close(p);
    p->opt.member_id = MEMBER;
    assert_int_equal(place_open(p), RC_FOREIGN);
}

/* Do something to the file by LMDB, as another program or version would. */
static void with_lmdb(const char *path, const char *table, unsigned flags, const char *key,
                      struct slice value)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_val k = {strlen(key), (void *)(uintptr_t)key};
    MDB_val v = {value.n, (void *)(uintptr_t)value.p};
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 20), 0);
    assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, table, flags, &dbi), 0);
    if (value.p)
        assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
    else
        assert_int_equal(mdb_drop(txn, dbi, 1), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void a_newer_format_is_left_alone(void **state)
{
    struct place *p = *state;
    place_reopen(p);
    place_close(p);
    uint8_t format[4];
    store_u32(format, 3);
    with_lmdb(p->path, "file", 0, "format", slice_of(format, 4));
    assert_int_equal(place_open(p), RC_VERSION);
    says(p, "has store format 3, and this moat knows formats up to 2");
    store_u32(format, 0);
    with_lmdb(p->path, "file", 0, "format", slice_of(format, 4));
    assert_int_equal(place_open(p), RC_CORRUPT);
    says(p, "format version");
    with_lmdb(p->path, "file", 0, "format", slice_of(format, 3));
    assert_int_equal(place_open(p), RC_CORRUPT);
    says(p, "format version");
}

static void an_older_format_is_left_alone(void **state)
{
    struct place *p = *state;
    place_reopen(p);
    place_close(p);
    uint8_t one[4];
    store_u32(one, 1);
    with_lmdb(p->path, "file", 0, "format", slice_of(one, 4));
    with_lmdb(p->path, "file", 0, "cluster_id", slice_str("8 bytes!")); /* as format 1 has it */
    assert_int_equal(place_open(p), RC_VERSION);
    says(p, "has store format 1, and this moat reads format 2 only: let the version that wrote it "
            "save a snapshot (moat ctl snapshot save)");
}

static void one_row(void **state, enum table t, const char *key, const char *value)
{
    struct place *p = *state;
    place_reopen(p);
    struct storage_op op = op_put(t, key, value);
    assert_int_equal(storage_commit(p->s, &op, 1), RC_OK);
    place_reopen(p);
    place_close(p);
}

/* One changed bit in any table's row, in a name as well as in a value, and no start. */
static void a_damaged_row_is_refused(void **state)
{
    struct place *p = *state;
    static const char *const tables[] = {
        [TABLE_META] = "meta",
        [TABLE_LEASE] = "lease",
        [TABLE_AUTH_USER] = "auth_user",
        [TABLE_AUTH_ROLE] = "auth_role",
        [TABLE_ALARM] = "alarm",
        [TABLE_MEMBER] = "member",
        [TABLE_V2] = "v2",
    };
    for (enum table t = TABLE_META; t < TABLE_COUNT; t++) {
        char sentence[64];
        one_row(state, t, "authEnabled", "1");
        (void)snprintf(sentence, sizeof(sentence),
                       "table %s: the row of key authEnabled is damaged", tables[t]);
        with_lmdb(p->path, tables[t], 0, "authEnabled", slice_str("0\x4d\x0f\x11\x9a"));
        assert_int_equal(place_open(p), RC_CORRUPT);
        says(p, sentence);
        says(p, "restore this member from a snapshot");
        assert_int_equal(unlink(p->path), 0);
    }
}

/* It is of the right form, and yet not where it was written. */
static void a_row_in_anothers_place_is_refused(void **state)
{
    struct place *p = *state;
    uint8_t row[1 + ROW_CRC_LEN];
    row_seal("meta", SLICE_LIT("authEnabled"), SLICE_LIT("1"), row);
    one_row(state, TABLE_META, "authEnabled", "0");
    with_lmdb(p->path, "meta", 0, "authEnabled", slice_of(row, sizeof(row)));
    place_reopen(p);
    holds(p, TABLE_META, "authEnabled", "1"); /* this is how it is written */
    place_close(p);
    with_lmdb(p->path, "meta", 0, "\x01xuthEnabled", slice_of(row, sizeof(row)));
    assert_int_equal(place_open(p), RC_CORRUPT);
    says(p, "table meta: the row of key 0178757468456e61626c6564 is damaged");
    assert_int_equal(unlink(p->path), 0);
    one_row(state, TABLE_META, "authEnabled", "0");
    with_lmdb(p->path, "lease", 0, "authEnabled", slice_of(row, sizeof(row)));
    assert_int_equal(place_open(p), RC_CORRUPT);
    says(p, "table lease: ");
}

static void what_it_lacks_is_named(void **state)
{
    struct place *p = *state;
    place_reopen(p);
    place_close(p);
    with_lmdb(p->path, "lease", 0, "", (struct slice){0});
    assert_int_equal(place_open(p), RC_CORRUPT);
    says(p, "table lease");
    with_lmdb(p->path, "file", 0, "member_id", slice_str("short"));
    with_lmdb(p->path, "lease", MDB_CREATE, "k", slice_str("v"));
    assert_int_equal(place_open(p), RC_CORRUPT);
    says(p, "whose store it is");
}

static void another_programs_lmdb_file_is_refused(void **state)
{
    struct place *p = *state;
    with_lmdb(p->path, "dn2id", MDB_CREATE, "cn=admin", slice_str("1"));
    assert_int_equal(place_open(p), RC_FOREIGN);
    says(p, "is an LMDB file, but another program's");
}

/* A crash while it was made leaves LMDB's header pages and nothing else: start over. */
static void an_interrupted_making_is_finished(void **state)
{
    struct place *p = *state;
    MDB_env *env;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_open(env, p->path, MDB_NOSUBDIR, 0600), 0);
    mdb_env_close(env);
    assert_int_equal(place_open(p), RC_OK);
    put(p, "k", "v");
    place_close(p);
    write_file(p->path, "", 0);
    assert_int_equal(place_open(p), RC_OK);
    lacks(p, TABLE_META, "k");
}

/* LMDB's header pages come first, and a loss of power may leave half of them. They are not called
 * damaged then: until all of it is there, the file has another name. */
static void what_an_interrupted_making_left_is_overwritten(void **state)
{
    struct place *p = *state;
    char *half = mem_printf("%s.new", p->path);
    char zeros[5000] = {0};
    write_file(half, zeros, sizeof(zeros));
    assert_int_equal(place_open(p), RC_OK);
    assert_int_not_equal(access(half, F_OK), 0);
    put(p, "k", "v");
    place_reopen(p);
    holds(p, TABLE_META, "k", "v");
    free(half);
}

static void only_one_may_have_it(void **state)
{
    struct place *p = *state;
    assert_int_equal(place_open(p), RC_OK);
    struct storage *second = NULL;
    assert_int_equal(store_open(&p->opt, &second, &p->err), RC_LOCKED);
    says(p, "in use by another process");
    assert_null(second);
    put(p, "k", "v"); /* the refused one broke nothing */
    holds(p, TABLE_META, "k", "v");
}

static void a_smaller_map_will_do(void **state)
{
    struct place *p = *state;
    struct storage_stats st;
    assert_int_equal(place_open(p), RC_OK); /* making it takes a map as well */
    place_close(p);
    p->opt.quota_bytes = 9ull << 30;
    arm(p, "store.map", 0, 2);
    assert_int_equal(place_open(p), RC_OK);
    storage_stats(p->s, &st);
    assert_int_equal(st.map_bytes, STORE_MAP_BYTES / 4);
    place_close(p);
    arm(p, "store.map", 0, 4);
    assert_int_equal(place_open(p), RC_OK);
    storage_stats(p->s, &st);
    assert_int_equal(st.map_bytes, 18ull << 30); /* twice the quota, and no less */
    place_close(p);
    arm(p, "store.map", 0, 100);
    assert_int_equal(place_open(p), RC_LIMIT);
    assert_int_equal(p->fault.times, 95);
    says(p, "cannot get 19327352832 bytes of address space");
    p->opt.map_bytes = 1u << 20; /* the quota rules */
    arm(p, NULL, 0, 0);
    assert_int_equal(place_open(p), RC_OK);
    storage_stats(p->s, &st);
    assert_int_equal(st.map_bytes, 18ull << 30);
}

/* A sanitizer's shadow takes terabytes of address space: with a limit it cannot even start. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#    define ADDRESS_SPACE_IS_OURS 0
#elif defined(__has_feature)
#    define ADDRESS_SPACE_IS_OURS                                                                  \
        (!__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer))
#else
#    define ADDRESS_SPACE_IS_OURS 1
#endif

#if ADDRESS_SPACE_IS_OURS
/* The same by the system's own limit. */
static void a_limit_of_address_space_is_met(void **state)
{
    struct place *p = *state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit limit = {40ull << 30, 40ull << 30};
        struct storage_stats st = {0};
        if (setrlimit(RLIMIT_AS, &limit))
            _exit(2);
        enum rc rc = place_open(p);
        if (rc == RC_OK)
            storage_stats(p->s, &st);
        place_close(p);
        _exit(rc == RC_OK && st.map_bytes == 32ull << 30 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}
#endif

static void failures_while_opening_leave_nothing_open(void **state)
{
    struct place *p = *state;
    arm(p, "store.tables", 0, 1);
    assert_int_equal(place_open(p), RC_IO);
    says(p, "cannot begin a transaction");
    assert_int_equal(place_open(p), RC_OK); /* neither lock nor map is left */
    place_close(p);
    arm(p, "store.room", 0, 1);
    assert_int_equal(place_open(p), RC_OK); /* a full disk can still be read */
    struct storage_stats st;
    storage_stats(p->s, &st);
    assert_true(st.room_low);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_makes_a_private_file_and_finds_it_again),
        TEST(a_missing_directory_is_named),
        TEST(another_clusters_file_is_refused),
        TEST(another_members_file_only_when_adopted),
        TEST(a_newer_format_is_left_alone),
        TEST(an_older_format_is_left_alone),
        TEST(a_damaged_row_is_refused),
        TEST(a_row_in_anothers_place_is_refused),
        TEST(what_it_lacks_is_named),
        TEST(another_programs_lmdb_file_is_refused),
        TEST(an_interrupted_making_is_finished),
        TEST(what_an_interrupted_making_left_is_overwritten),
        TEST(only_one_may_have_it),
        TEST(a_smaller_map_will_do),
#if ADDRESS_SPACE_IS_OURS
        TEST(a_limit_of_address_space_is_met),
#endif
        TEST(failures_while_opening_leave_nothing_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
