/* IDs come out bit for bit as etcd's do: these were printed by real clusters. */
#include "app/ids.h"

#include "base/cc.h"
#include "kv/storage.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void three_members_on_one_host(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        uint64_t id;
    } members[] = {
        {"https://localhost:1180", 0x5a68dbeefb870ed1},
        {"https://localhost:1280", 0xaa3bff8d4d84db66},
        {"https://localhost:1380", 0x772c76fe731a3914},
    };
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        assert_true(ids_member(&members[i].url, 1, "etcd-cluster-token") == members[i].id);
}

static void a_cluster_is_its_members_in_any_order(void **state)
{
    (void)state;
    static const char *const urls[] = {"https://m1.etcd.local:2380", "https://m2.etcd.local:22380",
                                       "https://m3.etcd.local:32380"};
    static const size_t orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                       {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t o = 0; o < ARRAY_LEN(orders); o++) {
        uint64_t ids[3];
        for (size_t i = 0; i < 3; i++)
            ids[i] = ids_member(&urls[orders[o][i]], 1, "tkn");
        assert_true(ids_cluster(ids, 3) == 0x9db03f09b20de32b);
        assert_true(ids[0] < ids[1] && ids[1] < ids[2]);
    }
}

static void a_member_of_the_defaults(void **state)
{
    (void)state;
    static const char *const url = "http://localhost:2380";
    uint64_t id = ids_member(&url, 1, "etcd-cluster");
    assert_true(id == 0x8e9e05c52164694d);
    assert_true(ids_cluster(&id, 1) == 0xcdf818194e3a8c32);
}

static void every_url_and_the_token_count(void **state)
{
    (void)state;
    static const char *const urls[] = {"http://a:2380", "http://b:2380"};
    uint64_t both = ids_member(urls, 2, "t");
    assert_true(both != ids_member(urls, 1, "t"));
    assert_true(both != ids_member(urls, 2, "u"));
    assert_true(both == ids_member(urls, 2, "t"));
}

/* conf's peer URLs are those of the member now: in any order, all of them, no other. */
static void a_member_that_moved_keeps_its_ids(void **state)
{
    (void)state;
    char dir[] = "/tmp/moat-ids-XXXXXX";
    char path[64];
    struct err err;
    struct storage *s;
    uint64_t member = 1;
    uint64_t cluster = 2;
    struct conf_url urls[] = {{.text = (char[]){"http://a:1"}}, {.text = (char[]){"http://b:1"}}};
    struct conf conf = {.initial_advertise_peer_urls = {urls, 2}};
    const struct store_options options = {.path = path, .cluster_id = 0xc, .member_id = 0xa};
    const struct storage_op rows[] = {{TABLE_MEMBER, STORAGE_PUT, SLICE_LIT("\0\0\0\0\0\0\0\x0a"),
                                       SLICE_LIT("\x08\x0a\x1a\x0ahttp://b:1\x1a\x0ahttp://a:1")},
                                      {TABLE_MEMBER, STORAGE_PUT, SLICE_LIT("\0\0\0\0\0\0\0\x0a"),
                                       SLICE_LIT("\x08\x0a\x1a\x0ahttp://a:1\x1a\x0ahttp://a:1")}};
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/db", dir);
    assert_int_equal(store_open(&options, &s, &err), RC_OK);
    storage_close(s);
    assert_false(ids_kept(&conf, path, &member, &cluster)); /* nothing was changed */
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(store_open(&options, &s, &err), RC_OK);
        assert_int_equal(storage_commit(s, &rows[i], 1), RC_OK);
        storage_close(s);
        assert_int_equal(ids_kept(&conf, path, &member, &cluster), i == 0);
        assert_int_equal(member, 0xa);
        assert_int_equal(cluster, 0xc);
    }
    conf.initial_advertise_peer_urls.n = 1;
    assert_false(ids_kept(&conf, path, &member, &cluster));
    unlink(path);
    snprintf(path, sizeof(path), "%s/db-lock", dir);
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_members_on_one_host),
        cmocka_unit_test(a_cluster_is_its_members_in_any_order),
        cmocka_unit_test(a_member_of_the_defaults),
        cmocka_unit_test(every_url_and_the_token_count),
        cmocka_unit_test(a_member_that_moved_keeps_its_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
