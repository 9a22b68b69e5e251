#include "ctl/ctl.h"

#include "base/mem.h"
#include "base/must.h"
#include "ctl/environment.h"
#include "ctl/gotext.h"
#include "ctl/help.h"
#include "ctl/inner.h"
#include "ctl/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int ctl_fail(int code, const char *fmt, ...)
{
    va_list args;
    fflush(stdout);
    fputs("Error: ", stderr);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    return code;
}

static void print(struct buf *text, FILE *to)
{
    fwrite(text->p, 1, text->n, to);
    buf_fini(text);
}

struct slice ctl_arg(const struct ctl *ctl, size_t i)
{
    must(i < ctl->args.n);
    return slice_str(ctl->args.v[i]);
}

/* Settings */

static int apply_environment(struct ctl *ctl)
{
    const char *api = environment_get("ETCDCTL_API");
    if (api && strcmp(api, "2") == 0)
        return ctl_fail(EXIT_ERROR, "ETCDCTL_API=2 does not work in this version of moat yet: it "
                                    "has version 3 of the API only");
    struct buf warnings = {0};
    struct err err = {0};
    enum rc rc =
        environment_apply(&ctl->flags, global_flags, global_flags_n, environ, &warnings, &err);
    print(&warnings, stderr);
    return rc == RC_OK ? EXIT_OK : ctl_fail(EXIT_ERROR, "%s", err.text);
}

static void print_settings(const struct ctl *ctl)
{
    for (size_t i = 0; i < global_flags_n; i++) {
        const char *name = global_flags[i].name;
        const struct flag_value *v = NULL;
        for (size_t j = 0; j < ctl->flags.n; j++) {
            if (ctl->flags.v[j].flag == &global_flags[i])
                v = &ctl->flags.v[j];
        }
        must(v);
        struct buf line = {0};
        buf_append_str(&line, ENVIRONMENT_PREFIX);
        for (; *name; name++)
            buf_append_u8(&line, (uint8_t)(*name == '-' ? '_' : *name - 'a' + 'A'));
        buf_append_u8(&line, '=');
        if (v->flag->type == FLAG_BOOL)
            buf_append_str(&line, v->boolean ? "true" : "false");
        else if (v->flag->type == FLAG_INT)
            buf_printf(&line, "%lld", (long long)v->number);
        else if (v->flag->type == FLAG_DURATION)
            go_duration(v->number, &line);
        else if (v->flag->type == FLAG_STRING && strcmp(v->flag->name, "password") != 0)
            buf_append_str(&line, (const char *)v->text.p);
        for (size_t j = 0; j < v->list_n; j++)
            buf_printf(&line, "%s%s%s", j ? "," : "[", v->list[j], j + 1 == v->list_n ? "]" : "");
        buf_append_u8(&line, '\n');
        print(&line, stderr);
    }
}

/* A file that is named by nothing is a variable that was not set; and DNS discovery is refused: to
 * go on without would not be what was asked for. */
static int refuse_missing(struct ctl *ctl)
{
    static const char *const files[] = {"cert", "key", "cacert"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (!*flag_string(&ctl->flags, files[i]) && flag_changed(&ctl->flags, files[i]))
            return ctl_fail(EXIT_BAD_ARGS, "empty string is passed to --%s option", files[i]);
    }
    if (*flag_string(&ctl->flags, "discovery-srv"))
        return ctl_fail(EXIT_BAD_ARGS, "--discovery-srv does not work in this version of moat yet: "
                                       "name the endpoints with --endpoints");
    return EXIT_OK;
}

static int settle_format(struct ctl *ctl)
{
    static const char *const names[] = {
        [FORMAT_SIMPLE] = "simple",     [FORMAT_FIELDS] = "fields", [FORMAT_JSON] = "json",
        [FORMAT_PROTOBUF] = "protobuf", [FORMAT_TABLE] = "table",
    };
    ctl->hex = flag_bool(&ctl->flags, "hex");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(flag_string(&ctl->flags, "write-out"), names[i]) == 0) {
            ctl->format = (enum ctl_format)i;
            return EXIT_OK;
        }
    }
    return ctl_fail(EXIT_BAD_FEATURE, "unsupported output format");
}

int ctl_setup(struct ctl *ctl)
{
    int code = apply_environment(ctl);
    if (code == EXIT_OK && flag_bool(&ctl->flags, "debug"))
        print_settings(ctl);
    if (code == EXIT_OK)
        code = refuse_missing(ctl);
    return code == EXIT_OK ? settle_format(ctl) : code;
}

/* Clients */

const struct slice *ctl_endpoints(struct ctl *ctl, size_t *n)
{
    const struct flag_value *v = flag_find(&ctl->flags, SLICE_LIT("endpoints"));
    struct slice *out = arena_alloc(&ctl->arena, (v->list_n + 1) * sizeof(*out));
    for (size_t i = 0; i < v->list_n; i++)
        out[i] = words_trim(slice_str(v->list[i]));
    *n = v->list_n;
    return out;
}

static void on_trouble(void *arg, const char *sentence)
{
    (void)arg;
    fprintf(stderr, "warning: %s\n", sentence);
}

static uint64_t ms(const struct ctl *ctl, const char *name)
{
    int64_t ns = flag_duration(&ctl->flags, name);
    return ns > 0 ? (uint64_t)ns / 1000000 : 0;
}

int ctl_split_user(struct ctl *ctl, const char *prompt, struct credentials *who)
{
    const uint8_t *colon = who->user.n ? memchr(who->user.p, ':', who->user.n) : NULL;
    if (who->user.n == 0 || who->token.n > 0 || who->password.n > 0)
        return EXIT_OK;
    if (!colon)
        return ctl_ask_password(ctl, prompt, &who->password);
    size_t n = (size_t)(colon - who->user.p);
    who->password = slice_skip(who->user, n + 1);
    who->user.n = n;
    return EXIT_OK;
}

static bool needs_tls(const struct slice *endpoints, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slice_has_prefix(endpoints[i], SLICE_LIT("https://")) ||
            slice_has_prefix(endpoints[i], SLICE_LIT("unixs:")))
            return true;
    return false;
}

/* As etcdctl: files, or --insecure-transport=false, mean TLS for endpoints without a scheme. */
static int settle_tls(const struct credentials *who, struct client_options *opt)
{
    const struct client_tls_options *tls = &who->tls;
    struct err err = {0};
    opt->secure = who->secure || *tls->cacert || *tls->cert || *tls->key;
    if (!opt->secure && !needs_tls(opt->endpoints, opt->endpoints_n))
        return EXIT_OK;
    opt->tls = client_tls_new(tls, &err);
    return opt->tls ? EXIT_OK : ctl_fail(EXIT_BAD_ARGS, "%s", err.text);
}

struct client *ctl_client_as(struct ctl *ctl, const struct slice *endpoints, size_t n,
                             const struct credentials *who, int *code)
{
    struct client_options opt = {
        .endpoints = endpoints,
        .endpoints_n = n,
        .user = who->user,
        .password = who->password,
        .token = who->token,
        .dial_timeout_ms = ms(ctl, "dial-timeout"),
        .keepalive_ms = ms(ctl, "keepalive-time"),
        .keepalive_timeout_ms = ms(ctl, "keepalive-timeout"),
        .send_max = (size_t)flag_int(&ctl->flags, "max-request-bytes"),
        .recv_max = (size_t)flag_int(&ctl->flags, "max-recv-bytes"),
        .trouble = on_trouble,
    };
    *code = n == 0 ? ctl_fail(EXIT_BAD_CONNECTION, "etcdclient: no available endpoints")
                   : settle_tls(who, &opt);
    if (*code != EXIT_OK)
        return NULL;
    struct client *client = client_new(&ctl->loop, &opt);
    if (client_login(client, &ctl->status) == RC_OK)
        return client;
    client_free(client);
    *code = ctl_call_failed(ctl, EXIT_BAD_CONNECTION, NULL);
    return NULL;
}

struct client *ctl_client(struct ctl *ctl, const struct slice *endpoints, size_t n, int *code)
{
    struct credentials who = {
        .user = slice_str(flag_string(&ctl->flags, "user")),
        .password = slice_str(flag_string(&ctl->flags, "password")),
        .token = slice_str(flag_string(&ctl->flags, "auth-jwt-token")),
        .tls = {.cacert = flag_string(&ctl->flags, "cacert"),
                .cert = flag_string(&ctl->flags, "cert"),
                .key = flag_string(&ctl->flags, "key"),
                .skip_verify = flag_bool(&ctl->flags, "insecure-skip-tls-verify")},
        .secure = !flag_bool(&ctl->flags, "insecure-transport"),
    };
    *code = ctl_split_user(ctl, "Password: ", &who);
    return *code == EXIT_OK ? ctl_client_as(ctl, endpoints, n, &who, code) : NULL;
}

int ctl_connect(struct ctl *ctl)
{
    int code = ctl_setup(ctl);
    if (code != EXIT_OK)
        return code;
    size_t n;
    const struct slice *endpoints = ctl_endpoints(ctl, &n);
    ctl->client = ctl_client(ctl, endpoints, n, &code);
    return code;
}

/* Calls */

uint64_t ctl_deadline(const struct ctl *ctl)
{
    return client_deadline(ms(ctl, "command-timeout"));
}

enum rc ctl_try(struct ctl *ctl, enum client_method m, const void *request, void *response)
{
    return client_unary(ctl->client, &(struct client_request){m, request, ctl_deadline(ctl)},
                        &ctl->arena, response, &ctl->status);
}

/* What a moat server has to say beside etcd's text. Under etcdctl's name only what that says. */
static void explain(struct ctl *ctl)
{
    struct slice why = buf_slice(&ctl->status.explain);
    for (size_t i = 0; i < why.n; i++) /* a key's bytes may be in it: none may steer a terminal */
        if (why.p[i] < ' ' || why.p[i] == 0x7f)
            ctl->status.explain.p[i] = '?';
    if (why.n > 0 && strcmp(ctl->program, "etcdctl") != 0)
        fprintf(stderr, "moat: %.*s\n", (int)why.n, (const char *)why.p);
}

int ctl_call_failed(struct ctl *ctl, int code, const char *around)
{
    struct buf text = {0};
    client_status_print(&ctl->status, &text);
    const char *at = around ? strstr(around, "%s") : NULL;
    if (at)
        ctl_fail(code, "%.*s%.*s%s", (int)(at - around), around, (int)text.n, (const char *)text.p,
                 at + 2);
    else
        ctl_fail(code, "%.*s", (int)text.n, (const char *)text.p);
    buf_fini(&text);
    explain(ctl);
    return code;
}

int ctl_call(struct ctl *ctl, enum client_method m, const void *request, void *response)
{
    if (ctl_try(ctl, m, request, response) == RC_OK)
        return EXIT_OK;
    return ctl_call_failed(ctl, EXIT_ERROR, NULL);
}

int ctl_call_patiently(struct ctl *ctl, enum client_method m, const void *request, void *response)
{
    if (client_unary(ctl->client, &(struct client_request){m, request, CLIENT_FOREVER}, &ctl->arena,
                     response, &ctl->status) == RC_OK)
        return EXIT_OK;
    return ctl_call_failed(ctl, EXIT_ERROR, NULL);
}

/* The program */

static int unknown_command(const char *word, const char *program)
{
    struct buf similar = {0};
    help_suggest(word, &similar);
    ctl_fail(EXIT_ERROR, "unknown command \"%s\" for \"%s\"", word, program);
    if (similar.n > 0)
        fprintf(stderr, "\nDid you mean this?\n%.*s\n", (int)similar.n, (const char *)similar.p);
    fprintf(stderr, "Run '%s --help' for usage.\n", program);
    buf_fini(&similar);
    return EXIT_ERROR;
}

static int show_help(const struct ctl *ctl)
{
    struct buf text = {0};
    help_print(ctl->command, ctl->program, &text);
    print(&text, stdout);
    return EXIT_OK;
}

static int bad_usage(const struct ctl *ctl, const struct err *err)
{
    struct buf text = {0};
    ctl_fail(EXIT_ERROR, "%s", err->text);
    help_usage(ctl->command, ctl->program, &text);
    buf_append_u8(&text, '\n');
    print(&text, stderr);
    return EXIT_ERROR;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    struct err err = {0};
    command_flags(ctl->command, &ctl->flags);
    if (flag_values_parse(&ctl->flags, argc, argv, &ctl->args, &err) != RC_OK)
        return bad_usage(ctl, &err);
    if (flag_bool(&ctl->flags, "help") || !ctl->command || !ctl->command->run)
        return show_help(ctl);
    return ctl->command->run(ctl);
}

/* What did not reach standard output must not look like success. */
static int flush_output(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    perror("moat: standard output");
    return code == EXIT_OK ? EXIT_ERROR : code;
}

int ctl_main(int argc, char **argv, const struct ctl_program *program)
{
    struct ctl ctl = {.program = program->name, .etcdutl = program->etcdutl};
    const char *word = NULL;
    char **words = mem_calloc((size_t)argc + 1, sizeof(*words));
    memcpy(words, argv, (size_t)argc * sizeof(*words));
    client_loop_init(&ctl.loop);
    int code = EXIT_OK;
    if (command_find(&argc, words, &ctl.command, &word) != RC_OK)
        code = unknown_command(word, program->name);
    else
        code = run(&ctl, argc, words);
    code = flush_output(code);
    client_free(ctl.client);
    client_loop_fini(&ctl.loop);
    client_status_fini(&ctl.status);
    flag_args_fini(&ctl.args);
    flag_values_fini(&ctl.flags);
    arena_fini(&ctl.arena);
    free(words);
    return code;
}
