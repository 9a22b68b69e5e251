#include "gateway_lab.h"

#include "base/mem.h"
#include "wire/etcd.h"
#include "wire/kv_codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t clock_now(struct clock *c)
{
    return CONTAINER_OF(c, struct gateway_lab, clock)->now_ns;
}

static void drop_event(struct log *log, enum log_level level, const char *event,
                       const struct log_pair *pairs)
{
    (void)log;
    (void)level;
    (void)event;
    (void)pairs;
}

static struct buf body_of(struct slice message)
{
    struct buf body = {0};
    rpc_body_begin(&body);
    buf_append_slice(&body, message);
    return body;
}

static void serve_echo(void *arg, struct rpc_call *call, struct slice message)
{
    struct gateway_lab *l = arg;
    struct buf body = body_of(message);
    l->served++;
    snprintf(l->token, sizeof(l->token), "%.*s", (int)call->token.n, (const char *)call->token.p);
    rpc_reply(call, &body);
}

static void serve_refuse(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_key_value kv;
    (void)arg;
    assert_int_equal(codec_key_value_parse(message, &kv), RC_OK);
    rpc_fail(call, (enum grpc_code)kv.version, "no \"such\" thing", kv.lease ? "look" : NULL);
}

static void serve_wait(void *arg, struct rpc_call *call, struct slice message)
{
    struct gateway_lab *l = arg;
    (void)message;
    l->served++;
    l->held = call;
}

struct pairs {
    struct http_source source;
    struct gateway_lab *lab;
};

static enum http_pull pull(struct http_source *source, struct buf *out, size_t max)
{
    static const uint8_t pair[] = {0x12, 3, 0x0a, 1, 'k'};
    struct gateway_lab *l = CONTAINER_OF(source, struct pairs, source)->lab;
    if (l->stalls) {
        l->stalls = false;
        return HTTP_PULL_WAIT;
    }
    for (size_t n = 0; n + sizeof(pair) <= max && l->pairs > 0; n += sizeof(pair), l->pairs--)
        buf_append(out, pair, sizeof(pair));
    return l->pairs > 0 ? HTTP_PULL_MORE : HTTP_PULL_END;
}

static void release(struct http_source *source)
{
    struct pairs *p = CONTAINER_OF(source, struct pairs, source);
    p->lab->released++;
    free(p);
}

static void serve_pull(void *arg, struct rpc_call *call, struct slice message)
{
    static const struct http_source_ops ops = {pull, release};
    struct gateway_lab *l = arg;
    struct pb_key_value kv;
    assert_int_equal(codec_key_value_parse(message, &kv), RC_OK);
    struct pairs *p = mem_zalloc(sizeof(*p));
    *p = (struct pairs){{&ops}, l};
    l->pairs = (uint64_t)kv.version;
    rpc_reply_source(call, &p->source, 5 * l->pairs);
}

static void talk_message(void *arg, struct rpc_call *call, struct slice message)
{
    struct gateway_lab *l = arg;
    struct pb_key_value kv;
    assert_int_equal(codec_key_value_parse(message, &kv), RC_OK);
    l->talk = call;
    l->served++;
    if (slice_eq(kv.key, SLICE_LIT("end"))) {
        l->talk = NULL;
        rpc_end(call);
    } else if (slice_eq(kv.key, SLICE_LIT("fail"))) {
        l->talk = NULL;
        rpc_fail(call, GRPC_ABORTED, "as you wish", "you asked for it");
    } else {
        struct buf body = body_of(message);
        rpc_send(call, &body);
    }
}

static void talk_half_close(void *arg, struct rpc_call *call)
{
    (void)call;
    ((struct gateway_lab *)arg)->half_closed++;
}

static void talk_drained(void *arg, struct rpc_call *call)
{
    (void)call;
    ((struct gateway_lab *)arg)->drained++;
}

static void talk_closed(void *arg, struct rpc_call *call)
{
    struct gateway_lab *l = arg;
    (void)call;
    l->closed++;
    l->talk = NULL;
}

static const struct rpc_stream_ops talk_ops = {.message = talk_message,
                                               .half_close = talk_half_close,
                                               .drained = talk_drained,
                                               .closed = talk_closed};

static const struct rpc_method methods[] = {
    {"/t.T/Echo", serve_echo},      {"/t.T/Pull", serve_pull}, {"/t.T/Refuse", serve_refuse},
    {"/t.T/Talk", NULL, &talk_ops}, {"/t.T/Wait", serve_wait},
};

static const struct rpc_gateway_route gateway[] = {
    {"echo", "/t.T/Echo", &wire_key_value, &wire_key_value, false, false},
    {"missing", "/t.T/Missing", &wire_key_value, &wire_key_value, false, false},
    {"pull", "/t.T/Pull", &wire_key_value, &wire_range_response, false, false},
    {"refuse", "/t.T/Refuse", &wire_key_value, &wire_key_value, false, false},
    {"talk", "/t.T/Talk", &wire_key_value, &wire_key_value, true, true},
    {"wait", "/t.T/Wait", &wire_key_value, &wire_key_value, false, false},
};

void gateway_lab_open(struct gateway_lab *l, size_t message_max, uint64_t budget_max)
{
    *l = (struct gateway_lab){.budget.max = budget_max};
    l->clock = (struct clock){.mono_ns = clock_now, .wall_ns = clock_now};
    l->log = (struct log){LOG_DEBUG, drop_event};
    l->env = (struct env){.clock = &l->clock, .timers = &l->timers, .log = &l->log};
    l->server = rpc_server_new(&(struct rpc_options){.env = &l->env,
                                                     .methods = methods,
                                                     .method_count = ARRAY_LEN(methods),
                                                     .gateway = gateway,
                                                     .gateway_count = ARRAY_LEN(gateway),
                                                     .arg = l,
                                                     .message_max = message_max,
                                                     .budget = &l->budget});
    caller_open(&l->caller, &l->env, rpc_server_handler(l->server, RPC_DOOR_ALL), &l->budget, 0);
}

void gateway_lab_close(struct gateway_lab *l)
{
    caller_close(&l->caller);
    assert_int_equal(rpc_server_calls(l->server), 0);
    assert_true(l->budget.used == 0);
    assert_true(timers_next(&l->timers) == TIMERS_NEVER);
    rpc_server_free(l->server);
    timers_fini(&l->timers);
}

char *gateway_lab_post(struct gateway_lab *l, const char *path, const char *header,
                       const char *body)
{
    char *text = mem_printf("POST %s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %zu\r\n\r\n%s", path,
                            header, strlen(body), body);
    char *answer = caller_http1(&l->env, rpc_server_handler(l->server, RPC_DOOR_ALL), text);
    free(text);
    return answer;
}

struct caller_reply *gateway_lab_send(struct gateway_lab *l, const char *path, const char *body,
                                      bool open)
{
    return caller_send(&l->caller, &(struct caller_request){.path = path,
                                                            .content_type = "application/json",
                                                            .body = slice_str(body),
                                                            .open = open});
}

void gateway_lab_said(struct caller_reply *r, const char *text)
{
    if (!slice_eq(buf_slice(&r->body), slice_str(text)))
        fail_msg("said %.*s", (int)r->body.n, (const char *)r->body.p);
    buf_clear(&r->body);
}
