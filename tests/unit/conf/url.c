/* URLs are read as etcd reads them, with its sentences for those it refuses. The verdicts were
 * taken from etcd 3.7.1; where ours is stricter, the line says so. */
#include "conf/url.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_accepted(void **state)
{
    static const struct {
        const char *in, *text, *host, *path;
        enum conf_scheme scheme;
        uint16_t port;
    } cases[] = {
        {"http://127.0.0.1:2379", "http://127.0.0.1:2379", "127.0.0.1", "", CONF_HTTP, 2379},
        {" https://a.b:1 ", "https://a.b:1", "a.b", "", CONF_HTTPS, 1},
        {"HTTP://Host:80", "http://Host:80", "Host", "", CONF_HTTP, 80},
        {"http://[::1]:2379", "http://[::1]:2379", "::1", "", CONF_HTTP, 2379},
        {"http://:2379", "http://:2379", "", "", CONF_HTTP, 2379},
        {"http://0.0.0.0:", "http://0.0.0.0:", "0.0.0.0", "", CONF_HTTP, 0},
        {"http://h:65535", "http://h:65535", "h", "", CONF_HTTP, 65535},
        {"unix:///run/x.sock", "unix:///run/x.sock", "", "/run/x.sock", CONF_UNIX, 0},
        {"unix://localhost:1", "unix://localhost:1", "", "localhost:1", CONF_UNIX, 0},
        {"unix:rel.sock", "unix:rel.sock", "", "rel.sock", CONF_UNIX, 0},
        {"unixs://a/b", "unixs://a/b", "", "a/b", CONF_UNIXS, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct conf_url url;
        struct err err = {0};
        if (conf_url_parse(slice_str(cases[i].in), &url, &err) != RC_OK)
            fail_msg("%s: %s", cases[i].in, err.text);
        assert_string_equal(url.text, cases[i].text);
        assert_string_equal(url.host, cases[i].host);
        assert_string_equal(url.path, cases[i].path);
        assert_int_equal(url.scheme, cases[i].scheme);
        assert_int_equal(url.port, cases[i].port);
        conf_url_fini(&url);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *in, *sentence;
    } cases[] = {
        {"127.0.0.1:2379",
         "parse \"127.0.0.1:2379\": first path segment in URL cannot contain colon"},
        {"http://127.0.0.1", "URL address does not have the form \"host:port\": http://127.0.0.1"},
        {"http:127.0.0.1:1", "URL address does not have the form \"host:port\": http:127.0.0.1:1"},
        {"http://127.0.0.1:x", "parse \"http://127.0.0.1:x\": invalid port \":x\" after host"},
        {"http://127.0.0.1:1/", "URL must not contain a path: http://127.0.0.1:1/"},
        {":1", "parse \":1\": missing protocol scheme"},
        {"http://[::1:1", "parse \"http://[::1:1\": missing ']' in host"},
        {"http://[::1]x:1", "parse \"http://[::1]x:1\": invalid port \"x:1\" after host"},
        {"http://::1:45911", "parse \"http://::1:45911\": invalid port \"::1:45911\" after host"},
        {"ftp://1:1", "URL scheme must be http, https, unix, or unixs: ftp://1:1"},
        {"foo", "URL scheme must be http, https, unix, or unixs: foo"},
        {"", "URL scheme must be http, https, unix, or unixs: "},
        {"http://a b:1", "parse \"http://a b:1\": invalid character \" \" in host name"},
        {"http://%zz:1", "parse \"http://%zz:1\": invalid URL escape \"%zz\""},
        {"http://a:1\x01", "parse \"http://a:1\\x01\": net/url: invalid control character in URL"},
        /* etcd takes these and fails later, or not at all */
        {"http://a:65536", "parse \"http://a:65536\": invalid port \":65536\" after host"},
        {"http://u:p@a:1", "URL must not contain a user name: http://u:p@a:1"},
        {"http://a:1?x=y", "URL must not contain a query or fragment: http://a:1?x=y"},
        {"http://a:1#f", "URL must not contain a query or fragment: http://a:1#f"},
        {"unix://", "URL has no path of a socket: unix://"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct conf_url url = {.port = 7};
        struct err err = {0};
        assert_int_equal(conf_url_parse(slice_str(cases[i].in), &url, &err), RC_INVALID);
        assert_string_equal(err.text, cases[i].sentence);
        assert_int_equal(url.port, 7);
        assert_null(url.text);
    }
}

static void test_every_cut_of_a_url_is_judged(void **state)
{
    static const char whole[] = "https://[fe80::1%25eth0]:65535";
    (void)state;
    for (size_t n = 0; n < sizeof(whole) - 1; n++) {
        /* A copy of its exact size, so that a sanitizer sees a byte read too far. */
        char *cut = malloc(n + 1);
        struct conf_url url = {0};
        memcpy(cut, whole, n);
        enum rc rc = conf_url_parse(slice_of(cut, n), &url, NULL);
        assert_int_equal(rc, n >= sizeof("https://[fe80::1%25eth0]:") - 1 ? RC_OK : RC_INVALID);
        if (rc == RC_OK)
            conf_url_fini(&url);
        free(cut);
    }
}

static void test_lists_are_sorted_and_unique(void **state)
{
    struct conf_urls urls;
    struct err err = {0};
    (void)state;
    assert_int_equal(
        conf_urls_parse(SLICE_LIT("http://b:1, http://a:10,http://a:2,http://b:1"), &urls, &err),
        RC_OK);
    assert_int_equal(urls.n, 3);
    assert_string_equal(urls.v[0].text, "http://a:10");
    assert_string_equal(urls.v[1].text, "http://a:2");
    assert_string_equal(urls.v[2].text, "http://b:1");
    conf_urls_fini(&urls);
    assert_int_equal(conf_urls_parse(SLICE_LIT("http://b:1,"), &urls, &err), RC_INVALID);
    assert_string_equal(err.text, "URL scheme must be http, https, unix, or unixs: ");
}

static void test_lists_have_a_limit(void **state)
{
    struct buf text = {0};
    struct conf_urls urls;
    (void)state;
    for (int i = 0; i < CONF_URLS_MAX; i++)
        buf_printf(&text, "%shttp://h:%d", i ? "," : "", i + 1);
    assert_int_equal(conf_urls_parse(buf_slice(&text), &urls, NULL), RC_OK);
    assert_int_equal(urls.n, CONF_URLS_MAX);
    conf_urls_fini(&urls);
    buf_append_str(&text, ",http://h:9999");
    assert_int_equal(conf_urls_parse(buf_slice(&text), &urls, NULL), RC_LIMIT);
    buf_clear(&text);
    buf_append_str(&text, "http://");
    memset(buf_extend(&text, 2000), 'h', 2000);
    assert_int_equal(conf_urls_parse(buf_slice(&text), &urls, NULL), RC_LIMIT);
    buf_fini(&text);
}

static struct conf_url parsed(const char *text)
{
    struct conf_url url;
    assert_int_equal(conf_url_parse(slice_str(text), &url, NULL), RC_OK);
    return url;
}

static void check_bind(const char *text, const char *sentence)
{
    struct conf_url url = parsed(text);
    struct err err = {0};
    assert_int_equal(conf_url_check_bind(&url, &err), sentence ? RC_INVALID : RC_OK);
    assert_string_equal(err.text, sentence ? sentence : "");
    conf_url_fini(&url);
}

static void test_only_addresses_are_bound(void **state)
{
    (void)state;
    check_bind("http://127.0.0.1:1", NULL);
    check_bind("http://[::]:1", NULL);
    check_bind("http://localhost:1", NULL);
    check_bind("unix://localhost:1", NULL);
    check_bind("http://foo:1", "expected IP in URL for binding (http://foo:1)");
    check_bind("http://:1", "expected IP in URL for binding (http://:1)");
    check_bind("http://LOCALHOST:1", "expected IP in URL for binding (http://LOCALHOST:1)");
    check_bind("http://1.2.3:1", "expected IP in URL for binding (http://1.2.3:1)");
}

static bool same(const char *a, const char *b)
{
    struct conf_url left = parsed(a);
    struct conf_url right = parsed(b);
    bool is = conf_url_same(&left, &right);
    conf_url_fini(&left);
    conf_url_fini(&right);
    return is;
}

static void test_which_urls_are_the_same_place(void **state)
{
    (void)state;
    assert_true(same("http://localhost:1", "http://127.0.0.1:1"));
    assert_true(same("http://A:1", "http://a:1"));
    assert_false(same("http://a:1", "https://a:1"));
    assert_false(same("http://a:1", "http://a:2"));
    assert_false(same("http://a:1", "http://b:1"));
    assert_false(same("unix:///a", "unix:///b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_every_cut_of_a_url_is_judged),
        cmocka_unit_test(test_lists_are_sorted_and_unique),
        cmocka_unit_test(test_lists_have_a_limit),
        cmocka_unit_test(test_only_addresses_are_bound),
        cmocka_unit_test(test_which_urls_are_the_same_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
