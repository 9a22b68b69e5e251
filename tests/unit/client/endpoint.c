/* Addresses are taken apart as etcd's clients take them. */
#include "client/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void parses(const char *text, const char *host, const char *port, bool tls)
{
    struct client_endpoint e;
    client_endpoint_parse(slice_str(text), &e);
    assert_string_equal(e.text, text);
    assert_string_equal(e.host, host);
    assert_string_equal(e.port, port);
    assert_null(e.path);
    assert_int_equal(e.tls, tls);
    client_endpoint_fini(&e);
}

static void hosts_and_ports(void **state)
{
    (void)state;
    parses("127.0.0.1:2379", "127.0.0.1", "2379", false);
    parses("http://host.example:1", "host.example", "1", false);
    parses("https://h:2/path:3", "h", "2", true);
    parses("[::1]:2379", "::1", "2379", false);
    parses("http://[fe80::1%25lo]:5/", "fe80::1%25lo", "5", false);
    parses("[::1]", "::1", "", false);
    parses("host", "host", "", false);
    parses("", "", "", false);
}

static void paths(const char *text, const char *path, bool tls)
{
    struct client_endpoint e;
    client_endpoint_parse(slice_str(text), &e);
    assert_null(e.host);
    assert_string_equal(e.path, path);
    assert_int_equal(e.tls, tls);
    client_endpoint_fini(&e);
}

static void sockets(void **state)
{
    (void)state;
    paths("unix:///run/etcd.sock", "/run/etcd.sock", false);
    paths("unix:relative", "relative", false);
    paths("unixs:///x", "/x", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_and_ports),
        cmocka_unit_test(sockets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
