/* print - an answer in the format that was asked for.
 *
 * JSON and protobuf come from the message tables; what people read is written for each message by
 * its command. */
#ifndef MOAT_CTL_PRINT_H
#define MOAT_CTL_PRINT_H

#include "ctl/inner.h"

struct print_form {
    const struct wire_message *message;
    void (*simple)(const struct ctl *ctl, const void *reply);
    void (*fields)(const struct ctl *ctl, const void *reply); /* NULL: not supported */
    void (*table)(const struct ctl *ctl, const void *reply);  /* NULL: not supported */
    /* Instead of the table's JSON, for answers that etcd's client has structs of its own for; their
     * protobuf form is refused, unless protobuf says otherwise. */
    void (*json)(const void *reply, struct buf *out);
    bool protobuf;
    /* Of the reply, whose first member it is, etcd's client can write only the header in protobuf.
     */
    bool header_alone;
    bool hex_ids; /* --hex reaches the IDs in JSON, too */
};

/* EXIT_OK, or EXIT_BAD_FEATURE after the error was printed. */
int print_reply(const struct ctl *ctl, const struct print_form *form, const void *reply);

int print_unsupported(const char *format);

void print_slice(struct slice s); /* to standard output, as everything here */
void print_buf(struct buf *b);    /* and free it */
void print_kv(const struct ctl *ctl, const struct pb_key_value *kv);

/* The parts of the fields format. */
void print_header(const struct ctl *ctl, const struct pb_response_header *h);
void print_kv_fields(const struct ctl *ctl, const char *prefix, const struct pb_key_value *kv);
void print_quoted(const char *name, struct slice text); /* "Name" : "text" */
void print_id(const struct ctl *ctl, const char *name, uint64_t id);
void print_lease_id(const struct ctl *ctl, const char *name, int64_t id);
void print_bool(const char *name, bool v);

/* The header's members, as Go inlines them: `"cluster_id":…,` */
void print_json_header(const struct pb_response_header *h, struct buf *out);

/* A get's answer, which lock, elect and get print. */
extern const struct print_form print_range;
extern const struct print_form print_put;
extern const struct print_form print_del;
void print_event_type(const struct pb_event *e);

#endif
