/* Users are made with the password from where it was given, and shown as by etcdctl. */
#include "lab.h"

#include <stdlib.h>

static void serve(struct peer_call *call, const struct peer_request *request)
{
    struct slice roles[] = {SLICE_INIT("a"), SLICE_INIT("b")};
    const struct pb_auth_user_get_response get = {
        .header = &lab_header, .roles = roles, .roles_n = 2};
    const struct pb_auth_user_add_response other = {.header = &lab_header};
    struct arena arena = {0};
    struct pb_auth_user_add_request add;
    if (strstr(request->path, "UserAdd")) {
        if (wire_decode(&wire_auth_user_add_request, request->message, &arena, &add) != RC_OK)
            _Exit(1);
        bool none = add.options && add.options->no_password;
        bool fine = slice_eq(add.name, SLICE_LIT("u")) &&
                    slice_eq(add.password, none ? SLICE_LIT("") : SLICE_LIT("p:w"));
        arena_fini(&arena);
        if (!fine) {
            peer_end(call, GRPC_INVALID_ARGUMENT, "another password");
            return;
        }
    }
    if (strstr(request->path, "UserGet"))
        peer_reply(call, &wire_auth_user_get_response, &get);
    else
        peer_reply(call, &wire_auth_user_add_response, &other);
    peer_end(call, GRPC_OK, "");
}

static void passwords_come_from_where_they_are_given(void **state)
{
    (void)state;
    static const struct lab_case cases[] = {
        {{"user", "add", "u:p:w"}, 0, "User u created\n"},
        {{"user", "add", "u", "--new-user-password", "p:w"}, 0, "User u created\n"},
        {{"user", "add", "u", "--interactive=false"}, 0, "User u created\n", NULL, "p:w\n"},
        {{"user", "add", "u", "--no-password"}, 0, "User u created\n"},
        {{"user", "add", ":pw"}, 128, NULL, "empty user name is not allowed"},
        {{"user", "passwd", "u", "--interactive=false"}, 0, "Password updated\n", NULL, "x"},
        {{"user", "get", "u"}, 0, "User: u\nRoles: a b\n"},
        {{"user", "get", "u", "-w", "fields"}, 4, NULL, "fields not supported as output format"},
        {{"user", "grant-role", "u", "r"}, 0, "Role r is granted to user u\n"},
        {{"user", "revoke-role", "u", "r"}, 0, "Role r is revoked from user u\n"},
        {{"user", "delete", "u"}, 0, "User u deleted\n"},
    };
    lab_run(serve, cases, ARRAY_LEN(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passwords_come_from_where_they_are_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
