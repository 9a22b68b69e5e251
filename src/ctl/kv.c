/* kv - get, put, del, compaction. */
#include "ctl/gotext.h"
#include "ctl/print.h"

#include <ctype.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#define FIRST_KEY   SLICE_LIT("\0") /* the smallest key; as the end of a range: no end */
#define STDIN_STEP  65536
#define STDIN_MAX   (1u << 30)
#define DEL_PAUSE_S 2

struct slice ctl_prefix_end(struct arena *arena, struct slice prefix)
{
    size_t n = prefix.n;
    while (n > 0 && prefix.p[n - 1] == 0xff)
        n--;
    if (n == 0)
        return FIRST_KEY;
    uint8_t *end = arena_alloc(arena, n);
    memcpy(end, prefix.p, n);
    end[n - 1]++;
    return slice_of(end, n);
}

int ctl_consistency(const char *text, bool *serializable)
{
    *serializable = strcmp(text, "s") == 0;
    if (*serializable || strcmp(text, "l") == 0)
        return EXIT_OK;
    struct buf quoted = {0};
    go_quote(slice_str(text), &quoted);
    ctl_fail(EXIT_BAD_FEATURE, "unknown consistency flag %.*s", (int)quoted.n,
             (const char *)quoted.p);
    buf_fini(&quoted);
    return EXIT_BAD_FEATURE;
}

/* The range of --prefix and --from-key, or of two arguments. */
static void range_of(struct ctl *ctl, struct slice *key, struct slice *end)
{
    bool prefix = flag_bool(&ctl->flags, "prefix");
    bool from_key = flag_bool(&ctl->flags, "from-key");
    *key = ctl_arg(ctl, 0);
    if (ctl->args.n > 1)
        *end = ctl_arg(ctl, 1);
    if (prefix && key->n > 0)
        *end = ctl_prefix_end(&ctl->arena, *key);
    else if (prefix || from_key)
        *end = FIRST_KEY;
    if ((prefix || from_key) && key->n == 0)
        *key = FIRST_KEY;
}

static int check_range(const struct ctl *ctl)
{
    bool prefix = flag_bool(&ctl->flags, "prefix");
    bool from_key = flag_bool(&ctl->flags, "from-key");
    if (prefix && from_key)
        return ctl_fail(EXIT_BAD_ARGS, "`--prefix` and `--from-key` cannot be set at the same "
                                       "time, choose one");
    return EXIT_OK;
}

static int check_range_args(const struct ctl *ctl)
{
    if (ctl->args.n > 1 && (flag_bool(&ctl->flags, "prefix") || flag_bool(&ctl->flags, "from-key")))
        return ctl_fail(EXIT_BAD_ARGS, "too many arguments, only accept one argument when "
                                       "`--prefix` or `--from-key` is set");
    return EXIT_OK;
}

/* get */

static int sorting(const struct ctl *ctl, struct pb_range_request *out)
{
    static const struct {
        const char *name;
        int32_t target;
    } targets[] = {
        {"", PB_SORT_TARGET_KEY},        {"CREATE", PB_SORT_TARGET_CREATE},
        {"KEY", PB_SORT_TARGET_KEY},     {"MODIFY", PB_SORT_TARGET_MOD},
        {"VALUE", PB_SORT_TARGET_VALUE}, {"VERSION", PB_SORT_TARGET_VERSION},
    };
    const char *order = flag_string(&ctl->flags, "order");
    const char *by = flag_string(&ctl->flags, "sort-by");
    if (strcasecmp(order, "ASCEND") == 0)
        out->sort_order = PB_SORT_ORDER_ASCEND;
    else if (strcasecmp(order, "DESCEND") == 0)
        out->sort_order = PB_SORT_ORDER_DESCEND;
    else if (*order)
        return ctl_fail(EXIT_BAD_FEATURE, "bad sort order %s", order);
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        if (strcasecmp(by, targets[i].name) != 0)
            continue;
        out->sort_target = targets[i].target;
        /* The server knows no sorting without an order (clientv3's WithSort). */
        if (out->sort_target == PB_SORT_TARGET_KEY && out->sort_order == PB_SORT_ORDER_ASCEND)
            out->sort_order = PB_SORT_ORDER_NONE;
        return EXIT_OK;
    }
    return ctl_fail(EXIT_BAD_FEATURE, "bad sort target %s", by);
}

static int64_t positive(const struct ctl *ctl, const char *name)
{
    int64_t v = flag_int(&ctl->flags, name);
    return v > 0 ? v : 0;
}

static int bounds(const struct ctl *ctl, struct pb_range_request *out)
{
    out->min_create_revision = positive(ctl, "min-create-rev");
    out->max_create_revision = positive(ctl, "max-create-rev");
    out->min_mod_revision = positive(ctl, "min-mod-rev");
    out->max_mod_revision = positive(ctl, "max-mod-rev");
    if (out->max_create_revision && out->min_create_revision > out->max_create_revision)
        return ctl_fail(EXIT_BAD_FEATURE,
                        "getMinCreateRev(=%" PRId64 ") > getMaxCreateRev(=%" PRId64 ")",
                        out->min_create_revision, out->max_create_revision);
    if (out->max_mod_revision && out->min_mod_revision > out->max_mod_revision)
        return ctl_fail(EXIT_BAD_FEATURE, "getMinModRev(=%" PRId64 ") > getMaxModRev(=%" PRId64 ")",
                        out->min_mod_revision, out->max_mod_revision);
    return EXIT_OK;
}

int ctl_get_request(struct ctl *ctl, struct pb_range_request *out)
{
    *out = (struct pb_range_request){0};
    if (ctl->args.n == 0)
        return ctl_fail(EXIT_BAD_ARGS, "get command needs one argument as key and an optional "
                                       "argument as range_end");
    int code = check_range(ctl);
    if (code != EXIT_OK)
        return code;
    out->keys_only = flag_bool(&ctl->flags, "keys-only");
    out->count_only = flag_bool(&ctl->flags, "count-only");
    if (out->keys_only && out->count_only)
        return ctl_fail(EXIT_BAD_ARGS, "`--keys-only` and `--count-only` cannot be set at the same "
                                       "time, choose one");
    code = ctl_consistency(flag_string(&ctl->flags, "consistency"), &out->serializable);
    if (code == EXIT_OK)
        code = check_range_args(ctl);
    if (code == EXIT_OK)
        code = sorting(ctl, out);
    if (code == EXIT_OK)
        code = bounds(ctl, out);
    if (code != EXIT_OK)
        return code;
    range_of(ctl, &out->key, &out->range_end);
    out->limit = flag_int(&ctl->flags, "limit");
    out->revision = positive(ctl, "rev");
    return EXIT_OK;
}

static void range_simple(const struct ctl *ctl, const void *reply)
{
    const struct pb_range_response *r = reply;
    for (size_t i = 0; i < r->kvs_n; i++)
        print_kv(ctl, &r->kvs[i]);
}

static void range_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_range_response *r = reply;
    print_header(ctl, r->header);
    for (size_t i = 0; i < r->kvs_n; i++)
        print_kv_fields(ctl, "", &r->kvs[i]);
    print_bool("More", r->more);
    printf("\"Count\" : %" PRId64 "\n", r->count);
}

const struct print_form print_range = {&wire_range_response, range_simple, range_fields};

/* The chunks of a RangeStream as one answer. */
static int get_stream(struct ctl *ctl, const struct pb_range_request *request,
                      struct pb_range_response *out)
{
    struct buf chunk = {0};
    struct buf whole = {0};
    uint64_t deadline = ctl_deadline(ctl);
    struct client_call *call =
        client_start(ctl->client, &(struct client_request){CLIENT_RANGE_STREAM, request, deadline},
                     &ctl->status);
    enum rc rc = call ? RC_OK : RC_CLOSED;
    while (rc == RC_OK && (rc = client_await(ctl->client, call, deadline, &chunk)) == RC_OK) {
        struct arena arena = {0};
        struct pb_range_stream_response r;
        rc = wire_decode(&wire_range_stream_response, buf_slice(&chunk), &arena, &r);
        /* Messages that follow each other are merged: protobuf's rule does the work. */
        if (rc == RC_OK && r.range_response)
            wire_encode(&wire_range_response, r.range_response, &whole);
        arena_fini(&arena);
    }
    if (rc == RC_TIMEOUT)
        client_status_set(&ctl->status, GRPC_DEADLINE_EXCEEDED, "context deadline exceeded");
    else if (call)
        client_status_copy(&ctl->status, client_call_status(call));
    bool fine = rc == RC_END && ctl->status.code == GRPC_OK &&
                wire_decode(&wire_range_response, arena_copy(&ctl->arena, buf_slice(&whole)),
                            &ctl->arena, out) == RC_OK;
    client_call_free(call);
    buf_fini(&chunk);
    buf_fini(&whole);
    return fine ? EXIT_OK : ctl_call_failed(ctl, EXIT_ERROR, NULL);
}

int cmd_get(struct ctl *ctl)
{
    struct pb_range_request request;
    struct pb_range_response response = {0};
    int code = ctl_get_request(ctl, &request);
    if (code == EXIT_OK)
        code = ctl_connect(ctl);
    if (code != EXIT_OK)
        return code;
    if (flag_bool(&ctl->flags, "stream"))
        code = get_stream(ctl, &request, &response);
    else
        code = ctl_call(ctl, CLIENT_RANGE, &request, &response);
    if (code != EXIT_OK)
        return code;
    if (request.count_only && ctl->format != FORMAT_FIELDS)
        return ctl_fail(EXIT_BAD_ARGS, "--count-only is only for `--write-out=fields`");
    ctl->value_only = flag_bool(&ctl->flags, "print-value-only");
    if (ctl->value_only && ctl->format != FORMAT_SIMPLE)
        return ctl_fail(EXIT_BAD_ARGS, "print-value-only is only for `--write-out=simple`");
    return print_reply(ctl, &print_range, &response);
}

/* put */

/* All of standard input; false when it is empty or cannot be read. */
static bool read_stdin(struct ctl *ctl, struct slice *out)
{
    struct buf in = {0};
    ssize_t n;
    do {
        uint8_t *at = buf_extend(&in, STDIN_STEP);
        n = read(STDIN_FILENO, at, STDIN_STEP);
        in.n -= STDIN_STEP - (size_t)(n > 0 ? n : 0);
    } while (n > 0 && in.n < STDIN_MAX);
    *out = arena_copy(&ctl->arena, buf_slice(&in));
    buf_fini(&in);
    return n == 0 && out->n > 0;
}

int ctl_put_request(struct ctl *ctl, struct pb_put_request *out)
{
    static const char wrong[] = "put command needs 1 argument and input from stdin or 2 arguments";
    struct err err = {0};
    *out = (struct pb_put_request){0};
    if (ctl->args.n == 0)
        return ctl_fail(EXIT_BAD_ARGS, wrong);
    out->key = ctl_arg(ctl, 0);
    out->ignore_value = flag_bool(&ctl->flags, "ignore-value");
    out->ignore_lease = flag_bool(&ctl->flags, "ignore-lease");
    out->prev_kv = flag_bool(&ctl->flags, "prev-kv");
    if (out->ignore_value && ctl->args.n > 1)
        return ctl_fail(EXIT_BAD_ARGS,
                        "put command needs only 1 argument when 'ignore-value' is set");
    if (!out->ignore_value && ctl->args.n > 1)
        out->value = ctl_arg(ctl, 1);
    else if (!out->ignore_value && !read_stdin(ctl, &out->value))
        return ctl_fail(EXIT_BAD_ARGS, wrong);
    if (go_int_parse(flag_string(&ctl->flags, "lease"), 16, &out->lease, &err) != RC_OK)
        return ctl_fail(EXIT_BAD_ARGS, "bad lease ID (%s), expecting ID in Hex", err.text);
    return EXIT_OK;
}

static void put_simple(const struct ctl *ctl, const void *reply)
{
    const struct pb_put_response *r = reply;
    printf("OK\n");
    if (r->prev_kv)
        print_kv(ctl, r->prev_kv);
}

static void put_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_put_response *r = reply;
    print_header(ctl, r->header);
    if (r->prev_kv)
        print_kv_fields(ctl, "Prev", r->prev_kv);
}

const struct print_form print_put = {&wire_put_response, put_simple, put_fields};

int cmd_put(struct ctl *ctl)
{
    struct pb_put_request request;
    struct pb_put_response response;
    int code = ctl_put_request(ctl, &request);
    if (code == EXIT_OK)
        code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call(ctl, CLIENT_PUT, &request, &response);
    return code == EXIT_OK ? print_reply(ctl, &print_put, &response) : code;
}

/* del */

int ctl_del_request(struct ctl *ctl, struct pb_delete_range_request *out)
{
    *out = (struct pb_delete_range_request){0};
    if (ctl->args.n == 0 || ctl->args.n > 2)
        return ctl_fail(EXIT_BAD_ARGS, "del command needs one argument as key and an optional "
                                       "argument as range_end");
    int code = check_range(ctl);
    if (code == EXIT_OK)
        code = check_range_args(ctl);
    if (code != EXIT_OK)
        return code;
    if (ctl->args.n > 1 && !flag_bool(&ctl->flags, "range")) {
        struct buf first = {0};
        struct buf last = {0};
        go_quote(ctl_arg(ctl, 0), &first);
        go_quote(ctl_arg(ctl, 1), &last);
        fprintf(stderr,
                "Warning: Keys between %.*s and %.*s will be deleted. Please interrupt the command "
                "within next %d seconds to cancel. You can provide `--range` flag to avoid the "
                "delay.\n",
                (int)first.n, (const char *)first.p, (int)last.n, (const char *)last.p,
                DEL_PAUSE_S);
        buf_fini(&first);
        buf_fini(&last);
        poll(NULL, 0, DEL_PAUSE_S * 1000);
    }
    out->prev_kv = flag_bool(&ctl->flags, "prev-kv");
    range_of(ctl, &out->key, &out->range_end);
    return EXIT_OK;
}

static void del_simple(const struct ctl *ctl, const void *reply)
{
    const struct pb_delete_range_response *r = reply;
    printf("%" PRId64 "\n", r->deleted);
    for (size_t i = 0; i < r->prev_kvs_n; i++)
        print_kv(ctl, &r->prev_kvs[i]);
}

static void del_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_delete_range_response *r = reply;
    print_header(ctl, r->header);
    printf("\"Deleted\" : %" PRId64 "\n", r->deleted);
    for (size_t i = 0; i < r->prev_kvs_n; i++)
        print_kv_fields(ctl, "Prev", &r->prev_kvs[i]);
}

const struct print_form print_del = {&wire_delete_range_response, del_simple, del_fields};

int cmd_del(struct ctl *ctl)
{
    struct pb_delete_range_request request;
    struct pb_delete_range_response response;
    int code = ctl_del_request(ctl, &request);
    if (code == EXIT_OK)
        code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call(ctl, CLIENT_DELETE_RANGE, &request, &response);
    return code == EXIT_OK ? print_reply(ctl, &print_del, &response) : code;
}

/* compaction */

int cmd_compaction(struct ctl *ctl)
{
    struct pb_compaction_request request = {0};
    struct pb_compaction_response response;
    struct err err = {0};
    if (ctl->args.n != 1)
        return ctl_fail(EXIT_BAD_ARGS, "compaction command needs 1 argument");
    if (go_int_parse(ctl->args.v[0], 10, &request.revision, &err) != RC_OK)
        return ctl_fail(EXIT_ERROR, "%s", err.text);
    request.physical = flag_bool(&ctl->flags, "physical");
    int code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call(ctl, CLIENT_COMPACT, &request, &response);
    if (code == EXIT_OK)
        printf("compacted revision %" PRId64 "\n", request.revision);
    return code;
}
