/* A listener takes an address nobody else serves, says in a sentence why it cannot, and under too
 * many connections or too few descriptors refuses some instead of spinning or dying. */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct layer *never(void *arg, struct io_conn *c, struct slice peer)
{
    (void)arg;
    (void)c;
    (void)peer;
    return NULL;
}

static enum rc try_listen(struct rig *r, const struct io_address *a, struct err *err)
{
    struct io_listener *l = NULL;
    struct io_listener_options opt = {.address = *a, .on_accept = never};
    enum rc rc = io_listen(r->loop, &opt, &l, err);
    if (rc == RC_OK)
        io_listener_close(l);
    return rc;
}

static void a_taken_port_is_named(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_TCP, IO_LIMITS_DEFAULT);
    struct err err = {0};
    assert_int_equal(try_listen(r, &r->address, &err), RC_ADDR_IN_USE);
    char text[64];
    io_address_text(&r->address, text, sizeof(text));
    assert_non_null(strstr(err.text, text));
    assert_non_null(strstr(err.text, "choose another address"));
}

static void a_foreign_address_is_refused(void **state)
{
    struct rig *r = *state;
    struct io_address a = {.kind = IO_ADDRESS_TCP, .host = "192.0.2.1"}; /* RFC 5737: nobody's */
    struct err err = {0};
    assert_int_equal(try_listen(r, &a, &err), RC_INVALID);
    assert_non_null(strstr(err.text, "192.0.2.1"));
}

static void a_name_is_not_an_address(void **state)
{
    struct rig *r = *state;
    struct io_address a = {.kind = IO_ADDRESS_TCP, .host = "example.com", .port = 1};
    struct err err = {0};
    assert_int_equal(try_listen(r, &a, &err), RC_INVALID);
    assert_non_null(strstr(err.text, "example.com"));
}

static void localhost_is_the_loopback(void **state)
{
    struct rig *r = *state;
    struct io_listener *l = NULL;
    struct io_listener_options opt = {
        .address = {.kind = IO_ADDRESS_TCP, .host = "LocalHost"}, .arg = r, .on_accept = never};
    struct err err = {0};
    assert_int_equal(io_listen(r->loop, &opt, &l, &err), RC_OK);
    r->address = (struct io_address){
        .kind = IO_ADDRESS_TCP, .host = "127.0.0.1", .port = io_listener_port(l)};
    int fd = rig_connect(r);
    hear_end(r, fd);
    close(fd);
    int v6 = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 here = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    if (v6 >= 0 && bind(v6, (struct sockaddr *)&here, sizeof(here)) == 0) {
        snprintf(r->address.host, sizeof(r->address.host), "::1");
        fd = rig_connect(r);
        hear_end(r, fd);
        close(fd);
    }
    if (v6 >= 0)
        close(v6);
    io_listener_close(l);
}

static void any_address_takes_loopback_too(void **state)
{
    struct rig *r = *state;
    struct io_listener *l = NULL;
    struct io_listener_options opt = {
        .address = {.kind = IO_ADDRESS_TCP, .host = "0.0.0.0"}, .arg = r, .on_accept = never};
    struct err err = {0};
    assert_int_equal(io_listen(r->loop, &opt, &l, &err), RC_OK);
    r->address = (struct io_address){
        .kind = IO_ADDRESS_TCP, .host = "127.0.0.1", .port = io_listener_port(l)};
    int fd = rig_connect(r);
    hear_end(r, fd);
    close(fd);
    io_listener_close(l);
}

/* The server's descriptor of the connection that fd is the client's end of. */
static int other_end(int fd)
{
    struct sockaddr_in own = {0};
    socklen_t len = sizeof(own);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &len), 0);
    for (int i = 0; i < FD_SETSIZE; i++) {
        struct sockaddr_in peer = {0};
        len = sizeof(peer);
        if (getpeername(i, (struct sockaddr *)&peer, &len) == 0 && peer.sin_family == AF_INET &&
            peer.sin_port == own.sin_port)
            return i;
    }
    fail_msg("no descriptor is the other end");
    return -1;
}

static void nothing_is_paced_within_the_host(void **state)
{
    struct rig *r = *state;
    int fd;
    rig_listen(r, IO_ADDRESS_TCP, IO_LIMITS_DEFAULT);
    assert_non_null(rig_pair(r, &fd));
    char name[16] = "";
    socklen_t len = sizeof(name);
    assert_int_equal(getsockopt(other_end(fd), IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
    assert_string_equal(name, "reno");
    close(fd);
}

static void a_live_unix_socket_is_left_alone(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_UNIX, IO_LIMITS_DEFAULT);
    struct stat st;
    assert_int_equal(stat(r->address.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct err err = {0};
    assert_int_equal(try_listen(r, &r->address, &err), RC_ADDR_IN_USE);
    assert_non_null(strstr(err.text, r->address.path));
    int fd;
    assert_non_null(rig_pair(r, &fd));
    close(fd);
}

static void a_dead_unix_socket_is_replaced(void **state)
{
    struct rig *r = *state;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path, sizeof(un.sun_path), "%s/s", r->dir);
    int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(dead, (struct sockaddr *)&un, sizeof(un)), 0);
    close(dead); /* as a crash leaves it */
    rig_listen(r, IO_ADDRESS_UNIX, IO_LIMITS_DEFAULT);
    int fd;
    assert_non_null(rig_pair(r, &fd));
    close(fd);
}

static void a_file_in_the_way_is_not_removed(void **state)
{
    struct rig *r = *state;
    struct io_address a = {.kind = IO_ADDRESS_UNIX};
    snprintf(a.path, sizeof(a.path), "%s/s", r->dir);
    int fd = open(a.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    struct err err = {0};
    assert_int_equal(try_listen(r, &a, &err), RC_EXISTS);
    assert_non_null(strstr(err.text, a.path));
    assert_int_equal(unlink(a.path), 0);
}

static void a_successors_socket_is_not_unlinked(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_UNIX, IO_LIMITS_DEFAULT);
    assert_int_equal(unlink(r->address.path), 0);
    int fd = open(r->address.path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    io_listener_close(r->listener);
    r->listener = NULL;
    assert_int_equal(unlink(r->address.path), 0); /* it is still there */
}

static void a_missing_directory_is_told(void **state)
{
    struct rig *r = *state;
    struct io_address a = {.kind = IO_ADDRESS_UNIX};
    snprintf(a.path, sizeof(a.path), "%s/none/s", r->dir);
    struct err err = {0};
    assert_int_equal(try_listen(r, &a, &err), RC_NOT_FOUND);
    assert_non_null(strstr(err.text, a.path));
}

static void the_total_limit_holds(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_TCP, (struct io_limits){.connections = 2});
    int a;
    int b;
    rig_pair(r, &a);
    rig_pair(r, &b);
    int c = rig_connect(r);
    hear_end(r, c);
    close(c);
    c = rig_connect(r);
    hear_end(r, c);
    close(c);
    assert_int_equal(io_loop_stats(r->loop)->refused, 2);
    assert_non_null(strstr(r->logged, "io.connection_limit too many connections\n"));
    close(a);
    while (r->closed == 0)
        rig_turns(r, 1);
    assert_non_null(rig_pair(r, &c)); /* there is room again */
    close(b);
    close(c);
}

static void the_limit_per_address_holds(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_TCP, (struct io_limits){.per_address = 1});
    int a;
    rig_pair(r, &a);
    int b = rig_connect(r);
    hear_end(r, b);
    close(b);
    assert_non_null(strstr(r->logged, "from one address"));
    /* Another address has its own count. */
    int c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = {htonl(0x7f000002)}};
    assert_int_equal(bind(c, (struct sockaddr *)&from, sizeof(from)), 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(r->address.port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_int_equal(connect(c, (struct sockaddr *)&to, sizeof(to)), 0);
    while (r->accepted < 2)
        rig_turns(r, 1);
    close(a);
    close(c);
}

static void the_application_may_refuse(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_TCP, IO_LIMITS_DEFAULT);
    r->refuse = true;
    int fd = rig_connect(r);
    hear_end(r, fd);
    assert_int_equal(io_loop_stats(r->loop)->refused, 1);
    close(fd);
}

static void connections_outlive_their_listener(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_TCP, IO_LIMITS_DEFAULT);
    int fd;
    rig_pair(r, &fd);
    io_listener_close(r->listener);
    r->listener = NULL;
    char got[2];
    say(fd, "yo");
    hear(r, fd, got, 2);
    close(fd);
    while (r->closed == 0)
        rig_turns(r, 1);
}

/* In a child, as the limit is the process's. Exit codes say what went wrong. */
static void without_descriptors(struct rig *r)
{
    rig_listen(r, IO_ADDRESS_TCP, IO_LIMITS_DEFAULT);
    int early;
    rig_pair(r, &early);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int second = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int top = dup(client);
    close(top);
    struct rlimit rl;
    getrlimit(RLIMIT_NOFILE, &rl);
    rl.rlim_cur = (rlim_t)top; /* nothing free below the limit from here on */
    if (setrlimit(RLIMIT_NOFILE, &rl) != 0)
        _exit(10);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(r->address.port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (connect(client, (struct sockaddr *)&to, sizeof(to)) != 0 ||
        connect(second, (struct sockaddr *)&to, sizeof(to)) != 0)
        _exit(11);
    hear_end(r, client);
    hear_end(r, second);
    if (!strstr(r->logged, "io.no_descriptors") ||
        strstr(strstr(r->logged, "io.no_descriptors") + 1, "io.no_descriptors"))
        _exit(12); /* one line, not none and not two */
    char got[2];
    say(early, "ok");
    hear(r, early, got, 2); /* who is connected is served */
    uint64_t turns = io_loop_stats(r->loop)->turns;
    rig_turns(r, 5);
    if (io_loop_stats(r->loop)->turns > turns + 50)
        _exit(13); /* spinning */
    close(client);
    int third = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    close(second);
    if (connect(third, (struct sockaddr *)&to, sizeof(to)) != 0)
        _exit(14);
    while (r->accepted < 2)
        rig_turns(r, 1); /* a descriptor is free again */
    _exit(0);
}

/* Without a rig in the parent: a child has only the thread that forked. */
static void too_few_descriptors_refuse(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        void *own = NULL;
        rig_setup(&own);
        rmdir(((struct rig *)own)->dir);
        without_descriptors(own);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_few_descriptors_refuse), /* first: no thread has run yet */
        T(a_taken_port_is_named),
        T(a_foreign_address_is_refused),
        T(a_name_is_not_an_address),
        T(localhost_is_the_loopback),
        T(any_address_takes_loopback_too),
        T(nothing_is_paced_within_the_host),
        T(a_live_unix_socket_is_left_alone),
        T(a_dead_unix_socket_is_replaced),
        T(a_file_in_the_way_is_not_removed),
        T(a_successors_socket_is_not_unlinked),
        T(a_missing_directory_is_told),
        T(the_total_limit_holds),
        T(the_limit_per_address_holds),
        T(the_application_may_refuse),
        T(connections_outlive_their_listener),
    };
    return cmocka_run_group_tests_name("io/listener", tests, NULL, NULL);
}
