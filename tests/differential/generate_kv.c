/* Making requests about keys and leases. Most of what is drawn is valid, so that most requests get
 * past the first check; every limit, enum and combination is crossed now and then. */
#include "base/must.h"
#include "generate.h"

#define TXN_DEPTH_MAX   4
#define TXN_OPS_MAX     128 /* etcd's --max-txn-ops */
#define LEASES_PASSING  3
#define LEASE_UNKNOWN   4711
#define VALUE_LARGE     40000   /* more than an answer that moat builds at once */
#define VALUE_ALLOWED   1400000 /* below --max-request-bytes */
#define VALUE_TOO_LARGE 1700000 /* above, but below what gRPC takes */
#define VALUE_BEYOND    2200000 /* gRPC itself refuses it */

static const struct slice special_keys[] = {
    SLICE_INIT("\x00"), SLICE_INIT("\x00\x00"), SLICE_INIT("\x00\x01"),  SLICE_INIT("\x01"),
    SLICE_INIT("a"),    SLICE_INIT("a\x00"),    SLICE_INIT("a\x00\x00"), SLICE_INIT("a\xff"),
    SLICE_INIT("aa"),   SLICE_INIT("ab"),       SLICE_INIT("abc"),       SLICE_INIT("b"),
    SLICE_INIT("k"),    SLICE_INIT("k/"),       SLICE_INIT("k/1"),       SLICE_INIT("k/10"),
    SLICE_INIT("k/2"),  SLICE_INIT("\x7f"),     SLICE_INIT("\x80"),      SLICE_INIT("\xfe"),
    SLICE_INIT("\xff"), SLICE_INIT("\xff\x00"), SLICE_INIT("\xff\xff"),
};

static bool permille(struct gen *g, uint64_t n)
{
    return below(g, 1000) < n;
}

/* ---- Keys, values, revisions ---- */

static struct slice random_key(struct gen *g)
{
    static const uint8_t alphabet[] = {0x00, 0x01, 'a', 'b', 0xfe, 0xff};
    size_t n = 1 + below(g, 3);
    uint8_t *p = make(g, n);
    for (size_t i = 0; i < n; i++)
        p[i] = alphabet[below(g, sizeof(alphabet))];
    return slice_of(p, n);
}

static struct slice long_key(struct gen *g)
{
    size_t n = 100 + below(g, 400);
    uint8_t *p = make(g, n);
    memset(p, 'l', n);
    p[n - 1] = (uint8_t)('a' + below(g, 3));
    return slice_of(p, n);
}

static bool has_key(const struct gen *g, struct slice key)
{
    for (size_t i = 0; i < g->key_n; i++)
        if (slice_eq(g->keys[i], key))
            return true;
    return false;
}

void choose_keys(struct gen *g)
{
    size_t want = 1 + below(g, PROGRAM_KEYS_MAX);
    while (g->key_n < want) {
        struct slice key = special_keys[below(g, ARRAY_LEN(special_keys))];
        if (percent(g, 20))
            key = random_key(g);
        else if (percent(g, 2))
            key = long_key(g);
        if (!has_key(g, key))
            g->keys[g->key_n++] = key;
    }
}

static struct slice with_byte(struct gen *g, struct slice key, uint8_t byte)
{
    uint8_t *p = make(g, key.n + 1);
    if (key.n > 0)
        memcpy(p, key.p, key.n);
    p[key.n] = byte;
    return slice_of(p, key.n + 1);
}

/* One of the program's keys: only these are ever put. */
static struct slice own_key(struct gen *g)
{
    return g->keys[below(g, g->key_n)];
}

static struct slice any_key(struct gen *g)
{
    uint64_t choice = below(g, 100);
    struct slice key = own_key(g);
    if (choice < 88)
        return key;
    if (choice < 92)
        return with_byte(g, key, 0);
    if (choice < 95)
        return slice_of(key.p, key.n - 1); /* perhaps empty */
    return random_key(g);
}

/* etcd's prefix end: the last byte that is not 0xff, plus one; "\0" when there is none. */
static struct slice prefix_end(struct gen *g, struct slice key)
{
    size_t n = key.n;
    while (n > 0 && key.p[n - 1] == 0xff)
        n--;
    if (n == 0)
        return SLICE_LIT("\0");
    uint8_t *p = make(g, n);
    memcpy(p, key.p, n);
    p[n - 1]++;
    return slice_of(p, n);
}

static struct slice range_end(struct gen *g, struct slice key)
{
    uint64_t choice = below(g, 100);
    if (choice < 40)
        return (struct slice){0};
    if (choice < 62) {
        struct slice end = any_key(g); /* below the key as often as above */
        /* May a user read what ends before it begins? etcd answers by how its tree of ranges grew.
         */
        return g->guarded && slice_cmp(end, key) < 0 ? key : end;
    }
    if (choice < 78)
        return prefix_end(g, key);
    if (choice < 92)
        return SLICE_LIT("\0"); /* all from key on */
    return choice < 96 ? key : with_byte(g, key, 0);
}

void choose_range(struct gen *g, struct slice *key, struct slice *end)
{
    if (percent(g, 20)) {
        *key = SLICE_LIT("\0");
        *end = SLICE_LIT("\0");
        return;
    }
    *key = percent(g, 1) ? (struct slice){0} : any_key(g);
    *end = range_end(g, *key);
}

static struct slice bytes_of(struct gen *g, size_t n)
{
    uint8_t *p = make(g, n);
    memset(p, (int)('A' + below(g, 26)), n);
    return slice_of(p, n);
}

/* Few different values, so that sorting and comparing by value meets equals. */
static struct slice small_value(struct gen *g)
{
    static const struct slice values[] = {
        SLICE_INIT(""),   SLICE_INIT("0"),        SLICE_INIT("1"),    SLICE_INIT("10"),
        SLICE_INIT("2"),  SLICE_INIT("\x00"),     SLICE_INIT("\xff"), SLICE_INIT("v"),
        SLICE_INIT("vv"), SLICE_INIT("\x00\xff"), SLICE_INIT("\n"),
    };
    return values[below(g, ARRAY_LEN(values))];
}

static struct slice value(struct gen *g)
{
    uint64_t choice = below(g, 10000);
    if (choice < 40)
        return bytes_of(g, VALUE_LARGE);
    if (choice < 42)
        return bytes_of(g, VALUE_ALLOWED);
    if (choice < 48)
        return bytes_of(g, VALUE_TOO_LARGE);
    if (choice < 51)
        return bytes_of(g, VALUE_BEYOND);
    return choice < 700 ? bytes_of(g, 50 + below(g, 300)) : small_value(g);
}

void refer(struct gen *g, int64_t *at, bool from_compacted, int64_t delta)
{
    struct revision_ref *ref = make(g, sizeof(*ref));
    *ref = (struct revision_ref){at, from_compacted, delta, g->step->refs};
    g->step->refs = ref;
}

/* Something that revisions of keys are compared with. */
static void near_revision(struct gen *g, int64_t *at)
{
    if (percent(g, 12))
        *at = (int64_t)below(g, 4) - 1;
    else
        refer(g, at, false, 1 - (int64_t)below(g, percent(g, 50) ? 6 : 40));
}

static void request_revision(struct gen *g, int64_t *at)
{
    uint64_t choice = below(g, 100);
    if (choice < 65)
        *at = 0;
    else if (choice < 90)
        refer(g, at, false, -(int64_t)below(g, 12));
    else if (choice < 95)
        refer(g, at, true, (int64_t)below(g, 3) - 1);
    else if (choice < 97)
        refer(g, at, false, 1 + (int64_t)below(g, 3));
    else if (choice < 99)
        *at = -(int64_t)below(g, 3);
    else
        *at = percent(g, 50) ? INT64_MIN : INT64_MAX;
}

/* One of those that are granted and revoked by steps. */
static int64_t passing_lease(struct gen *g)
{
    return -1 - (int64_t)below(g, LEASES_PASSING);
}

static int64_t lease(struct gen *g)
{
    if (g->opt->leases > 0 && percent(g, 25))
        return 1 + (int64_t)below(g, (uint64_t)g->opt->leases);
    if (g->opt->leases > 0 && percent(g, 5))
        return passing_lease(g);
    return percent(g, 3) ? LEASE_UNKNOWN : 0;
}

/* Now and then a number that the enum does not have. */
static int32_t open_enum(struct gen *g, int32_t values)
{
    static const int32_t odd[] = {-1, 7, 9, INT32_MIN, INT32_MAX};
    if (permille(g, 8))
        return percent(g, 40) ? values : odd[below(g, ARRAY_LEN(odd))];
    return (int32_t)below(g, (uint64_t)values);
}

/* ---- Requests ---- */

static int64_t limit(struct gen *g)
{
    static const int64_t odd[] = {-1, INT64_MIN, INT64_MAX, (int64_t)1 << 40};
    if (percent(g, 55))
        return 0;
    return percent(g, 15) ? odd[below(g, ARRAY_LEN(odd))] : (int64_t)(1 + below(g, 5));
}

static void fill_range(struct gen *g, struct pb_range_request *r)
{
    choose_range(g, &r->key, &r->range_end);
    r->limit = limit(g);
    request_revision(g, &r->revision);
    if (percent(g, 45)) {
        r->sort_order = open_enum(g, PB_SORT_ORDER_DESCEND + 1);
        r->sort_target = open_enum(g, PB_SORT_TARGET_VALUE + 1);
    }
    r->serializable = percent(g, 40);
    r->keys_only = percent(g, 15);
    r->count_only = percent(g, 10);
    int64_t *filters[] = {&r->min_mod_revision, &r->max_mod_revision, &r->min_create_revision,
                          &r->max_create_revision};
    for (size_t i = 0; i < ARRAY_LEN(filters); i++)
        if (percent(g, 7))
            near_revision(g, filters[i]);
}

/* A key of the program that this transaction has not written yet, if it is to be valid. */
static struct slice untaken_key(struct gen *g)
{
    size_t at = below(g, g->key_n);
    for (size_t i = 0; g->careful && i < g->key_n && g->taken & 1u << at; i++)
        at = (at + 1) % g->key_n;
    g->taken |= 1u << at;
    return g->keys[at];
}

static void fill_put(struct gen *g, struct pb_put_request *r)
{
    r->key = percent(g, 1) ? (struct slice){0} : untaken_key(g);
    r->value = value(g);
    r->lease = lease(g);
    r->prev_kv = percent(g, 40);
    r->ignore_value = percent(g, 8);
    r->ignore_lease = percent(g, 8);
    if (r->ignore_value && percent(g, 90))
        r->value = (struct slice){0};
    if (r->ignore_lease && percent(g, 90))
        r->lease = 0;
}

static void fill_delete(struct gen *g, struct pb_delete_range_request *r)
{
    if (g->careful && percent(g, 80))
        r->key = untaken_key(g);
    else
        choose_range(g, &r->key, &r->range_end);
    r->prev_kv = percent(g, 50);
}

static void fill_compare(struct gen *g, struct pb_compare *c)
{
    static const uint32_t unions[] = {PB_TARGET_VERSION, PB_TARGET_CREATE_REVISION,
                                      PB_TARGET_MOD_REVISION, PB_TARGET_VALUE, PB_TARGET_LEASE};
    c->result = open_enum(g, PB_COMPARE_RESULT_NOT_EQUAL + 1);
    c->target = open_enum(g, PB_COMPARE_TARGET_LEASE + 1);
    c->key = permille(g, 5) ? (struct slice){0} : any_key(g);
    if (percent(g, 25))
        c->range_end = range_end(g, c->key);
    bool fits = c->target >= 0 && c->target < (int32_t)ARRAY_LEN(unions) && !percent(g, 6);
    c->target_union_case = unions[fits ? (size_t)c->target : below(g, ARRAY_LEN(unions))];
    if (percent(g, 4))
        c->target_union_case = 0;
    switch (c->target_union_case) {
    case PB_TARGET_VERSION:
        c->version = (int64_t)below(g, 5) - (percent(g, 10) ? 2 : 0);
        break;
    case PB_TARGET_CREATE_REVISION:
        near_revision(g, &c->create_revision);
        break;
    case PB_TARGET_MOD_REVISION:
        near_revision(g, &c->mod_revision);
        break;
    case PB_TARGET_VALUE:
        c->value = small_value(g);
        break;
    case PB_TARGET_LEASE:
        c->lease = lease(g);
        break;
    default:
        break;
    }
}

static void fill_txn(struct gen *g, struct pb_txn_request *r, unsigned depth, bool reads);

/* 3.4 does not look into nested transactions: neither for permissions, nor, while an alarm is on,
 * for what they put. */
static bool may_nest(const struct gen *g, unsigned depth)
{
    return depth < TXN_DEPTH_MAX && !(g->opt->old_peer && (g->guarded || g->armed));
}

static void fill_op(struct gen *g, struct pb_request_op *op, unsigned depth, bool reads)
{
    uint64_t choice = reads ? 0 : below(g, 100);
    if (choice < 30) {
        op->request_case = PB_OP_RANGE;
        op->request_range = make(g, sizeof(*op->request_range));
        fill_range(g, op->request_range);
    } else if (choice < 68) {
        op->request_case = PB_OP_PUT;
        op->request_put = make(g, sizeof(*op->request_put));
        fill_put(g, op->request_put);
        if (g->opt->old_peer && g->guarded)
            op->request_put->prev_kv = false; /* 3.4 shows it to whoever may write */
    } else if (choice < 85) {
        op->request_case = PB_OP_DELETE_RANGE;
        op->request_delete_range = make(g, sizeof(*op->request_delete_range));
        fill_delete(g, op->request_delete_range);
    } else if (choice < 99 && may_nest(g, depth)) {
        op->request_case = PB_OP_TXN;
        op->request_txn = make(g, sizeof(*op->request_txn));
        fill_txn(g, op->request_txn, depth + 1, false);
    } /* else it stays empty */
}

static struct pb_request_op *make_ops(struct gen *g, size_t n, unsigned depth, bool reads)
{
    struct pb_request_op *ops = make(g, n * sizeof(*ops) + 1);
    for (size_t i = 0; i < n; i++)
        fill_op(g, &ops[i], depth, reads);
    return ops;
}

/* The branches exclude each other: what the one writes is free to the other. Whoever is not careful
 * forgets what is taken anyway. */
static void fill_txn(struct gen *g, struct pb_txn_request *r, unsigned depth, bool reads)
{
    r->compare_n = below(g, 4);
    r->compare = make(g, r->compare_n * sizeof(*r->compare) + 1);
    for (size_t i = 0; i < r->compare_n; i++)
        fill_compare(g, &r->compare[i]);
    r->success_n = below(g, depth > 1 ? 3 : 5);
    r->failure_n = below(g, depth > 1 ? 3 : 5);
    unsigned before = g->taken;
    r->success = make_ops(g, r->success_n, depth, reads);
    unsigned after = g->taken;
    if (depth == 1)
        g->taken = before;
    r->failure = make_ops(g, r->failure_n, depth, reads);
    g->taken |= after;
}

/* Many small reads. */
static void fill_crowd(struct gen *g, struct pb_request_op *ops, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ops[i].request_case = PB_OP_RANGE;
        ops[i].request_range = make(g, sizeof(*ops[i].request_range));
        ops[i].request_range->key = own_key(g);
        ops[i].request_range->count_only = true;
    }
}

/* As many operations as are allowed, or a few more: in a list of any kind, or added up over nested
 * transactions. */
static void fill_crowded_txn(struct gen *g, struct pb_txn_request *r)
{
    size_t n = TXN_OPS_MAX - 1 + below(g, 4);
    uint64_t shape = below(g, 4);
    if (shape == 0) {
        r->compare_n = n;
        r->compare = make(g, n * sizeof(*r->compare));
        for (size_t i = 0; i < n; i++)
            r->compare[i] =
                (struct pb_compare){.key = own_key(g), .result = PB_COMPARE_RESULT_NOT_EQUAL};
        return;
    }
    struct pb_request_op *ops = make(g, n * sizeof(*ops));
    if (shape < 3) {
        fill_crowd(g, ops, n);
        struct pb_request_op **branch = shape == 1 ? &r->success : &r->failure;
        size_t *branch_n = shape == 1 ? &r->success_n : &r->failure_n;
        *branch = ops;
        *branch_n = n;
        return;
    }
    struct pb_txn_request *inner = make(g, sizeof(*inner));
    size_t outer_n = 1 + below(g, 100);
    r->success = make(g, outer_n * sizeof(*r->success));
    r->success_n = outer_n;
    fill_crowd(g, r->success, outer_n - 1);
    r->success[outer_n - 1] =
        (struct pb_request_op){.request_case = PB_OP_TXN, .request_txn = inner};
    inner->failure = ops;
    inner->failure_n = n - outer_n;
    fill_crowd(g, ops, inner->failure_n);
}

static void fill_compaction(struct gen *g, struct pb_compaction_request *r)
{
    uint64_t choice = below(g, 100);
    if (choice < 70)
        refer(g, &r->revision, false, -(int64_t)below(g, 10));
    else if (choice < 80)
        refer(g, &r->revision, true, (int64_t)below(g, 3) - 1);
    else if (choice < 92)
        refer(g, &r->revision, false, 1 + (int64_t)below(g, 3));
    else
        r->revision = 1 - (int64_t)below(g, 3);
    r->physical = percent(g, 40) || g->hashes;
}

/* ---- What real servers do not survive ---- */

static void tame_range(const struct gen *g, struct pb_range_request *r, bool order)
{
    if (!g->opt->old_peer)
        return;
    if (r->sort_target < PB_SORT_TARGET_KEY || r->sort_target > PB_SORT_TARGET_VALUE)
        r->sort_target = PB_SORT_TARGET_MOD; /* 3.4 panics */
    if (order && (r->sort_order < PB_SORT_ORDER_NONE || r->sort_order > PB_SORT_ORDER_DESCEND))
        r->sort_order = PB_SORT_ORDER_NONE; /* 3.4 would carry the transaction out */
}

static void tame_txn(const struct gen *g, struct pb_txn_request *r, const struct habits *h);

static void tame_ops(const struct gen *g, struct pb_request_op *ops, size_t n,
                     const struct habits *h)
{
    for (size_t i = 0; i < n; i++) {
        if (ops[i].request_case == PB_OP_RANGE) {
            tame_range(g, ops[i].request_range, h->writes);
        } else if (ops[i].request_case == PB_OP_TXN) {
            tame_txn(g, ops[i].request_txn, h);
        } else if (ops[i].request_case == PB_OP_PUT && h->deletes_from_key) {
            /* Both versions panic when such a put finds its key deleted by the same transaction. */
            ops[i].request_put->ignore_value = false;
            ops[i].request_put->ignore_lease = false;
        }
    }
}

static void tame_txn(const struct gen *g, struct pb_txn_request *r, const struct habits *h)
{
    tame_ops(g, r->success, r->success_n, h);
    tame_ops(g, r->failure, r->failure_n, h);
}

/* ---- Steps ---- */

static void make_txn(struct gen *g, struct step *s)
{
    struct pb_txn_request *r = s->request = make(g, sizeof(*r));
    s->kind = STEP_TXN;
    g->careful = percent(g, 75);
    g->taken = 0;
    if (percent(g, 2))
        fill_crowded_txn(g, r);
    else
        fill_txn(g, r, 1, percent(g, 20));
    g->careful = false;
    struct habits h = txn_habits(r);
    tame_txn(g, r, &h);
}

static void make_grant(struct gen *g, struct step *s)
{
    struct pb_lease_grant_request *r = make(g, sizeof(*r));
    /* Long enough to outlive the test, or refused. */
    *r = (struct pb_lease_grant_request){.id = passing_lease(g),
                                         .ttl = percent(g, 10) ? 9000000001 : 100000};
    s->kind = STEP_GRANT;
    s->request = r;
}

static void make_lease_step(struct gen *g, struct step *s)
{
    uint64_t choice = below(g, 100);
    struct pb_lease_revoke_request *revoke = make(g, sizeof(*revoke));
    struct pb_lease_time_to_live_request *left = make(g, sizeof(*left));
    if (choice < 35) {
        make_grant(g, s);
    } else if (choice < 60) {
        revoke->id = percent(g, 90) ? passing_lease(g) : LEASE_UNKNOWN;
        s->kind = STEP_REVOKE;
        s->request = revoke;
    } else if (choice < 90) {
        *left = (struct pb_lease_time_to_live_request){.id = lease(g), .keys = percent(g, 80)};
        s->kind = STEP_LEFT;
        s->request = left;
    } else {
        s->kind = STEP_LEASES;
        s->request = make(g, sizeof(struct pb_lease_leases_request));
    }
}

void kv_step(struct gen *g, struct step *s)
{
    uint64_t choice = below(g, 100);
    g->step = s;
    s->unknown_field = permille(g, 5);
    if (g->opt->leases > 0 && percent(g, 12)) {
        make_lease_step(g, s);
    } else if (choice < 36) {
        s->kind = STEP_RANGE;
        fill_range(g, s->request = make(g, sizeof(struct pb_range_request)));
        tame_range(g, s->request, false);
    } else if (choice < 66) {
        s->kind = STEP_PUT;
        fill_put(g, s->request = make(g, sizeof(struct pb_put_request)));
    } else if (choice < 73) {
        s->kind = STEP_DELETE;
        fill_delete(g, s->request = make(g, sizeof(struct pb_delete_range_request)));
    } else if (choice < 96) {
        make_txn(g, s);
    } else {
        s->kind = STEP_COMPACT;
        fill_compaction(g, s->request = make(g, sizeof(struct pb_compaction_request)));
    }
}
