/* lab - an rpc server with a few methods and routes, a clock that the test moves, and a client.
 *
 *   /t.T/Echo    answers with the message      /t.T/Explain  refuses, and explains
 *   /t.T/Source  answers with N bytes 'a' from a source, N the message's digits
 *   /t.T/Wait    answers when the test does it: the call is in lab.held
 *   /t.T/Chat    takes and sends several messages: echoes each, or does what it says
 *   /t.T/Count   answers with several messages; the digits of the message say how many */
#ifndef MOAT_TESTS_RPC_LAB_H
#define MOAT_TESTS_RPC_LAB_H

#include "caller.h"
#include "rpc/rpc.h"

struct lab {
    struct env env;
    struct clock clock;
    uint64_t now_ns;
    struct timers timers;
    struct log log;
    struct http_budget budget;
    struct rpc_server *server;
    struct caller caller;
    struct rpc_call *held;
    char token[32];        /* of the last call */
    unsigned served;       /* methods called */
    unsigned released;     /* sources */
    size_t source_left;    /* bytes the last source still has */
    bool source_fails;     /* the next source fails half way */
    struct rpc_call *chat; /* the last one opened; NULL once it is over */
    unsigned opened, half_closed, closed;
    unsigned drained;
    bool strict; /* messages that say "forbidden" are not admitted */
    bool talks;  /* drained sends one more message */
};

void lab_open(struct lab *l, size_t message_max, uint64_t budget_max, uint32_t stream_window);
void lab_close(struct lab *l); /* nothing may be left behind */
void lab_pass_ms(struct lab *l, uint64_t ms);
struct http_source *lab_letters(struct lab *l, size_t n); /* a source of n times 'a' */
void lab_answer(struct lab *l, const char *text);         /* the held call */

#endif
