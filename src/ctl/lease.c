/* lease - grant, revoke, timetolive, list, keep-alive. */
#include "client/session.h"
#include "ctl/gojson.h"
#include "ctl/gotext.h"
#include "ctl/print.h"

#include <inttypes.h>
#include <stdio.h>

int ctl_lease_arg(const char *text, int64_t *id)
{
    struct err err = {0};
    if (go_int_parse(text, 16, id, &err) == RC_OK)
        return EXIT_OK;
    return ctl_fail(EXIT_BAD_ARGS, "bad lease ID arg (%s), expecting ID in Hex", err.text);
}

static int fail_inside(struct ctl *ctl, int code, enum rc rc, const char *around)
{
    return rc == RC_OK ? EXIT_OK : ctl_call_failed(ctl, code, around);
}

/* grant */

static void grant_simple(const struct ctl *ctl, const void *reply)
{
    const struct pb_lease_grant_response *r = reply;
    (void)ctl;
    printf("lease %016" PRIx64 " granted with TTL(%" PRId64 "s)\n", (uint64_t)r->id, r->ttl);
}

static void grant_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_lease_grant_response *r = reply;
    print_header(ctl, r->header);
    print_lease_id(ctl, "ID", r->id);
    printf("\"TTL\" : %" PRId64 "\n", r->ttl);
}

static void grant_json(const void *reply, struct buf *out)
{
    const struct pb_lease_grant_response *r = reply;
    buf_append_u8(out, '{');
    print_json_header(r->header, out);
    buf_printf(out, "\"ID\":%" PRId64 ",\"TTL\":%" PRId64 ",\"Error\":", r->id, r->ttl);
    gojson_string(r->error, out);
    buf_append_u8(out, '}');
}

static const struct print_form form_grant = {&wire_lease_grant_response, grant_simple, grant_fields,
                                             .json = grant_json, .header_alone = true};

int cmd_lease_grant(struct ctl *ctl)
{
    struct pb_lease_grant_request request = {0};
    struct pb_lease_grant_response response;
    struct err err = {0};
    if (ctl->args.n != 1)
        return ctl_fail(EXIT_BAD_ARGS, "lease grant command needs TTL argument");
    if (go_int_parse(ctl->args.v[0], 10, &request.ttl, &err) != RC_OK)
        return ctl_fail(EXIT_BAD_ARGS, "bad TTL (%s)", err.text);
    int code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = fail_inside(ctl, EXIT_ERROR, ctl_try(ctl, CLIENT_LEASE_GRANT, &request, &response),
                           "failed to grant lease (%s)");
    return code == EXIT_OK ? print_reply(ctl, &form_grant, &response) : code;
}

/* revoke */

static void revoke_simple(const struct ctl *ctl, const void *reply)
{
    int64_t id = 0;
    (void)reply;
    if (go_int_parse(ctl->args.v[0], 16, &id, NULL) == RC_OK)
        printf("lease %016" PRIx64 " revoked\n", (uint64_t)id);
}

static void revoke_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_lease_revoke_response *r = reply;
    print_header(ctl, r->header);
}

static const struct print_form form_revoke = {&wire_lease_revoke_response, revoke_simple,
                                              revoke_fields};

int cmd_lease_revoke(struct ctl *ctl)
{
    struct pb_lease_revoke_request request = {0};
    struct pb_lease_revoke_response response;
    if (ctl->args.n != 1)
        return ctl_fail(EXIT_BAD_ARGS, "lease revoke command needs 1 argument");
    int code = ctl_lease_arg(ctl->args.v[0], &request.id);
    if (code == EXIT_OK)
        code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = fail_inside(ctl, EXIT_ERROR, ctl_try(ctl, CLIENT_LEASE_REVOKE, &request, &response),
                           "failed to revoke lease (%s)");
    return code == EXIT_OK ? print_reply(ctl, &form_revoke, &response) : code;
}

/* timetolive */

static void ttl_simple(const struct ctl *ctl, const void *reply)
{
    const struct pb_lease_time_to_live_response *r = reply;
    if (r->granted_ttl == 0 && r->ttl == -1) {
        printf("lease %016" PRIx64 " already expired\n", (uint64_t)r->id);
        return;
    }
    printf("lease %016" PRIx64 " granted with TTL(%" PRId64 "s), remaining(%" PRId64 "s)",
           (uint64_t)r->id, r->granted_ttl, r->ttl);
    if (flag_bool(&ctl->flags, "keys")) {
        printf(", attached keys([");
        for (size_t i = 0; i < r->keys_n; i++) {
            printf(i ? " " : "");
            print_slice(r->keys[i]);
        }
        printf("])");
    }
    printf("\n");
}

static void ttl_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_lease_time_to_live_response *r = reply;
    print_header(ctl, r->header);
    print_lease_id(ctl, "ID", r->id);
    printf("\"TTL\" : %" PRId64 "\n\"GrantedTTL\" : %" PRId64 "\n", r->ttl, r->granted_ttl);
    for (size_t i = 0; i < r->keys_n; i++)
        print_quoted("Key", r->keys[i]);
}

static void ttl_json(const void *reply, struct buf *out)
{
    const struct pb_lease_time_to_live_response *r = reply;
    buf_append_u8(out, '{');
    print_json_header(r->header, out);
    buf_printf(out, "\"id\":%" PRId64 ",\"ttl\":%" PRId64 ",\"granted-ttl\":%" PRId64 ",\"keys\":",
               r->id, r->ttl, r->granted_ttl);
    for (size_t i = 0; i < r->keys_n; i++) {
        buf_append_str(out, i ? "," : "[");
        gojson_bytes(r->keys[i], out);
    }
    buf_append_str(out, r->keys_n ? "]}" : "null}");
}

static const struct print_form form_ttl = {&wire_lease_time_to_live_response, ttl_simple,
                                           ttl_fields, .json = ttl_json, .header_alone = true};

int cmd_lease_timetolive(struct ctl *ctl)
{
    struct pb_lease_time_to_live_request request = {0};
    struct pb_lease_time_to_live_response response;
    if (ctl->args.n != 1)
        return ctl_fail(EXIT_BAD_ARGS, "lease timetolive command needs lease ID as argument");
    request.keys = flag_bool(&ctl->flags, "keys");
    int code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_lease_arg(ctl->args.v[0], &request.id);
    if (code == EXIT_OK)
        code = ctl_call_patiently(ctl, CLIENT_LEASE_TIME_TO_LIVE, &request, &response);
    if (code != EXIT_OK)
        return code == EXIT_ERROR ? EXIT_BAD_CONNECTION : code;
    return print_reply(ctl, &form_ttl, &response);
}

/* list */

static void list_simple(const struct ctl *ctl, const void *reply)
{
    const struct pb_lease_leases_response *r = reply;
    (void)ctl;
    printf("found %zu leases\n", r->leases_n);
    for (size_t i = 0; i < r->leases_n; i++)
        printf("%016" PRIx64 "\n", (uint64_t)r->leases[i].id);
}

static void list_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_lease_leases_response *r = reply;
    print_header(ctl, r->header);
    for (size_t i = 0; i < r->leases_n; i++)
        print_lease_id(ctl, "ID", r->leases[i].id);
}

static void list_json(const void *reply, struct buf *out)
{
    const struct pb_lease_leases_response *r = reply;
    buf_append_u8(out, '{');
    print_json_header(r->header, out);
    buf_append_str(out, "\"leases\":[");
    for (size_t i = 0; i < r->leases_n; i++)
        buf_printf(out, "%s{\"id\":%" PRId64 "}", i ? "," : "", r->leases[i].id);
    buf_append_str(out, "]}");
}

static const struct print_form form_list = {&wire_lease_leases_response, list_simple, list_fields,
                                            .json = list_json, .header_alone = true};

int cmd_lease_list(struct ctl *ctl)
{
    struct pb_lease_leases_request request = {0};
    struct pb_lease_leases_response response;
    int code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call_patiently(ctl, CLIENT_LEASE_LEASES, &request, &response);
    if (code != EXIT_OK)
        return code == EXIT_ERROR ? EXIT_BAD_CONNECTION : code;
    return print_reply(ctl, &form_list, &response);
}

/* keep-alive */

static void keep_alive_simple(const struct ctl *ctl, const void *reply)
{
    const struct pb_lease_keep_alive_response *r = reply;
    (void)ctl;
    printf("lease %016" PRIx64 " keepalived with TTL(%" PRId64 ")\n", (uint64_t)r->id, r->ttl);
}

static void keep_alive_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_lease_keep_alive_response *r = reply;
    print_header(ctl, r->header);
    print_lease_id(ctl, "ID", r->id);
    printf("\"TTL\" : %" PRId64 "\n", r->ttl);
}

static void keep_alive_json(const void *reply, struct buf *out)
{
    const struct pb_lease_keep_alive_response *r = reply;
    buf_append_u8(out, '{');
    print_json_header(r->header, out);
    buf_printf(out, "\"ID\":%" PRId64 ",\"TTL\":%" PRId64 "}", r->id, r->ttl);
}

static const struct print_form form_keep_alive = {&wire_lease_keep_alive_response,
                                                  keep_alive_simple, keep_alive_fields,
                                                  .json = keep_alive_json, .header_alone = true};

static int keep_alive_once(struct ctl *ctl, int64_t id)
{
    const struct pb_lease_keep_alive_request request = {.id = id};
    struct pb_lease_keep_alive_response response;
    if (client_unary(ctl->client,
                     &(struct client_request){CLIENT_LEASE_KEEP_ALIVE, &request, CLIENT_FOREVER},
                     &ctl->arena, &response, &ctl->status) != RC_OK)
        return ctl_call_failed(ctl, EXIT_BAD_CONNECTION, NULL);
    if (response.ttl <= 0)
        return ctl_fail(EXIT_BAD_CONNECTION, "%s", etcd_error_text(ETCD_LEASE_NOT_FOUND));
    return print_reply(ctl, &form_keep_alive, &response);
}

/* What a session's answers come to. */
struct keeping {
    struct ctl *ctl;
    int code;
};

static void seen(void *arg, const struct pb_lease_keep_alive_response *r)
{
    struct keeping *k = arg;
    if (k->code == EXIT_OK)
        k->code = print_reply(k->ctl, &form_keep_alive, r);
    fflush(stdout);
}

int cmd_lease_keep_alive(struct ctl *ctl)
{
    struct keeping k = {ctl, EXIT_OK};
    int64_t id = 0;
    if (ctl->args.n != 1)
        return ctl_fail(EXIT_BAD_ARGS, "lease keep-alive command needs lease ID as argument");
    int code = ctl_lease_arg(ctl->args.v[0], &id);
    if (code == EXIT_OK)
        code = ctl_connect(ctl);
    if (code != EXIT_OK)
        return code;
    if (flag_bool(&ctl->flags, "once"))
        return keep_alive_once(ctl, id);
    struct client_session *s =
        client_session_new(ctl->client, id, CLIENT_SESSION_FIRST_S, seen, &k);
    while (client_session_alive(s) && k.code == EXIT_OK)
        client_loop_wait(&ctl->loop, CLIENT_FOREVER, -1);
    client_session_free(s);
    if (k.code == EXIT_OK && ctl->format == FORMAT_SIMPLE)
        printf("lease %016" PRIx64 " expired or revoked.\n", (uint64_t)id);
    return k.code;
}
