/* Who may do what: permissions are asked of every part of a request, by whoever it is, as of now.
 */
#include "people.h"
#include "state/leases.h"

static enum etcd_error may(struct lab *l, const char *user, enum auth_need need, const char *key,
                           struct slice range_end)
{
    struct auth_denial why = {0};
    const struct auth_who who = {slice_str(user), auth_revision(state_auth(l->state))};
    return auth_may(state_auth(l->state), &who, need, slice_str(key), range_end, &why);
}

static enum etcd_error put(struct lab *l, const char *user, const char *key, bool prev_kv)
{
    const struct pb_put_request r = {.key = slice_str(key), .prev_kv = prev_kv};
    return lab_apply_as(l, user, RAFT_REQUEST_PUT, &wire_put_request, &r);
}

static enum etcd_error del(struct lab *l, const char *user, const char *key, struct slice range_end,
                           bool prev_kv)
{
    const struct pb_delete_range_request r = {
        .key = slice_str(key), .range_end = range_end, .prev_kv = prev_kv};
    return lab_apply_as(l, user, RAFT_REQUEST_DELETE_RANGE, &wire_delete_range_request, &r);
}

static enum etcd_error txn(struct lab *l, const char *user, const struct pb_txn_request *r)
{
    return lab_apply_as(l, user, RAFT_REQUEST_TXN, &wire_txn_request, r);
}

static void while_auth_is_off_all_is_allowed(void **state)
{
    struct lab l = {0};
    (void)state;
    lab_open(&l);
    assert_int_equal(may(&l, "nobody", AUTH_WRITE, "k", (struct slice){0}), ETCD_OK);
    assert_int_equal(may(&l, "", AUTH_ROOT, "", (struct slice){0}), ETCD_OK);
    assert_int_equal(put(&l, NULL, "k", true), ETCD_OK);
    lab_close(&l);
}

static void each_need_has_its_refusal(void **state)
{
    struct lab l = {0};
    struct auth_denial why = {0};
    const struct auth_who nobody = {0};
    const struct auth_who stale = {SLICE_LIT("root"), 1};
    struct slice none = {0};
    (void)state;
    lab_open(&l);
    people_move_in(&l);
    struct auth *a = state_auth(l.state);
    assert_int_equal(auth_may(a, &nobody, AUTH_READ, none, none, &why), ETCD_USER_EMPTY);
    assert_int_equal(auth_may(a, &nobody, AUTH_LOGIN, none, none, &why), ETCD_USER_EMPTY);
    assert_int_equal(auth_may(a, &nobody, AUTH_ROOT, none, none, &why), ETCD_USER_EMPTY);
    assert_int_equal(auth_may(a, &stale, AUTH_READ, SLICE_LIT("k"), none, &why),
                     ETCD_AUTH_OLD_REVISION);
    assert_int_equal(why.need, AUTH_NOTHING);
    assert_int_equal(may(&l, "gone", AUTH_READ, "public/1", none), ETCD_PERMISSION_DENIED);
    assert_int_equal(may(&l, "gone", AUTH_ROOT, "", none), ETCD_USER_NOT_FOUND);
    assert_int_equal(may(&l, "alice", AUTH_LOGIN, "", none), ETCD_OK);
    assert_int_equal(may(&l, "alice", AUTH_ROOT, "", none), ETCD_PERMISSION_DENIED);
    assert_int_equal(may(&l, "root", AUTH_WRITE, "any", SLICE_LIT("\0")), ETCD_OK);
    const struct auth_who alice = {SLICE_LIT("alice"), auth_revision(a)};
    assert_int_equal(auth_may(a, &alice, AUTH_WRITE, SLICE_LIT("public/1"), none, &why),
                     ETCD_PERMISSION_DENIED);
    assert_int_equal(why.need, AUTH_WRITE);
    assert_true(slice_eq(why.user, SLICE_LIT("alice")));
    assert_true(slice_eq(why.key, SLICE_LIT("public/1")));
    lab_close(&l);
}

/* GHSA-xg4h-6gfc-h4m8: what Watch asks before it watches */
static void a_right_on_some_keys_does_not_reach_the_end(void **state)
{
    struct lab l = {0};
    (void)state;
    lab_open(&l);
    people_move_in(&l);
    assert_int_equal(may(&l, "alice", AUTH_READ, "public/1", (struct slice){0}), ETCD_OK);
    assert_int_equal(may(&l, "alice", AUTH_READ, "public/", SLICE_LIT("public0")), ETCD_OK);
    assert_int_equal(may(&l, "alice", AUTH_READ, "public/", SLICE_LIT("\0")),
                     ETCD_PERMISSION_DENIED);
    assert_int_equal(may(&l, "alice", AUTH_READ, "public/", SLICE_LIT("public1")),
                     ETCD_PERMISSION_DENIED);
    lab_close(&l);
}

static void writing_and_seeing_what_was_there_are_two_rights(void **state)
{
    struct lab l = {0};
    struct slice none = {0};
    (void)state;
    lab_open(&l);
    people_move_in(&l);
    assert_int_equal(put(&l, "alice", "inbox/1", false), ETCD_OK);
    assert_int_equal(put(&l, "alice", "inbox/1", true), ETCD_PERMISSION_DENIED);
    assert_int_equal(l.reply.denial.need, AUTH_READ);
    assert_int_equal(put(&l, "alice", "public/1", false), ETCD_PERMISSION_DENIED);
    assert_int_equal(put(&l, NULL, "inbox/1", false), ETCD_USER_EMPTY);
    assert_int_equal(del(&l, "alice", "inbox/1", none, true), ETCD_PERMISSION_DENIED);
    assert_int_equal(del(&l, "alice", "inbox/", SLICE_LIT("\0"), false), ETCD_PERMISSION_DENIED);
    assert_int_equal(del(&l, "alice", "inbox/", SLICE_LIT("inbox0"), false), ETCD_OK);
    assert_null(lab_value(&l, "public/1").p);
    lab_close(&l);
}

/* CVE-2026-33343: whatever branch, however deep, taken or not */
static void a_nested_transaction_is_no_way_around(void **state)
{
    struct lab l = {0};
    struct pb_range_request secret = {.key = SLICE_LIT("secret")};
    struct pb_put_request stolen = {.key = SLICE_LIT("public/1")};
    struct pb_request_op reading = {.request_case = PB_OP_RANGE, .request_range = &secret};
    struct pb_request_op writing = {.request_case = PB_OP_PUT, .request_put = &stolen};
    struct pb_compare comparing = {.key = SLICE_LIT("secret")};
    (void)state;
    lab_open(&l);
    people_move_in(&l);
    for (unsigned way = 0; way < 5; way++) {
        struct pb_request_op *op = way % 2 ? &writing : &reading;
        struct pb_txn_request inner = {0};
        if (way == 4)
            inner = (struct pb_txn_request){.compare = &comparing, .compare_n = 1};
        else if (way < 2)
            inner = (struct pb_txn_request){.success = op, .success_n = 1};
        else
            inner = (struct pb_txn_request){.failure = op, .failure_n = 1};
        struct pb_request_op wrapped = {.request_case = PB_OP_TXN, .request_txn = &inner};
        struct pb_txn_request middle = {.failure = &wrapped, .failure_n = 1};
        struct pb_request_op twice = {.request_case = PB_OP_TXN, .request_txn = &middle};
        struct pb_txn_request outer = {.success = &twice, .success_n = 1};
        assert_int_equal(txn(&l, "alice", &inner), ETCD_PERMISSION_DENIED);
        assert_int_equal(txn(&l, "alice", &outer), ETCD_PERMISSION_DENIED);
        assert_int_equal(txn(&l, "root", &outer), ETCD_OK);
    }
    lab_close(&l);
}

/* CVE-2026-44283 */
static void a_put_in_a_transaction_shows_nothing_unread(void **state)
{
    struct lab l = {0};
    struct pb_put_request r = {.key = SLICE_LIT("inbox/1"), .prev_kv = true};
    struct pb_delete_range_request d = {.key = SLICE_LIT("inbox/1"), .prev_kv = true};
    struct pb_request_op putting = {.request_case = PB_OP_PUT, .request_put = &r};
    struct pb_request_op deleting = {.request_case = PB_OP_DELETE_RANGE,
                                     .request_delete_range = &d};
    struct pb_txn_request puts = {.success = &putting, .success_n = 1};
    struct pb_txn_request deletes = {.success = &deleting, .success_n = 1};
    (void)state;
    lab_open(&l);
    people_move_in(&l);
    assert_int_equal(put(&l, "root", "inbox/1", false), ETCD_OK);
    assert_int_equal(txn(&l, "alice", &puts), ETCD_PERMISSION_DENIED);
    assert_int_equal(txn(&l, "alice", &deletes), ETCD_PERMISSION_DENIED);
    r.prev_kv = d.prev_kv = false;
    assert_int_equal(txn(&l, "alice", &puts), ETCD_OK);
    assert_int_equal(txn(&l, "alice", &deletes), ETCD_OK);
    lab_close(&l);
}

static enum etcd_error grant(struct lab *l, int64_t id)
{
    const struct pb_lease_grant_request r = {.id = id, .ttl = 1000};
    return lab_apply_as(l, "root", RAFT_REQUEST_LEASE_GRANT, &wire_lease_grant_request, &r);
}

static enum etcd_error put_leased(struct lab *l, const char *user, const char *key, int64_t id)
{
    const struct pb_put_request r = {.key = slice_str(key), .lease = id};
    return lab_apply_as(l, user, RAFT_REQUEST_PUT, &wire_put_request, &r);
}

/* Who may not write what a lease would delete may neither revoke it nor add to it (CVE-2026-44283),
 * nor see its keys (etcd#15814). */
static void a_lease_is_as_its_keys_are(void **state)
{
    struct lab l = {0};
    struct auth_denial why = {0};
    struct pb_lease_revoke_request revoke = {.id = 7};
    struct pb_put_request r = {.key = SLICE_LIT("inbox/1"), .lease = 7};
    struct pb_request_op op = {.request_case = PB_OP_PUT, .request_put = &r};
    struct pb_txn_request puts = {.failure = &op, .failure_n = 1};
    (void)state;
    lab_open(&l);
    people_move_in(&l);
    assert_int_equal(grant(&l, 7), ETCD_OK);
    assert_int_equal(grant(&l, 8), ETCD_OK);
    assert_int_equal(put_leased(&l, "alice", "inbox/1", 8), ETCD_OK); /* it had no keys */
    assert_int_equal(put_leased(&l, "root", "secret", 7), ETCD_OK);
    assert_int_equal(put_leased(&l, "alice", "inbox/1", 7), ETCD_PERMISSION_DENIED);
    assert_true(slice_eq(l.reply.denial.key, SLICE_LIT("secret")));
    assert_int_equal(put_leased(&l, "alice", "inbox/1", 9), ETCD_LEASE_NOT_FOUND);
    assert_int_equal(txn(&l, "alice", &puts), ETCD_PERMISSION_DENIED);
    assert_int_equal(
        lab_apply_as(&l, "alice", RAFT_REQUEST_LEASE_REVOKE, &wire_lease_revoke_request, &revoke),
        ETCD_PERMISSION_DENIED);
    struct auth *a = state_auth(l.state);
    const struct auth_who alice = {SLICE_LIT("alice"), auth_revision(a)};
    struct lease *has_secret = leases_find(state_leases(l.state), 7);
    assert_int_equal(auth_may_lease(a, &alice, AUTH_READ, has_secret, &why),
                     ETCD_PERMISSION_DENIED);
    assert_int_equal(auth_may_lease(a, &alice, AUTH_READ, NULL, &why), ETCD_OK);
    revoke.id = 8;
    assert_int_equal(
        lab_apply_as(&l, "alice", RAFT_REQUEST_LEASE_REVOKE, &wire_lease_revoke_request, &revoke),
        ETCD_OK);
    revoke.id = 7;
    assert_int_equal(
        lab_apply_as(&l, "root", RAFT_REQUEST_LEASE_REVOKE, &wire_lease_revoke_request, &revoke),
        ETCD_OK);
    assert_null(lab_value(&l, "secret").p);
    lab_close(&l);
}

/* What was judged of a lease is not judged again, until a key, the user or his roles change. */
static void a_lease_is_judged_once_for_each_key(void **state)
{
    struct lab l = {0};
    (void)state;
    lab_open(&l);
    people_move_in(&l);
    assert_int_equal(grant(&l, 7), ETCD_OK);
    const struct lease *lease = leases_find(state_leases(l.state), 7);
    assert_int_equal(put_leased(&l, "alice", "inbox/1", 7), ETCD_OK);
    assert_int_equal(put_leased(&l, "alice", "inbox/2", 7), ETCD_OK);
    assert_int_equal(lease->judged.bound, 1);
    assert_int_equal(put_leased(&l, "alice", "inbox/2", 7), ETCD_OK);
    assert_int_equal(lease->judged.bound, 2);
    assert_int_equal(put_leased(&l, "root", "secret", 7), ETCD_OK);
    assert_int_equal(put_leased(&l, "root", "inbox/3", 7), ETCD_OK);
    assert_int_equal(put_leased(&l, "alice", "inbox/2", 7), ETCD_PERMISSION_DENIED);
    assert_int_equal(put_leased(&l, "root", "secret", 0), ETCD_OK);
    assert_int_equal(put_leased(&l, "alice", "inbox/2", 7), ETCD_OK);
    assert_int_equal(lease->judged.bound, lease->bound);
    people_user(&l, "root", "bob"); /* who may do nothing */
    assert_int_equal(put_leased(&l, "bob", "inbox/2", 7), ETCD_PERMISSION_DENIED);
    people_ok(&l, "root", USER_REVOKE_ROLE, user_revoke_role, .name = SLICE_LIT("alice"),
              .role = SLICE_LIT("guest"));
    struct auth_denial why = {0};
    struct auth *a = state_auth(l.state);
    const struct auth_who alice = {SLICE_LIT("alice"), auth_revision(a)};
    const struct auth_who before = {SLICE_LIT("alice"), auth_revision(a) - 1};
    struct lease *changed = leases_find(state_leases(l.state), 7);
    assert_int_equal(auth_may_lease(a, &alice, AUTH_WRITE, changed, &why), ETCD_PERMISSION_DENIED);
    assert_int_equal(auth_may_lease(a, &before, AUTH_WRITE, changed, &why), ETCD_AUTH_OLD_REVISION);
    lab_close(&l);
}

/* Time is nobody's: what it ends needs no permission. */
static void a_lease_expires_whoever_wrote_its_keys(void **state)
{
    struct lab l = {0};
    int64_t ids[1] = {7};
    (void)state;
    lab_open(&l);
    people_move_in(&l);
    assert_int_equal(grant(&l, 7), ETCD_OK);
    assert_int_equal(put_leased(&l, "root", "secret", 7), ETCD_OK);
    const struct pb_lease_expire_request expire = {.ids = ids, .ids_n = 1, .as_of = l.index};
    assert_int_equal(lab_apply(&l, RAFT_REQUEST_LEASE_EXPIRE, &wire_lease_expire_request, &expire),
                     ETCD_OK);
    assert_null(lab_value(&l, "secret").p);
    lab_close(&l);
}

static void a_change_of_roles_counts_at_once(void **state)
{
    struct lab l = {0};
    struct slice none = {0};
    (void)state;
    lab_open(&l);
    people_move_in(&l);
    assert_int_equal(may(&l, "alice", AUTH_READ, "public/1", none), ETCD_OK);
    people_permit(&l, "root", "guest", PB_PERMISSION_TYPE_WRITE, SLICE_LIT("public/"),
                  SLICE_LIT("public0"));
    assert_int_equal(may(&l, "alice", AUTH_READ, "public/1", none), ETCD_PERMISSION_DENIED);
    assert_int_equal(may(&l, "alice", AUTH_WRITE, "public/1", none), ETCD_OK);
    people_ok(&l, "root", USER_REVOKE_ROLE, user_revoke_role, .name = SLICE_LIT("alice"),
              .role = SLICE_LIT("guest"));
    assert_int_equal(may(&l, "alice", AUTH_WRITE, "public/1", none), ETCD_PERMISSION_DENIED);
    people_grant(&l, "root", "alice", "root");
    assert_int_equal(may(&l, "alice", AUTH_WRITE, "public/1", none), ETCD_OK);
    lab_close(&l);
}

/* Judged when it was proposed, applied after a change: nobody keeps a right that was taken. */
static void what_was_judged_before_a_change_is_refused(void **state)
{
    struct lab l = {0};
    struct buf entry = {0};
    struct buf body = {0};
    const struct pb_put_request r = {.key = SLICE_LIT("inbox/1")};
    (void)state;
    lab_open(&l);
    people_move_in(&l);
    uint64_t before = auth_revision(state_auth(l.state));
    people_role(&l, "root", "another");
    wire_encode(&wire_put_request, &r, &body);
    raft_request_begin_as(&entry, 1, SLICE_LIT("alice"), before);
    raft_request_embed(&entry, RAFT_REQUEST_PUT, buf_slice(&body));
    l.reply.error = ETCD_OK;
    state_apply(l.state, ++l.index, LAB_TERM, buf_slice(&entry), &l.reply);
    assert_int_equal(l.reply.error, ETCD_AUTH_OLD_REVISION);
    assert_null(lab_value(&l, "inbox/1").p);
    buf_fini(&entry);
    buf_fini(&body);
    lab_close(&l);
}

static void only_root_manages_and_everybody_sees_himself(void **state)
{
    struct lab l = {0};
    (void)state;
    lab_open(&l);
    people_move_in(&l);
    assert_int_equal(people_do(&l, "alice", USER_LIST, user_list, 0), ETCD_PERMISSION_DENIED);
    assert_int_equal(people_do(&l, "alice", ROLE_ADD, role_add, .name = SLICE_LIT("x")),
                     ETCD_PERMISSION_DENIED);
    assert_int_equal(people_do(&l, "alice", DISABLE, disable, 0), ETCD_PERMISSION_DENIED);
    assert_int_equal(people_do(&l, NULL, DISABLE, disable, 0), ETCD_USER_EMPTY);
    assert_int_equal(people_do(&l, "alice", USER_GET, user_get, .name = SLICE_LIT("root")),
                     ETCD_PERMISSION_DENIED);
    people_ok(&l, "alice", USER_GET, user_get, .name = SLICE_LIT("alice"));
    people_ok(&l, "alice", ROLE_GET, role_get, .role = SLICE_LIT("guest"));
    assert_int_equal(people_do(&l, "alice", ROLE_GET, role_get, .role = SLICE_LIT("root")),
                     ETCD_PERMISSION_DENIED);
    people_ok(&l, NULL, STATUS, status, 0);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(while_auth_is_off_all_is_allowed),
        cmocka_unit_test(each_need_has_its_refusal),
        cmocka_unit_test(a_right_on_some_keys_does_not_reach_the_end),
        cmocka_unit_test(writing_and_seeing_what_was_there_are_two_rights),
        cmocka_unit_test(a_nested_transaction_is_no_way_around),
        cmocka_unit_test(a_put_in_a_transaction_shows_nothing_unread),
        cmocka_unit_test(a_lease_is_as_its_keys_are),
        cmocka_unit_test(a_lease_is_judged_once_for_each_key),
        cmocka_unit_test(a_lease_expires_whoever_wrote_its_keys),
        cmocka_unit_test(a_change_of_roles_counts_at_once),
        cmocka_unit_test(what_was_judged_before_a_change_is_refused),
        cmocka_unit_test(only_root_manages_and_everybody_sees_himself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
