/* maintenance - alarm, defrag, move-leader, downgrade. */
#include "ctl/gotext.h"
#include "ctl/print.h"

#include <inttypes.h>
#include <stdio.h>

/* alarm */

static const char *alarm_name(int32_t alarm)
{
    return alarm == PB_ALARM_TYPE_NOSPACE   ? "NOSPACE"
           : alarm == PB_ALARM_TYPE_CORRUPT ? "CORRUPT"
                                            : "NONE";
}

/* Go's text form of the message. */
static void alarm_simple(const struct ctl *ctl, const void *reply)
{
    const struct pb_alarm_response *r = reply;
    (void)ctl;
    for (size_t i = 0; i < r->alarms_n; i++)
        printf("memberID:%" PRIu64 " alarm:%s\n", r->alarms[i].member_id,
               alarm_name(r->alarms[i].alarm));
}

static void alarm_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_alarm_response *r = reply;
    print_header(ctl, r->header);
    for (size_t i = 0; i < r->alarms_n; i++) {
        print_id(ctl, "MemberID", r->alarms[i].member_id);
        printf("\"AlarmType\" : %s\n\n", alarm_name(r->alarms[i].alarm));
    }
}

static const struct print_form form_alarm = {&wire_alarm_response, alarm_simple, alarm_fields};

int cmd_alarm_list(struct ctl *ctl)
{
    const struct pb_alarm_request request = {.action = PB_ALARM_ACTION_GET};
    struct pb_alarm_response response;
    if (ctl->args.n != 0)
        return ctl_fail(EXIT_BAD_ARGS, "alarm list command accepts no arguments");
    int code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call(ctl, CLIENT_ALARM, &request, &response);
    return code == EXIT_OK ? print_reply(ctl, &form_alarm, &response) : code;
}

/* Each alarm that is set is ended by itself; the answers are shown as one. */
int cmd_alarm_disarm(struct ctl *ctl)
{
    const struct pb_alarm_request list = {.action = PB_ALARM_ACTION_GET};
    struct pb_alarm_response set;
    struct pb_alarm_response shown = {0};
    if (ctl->args.n != 0)
        return ctl_fail(EXIT_BAD_ARGS, "alarm disarm command accepts no arguments");
    int code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call(ctl, CLIENT_ALARM, &list, &set);
    if (code != EXIT_OK)
        return code;
    shown.alarms = arena_alloc(&ctl->arena, (set.alarms_n + 1) * sizeof(*shown.alarms));
    for (size_t i = 0; i < set.alarms_n; i++) {
        const struct pb_alarm_request end = {.action = PB_ALARM_ACTION_DEACTIVATE,
                                             .member_id = set.alarms[i].member_id,
                                             .alarm = set.alarms[i].alarm};
        struct pb_alarm_response ended;
        code = ctl_call(ctl, CLIENT_ALARM, &end, &ended);
        if (code != EXIT_OK)
            return code;
        if (ended.alarms_n > 0)
            shown.alarms[shown.alarms_n++] = ended.alarms[0];
    }
    return print_reply(ctl, &form_alarm, &shown);
}

/* defrag */

static void defragment(struct ctl *ctl, struct slice endpoint, bool *failed)
{
    const struct pb_defragment_request request = {0};
    struct pb_defragment_response response;
    struct buf took = {0};
    struct buf why = {0};
    uint64_t start = client_now_ns();
    enum rc rc = ctl_try(ctl, CLIENT_DEFRAGMENT, &request, &response);
    go_duration((int64_t)(client_now_ns() - start), &took);
    if (rc == RC_OK) {
        printf("Finished defragmenting etcd member[%.*s]. took %.*s\n", (int)endpoint.n,
               (const char *)endpoint.p, (int)took.n, (const char *)took.p);
        fflush(stdout);
    } else {
        client_status_print(&ctl->status, &why);
        fprintf(stderr, "Failed to defragment etcd member[%.*s]. took %.*s. (%.*s)\n",
                (int)endpoint.n, (const char *)endpoint.p, (int)took.n, (const char *)took.p,
                (int)why.n, (const char *)why.p);
        *failed = true;
    }
    buf_fini(&took);
    buf_fini(&why);
}

int cmd_defrag(struct ctl *ctl)
{
    size_t n;
    bool failed = false;
    int code = ctl_setup(ctl);
    if (code != EXIT_OK)
        return code;
    if (flag_changed(&ctl->flags, "data-dir"))
        return ctl_offline(ctl);
    const struct slice *endpoints = ctl_endpoints(ctl, &n);
    if (flag_bool(&ctl->flags, "cluster"))
        code = ctl_cluster_endpoints(ctl, &endpoints, &n);
    for (size_t i = 0; code == EXIT_OK && i < n; i++) {
        ctl->client = ctl_client(ctl, &endpoints[i], 1, &code);
        if (ctl->client)
            defragment(ctl, endpoints[i], &failed);
        client_free(ctl->client);
        ctl->client = NULL;
    }
    return code == EXIT_OK && failed ? EXIT_ERROR : code;
}

/* move-leader */

static int no_leader(const struct slice *endpoints, size_t n)
{
    struct buf list = {0};
    for (size_t i = 0; i < n; i++) {
        buf_append_str(&list, i ? " " : "");
        buf_append_slice(&list, endpoints[i]);
    }
    ctl_fail(EXIT_BAD_ARGS, "no leader endpoint given at [%.*s]", (int)list.n,
             (const char *)list.p);
    buf_fini(&list);
    return EXIT_BAD_ARGS;
}

/* Leave ctl->client connected to the leader. */
static int find_leader(struct ctl *ctl, uint64_t *leader)
{
    size_t n;
    const struct slice *endpoints = ctl_endpoints(ctl, &n);
    for (size_t i = 0; i < n; i++) {
        const struct pb_status_request request = {0};
        struct pb_status_response r = {0};
        int code;
        ctl->client = ctl_client(ctl, &endpoints[i], 1, &code);
        if (ctl->client)
            code = ctl_call(ctl, CLIENT_STATUS, &request, &r);
        if (code != EXIT_OK)
            return code;
        if (r.header && r.header->member_id == r.leader) {
            *leader = r.leader;
            return EXIT_OK;
        }
        client_free(ctl->client);
        ctl->client = NULL;
    }
    return no_leader(endpoints, n);
}

static const struct print_form form_move = {&wire_move_leader_response, NULL};

int cmd_move_leader(struct ctl *ctl)
{
    struct pb_move_leader_request request = {0};
    struct pb_move_leader_response response;
    struct err err = {0};
    uint64_t leader = 0;
    if (ctl->args.n != 1)
        return ctl_fail(EXIT_BAD_ARGS, "move-leader command needs 1 argument");
    if (go_uint_parse(ctl->args.v[0], 16, &request.target_id, &err) != RC_OK)
        return ctl_fail(EXIT_BAD_ARGS, "%s", err.text);
    int code = ctl_setup(ctl);
    if (code == EXIT_OK)
        code = find_leader(ctl, &leader);
    if (code == EXIT_OK)
        code = ctl_call(ctl, CLIENT_MOVE_LEADER, &request, &response);
    if (code != EXIT_OK)
        return code;
    if (ctl->format != FORMAT_SIMPLE)
        return print_reply(ctl, &form_move, &response);
    printf("Leadership transferred from %" PRIx64 " to %" PRIx64 "\n", leader, request.target_id);
    return EXIT_OK;
}

/* downgrade */

static void downgraded(const char *what, const struct pb_downgrade_response *r)
{
    printf("Downgrade %s success, cluster version %.*s\n", what, (int)r->version.n,
           (const char *)r->version.p);
}

static void validate_simple(const struct ctl *ctl, const void *reply)
{
    (void)ctl;
    downgraded("validate", reply);
}

static void enable_simple(const struct ctl *ctl, const void *reply)
{
    (void)ctl;
    downgraded("enable", reply);
}

static void cancel_simple(const struct ctl *ctl, const void *reply)
{
    (void)ctl;
    downgraded("cancel", reply);
}

static int downgrade(struct ctl *ctl, int32_t action,
                     void (*simple)(const struct ctl *ctl, const void *reply))
{
    const struct print_form form = {&wire_downgrade_response, simple};
    struct pb_downgrade_request request = {.action = action};
    struct pb_downgrade_response response;
    if (action != PB_DOWNGRADE_ACTION_CANCEL) {
        if (ctl->args.n < 1)
            return ctl_fail(EXIT_BAD_ARGS, "TARGET_VERSION not provided");
        if (ctl->args.n > 1)
            return ctl_fail(EXIT_BAD_ARGS, "too many arguments");
        request.version = ctl_arg(ctl, 0);
        if (request.version.n == 0)
            return ctl_fail(EXIT_BAD_ARGS, "target version not provided");
    }
    int code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call(ctl, CLIENT_DOWNGRADE, &request, &response);
    return code == EXIT_OK ? print_reply(ctl, &form, &response) : code;
}

int cmd_downgrade_validate(struct ctl *ctl)
{
    return downgrade(ctl, PB_DOWNGRADE_ACTION_VALIDATE, validate_simple);
}

int cmd_downgrade_enable(struct ctl *ctl)
{
    return downgrade(ctl, PB_DOWNGRADE_ACTION_ENABLE, enable_simple);
}

int cmd_downgrade_cancel(struct ctl *ctl)
{
    return downgrade(ctl, PB_DOWNGRADE_ACTION_CANCEL, cancel_simple);
}
