/* gateway_lab - an rpc server whose methods are called in JSON, by a client of either HTTP version.
 *
 *   /v3/echo      answers with the request      /v3/refuse  refuses, and explains
 *   /v3/pull      answers with as many pairs as `version` says, pulled
 *   /v3/wait      answers when the test does it: the call is in held
 *   /v3/talk      echoes each of many requests; the keys "end" and "fail" end it
 *   /v3/missing   no such method
 *
 * All messages are mvccpb.KeyValue; what is pulled is etcdserverpb.RangeResponse. */
#ifndef MOAT_TESTS_RPC_GATEWAY_LAB_H
#define MOAT_TESTS_RPC_GATEWAY_LAB_H

#include "caller.h"
#include "rpc/rpc.h"

struct gateway_lab {
    struct env env;
    struct clock clock;
    uint64_t now_ns;
    struct timers timers;
    struct log log;
    struct http_budget budget;
    struct rpc_server *server;
    struct caller caller;
    struct rpc_call *held;
    struct rpc_call *talk; /* the last one; NULL once it is over */
    char token[32];        /* of the last call */
    unsigned served, half_closed, closed, released, drained;
    uint64_t pairs; /* still to be pulled */
    bool stalls;    /* the source waits once */
};

void gateway_lab_open(struct gateway_lab *l, size_t message_max, uint64_t budget_max);
void gateway_lab_close(struct gateway_lab *l); /* nothing may be left behind */

/* POST in HTTP/1.1: the whole answer, to be freed. header may be "". */
char *gateway_lab_post(struct gateway_lab *l, const char *path, const char *header,
                       const char *body);
/* POST in HTTP/2; open: more of the body follows. */
struct caller_reply *gateway_lab_send(struct gateway_lab *l, const char *path, const char *body,
                                      bool open);
/* The body so far is text; it is forgotten. */
void gateway_lab_said(struct caller_reply *r, const char *text);

#endif
