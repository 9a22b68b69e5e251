/* watch - changes as they happen, or a program for each of them. */
#include "client/watch.h"
#include "base/mem.h"
#include "ctl/environment.h"
#include "ctl/gojson.h"
#include "ctl/gotext.h"
#include "ctl/print.h"
#include "ctl/words.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WATCHES_MAX  256 /* of one interactive session */
#define LINE_MAX_LEN 65536

static const char bad_number[] = "bad number of arguments";
static const char conflict[] = "bad number of arguments (found conflicting environment key)";
static const char no_command[] = "bad number of arguments (found separator --, but no commands)";

/* What one watch prints, or runs. */
struct target {
    struct client_watch *watch;
    char *const *argv; /* NULL: only print */
    char **words;      /* owned: argv is their end */
};

/* Printing */

static void watch_simple(const struct ctl *ctl, const void *reply)
{
    const struct pb_watch_response *r = reply;
    for (size_t i = 0; i < r->events_n; i++) {
        print_event_type(&r->events[i]);
        if (r->events[i].prev_kv)
            print_kv(ctl, r->events[i].prev_kv);
        if (r->events[i].kv)
            print_kv(ctl, r->events[i].kv);
    }
}

static void watch_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_watch_response *r = reply;
    print_header(ctl, r->header);
    for (size_t i = 0; i < r->events_n; i++) {
        printf("\"Type\" : ");
        print_event_type(&r->events[i]);
        if (r->events[i].prev_kv)
            print_kv_fields(ctl, "Prev", r->events[i].prev_kv);
        if (r->events[i].kv)
            print_kv_fields(ctl, "", r->events[i].kv);
    }
}

/* clientv3's WatchResponse: a struct without names for JSON, so the fields are called as in Go. */
static void watch_json(const void *reply, struct buf *out)
{
    const struct pb_watch_response *r = reply;
    buf_append_str(out, "{\"Header\":");
    if (r->header)
        gojson_message(&wire_response_header, r->header, false, out);
    else
        buf_append_str(out, "null");
    buf_append_str(out, ",\"Events\":");
    for (size_t i = 0; i < r->events_n; i++) {
        buf_append_str(out, i ? "," : "[");
        gojson_message(&wire_event, &r->events[i], false, out);
    }
    buf_printf(out, "%s,\"CompactRevision\":%" PRId64 ",\"Canceled\":%s,\"Created\":%s",
               r->events_n ? "]" : "null", r->compact_revision, r->canceled ? "true" : "false",
               r->created ? "true" : "false");
    buf_append_str(out, ",\"CancelReason\":");
    gojson_string(r->cancel_reason, out);
    buf_append_u8(out, '}');
}

static const struct print_form form_watch = {&wire_watch_response, watch_simple, watch_fields,
                                             .json = watch_json, .protobuf = true};

static char *variable(const char *name, struct slice value)
{
    struct buf text = {0};
    buf_printf(&text, "%s=", name);
    go_quote(value, &text);
    buf_append_u8(&text, 0);
    return (char *)text.p; /* the caller frees */
}

/* Run the program for one event. EXIT_OK, or what to end with. */
static int run_for(struct ctl *ctl, const struct target *t, int64_t revision,
                   const struct pb_event *e)
{
    struct err err = {0};
    int status = 0;
    char *more[] = {
        mem_printf("ETCD_WATCH_REVISION=%" PRId64, revision),
        mem_printf("ETCD_WATCH_EVENT_TYPE=\"%s\"",
                   e->type == PB_EVENT_TYPE_DELETE ? "DELETE" : "PUT"),
        variable("ETCD_WATCH_KEY", e->kv ? e->kv->key : SLICE_LIT("")),
        variable("ETCD_WATCH_VALUE", e->kv ? e->kv->value : SLICE_LIT("")),
        NULL,
    };
    enum rc rc = ctl_exec(ctl, t->argv, more, &status, &err);
    for (size_t i = 0; more[i]; i++)
        free(more[i]);
    if (rc == RC_OK)
        return EXIT_OK;
    struct buf words = {0};
    for (size_t i = 0; t->argv[i]; i++) {
        buf_append_str(&words, i ? " " : "");
        go_quote(slice_str(t->argv[i]), &words);
    }
    fprintf(stderr, "command [%.*s] error (%s)\n", (int)words.n, (const char *)words.p, err.text);
    buf_fini(&words);
    return EXIT_ERROR;
}

/* One answer. EXIT_OK, or what to end with. */
static int take(struct ctl *ctl, const struct target *t, const struct pb_watch_response *r)
{
    int64_t revision = r->header ? r->header->revision : 0;
    if (r->canceled) {
        struct buf why = {0};
        client_watch_reason(r, &why);
        fflush(stdout);
        fprintf(stderr, "watch was canceled (%.*s)\n", (int)why.n, (const char *)why.p);
        buf_fini(&why);
    }
    if (r->events_n == 0 && !r->canceled && r->compact_revision == 0 && revision != 0)
        printf("progress notify: %" PRId64 "\n", revision);
    struct pb_watch_response shown = *r;
    shown.watch_id = 0; /* etcdctl has neither in its protobuf form */
    shown.fragment = false;
    if (ctl->format == FORMAT_PROTOBUF)
        shown.cancel_reason = (struct slice){0};
    int code = print_reply(ctl, &form_watch, &shown);
    fflush(stdout);
    for (size_t i = 0; code == EXIT_OK && t->argv && i < r->events_n; i++)
        code = run_for(ctl, t, revision, &r->events[i]);
    return code;
}

/* All answers that are there. *over: the watch has ended. */
static int drain(struct ctl *ctl, const struct target *t, bool *over)
{
    for (;;) {
        struct arena arena = {0};
        struct pb_watch_response r;
        enum rc rc = client_watch_next(t->watch, &arena, &r);
        int code = rc == RC_OK ? take(ctl, t, &r) : EXIT_OK;
        arena_fini(&arena);
        *over = rc == RC_END;
        if (rc != RC_OK || code != EXIT_OK)
            return code;
    }
}

/* Arguments */

/* The key and the end of the range for one watch: from its words, or from the environment. */
static const char *key_of(const struct ctl *words, struct slice *key, struct slice *end)
{
    const char *env_key = environment_get("ETCDCTL_WATCH_KEY");
    const char *env_end = environment_get("ETCDCTL_WATCH_RANGE_END");
    size_t n = words->args.dash;
    bool from_env = env_key && *env_key;
    if (words->args.has_dash && words->args.n == n)
        return no_command;
    if (from_env && n > 0)
        return conflict;
    if (!from_env && n == 0)
        return bad_number;
    *key = from_env ? slice_str(env_key) : ctl_arg(words, 0);
    *end = (struct slice){0};
    if (from_env && env_end && *env_end)
        *end = slice_str(env_end);
    else if (!from_env && n == 2)
        *end = ctl_arg(words, 1);
    return NULL;
}

/* Begin the watch that words asks for; NULL, and *why, when they are wrong. */
static struct client_watch *begin(struct ctl *ctl, struct ctl *words, const char **why)
{
    struct client_watch_options opt = {0};
    *why = key_of(words, &opt.key, &opt.range_end);
    if (*why)
        return NULL;
    if (flag_bool(&words->flags, "prefix") && opt.range_end.n > 0) {
        *why = "`range_end` and `--prefix` are mutually exclusive";
        return NULL;
    }
    if (flag_bool(&words->flags, "prefix"))
        opt.range_end = ctl_prefix_end(&ctl->arena, opt.key);
    opt.revision = flag_int(&words->flags, "rev");
    opt.prev_kv = flag_bool(&words->flags, "prev-kv");
    opt.progress_notify = flag_bool(&words->flags, "progress-notify");
    return client_watch_new(ctl->client, &opt);
}

/* Interactive */

struct interactive {
    struct ctl *ctl;
    struct target targets[WATCHES_MAX];
    size_t n;
    struct buf input;
};

static void invalid(struct slice line, const char *why)
{
    fprintf(stderr, "Invalid command %.*s (%s)\n", (int)line.n, (const char *)line.p, why);
}

static int add_watch(struct interactive *in, struct slice line, struct words *words)
{
    struct ctl sub = {.program = in->ctl->program, .command = in->ctl->command};
    struct err err = {0};
    const char *why = NULL;
    const char *env_key = environment_get("ETCDCTL_WATCH_KEY");
    if (words->n < 2 && !(env_key && *env_key)) {
        invalid(line, "command type or key is not provided");
        return EXIT_OK;
    }
    int code = EXIT_OK;
    flag_values_add(&sub.flags, sub.command->flags, sub.command->flags_n);
    if (flag_values_parse(&sub.flags, words->n - 1, words->v + 1, &sub.args, &err) != RC_OK) {
        code = ctl_fail(EXIT_BAD_ARGS, "%s", err.text);
    } else if (in->n == WATCHES_MAX) {
        invalid(line, "too many watches");
    } else {
        struct target *t = &in->targets[in->n];
        t->argv = sub.args.has_dash ? sub.args.v + sub.args.dash : NULL;
        t->watch = begin(in->ctl, &sub, &why);
        in->n += t->watch != NULL;
        if (why == bad_number || why == conflict || why == no_command)
            code = ctl_fail(EXIT_BAD_ARGS, "%s", why);
        else if (why)
            invalid(line, why);
        t->words = t->watch ? sub.args.v : NULL;
        if (t->watch)
            sub.args.v = NULL;
    }
    flag_args_fini(&sub.args);
    flag_values_fini(&sub.flags);
    return code;
}

static int obey(struct interactive *in, struct slice line)
{
    struct words words;
    struct err err = {0};
    if (words_split(line, &in->ctl->arena, &words, &err) != RC_OK)
        return ctl_fail(EXIT_INVALID_INPUT, "%s", err.text);
    if (words.n == 0) {
        fprintf(stderr, "Invalid command: %.*s (watch and progress supported)\n", (int)line.n,
                (const char *)line.p);
    } else if (strcmp(words.v[0], "watch") == 0) {
        return add_watch(in, line, &words);
    } else if (strcmp(words.v[0], "progress") == 0) {
        for (size_t i = 0; i < in->n; i++)
            client_watch_request_progress(in->targets[i].watch);
    } else {
        invalid(line, "only support watch");
    }
    return EXIT_OK;
}

/* Read what is there and obey each whole line. */
static int read_commands(struct interactive *in)
{
    struct pollfd ready = {.fd = STDIN_FILENO, .events = POLLIN};
    int code = EXIT_OK;
    if (poll(&ready, 1, 0) <= 0)
        return EXIT_OK;
    uint8_t *at = buf_extend(&in->input, LINE_MAX_LEN);
    ssize_t n = read(STDIN_FILENO, at, LINE_MAX_LEN);
    in->input.n -= LINE_MAX_LEN - (size_t)(n > 0 ? n : 0);
    const uint8_t *end;
    while (code == EXIT_OK && in->input.n > 0 &&
           (end = memchr(in->input.p, '\n', in->input.n)) != NULL) {
        size_t len = (size_t)(end - in->input.p);
        struct slice line = arena_copy(&in->ctl->arena, slice_of(in->input.p, len));
        buf_consume(&in->input, len + 1);
        code = obey(in, line);
    }
    if (code == EXIT_OK && n <= 0)
        code = ctl_fail(EXIT_INVALID_INPUT, "error reading watch request line: EOF");
    return code;
}

static int run_interactive(struct ctl *ctl)
{
    struct interactive in = {.ctl = ctl};
    int code = ctl_connect(ctl);
    while (code == EXIT_OK) {
        code = read_commands(&in);
        for (size_t i = 0; code == EXIT_OK && i < in.n; i++) {
            bool over;
            code = drain(ctl, &in.targets[i], &over);
        }
        if (code == EXIT_OK)
            client_loop_wait(&ctl->loop, CLIENT_FOREVER, STDIN_FILENO);
    }
    for (size_t i = 0; i < in.n; i++) {
        client_watch_free(in.targets[i].watch);
        free(in.targets[i].words);
    }
    buf_fini(&in.input);
    return code;
}

int cmd_watch(struct ctl *ctl)
{
    const char *env_key = environment_get("ETCDCTL_WATCH_KEY");
    const char *env_end = environment_get("ETCDCTL_WATCH_RANGE_END");
    const char *why = NULL;
    bool over = false;
    struct target t = {0};
    struct slice key;
    struct slice end;
    if (!(env_key && *env_key) && env_end && *env_end) {
        struct buf quoted = {0};
        go_quote(slice_str(env_end), &quoted);
        ctl_fail(EXIT_BAD_ARGS, "ETCDCTL_WATCH_KEY is empty but got ETCDCTL_WATCH_RANGE_END=%.*s",
                 (int)quoted.n, (const char *)quoted.p);
        buf_fini(&quoted);
        return EXIT_BAD_ARGS;
    }
    if (flag_bool(&ctl->flags, "interactive"))
        return run_interactive(ctl);
    why = key_of(ctl, &key, &end);
    int code = why ? ctl_fail(EXIT_BAD_ARGS, "%s", why) : ctl_connect(ctl);
    if (code != EXIT_OK)
        return code;
    t.watch = begin(ctl, ctl, &why);
    if (!t.watch)
        return ctl_fail(EXIT_BAD_ARGS, "%s", why);
    t.argv = ctl->args.has_dash ? ctl->args.v + ctl->args.dash : NULL;
    while ((code = drain(ctl, &t, &over)) == EXIT_OK && !over)
        client_loop_wait(&ctl->loop, CLIENT_FOREVER, -1);
    client_watch_free(t.watch);
    return code != EXIT_OK ? code : ctl_fail(EXIT_INTERRUPTED, "watch is canceled by the server");
}
