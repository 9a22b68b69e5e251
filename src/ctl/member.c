/* member - add, remove, update, list, promote. */
#include "conf/url.h"
#include "ctl/box.h"
#include "ctl/gotext.h"
#include "ctl/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

static int member_arg(const struct ctl *ctl, uint64_t *id)
{
    struct err err = {0};
    if (ctl->args.n != 1)
        return ctl_fail(EXIT_BAD_ARGS, "member ID is not provided");
    if (go_uint_parse(ctl->args.v[0], 16, id, &err) != RC_OK)
        return ctl_fail(EXIT_BAD_ARGS, "bad member ID arg (%s), expecting ID in Hex", err.text);
    return EXIT_OK;
}

/* The option's text by commas. */
static struct slice *peer_urls(struct ctl *ctl, size_t *n)
{
    const char *text = flag_string(&ctl->flags, "peer-urls");
    size_t commas = 0;
    for (const char *p = text; *p; p++)
        commas += *p == ',';
    struct slice *urls = arena_alloc(&ctl->arena, (commas + 1) * sizeof(*urls));
    for (*n = 0; *n <= commas; ++*n) {
        size_t len = strcspn(text, ",");
        urls[*n] = slice_of(text, len);
        text += len + (text[len] == ',');
    }
    return urls;
}

static uint64_t cluster_of(const struct pb_response_header *h)
{
    return h ? h->cluster_id : 0;
}

static void changed(const struct ctl *ctl, const char *what, const struct pb_response_header *h)
{
    uint64_t id = 0;
    if (go_uint_parse(ctl->args.v[0], 16, &id, NULL) == RC_OK)
        printf("Member %16" PRIx64 " %s cluster %16" PRIx64 "\n", id, what, cluster_of(h));
}

/* list */

static void fill_box(const struct pb_member_list_response *r, struct box *b)
{
    static const char *const head[] = {"ID",         "Status",       "Name",
                                       "Peer Addrs", "Client Addrs", "Is Learner"};
    box_init(b, head, ARRAY_LEN(head));
    for (size_t i = 0; i < r->members_n; i++) {
        const struct pb_member *m = &r->members[i];
        buf_printf(box_cell(b), "%" PRIx64, m->id);
        buf_append_str(box_cell(b), m->name.n ? "started" : "unstarted");
        buf_append_slice(box_cell(b), m->name);
        const struct slice *lists[] = {m->peer_urls, m->client_urls};
        const size_t counts[] = {m->peer_urls_n, m->client_urls_n};
        for (size_t l = 0; l < 2; l++) {
            struct buf *cell = box_cell(b);
            for (size_t j = 0; j < counts[l]; j++) {
                buf_append_str(cell, j ? "," : "");
                buf_append_slice(cell, lists[l][j]);
            }
        }
        buf_append_str(box_cell(b), m->is_learner ? "true" : "false");
    }
}

static void list_simple(const struct ctl *ctl, const void *reply)
{
    struct box b;
    struct buf out = {0};
    (void)ctl;
    fill_box(reply, &b);
    box_lines(&b, &out);
    box_fini(&b);
    print_buf(&out);
}

static void list_table(const struct ctl *ctl, const void *reply)
{
    struct box b;
    struct buf out = {0};
    (void)ctl;
    fill_box(reply, &b);
    box_draw(&b, &out);
    box_fini(&b);
    print_buf(&out);
}

static void list_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_member_list_response *r = reply;
    print_header(ctl, r->header);
    for (size_t i = 0; i < r->members_n; i++) {
        const struct pb_member *m = &r->members[i];
        print_id(ctl, "ID", m->id);
        print_quoted("Name", m->name);
        for (size_t j = 0; j < m->peer_urls_n; j++)
            print_quoted("PeerURL", m->peer_urls[j]);
        for (size_t j = 0; j < m->client_urls_n; j++)
            print_quoted("ClientURL", m->client_urls[j]);
        print_bool("IsLearner", m->is_learner);
        printf("\n");
    }
}

static const struct print_form form_list = {&wire_member_list_response, list_simple, list_fields,
                                            list_table, .hex_ids = true};

int cmd_member_list(struct ctl *ctl)
{
    struct pb_member_list_request request = {0};
    struct pb_member_list_response response;
    bool serializable;
    int code = ctl_consistency(flag_string(&ctl->flags, "consistency"), &serializable);
    request.linearizable = !serializable;
    if (code == EXIT_OK)
        code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call(ctl, CLIENT_MEMBER_LIST, &request, &response);
    return code == EXIT_OK ? print_reply(ctl, &form_list, &response) : code;
}

/* add */

static void print_setting(const char *name, struct slice value)
{
    struct buf out = {0};
    buf_printf(&out, "%s=", name);
    go_quote(value, &out);
    buf_append_u8(&out, '\n');
    print_buf(&out);
}

/* What the new member must be started with. */
static void print_start(const struct ctl *ctl, const struct pb_member_add_response *r)
{
    struct buf cluster = {0};
    for (size_t i = 0; i < r->members_n; i++) {
        const struct pb_member *m = &r->members[i];
        for (size_t j = 0; j < m->peer_urls_n; j++) {
            buf_append_str(&cluster, cluster.n ? "," : "");
            buf_append_slice(&cluster,
                             r->member && m->id == r->member->id ? ctl_arg(ctl, 0) : m->name);
            buf_append_u8(&cluster, '=');
            buf_append_slice(&cluster, m->peer_urls[j]);
        }
    }
    printf("\n");
    print_setting("ETCD_NAME", ctl_arg(ctl, 0));
    print_setting("ETCD_INITIAL_CLUSTER", buf_slice(&cluster));
    print_setting("ETCD_INITIAL_ADVERTISE_PEER_URLS",
                  slice_str(flag_string(&ctl->flags, "peer-urls")));
    print_setting("ETCD_INITIAL_CLUSTER_STATE", SLICE_LIT("existing"));
    buf_fini(&cluster);
}

static void add_simple(const struct ctl *ctl, const void *reply)
{
    const struct pb_member_add_response *r = reply;
    printf("Member %16" PRIx64 " added%sto cluster %16" PRIx64 "\n", r->member ? r->member->id : 0,
           r->member && r->member->is_learner ? " as learner " : " ", cluster_of(r->header));
    print_start(ctl, r);
}

static const struct print_form form_add = {&wire_member_add_response, add_simple, .hex_ids = true};

static int check_add(const struct ctl *ctl)
{
    if (ctl->args.n < 1)
        return ctl_fail(EXIT_BAD_ARGS, "member name not provided");
    if (ctl->args.n > 1) {
        struct buf text = {0};
        buf_append_str(&text, "too many arguments");
        for (size_t i = 0; i < ctl->args.n; i++) {
            if (strncasecmp(ctl->args.v[i], "http", 4) == 0)
                buf_printf(&text, ", did you mean --peer-urls=%s", ctl->args.v[i]);
        }
        ctl_fail(EXIT_BAD_ARGS, "%.*s", (int)text.n, (const char *)text.p);
        buf_fini(&text);
        return EXIT_BAD_ARGS;
    }
    if (!*flag_string(&ctl->flags, "peer-urls"))
        return ctl_fail(EXIT_BAD_ARGS, "member peer urls not provided");
    return EXIT_OK;
}

/* A member with URLs that nobody can reach would cost the cluster a vote. */
static int check_urls(const struct ctl *ctl)
{
    struct conf_urls urls = {0};
    struct err err = {0};
    enum rc rc = conf_urls_parse(slice_str(flag_string(&ctl->flags, "peer-urls")), &urls, &err);
    conf_urls_fini(&urls);
    return rc == RC_OK ? EXIT_OK : ctl_fail(EXIT_ERROR, "%s", err.text);
}

int cmd_member_add(struct ctl *ctl)
{
    struct pb_member_add_request request = {0};
    struct pb_member_add_response response;
    int code = check_add(ctl);
    if (code == EXIT_OK)
        code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = check_urls(ctl);
    if (code != EXIT_OK)
        return code;
    request.peer_urls = peer_urls(ctl, &request.peer_urls_n);
    request.is_learner = flag_bool(&ctl->flags, "learner");
    code = ctl_call(ctl, CLIENT_MEMBER_ADD, &request, &response);
    return code == EXIT_OK ? print_reply(ctl, &form_add, &response) : code;
}

/* remove, update, promote */

static void remove_simple(const struct ctl *ctl, const void *reply)
{
    const struct pb_member_remove_response *r = reply;
    changed(ctl, "removed from", r->header);
}

static const struct print_form form_remove = {&wire_member_remove_response, remove_simple,
                                              .hex_ids = true};

int cmd_member_remove(struct ctl *ctl)
{
    struct pb_member_remove_request request = {0};
    struct pb_member_remove_response response;
    int code = member_arg(ctl, &request.id);
    if (code == EXIT_OK)
        code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call(ctl, CLIENT_MEMBER_REMOVE, &request, &response);
    return code == EXIT_OK ? print_reply(ctl, &form_remove, &response) : code;
}

static void update_simple(const struct ctl *ctl, const void *reply)
{
    const struct pb_member_update_response *r = reply;
    changed(ctl, "updated in", r->header);
}

static const struct print_form form_update = {&wire_member_update_response, update_simple,
                                              .hex_ids = true};

int cmd_member_update(struct ctl *ctl)
{
    struct pb_member_update_request request = {0};
    struct pb_member_update_response response;
    int code = member_arg(ctl, &request.id);
    if (code == EXIT_OK && !*flag_string(&ctl->flags, "peer-urls"))
        code = ctl_fail(EXIT_BAD_ARGS, "member peer urls not provided");
    if (code == EXIT_OK)
        code = ctl_connect(ctl);
    if (code != EXIT_OK)
        return code;
    request.peer_urls = peer_urls(ctl, &request.peer_urls_n);
    code = ctl_call(ctl, CLIENT_MEMBER_UPDATE, &request, &response);
    return code == EXIT_OK ? print_reply(ctl, &form_update, &response) : code;
}

static void promote_simple(const struct ctl *ctl, const void *reply)
{
    const struct pb_member_promote_response *r = reply;
    changed(ctl, "promoted in", r->header);
}

static const struct print_form form_promote = {&wire_member_promote_response, promote_simple,
                                               .hex_ids = true};

int cmd_member_promote(struct ctl *ctl)
{
    struct pb_member_promote_request request = {0};
    struct pb_member_promote_response response;
    int code = member_arg(ctl, &request.id);
    if (code == EXIT_OK)
        code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call(ctl, CLIENT_MEMBER_PROMOTE, &request, &response);
    return code == EXIT_OK ? print_reply(ctl, &form_promote, &response) : code;
}
