/* Switching authentication on gives root its role when that is all that is missing. */
#include "lab.h"

static void serve(struct peer_call *call, const struct peer_request *request)
{
    static unsigned steps; /* enable, role add, grant, enable */
    static const char *const wanted[] = {"AuthEnable", "RoleAdd", "UserGrantRole", "AuthEnable"};
    const struct pb_auth_enable_response fine = {.header = &lab_header};
    const struct pb_auth_status_response status = {.enabled = true, .auth_revision = 4};
    if (strstr(request->path, "AuthStatus")) {
        peer_reply(call, &wire_auth_status_response, &status);
    } else if (steps == ARRAY_LEN(wanted) || !strstr(request->path, wanted[steps])) {
        peer_end(call, GRPC_UNKNOWN, "out of order");
        return;
    } else if (steps++ == 0) {
        peer_end(call, GRPC_FAILED_PRECONDITION, etcd_error_text(ETCD_ROOT_ROLE_NOT_EXIST));
        return;
    } else {
        peer_reply(call, &wire_auth_enable_response, &fine);
    }
    peer_end(call, GRPC_OK, "");
}

static void root_gets_its_role(void **state)
{
    (void)state;
    static const struct lab_case cases[] = {
        {{"auth", "enable"}, 0, "Authentication Enabled\n"},
        {{"auth", "disable"}, 1, NULL, "Error: rpc error: code = Unknown desc = out of order\n"},
        {{"auth", "status"}, 0, "Authentication Status: true\nAuthRevision: 4\n"},
        {{"auth", "enable", "x"},
         128,
         NULL,
         "Error: auth enable command does not accept any arguments\n"},
    };
    lab_run(serve, cases, ARRAY_LEN(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_gets_its_role),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
