/* Peer URLs are taken, put in form and refused as by a real etcd 3.7. */
#include "api/peer_url.h"

#include "base/cc.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void what_etcd_takes(void **state)
{
    (void)state;
    static const char *const good[][2] = {
        {"http://a:1", "http://a:1"},
        {" \thttp://a:1\n", "http://a:1"},
        {"HTTP://A:1", "http://A:1"},
        {"https://:1", "https://:1"},
        {"http://a:", "http://a:"},
        {"http://a:99999", "http://a:99999"},
        {"http://u:p@a:1", "http://u:p@a:1"},
        {"http://a:1?x=/1", "http://a:1?x=/1"},
        {"http://a:1#f", "http://a:1#f"},
        {"http://[::1]:1", "http://[::1]:1"},
        {"http://[fe80::1%25en0]:1", "http://[fe80::1%25en0]:1"},
        {"http://a_b:1", "http://a_b:1"},
        {"http://*:1", "http://*:1"},
        {"http://a;b,c:1", "http://a;b,c:1"},
        {"unix:///tmp/x", "unix:///tmp/x"},
        {"unixs://a/b", "unixs://a/b"},
        {"unix:a", "unix:a"},
        {"unix:", "unix:"},
    };
    struct arena a = {0};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!slice_eq(peer_url_parse(slice_str(good[i][0]), &a), slice_str(good[i][1])))
            fail_msg("%s", good[i][0]);
    arena_fini(&a);
}

static void what_etcd_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "a:1",
        "http",
        "http:",
        "http://a",
        "http:a:1",
        "http://a:1/",
        "http://a:1/p",
        "http://a:x",
        "http://a:+1",
        "ftp://a:1",
        "://a:1",
        "http:///:1",
        "http://::1:1",
        "http://[::1]",
        "http://[a]:1",
        "http://[:1",
        "http://a:1:2",
        "http://a b:1",
        "http://a\n:1",
        "http://a%zz:1",
        "http://a%41:1",
        "http://a\\b:1",
        "http://a{b:1",
        "http://[::1%]:1",
    };
    struct arena a = {0};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (peer_url_parse(slice_str(bad[i]), &a).p)
            fail_msg("%s", bad[i]);
    assert_null(peer_url_parse(SLICE_LIT("http://a\0:1"), &a).p);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_etcd_takes),
        cmocka_unit_test(what_etcd_refuses),
    };
    return cmocka_run_group_tests_name("api/peer_url", tests, NULL, NULL);
}
