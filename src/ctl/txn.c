/* txn - a transaction from standard input. */
#include "base/mem.h"
#include "ctl/print.h"
#include "ctl/words.h"

#include <stdio.h>
#include <stdlib.h>

/* A part of the transaction while it is read. */
struct part {
    struct ctl *ctl;
    struct pb_compare *compares;
    struct pb_request_op *ops;
    size_t n;
};

/* The next line, without spaces around it. EXIT_OK with an empty one: the part is over. */
static int read_line(struct ctl *ctl, struct slice *out)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n = getline(&line, &room, stdin);
    if (n <= 0 || line[n - 1] != '\n') {
        free(line);
        return ctl_fail(EXIT_INVALID_INPUT, "EOF");
    }
    *out = arena_copy(&ctl->arena, words_trim(slice_of(line, (size_t)n)));
    free(line);
    return EXIT_OK;
}

static int add_compare(struct part *p, struct slice line)
{
    struct err err = {0};
    p->compares = mem_realloc(p->compares, (p->n + 1) * sizeof(*p->compares));
    if (words_compare(line, &p->ctl->arena, &p->compares[p->n], &err) != RC_OK)
        return ctl_fail(EXIT_INVALID_INPUT, "%s", err.text);
    p->n++;
    return EXIT_OK;
}

/* The request of one command: sub has its options and arguments. */
static int build(struct ctl *sub, struct pb_request_op *op)
{
    struct arena *arena = &sub->arena;
    if (sub->command->run == cmd_get) {
        op->request_range = arena_zalloc(arena, sizeof(*op->request_range));
        op->request_case = PB_OP_RANGE;
        return ctl_get_request(sub, op->request_range);
    }
    if (sub->command->run == cmd_put) {
        op->request_put = arena_zalloc(arena, sizeof(*op->request_put));
        op->request_case = PB_OP_PUT;
        return ctl_put_request(sub, op->request_put);
    }
    op->request_delete_range = arena_zalloc(arena, sizeof(*op->request_delete_range));
    op->request_case = PB_OP_DELETE_RANGE;
    return ctl_del_request(sub, op->request_delete_range);
}

/* get, put and del know only their own options here. */
static enum rc parse_request(struct ctl *sub, struct words *words)
{
    struct err err = {0};
    const char *name = words->v[0];
    for (size_t i = 0; i < commands_n && !sub->command; i++) {
        const struct command *c = &commands[i];
        if ((c->run == cmd_get || c->run == cmd_put || c->run == cmd_del) &&
            strncmp(c->path, name, strlen(name)) == 0)
            sub->command = c;
    }
    if (!sub->command)
        return RC_NOT_FOUND;
    flag_values_add(&sub->flags, sub->command->flags, sub->command->flags_n);
    return flag_values_parse(&sub->flags, words->n - 1, words->v + 1, &sub->args, &err);
}

static int add_op(struct part *p, struct slice line)
{
    struct words words;
    struct err err = {0};
    struct ctl sub = {.program = p->ctl->program, .arena = p->ctl->arena};
    int code = EXIT_OK;
    p->ops = mem_realloc(p->ops, (p->n + 1) * sizeof(*p->ops));
    p->ops[p->n] = (struct pb_request_op){0};
    if (words_split(line, &sub.arena, &words, &err) != RC_OK)
        code = ctl_fail(EXIT_INVALID_INPUT, "%s", err.text);
    else if (words.n < 2)
        code = ctl_fail(EXIT_INVALID_INPUT, "invalid txn compare request: %.*s", (int)line.n,
                        (const char *)line.p);
    else if (parse_request(&sub, &words) != RC_OK)
        code = ctl_fail(EXIT_INVALID_INPUT, "invalid txn request: %.*s", (int)line.n,
                        (const char *)line.p);
    else
        code = build(&sub, &p->ops[p->n]);
    flag_args_fini(&sub.args);
    flag_values_fini(&sub.flags);
    p->ctl->arena = sub.arena; /* it has grown */
    p->n += code == EXIT_OK;
    return code;
}

static int read_part(struct part *p, const char *prompt, int (*add)(struct part *, struct slice))
{
    struct slice line = {0};
    if (flag_bool(&p->ctl->flags, "interactive")) {
        printf("%s\n", prompt);
        fflush(stdout);
    }
    for (;;) {
        int code = read_line(p->ctl, &line);
        if (code != EXIT_OK || line.n == 0)
            return code;
        code = add(p, line);
        if (code != EXIT_OK)
            return code;
    }
}

static void txn_simple(const struct ctl *ctl, const void *reply)
{
    const struct pb_txn_response *r = reply;
    printf("%s\n", r->succeeded ? "SUCCESS" : "FAILURE");
    for (size_t i = 0; i < r->responses_n; i++) {
        const struct pb_response_op *op = &r->responses[i];
        printf("\n");
        if (op->response_range)
            print_range.simple(ctl, op->response_range);
        else if (op->response_put)
            print_put.simple(ctl, op->response_put);
        else if (op->response_delete_range)
            print_del.simple(ctl, op->response_delete_range);
    }
}

static void txn_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_txn_response *r = reply;
    print_header(ctl, r->header);
    print_bool("Succeeded", r->succeeded);
    for (size_t i = 0; i < r->responses_n; i++) {
        const struct pb_response_op *op = &r->responses[i];
        if (op->response_range)
            print_range.fields(ctl, op->response_range);
        else if (op->response_put)
            print_put.fields(ctl, op->response_put);
        else if (op->response_delete_range)
            print_del.fields(ctl, op->response_delete_range);
    }
}

static const struct print_form form_txn = {&wire_txn_response, txn_simple, txn_fields};

int cmd_txn(struct ctl *ctl)
{
    struct part compares = {.ctl = ctl};
    struct part success = {.ctl = ctl};
    struct part failure = {.ctl = ctl};
    struct pb_txn_response response;
    if (ctl->args.n != 0)
        return ctl_fail(EXIT_BAD_ARGS, "txn command does not accept argument");
    int code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = read_part(&compares, "compares:", add_compare);
    if (code == EXIT_OK)
        code = read_part(&success, "success requests (get, put, del):", add_op);
    if (code == EXIT_OK)
        code = read_part(&failure, "failure requests (get, put, del):", add_op);
    if (code == EXIT_OK) {
        const struct pb_txn_request request = {compares.compares, compares.n,  success.ops,
                                               success.n,         failure.ops, failure.n};
        code = ctl_call_patiently(ctl, CLIENT_TXN, &request, &response);
    }
    if (code == EXIT_OK)
        code = print_reply(ctl, &form_txn, &response);
    free(compares.compares);
    free(success.ops);
    free(failure.ops);
    return code;
}
