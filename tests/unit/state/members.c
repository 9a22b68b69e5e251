/* Members change by entries alone, are judged as in etcd, and outlast a restart. */
#include "state/members.h"
#include "kv/storage.h"
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static enum etcd_error propose(struct lab *l, enum raft_request_field field,
                               struct pb_member *member, uint64_t max_learners)
{
    struct slice own = SLICE_LIT("http://own:1");
    struct pb_member self = {.id = LAB_MEMBER, .peer_urls = &own, .peer_urls_n = 1};
    struct pb_member_change_request r = {&self, member, max_learners};
    return lab_apply(l, field, &wire_member_change_request, &r);
}

static enum etcd_error change(struct lab *l, enum raft_request_field field, uint64_t id,
                              const char *url, uint64_t max_learners)
{
    struct slice its = slice_str(url);
    struct pb_member member = {.id = id,
                               .peer_urls = &its,
                               .peer_urls_n = 1,
                               .is_learner = field == RAFT_REQUEST_MEMBER_ADD};
    return propose(l, field, &member, max_learners);
}

static enum etcd_error add(struct lab *l, uint64_t id, const char *url, uint64_t max_learners)
{
    return change(l, RAFT_REQUEST_MEMBER_ADD, id, url, max_learners);
}

static enum etcd_error add_voter(struct lab *l, uint64_t id, const char *url)
{
    struct slice its = slice_str(url);
    struct pb_member member = {.id = id, .peer_urls = &its, .peer_urls_n = 1};
    return propose(l, RAFT_REQUEST_MEMBER_ADD, &member, 0);
}

static enum etcd_error update(struct lab *l, uint64_t id, const char *url)
{
    return change(l, RAFT_REQUEST_MEMBER_UPDATE, id, url, 0);
}

static enum etcd_error expel(struct lab *l, uint64_t id)
{
    return change(l, RAFT_REQUEST_MEMBER_REMOVE, id, "", 0);
}

static enum rc restart(struct lab *l)
{
    lab_pass_ms(l, STATE_FLUSH_MS);
    lab_turns(l);
    return lab_restart(l);
}

static void expect(struct lab *l, uint64_t id, const char *url, bool learner)
{
    const struct pb_member *m = members_find(state_members(l->state), id);
    assert_non_null(m);
    assert_int_equal(m->peer_urls_n, 1);
    assert_true(slice_eq(m->peer_urls[0], slice_str(url)));
    assert_int_equal(m->is_learner, learner);
}

static void changes_are_judged_as_in_etcd(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    assert_int_equal(state_members(l.state)->n, 0);
    assert_int_equal(expel(&l, LAB_MEMBER), ETCD_MEMBER_NOT_ENOUGH_STARTED);
    expect(&l, LAB_MEMBER, "http://own:1", false);
    assert_int_equal(expel(&l, 7), ETCD_MEMBER_NOT_FOUND);
    assert_int_equal(update(&l, 7, "http://x:1"), ETCD_MEMBER_NOT_FOUND);
    assert_int_equal(add(&l, 7, "http://own:1", 1), ETCD_PEER_URL_EXIST);
    assert_int_equal(add(&l, 7, "http://x:1", 0), ETCD_TOO_MANY_LEARNERS);
    assert_int_equal(add(&l, 7, "http://x:1", 1), ETCD_OK);
    expect(&l, 7, "http://x:1", true);
    assert_int_equal(add(&l, 7, "http://y:1", 2), ETCD_MEMBER_EXIST);
    assert_int_equal(add(&l, 8, "http://y:1", 1), ETCD_TOO_MANY_LEARNERS);
    assert_int_equal(update(&l, 7, "http://own:1"), ETCD_PEER_URL_EXIST);
    assert_int_equal(update(&l, LAB_MEMBER, "http://x:1"), ETCD_PEER_URL_EXIST);
    assert_int_equal(update(&l, LAB_MEMBER, "http://own:2"), ETCD_OK);
    expect(&l, LAB_MEMBER, "http://own:2", false);
    assert_int_equal(update(&l, 7, "http://own:1"), ETCD_OK); /* nobody's any more */
    expect(&l, 7, "http://own:1", true);
    assert_int_equal(expel(&l, LAB_MEMBER), ETCD_MEMBER_NOT_ENOUGH_STARTED);
    assert_int_equal(expel(&l, 7), ETCD_OK);
    assert_null(members_find(state_members(l.state), 7));
    expect(&l, LAB_MEMBER, "http://own:2", false); /* a later self does not change it */
    lab_close(&l);
}

static void expect_voters(struct lab *l, size_t n, uint64_t first, uint64_t last)
{
    uint64_t ids[MEMBERS_MAX];
    assert_int_equal(members_voters(state_members(l->state), ids), n);
    assert_int_equal(ids[0], first);
    assert_int_equal(ids[n - 1], last);
}

static void voters_come_and_go(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    uint64_t none[MEMBERS_MAX];
    assert_int_equal(members_voters(state_members(l.state), none), 0); /* nothing is noted */
    uint64_t changes = state_members(l.state)->changes;
    assert_int_equal(add(&l, 5, "http://l:1", 1), ETCD_OK);
    expect_voters(&l, 1, LAB_MEMBER, LAB_MEMBER);
    assert_int_equal(add_voter(&l, 7, "http://x:1"), ETCD_OK); /* no learner: no limit of them */
    expect(&l, 7, "http://x:1", false);
    expect_voters(&l, 2, 7, LAB_MEMBER);
    assert_true(state_members(l.state)->changes > changes);
    assert_int_equal(add_voter(&l, 8, "http://x:1"), ETCD_PEER_URL_EXIST);
    assert_int_equal(update(&l, 7, "http://x:2"), ETCD_OK);
    expect(&l, 7, "http://x:2", false);
    assert_int_equal(update(&l, 5, "http://l:2"), ETCD_OK); /* and a learner stays one */
    expect(&l, 5, "http://l:2", true);
    assert_int_equal(expel(&l, 7), ETCD_OK);
    expect_voters(&l, 1, LAB_MEMBER, LAB_MEMBER);
    assert_int_equal(expel(&l, LAB_MEMBER), ETCD_MEMBER_NOT_ENOUGH_STARTED);
    lab_close(&l);
}

static void one_entry_drops_all_others(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    assert_int_equal(propose(&l, RAFT_REQUEST_MEMBER_ALONE, NULL, 0), ETCD_OK); /* nobody to drop */
    assert_int_equal(add(&l, 1, "http://l:1", 1), ETCD_OK);
    assert_int_equal(add_voter(&l, 2, "http://x:1"), ETCD_OK);
    assert_int_equal(add_voter(&l, UINT64_MAX, "http://y:1"), ETCD_OK);
    assert_int_equal(update(&l, LAB_MEMBER, "http://own:2"), ETCD_OK);
    for (int twice = 0; twice < 2; twice++) {
        assert_int_equal(propose(&l, RAFT_REQUEST_MEMBER_ALONE, NULL, 0), ETCD_OK);
        assert_int_equal(state_members(l.state)->n, 1);
        expect(&l, LAB_MEMBER, "http://own:2", false);
        expect_voters(&l, 1, LAB_MEMBER, LAB_MEMBER);
    }
    assert_int_equal(restart(&l), RC_OK);
    assert_int_equal(state_members(l.state)->n, 1);
    assert_int_equal(add_voter(&l, 2, "http://x:1"), ETCD_OK); /* it may come back */
    lab_close(&l);
}

static void the_number_of_members_is_bounded(void **state)
{
    (void)state;
    struct lab l = {0};
    char url[32];
    lab_open(&l);
    for (unsigned i = 1; i < MEMBERS_MAX; i++) {
        snprintf(url, sizeof(url), "http://h:%u", i);
        assert_int_equal(add(&l, 1000 + i, url, UINT64_MAX), ETCD_OK);
    }
    assert_int_equal(add(&l, 1, "http://h:0", UINT64_MAX), ETCD_TOO_MANY_LEARNERS);
    assert_int_equal(add_voter(&l, 1, "http://h:0"), ETCD_REQUEST_TOO_MANY_REQUESTS);
    assert_int_equal(state_members(l.state)->n, MEMBERS_MAX);
    lab_close(&l);
}

static void members_outlast_a_restart(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    uint64_t before = state_hash(l.state);
    assert_int_equal(add(&l, 1, "http://x:1", 2), ETCD_OK);
    assert_int_equal(add(&l, UINT64_MAX, "http://y:1", 2), ETCD_OK);
    assert_int_equal(update(&l, LAB_MEMBER, "http://own:2"), ETCD_OK);
    uint64_t after = state_hash(l.state);
    assert_true(after != before);
    assert_int_equal(restart(&l), RC_OK);
    assert_true(state_hash(l.state) == after);
    assert_int_equal(state_members(l.state)->n, 3);
    expect(&l, 1, "http://x:1", true);
    expect(&l, LAB_MEMBER, "http://own:2", false);
    expect(&l, UINT64_MAX, "http://y:1", true);
    assert_int_equal(expel(&l, 1), ETCD_OK);
    assert_int_equal(restart(&l), RC_OK);
    assert_int_equal(state_members(l.state)->n, 2);
    lab_close(&l);
}

static void damage_is_told(void **state)
{
    (void)state;
    static const struct storage_op rows[] = {
        {TABLE_MEMBER, STORAGE_PUT, SLICE_INIT("\0\0\0\0\0\0\0\2"), SLICE_INIT("\x08\1")},
        {TABLE_MEMBER, STORAGE_PUT, SLICE_INIT("\1"), SLICE_INIT("\x08\1")},
        {TABLE_MEMBER, STORAGE_PUT, SLICE_INIT("\0\0\0\0\0\0\0\1"), SLICE_INIT("\x08")}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct lab l = {0};
        lab_open(&l);
        assert_int_equal(storage_commit(l.storage, &rows[i], 1), RC_OK);
        storage_refresh(l.storage);
        assert_int_equal(lab_restart(&l), RC_CORRUPT);
        assert_non_null(strstr(l.err.text, "members"));
        lab_close(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_judged_as_in_etcd),
        cmocka_unit_test(voters_come_and_go),
        cmocka_unit_test(one_entry_drops_all_others),
        cmocka_unit_test(the_number_of_members_is_bounded),
        cmocka_unit_test(members_outlast_a_restart),
        cmocka_unit_test(damage_is_told),
    };
    return cmocka_run_group_tests_name("state/members", tests, NULL, NULL);
}
