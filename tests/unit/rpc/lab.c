#include "lab.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct letters {
    struct http_source source;
    struct lab *lab;
};

static uint64_t clock_now(struct clock *c)
{
    return CONTAINER_OF(c, struct lab, clock)->now_ns;
}

static void drop_event(struct log *log, enum log_level level, const char *event,
                       const struct log_pair *pairs)
{
    (void)log;
    (void)level;
    (void)event;
    (void)pairs;
}

static void reply(struct rpc_call *call, struct slice message)
{
    struct buf body = {0};
    rpc_body_begin(&body);
    buf_append_slice(&body, message);
    rpc_reply(call, &body);
    assert_null(body.p);
}

static void serve_echo(void *arg, struct rpc_call *call, struct slice message)
{
    struct lab *l = arg;
    l->served++;
    snprintf(l->token, sizeof(l->token), "%.*s", (int)call->token.n, (const char *)call->token.p);
    reply(call, message);
}

static void serve_explain(void *arg, struct rpc_call *call, struct slice message)
{
    struct lab *l = arg;
    (void)message;
    l->served++;
    rpc_fail(call, GRPC_NOT_FOUND, "no such thing: 100% \xc3\xa4", "look\nelsewhere");
}

static enum http_pull pull(struct http_source *source, struct buf *out, size_t max)
{
    struct lab *l = CONTAINER_OF(source, struct letters, source)->lab;
    if (l->source_fails && l->source_left < 1000)
        return HTTP_PULL_FAIL;
    size_t n = l->source_left < max ? l->source_left : max;
    if (n)
        memset(buf_extend(out, n), 'a', n);
    l->source_left -= n;
    return l->source_left > 0 ? HTTP_PULL_MORE : HTTP_PULL_END;
}

static void release(struct http_source *source)
{
    struct letters *s = CONTAINER_OF(source, struct letters, source);
    s->lab->released++;
    free(s);
}

struct http_source *lab_letters(struct lab *l, size_t n)
{
    static const struct http_source_ops ops = {pull, release};
    struct letters *s = mem_zalloc(sizeof(*s));
    *s = (struct letters){.source = {&ops}, .lab = l};
    l->source_left = n;
    return &s->source;
}

static uint64_t number(struct slice digits)
{
    uint64_t n = 0;
    for (size_t i = 0; i < digits.n; i++)
        n = n * 10 + (uint64_t)(digits.p[i] - '0');
    return n;
}

static void serve_source(void *arg, struct rpc_call *call, struct slice message)
{
    struct lab *l = arg;
    uint64_t n = number(message);
    l->served++;
    rpc_reply_source(call, lab_letters(l, (size_t)n), n);
}

static void serve_wait(void *arg, struct rpc_call *call, struct slice message)
{
    struct lab *l = arg;
    (void)message;
    l->served++;
    l->held = call;
}

static void say(struct rpc_call *call, struct slice message)
{
    struct buf body = {0};
    rpc_body_begin(&body);
    buf_append_slice(&body, message);
    rpc_send(call, &body);
    assert_null(body.p);
}

static void chat_open(void *arg, struct rpc_call *call)
{
    struct lab *l = arg;
    l->opened++;
    if (slice_eq(call->token, SLICE_LIT("unwelcome"))) {
        rpc_fail(call, GRPC_UNAUTHENTICATED, "go away", NULL);
        return;
    }
    call->user = l;
    l->chat = call;
}

static void chat_message(void *arg, struct rpc_call *call, struct slice message)
{
    struct lab *l = arg;
    assert_ptr_equal(call->user, l);
    l->served++;
    struct slice kept = arena_copy(&call->arena, message); /* as decoding does */
    if (slice_eq(message, SLICE_LIT("end")) || slice_eq(message, SLICE_LIT("fail")))
        l->chat = NULL;
    if (slice_eq(message, SLICE_LIT("end")))
        rpc_end(call);
    else if (slice_eq(message, SLICE_LIT("fail")))
        rpc_fail(call, GRPC_ABORTED, "as you wish", "you asked for it");
    else if (slice_eq(message, SLICE_LIT("hold")))
        rpc_hold(call);
    else
        say(call, kept);
}

static void chat_half_close(void *arg, struct rpc_call *call)
{
    struct lab *l = arg;
    l->half_closed++;
    say(call, SLICE_LIT("bye"));
}

static void chat_drained(void *arg, struct rpc_call *call)
{
    struct lab *l = arg;
    l->drained++;
    if (l->talks)
        say(call, SLICE_LIT("more"));
    l->talks = false;
}

static void chat_closed(void *arg, struct rpc_call *call)
{
    struct lab *l = arg;
    assert_ptr_equal(l->chat, call);
    l->closed++;
    l->chat = NULL;
}

static void serve_count(void *arg, struct rpc_call *call, struct slice message)
{
    struct lab *l = arg;
    uint64_t n = number(message);
    l->served++;
    for (uint64_t i = 0; i < n; i++)
        say(call, SLICE_LIT("one"));
    rpc_end(call);
}

static const struct rpc_stream_ops chat_ops = {.open = chat_open,
                                               .message = chat_message,
                                               .half_close = chat_half_close,
                                               .drained = chat_drained,
                                               .closed = chat_closed,
                                               .urgent = true};
static const struct rpc_stream_ops count_ops = {.closed = chat_closed};

static bool admit(void *arg, struct rpc_call *call, struct slice message)
{
    struct lab *l = arg;
    if (!l->strict || !slice_eq(message, SLICE_LIT("forbidden")))
        return true;
    rpc_fail(call, GRPC_PERMISSION_DENIED, "no", NULL);
    return false;
}

static void serve_text(void *arg, const struct rpc_http_request *req, struct rpc_http_reply *out)
{
    (void)arg;
    out->content_type = "text/plain";
    buf_printf(&out->body, "path %.*s query %.*s", (int)req->path.n, (const char *)req->path.p,
               (int)req->query.n, (const char *)req->query.p);
}

static void serve_ill(void *arg, const struct rpc_http_request *req, struct rpc_http_reply *out)
{
    (void)arg;
    (void)req;
    out->status = 503;
    out->extra_name = "x-more";
    snprintf(out->extra_value, sizeof(out->extra_value), "1");
    buf_append_str(&out->body, "ill");
}

static const struct rpc_method methods[] = {
    {"/t.T/Chat", NULL, &chat_ops}, {"/t.T/Count", serve_count, &count_ops},
    {"/t.T/Echo", serve_echo},      {"/t.T/Explain", serve_explain},
    {"/t.T/Source", serve_source},  {"/t.T/Wait", serve_wait},
};

static const struct rpc_route routes[] = {{"/text", serve_text}, {"/ill", serve_ill}};

void lab_open(struct lab *l, size_t message_max, uint64_t budget_max, uint32_t stream_window)
{
    *l = (struct lab){.budget.max = budget_max};
    l->clock = (struct clock){.mono_ns = clock_now, .wall_ns = clock_now};
    l->log = (struct log){LOG_DEBUG, drop_event};
    l->env = (struct env){.clock = &l->clock, .timers = &l->timers, .log = &l->log};
    l->server = rpc_server_new(&(struct rpc_options){.env = &l->env,
                                                     .methods = methods,
                                                     .method_count = ARRAY_LEN(methods),
                                                     .routes = routes,
                                                     .route_count = ARRAY_LEN(routes),
                                                     .access = {.cors = true},
                                                     .admit = admit,
                                                     .arg = l,
                                                     .message_max = message_max,
                                                     .budget = &l->budget});
    caller_open(&l->caller, &l->env, rpc_server_handler(l->server, RPC_DOOR_ALL), &l->budget,
                stream_window);
}

void lab_close(struct lab *l)
{
    caller_close(&l->caller);
    assert_int_equal(rpc_server_calls(l->server), 0);
    assert_true(l->budget.used == 0);
    assert_true(timers_next(&l->timers) == TIMERS_NEVER);
    rpc_server_free(l->server);
    timers_fini(&l->timers);
}

void lab_pass_ms(struct lab *l, uint64_t ms)
{
    l->now_ns += ms * NS_PER_MS;
    timers_run(&l->timers, l->now_ns);
    caller_pump(&l->caller);
}

void lab_answer(struct lab *l, const char *text)
{
    struct rpc_call *call = l->held;
    assert_non_null(call);
    l->held = NULL;
    reply(call, slice_str(text));
    caller_pump(&l->caller);
}
