/* Status, member list and health say what is so. */
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void status_says_how_far_it_is(void **state)
{
    (void)state;
    struct lab l;
    struct pb_status_response s;
    struct storage_stats sizes;
    const struct pb_status_request ask = {0};
    lab_open(&l, &(struct lab_options){.quota = 1 << 30});
    lab_put(&l, "k", "v");
    lab_response(&l, lab_call(&l, "/etcdserverpb.Maintenance/Status", &wire_status_request, &ask),
                 &wire_status_response, &s);
    storage_stats(l.storage, &sizes);
    assert_true(slice_eq(s.version, SLICE_LIT("3.7.0")));
    assert_int_equal(s.leader, LAB_MEMBER);
    assert_int_equal(s.raft_term, quorum_term(l.quorum));
    assert_int_equal(s.raft_index, quorum_committed(l.quorum));
    assert_int_equal(s.raft_applied_index, quorum_applied(l.quorum));
    assert_int_equal(s.db_size, sizes.file_bytes);
    assert_int_equal(s.db_size_in_use, sizes.used_bytes);
    assert_int_equal(s.db_size_quota, 1 << 30);
    assert_int_equal(s.errors_n, 0);
    assert_int_equal(s.header->revision, 2);
    assert_non_null(s.downgrade_info);
    api_no_space(l.api, true);
    lab_response(&l, lab_call(&l, "/etcdserverpb.Maintenance/Status", &wire_status_request, &ask),
                 &wire_status_response, &s);
    assert_int_equal(s.errors_n, 1);
    lab_close(&l);
}

static void the_member_list_is_this_member(void **state)
{
    (void)state;
    struct lab l;
    struct pb_member_list_response m;
    lab_open(&l, NULL);
    for (int linearizable = 0; linearizable < 2; linearizable++) {
        const struct pb_member_list_request ask = {.linearizable = linearizable};
        lab_response(
            &l, lab_call(&l, "/etcdserverpb.Cluster/MemberList", &wire_member_list_request, &ask),
            &wire_member_list_response, &m);
        assert_int_equal(m.header->revision, 0);
        assert_int_equal(m.header->cluster_id, LAB_CLUSTER);
        assert_int_equal(m.members_n, 1);
        assert_int_equal(m.members[0].id, LAB_MEMBER);
        assert_true(slice_eq(m.members[0].name, SLICE_LIT("infra0")));
        assert_int_equal(m.members[0].peer_urls_n, 1);
        assert_int_equal(m.members[0].client_urls_n, 2);
        assert_true(slice_eq(m.members[0].client_urls[1], SLICE_LIT("http://[::1]:2379")));
    }
    lab_close(&l);
}

static void health_follows_the_lead(void **state)
{
    (void)state;
    struct lab l;
    struct pb_health_check_response h;
    struct pb_health_check_request ask = {0};
    lab_open(&l, NULL);
    lab_response(&l, lab_call(&l, "/grpc.health.v1.Health/Check", &wire_health_check_request, &ask),
                 &wire_health_check_response, &h);
    assert_int_equal(h.status, PB_SERVING_STATUS_SERVING);
    ask.service = SLICE_LIT("other");
    caller_refused(lab_call(&l, "/grpc.health.v1.Health/Check", &wire_health_check_request, &ask),
                   GRPC_NOT_FOUND, "unknown service");
    lab_close(&l);
    lab_open(&l, &(struct lab_options){.members = 3});
    ask.service.n = 0;
    lab_response(&l, lab_call(&l, "/grpc.health.v1.Health/Check", &wire_health_check_request, &ask),
                 &wire_health_check_response, &h);
    assert_int_equal(h.status, PB_SERVING_STATUS_NOT_SERVING);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_says_how_far_it_is),
        cmocka_unit_test(the_member_list_is_this_member),
        cmocka_unit_test(health_follows_the_lead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
