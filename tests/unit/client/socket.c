/* A plain transport connects, carries bytes both ways, and says why it could not. */
#include "client/transport.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "peer.h"

static struct client_transport *open_at(const char *text, struct err *err)
{
    struct client_endpoint e;
    client_endpoint_parse(slice_str(text), &e);
    struct client_transport *t = client_socket_open(&e, err);
    client_endpoint_fini(&e);
    return t;
}

static enum rc connect_it(struct client_transport *t, struct err *err)
{
    enum rc rc;
    while ((rc = t->ops->connect(t, err)) == RC_AGAIN) {
        struct pollfd p = {.fd = t->fd, .events = POLLOUT};
        poll(&p, 1, -1);
    }
    return rc;
}

static void a_path_carries_bytes(void **state)
{
    (void)state;
    char dir[] = "/tmp/moat-socket-XXXXXX";
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char endpoint[64];
    struct err err = {0};
    assert_non_null(mkdtemp(dir));
    snprintf(at.sun_path, sizeof(at.sun_path), "%s/s", dir);
    snprintf(endpoint, sizeof(endpoint), "unix://%s/s", dir);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(listener, 1), 0);
    struct client_transport *t = open_at(endpoint, &err);
    assert_non_null(t);
    assert_int_equal(connect_it(t, &err), RC_OK);
    int fd = accept(listener, NULL, NULL);
    uint8_t in[8];
    size_t n = 2;
    assert_int_equal(t->ops->send(t, (const uint8_t *)"hi", &n), RC_OK);
    assert_int_equal(read(fd, in, sizeof(in)), 2);
    n = sizeof(in);
    assert_int_equal(t->ops->recv(t, in, &n), RC_AGAIN);
    assert_int_equal(write(fd, "yes", 3), 3);
    n = sizeof(in);
    assert_int_equal(t->ops->recv(t, in, &n), RC_OK);
    assert_int_equal(n, 3);
    close(fd);
    n = sizeof(in);
    assert_int_equal(t->ops->recv(t, in, &n), RC_CLOSED);
    t->ops->close(t);
    close(listener);
    unlink(at.sun_path);
    rmdir(dir);
}

static void nobody_there_is_said_with_the_address(void **state)
{
    (void)state;
    struct peer nobody;
    struct err err = {0};
    peer_nobody(&nobody);
    struct client_transport *t = open_at(nobody.endpoint, &err);
    if (t) {
        assert_int_equal(connect_it(t, &err), RC_CLOSED);
        t->ops->close(t);
    }
    assert_non_null(strstr(err.text, nobody.endpoint));
    assert_non_null(strstr(err.text, "Connection refused"));
}

static void a_path_that_is_too_long_is_refused(void **state)
{
    (void)state;
    struct err err = {0};
    char endpoint[300] = "unix:///";
    memset(endpoint + 8, 'x', 200);
    assert_null(open_at(endpoint, &err));
    assert_non_null(strstr(err.text, "too long"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_carries_bytes),
        cmocka_unit_test(nobody_there_is_said_with_the_address),
        cmocka_unit_test(a_path_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
