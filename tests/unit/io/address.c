/* Addresses are what their text says: literals as they are, localhost the loopback, no lookups. */
#include "rig.h"

#include <arpa/inet.h>
#include <stdio.h>

static size_t resolve(const char *host, uint16_t port, struct io_sockaddr out[IO_SOCKADDRS_MAX])
{
    struct io_address a = {.kind = IO_ADDRESS_TCP, .port = port};
    snprintf(a.host, sizeof(a.host), "%s", host);
    size_t n = 0;
    struct err err = {0};
    enum rc rc = io_address_resolve(&a, out, &n, &err);
    assert_true((rc == RC_OK) == (err.text[0] == '\0'));
    assert_true((rc == RC_OK) == (n > 0));
    return n;
}

static void assert_text(const struct io_sockaddr *sa, const char *want)
{
    char text[IO_PEER_TEXT_MAX];
    io_sockaddr_text(sa, text);
    assert_string_equal(text, want);
}

static void literals(void **state)
{
    (void)state;
    struct io_sockaddr sa[IO_SOCKADDRS_MAX];
    assert_int_equal(resolve("10.1.2.3", 2379, sa), 1);
    assert_text(&sa[0], "10.1.2.3:2379");
    assert_int_equal(resolve("2001:db8::1", 2380, sa), 1);
    assert_text(&sa[0], "[2001:db8::1]:2380");
    io_sockaddr_set_port(&sa[0], 7);
    assert_int_equal(io_sockaddr_port(&sa[0]), 7);
}

static void localhost(void **state)
{
    (void)state;
    const char *const names[] = {"localhost", "LOCALHOST", "localhost."};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct io_sockaddr sa[IO_SOCKADDRS_MAX];
        assert_int_equal(resolve(names[i], 1, sa), 2);
        assert_text(&sa[0], "127.0.0.1:1");
        assert_text(&sa[1], "[::1]:1");
    }
}

static void wildcards(void **state)
{
    (void)state;
    const char *const names[] = {"", "0.0.0.0", "::"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct io_sockaddr sa[IO_SOCKADDRS_MAX];
        assert_int_equal(resolve(names[i], 1, sa), 1);
        assert_text(&sa[0], "[::]:1");
    }
}

static void names_are_refused(void **state)
{
    (void)state;
    const char *const names[] = {"example.com", "127.1", "1.2.3.4.5", "[::1]", "localhost.x"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct io_sockaddr sa[IO_SOCKADDRS_MAX];
        assert_int_equal(resolve(names[i], 1, sa), 0);
    }
}

static void mapped_peers_are_shown_as_ipv4(void **state)
{
    (void)state;
    struct io_sockaddr sa = {.len = sizeof(sa.in6)};
    sa.in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(9)};
    assert_int_equal(inet_pton(AF_INET6, "::ffff:10.0.0.1", &sa.in6.sin6_addr), 1);
    assert_text(&sa, "10.0.0.1:9");
}

static void loopback_is_known_in_every_form(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool is;
    } cases[] = {
        {"127.0.0.1", true},
        {"127.255.0.9", true},
        {"128.0.0.1", false},
        {"0.0.0.0", false},
        {"::1", true},
        {"::2", false},
        {"::", false},
        {"::ffff:127.0.0.1", true},
        {"::ffff:10.0.0.1", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct io_sockaddr sa[IO_SOCKADDRS_MAX];
        assert_int_equal(resolve(cases[i].host, 1, sa), 1);
        assert_int_equal(io_sockaddr_is_loopback(&sa[0]), cases[i].is);
    }
    struct io_sockaddr un = {.un = {.sun_family = AF_UNIX}};
    assert_false(io_sockaddr_is_loopback(&un));
}

static void unix_paths_have_a_limit(void **state)
{
    (void)state;
    struct io_address a = {.kind = IO_ADDRESS_UNIX};
    struct io_sockaddr sa[IO_SOCKADDRS_MAX];
    size_t n = 0;
    struct err err = {0};
    assert_int_equal(io_address_resolve(&a, sa, &n, &err), RC_INVALID); /* empty */
    memset(a.path, 'x', sizeof(a.path));                                /* no end */
    assert_int_equal(io_address_resolve(&a, sa, &n, &err), RC_INVALID);
    a.path[sizeof(a.path) - 1] = '\0';
    assert_int_equal(io_address_resolve(&a, sa, &n, &err), RC_OK);
    assert_string_equal(sa[0].un.sun_path, a.path);
}

static void texts_for_people(void **state)
{
    (void)state;
    char text[32];
    io_address_text(&(struct io_address){IO_ADDRESS_TCP, .host = "::1", .port = 5}, text, 32);
    assert_string_equal(text, "[::1]:5");
    io_address_text(&(struct io_address){IO_ADDRESS_TCP, .host = "h", .port = 5}, text, 32);
    assert_string_equal(text, "h:5");
    io_address_text(&(struct io_address){IO_ADDRESS_UNIX, .path = "/a"}, text, 32);
    assert_string_equal(text, "/a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals),
        cmocka_unit_test(localhost),
        cmocka_unit_test(wildcards),
        cmocka_unit_test(names_are_refused),
        cmocka_unit_test(texts_for_people),
        cmocka_unit_test(mapped_peers_are_shown_as_ipv4),
        cmocka_unit_test(loopback_is_known_in_every_form),
        cmocka_unit_test(unix_paths_have_a_limit),
    };
    return cmocka_run_group_tests_name("io/address", tests, NULL, NULL);
}
