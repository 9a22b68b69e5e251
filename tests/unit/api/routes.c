/* Which routes each port has, and what /version says. */
#include "lab.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void expect(struct lab *l, const char *path, unsigned status, const char *body)
{
    struct caller_reply *r = caller_send(
        &l->caller, &(struct caller_request){
                        .method = "GET", .path = path, .content_type = "", .no_body = true});
    assert_true(r->ended);
    *buf_extend(&r->body, 1) = 0;
    assert_string_equal((const char *)r->body.p, body);
    assert_int_equal(r->status, status);
}

static void the_version(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    expect(&l, "/version", 200,
           "{\"etcdserver\":\"3.7.0\",\"etcdcluster\":\"3.7.0\",\"storage\":\"3.7.0\",\"moat\":"
           "\"" MOAT_VERSION "\"}");
    lab_close(&l);
}

static void where_raft_stands(void **state)
{
    (void)state;
    struct lab l;
    char want[256];
    lab_open(&l, NULL);
    snprintf(want, sizeof(want),
             "{\n\"raft.status\": {\"id\":\"%" PRIx64 "\",\"term\":%" PRIu64 ",\"commit\":%" PRIu64
             ",\"lead\":\"%" PRIx64 "\",\"raftState\":\"StateLeader\",\"applied\":%" PRIu64
             "}\n}\n",
             (uint64_t)LAB_MEMBER, quorum_term(l.quorum), quorum_committed(l.quorum),
             (uint64_t)LAB_MEMBER, quorum_applied(l.quorum));
    expect(&l, "/debug/vars", 200, want);
    lab_close(&l);
}

static void what_is_not_there(void **state)
{
    static const char *const paths[] = {
        "/", "/nope", "/readyz/other", "/livez/non_learner", "/members", "/metrics/"};
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        expect(&l, paths[i], 404, "404 page not found\n");
    lab_close(&l);
}

static void the_port_for_metrics_has_no_more(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    caller_close(&l.caller);
    caller_open(&l.caller, &l.env, api_metrics_handler(l.api), &l.budget, 0);
    expect(&l, "/health", 200, "{\"health\":\"true\",\"reason\":\"\"}");
    expect(&l, "/livez", 200, "ok\n");
    expect(&l, "/readyz/non_learner", 200, "ok\n");
    expect(&l, "/version", 404, "404 page not found\n");
    expect(&l, "/debug/vars", 404, "404 page not found\n");
    struct caller_reply *r = lab_put(&l, "a", "b");
    assert_int_equal(r->grpc_status, GRPC_UNIMPLEMENTED);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_version),
        cmocka_unit_test(where_raft_stands),
        cmocka_unit_test(what_is_not_there),
        cmocka_unit_test(the_port_for_metrics_has_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
