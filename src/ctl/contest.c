#include "ctl/contest.h"

#include "base/mem.h"
#include "client/watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static enum rc try_long(struct ctl *ctl, enum client_method m, const void *request, void *response)
{
    return client_unary(ctl->client, &(struct client_request){m, request, CLIENT_FOREVER},
                        &ctl->arena, response, &ctl->status);
}

static struct slice with(struct arena *arena, struct slice a, const char *b)
{
    struct buf text = {0};
    buf_append_slice(&text, a);
    buf_append_str(&text, b);
    struct slice s = arena_copy(arena, buf_slice(&text));
    buf_fini(&text);
    return s;
}

static void tick(void *arg)
{
    struct contest *c = arg;
    (void)client_session_alive(c->session); /* who holds asks for the outcome later */
}

int contest_open(struct contest *c, struct ctl *ctl, struct slice name, int64_t ttl_s)
{
    const struct pb_lease_grant_request request = {.ttl = ttl_s};
    struct pb_lease_grant_response response;
    char id[32];
    *c = (struct contest){.ctl = ctl, .signals = -1};
    if (try_long(ctl, CLIENT_LEASE_GRANT, &request, &response) != RC_OK)
        return ctl_call_failed(ctl, EXIT_ERROR, NULL);
    snprintf(id, sizeof(id), "%" PRIx64, (uint64_t)response.id);
    c->prefix = with(&ctl->arena, name, "/");
    c->key = with(&ctl->arena, c->prefix, id);
    c->lease = response.id;
    c->session = client_session_new(ctl->client, response.id, response.ttl, NULL, NULL);
    c->signals = ctl_signal_fd();
    ctl->tick = tick;
    ctl->tick_arg = c;
    return EXIT_OK;
}

void contest_close(struct contest *c)
{
    client_session_free(c->session);
    if (c->signals >= 0)
        close(c->signals);
    c->ctl->tick = NULL;
}

/* Put our key unless it is there already, and learn when it was created. */
static bool put_key(struct contest *c, struct slice value)
{
    struct pb_compare absent = {.target = PB_COMPARE_TARGET_CREATE,
                                .target_union_case = PB_TARGET_CREATE_REVISION,
                                .key = c->key};
    struct pb_put_request put = {.key = c->key, .value = value, .lease = c->lease};
    struct pb_range_request get = {.key = c->key};
    struct pb_request_op success = {.request_case = PB_OP_PUT, .request_put = &put};
    struct pb_request_op failure = {.request_case = PB_OP_RANGE, .request_range = &get};
    const struct pb_txn_request txn = {&absent, 1, &success, 1, &failure, 1};
    struct pb_txn_response r;
    if (try_long(c->ctl, CLIENT_TXN, &txn, &r) != RC_OK)
        return false;
    c->revision = c->won_at = r.header ? r.header->revision : 0;
    const struct pb_range_response *there = r.responses_n ? r.responses[0].response_range : NULL;
    if (!r.succeeded && there && there->kvs_n > 0)
        c->revision = there->kvs[0].create_revision;
    return true;
}

/* The youngest key that is older than ours; RC_END: there is none. */
static enum rc rival(struct contest *c, struct slice *key, int64_t *revision)
{
    const struct pb_range_request request = {
        .key = c->prefix,
        .range_end = ctl_prefix_end(&c->ctl->arena, c->prefix),
        .limit = 1,
        .sort_order = PB_SORT_ORDER_DESCEND,
        .sort_target = PB_SORT_TARGET_CREATE,
        .max_create_revision = c->revision - 1,
    };
    struct pb_range_response r;
    if (c->revision <= 1)
        return RC_END;
    if (try_long(c->ctl, CLIENT_RANGE, &request, &r) != RC_OK)
        return RC_CLOSED;
    if (r.kvs_n == 0)
        return RC_END;
    *key = r.kvs[0].key;
    *revision = r.header ? r.header->revision : 0;
    return RC_OK;
}

/* Wait for what comes next on the loop; CONTEST_WON: nothing that ends the contest. */
static enum contest_end wait_once(struct contest *c)
{
    if (!client_session_alive(c->session))
        return CONTEST_EXPIRED;
    return client_loop_wait(&c->ctl->loop, CLIENT_FOREVER, c->signals) ? CONTEST_STOPPED
                                                                       : CONTEST_WON;
}

static bool has_delete(const struct pb_watch_response *r)
{
    for (size_t i = 0; i < r->events_n; i++) {
        if (r->events[i].type == PB_EVENT_TYPE_DELETE)
            return true;
    }
    return false;
}

/* Until the key is gone. */
static enum contest_end outlive(struct contest *c, struct slice key, int64_t revision)
{
    const struct client_watch_options opt = {.key = key, .revision = revision};
    struct client_watch *w = client_watch_new(c->ctl->client, &opt);
    enum contest_end end = CONTEST_WON;
    bool gone = false;
    while (end == CONTEST_WON && !gone) {
        struct arena arena = {0};
        struct pb_watch_response r;
        enum rc rc = client_watch_next(w, &arena, &r);
        gone = rc == RC_OK && has_delete(&r);
        if (rc == RC_OK && r.canceled) {
            client_status_set(&c->ctl->status, GRPC_UNKNOWN, "%.*s", (int)r.cancel_reason.n,
                              (const char *)r.cancel_reason.p);
            end = CONTEST_FAILED;
        } else if (rc == RC_AGAIN) {
            end = wait_once(c);
        }
        arena_fini(&arena);
    }
    client_watch_free(w);
    return end;
}

/* Our key is still there: the lease has not run out while we waited. */
static enum contest_end check_key(struct contest *c)
{
    const struct pb_range_request request = {.key = c->key};
    struct pb_range_response r;
    if (try_long(c->ctl, CLIENT_RANGE, &request, &r) != RC_OK)
        return CONTEST_FAILED;
    c->won_at = r.header ? r.header->revision : 0;
    return r.kvs_n > 0 ? CONTEST_WON : CONTEST_EXPIRED;
}

enum contest_end contest_enter(struct contest *c, struct slice value)
{
    struct slice key;
    int64_t revision;
    bool waited = false;
    enum rc rc;
    if (!put_key(c, value))
        return CONTEST_FAILED;
    while ((rc = rival(c, &key, &revision)) == RC_OK) {
        enum contest_end end = outlive(c, key, revision);
        if (end != CONTEST_WON) {
            contest_leave(c);
            return end;
        }
        waited = true;
    }
    if (rc != RC_END)
        return CONTEST_FAILED;
    return waited ? check_key(c) : CONTEST_WON;
}

enum contest_end contest_hold(struct contest *c)
{
    enum contest_end end;
    do
        end = wait_once(c);
    while (end == CONTEST_WON);
    return end;
}

bool contest_leave(struct contest *c)
{
    const struct pb_delete_range_request request = {.key = c->key};
    struct pb_delete_range_response response;
    return try_long(c->ctl, CLIENT_DELETE_RANGE, &request, &response) == RC_OK;
}
