/* A connection carries every byte once and in order, whatever its layer and its peer do; it costs
 * nothing when idle and at most one emit when its reader is slow; and it ends in good order. */
#include "rig.h"

#include "base/mem.h"
#include "io/conn_private.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS 1000

static void sends_back_what_came(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_TCP, IO_LIMITS_DEFAULT);
    int fd;
    rig_pair(r, &fd);
    char got[5];
    say(fd, "hello");
    hear(r, fd, got, 5);
    assert_memory_equal(got, "hello", 5);
    close(fd);
    while (r->closed == 0)
        rig_turns(r, 1);
    assert_int_equal(r->closed_why, RC_END);
}

static void works_over_unix_sockets(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_UNIX, IO_LIMITS_DEFAULT);
    int fd;
    struct stack *s = rig_pair(r, &fd);
    assert_true(slice_eq(io_conn_peer(s->conn), SLICE_LIT("@")));
    char got[2];
    say(fd, "hi");
    hear(r, fd, got, 2);
    assert_memory_equal(got, "hi", 2);
    close(fd);
}

/* A pattern longer than all buffers, both ways at once, checked byte for byte. */
static void keeps_a_long_stream_whole(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_TCP, IO_LIMITS_DEFAULT);
    int fd;
    rig_pair(r, &fd);
    enum { PIECE = 100003, PIECES = 100 };
    uint8_t *sent = mem_alloc(PIECE);
    uint8_t *got = mem_alloc(PIECE);
    for (unsigned i = 0; i < PIECES; i++) {
        for (size_t k = 0; k < PIECE; k++)
            sent[k] = (uint8_t)(k * 31 + i);
        put_all(fd, sent, PIECE);
        hear(r, fd, got, PIECE);
        assert_memory_equal(sent, got, PIECE);
    }
    free(sent);
    free(got);
    close(fd);
}

static void flushes_once_per_turn(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_TCP, IO_LIMITS_DEFAULT);
    int fd;
    struct stack *s = rig_pair(r, &fd);
    rig_turns(r, 2);
    uint64_t sends = io_loop_stats(r->loop)->sends;
    uint64_t recvs = io_loop_stats(r->loop)->recvs;
    /* Wakes as of a hundred responses within one turn. */
    for (int i = 0; i < 100; i++) {
        buf_append_str(&s->out, "response");
        s->layer.below->wake(s->layer.below);
    }
    rig_turns(r, 2);
    assert_int_equal(io_loop_stats(r->loop)->sends, sends + 1);
    char got[800];
    hear(r, fd, got, sizeof(got));
    /* And one receive for what arrives: a short one means that there is no more. */
    say(fd, "request");
    hear(r, fd, got, 7);
    assert_int_equal(io_loop_stats(r->loop)->recvs, recvs + 1);
    assert_int_equal(io_loop_stats(r->loop)->sends, sends + 2);
    close(fd);
}

/* 0 under the sanitizers' allocators: they check other things. */
static size_t heap_bytes(void)
{
    return mallinfo2().uordblks;
}

static void fill(struct rig *r, struct stack *s, uint64_t bytes)
{
    s->endless = bytes;
    s->layer.below->wake(s->layer.below);
    uint64_t before;
    do {
        before = s->emitted;
        rig_turns(r, 20);
    } while (s->emitted != before);
}

static void slow_reader_costs_one_emit(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_TCP, IO_LIMITS_DEFAULT);
    int fd;
    struct stack *s = rig_pair(r, &fd);
    uint64_t total = 256u << 20;
    size_t before = heap_bytes();
    fill(r, s, total);
    assert_true(s->endless > 0); /* the kernel's buffers are full, the rest was never asked for */
    assert_true(heap_bytes() < before + 3 * (size_t)IO_EMIT_MAX);
    /* No spinning while the peer reads nothing: turns happen by the rig's 1-ms timer only. */
    uint64_t sends = io_loop_stats(r->loop)->sends;
    rig_turns(r, 20);
    assert_true(io_loop_stats(r->loop)->sends - sends <= 1);
    hear(r, fd, NULL, total);
    assert_int_equal(s->emitted, total);
    rig_turns(r, 2);
    assert_true(heap_bytes() < before + 2 * (size_t)IO_EMIT_MAX); /* the loop's own buffer */
    close(fd);
}

static bool is_closed(void *arg)
{
    const struct rig *r = arg;
    return r->closed > 0;
}

static void cuts_off_a_peer_that_takes_nothing(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_TCP, (struct io_limits){.write_stall_ms = 50});
    int fd;
    struct stack *s = rig_pair(r, &fd);
    s->endless = UINT64_MAX;
    s->layer.below->wake(s->layer.below);
    rig_until(r, is_closed, r);
    assert_int_equal(r->closed_why, RC_TIMEOUT);
    assert_non_null(strstr(r->logged, "io.write_stalled"));
    close(fd);
}

/* Socket buffers as small as the kernel has them, so that each send takes but a part of the rest.
 */
static void shrink(const struct stack *s, int fd)
{
    int least = 1;
    assert_int_equal(setsockopt(s->conn->fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)), 0);
}

static void keeps_the_order_in_partial_writes(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_UNIX, IO_LIMITS_DEFAULT);
    int fd;
    struct stack *s = rig_pair(r, &fd);
    shrink(s, fd);
    enum { LENGTH = 600011 };
    uint8_t *sent = buf_extend(&s->out, LENGTH);
    for (size_t k = 0; k < LENGTH; k++)
        sent[k] = (uint8_t)(k * 31 + k / 251);
    uint8_t *want = mem_alloc(LENGTH);
    memcpy(want, sent, LENGTH);
    s->layer.below->wake(s->layer.below);
    uint8_t *got = mem_alloc(LENGTH);
    hear(r, fd, got, LENGTH);
    assert_memory_equal(got, want, LENGTH);
    assert_true(io_loop_stats(r->loop)->sends > 2 * s->emits); /* partial they were */
    free(want);
    free(got);
    close(fd);
}

/* The loop's clock, moved on by the test. */
static uint64_t skew_ns;
static uint64_t (*true_mono_ns)(struct clock *c);

static uint64_t skewed_mono_ns(struct clock *c)
{
    return true_mono_ns(c) + skew_ns;
}

static void skew_clock(struct rig *r)
{
    struct clock *c = io_loop_env(r->loop)->clock;
    skew_ns = 0;
    true_mono_ns = c->mono_ns;
    c->mono_ns = skewed_mono_ns;
}

static void nothing(struct timer *t)
{
    (void)t;
}

/* Let time pass. The loop has set its alarm by the old time: a timer long due makes it look. */
static void pass(struct rig *r, uint64_t ns)
{
    static struct timer nudge;
    nudge = (struct timer){.fire = nothing};
    skew_ns += ns;
    timer_start(io_loop_env(r->loop)->timers, &nudge, 0);
    while (timer_active(&nudge))
        rig_turns(r, 1);
}

/* Ten times three quarters of what a stall may last, with some progress in each. */
static void lets_a_slow_reader_go_on(void **state)
{
    struct rig *r = *state;
    uint32_t stall_ms = 400000;
    rig_listen(r, IO_ADDRESS_UNIX, (struct io_limits){.write_stall_ms = stall_ms});
    skew_clock(r);
    int fd;
    struct stack *s = rig_pair(r, &fd);
    shrink(s, fd);
    fill(r, s, 256u << 20);
    assert_int_equal(s->emits, 1); /* its rest is what trickles out below */
    for (int i = 0; i < 10; i++) {
        uint64_t sent = io_loop_stats(r->loop)->send_bytes;
        while (io_loop_stats(r->loop)->send_bytes == sent)
            hear(r, fd, NULL, 1024);
        pass(r, (uint64_t)stall_ms * 3 / 4 * NS_PER_MS);
        rig_turns(r, 5);
        assert_int_equal(r->closed, 0);
    }
    assert_int_equal(s->emits, 1);
    pass(r, (uint64_t)stall_ms * NS_PER_MS);
    rig_until(r, is_closed, r);
    assert_int_equal(r->closed_why, RC_TIMEOUT);
    close(fd);
}

static void pauses_and_goes_on(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_TCP, IO_LIMITS_DEFAULT);
    int fd;
    struct stack *s = rig_pair(r, &fd);
    s->pause_at = 3;
    say(fd, "abc");
    char got[6];
    hear(r, fd, got, 3);
    say(fd, "def");
    rig_turns(r, 5);
    assert_int_equal(s->fed, 3);
    s->pause_at = 0;
    s->layer.below->pause(s->layer.below, false);
    hear(r, fd, got + 3, 3);
    assert_memory_equal(got, "abcdef", 6);
    close(fd);
}

static void a_paused_connection_loses_nothing_at_its_end(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_TCP, IO_LIMITS_DEFAULT);
    int fd;
    struct stack *s = rig_pair(r, &fd);
    s->pause_at = 1;
    say(fd, "a");
    char got[3];
    hear(r, fd, got, 1);
    say(fd, "bc");
    shutdown(fd, SHUT_WR);
    rig_turns(r, 5);
    assert_int_equal(r->closed, 0);
    s->pause_at = 0;
    s->layer.below->pause(s->layer.below, false);
    hear(r, fd, got + 1, 2);
    assert_memory_equal(got, "abc", 3);
    assert_int_equal(hear_end(r, fd), 0);
    assert_int_equal(r->closed_why, RC_END);
    close(fd);
}

/* A reset reaches a paused connection too: nothing may wait for a peer that is gone. */
static void a_paused_connection_learns_of_a_reset(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_TCP, IO_LIMITS_DEFAULT);
    int fd;
    struct stack *s = rig_pair(r, &fd);
    s->pause_at = 1;
    s->sink = true;
    say(fd, "a");
    while (s->fed == 0)
        rig_turns(r, 1);
    say(fd, "b"); /* an event, which takes the interest in input away */
    rig_turns(r, 3);
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    close(fd);
    rig_until(r, is_closed, r);
    assert_int_equal(r->closed_why, RC_CLOSED);
}

static void a_flood_is_read_in_turns(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_TCP, IO_LIMITS_DEFAULT);
    int fd;
    struct stack *s = rig_pair(r, &fd);
    s->sink = true;
    enum { FLOOD = 1 << 20 };
    uint8_t *bytes = mem_zalloc(FLOOD);
    /* Within what loopback sockets buffer, or this would block. */
    int sent = (int)send(fd, bytes, FLOOD, MSG_DONTWAIT);
    assert_true(sent > (int)(4 * IO_READ_MAX));
    uint64_t turns = io_loop_stats(r->loop)->turns;
    while (s->fed < (uint64_t)sent)
        rig_turns(r, 1);
    uint64_t per_turn = (uint64_t)IO_READS_PER_TURN * IO_READ_MAX;
    assert_true(io_loop_stats(r->loop)->turns - turns >= (uint64_t)sent / per_turn);
    free(bytes);
    close(fd);
}

static void finish_within_feed_sends_the_rest(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_TCP, IO_LIMITS_DEFAULT);
    int fd;
    struct stack *s = rig_pair(r, &fd);
    s->finish_at = 4;
    s->endless = 3u << 20; /* more than one emit, more than the kernel takes at once */
    say(fd, "quit");
    hear(r, fd, NULL, 4 + (3u << 20));
    assert_int_equal(hear_end(r, fd), 0);
    assert_int_equal(r->closed_why, RC_OK);
    close(fd);
}

/* What the peer still sends when we finish must not turn our last bytes into a reset. */
static void finish_outlasts_unread_input(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_TCP, IO_LIMITS_DEFAULT);
    int fd;
    struct stack *s = rig_pair(r, &fd);
    s->sink = true;
    s->finish_at = 1;
    buf_append_str(&s->out, "bye");
    uint8_t *noise = mem_zalloc(4 * IO_READ_MAX);
    assert_true(send(fd, noise, 4 * IO_READ_MAX, MSG_DONTWAIT) > 0);
    rig_until(r, is_closed, r);
    /* No reset has come: the peer may go on for a moment. */
    assert_int_equal(send(fd, noise, 100, MSG_DONTWAIT | MSG_NOSIGNAL), 100);
    rig_turns(r, 5);
    char got[3];
    hear(r, fd, got, 3);
    assert_memory_equal(got, "bye", 3);
    assert_int_equal(hear_end(r, fd), 0);
    free(noise);
    close(fd);
}

static void lingering_ends_by_itself(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_TCP, IO_LIMITS_DEFAULT);
    int fd;
    struct stack *s = rig_pair(r, &fd);
    s->finish_at = 1;
    say(fd, "x");
    rig_until(r, is_closed, r);
    assert_int_equal(io_loop_stats(r->loop)->connections, 1);
    while (io_loop_stats(r->loop)->connections > 0)
        rig_turns(r, 10); /* the client keeps its end open all the while */
    close(fd);
}

static void an_error_in_feed_still_sends_a_last_word(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_TCP, IO_LIMITS_DEFAULT);
    int fd;
    struct stack *s = rig_pair(r, &fd);
    s->fail_at = 3;
    say(fd, "bad");
    char got[3];
    hear(r, fd, got, 3);
    assert_int_equal(hear_end(r, fd), 0);
    assert_int_equal(r->closed_why, RC_PROTOCOL);
    close(fd);
}

static void an_error_in_emit_ends_the_connection(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_TCP, IO_LIMITS_DEFAULT);
    int fd;
    struct stack *s = rig_pair(r, &fd);
    s->emit_fails = true;
    say(fd, "x");
    char got[1];
    hear(r, fd, got, 1);
    assert_int_equal(hear_end(r, fd), 0);
    assert_int_equal(r->closed_why, RC_PROTOCOL);
    close(fd);
}

static void a_peer_gone_while_we_send_closes(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_TCP, IO_LIMITS_DEFAULT);
    int fd;
    struct stack *s = rig_pair(r, &fd);
    fill(r, s, 64u << 20);
    close(fd); /* with unread bytes: a reset */
    rig_until(r, is_closed, r);
    assert_int_equal(r->closed_why, RC_CLOSED);
}

static void a_thousand_connections_are_light(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_UNIX, IO_LIMITS_DEFAULT);
    static int fds[CLIENTS];
    size_t before = heap_bytes();
    for (size_t i = 0; i < CLIENTS; i++) {
        fds[i] = rig_connect(r);
        say(fds[i], "ping");
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        char got[4];
        hear(r, fds[i], got, 4);
        assert_memory_equal(got, "ping", 4);
    }
    assert_int_equal(io_loop_stats(r->loop)->connections, CLIENTS);
    /* The layers of this test keep 64 bytes of output buffer each; the rest is the connection. */
    assert_true(heap_bytes() < before + CLIENTS * 1024u + 2 * (size_t)IO_EMIT_MAX);
    for (size_t i = 0; i < CLIENTS; i++)
        close(fds[i]);
    while (r->closed < CLIENTS)
        rig_turns(r, 1);
    assert_int_equal(io_loop_stats(r->loop)->connections, 0);
}

static void freeing_the_loop_closes_what_is_open(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_TCP, IO_LIMITS_DEFAULT);
    int a;
    int b;
    rig_pair(r, &a);
    struct stack *s = rig_pair(r, &b);
    s->endless = UINT64_MAX; /* dirty, and soon with bytes unsent */
    s->layer.below->wake(s->layer.below);
    rig_turns(r, 3);
    close(a);
    close(b);
    /* The teardown frees the loop and checks that both layers were closed. */
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(sends_back_what_came),
        T(works_over_unix_sockets),
        T(keeps_a_long_stream_whole),
        T(flushes_once_per_turn),
        T(slow_reader_costs_one_emit),
        T(keeps_the_order_in_partial_writes),
        T(cuts_off_a_peer_that_takes_nothing),
        T(lets_a_slow_reader_go_on),
        T(pauses_and_goes_on),
        T(a_paused_connection_loses_nothing_at_its_end),
        T(a_paused_connection_learns_of_a_reset),
        T(a_flood_is_read_in_turns),
        T(finish_within_feed_sends_the_rest),
        T(finish_outlasts_unread_input),
        T(lingering_ends_by_itself),
        T(an_error_in_feed_still_sends_a_last_word),
        T(an_error_in_emit_ends_the_connection),
        T(a_peer_gone_while_we_send_closes),
        T(a_thousand_connections_are_light),
        T(freeing_the_loop_closes_what_is_open),
    };
    return cmocka_run_group_tests_name("io/conn", tests, NULL, NULL);
}
