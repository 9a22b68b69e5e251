#include "program.h"

#include "base/wr.h"

#define UNKNOWN_FIELD 90 /* of no message that is sent */

struct step_type {
    const char *name;
    const char *path;
    const struct wire_message *request;
    const struct wire_message *response;
};

static const struct step_type *type_of(enum step_kind kind)
{
#define STEP_TYPE(name, service, method, request, response)                                        \
    {method, "/etcdserverpb." service "/" method, &wire_##request, &wire_##response},
    static const struct step_type types[] = {STEP_TABLE(STEP_TYPE)};
#undef STEP_TYPE
    return &types[kind];
}

const char *step_name(enum step_kind kind)
{
    return type_of(kind)->name;
}

const char *step_path(enum step_kind kind)
{
    return type_of(kind)->path;
}

const struct wire_message *step_request(enum step_kind kind)
{
    return type_of(kind)->request;
}

const struct wire_message *step_response(enum step_kind kind)
{
    return type_of(kind)->response;
}

static void add_habits(const struct pb_txn_request *r, struct habits *h);

static void add_habits_of_ops(const struct pb_request_op *ops, size_t n, struct habits *h)
{
    for (size_t i = 0; i < n; i++) {
        h->writes |= ops[i].request_case != PB_OP_RANGE;
        h->puts |= ops[i].request_case == PB_OP_PUT;
        if (ops[i].request_case == PB_OP_TXN)
            add_habits(ops[i].request_txn, h);
        if (ops[i].request_case == PB_OP_DELETE_RANGE)
            h->deletes_from_key |=
                slice_eq(ops[i].request_delete_range->range_end, SLICE_LIT("\0"));
    }
}

static void add_habits(const struct pb_txn_request *r, struct habits *h)
{
    add_habits_of_ops(r->success, r->success_n, h);
    add_habits_of_ops(r->failure, r->failure_n, h);
}

struct habits txn_habits(const struct pb_txn_request *r)
{
    struct habits h = {0};
    add_habits(r, &h);
    return h;
}

bool step_is_fragile(const struct step *s)
{
    struct habits h = {0};
    if (s->kind == STEP_TXN)
        h = txn_habits(s->request);
    return h.deletes_from_key && h.puts;
}

static bool is_fragile(const struct moment *now, int64_t revision)
{
    for (size_t i = 0; i < now->fragile_n && i < FRAGILE_MAX; i++)
        if (now->fragile[i] == revision)
            return true;
    return false;
}

void step_encode(const struct step *s, const struct moment *now, struct buf *out)
{
    for (const struct revision_ref *ref = s->refs; ref; ref = ref->next)
        *ref->at = (ref->from_compacted ? now->compacted : now->revision) + ref->delta;
    struct pb_compaction_request *compaction = s->request;
    while (s->kind == STEP_COMPACT && is_fragile(now, compaction->revision))
        compaction->revision--;
    wire_encode(step_request(s->kind), s->request, out);
    if (s->unknown_field) {
        buf_append_varint(out, UNKNOWN_FIELD << 3 | 2);
        buf_append_varint(out, 1);
        buf_append_u8(out, '?');
    }
}

bool step_is_read(const struct step *s)
{
    return s->kind == STEP_RANGE || s->kind == STEP_LEFT || s->kind == STEP_LEASES ||
           (s->kind == STEP_TXN && !txn_habits(s->request).writes);
}

void program_fini(struct program *p)
{
    arena_fini(&p->arena);
    *p = (struct program){0};
}
