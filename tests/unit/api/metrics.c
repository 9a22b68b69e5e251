/* /metrics says what happened, in a form that Prometheus reads, and each family once. */
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* The text; valid until the lab is closed. */
static const char *scrape(struct lab *l)
{
    struct caller_reply *r = caller_send(
        &l->caller, &(struct caller_request){
                        .method = "GET", .path = "/metrics", .content_type = "", .no_body = true});
    assert_int_equal(r->status, 200);
    *buf_extend(&r->headers, 1) = 0;
    assert_non_null(strstr((const char *)r->headers.p,
                           "content-type: text/plain; version=0.0.4; charset=utf-8\n"));
    *buf_extend(&r->body, 1) = 0;
    return (const char *)r->body.p;
}

static void has(const char *text, const char *line)
{
    if (!strstr(text, line))
        fail_msg("%s is not in\n%s", line, text);
}

static void what_was_done_is_counted(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    lab_put(&l, "a", "12345");
    lab_put(&l, "b", "1");
    lab_put(&l, "a", "1");
    lab_range(&l, &(struct pb_range_request){.key = SLICE_LIT("a")});
    lab_range(&l, &(struct pb_range_request){0}); /* refused */
    lab_call(&l, "/etcdserverpb.KV/DeleteRange", &wire_delete_range_request,
             &(struct pb_delete_range_request){.key = SLICE_LIT("b")});
    lab_call(&l, "/etcdserverpb.KV/Compact", &wire_compaction_request,
             &(struct pb_compaction_request){.revision = 4});
    lab_pass_ms(&l, 200);
    lab_run(&l);
    const char *text = scrape(&l);
    has(text, "\netcd_mvcc_put_total 3\n");
    has(text, "\netcd_mvcc_delete_total 1\n");
    has(text, "\netcd_mvcc_range_total 1\n");
    has(text, "\netcd_debugging_mvcc_total_put_size_in_bytes 10\n");
    has(text, "\netcd_server_apply_duration_seconds_count{op=\"Put\",success=\"true\","
              "version=\"v3\"} 3\n");
    assert_null(strstr(text, "etcd_server_apply_duration_seconds_count{op=\"Txn\""));
    has(text, "\netcd_debugging_mvcc_current_revision 5\n");
    has(text, "\netcd_debugging_mvcc_compact_revision 4\n");
    has(text, "\netcd_debugging_mvcc_keys_total 1\n");
    has(text, "\netcd_server_has_leader 1\n");
    has(text, "\netcd_server_is_leader 1\n");
    has(text, "\netcd_server_proposals_pending 0\n");
    has(text, "\netcd_server_id{server_id=\"3e\"} 1\n");
    has(text, "\netcd_server_version{server_version=\"3.7.0\"} 1\n");
    has(text, "\netcd_cluster_version{cluster_version=\"3.7\"} 1\n");
    has(text, "\nmoat_info{version=\"" MOAT_VERSION "\"} 1\n");
    has(text, "\ngrpc_server_handled_total{grpc_code=\"OK\",grpc_method=\"Put\","
              "grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"} 3\n");
    has(text, "\ngrpc_server_handled_total{grpc_code=\"InvalidArgument\",grpc_method=\"Range\","
              "grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"} 1\n");
    assert_null(strstr(text, "\netcd_disk_wal_fsync_duration_seconds_count 0\n"));
    assert_null(strstr(text, "\netcd_disk_backend_commit_duration_seconds_count 0\n"));
    lab_close(&l);
}

static void what_waits_shows(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    l.halted = true;
    lab_put(&l, "a", "b");
    has(scrape(&l), "\netcd_server_proposals_pending 1\n");
    l.halted = false;
    lab_run(&l);
    has(scrape(&l), "\netcd_server_proposals_pending 0\n");
    lab_close(&l);
}

static void each_family_stands_once(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    const char *text = scrape(&l);
    unsigned families = 0;
    for (const char *at = strstr(text, "# TYPE "); at; at = strstr(at + 1, "# TYPE ")) {
        char line[160];
        size_t n = strcspn(at + 7, " ");
        snprintf(line, sizeof(line), "# TYPE %.*s ", (int)n, at + 7);
        assert_ptr_equal(strstr(text, line), at);
        snprintf(line, sizeof(line), "# HELP %.*s ", (int)n, at + 7);
        assert_non_null(strstr(text, line));
        families++;
    }
    assert_true(families > 50);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_done_is_counted),
        cmocka_unit_test(what_waits_shows),
        cmocka_unit_test(each_family_stands_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
