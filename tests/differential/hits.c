#include "hits.h"

#include "base/must.h"
#include "wire/status.h"

#include <inttypes.h>

/* The messages of the KV service, in the order of printing. */
static const struct wire_message *const messages[] = {
    &wire_range_request,         &wire_put_request,     &wire_delete_range_request,
    &wire_txn_request,           &wire_request_op,      &wire_compare,
    &wire_compaction_request,    &wire_range_response,  &wire_put_response,
    &wire_delete_range_response, &wire_txn_response,    &wire_response_op,
    &wire_compaction_response,   &wire_response_header, &wire_key_value,
};

static const enum etcd_error errors[] = {
    ETCD_EMPTY_KEY,           ETCD_KEY_NOT_FOUND,       ETCD_VALUE_PROVIDED,    ETCD_LEASE_PROVIDED,
    ETCD_TOO_MANY_OPS,        ETCD_DUPLICATE_KEY,       ETCD_COMPACTED,         ETCD_FUTURE_REV,
    ETCD_LEASE_NOT_FOUND,     ETCD_INVALID_SORT_OPTION, ETCD_REQUEST_TOO_LARGE, ETCD_LEASE_EXIST,
    ETCD_LEASE_TTL_TOO_LARGE,
};

/* An enum field has a row for each name, and one for numbers without a name. */
static size_t field_rows(const struct wire_field *f)
{
    return f->kind == WIRE_ENUM ? f->enumeration->values_n + 1 : 1;
}

static size_t message_rows(const struct wire_message *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->fields_n; i++)
        n += field_rows(&m->fields[i]);
    return n;
}

/* The message's first row, or HITS_ROWS_MAX when it is not counted. */
static size_t first_row(const struct wire_message *m)
{
    size_t row = 0;
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        if (messages[i] == m)
            return row;
        row += message_rows(messages[i]);
    }
    return HITS_ROWS_MAX;
}

static size_t first_error_row(void)
{
    size_t row = 0;
    for (size_t i = 0; i < ARRAY_LEN(messages); i++)
        row += message_rows(messages[i]);
    must(row + ARRAY_LEN(errors) <= HITS_ROWS_MAX);
    return row;
}

static size_t enum_row(const struct wire_field *f, const void *msg)
{
    int64_t number = field_number(f, field_value(f, msg, 0));
    for (size_t i = 0; i < f->enumeration->values_n; i++)
        if (f->enumeration->values[i].number == number)
            return i;
    return f->enumeration->values_n;
}

void hits_message(struct hits *h, const struct wire_message *m, const void *msg)
{
    size_t row = first_row(m);
    if (row == HITS_ROWS_MAX)
        return;
    for (size_t i = 0; i < m->fields_n; i++) {
        const struct wire_field *f = &m->fields[i];
        size_t n = field_values(f, msg);
        if (f->kind == WIRE_ENUM)
            h->count[row + enum_row(f, msg)]++;
        else
            h->count[row] += n > 0;
        for (size_t k = 0; f->kind == WIRE_MESSAGE && k < n; k++)
            hits_message(h, f->message, field_value(f, msg, k));
        row += field_rows(f);
    }
}

void hits_error(struct hits *h, const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        if (strcmp(text, etcd_error_text(errors[i])) == 0) {
            h->count[first_error_row() + i]++;
            return;
        }
    }
    h->other_errors++;
}

void hits_add(struct hits *sum, const struct hits *more)
{
    for (size_t i = 0; i < HITS_ROWS_MAX; i++)
        sum->count[i] += more->count[i];
    for (size_t i = 0; i < STEP_KIND_COUNT; i++)
        sum->steps[i] += more->steps[i];
    sum->other_errors += more->other_errors;
}

/* Why the field's row cannot be reached, or NULL. */
static const char *field_excuse(const struct hits_options *opt, const struct wire_message *m,
                                const struct wire_field *f, bool named)
{
    if (!opt->leases && m == &wire_key_value && strcmp(f->name, "lease") == 0)
        return "needs a lease";
    if (opt->old_peer && !named && strcmp(f->name, "sort_target") == 0)
        return "3.4 panics";
    return NULL;
}

static const char *error_excuse(const struct hits_options *opt, enum etcd_error e)
{
    if (!opt->leases && (e == ETCD_LEASE_EXIST || e == ETCD_LEASE_TTL_TOO_LARGE))
        return "needs a lease";
    return opt->old_peer && e == ETCD_INVALID_SORT_OPTION ? "not in 3.4" : NULL;
}

/* One row; returns whether it should have been reached. */
static bool print_row(FILE *out, const char *name, uint64_t count, const char *excuse)
{
    fprintf(out, "  %-60s %10" PRIu64, name, count);
    if (count == 0)
        fprintf(out, "  (%s)", excuse ? excuse : "NEVER REACHED");
    fputc('\n', out);
    return count == 0 && !excuse;
}

static unsigned print_field(const struct hits *h, const struct hits_options *opt, FILE *out,
                            const struct wire_message *m, const struct wire_field *f, size_t row)
{
    char name[128];
    unsigned never = 0;
    const char *message = strchr(m->name, '.') + 1;
    for (size_t i = 0; i < field_rows(f); i++) {
        bool named = f->kind != WIRE_ENUM || i < f->enumeration->values_n;
        const char *value = f->kind != WIRE_ENUM ? ""
                            : named              ? f->enumeration->values[i].name
                                                 : "(no such value)";
        snprintf(name, sizeof(name), "%s.%s %s", message, f->name, value);
        never += print_row(out, name, h->count[row + i], field_excuse(opt, m, f, named));
    }
    return never;
}

unsigned hits_print(const struct hits *h, const struct hits_options *opt, FILE *out)
{
    unsigned never = 0;
    size_t row = 0;
    fprintf(out, "operations\n");
    for (enum step_kind kind = 0; kind < STEP_KIND_COUNT; kind++)
        never += print_row(out, step_name(kind), h->steps[kind],
                           !opt->leases && kind >= STEP_GRANT ? "needs a lease" : NULL);
    fprintf(out, "fields\n");
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        const struct wire_message *m = messages[i];
        for (size_t k = 0; k < m->fields_n; k++) {
            never += print_field(h, opt, out, m, &m->fields[k], row);
            row += field_rows(&m->fields[k]);
        }
    }
    fprintf(out, "errors\n");
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        never += print_row(out, etcd_error_text(errors[i]), h->count[row + i],
                           error_excuse(opt, errors[i]));
    never += print_row(out, "(errors of gRPC itself)", h->other_errors, NULL);
    return never;
}
