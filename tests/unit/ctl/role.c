/* Roles and their ranges are shown, and asked for, as by etcdctl. */
#include "lab.h"

static void serve(struct peer_call *call, const struct peer_request *request)
{
    struct pb_permission perm[] = {
        {.key = SLICE_INIT("p"), .range_end = SLICE_INIT("q")},
        {.perm_type = PB_PERMISSION_TYPE_WRITE,
         .key = SLICE_INIT("o"),
         .range_end = SLICE_INIT("\0")},
        {.perm_type = PB_PERMISSION_TYPE_READWRITE,
         .key = SLICE_INIT("x"),
         .range_end = SLICE_INIT("z")},
        {.perm_type = PB_PERMISSION_TYPE_WRITE, .key = SLICE_INIT("one")},
    };
    struct slice roles[] = {SLICE_INIT("a"), SLICE_INIT("b")};
    const struct pb_auth_role_get_response get = {.header = &lab_header, .perm = perm, .perm_n = 4};
    const struct pb_auth_role_list_response list = {
        .header = &lab_header, .roles = roles, .roles_n = 2};
    const struct pb_auth_role_add_response other = {.header = &lab_header};
    if (strstr(request->path, "RoleGet"))
        peer_reply(call, &wire_auth_role_get_response, &get);
    else if (strstr(request->path, "RoleList"))
        peer_reply(call, &wire_auth_role_list_response, &list);
    else
        peer_reply(call, &wire_auth_role_add_response, &other);
    peer_end(call, GRPC_OK, "");
}

static void every_format_is_etcdctls(void **state)
{
    (void)state;
    static const struct lab_case cases[] = {
        {{"role", "get", "r"},
         0,
         "Role r\nKV Read:\n\t[p, q) (prefix p)\n\t[x, z)\nKV Write:\n\t[o, <open ended>\n"
         "\t[x, z)\n\tone\n"},
        {{"role", "list"}, 0, "a\nb\n"},
        {{"role", "list", "-w", "fields"}, 0, LAB_HEADER_FIELDS "\"Roles\" : \"a\" \"b\"\n"},
        {{"role", "add", "r"}, 0, "Role r created\n"},
        {{"role", "delete", "r", "-w", "fields"}, 0, LAB_HEADER_FIELDS},
        {{"role", "grant-permission", "r", "read", "k", "--prefix"}, 0, "Role r updated\n"},
        {{"role", "revoke-permission", "r", "k"},
         0,
         "Permission of key k is revoked from role r\n"},
        {{"role", "revoke-permission", "r", "k", "--prefix"},
         0,
         "Permission of range [k, l) is revoked from role r\n"},
        {{"role", "revoke-permission", "r", "k", "--from-key"},
         0,
         "Permission of range [k, <open ended> is revoked from role r\n"},
        {{"role", "grant-permission", "r", "own", "k"}, 128, NULL, "invalid permission type: own"},
        {{"role", "grant-permission", "r", "read", "k", "l", "--prefix"},
         128,
         NULL,
         "unexpected endkey argument with --prefix flag"},
    };
    lab_run(serve, cases, ARRAY_LEN(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_is_etcdctls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
