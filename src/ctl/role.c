/* role - add, delete, get, list, grant-permission, revoke-permission. */
#include "ctl/gotext.h"
#include "ctl/print.h"

#include <stdio.h>
#include <strings.h>

#define NO_END SLICE_LIT("\0") /* as the end of a range: all keys from its beginning on */

/* add */

static void add_simple(const struct ctl *ctl, const void *reply)
{
    (void)reply;
    printf("Role %s created\n", ctl->args.v[0]);
}

static void add_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_auth_role_add_response *r = reply;
    print_header(ctl, r->header);
}

static const struct print_form form_add = {&wire_auth_role_add_response, add_simple, add_fields};

int cmd_role_add(struct ctl *ctl)
{
    struct pb_auth_role_add_request request = {0};
    struct pb_auth_role_add_response response;
    if (ctl->args.n != 1)
        return ctl_fail(EXIT_BAD_ARGS, "role add command requires role name as its argument");
    request.name = ctl_arg(ctl, 0);
    int code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call_patiently(ctl, CLIENT_ROLE_ADD, &request, &response);
    return code == EXIT_OK ? print_reply(ctl, &form_add, &response) : code;
}

/* delete */

static void delete_simple(const struct ctl *ctl, const void *reply)
{
    (void)reply;
    printf("Role %s deleted\n", ctl->args.v[0]);
}

static void delete_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_auth_role_delete_response *r = reply;
    print_header(ctl, r->header);
}

static const struct print_form form_delete = {&wire_auth_role_delete_response, delete_simple,
                                              delete_fields};

int cmd_role_delete(struct ctl *ctl)
{
    struct pb_auth_role_delete_request request = {0};
    struct pb_auth_role_delete_response response;
    if (ctl->args.n != 1)
        return ctl_fail(EXIT_BAD_ARGS, "role delete command requires role name as its argument");
    request.role = ctl_arg(ctl, 0);
    int code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call_patiently(ctl, CLIENT_ROLE_DELETE, &request, &response);
    return code == EXIT_OK ? print_reply(ctl, &form_delete, &response) : code;
}

/* get */

static void print_permission(const struct pb_permission *p)
{
    struct arena arena = {0};
    printf("\t");
    if (p->range_end.n == 0) {
        print_slice(p->key);
    } else {
        bool open = slice_eq(p->range_end, NO_END);
        printf("[");
        print_slice(p->key);
        printf(", ");
        print_slice(open ? SLICE_LIT("<open ended>") : p->range_end);
        printf(open ? "" : ")");
        if (p->key.n > 0 && slice_eq(ctl_prefix_end(&arena, p->key), p->range_end)) {
            printf(" (prefix ");
            print_slice(p->key);
            printf(")");
        }
    }
    printf("\n");
    arena_fini(&arena);
}

static void print_permissions(const struct pb_auth_role_get_response *r, int32_t kind)
{
    printf(kind == PB_PERMISSION_TYPE_READ ? "KV Read:\n" : "KV Write:\n");
    for (size_t i = 0; i < r->perm_n; i++) {
        if (r->perm[i].perm_type == kind || r->perm[i].perm_type == PB_PERMISSION_TYPE_READWRITE)
            print_permission(&r->perm[i]);
    }
}

static void print_role(struct slice name, const struct pb_auth_role_get_response *r)
{
    printf("Role ");
    print_slice(name);
    printf("\n");
    if (r->perm_n == 0 && slice_eq(name, SLICE_LIT("root"))) {
        printf("KV Read:\n\t[, <open ended>\nKV Write:\n\t[, <open ended>\n");
        return;
    }
    print_permissions(r, PB_PERMISSION_TYPE_READ);
    print_permissions(r, PB_PERMISSION_TYPE_WRITE);
}

static void get_simple(const struct ctl *ctl, const void *reply)
{
    print_role(ctl_arg(ctl, 0), reply);
}

static void get_fields(const struct ctl *ctl, const void *reply)
{
    static const char *const kinds[] = {
        [PB_PERMISSION_TYPE_READ] = "READ",
        [PB_PERMISSION_TYPE_WRITE] = "WRITE",
        [PB_PERMISSION_TYPE_READWRITE] = "READWRITE",
    };
    const struct pb_auth_role_get_response *r = reply;
    print_header(ctl, r->header);
    for (size_t i = 0; i < r->perm_n; i++) {
        size_t kind = (size_t)r->perm[i].perm_type;
        printf("\"PermType\" :  %s\n", kind < ARRAY_LEN(kinds) ? kinds[kind] : "?");
        print_quoted("Key", r->perm[i].key);
        print_quoted("RangeEnd", r->perm[i].range_end);
    }
}

static const struct print_form form_get = {&wire_auth_role_get_response, get_simple, get_fields};

int ctl_print_role(const struct ctl *ctl, struct slice name,
                   const struct pb_auth_role_get_response *r)
{
    if (ctl->format != FORMAT_SIMPLE)
        return print_reply(ctl, &form_get, r);
    print_role(name, r);
    return EXIT_OK;
}

int cmd_role_get(struct ctl *ctl)
{
    struct pb_auth_role_get_request request = {0};
    struct pb_auth_role_get_response response;
    if (ctl->args.n != 1)
        return ctl_fail(EXIT_BAD_ARGS, "role get command requires role name as its argument");
    request.role = ctl_arg(ctl, 0);
    int code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call_patiently(ctl, CLIENT_ROLE_GET, &request, &response);
    return code == EXIT_OK ? print_reply(ctl, &form_get, &response) : code;
}

/* list */

static void list_simple(const struct ctl *ctl, const void *reply)
{
    const struct pb_auth_role_list_response *r = reply;
    (void)ctl;
    for (size_t i = 0; i < r->roles_n; i++) {
        print_slice(r->roles[i]);
        printf("\n");
    }
}

static void list_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_auth_role_list_response *r = reply;
    print_header(ctl, r->header);
    printf("\"Roles\" :");
    for (size_t i = 0; i < r->roles_n; i++) {
        struct buf out = {0};
        buf_append_u8(&out, ' ');
        go_quote(r->roles[i], &out);
        print_buf(&out);
    }
    printf("\n");
}

static const struct print_form form_list = {&wire_auth_role_list_response, list_simple,
                                            list_fields};

int cmd_role_list(struct ctl *ctl)
{
    const struct pb_auth_role_list_request request = {0};
    struct pb_auth_role_list_response response;
    if (ctl->args.n != 0)
        return ctl_fail(EXIT_BAD_ARGS, "role list command requires no arguments");
    int code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call_patiently(ctl, CLIENT_ROLE_LIST, &request, &response);
    return code == EXIT_OK ? print_reply(ctl, &form_list, &response) : code;
}

/* grant-permission, revoke-permission */

/* The range that the arguments from the given one on say. */
static int permitted_range(struct ctl *ctl, size_t from, struct slice *key, struct slice *end)
{
    bool prefix = flag_bool(&ctl->flags, "prefix");
    bool from_key = flag_bool(&ctl->flags, "from-key");
    bool has_end = ctl->args.n > from + 1;
    *key = ctl_arg(ctl, from);
    *end = (struct slice){0};
    if (prefix && from_key && (key->n == 0 || !has_end))
        return ctl_fail(EXIT_BAD_ARGS, "--from-key and --prefix flags are mutually exclusive");
    if (key->n == 0) {
        *key = NO_END;
        if (prefix || from_key)
            *end = NO_END;
        return EXIT_OK;
    }
    if (has_end && (prefix || from_key))
        return ctl_fail(EXIT_BAD_ARGS, "unexpected endkey argument with --%s flag",
                        prefix ? "prefix" : "from-key");
    if (has_end)
        *end = ctl_arg(ctl, from + 1);
    else if (prefix)
        *end = ctl_prefix_end(&ctl->arena, *key);
    else if (from_key)
        *end = NO_END;
    return EXIT_OK;
}

static int permission_type(const char *text, int32_t *type)
{
    static const char *const names[] = {
        [PB_PERMISSION_TYPE_READ] = "read",
        [PB_PERMISSION_TYPE_WRITE] = "write",
        [PB_PERMISSION_TYPE_READWRITE] = "readwrite",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcasecmp(text, names[i]) == 0) {
            *type = (int32_t)i;
            return EXIT_OK;
        }
    }
    return ctl_fail(EXIT_BAD_ARGS, "invalid permission type: %s", text);
}

static void grant_simple(const struct ctl *ctl, const void *reply)
{
    (void)reply;
    printf("Role %s updated\n", ctl->args.v[0]);
}

static void grant_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_auth_role_grant_permission_response *r = reply;
    print_header(ctl, r->header);
}

static const struct print_form form_grant = {&wire_auth_role_grant_permission_response,
                                             grant_simple, grant_fields};

int cmd_role_grant_permission(struct ctl *ctl)
{
    struct pb_permission permission = {0};
    struct pb_auth_role_grant_permission_request request = {.perm = &permission};
    struct pb_auth_role_grant_permission_response response;
    if (ctl->args.n < 3)
        return ctl_fail(EXIT_BAD_ARGS, "role grant command requires role name, permission type, "
                                       "and key [endkey] as its argument");
    int code = permission_type(ctl->args.v[1], &permission.perm_type);
    if (code == EXIT_OK)
        code = permitted_range(ctl, 2, &permission.key, &permission.range_end);
    request.name = ctl_arg(ctl, 0);
    if (code == EXIT_OK)
        code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call_patiently(ctl, CLIENT_ROLE_GRANT_PERMISSION, &request, &response);
    return code == EXIT_OK ? print_reply(ctl, &form_grant, &response) : code;
}

static void revoke_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_auth_role_revoke_permission_response *r = reply;
    print_header(ctl, r->header);
}

static void print_revoked(const struct ctl *ctl, struct slice end)
{
    const char *role = ctl->args.v[0];
    const char *key = ctl->args.v[1];
    if (end.n == 0)
        printf("Permission of key %s is revoked from role %s\n", key, role);
    else if (slice_eq(end, NO_END))
        printf("Permission of range [%s, <open ended> is revoked from role %s\n", key, role);
    else
        printf("Permission of range [%s, %.*s) is revoked from role %s\n", key, (int)end.n,
               (const char *)end.p, role);
}

static const struct print_form form_revoke = {&wire_auth_role_revoke_permission_response, NULL,
                                              revoke_fields};

int cmd_role_revoke_permission(struct ctl *ctl)
{
    struct pb_auth_role_revoke_permission_request request = {0};
    struct pb_auth_role_revoke_permission_response response;
    if (ctl->args.n < 2)
        return ctl_fail(EXIT_BAD_ARGS, "role revoke-permission command requires role name and key "
                                       "[endkey] as its argument");
    int code = permitted_range(ctl, 1, &request.key, &request.range_end);
    request.role = ctl_arg(ctl, 0);
    if (code == EXIT_OK)
        code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call_patiently(ctl, CLIENT_ROLE_REVOKE_PERMISSION, &request, &response);
    if (code != EXIT_OK)
        return code;
    if (ctl->format != FORMAT_SIMPLE)
        return print_reply(ctl, &form_revoke, &response);
    print_revoked(ctl, request.range_end);
    return EXIT_OK;
}
