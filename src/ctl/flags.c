#include "ctl/flags.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/secret.h"
#include "ctl/gotext.h"

#include <stdlib.h>

struct flag_value *flag_find(struct flag_values *values, struct slice name)
{
    for (size_t i = 0; i < values->n; i++) {
        if (slice_eq(slice_str(values->v[i].flag->name), name))
            return &values->v[i];
    }
    return NULL;
}

struct flag_value *flag_find_letter(struct flag_values *values, char letter)
{
    for (size_t i = 0; i < values->n; i++) {
        if (values->v[i].flag->letter == letter)
            return &values->v[i];
    }
    return NULL;
}

static void list_clear(struct flag_value *v)
{
    for (size_t i = 0; i < v->list_n; i++)
        free(v->list[i]);
    free(v->list);
    v->list = NULL;
    v->list_n = 0;
}

static void list_add(struct flag_value *v, struct slice item)
{
    v->list = mem_realloc(v->list, (v->list_n + 1) * sizeof(*v->list));
    v->list[v->list_n++] = mem_printf("%.*s", (int)item.n, (const char *)item.p);
}

/* Values by commas. The first time they take the initial value's place, then they are added. */
static void list_set(struct flag_value *v, const char *text)
{
    if (!v->changed)
        list_clear(v);
    while (*text) {
        size_t n = strcspn(text, ",");
        list_add(v, slice_of(text, n));
        text += n + (text[n] == ',');
    }
}

enum rc flag_value_set(struct flag_value *v, const char *text, struct err *err)
{
    enum rc rc = RC_OK;
    switch (v->flag->type) {
    case FLAG_BOOL:
        rc = go_bool_parse(text, &v->boolean, err);
        break;
    case FLAG_INT:
        rc = go_int_parse(text, 0, &v->number, err);
        break;
    case FLAG_UINT:
        rc = go_uint_parse(text, 0, &v->unsigned_number, err);
        break;
    case FLAG_DURATION:
        rc = go_duration_parse(text, &v->number, err);
        break;
    case FLAG_STRING:
        buf_clear(&v->text);
        buf_append(&v->text, text, strlen(text) + 1);
        break;
    case FLAG_STRINGS:
        list_set(v, text);
        break;
    }
    v->changed |= rc == RC_OK;
    return rc;
}

void flag_values_add(struct flag_values *values, const struct flag *flags, size_t n)
{
    must(values->n + n <= FLAGS_MAX);
    for (size_t i = 0; i < n; i++) {
        struct flag_value *v = &values->v[values->n++];
        struct err err = {0};
        *v = (struct flag_value){.flag = &flags[i]};
        if (flags[i].initial || flags[i].type == FLAG_STRING)
            must(flag_value_set(v, flags[i].initial ? flags[i].initial : "", &err) == RC_OK);
        v->changed = false;
    }
}

void flag_values_fini(struct flag_values *values)
{
    for (size_t i = 0; i < values->n; i++) {
        secret_buf_fini(&values->v[i].text); /* it may be a password */
        list_clear(&values->v[i]);
    }
    values->n = 0;
}

/* Parsing */

struct parser {
    struct flag_values *values;
    char **argv;
    int argc;
    int at; /* the next word */
    struct err *err;
};

static enum rc set(struct parser *p, struct flag_value *v, const char *text)
{
    struct err why = {0};
    if (flag_value_set(v, text, &why) == RC_OK)
        return RC_OK;
    struct buf quoted = {0};
    char letter[] = {'-', v->flag->letter, ',', ' ', 0};
    go_quote(slice_str(text), &quoted);
    enum rc rc =
        err_set(p->err, RC_INVALID, "invalid argument %.*s for \"%s--%s\" flag: %s", (int)quoted.n,
                (const char *)quoted.p, v->flag->letter ? letter : "", v->flag->name, why.text);
    buf_fini(&quoted);
    return rc;
}

static enum rc parse_long(struct parser *p, char *word)
{
    char *name = word + 2;
    if (*name == '=' || *name == '-')
        return err_set(p->err, RC_INVALID, "bad flag syntax: %s", word);
    size_t n = strcspn(name, "=");
    struct flag_value *v = flag_find(p->values, slice_of(name, n));
    if (!v)
        return err_set(p->err, RC_NOT_FOUND, "unknown flag: --%.*s", (int)n, name);
    if (name[n])
        return set(p, v, name + n + 1);
    if (v->flag->type == FLAG_BOOL)
        return set(p, v, "true");
    if (p->at == p->argc)
        return err_set(p->err, RC_INVALID, "flag needs an argument: --%s", v->flag->name);
    return set(p, v, p->argv[p->at++]);
}

static enum rc parse_letters(struct parser *p, char *word)
{
    for (char *at = word + 1; *at; at++) {
        struct flag_value *v = flag_find_letter(p->values, *at);
        if (!v)
            return err_set(p->err, RC_NOT_FOUND, "unknown shorthand flag: '%c' in -%s", *at, at);
        if (at[1] == '=' && at[2])
            return set(p, v, at + 2);
        if (v->flag->type == FLAG_BOOL) {
            enum rc rc = set(p, v, "true");
            if (rc != RC_OK)
                return rc;
            continue;
        }
        if (at[1])
            return set(p, v, at + 1);
        if (p->at == p->argc)
            return err_set(p->err, RC_INVALID, "flag needs an argument: '%c' in -%s", *at, at);
        return set(p, v, p->argv[p->at++]);
    }
    return RC_OK;
}

enum rc flag_values_parse(struct flag_values *values, int argc, char **argv, struct flag_args *args,
                          struct err *err)
{
    struct parser p = {values, argv, argc, 0, err};
    *args = (struct flag_args){.v = mem_calloc((size_t)argc + 1, sizeof(*args->v))};
    while (p.at < argc) {
        char *word = argv[p.at++];
        enum rc rc = RC_OK;
        if (args->has_dash || word[0] != '-' || !word[1])
            args->v[args->n++] = word;
        else if (strcmp(word, "--") == 0)
            args->has_dash = true;
        else
            rc = word[1] == '-' ? parse_long(&p, word) : parse_letters(&p, word);
        if (!args->has_dash)
            args->dash = args->n;
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

void flag_args_fini(struct flag_args *args)
{
    free(args->v);
    *args = (struct flag_args){0};
}

/* Reading */

static const struct flag_value *get(const struct flag_values *values, const char *name,
                                    enum flag_type type)
{
    for (size_t i = 0; i < values->n; i++) {
        if (strcmp(values->v[i].flag->name, name) == 0) {
            must(values->v[i].flag->type == type);
            return &values->v[i];
        }
    }
    must(false); /* the command has this option */
    return NULL;
}

bool flag_bool(const struct flag_values *values, const char *name)
{
    return get(values, name, FLAG_BOOL)->boolean;
}

int64_t flag_int(const struct flag_values *values, const char *name)
{
    return get(values, name, FLAG_INT)->number;
}

int64_t flag_duration(const struct flag_values *values, const char *name)
{
    return get(values, name, FLAG_DURATION)->number;
}

uint64_t flag_uint(const struct flag_values *values, const char *name)
{
    return get(values, name, FLAG_UINT)->unsigned_number;
}

const char *flag_string(const struct flag_values *values, const char *name)
{
    return (const char *)get(values, name, FLAG_STRING)->text.p;
}

bool flag_changed(const struct flag_values *values, const char *name)
{
    for (size_t i = 0; i < values->n; i++) {
        if (strcmp(values->v[i].flag->name, name) == 0)
            return values->v[i].changed;
    }
    return false;
}

/* Usage */

static const char *type_name(enum flag_type type)
{
    static const char *const names[] = {
        [FLAG_BOOL] = "",    [FLAG_STRING] = " string", [FLAG_STRINGS] = " strings",
        [FLAG_INT] = " int", [FLAG_UINT] = " uint",     [FLAG_DURATION] = " duration",
    };
    return names[type];
}

static void usage_head(const struct flag *f, struct buf *out)
{
    if (f->letter)
        buf_printf(out, "  -%c, --%s%s", f->letter, f->name, type_name(f->type));
    else
        buf_printf(out, "      --%s%s", f->name, type_name(f->type));
}

static int by_name(const void *a, const void *b)
{
    const struct flag *const *x = a;
    const struct flag *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static void usage_line(const struct flag *f, size_t width, struct buf *out)
{
    size_t start = out->n;
    usage_head(f, out);
    size_t n = out->n - start;
    buf_printf(out, "%*s%s", (int)(width - n), "", f->help);
    if (f->initial && f->type == FLAG_STRING)
        buf_printf(out, " (default \"%s\")", f->initial);
    else if (f->initial && f->type == FLAG_STRINGS)
        buf_printf(out, " (default [%s])", f->initial);
    else if (f->initial)
        buf_printf(out, " (default %s)", f->initial);
    buf_append_u8(out, '\n');
}

void flags_usage(const struct flag_values *values, struct buf *out)
{
    const struct flag *sorted[FLAGS_MAX];
    size_t n = 0;
    size_t width = 0;
    for (size_t i = 0; i < values->n; i++) {
        const struct flag *f = values->v[i].flag;
        if (!f->help)
            continue;
        struct buf head = {0};
        usage_head(f, &head);
        width = head.n > width ? head.n : width;
        buf_fini(&head);
        sorted[n++] = f;
    }
    qsort(sorted, n, sizeof(const struct flag *), by_name);
    for (size_t i = 0; i < n; i++)
        usage_line(sorted[i], width + 3, out);
}
