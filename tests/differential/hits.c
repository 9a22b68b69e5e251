#include "hits.h"

#include "base/must.h"
#include "wire/status.h"

#include <inttypes.h>

/* In the order of printing. Answers that are a header alone are left out. */
static const struct wire_message *const messages[] = {
    &wire_range_request,
    &wire_put_request,
    &wire_delete_range_request,
    &wire_txn_request,
    &wire_request_op,
    &wire_compare,
    &wire_compaction_request,
    &wire_range_response,
    &wire_put_response,
    &wire_delete_range_response,
    &wire_txn_response,
    &wire_response_op,
    &wire_compaction_response,
    &wire_response_header,
    &wire_key_value,
    &wire_lease_grant_request,
    &wire_lease_grant_response,
    &wire_lease_revoke_request,
    &wire_lease_time_to_live_request,
    &wire_lease_time_to_live_response,
    &wire_lease_leases_response,
    &wire_watch_create_request,
    &wire_watch_response,
    &wire_event,
    &wire_authenticate_request,
    &wire_authenticate_response,
    &wire_auth_status_response,
    &wire_auth_user_add_request,
    &wire_user_add_options,
    &wire_auth_user_get_request,
    &wire_auth_user_get_response,
    &wire_auth_user_list_response,
    &wire_auth_user_delete_request,
    &wire_auth_user_change_password_request,
    &wire_auth_user_grant_role_request,
    &wire_auth_user_revoke_role_request,
    &wire_auth_role_add_request,
    &wire_auth_role_get_request,
    &wire_auth_role_get_response,
    &wire_auth_role_list_response,
    &wire_auth_role_delete_request,
    &wire_auth_role_grant_permission_request,
    &wire_auth_role_revoke_permission_request,
    &wire_permission,
    &wire_member_list_request,
    &wire_member_list_response,
    &wire_member,
    &wire_alarm_request,
    &wire_alarm_response,
    &wire_alarm_member,
    &wire_status_response,
    &wire_hash_response,
    &wire_hash_kv_request,
    &wire_hash_kv_response,
    &wire_move_leader_request,
};

static const enum etcd_error errors[] = {
    ETCD_EMPTY_KEY,
    ETCD_KEY_NOT_FOUND,
    ETCD_VALUE_PROVIDED,
    ETCD_LEASE_PROVIDED,
    ETCD_TOO_MANY_OPS,
    ETCD_DUPLICATE_KEY,
    ETCD_COMPACTED,
    ETCD_FUTURE_REV,
    ETCD_LEASE_NOT_FOUND,
    ETCD_INVALID_SORT_OPTION,
    ETCD_REQUEST_TOO_LARGE,
    ETCD_LEASE_EXIST,
    ETCD_LEASE_TTL_TOO_LARGE,
    ETCD_NO_SPACE,
    ETCD_CORRUPT,
    ETCD_BAD_LEADER_TRANSFEREE,
    ETCD_ROOT_USER_NOT_EXIST,
    ETCD_ROOT_ROLE_NOT_EXIST,
    ETCD_USER_ALREADY_EXIST,
    ETCD_USER_EMPTY,
    ETCD_USER_NOT_FOUND,
    ETCD_ROLE_ALREADY_EXIST,
    ETCD_ROLE_NOT_FOUND,
    ETCD_ROLE_EMPTY,
    ETCD_AUTH_FAILED,
    ETCD_PERMISSION_NOT_GIVEN,
    ETCD_PERMISSION_DENIED,
    ETCD_ROLE_NOT_GRANTED,
    ETCD_PERMISSION_NOT_GRANTED,
    ETCD_AUTH_NOT_ENABLED,
    ETCD_INVALID_AUTH_TOKEN,
    ETCD_INVALID_AUTH_MGMT,
    ETCD_NO_PASSWORD_USER,
    ETCD_PASSWORD_TOO_LONG,
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

static size_t enum_row(const struct wire_field *f, int64_t number)
{
    for (size_t i = 0; i < f->enumeration->values_n; i++)
        if (f->enumeration->values[i].number == number)
            return i;
    return f->enumeration->values_n;
}

/* An enum that is not repeated has a value in any case. */
static void count_field(struct hits *h, size_t row, const struct wire_field *f, const void *msg)
{
    size_t n = field_values(f, msg);
    if (f->kind != WIRE_ENUM) {
        h->count[row] += n > 0;
        return;
    }
    if (f->label != WIRE_REPEATED)
        n = 1;
    for (size_t i = 0; i < n; i++)
        h->count[row + enum_row(f, field_number(f, field_value(f, msg, i)))]++;
}

void hits_message(struct hits *h, const struct wire_message *m, const void *msg)
{
    size_t row = first_row(m);
    for (size_t i = 0; i < m->fields_n; i++) {
        const struct wire_field *f = &m->fields[i];
        size_t n = field_values(f, msg);
        if (row < HITS_ROWS_MAX) {
            count_field(h, row, f, msg);
            row += field_rows(f);
        }
        for (size_t k = 0; f->kind == WIRE_MESSAGE && k < n; k++)
            hits_message(h, f->message, field_value(f, msg, k));
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

/* What cannot be reached, and why not. */
static const struct excuse {
    const struct wire_message *message;
    const char *field; /* NULL: all of them */
    const char *value; /* of an enum; NULL: all, "": those without a name */
    enum { EXCUSE_ALWAYS, EXCUSE_OLD, EXCUSE_JSON, EXCUSE_OLD_JSON, EXCUSE_NO_LEASES } when;
    const char *why;
} excuses[] = {
    {&wire_key_value, "lease", NULL, EXCUSE_NO_LEASES, "needs a lease"},
    {&wire_range_request, "sort_target", "", EXCUSE_OLD, "3.4 panics"},
    {&wire_lease_grant_request, NULL, NULL, EXCUSE_NO_LEASES, "needs a lease"},
    {&wire_lease_grant_response, "error", NULL, EXCUSE_ALWAYS, "of no use"},
    {&wire_lease_grant_response, NULL, NULL, EXCUSE_NO_LEASES, "needs a lease"},
    {&wire_lease_revoke_request, NULL, NULL, EXCUSE_NO_LEASES, "needs a lease"},
    {&wire_lease_time_to_live_request, NULL, NULL, EXCUSE_NO_LEASES, "needs a lease"},
    {&wire_lease_time_to_live_response, NULL, NULL, EXCUSE_NO_LEASES, "needs a lease"},
    {&wire_lease_leases_response, NULL, NULL, EXCUSE_NO_LEASES, "needs a lease"},
    {&wire_watch_create_request, NULL, NULL, EXCUSE_JSON, "a stream"},
    {&wire_watch_response, NULL, NULL, EXCUSE_JSON, "a stream"},
    {&wire_watch_response, "fragment", NULL, EXCUSE_ALWAYS, "needs events of 1.5 MB"},
    {&wire_event, NULL, NULL, EXCUSE_JSON, "a stream"},
    {&wire_event, "type", "", EXCUSE_ALWAYS, "no event is of another"},
    {&wire_auth_status_response, NULL, NULL, EXCUSE_OLD, "not in 3.4"},
    {&wire_auth_user_add_request, "hashedPassword", NULL, EXCUSE_OLD, "not in 3.4"},
    {&wire_auth_user_change_password_request, "hashedPassword", NULL, EXCUSE_OLD, "not in 3.4"},
    {&wire_member, "isLearner", NULL, EXCUSE_ALWAYS, "there is one member"},
    {&wire_alarm_request, "action", "", EXCUSE_ALWAYS, "etcd has no answer"},
    {&wire_alarm_request, "alarm", "", EXCUSE_ALWAYS, "etcd has no answer"},
    {&wire_alarm_request, "alarm", "NONE", EXCUSE_OLD, "3.4 panics"},
    {&wire_alarm_response, "header", NULL, EXCUSE_OLD, "not in 3.4"},
    {&wire_alarm_member, "alarm", "NONE", EXCUSE_ALWAYS, "no alarm"},
    {&wire_alarm_member, "alarm", "", EXCUSE_ALWAYS, "no alarm"},
    {&wire_status_response, "isLearner", NULL, EXCUSE_ALWAYS, "there is one member"},
    {&wire_status_response, "storageVersion", NULL, EXCUSE_OLD, "not in 3.4"},
    {&wire_status_response, "dbSizeQuota", NULL, EXCUSE_OLD, "not in 3.4"},
    {&wire_status_response, "downgradeInfo", NULL, EXCUSE_OLD, "not in 3.4"},
    {&wire_hash_kv_response, "hash_revision", NULL, EXCUSE_OLD, "not in 3.4"},
    {&wire_hash_kv_response, NULL, NULL, EXCUSE_OLD_JSON, "3.4's gateway has no path to it"},
};

static bool is_excused(const struct hits_options *opt, const struct excuse *e)
{
    return e->when == EXCUSE_ALWAYS || (e->when == EXCUSE_OLD && opt->old_peer) ||
           (e->when == EXCUSE_JSON && opt->json) ||
           (e->when == EXCUSE_OLD_JSON && opt->old_peer && opt->json) ||
           (e->when == EXCUSE_NO_LEASES && !opt->leases);
}

/* Why the field's row cannot be reached, or NULL. value: as an excuse's. */
static const char *field_excuse(const struct hits_options *opt, const struct wire_message *m,
                                const struct wire_field *f, const char *value)
{
    for (size_t i = 0; i < ARRAY_LEN(excuses); i++) {
        const struct excuse *e = &excuses[i];
        if (e->message == m && (!e->field || strcmp(e->field, f->name) == 0) &&
            (!e->value || strcmp(e->value, value) == 0) && is_excused(opt, e))
            return e->why;
    }
    return NULL;
}

static const char *error_excuse(const struct hits_options *opt, enum etcd_error e)
{
    if (!opt->leases && (e == ETCD_LEASE_EXIST || e == ETCD_LEASE_TTL_TOO_LARGE))
        return "needs a lease";
    bool new = e == ETCD_INVALID_SORT_OPTION || e == ETCD_PERMISSION_NOT_GIVEN ||
               e == ETCD_PASSWORD_TOO_LONG;
    return opt->old_peer && new ? "not in 3.4" : NULL;
}

static const char *step_excuse(const struct hits_options *opt, enum step_kind kind)
{
    if (!opt->leases && kind >= STEP_GRANT && kind <= STEP_LEASES)
        return "needs a lease";
    return opt->json && kind == STEP_WATCH ? "a stream" : NULL;
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
        const char *value = f->kind == WIRE_ENUM && named ? f->enumeration->values[i].name : "";
        snprintf(name, sizeof(name), "%s.%s %s", message, f->name,
                 named ? value : "(no such value)");
        never += print_row(out, name, h->count[row + i], field_excuse(opt, m, f, value));
    }
    return never;
}

unsigned hits_print(const struct hits *h, const struct hits_options *opt, FILE *out)
{
    unsigned never = 0;
    size_t row = 0;
    fprintf(out, "operations\n");
    for (enum step_kind kind = 0; kind < STEP_KIND_COUNT; kind++)
        never += print_row(out, step_name(kind), h->steps[kind], step_excuse(opt, kind));
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
