#include "hits.h"

#include "base/must.h"
#include "wire/status.h"

#include <inttypes.h>

/* The messages of the KV service, in the order of printing. */
static const struct wire_message *const messages[] = {
    &wire_range_request,      &wire_put_request,           &wire_delete_range_request,
    &wire_txn_request,        &wire_request_op,            &wire_compare,
    &wire_compaction_request, &wire_range_response,        &wire_put_response,
    &wire_delete_range_response, &wire_txn_response,       &wire_response_op,
    &wire_compaction_response, &wire_response_header,      &wire_key_value,
};

static const enum etcd_error errors[] = {
    ETCD_EMPTY_KEY,    ETCD_KEY_NOT_FOUND,       ETCD_VALUE_PROVIDED,   ETCD_LEASE_PROVIDED,
    ETCD_TOO_MANY_OPS, ETCD_DUPLICATE_KEY,       ETCD_COMPACTED,        ETCD_FUTURE_REV,
    ETCD_LEASE_NOT_FOUND, ETCD_INVALID_SORT_OPTION, ETCD_REQUEST_TOO_LARGE,
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

static bool needs_lease(const struct wire_message *m, const struct wire_field *f)
{
    return m == &wire_key_value && strcmp(f->name, "lease") == 0;
}

static unsigned print_row(FILE *out, const char *name, uint64_t count, bool left_out)
{
    const char *note = count > 0 ? "" : left_out ? "  (needs a lease)" : "  NEVER REACHED";
    fprintf(out, "  %-52s %10" PRIu64 "%s\n", name, count, note);
    return count == 0 && !left_out;
}

static unsigned print_field(const struct hits *h, FILE *out, size_t row, const char *field,
                            const struct wire_field *f)
{
    char name[128];
    unsigned never = 0;
    for (size_t i = 0; i < field_rows(f); i++) {
        bool named = i < f->enumeration->values_n;
        snprintf(name, sizeof(name), "%s %s", field,
                 named ? f->enumeration->values[i].name : "(no such value)");
        never += print_row(out, name, h->count[row + i], false);
    }
    return never;
}

static unsigned print_message(const struct hits *h, const struct hits_options *opt, FILE *out,
                              const struct wire_message *m)
{
    size_t row = first_row(m);
    unsigned never = 0;
    char name[96];
    for (size_t i = 0; i < m->fields_n; i++) {
        const struct wire_field *f = &m->fields[i];
        snprintf(name, sizeof(name), "%s.%s", strchr(m->name, '.') + 1, f->name);
        if (f->kind == WIRE_ENUM)
            never += print_field(h, out, row, name, f);
        else
            never += print_row(out, name, h->count[row], !opt->leases && needs_lease(m, f));
        row += field_rows(f);
    }
    return never;
}

unsigned hits_print(const struct hits *h, const struct hits_options *opt, FILE *out)
{
    unsigned never = 0;
    fprintf(out, "operations\n");
    for (enum step_kind kind = 0; kind < STEP_KIND_COUNT; kind++)
        never += print_row(out, step_name(kind), h->steps[kind], false);
    fprintf(out, "fields\n");
    for (size_t i = 0; i < ARRAY_LEN(messages); i++)
        never += print_message(h, opt, out, messages[i]);
    fprintf(out, "errors\n");
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        never += print_row(out, etcd_error_text(errors[i]), h->count[first_error_row() + i], false);
    fprintf(out, "  %-52s %10" PRIu64 "\n", "(other errors)", h->other_errors);
    return never;
}
