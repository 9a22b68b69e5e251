/* mirror - make-mirror: the keys of one cluster, then their changes, in another. */
#include "base/mem.h"
#include "client/watch.h"
#include "ctl/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH_KEYS     1000 /* of the first copy, in one answer */
#define REPORT_EVERY_S 30
#define NS_PER_S       UINT64_C(1000000000)

struct mirror {
    struct ctl *ctl;
    struct client *destination;
    struct slice prefix;
    struct slice dest_prefix;
    size_t ops_max;
    int64_t total;
    struct timer report;
    struct client_loop *loop;
};

static void on_report(struct timer *t)
{
    struct mirror *m = CONTAINER_OF(t, struct mirror, report);
    printf("%" PRId64 "\n", m->total);
    fflush(stdout);
    timer_start(&m->loop->timers, t, client_now_ns() + REPORT_EVERY_S * NS_PER_S);
}

/* The first occurrence of the prefix, which is at the front, becomes the other one. */
static struct slice renamed(const struct mirror *m, struct arena *arena, struct slice key)
{
    if (!slice_has_prefix(key, m->prefix))
        return key;
    struct slice rest = slice_skip(key, m->prefix.n);
    uint8_t *p = arena_alloc(arena, m->dest_prefix.n + rest.n + 1);
    memcpy(p, m->dest_prefix.p, m->dest_prefix.n);
    if (rest.n > 0)
        memcpy(p + m->dest_prefix.n, rest.p, rest.n);
    return slice_of(p, m->dest_prefix.n + rest.n);
}

static int call(struct mirror *m, struct client *c, enum client_method method, const void *request,
                struct arena *arena, void *response)
{
    if (client_unary(c, &(struct client_request){method, request, CLIENT_FOREVER}, arena, response,
                     &m->ctl->status) == RC_OK)
        return EXIT_OK;
    return ctl_call_failed(m->ctl, EXIT_ERROR, NULL);
}

/* One answer of the first copy; *next is the key to go on from, *more whether to. */
static int copy_batch(struct mirror *m, const struct pb_range_request *request, struct buf *next,
                      bool *more)
{
    struct arena arena = {0};
    struct pb_range_response r;
    int code = call(m, m->ctl->client, CLIENT_RANGE, request, &arena, &r);
    *more = code == EXIT_OK && r.more && r.kvs_n > 0;
    for (size_t i = 0; code == EXIT_OK && i < r.kvs_n; i++) {
        const struct pb_put_request put = {.key = renamed(m, &arena, r.kvs[i].key),
                                           .value = r.kvs[i].value};
        struct pb_put_response done;
        code = call(m, m->destination, CLIENT_PUT, &put, &arena, &done);
        m->total += code == EXIT_OK;
    }
    if (*more) {
        buf_clear(next);
        buf_append_slice(next, r.kvs[r.kvs_n - 1].key);
        buf_append_u8(next, 0);
    }
    arena_fini(&arena);
    return code;
}

/* Everything as it is at the newest revision, which is *revision then. */
static int copy_all(struct mirror *m, int64_t *revision)
{
    struct pb_range_request request = {
        .key = m->prefix.n ? m->prefix : SLICE_LIT("foo"),
        .count_only = true,
    };
    struct pb_range_response newest;
    struct buf next = {0};
    bool more = true;
    int code = ctl_call_patiently(m->ctl, CLIENT_RANGE, &request, &newest);
    if (code != EXIT_OK)
        return code;
    *revision = newest.header ? newest.header->revision : 0;
    request = (struct pb_range_request){
        .key = m->prefix.n ? m->prefix : SLICE_LIT("\0"),
        .range_end = m->prefix.n ? ctl_prefix_end(&m->ctl->arena, m->prefix) : SLICE_LIT("\0"),
        .limit = BATCH_KEYS,
        .revision = *revision,
    };
    while (code == EXIT_OK && more) {
        code = copy_batch(m, &request, &next, &more);
        if (more) {
            request.key = arena_copy(&m->ctl->arena, buf_slice(&next));
        }
    }
    buf_fini(&next);
    return code;
}

/* Operations that go to the destination as one transaction. */
struct batch {
    struct pb_request_op *ops;
    size_t n;
};

static int commit(struct mirror *m, struct batch *b, struct arena *arena)
{
    const struct pb_txn_request txn = {.success = b->ops, .success_n = b->n};
    struct pb_txn_response done;
    int code = b->n ? call(m, m->destination, CLIENT_TXN, &txn, arena, &done) : EXIT_OK;
    b->n = 0;
    return code;
}

static void add(struct mirror *m, struct batch *b, const struct pb_event *e, struct arena *arena)
{
    struct slice key = renamed(m, arena, e->kv->key);
    struct pb_request_op *op = &b->ops[b->n++];
    *op = (struct pb_request_op){0};
    if (e->type == PB_EVENT_TYPE_DELETE) {
        op->request_case = PB_OP_DELETE_RANGE;
        op->request_delete_range = arena_zalloc(arena, sizeof(*op->request_delete_range));
        op->request_delete_range->key = key;
    } else {
        op->request_case = PB_OP_PUT;
        op->request_put = arena_zalloc(arena, sizeof(*op->request_put));
        op->request_put->key = key;
        op->request_put->value = e->kv->value;
    }
    m->total++;
}

/* The changes of one revision stay together, as far as the limit allows. */
static int apply(struct mirror *m, const struct pb_watch_response *r, struct arena *arena)
{
    struct batch b = {.ops = mem_calloc(m->ops_max, sizeof(*b.ops))};
    int64_t last = 0;
    int code = EXIT_OK;
    for (size_t i = 0; code == EXIT_OK && i < r->events_n; i++) {
        const struct pb_event *e = &r->events[i];
        if (!e->kv)
            continue;
        if (b.n == m->ops_max || (last != 0 && e->kv->mod_revision > last))
            code = commit(m, &b, arena);
        last = e->kv->mod_revision;
        if (code == EXIT_OK)
            add(m, &b, e, arena);
    }
    if (code == EXIT_OK)
        code = commit(m, &b, arena);
    free(b.ops);
    return code;
}

static int follow(struct mirror *m, int64_t revision)
{
    const struct client_watch_options opt = {
        .key = m->prefix,
        .range_end = m->prefix.n ? ctl_prefix_end(&m->ctl->arena, m->prefix) : SLICE_LIT("\0"),
        .revision = revision,
    };
    struct client_watch *w = client_watch_new(m->ctl->client, &opt);
    int code = EXIT_OK;
    while (code == EXIT_OK) {
        struct arena arena = {0};
        struct pb_watch_response r;
        enum rc rc = client_watch_await(w, -1, &arena, &r);
        if (rc == RC_OK && r.compact_revision != 0)
            code = ctl_fail(EXIT_ERROR, "%s", etcd_error_text(ETCD_COMPACTED));
        else if (rc == RC_OK && r.canceled)
            code = ctl_fail(EXIT_ERROR, "%.*s", (int)r.cancel_reason.n,
                            (const char *)r.cancel_reason.p);
        else if (rc == RC_OK)
            code = apply(m, &r, &arena);
        else
            code = ctl_fail(EXIT_ERROR, "the watch is over");
        arena_fini(&arena);
    }
    client_watch_free(w);
    return code;
}

static int settle_destination(struct ctl *ctl, struct mirror *m)
{
    struct slice endpoint = ctl_arg(ctl, 0);
    struct credentials who = {
        .user = slice_str(flag_string(&ctl->flags, "dest-user")),
        .password = slice_str(flag_string(&ctl->flags, "dest-password")),
        .tls = {.cacert = flag_string(&ctl->flags, "dest-cacert"),
                .cert = flag_string(&ctl->flags, "dest-cert"),
                .key = flag_string(&ctl->flags, "dest-key")},
        .secure = !flag_bool(&ctl->flags, "dest-insecure-transport"),
    };
    int code = ctl_split_user(ctl, "Destination Password: ", &who);
    if (code != EXIT_OK)
        return code;
    m->destination = ctl_client_as(ctl, &endpoint, 1, &who, &code);
    return code;
}

int cmd_make_mirror(struct ctl *ctl)
{
    struct mirror m = {.ctl = ctl, .loop = &ctl->loop, .report.fire = on_report};
    if (ctl->args.n != 1)
        return ctl_fail(EXIT_BAD_ARGS, "make-mirror takes one destination argument");
    bool no_prefix = flag_bool(&ctl->flags, "no-dest-prefix");
    m.prefix = slice_str(flag_string(&ctl->flags, "prefix"));
    m.dest_prefix = slice_str(flag_string(&ctl->flags, "dest-prefix"));
    m.ops_max = (size_t)flag_uint(&ctl->flags, "max-txn-ops");
    m.ops_max = m.ops_max ? m.ops_max : 1;
    int code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = settle_destination(ctl, &m);
    if (code == EXIT_OK && no_prefix && m.dest_prefix.n > 0)
        code = ctl_fail(EXIT_BAD_ARGS, "`--dest-prefix` and `--no-dest-prefix` cannot be set at "
                                       "the same time, choose one");
    if (!no_prefix && m.dest_prefix.n == 0)
        m.dest_prefix = m.prefix;
    int64_t revision = flag_int(&ctl->flags, "rev") - 1;
    timer_start(&ctl->loop.timers, &m.report, client_now_ns() + REPORT_EVERY_S * NS_PER_S);
    if (code == EXIT_OK && revision <= 0)
        code = copy_all(&m, &revision);
    if (code == EXIT_OK)
        code = follow(&m, revision + 1);
    timer_stop(&ctl->loop.timers, &m.report);
    client_free(m.destination);
    return code;
}
