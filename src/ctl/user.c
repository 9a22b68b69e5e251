/* user - add, delete, get, list, passwd, grant-role, revoke-role. */
#include "base/mem.h"
#include "ctl/print.h"

#include <stdio.h>
#include <stdlib.h>

#define PASSWORD_LINE_MAX 1024

/* "Role %s …": two words in a sentence. */
static void say(const char *before, const char *a, const char *between, const char *b)
{
    printf("%s%s%s%s\n", before, a, between, b);
}

/* Passwords */

static int ask_twice(struct ctl *ctl, const char *name, struct slice *out)
{
    struct slice again = {0};
    char *first = mem_printf("Password of %s: ", name);
    char *second = mem_printf("Type password of %s again for confirmation: ", name);
    int code = ctl_ask_password(ctl, first, out);
    if (code == EXIT_OK && out->n == 0)
        code = ctl_fail(EXIT_BAD_ARGS, "empty password");
    if (code == EXIT_OK)
        code = ctl_ask_password(ctl, second, &again);
    if (code == EXIT_OK && !slice_eq(*out, again))
        code = ctl_fail(EXIT_BAD_ARGS, "given passwords are different");
    free(first);
    free(second);
    return code;
}

/* The first word of standard input. */
static int read_password(struct ctl *ctl, struct slice *out)
{
    char word[PASSWORD_LINE_MAX];
    *out = (struct slice){0};
    if (fgets(word, sizeof(word), stdin))
        *out = arena_copy(&ctl->arena, slice_of(word, strcspn(word, " \t\r\n")));
    explicit_bzero(word, sizeof(word));
    return EXIT_OK;
}

static int get_password(struct ctl *ctl, struct slice *out)
{
    if (flag_bool(&ctl->flags, "interactive"))
        return ask_twice(ctl, ctl->args.v[0], out);
    return read_password(ctl, out);
}

/* add */

/* Name, password and options of a new user. */
static int new_user(struct ctl *ctl, struct pb_auth_user_add_request *out)
{
    struct pb_user_add_options *options = arena_zalloc(&ctl->arena, sizeof(*options));
    const char *password = flag_string(&ctl->flags, "new-user-password");
    const char *colon = strchr(ctl->args.v[0], ':');
    options->no_password = flag_bool(&ctl->flags, "no-password");
    out->options = options;
    out->name = ctl_arg(ctl, 0);
    if (options->no_password)
        return EXIT_OK;
    if (*password) {
        out->password = slice_str(password);
        return EXIT_OK;
    }
    if (!colon)
        return get_password(ctl, &out->password);
    out->name.n = (size_t)(colon - ctl->args.v[0]);
    out->password = slice_str(colon + 1);
    return out->name.n ? EXIT_OK : ctl_fail(EXIT_BAD_ARGS, "empty user name is not allowed");
}

static void add_simple(const struct ctl *ctl, const void *reply)
{
    size_t n = strlen(ctl->args.v[0]);
    (void)reply;
    if (!flag_bool(&ctl->flags, "no-password") && !*flag_string(&ctl->flags, "new-user-password"))
        n = strcspn(ctl->args.v[0], ":");
    printf("User %.*s created\n", (int)n, ctl->args.v[0]);
}

static void add_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_auth_user_add_response *r = reply;
    print_header(ctl, r->header);
}

static const struct print_form form_add = {&wire_auth_user_add_response, add_simple, add_fields};

int cmd_user_add(struct ctl *ctl)
{
    struct pb_auth_user_add_request request = {0};
    struct pb_auth_user_add_response response;
    if (ctl->args.n != 1)
        return ctl_fail(EXIT_BAD_ARGS, "user add command requires user name as its argument");
    int code = new_user(ctl, &request);
    if (code == EXIT_OK)
        code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call_patiently(ctl, CLIENT_USER_ADD, &request, &response);
    return code == EXIT_OK ? print_reply(ctl, &form_add, &response) : code;
}

/* delete */

static void delete_simple(const struct ctl *ctl, const void *reply)
{
    (void)reply;
    say("User ", ctl->args.v[0], " deleted", "");
}

static void delete_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_auth_user_delete_response *r = reply;
    print_header(ctl, r->header);
}

static const struct print_form form_delete = {&wire_auth_user_delete_response, delete_simple,
                                              delete_fields};

int cmd_user_delete(struct ctl *ctl)
{
    struct pb_auth_user_delete_request request = {0};
    struct pb_auth_user_delete_response response;
    if (ctl->args.n != 1)
        return ctl_fail(EXIT_BAD_ARGS, "user delete command requires user name as its argument");
    request.name = ctl_arg(ctl, 0);
    int code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call_patiently(ctl, CLIENT_USER_DELETE, &request, &response);
    return code == EXIT_OK ? print_reply(ctl, &form_delete, &response) : code;
}

/* get */

static void get_simple(const struct ctl *ctl, const void *reply)
{
    const struct pb_auth_user_get_response *r = reply;
    printf("User: %s\nRoles:", ctl->args.v[0]);
    for (size_t i = 0; i < r->roles_n; i++) {
        printf(" ");
        print_slice(r->roles[i]);
    }
    printf("\n");
}

static const struct print_form form_get = {&wire_auth_user_get_response, get_simple};

/* Each role with its permissions. */
static int get_detail(struct ctl *ctl, const struct pb_auth_user_get_response *r)
{
    printf("User: %s\n", ctl->args.v[0]);
    for (size_t i = 0; i < r->roles_n; i++) {
        const struct pb_auth_role_get_request request = {.role = r->roles[i]};
        struct pb_auth_role_get_response role;
        printf("\n");
        int code = ctl_call_patiently(ctl, CLIENT_ROLE_GET, &request, &role);
        if (code == EXIT_OK)
            code = ctl_print_role(ctl, r->roles[i], &role);
        if (code != EXIT_OK)
            return code;
    }
    return EXIT_OK;
}

int cmd_user_get(struct ctl *ctl)
{
    struct pb_auth_user_get_request request = {0};
    struct pb_auth_user_get_response response;
    if (ctl->args.n != 1)
        return ctl_fail(EXIT_BAD_ARGS, "user get command requires user name as its argument");
    request.name = ctl_arg(ctl, 0);
    int code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call_patiently(ctl, CLIENT_USER_GET, &request, &response);
    if (code != EXIT_OK)
        return code;
    if (flag_bool(&ctl->flags, "detail"))
        return get_detail(ctl, &response);
    return print_reply(ctl, &form_get, &response);
}

/* list */

static void list_simple(const struct ctl *ctl, const void *reply)
{
    const struct pb_auth_user_list_response *r = reply;
    (void)ctl;
    for (size_t i = 0; i < r->users_n; i++) {
        print_slice(r->users[i]);
        printf("\n");
    }
}

static const struct print_form form_list = {&wire_auth_user_list_response, list_simple};

int cmd_user_list(struct ctl *ctl)
{
    const struct pb_auth_user_list_request request = {0};
    struct pb_auth_user_list_response response;
    if (ctl->args.n != 0)
        return ctl_fail(EXIT_BAD_ARGS, "user list command requires no arguments");
    int code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call_patiently(ctl, CLIENT_USER_LIST, &request, &response);
    return code == EXIT_OK ? print_reply(ctl, &form_list, &response) : code;
}

/* passwd */

static void passwd_simple(const struct ctl *ctl, const void *reply)
{
    (void)ctl;
    (void)reply;
    printf("Password updated\n");
}

static void passwd_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_auth_user_change_password_response *r = reply;
    print_header(ctl, r->header);
}

static const struct print_form form_passwd = {&wire_auth_user_change_password_response,
                                              passwd_simple, passwd_fields};

int cmd_user_passwd(struct ctl *ctl)
{
    struct pb_auth_user_change_password_request request = {0};
    struct pb_auth_user_change_password_response response;
    if (ctl->args.n != 1)
        return ctl_fail(EXIT_BAD_ARGS, "user passwd command requires user name as its argument");
    request.name = ctl_arg(ctl, 0);
    int code = get_password(ctl, &request.password);
    if (code == EXIT_OK)
        code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call_patiently(ctl, CLIENT_USER_CHANGE_PASSWORD, &request, &response);
    return code == EXIT_OK ? print_reply(ctl, &form_passwd, &response) : code;
}

/* grant-role, revoke-role */

static void grant_simple(const struct ctl *ctl, const void *reply)
{
    (void)reply;
    say("Role ", ctl->args.v[1], " is granted to user ", ctl->args.v[0]);
}

static void grant_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_auth_user_grant_role_response *r = reply;
    print_header(ctl, r->header);
}

static const struct print_form form_grant = {&wire_auth_user_grant_role_response, grant_simple,
                                             grant_fields};

int cmd_user_grant_role(struct ctl *ctl)
{
    struct pb_auth_user_grant_role_request request = {0};
    struct pb_auth_user_grant_role_response response;
    if (ctl->args.n != 2)
        return ctl_fail(EXIT_BAD_ARGS,
                        "user grant command requires user name and role name as its argument");
    request.user = ctl_arg(ctl, 0);
    request.role = ctl_arg(ctl, 1);
    int code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call_patiently(ctl, CLIENT_USER_GRANT_ROLE, &request, &response);
    return code == EXIT_OK ? print_reply(ctl, &form_grant, &response) : code;
}

static void revoke_simple(const struct ctl *ctl, const void *reply)
{
    (void)reply;
    say("Role ", ctl->args.v[1], " is revoked from user ", ctl->args.v[0]);
}

static void revoke_fields(const struct ctl *ctl, const void *reply)
{
    const struct pb_auth_user_revoke_role_response *r = reply;
    print_header(ctl, r->header);
}

static const struct print_form form_revoke = {&wire_auth_user_revoke_role_response, revoke_simple,
                                              revoke_fields};

int cmd_user_revoke_role(struct ctl *ctl)
{
    struct pb_auth_user_revoke_role_request request = {0};
    struct pb_auth_user_revoke_role_response response;
    if (ctl->args.n != 2)
        return ctl_fail(EXIT_BAD_ARGS,
                        "user revoke-role requires user name and role name as its argument");
    request.name = ctl_arg(ctl, 0);
    request.role = ctl_arg(ctl, 1);
    int code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call_patiently(ctl, CLIENT_USER_REVOKE_ROLE, &request, &response);
    return code == EXIT_OK ? print_reply(ctl, &form_revoke, &response) : code;
}
