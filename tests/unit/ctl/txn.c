/* What txn reads becomes one request, and its answer is shown part by part. */
#include "lab.h"

#include <stdlib.h>

/* Answers with what it was asked: the counts of each part as the number deleted. */
static void serve(struct peer_call *call, const struct peer_request *request)
{
    struct arena arena = {0};
    struct pb_txn_request r;
    if (wire_decode(&wire_txn_request, request->message, &arena, &r) != RC_OK)
        _Exit(1);
    struct pb_put_response put = {0};
    struct pb_delete_range_response counts = {
        .deleted = (int64_t)(r.compare_n * 100 + r.success_n * 10 + r.failure_n)};
    struct pb_response_op ops[] = {
        {.response_case = PB_OP_PUT, .response_put = &put},
        {.response_case = PB_OP_DELETE_RANGE, .response_delete_range = &counts},
    };
    const struct pb_txn_response answer = {
        .header = &lab_header, .succeeded = true, .responses = ops, .responses_n = 2};
    arena_fini(&arena);
    peer_reply(call, &wire_txn_response, &answer);
    peer_end(call, GRPC_OK, "");
}

static const char good[] = "mod(\"a\") > \"0\"\nval(\"b\") = \"x\"\n\n"
                           "put a 'b c'\nget a --prefix\ndel a --prev-kv\n\nput a b\n\n";

static void parts_arrive_whole(void **state)
{
    (void)state;
    static const struct lab_case cases[] = {
        {{"txn"}, 0, "SUCCESS\n\nOK\n\n231\n", NULL, good},
        {{"txn", "-i"},
         0,
         "compares:\nsuccess requests (get, put, del):\nfailure requests (get, put, del):\n"
         "SUCCESS\n\nOK\n\n231\n",
         NULL,
         good},
        {{"txn", "-w", "json"},
         0,
         "{\"header\":" LAB_HEADER_JSON ",\"succeeded\":true,\"responses\":[{\"Response\":"
         "{\"response_put\":{}}},{\"Response\":{\"response_delete_range\":{\"deleted\":231}}}]}\n",
         NULL,
         good},
        {{"txn"}, 3, NULL, "Error: EOF\n", "mod(\"a\") > \"0\"\n"},
        {{"txn"}, 3, NULL, "Error: invalid txn request: put a --bogus\n", "\nput a --bogus\n\n\n"},
        {{"txn"}, 3, NULL, "Error: invalid txn request: move a\n", "\nmove a\n\n\n"},
        {{"txn"}, 128, NULL, "`--prefix` and `--from-key`", "\nget a --prefix --from-key\n\n\n"},
    };
    lab_run(serve, cases, ARRAY_LEN(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_arrive_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
