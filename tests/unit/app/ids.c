/* IDs come out bit for bit as etcd's do: these were printed by real clusters. */
#include "app/ids.h"

#include "base/cc.h"

#include <setjmp.h>
#include <stdarg.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_members_on_one_host),
        cmocka_unit_test(a_cluster_is_its_members_in_any_order),
        cmocka_unit_test(a_member_of_the_defaults),
        cmocka_unit_test(every_url_and_the_token_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
