#include "program.h"

#include "base/wr.h"

#define UNKNOWN_FIELD 90 /* of no message of the KV service */

struct step_type {
    const char *name;
    const char *path;
    const struct wire_message *request;
    const struct wire_message *response;
};

static const struct step_type *type_of(enum step_kind kind)
{
#define STEP_TYPE(name, method, request, response)                                                 \
    {method, "/etcdserverpb.KV/" method, &wire_##request, &wire_##response},
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

void step_encode(const struct step *s, const struct moment *now, struct buf *out)
{
    for (const struct revision_ref *ref = s->refs; ref; ref = ref->next)
        *ref->at = (ref->from_compacted ? now->compacted : now->revision) + ref->delta;
    wire_encode(step_request(s->kind), s->request, out);
    if (s->unknown_field) {
        buf_append_varint(out, UNKNOWN_FIELD << 3 | 2);
        buf_append_varint(out, 1);
        buf_append_u8(out, '?');
    }
}

static bool all_ranges(const struct pb_request_op *ops, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ops[i].request_case != PB_OP_RANGE)
            return false;
    return true;
}

bool step_is_read(const struct step *s)
{
    const struct pb_txn_request *txn = s->request;
    return s->kind == STEP_RANGE ||
           (s->kind == STEP_TXN && all_ranges(txn->success, txn->success_n) &&
            all_ranges(txn->failure, txn->failure_n));
}

void program_fini(struct program *p)
{
    arena_fini(&p->arena);
    *p = (struct program){0};
}
