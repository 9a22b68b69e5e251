#include "program.h"

#include "base/wr.h"

#define UNKNOWN_FIELD 90 /* of no message that is sent */

const struct slice program_users[PROGRAM_USERS] = {SLICE_INIT("root"), SLICE_INIT("u"),
                                                   SLICE_INIT("v"), SLICE_INIT("w")};

struct step_type {
    const char *name;
    const char *path;
    const char *gateway;
    const struct wire_message *request;
    const struct wire_message *response;
};

static const struct step_type *type_of(enum step_kind kind)
{
#define STEP_TYPE(name, service, method, gateway, message)                                         \
    {method, "/etcdserverpb." service "/" method, gateway, &wire_##message##_request,              \
     &wire_##message##_response},
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

enum step_kind step_find(const char *path)
{
    enum step_kind kind = 0;
    while (kind < STEP_KIND_COUNT && strcmp(step_path(kind), path) != 0)
        kind++;
    return kind;
}

const char *step_gateway(enum step_kind kind)
{
    return type_of(kind)->gateway;
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
    struct pb_hash_kv_request *hash = s->request;
    while (s->kind == STEP_HASH_KV &&
           is_fragile(now, hash->revision != 0 ? hash->revision : now->revision))
        hash->revision = (hash->revision != 0 ? hash->revision : now->revision) - 1;
    wire_encode(step_request(s->kind), s->request, out);
    if (s->unknown_field) {
        buf_append_varint(out, UNKNOWN_FIELD << 3 | 2);
        buf_append_varint(out, 1);
        buf_append_u8(out, '?');
    }
}

bool step_is_read(const struct step *s)
{
    switch ((int)s->kind) {
    case STEP_RANGE:
    case STEP_LEFT:
    case STEP_LEASES:
    case STEP_AUTH_STATUS:
    case STEP_USER_GET:
    case STEP_USER_LIST:
    case STEP_ROLE_GET:
    case STEP_ROLE_LIST:
    case STEP_MEMBERS:
    case STEP_STATUS:
    case STEP_HASH:
    case STEP_HASH_KV:
    case STEP_MOVE_LEADER: /* nobody else can lead */
        return true;
    default:
        return s->kind == STEP_TXN && !txn_habits(s->request).writes;
    }
}

void program_fini(struct program *p)
{
    arena_fini(&p->arena);
    *p = (struct program){0};
}
