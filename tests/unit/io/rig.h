/* rig - what the tests of src/io share: a loop driven step by step, clients, and a layer whose
 * behaviour the test chooses. Waits end by a condition, never by a length of time; a deadline far
 * beyond any slow machine turns a hang into a failure. */
#ifndef MOAT_TESTS_IO_RIG_H
#define MOAT_TESTS_IO_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"
#include "io/conn.h"
#include "io/listener.h"
#include "io/loop.h"

#define RIG_DEADLINE_S 120
#define RIG_LOG_MAX    4096

struct rig {
    struct io_loop *loop;
    struct io_listener *listener;
    struct io_address address;
    char dir[64];
    struct log log;
    char logged[RIG_LOG_MAX]; /* "event reason\n" … */
    struct list stacks;       /* struct stack, alive */
    size_t accepted;
    size_t closed;
    enum rc closed_why; /* of the last */
    bool refuse;        /* on_accept says no */
    struct stack *last; /* the newest; NULL once closed */
};

/* The layer under test conditions: echoes, and obeys these knobs. */
struct stack {
    struct layer layer;
    struct list item;
    struct rig *rig;
    struct io_conn *conn;
    struct buf out;   /* yet to be emitted */
    uint64_t endless; /* bytes that emit makes up beside */
    uint64_t fed;     /* bytes */
    uint64_t feeds;   /* calls */
    uint64_t emits;   /* calls that gave something */
    uint64_t emitted; /* bytes */
    size_t finish_at; /* finish within feed once fed reaches this; 0: never */
    size_t pause_at;  /* likewise pause */
    size_t fail_at;   /* likewise return an error */
    bool sink;        /* do not echo */
    bool in_call;     /* feed, emit or close is running: none may run within another */
    bool emit_fails;
};

int rig_setup(void **state);
int rig_teardown(void **state);

/* Listen on 127.0.0.1, port 0, or in the rig's directory. */
void rig_listen(struct rig *r, enum io_address_kind kind, struct io_limits limits);
int rig_connect(const struct rig *r); /* blocking socket, connected */
/* Run turns until cond(arg). */
void rig_until(struct rig *r, bool (*cond)(void *arg), void *arg);
void rig_turns(struct rig *r, unsigned n); /* at least n more turns, each without waiting long */
/* Accept one connection and return its stack and, in *fd, the client's end. */
struct stack *rig_pair(struct rig *r, int *fd);

void say(int fd, const char *s);
void put_all(int fd, const void *p, size_t n);
/* Run turns while reading exactly n bytes from fd; p NULL: drop them. */
void hear(struct rig *r, int fd, void *p, size_t n);
/* Run turns until fd is at its end, dropping what still comes. Returns 0, or the errno. */
int hear_end(struct rig *r, int fd);

#endif
