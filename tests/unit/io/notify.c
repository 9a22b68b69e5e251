/* What a service manager hears, and where it listens. */
#include "io/notify.h"

#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A socket at that place; '@' is the zero of an abstract name. */
static int listener(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    memcpy(address.sun_path, path, n);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
                     0);
    return fd;
}

static void hears(const char *path)
{
    char text[64];
    int fd = listener(path);
    setenv("NOTIFY_SOCKET", path, 1);
    assert_int_equal(io_notify(IO_NOTIFY_READY), RC_OK);
    ssize_t n = recv(fd, text, sizeof(text), 0);
    assert_true(n > 0 && slice_eq(slice_of(text, (size_t)n), SLICE_LIT("READY=1")));
    close(fd);
}

static void test_a_path_and_an_abstract_name(void **state)
{
    char path[64];
    (void)state;
    snprintf(path, sizeof(path), "@moat-notify-%d", (int)getpid());
    hears(path);
    snprintf(path, sizeof(path), "/tmp/moat-notify-%d", (int)getpid());
    hears(path);
    unlink(path);
}

static void test_nobody_waits(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(io_notify(IO_NOTIFY_READY), RC_OK);
    setenv("NOTIFY_SOCKET", "", 1);
    assert_int_equal(io_notify(IO_NOTIFY_READY), RC_OK);
}

static void test_places_that_are_none(void **state)
{
    char path[200];
    (void)state;
    setenv("NOTIFY_SOCKET", "vsock:2:1", 1);
    assert_int_equal(io_notify(IO_NOTIFY_READY), RC_INVALID);
    memset(path, '/', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    setenv("NOTIFY_SOCKET", path, 1);
    assert_int_equal(io_notify(IO_NOTIFY_READY), RC_INVALID);
    setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
    assert_int_not_equal(io_notify(IO_NOTIFY_READY), RC_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_path_and_an_abstract_name),
        cmocka_unit_test(test_nobody_waits),
        cmocka_unit_test(test_places_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
