/* auth - enable, disable, status. */
#include "ctl/print.h"

#include <inttypes.h>
#include <stdio.h>

static int no_args(const struct ctl *ctl, const char *name)
{
    if (ctl->args.n == 0)
        return EXIT_OK;
    return ctl_fail(EXIT_BAD_ARGS, "auth %s command does not accept any arguments", name);
}

/* Root must have the role root before authentication can be switched on: give it. */
static enum rc make_root(struct ctl *ctl)
{
    const struct pb_auth_role_add_request add = {.name = SLICE_INIT("root")};
    const struct pb_auth_user_grant_role_request grant = {.user = SLICE_INIT("root"),
                                                          .role = SLICE_INIT("root")};
    struct pb_auth_role_add_response added;
    struct pb_auth_user_grant_role_response granted;
    enum rc rc = ctl_try(ctl, CLIENT_ROLE_ADD, &add, &added);
    return rc == RC_OK ? ctl_try(ctl, CLIENT_USER_GRANT_ROLE, &grant, &granted) : rc;
}

int cmd_auth_enable(struct ctl *ctl)
{
    const struct pb_auth_enable_request request = {0};
    struct pb_auth_enable_response response;
    int code = no_args(ctl, "enable");
    if (code == EXIT_OK)
        code = ctl_connect(ctl);
    if (code != EXIT_OK)
        return code;
    enum rc rc = ctl_try(ctl, CLIENT_AUTH_ENABLE, &request, &response);
    if (rc != RC_OK && client_status_is(&ctl->status, ETCD_ROOT_ROLE_NOT_EXIST)) {
        rc = make_root(ctl);
        if (rc == RC_OK)
            rc = ctl_try(ctl, CLIENT_AUTH_ENABLE, &request, &response);
    }
    if (rc != RC_OK)
        return ctl_call_failed(ctl, EXIT_ERROR, NULL);
    printf("Authentication Enabled\n");
    return EXIT_OK;
}

int cmd_auth_disable(struct ctl *ctl)
{
    const struct pb_auth_disable_request request = {0};
    struct pb_auth_disable_response response;
    int code = no_args(ctl, "disable");
    if (code == EXIT_OK)
        code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call(ctl, CLIENT_AUTH_DISABLE, &request, &response);
    if (code == EXIT_OK)
        printf("Authentication Disabled\n");
    return code;
}

static void status_simple(const struct ctl *ctl, const void *reply)
{
    const struct pb_auth_status_response *r = reply;
    (void)ctl;
    printf("Authentication Status: %s\nAuthRevision: %" PRIu64 "\n", r->enabled ? "true" : "false",
           r->auth_revision);
}

static const struct print_form form_status = {&wire_auth_status_response, status_simple};

int cmd_auth_status(struct ctl *ctl)
{
    const struct pb_auth_status_request request = {0};
    struct pb_auth_status_response response;
    int code = no_args(ctl, "status");
    if (code == EXIT_OK)
        code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = ctl_call(ctl, CLIENT_AUTH_STATUS, &request, &response);
    return code == EXIT_OK ? print_reply(ctl, &form_status, &response) : code;
}
