#include "ctl/print.h"

#include "ctl/gojson.h"
#include "ctl/gotext.h"

#include <inttypes.h>
#include <stdio.h>

void print_slice(struct slice s)
{
    fwrite(s.p, 1, s.n, stdout);
}

void print_buf(struct buf *b)
{
    print_slice(buf_slice(b));
    buf_fini(b);
}

int print_unsupported(const char *format)
{
    return ctl_fail(EXIT_BAD_FEATURE, "%s not supported as output format", format);
}

static int print_protobuf(const struct print_form *form, const void *reply)
{
    struct buf out = {0};
    if (form->header_alone) {
        struct pb_response_header *const *header = reply;
        if (*header)
            wire_encode(&wire_response_header, *header, &out);
        print_buf(&out);
        return EXIT_OK;
    }
    if (form->json && !form->protobuf)
        return ctl_fail(EXIT_BAD_FEATURE, "marshal unsupported for type %s",
                        wire_name(form->message));
    wire_encode(form->message, reply, &out);
    print_buf(&out);
    return EXIT_OK;
}

int print_reply(const struct ctl *ctl, const struct print_form *form, const void *reply)
{
    struct buf out = {0};
    switch (ctl->format) {
    case FORMAT_PROTOBUF:
        return print_protobuf(form, reply);
    case FORMAT_JSON:
        if (form->json)
            form->json(reply, &out);
        else
            gojson_message(form->message, reply, form->hex_ids && ctl->hex, &out);
        buf_append_u8(&out, '\n');
        print_buf(&out);
        return EXIT_OK;
    case FORMAT_FIELDS:
        if (!form->fields)
            return print_unsupported("fields");
        form->fields(ctl, reply);
        return EXIT_OK;
    case FORMAT_TABLE:
        if (!form->table)
            return print_unsupported("table");
        form->table(ctl, reply);
        return EXIT_OK;
    case FORMAT_SIMPLE:
        break;
    }
    form->simple(ctl, reply);
    return EXIT_OK;
}

static void print_line(const struct ctl *ctl, struct slice text)
{
    struct buf out = {0};
    if (ctl->hex)
        go_hex(text, &out);
    else
        buf_append_slice(&out, text);
    buf_append_u8(&out, '\n');
    print_buf(&out);
}

void print_kv(const struct ctl *ctl, const struct pb_key_value *kv)
{
    if (!ctl->value_only)
        print_line(ctl, kv->key);
    print_line(ctl, kv->value);
}

void print_quoted(const char *name, struct slice text)
{
    struct buf out = {0};
    buf_printf(&out, "\"%s\" : ", name);
    go_quote(text, &out);
    buf_append_u8(&out, '\n');
    print_buf(&out);
}

void print_id(const struct ctl *ctl, const char *name, uint64_t id)
{
    printf(ctl->hex ? "\"%s\" : %" PRIx64 "\n" : "\"%s\" : %" PRIu64 "\n", name, id);
}

void print_lease_id(const struct ctl *ctl, const char *name, int64_t id)
{
    if (ctl->hex)
        printf("\"%s\" : %016" PRIx64 "\n", name, (uint64_t)id);
    else
        printf("\"%s\" : %" PRId64 "\n", name, id);
}

void print_bool(const char *name, bool v)
{
    printf("\"%s\" : %s\n", name, v ? "true" : "false");
}

void print_header(const struct ctl *ctl, const struct pb_response_header *h)
{
    static const struct pb_response_header none;
    if (!h)
        h = &none;
    print_id(ctl, "ClusterID", h->cluster_id);
    print_id(ctl, "MemberID", h->member_id);
    if (h->revision > 0)
        printf("\"Revision\" : %" PRId64 "\n", h->revision);
    printf("\"RaftTerm\" : %" PRIu64 "\n", h->raft_term);
}

static void print_named(const char *prefix, const char *name, struct slice text)
{
    struct buf out = {0};
    buf_printf(&out, "\"%s%s\" : ", prefix, name);
    go_quote(text, &out);
    buf_append_u8(&out, '\n');
    print_buf(&out);
}

void print_kv_fields(const struct ctl *ctl, const char *prefix, const struct pb_key_value *kv)
{
    print_named(prefix, "Key", kv->key);
    printf("\"%sCreateRevision\" : %" PRId64 "\n", prefix, kv->create_revision);
    printf("\"%sModRevision\" : %" PRId64 "\n", prefix, kv->mod_revision);
    printf("\"%sVersion\" : %" PRId64 "\n", prefix, kv->version);
    print_named(prefix, "Value", kv->value);
    if (ctl->hex)
        printf("\"%sLease\" : %016" PRIx64 "\n", prefix, (uint64_t)kv->lease);
    else
        printf("\"%sLease\" : %" PRId64 "\n", prefix, kv->lease);
}

void print_json_header(const struct pb_response_header *h, struct buf *out)
{
    struct buf text = {0};
    gojson_message(&wire_response_header, h, false, &text);
    if (text.n > 2) { /* "{" and "}" come off */
        buf_append(out, text.p + 1, text.n - 2);
        buf_append_u8(out, ',');
    }
    buf_fini(&text);
}

void print_event_type(const struct pb_event *e)
{
    if (e->type == PB_EVENT_TYPE_PUT || e->type == PB_EVENT_TYPE_DELETE)
        printf("%s\n", e->type == PB_EVENT_TYPE_PUT ? "PUT" : "DELETE");
    else
        printf("%d\n", e->type);
}
