/* elect - stand for election, or watch who leads. */
#include "client/watch.h"
#include "ctl/contest.h"
#include "ctl/print.h"

#include <stdio.h>
#include <unistd.h>

#define SESSION_TTL_S 60 /* as etcd's concurrency sessions */

static int show(const struct ctl *ctl, struct pb_response_header *header, struct pb_key_value *kv)
{
    const struct pb_range_response r = {.header = header, .kvs = kv, .kvs_n = 1};
    int code = print_reply(ctl, &print_range, &r);
    fflush(stdout);
    return code;
}

/* campaign */

static int lead(struct contest *c)
{
    const struct pb_range_request request = {.key = c->key};
    struct pb_range_response r;
    int code = ctl_call_patiently(c->ctl, CLIENT_RANGE, &request, &r);
    if (code == EXIT_OK)
        code = print_reply(c->ctl, &print_range, &r);
    fflush(stdout);
    if (code != EXIT_OK)
        return code;
    if (contest_hold(c) == CONTEST_EXPIRED)
        return ctl_fail(EXIT_ERROR, "elect: session expired");
    return contest_leave(c) ? EXIT_OK : ctl_call_failed(c->ctl, EXIT_ERROR, NULL);
}

static int campaign(struct ctl *ctl)
{
    struct contest c;
    int code = contest_open(&c, ctl, ctl_arg(ctl, 0), SESSION_TTL_S);
    if (code != EXIT_OK)
        return code;
    switch (contest_enter(&c, ctl_arg(ctl, 1))) {
    case CONTEST_WON:
        code = lead(&c);
        break;
    case CONTEST_STOPPED:
        code = ctl_fail(EXIT_ERROR, "context canceled");
        break;
    case CONTEST_EXPIRED:
        code = ctl_fail(EXIT_ERROR, "elect: session expired");
        break;
    case CONTEST_FAILED:
        code = ctl_call_failed(ctl, EXIT_ERROR, NULL);
        break;
    }
    contest_close(&c);
    return code;
}

/* observe */

struct observer {
    struct ctl *ctl;
    struct slice prefix;
    int signals;
};

/* What one round of watching came to. */
enum observed { OBSERVED_NEXT, OBSERVED_STOPPED, OBSERVED_LOST };

/* Print each value that the leader's key takes, until it is deleted. */
static enum observed follow(struct observer *o, struct slice key, int64_t revision, int *code)
{
    const struct client_watch_options opt = {.key = key, .revision = revision};
    struct client_watch *w = client_watch_new(o->ctl->client, &opt);
    enum observed end = OBSERVED_LOST;
    bool deleted = false;
    while (!deleted && *code == EXIT_OK) {
        struct arena arena = {0};
        struct pb_watch_response r;
        enum rc rc = client_watch_await(w, o->signals, &arena, &r);
        for (size_t i = 0; rc == RC_OK && i < r.events_n && !deleted; i++) {
            deleted = r.events[i].type == PB_EVENT_TYPE_DELETE;
            if (!deleted && *code == EXIT_OK)
                *code = show(o->ctl, r.header, r.events[i].kv);
        }
        bool lost = rc == RC_END || (rc == RC_OK && r.canceled);
        arena_fini(&arena);
        if (rc == RC_CANCELED)
            end = OBSERVED_STOPPED;
        if (rc == RC_CANCELED || lost)
            break;
    }
    client_watch_free(w);
    return deleted ? OBSERVED_NEXT : end;
}

/* Wait for the first key below the prefix; only then is there somebody to look for. */
static enum observed await_leader(struct observer *o, int64_t revision)
{
    const struct client_watch_options opt = {
        .key = o->prefix,
        .range_end = ctl_prefix_end(&o->ctl->arena, o->prefix),
        .revision = revision,
    };
    struct client_watch *w = client_watch_new(o->ctl->client, &opt);
    enum observed end = OBSERVED_LOST;
    for (;;) {
        struct arena arena = {0};
        struct pb_watch_response r;
        enum rc rc = client_watch_await(w, o->signals, &arena, &r);
        bool put = false;
        for (size_t i = 0; rc == RC_OK && i < r.events_n; i++)
            put |= r.events[i].type == PB_EVENT_TYPE_PUT;
        bool lost = rc == RC_END || (rc == RC_OK && r.canceled);
        arena_fini(&arena);
        if (put)
            end = OBSERVED_NEXT;
        else if (rc == RC_CANCELED)
            end = OBSERVED_STOPPED;
        if (put || rc == RC_CANCELED || lost)
            break;
    }
    client_watch_free(w);
    return end;
}

static int observe(struct ctl *ctl)
{
    struct observer o = {.ctl = ctl};
    struct buf prefix = {0};
    enum observed end = OBSERVED_NEXT;
    int code = EXIT_OK;
    buf_append_slice(&prefix, ctl_arg(ctl, 0));
    buf_append_u8(&prefix, '/');
    o.prefix = buf_slice(&prefix);
    o.signals = ctl_signal_fd();
    while (end == OBSERVED_NEXT && code == EXIT_OK) {
        const struct pb_range_request first = {
            .key = o.prefix,
            .range_end = ctl_prefix_end(&ctl->arena, o.prefix),
            .limit = 1,
            .sort_order = PB_SORT_ORDER_ASCEND,
            .sort_target = PB_SORT_TARGET_CREATE,
        };
        struct pb_range_response r;
        code = ctl_call_patiently(ctl, CLIENT_RANGE, &first, &r);
        int64_t revision = code == EXIT_OK && r.header ? r.header->revision : 0;
        if (code == EXIT_OK && r.kvs_n == 0) {
            end = await_leader(&o, revision);
        } else if (code == EXIT_OK) {
            code = show(ctl, r.header, &r.kvs[0]);
            end = follow(&o, r.kvs[0].key, revision + 1, &code);
        }
    }
    close(o.signals);
    buf_fini(&prefix);
    if (code == EXIT_OK && end == OBSERVED_LOST)
        return ctl_fail(EXIT_ERROR, "elect: observer lost");
    return code;
}

int cmd_elect(struct ctl *ctl)
{
    bool listen = flag_bool(&ctl->flags, "listen");
    if (ctl->args.n != 1 && ctl->args.n != 2)
        return ctl_fail(EXIT_BAD_ARGS, "elect takes one election name argument and an optional "
                                       "proposal argument");
    if (ctl->args.n == 1 && !listen)
        return ctl_fail(EXIT_BAD_ARGS, "no proposal argument but -l not set");
    if (ctl->args.n == 2 && listen)
        return ctl_fail(EXIT_BAD_ARGS, "proposal given but -l is set");
    int code = ctl_connect(ctl);
    if (code != EXIT_OK)
        return code;
    return listen ? observe(ctl) : campaign(ctl);
}
