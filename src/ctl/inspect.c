/* inspect - what fills a moat server (du) and what keeps it busy (top); etcd cannot say. */
#include "ctl/box.h"
#include "ctl/gotext.h"
#include "ctl/print.h"
#include "ctl/screen.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define DU_GROUPS       10000 /* asked for: the most that a server tells */
#define DU_LINES        20u   /* for people, unless they say otherwise */
#define TOP_LINES_MAX   100   /* that a server tells of each list */
#define TOP_SECONDS     2
#define TOP_SECONDS_MAX 86400

static int no_answer(struct ctl *ctl)
{
    if (ctl->status.code == GRPC_UNIMPLEMENTED)
        return ctl_fail(EXIT_ERROR, "the server is not moat, or older than this program: it cannot "
                                    "tell what fills it or keeps it busy");
    return ctl_call_failed(ctl, EXIT_ERROR, NULL);
}

/* A key as it is, in quotes only where that would not show what it is. */
static void append_key(const struct ctl *ctl, struct slice key, struct buf *out)
{
    struct buf quoted = {0};
    go_quote(key, &quoted);
    if (ctl->hex && key.n > 0)
        go_hex(key, out);
    else if (key.n > 0 && quoted.n == key.n + 2)
        buf_append_slice(out, key);
    else
        buf_append_slice(out, buf_slice(&quoted));
    buf_fini(&quoted);
}

static void append_box(const struct ctl *ctl, struct box *b, struct buf *out)
{
    if (ctl->format == FORMAT_TABLE)
        box_draw(b, out);
    else
        box_columns(b, out);
    box_fini(b);
}

/* du */

static struct pb_weight weight_of(const struct pb_weight *w)
{
    return w ? *w : (struct pb_weight){0};
}

/* Revisions beyond the live keys: what a compaction could free. */
static int64_t churn(struct pb_weight w)
{
    return w.revisions - w.keys;
}

/* What those groups hold that are not printed. */
static struct pb_weight rest_of(const struct pb_usage_response *r)
{
    struct pb_weight rest = weight_of(r->total);
    const struct pb_weight direct = weight_of(r->direct);
    const struct pb_weight unsplit = weight_of(r->unsplit);
    rest.keys -= direct.keys + unsplit.keys;
    rest.bytes -= direct.bytes + unsplit.bytes;
    rest.revisions -= direct.revisions + unsplit.revisions;
    for (size_t i = 0; i < r->groups_n; i++) {
        const struct pb_weight w = weight_of(r->groups[i].weight);
        rest.keys -= w.keys;
        rest.bytes -= w.bytes;
        rest.revisions -= w.revisions;
    }
    return rest;
}

/* A row but its last cell, which is returned. */
static struct buf *du_row(struct box *b, struct pb_weight w, struct pb_weight total)
{
    double share = total.bytes > 0 ? 100.0 * (double)w.bytes / (double)total.bytes : 0;
    go_size((uint64_t)w.bytes, box_cell(b));
    buf_printf(box_cell(b), "%.1f%%", share);
    buf_printf(box_cell(b), "%" PRId64, w.keys);
    buf_printf(box_cell(b), "%" PRId64, w.revisions);
    buf_printf(box_cell(b), "%" PRId64, churn(w));
    return box_cell(b);
}

static void du_note(struct box *b, struct pb_weight w, struct pb_weight total, const char *note)
{
    if (w.revisions > 0)
        buf_append_str(du_row(b, w, total), note);
}

static void du_simple(const struct ctl *ctl, const void *reply)
{
    static const char *const head[] = {"size", "share", "keys", "revisions", "churn", "prefix"};
    const struct pb_usage_response *r = reply;
    const struct pb_weight total = weight_of(r->total);
    struct box b;
    struct buf out = {0};
    box_init(&b, head, ARRAY_LEN(head));
    for (size_t i = 0; i < r->groups_n; i++)
        append_key(ctl, r->groups[i].prefix, du_row(&b, weight_of(r->groups[i].weight), total));
    du_note(&b, rest_of(r), total, "(smaller ones)");
    du_note(&b, weight_of(r->direct), total, "(keys directly below)");
    du_note(&b, weight_of(r->unsplit), total, "(not split: too many)");
    append_key(ctl, r->prefix, du_row(&b, total, total));
    append_box(ctl, &b, &out);
    print_buf(&out);
}

static void weight_fields(const char *name, struct pb_weight w)
{
    printf("\"%sBytes\" : %" PRId64 "\n\"%sKeys\" : %" PRId64 "\n", name, w.bytes, name, w.keys);
    printf("\"%sRevisions\" : %" PRId64 "\n\"%sChurn\" : %" PRId64 "\n", name, w.revisions, name,
           churn(w));
}

static void du_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_usage_response *r = reply;
    print_header(ctl, r->header);
    print_quoted("Prefix", r->prefix);
    weight_fields("Total", weight_of(r->total));
    weight_fields("Direct", weight_of(r->direct));
    weight_fields("Unsplit", weight_of(r->unsplit));
    for (size_t i = 0; i < r->groups_n; i++) {
        print_quoted("GroupPrefix", r->groups[i].prefix);
        weight_fields("Group", weight_of(r->groups[i].weight));
    }
}

static const struct print_form form_du = {&wire_usage_response, du_simple, du_fields,
                                          .table = du_simple};

/* How many groups are printed: for programs all, unless they say otherwise. */
static size_t du_limit(const struct ctl *ctl)
{
    bool people = ctl->format == FORMAT_SIMPLE || ctl->format == FORMAT_TABLE;
    int64_t limit = flag_int(&ctl->flags, "limit");
    if (flag_changed(&ctl->flags, "limit"))
        return limit > 0 ? (size_t)limit : SIZE_MAX;
    return people ? DU_LINES : SIZE_MAX;
}

int cmd_du(struct ctl *ctl)
{
    struct pb_usage_request request = {.delimiter =
                                           slice_str(flag_string(&ctl->flags, "delimiter")),
                                       .descend = true,
                                       .limit = DU_GROUPS};
    struct pb_usage_response r;
    if (ctl->args.n > 1)
        return ctl_fail(EXIT_BAD_ARGS, "du command accepts at most one prefix");
    if (request.delimiter.n != 1 || flag_int(&ctl->flags, "limit") < 0)
        return ctl_fail(EXIT_BAD_ARGS, "--delimiter is one byte, and --limit not below 0");
    if (ctl->args.n == 1)
        request.prefix = ctl_arg(ctl, 0);
    int code = ctl_connect(ctl);
    if (code != EXIT_OK)
        return code;
    if (ctl_try(ctl, CLIENT_USAGE, &request, &r) != RC_OK)
        return no_answer(ctl);
    size_t limit = du_limit(ctl);
    r.groups_n = r.groups_n < limit ? r.groups_n : limit;
    return print_reply(ctl, &form_du, &r);
}

/* top */

static void hottest(const struct ctl *ctl, const struct pb_top_response *r, struct buf *out)
{
    static const char *const head[] = {"changes", "a_second", "prefix"};
    double seconds = r->window_ms > 0 ? (double)r->window_ms / 1000 : 1;
    struct box b;
    if (r->prefixes_n == 0) {
        buf_append_str(out, "changes: none lately\n");
        return;
    }
    buf_printf(out, "changes within %.1f s\n", seconds);
    box_init(&b, head, ARRAY_LEN(head));
    for (size_t i = 0; i < r->prefixes_n; i++) {
        buf_printf(box_cell(&b), "%" PRId64, r->prefixes[i].changes);
        buf_printf(box_cell(&b), "%.1f", (double)r->prefixes[i].changes / seconds);
        append_key(ctl, r->prefixes[i].prefix, box_cell(&b));
    }
    append_box(ctl, &b, out);
}

/* One key, all with a prefix, or [from, to). */
static void append_range(const struct ctl *ctl, const struct pb_slow_watcher *w, struct buf *out)
{
    struct arena arena = {0};
    bool open = slice_eq(w->range_end, SLICE_LIT("\0"));
    bool prefix = slice_eq(w->range_end, ctl_prefix_end(&arena, w->key)) && !open;
    arena_fini(&arena);
    if (w->range_end.n > 0 && !prefix)
        buf_append_u8(out, '[');
    append_key(ctl, w->key, out);
    if (w->range_end.n > 0 && prefix)
        buf_append_u8(out, '*');
    if (w->range_end.n == 0 || prefix)
        return;
    buf_append_str(out, ", ");
    if (!open)
        append_key(ctl, w->range_end, out);
    buf_append_u8(out, ')');
}

static void slowest(const struct ctl *ctl, const struct pb_top_response *r, struct buf *out)
{
    static const char *const head[] = {"behind", "at_revision", "state", "queued",
                                       "client", "watch_ID",    "keys"};
    struct box b;
    buf_printf(out, "\nslow watchers: %" PRId64 " of %" PRId64 "\n", r->watchers_slow, r->watchers);
    box_init(&b, head, ARRAY_LEN(head));
    for (size_t i = 0; i < r->slow_n; i++) {
        const struct pb_slow_watcher *w = &r->slow[i];
        buf_printf(box_cell(&b), "%" PRId64, w->behind);
        buf_printf(box_cell(&b), "%" PRId64, w->revision);
        buf_append_str(box_cell(&b), w->stopped ? "does not read" : "catches up");
        go_size((uint64_t)w->queued_bytes, box_cell(&b));
        buf_append_slice(box_cell(&b), w->client);
        buf_printf(box_cell(&b), "%" PRId64, w->watch_id);
        append_range(ctl, w, box_cell(&b));
    }
    if (r->slow_n > 0)
        append_box(ctl, &b, out);
}

static void biggest(const struct ctl *ctl, const struct pb_top_response *r, struct buf *out)
{
    static const char *const head[] = {"keys", "left", "granted", "lease"};
    struct box b;
    buf_printf(out, "\nleases: %" PRId64 ", with %" PRId64 " keys\n", r->leases, r->leased_keys);
    box_init(&b, head, ARRAY_LEN(head));
    for (size_t i = 0; i < r->biggest_n; i++) {
        const struct pb_big_lease *l = &r->biggest[i];
        buf_printf(box_cell(&b), "%" PRId64, l->keys);
        buf_printf(box_cell(&b), "%" PRId64 " s", l->ttl);
        buf_printf(box_cell(&b), "%" PRId64 " s", l->granted_ttl);
        buf_printf(box_cell(&b), "%016" PRIx64, (uint64_t)l->id);
    }
    if (r->biggest_n > 0)
        append_box(ctl, &b, out);
}

static void top_text(const struct ctl *ctl, const struct pb_top_response *r, struct buf *out)
{
    hottest(ctl, r, out);
    slowest(ctl, r, out);
    biggest(ctl, r, out);
}

static void top_simple(const struct ctl *ctl, const void *reply)
{
    struct buf out = {0};
    top_text(ctl, reply, &out);
    print_buf(&out);
}

static void top_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_top_response *r = reply;
    print_header(ctl, r->header);
    printf("\"WindowMilliseconds\" : %" PRId64 "\n", r->window_ms);
    for (size_t i = 0; i < r->prefixes_n; i++) {
        print_quoted("Prefix", r->prefixes[i].prefix);
        printf("\"Changes\" : %" PRId64 "\n", r->prefixes[i].changes);
    }
    printf("\"Watchers\" : %" PRId64 "\n\"SlowWatchers\" : %" PRId64 "\n", r->watchers,
           r->watchers_slow);
    for (size_t i = 0; i < r->slow_n; i++) {
        const struct pb_slow_watcher *w = &r->slow[i];
        print_quoted("Key", w->key);
        print_quoted("RangeEnd", w->range_end);
        printf("\"WatchID\" : %" PRId64 "\n\"AtRevision\" : %" PRId64 "\n", w->watch_id,
               w->revision);
        printf("\"Behind\" : %" PRId64 "\n\"QueuedBytes\" : %" PRId64 "\n", w->behind,
               w->queued_bytes);
        print_bool("Stopped", w->stopped);
        print_quoted("Client", w->client);
    }
    printf("\"Leases\" : %" PRId64 "\n\"LeasedKeys\" : %" PRId64 "\n", r->leases, r->leased_keys);
    for (size_t i = 0; i < r->biggest_n; i++) {
        const struct pb_big_lease *l = &r->biggest[i];
        print_lease_id(ctl, "ID", l->id);
        printf("\"TTL\" : %" PRId64 "\n\"GrantedTTL\" : %" PRId64 "\n", l->ttl, l->granted_ttl);
        printf("\"Keys\" : %" PRId64 "\n", l->keys);
    }
}

static const struct print_form form_top = {&wire_top_response, top_simple, top_fields,
                                           .table = top_simple};

static enum rc ask_top(struct ctl *ctl, struct arena *arena, struct pb_top_response *out)
{
    const struct pb_top_request request = {.limit = flag_int(&ctl->flags, "limit")};
    return client_unary(ctl->client,
                        &(struct client_request){CLIENT_TOP, &request, ctl_deadline(ctl)}, arena,
                        out, &ctl->status);
}

/* False: it is to stop. */
static bool rest(struct ctl *ctl, uint64_t deadline_ns, int signals)
{
    bool stopped = false;
    while (!stopped && client_now_ns() < deadline_ns)
        stopped = client_loop_wait(&ctl->loop, deadline_ns, signals);
    return !stopped && !ferror(stdout);
}

static int top_again(struct ctl *ctl, uint64_t every_ms)
{
    int signals = ctl_signal_fd();
    enum rc rc;
    struct screen screen;
    screen_open(&screen);
    do {
        struct arena arena = {0};
        struct buf text = {0};
        struct pb_top_response r;
        rc = ask_top(ctl, &arena, &r);
        if (rc == RC_OK) {
            top_text(ctl, &r, &text);
            screen_show(&screen, buf_slice(&text));
        }
        buf_fini(&text);
        arena_fini(&arena);
    } while (rc == RC_OK && rest(ctl, client_deadline(every_ms), signals));
    screen_close(&screen);
    close(signals);
    return rc == RC_OK ? EXIT_OK : no_answer(ctl);
}

static int top_arguments(const struct ctl *ctl, int64_t *seconds)
{
    int64_t limit = flag_int(&ctl->flags, "limit");
    *seconds = TOP_SECONDS;
    if (ctl->args.n > (size_t)flag_bool(&ctl->flags, "watch"))
        return ctl_fail(EXIT_BAD_ARGS, "top command takes the seconds of --watch and nothing else");
    if (ctl->args.n == 1 && (go_int_parse(ctl->args.v[0], 10, seconds, NULL) != RC_OK ||
                             *seconds < 1 || *seconds > TOP_SECONDS_MAX))
        return ctl_fail(EXIT_BAD_ARGS, "--watch takes whole seconds, 1 to %d", TOP_SECONDS_MAX);
    if (limit < 1 || limit > TOP_LINES_MAX)
        return ctl_fail(EXIT_BAD_ARGS, "--limit is 1 to %d", TOP_LINES_MAX);
    return EXIT_OK;
}

int cmd_top(struct ctl *ctl)
{
    int64_t seconds;
    struct pb_top_response r;
    int code = top_arguments(ctl, &seconds);
    if (code == EXIT_OK)
        code = ctl_connect(ctl);
    if (code != EXIT_OK)
        return code;
    if (flag_bool(&ctl->flags, "watch")) {
        if (ctl->format != FORMAT_SIMPLE && ctl->format != FORMAT_TABLE)
            return ctl_fail(EXIT_BAD_ARGS, "--watch goes with the formats simple and table only");
        return top_again(ctl, (uint64_t)seconds * 1000);
    }
    if (ask_top(ctl, &ctl->arena, &r) != RC_OK)
        return no_answer(ctl);
    return print_reply(ctl, &form_top, &r);
}
