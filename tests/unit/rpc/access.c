/* Hosts and origins, one by one, against etcd's rules. */
#include "rpc/access.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const names[] = {"db.example", "::1", "10.0.0.1"};
static const char *const pages[] = {"https://ui.example", "http://a:8080"};

static bool is_foreign(size_t hosts, const char *authority)
{
    struct rpc_access a = {.hosts = names, .host_count = hosts};
    struct http_request r = {.authority = slice_str(authority)};
    return access_foreign_host(&a, &r).p != NULL;
}

/* CVE-2018-1099 */
static void test_only_listed_hosts_are_ours(void **state)
{
    (void)state;
    assert_false(is_foreign(3, "db.example"));
    assert_false(is_foreign(3, "db.example:2379"));
    assert_false(is_foreign(3, "[::1]:2379"));
    assert_false(is_foreign(3, "10.0.0.1:1"));
    assert_true(is_foreign(3, "evil.example"));
    assert_true(is_foreign(3, "DB.example"));
    assert_true(is_foreign(3, "127.0.0.1:2379")); /* loopback is not implied */
    assert_true(is_foreign(3, "db.example.evil"));
    assert_true(is_foreign(3, "[::1]")); /* without a port Go keeps the brackets */
    assert_true(is_foreign(3, "db.example:1:2"));
    assert_true(is_foreign(3, ""));
    assert_false(is_foreign(0, "evil.example"));
}

static void test_a_star_is_everybody(void **state)
{
    static const char *const star[] = {"a", "*"};
    struct rpc_access a = {.hosts = star, .host_count = 2};
    struct http_request r = {.authority = SLICE_LIT("evil")};
    (void)state;
    assert_null(access_foreign_host(&a, &r).p);
}

static void test_the_text_for_foreigners(void **state)
{
    struct buf out = {0};
    (void)state;
    access_explain_host(slice_str("a\"b\xc3\xa4"), &out);
    assert_true(slice_eq(
        buf_slice(&out),
        slice_str("\netcd received your request, but the Host header was unrecognized.\n\n"
                  "To fix this, choose one of the following options:\n"
                  "- Enable TLS, then any HTTPS request will be allowed.\n"
                  "- Add the hostname you want to use to the whitelist in settings.\n"
                  "  - e.g. etcd --host-whitelist \"a\\\"b\xc3\xa4\"\n\n"
                  "This requirement has been added to help prevent \"DNS Rebinding\" attacks "
                  "(CVE-2018-5702).\n\n")));
    buf_clear(&out);
    access_explain_host(slice_str("\xff"), &out);
    buf_append_u8(&out, 0);
    assert_non_null(strstr((const char *)out.p, "--host-whitelist \"\\xff\"\n"));
    buf_fini(&out);
}

/* The value of access-control-allow-origin; p NULL: none. */
static struct slice allowed(size_t origins, const char *origin)
{
    struct rpc_access a = {.cors = true, .origins = pages, .origin_count = origins};
    struct http_header header = {SLICE_LIT("origin"), slice_str(origin ? origin : "")};
    struct http_request r = {.headers = &header, .header_count = origin ? 1 : 0};
    struct http_header out[ACCESS_HEADERS_MAX];
    size_t n = access_headers(&a, &r, out);
    assert_true(n == 0 || n == 3);
    return n ? out[2].value : (struct slice){0};
}

static void test_answers_say_which_origin_may_read_them(void **state)
{
    (void)state;
    assert_true(slice_eq(allowed(0, "http://x"), SLICE_LIT("*")));
    assert_true(slice_eq(allowed(0, NULL), SLICE_LIT("*")));
    assert_true(slice_eq(allowed(2, "http://a:8080"), SLICE_LIT("http://a:8080")));
    assert_null(allowed(2, "http://a").p);
    assert_null(allowed(2, NULL).p);
}

static bool may_act(size_t origins, const char *origin)
{
    struct rpc_access a = {.cors = true, .origins = pages, .origin_count = origins};
    struct http_header header = {SLICE_LIT("origin"), slice_str(origin ? origin : "")};
    struct http_request r = {.headers = &header,
                             .header_count = origin ? 1 : 0,
                             .authority = SLICE_LIT("db.example:2379")};
    return access_origin_may_act(&a, &r);
}

/* CVE-2018-1098 */
static void test_a_page_of_another_origin_may_do_nothing(void **state)
{
    (void)state;
    assert_true(may_act(0, "http://evil"));
    assert_true(may_act(2, NULL)); /* no browser */
    assert_true(may_act(2, "https://ui.example"));
    assert_true(may_act(2, "http://db.example:2379")); /* a page of ours */
    assert_false(may_act(2, "http://evil"));
    assert_false(may_act(2, "null"));
    assert_false(may_act(2, ""));
    assert_false(may_act(2, "http:/db.example:2379"));
    assert_false(may_act(2, "http://db.example:23790"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_listed_hosts_are_ours),
        cmocka_unit_test(test_a_star_is_everybody),
        cmocka_unit_test(test_the_text_for_foreigners),
        cmocka_unit_test(test_answers_say_which_origin_may_read_them),
        cmocka_unit_test(test_a_page_of_another_origin_may_do_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
