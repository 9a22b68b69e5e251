/* endpoint - health, status, hashkv: each endpoint asked by itself. */
#include "ctl/box.h"
#include "ctl/gojson.h"
#include "ctl/gotext.h"
#include "ctl/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* What one endpoint said. */
struct answer {
    struct slice endpoint;
    bool answered;
    struct pb_status_response status;
    struct pb_hash_kv_response hash;
    bool healthy;
    struct slice took; /* empty: there was no client to ask with */
    struct slice error;
};

struct answers {
    struct answer *v;
    size_t n;
};

static struct slice keep(struct ctl *ctl, struct buf *text)
{
    struct slice s = arena_copy(&ctl->arena, buf_slice(text));
    buf_fini(text);
    return s;
}

static struct slice status_text(struct ctl *ctl)
{
    struct buf text = {0};
    client_status_print(&ctl->status, &text);
    return keep(ctl, &text);
}

int ctl_cluster_endpoints(struct ctl *ctl, const struct slice **out, size_t *n)
{
    const struct pb_member_list_request request = {.linearizable = true};
    struct pb_member_list_response r;
    size_t endpoints_n;
    int code;
    const struct slice *endpoints = ctl_endpoints(ctl, &endpoints_n);
    ctl->client = ctl_client(ctl, endpoints, endpoints_n, &code);
    if (!ctl->client)
        return code;
    if (ctl_try(ctl, CLIENT_MEMBER_LIST, &request, &r) != RC_OK)
        return ctl_call_failed(ctl, EXIT_ERROR,
                               "failed to fetch endpoints from etcd cluster member list: %s");
    client_free(ctl->client);
    ctl->client = NULL;
    *n = 0;
    for (size_t i = 0; i < r.members_n; i++)
        *n += r.members[i].client_urls_n;
    struct slice *all = arena_alloc(&ctl->arena, (*n + 1) * sizeof(*all));
    size_t at = 0;
    for (size_t i = 0; i < r.members_n; i++) {
        for (size_t j = 0; j < r.members[i].client_urls_n; j++)
            all[at++] = r.members[i].client_urls[j];
    }
    *out = all;
    return EXIT_OK;
}

/* --cluster: those of the member list; else those of --endpoints. */
static int targets(struct ctl *ctl, struct answers *out)
{
    const struct slice *endpoints = ctl_endpoints(ctl, &out->n);
    if (flag_bool(&ctl->flags, "cluster")) {
        int code = ctl_cluster_endpoints(ctl, &endpoints, &out->n);
        if (code != EXIT_OK)
            return code;
    }
    out->v = arena_zalloc(&ctl->arena, (out->n + 1) * sizeof(*out->v));
    for (size_t i = 0; i < out->n; i++)
        out->v[i].endpoint = endpoints[i];
    return EXIT_OK;
}

/* Ask each of them with a client of its own. */
static int ask(struct ctl *ctl, struct answers *all, void (*one)(struct ctl *, struct answer *))
{
    for (size_t i = 0; i < all->n; i++) {
        int code;
        ctl->client = ctl_client(ctl, &all->v[i].endpoint, 1, &code);
        if (!ctl->client)
            return code;
        one(ctl, &all->v[i]);
        client_free(ctl->client);
        ctl->client = NULL;
    }
    return EXIT_OK;
}

static void print_box(const struct ctl *ctl, struct box *b)
{
    struct buf out = {0};
    if (ctl->format == FORMAT_TABLE)
        box_draw(b, &out);
    else
        box_lines(b, &out);
    box_fini(b);
    print_buf(&out);
}

/* `[{"Endpoint":…,"NAME":message},…]`; of those that answered. */
static void print_json(const struct answers *all, const char *name, const struct wire_message *m)
{
    struct buf out = {0};
    const char *before = "[";
    for (size_t i = 0; i < all->n; i++) {
        const struct answer *a = &all->v[i];
        if (!a->answered)
            continue;
        buf_printf(&out, "%s{\"Endpoint\":", before);
        gojson_string(a->endpoint, &out);
        buf_printf(&out, ",\"%s\":", name);
        if (m == &wire_status_response)
            gojson_message(m, &a->status, false, &out);
        else
            gojson_message(m, &a->hash, false, &out);
        buf_append_u8(&out, '}');
        before = ",";
    }
    buf_append_str(&out, out.n ? "]\n" : "null\n");
    print_buf(&out);
}

static void print_quoted_end(struct slice endpoint)
{
    print_quoted("Endpoint", endpoint);
}

/* status */

static void ask_status(struct ctl *ctl, struct answer *a)
{
    const struct pb_status_request request = {0};
    a->answered = ctl_try(ctl, CLIENT_STATUS, &request, &a->status) == RC_OK;
    if (a->answered)
        return;
    struct slice why = status_text(ctl);
    fprintf(stderr, "Failed to get the status of endpoint %.*s (%.*s)\n", (int)a->endpoint.n,
            (const char *)a->endpoint.p, (int)why.n, (const char *)why.p);
}

static uint64_t member_of(const struct pb_status_response *r)
{
    return r->header ? r->header->member_id : 0;
}

static void status_cells(const struct answer *a, struct box *b)
{
    const struct pb_status_response *r = &a->status;
    const struct pb_downgrade_info *d = r->downgrade_info;
    buf_append_slice(box_cell(b), a->endpoint);
    buf_printf(box_cell(b), "%" PRIx64, member_of(r));
    buf_append_slice(box_cell(b), r->version);
    buf_append_slice(box_cell(b), r->storage_version);
    go_size((uint64_t)r->db_size, box_cell(b));
    go_size((uint64_t)r->db_size_in_use, box_cell(b));
    buf_printf(box_cell(b), "%" PRId64 "%%",
               r->db_size > 0 ? 100 - r->db_size_in_use * 100 / r->db_size : 0);
    go_size((uint64_t)r->db_size_quota, box_cell(b));
    buf_append_str(box_cell(b), r->leader == member_of(r) ? "true" : "false");
    buf_append_str(box_cell(b), r->is_learner ? "true" : "false");
    buf_printf(box_cell(b), "%" PRIu64, r->raft_term);
    buf_printf(box_cell(b), "%" PRIu64, r->raft_index);
    buf_printf(box_cell(b), "%" PRIu64, r->raft_applied_index);
    struct buf *errors = box_cell(b);
    for (size_t i = 0; i < r->errors_n; i++) {
        buf_append_str(errors, i ? ", " : "");
        buf_append_slice(errors, r->errors[i]);
    }
    buf_append_slice(box_cell(b), d ? d->target_version : SLICE_LIT(""));
    buf_append_str(box_cell(b), d && d->enabled ? "true" : "false");
}

static void status_box(const struct ctl *ctl, const struct answers *all)
{
    static const char *const head[] = {
        "endpoint",
        "ID",
        "version",
        "storage version",
        "db size",
        "in use",
        "percentage not in use",
        "quota",
        "is leader",
        "is learner",
        "raft term",
        "raft index",
        "raft applied index",
        "errors",
        "downgrade target version",
        "downgrade enabled",
    };
    struct box b;
    box_init(&b, head, ARRAY_LEN(head));
    for (size_t i = 0; i < all->n; i++) {
        if (all->v[i].answered)
            status_cells(&all->v[i], &b);
    }
    print_box(ctl, &b);
}

static void status_fields(const struct ctl *ctl, const struct answer *a)
{
    const struct pb_status_response *r = &a->status;
    const struct pb_downgrade_info *d = r->downgrade_info;
    print_header(ctl, r->header);
    print_quoted("Version", r->version);
    print_quoted("StorageVersion", r->storage_version);
    printf("\"DBSize\" : %" PRId64 "\n\"DBSizeInUse\" : %" PRId64 "\n\"DBSizeQuota\" : %" PRId64
           "\n",
           r->db_size, r->db_size_in_use, r->db_size_quota);
    printf("\"Leader\" : %" PRIu64 "\n", r->leader);
    print_bool("IsLearner", r->is_learner);
    printf("\"RaftIndex\" : %" PRIu64 "\n\"RaftTerm\" : %" PRIu64
           "\n\"RaftAppliedIndex\" : %" PRIu64 "\n\"Errors\" : [",
           r->raft_index, r->raft_term, r->raft_applied_index);
    for (size_t i = 0; i < r->errors_n; i++) {
        printf(i ? " " : "");
        print_slice(r->errors[i]);
    }
    printf("]\n");
    print_quoted_end(a->endpoint);
    print_quoted("DowngradeTargetVersion", d ? d->target_version : SLICE_LIT(""));
    print_bool("DowngradeEnabled", d && d->enabled);
    printf("\n");
}

static bool all_answered(const struct answers *all)
{
    bool fine = true;
    for (size_t i = 0; i < all->n; i++)
        fine &= all->v[i].answered;
    return fine;
}

int cmd_endpoint_status(struct ctl *ctl)
{
    struct answers all = {0};
    int code = ctl_setup(ctl);
    if (code == EXIT_OK)
        code = targets(ctl, &all);
    if (code == EXIT_OK)
        code = ask(ctl, &all, ask_status);
    if (code != EXIT_OK)
        return code;
    if (ctl->format == FORMAT_PROTOBUF)
        return print_unsupported("protobuf");
    if (ctl->format == FORMAT_JSON)
        print_json(&all, "Status", &wire_status_response);
    else if (ctl->format != FORMAT_FIELDS)
        status_box(ctl, &all);
    for (size_t i = 0; ctl->format == FORMAT_FIELDS && i < all.n; i++) {
        if (all.v[i].answered)
            status_fields(ctl, &all.v[i]);
    }
    return all_answered(&all) ? EXIT_OK : EXIT_ERROR;
}

/* hashkv */

static void ask_hash(struct ctl *ctl, struct answer *a)
{
    const struct pb_hash_kv_request request = {.revision = flag_int(&ctl->flags, "rev")};
    a->answered = ctl_try(ctl, CLIENT_HASH_KV, &request, &a->hash) == RC_OK;
    if (a->answered)
        return;
    a->error = status_text(ctl);
    fprintf(stderr, "Failed to get the hash of endpoint %.*s (%.*s)\n", (int)a->endpoint.n,
            (const char *)a->endpoint.p, (int)a->error.n, (const char *)a->error.p);
}

static void hash_box(const struct ctl *ctl, const struct answers *all)
{
    static const char *const head[] = {"endpoint", "hash", "hash_revision"};
    struct box b;
    box_init(&b, head, ARRAY_LEN(head));
    for (size_t i = 0; i < all->n; i++) {
        if (!all->v[i].answered)
            continue;
        buf_append_slice(box_cell(&b), all->v[i].endpoint);
        buf_printf(box_cell(&b), "%" PRIu32, all->v[i].hash.hash);
        buf_printf(box_cell(&b), "%" PRId64, all->v[i].hash.hash_revision);
    }
    print_box(ctl, &b);
}

int cmd_endpoint_hashkv(struct ctl *ctl)
{
    struct answers all = {0};
    int code = ctl_setup(ctl);
    if (code == EXIT_OK)
        code = targets(ctl, &all);
    if (code == EXIT_OK)
        code = ask(ctl, &all, ask_hash);
    if (code != EXIT_OK)
        return code;
    if (ctl->format == FORMAT_PROTOBUF)
        return print_unsupported("protobuf");
    if (ctl->format == FORMAT_JSON)
        print_json(&all, "HashKV", &wire_hash_kv_response);
    else if (ctl->format != FORMAT_FIELDS)
        hash_box(ctl, &all);
    struct slice error = {0};
    for (size_t i = 0; i < all.n; i++) {
        const struct answer *a = &all.v[i];
        if (!a->answered)
            error = a->error;
        if (!a->answered || ctl->format != FORMAT_FIELDS)
            continue;
        print_header(ctl, a->hash.header);
        print_quoted_end(a->endpoint);
        printf("\"Hash\" : %" PRIu32 "\n\"HashRevision\" : %" PRId64 "\n\n", a->hash.hash,
               a->hash.hash_revision);
    }
    return error.n ? ctl_fail(EXIT_ERROR, "%.*s", (int)error.n, (const char *)error.p) : EXIT_OK;
}

/* health */

static struct slice alarm_text(struct ctl *ctl, const struct pb_alarm_response *r)
{
    struct buf text = {0};
    buf_append_str(&text, "Active Alarm(s): ");
    for (size_t i = 0; i < r->alarms_n; i++) {
        int32_t kind = r->alarms[i].alarm;
        buf_append_str(&text, kind == PB_ALARM_TYPE_NOSPACE   ? "NOSPACE "
                              : kind == PB_ALARM_TYPE_CORRUPT ? "CORRUPT "
                                                              : "UNKNOWN ");
    }
    return keep(ctl, &text);
}

static void ask_health(struct ctl *ctl, struct answer *a)
{
    const struct pb_range_request request = {.key = SLICE_INIT("health")};
    const struct pb_alarm_request list = {.action = PB_ALARM_ACTION_GET};
    struct pb_range_response response;
    struct pb_alarm_response alarms;
    struct buf took = {0};
    uint64_t start = client_now_ns();
    enum rc rc = ctl_try(ctl, CLIENT_RANGE, &request, &response);
    go_duration((int64_t)(client_now_ns() - start), &took);
    a->took = keep(ctl, &took);
    a->healthy = rc == RC_OK || client_status_is(&ctl->status, ETCD_PERMISSION_DENIED);
    if (!a->healthy) {
        a->error = status_text(ctl);
    } else if (ctl_try(ctl, CLIENT_ALARM, &list, &alarms) != RC_OK) {
        a->healthy = false;
        a->error = SLICE_LIT("Unable to fetch the alarm list");
    } else if (alarms.alarms_n > 0) {
        a->healthy = false;
        a->error = alarm_text(ctl, &alarms);
    }
}

static void health_box(const struct ctl *ctl, const struct answers *all)
{
    static const char *const head[] = {"endpoint", "health", "took", "error"};
    struct box b;
    box_init(&b, head, ARRAY_LEN(head));
    for (size_t i = 0; i < all->n; i++) {
        buf_append_slice(box_cell(&b), all->v[i].endpoint);
        buf_append_str(box_cell(&b), all->v[i].healthy ? "true" : "false");
        buf_append_slice(box_cell(&b), all->v[i].took);
        buf_append_slice(box_cell(&b), all->v[i].error);
    }
    print_box(ctl, &b);
}

static void health_json(const struct answers *all)
{
    struct buf out = {0};
    for (size_t i = 0; i < all->n; i++) {
        const struct answer *a = &all->v[i];
        buf_append_str(&out, i ? ",{\"endpoint\":" : "[{\"endpoint\":");
        gojson_string(a->endpoint, &out);
        buf_printf(&out, ",\"health\":%s,\"took\":", a->healthy ? "true" : "false");
        gojson_string(a->took, &out);
        if (a->error.n > 0) {
            buf_append_str(&out, ",\"error\":");
            gojson_string(a->error, &out);
        }
        buf_append_u8(&out, '}');
    }
    buf_append_str(&out, all->n ? "]\n" : "null\n");
    print_buf(&out);
}

static void health_line(const struct answer *a)
{
    if (a->error.n == 0)
        printf("%.*s is healthy: successfully committed proposal: took = %.*s\n",
               (int)a->endpoint.n, (const char *)a->endpoint.p, (int)a->took.n,
               (const char *)a->took.p);
    else
        fprintf(stderr, "%.*s is unhealthy: failed to commit proposal: %.*s\n", (int)a->endpoint.n,
                (const char *)a->endpoint.p, (int)a->error.n, (const char *)a->error.p);
}

static void health_fields(const struct answer *a)
{
    print_quoted_end(a->endpoint);
    print_bool("Health", a->healthy);
    printf("\"Took\" : %.*s\n\"Error\" : %.*s\n\n", (int)a->took.n, (const char *)a->took.p,
           (int)a->error.n, (const char *)a->error.p);
}

int cmd_endpoint_health(struct ctl *ctl)
{
    struct answers all = {0};
    int code = ctl_setup(ctl);
    if (code == EXIT_OK)
        code = targets(ctl, &all);
    if (code == EXIT_OK)
        code = ask(ctl, &all, ask_health);
    if (code != EXIT_OK)
        return code;
    if (ctl->format == FORMAT_PROTOBUF)
        return print_unsupported("protobuf");
    if (ctl->format == FORMAT_JSON)
        health_json(&all);
    else if (ctl->format == FORMAT_TABLE)
        health_box(ctl, &all);
    bool failed = false;
    for (size_t i = 0; i < all.n; i++) {
        failed |= all.v[i].error.n > 0;
        if (ctl->format == FORMAT_SIMPLE)
            health_line(&all.v[i]);
        else if (ctl->format == FORMAT_FIELDS)
            health_fields(&all.v[i]);
    }
    return failed ? ctl_fail(EXIT_ERROR, "unhealthy cluster") : EXIT_OK;
}
