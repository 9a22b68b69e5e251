/* What is wrong with a command line is said, with the exit status that scripts know. */
#include "lab.h"

#include <stdlib.h>

static void serve(struct peer_call *call, const struct peer_request *request)
{
    struct pb_key_value kv = {.key = SLICE_INIT("k\n"), .value = SLICE_INIT("v")};
    const struct pb_range_response r = {.header = &lab_header, .kvs = &kv, .kvs_n = 1, .count = 1};
    if (strstr(request->path, "Authenticate")) {
        peer_end(call, GRPC_INVALID_ARGUMENT, etcd_error_text(ETCD_AUTH_FAILED));
        return;
    }
    peer_reply(call, &wire_range_response, &r);
    peer_end(call, GRPC_OK, "");
}

static void mistakes_have_their_exit_status(void **state)
{
    (void)state;
    static const struct lab_case cases[] = {
        {{"get", "k"}, 0, "k\n\nv\n"},
        {{"get", "k", "--hex"}, 0, "\\x6b\\x0a\n\\x76\n"},
        {{"get", "k", "--print-value-only"}, 0, "v\n"},
        {{"get", "k", "-w", "xml"}, 4, NULL, "Error: unsupported output format\n"},
        {{"get"}, 128, NULL, "Error: get command needs one argument as key"},
        {{"get", "k", "--bogus"}, 1, NULL, "Error: unknown flag: --bogus\nUsage:\n  etcdctl get "},
        {{"git", "k"}, 1, NULL, "unknown command \"git\" for \"etcdctl\"\n\nDid you mean this?\n"},
        {{"get", "k", "--cert", "c"},
         128,
         NULL,
         "Error: KeyFile and CertFile must both be present"},
        {{"get", "k", "--cacert", "/nowhere/ca"},
         128,
         NULL,
         "Error: open /nowhere/ca: no such file"},
        {{"make-mirror", "unix:/x", "--dest-cacert", "/nowhere/ca"},
         128,
         NULL,
         "Error: open /nowhere/ca: no such file or directory\n"},
        {{"get", "k", "--user", "u:p"},
         2,
         NULL,
         "Error: etcdserver: authentication failed, invalid user ID or password\n"},
        {{"get", "k", "--max-recv-bytes", "3"}, 1, NULL, "larger than max ("},
        {{"version"}, 0, "etcdctl version: 3.7.0\nAPI version: 3.7\n"},
    };
    lab_run(serve, cases, ARRAY_LEN(cases));
}

static void nobody_there_is_said_and_waited_for_no_longer_than_allowed(void **state)
{
    (void)state;
    static const struct lab_case cases[] = {
        {{"get", "k", "--command-timeout", "50ms"},
         1,
         NULL,
         "Connection refused\nError: context deadline exceeded\n"},
    };
    lab_run(NULL, cases, ARRAY_LEN(cases));
}

static void variables_count(void **state)
{
    (void)state;
    static const struct lab_case json[] = {
        {{"get", "k"},
         0,
         "{\"header\":" LAB_HEADER_JSON
         ",\"kvs\":[{\"key\":\"awo=\",\"value\":\"dg==\"}],\"count\":1}\n"},
        {{"get", "k", "-w", "simple"}, 1, NULL, "\"ETCDCTL_WRITE_OUT\" is shadowed"},
    };
    static const struct lab_case two[] = {
        {{"get", "k"}, 1, NULL, "ETCDCTL_API=2 does not work in this version"},
    };
    setenv("ETCDCTL_WRITE_OUT", "json", 1);
    lab_run(serve, json, ARRAY_LEN(json));
    unsetenv("ETCDCTL_WRITE_OUT");
    setenv("ETCDCTL_API", "2", 1);
    lab_run(serve, two, ARRAY_LEN(two));
    unsetenv("ETCDCTL_API");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_have_their_exit_status),
        cmocka_unit_test(nobody_there_is_said_and_waited_for_no_longer_than_allowed),
        cmocka_unit_test(variables_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
