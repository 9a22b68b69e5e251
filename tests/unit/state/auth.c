/* Users and roles change by entries alone, equally everywhere, and are there again after a start.
 */
#include "people.h"

static void enabling_needs_a_root_that_is_root(void **state)
{
    struct lab l = {0};
    (void)state;
    lab_open(&l);
    assert_int_equal(people_do(&l, NULL, ENABLE, enable, 0), ETCD_ROOT_USER_NOT_EXIST);
    people_user(&l, NULL, "root");
    assert_int_equal(people_do(&l, NULL, ENABLE, enable, 0), ETCD_ROOT_ROLE_NOT_EXIST);
    people_grant(&l, NULL, "root", "root");
    people_ok(&l, NULL, ENABLE, enable, 0);
    people_ok(&l, "root", ENABLE, enable, 0);
    assert_true(auth_is_enabled(state_auth(l.state)));
    lab_close(&l);
}

/* etcd's revisions, so that tokens of either say the same. */
static void each_change_moves_the_revision_on(void **state)
{
    struct lab l = {0};
    (void)state;
    lab_open(&l);
    struct auth *a = state_auth(l.state);
    assert_int_equal(auth_revision(a), 1);
    people_user(&l, NULL, "root");
    assert_int_equal(auth_revision(a), 2);
    people_grant(&l, NULL, "root", "root");
    assert_int_equal(auth_revision(a), 3);
    people_grant(&l, NULL, "root", "root"); /* has it already */
    assert_int_equal(auth_revision(a), 3);
    people_ok(&l, NULL, ENABLE, enable, 0);
    assert_int_equal(auth_revision(a), 3);
    assert_int_equal(people_do(&l, "root", ROLE_DELETE, role_delete, .role = SLICE_LIT("none")),
                     ETCD_ROLE_NOT_FOUND);
    assert_int_equal(auth_revision(a), 3);
    people_ok(&l, "root", DISABLE, disable, 0);
    assert_int_equal(auth_revision(a), 4);
    lab_close(&l);
}

static void root_cannot_saw_off_its_branch(void **state)
{
    struct lab l = {0};
    (void)state;
    lab_open(&l);
    people_move_in(&l);
    people_role(&l, "root", "root");
    assert_int_equal(people_do(&l, "root", USER_DELETE, user_delete, .name = SLICE_LIT("root")),
                     ETCD_INVALID_AUTH_MGMT);
    assert_int_equal(people_do(&l, "root", ROLE_DELETE, role_delete, .role = SLICE_LIT("root")),
                     ETCD_INVALID_AUTH_MGMT);
    assert_int_equal(people_do(&l, "root", USER_REVOKE_ROLE, user_revoke_role,
                               .name = SLICE_LIT("root"), .role = SLICE_LIT("root")),
                     ETCD_INVALID_AUTH_MGMT);
    people_ok(&l, "root", DISABLE, disable, 0);
    people_ok(&l, NULL, USER_DELETE, user_delete, .name = SLICE_LIT("root"));
    lab_close(&l);
}

static void a_deleted_role_is_taken_from_its_users(void **state)
{
    struct lab l = {0};
    struct pb_auth_user_get_response got;
    (void)state;
    lab_open(&l);
    people_move_in(&l);
    people_role(&l, "root", "b");
    people_role(&l, "root", "a");
    people_grant(&l, "root", "alice", "b");
    people_grant(&l, "root", "alice", "a");
    people_ok(&l, "root", USER_GET, user_get, .name = SLICE_LIT("alice"));
    lab_response(&l, &wire_auth_user_get_response, &got);
    assert_int_equal(got.roles_n, 3);
    assert_true(slice_eq(got.roles[0], SLICE_LIT("a"))); /* sorted */
    assert_true(slice_eq(got.roles[2], SLICE_LIT("guest")));
    people_ok(&l, "root", ROLE_DELETE, role_delete, .role = SLICE_LIT("b"));
    people_ok(&l, "root", USER_GET, user_get, .name = SLICE_LIT("alice"));
    lab_response(&l, &wire_auth_user_get_response, &got);
    assert_int_equal(got.roles_n, 2);
    assert_true(slice_eq(got.roles[1], SLICE_LIT("guest")));
    lab_close(&l);
}

static void permissions_stand_as_etcd_keeps_them(void **state)
{
    struct lab l = {0};
    struct pb_auth_role_get_response got;
    (void)state;
    lab_open(&l);
    people_role(&l, NULL, "r");
    people_permit(&l, NULL, "r", PB_PERMISSION_TYPE_READ, SLICE_LIT("k"), SLICE_LIT("m"));
    people_permit(&l, NULL, "r", PB_PERMISSION_TYPE_READ, SLICE_LIT("k"), SLICE_LIT("n"));
    people_permit(&l, NULL, "r", PB_PERMISSION_TYPE_READ, SLICE_LIT("a"), SLICE_LIT("\0"));
    people_permit(&l, NULL, "r", PB_PERMISSION_TYPE_WRITE, SLICE_LIT("k"), SLICE_LIT("m"));
    people_permit(&l, NULL, "r", PB_PERMISSION_TYPE_WRITE, SLICE_LIT("k"), SLICE_LIT("n"));
    people_ok(&l, NULL, ROLE_GET, role_get, .role = SLICE_LIT("r"));
    lab_response(&l, &wire_auth_role_get_response, &got);
    assert_int_equal(got.perm_n, 4); /* only the first of a key is changed in place */
    assert_true(slice_eq(got.perm[0].key, SLICE_LIT("a")));
    assert_int_equal(got.perm[1].perm_type, PB_PERMISSION_TYPE_WRITE);
    assert_int_equal(got.perm[2].perm_type, PB_PERMISSION_TYPE_READ);
    assert_int_equal(got.perm[3].perm_type, PB_PERMISSION_TYPE_WRITE);
    people_ok(&l, NULL, ROLE_REVOKE_PERMISSION, role_revoke_permission, .role = SLICE_LIT("r"),
              .key = SLICE_LIT("k"), .range_end = SLICE_LIT("n")); /* all of them */
    people_ok(&l, NULL, ROLE_GET, role_get, .role = SLICE_LIT("r"));
    lab_response(&l, &wire_auth_role_get_response, &got);
    assert_int_equal(got.perm_n, 2);
    lab_close(&l);
}

static struct slice log_in(struct lab *l, const char *user, const char *letters)
{
    static struct pb_authenticate_response got;
    const struct pb_internal_authenticate_request r = {.name = slice_str(user),
                                                       .simple_token = slice_str(letters)};
    assert_int_equal(
        lab_apply(l, RAFT_REQUEST_AUTHENTICATE, &wire_internal_authenticate_request, &r), ETCD_OK);
    lab_response(l, &wire_authenticate_response, &got);
    return got.token;
}

static bool knows(struct lab *l, struct slice token, const char *user)
{
    struct auth_who who;
    return auth_find_token(state_auth(l->state), token, &who) &&
           slice_eq(who.user, slice_str(user)) &&
           who.revision == auth_revision(state_auth(l->state));
}

static void a_token_is_known_until_its_user_changes(void **state)
{
    struct lab l = {0};
    char text[3][64];
    struct slice token[3];
    (void)state;
    lab_open(&l);
    people_move_in(&l);
    for (unsigned i = 0; i < 3; i++) {
        struct slice made =
            log_in(&l, i ? "alice" : "root", i ? "alicealicealicea" : "rootrootrootroot");
        memcpy(text[i], made.p, made.n);
        token[i] = slice_of(text[i], made.n);
        assert_true(knows(&l, token[i], i ? "alice" : "root"));
    }
    assert_true(slice_has_prefix(token[1], SLICE_LIT("alicealicealicea.")));
    people_ok(&l, "root", USER_CHANGE_PASSWORD, user_change_password, .name = SLICE_LIT("alice"),
              .hashed_password = SLICE_LIT(PEOPLE_HASH));
    assert_false(knows(&l, token[1], "alice"));
    assert_false(knows(&l, token[2], "alice"));
    assert_true(knows(&l, token[0], "root"));
    people_role(&l, "root", "more"); /* a token says who it is, not what it may */
    assert_true(knows(&l, token[0], "root"));
    people_ok(&l, "root", DISABLE, disable, 0);
    assert_false(knows(&l, token[0], "root"));
    lab_close(&l);
}

static void who_cannot_log_in_gets_no_token(void **state)
{
    struct lab l = {0};
    struct slice hash;
    struct pb_user_add_options options = {.no_password = true};
    struct pb_internal_authenticate_request r = {.name = SLICE_LIT("cert"),
                                                 .simple_token = SLICE_LIT("abc")};
    (void)state;
    lab_open(&l);
    struct auth *a = state_auth(l.state);
    assert_int_equal(auth_password_of(a, SLICE_LIT("root"), &hash), ETCD_AUTH_NOT_ENABLED);
    assert_int_equal(
        lab_apply(&l, RAFT_REQUEST_AUTHENTICATE, &wire_internal_authenticate_request, &r),
        ETCD_AUTH_NOT_ENABLED);
    people_move_in(&l);
    people_ok(&l, "root", USER_ADD, user_add, .name = SLICE_LIT("cert"), .options = &options);
    assert_int_equal(auth_password_of(a, SLICE_LIT("cert"), &hash), ETCD_NO_PASSWORD_USER);
    assert_int_equal(auth_password_of(a, SLICE_LIT("none"), &hash), ETCD_AUTH_FAILED);
    assert_int_equal(auth_password_of(a, SLICE_LIT("alice"), &hash), ETCD_OK);
    assert_true(slice_eq(hash, SLICE_LIT("$2a$10")));
    assert_int_equal(
        lab_apply(&l, RAFT_REQUEST_AUTHENTICATE, &wire_internal_authenticate_request, &r),
        ETCD_AUTH_FAILED);
    lab_close(&l);
}

/* etcd#14409: what was stored counts from the first request after a start */
static void everything_is_there_again_after_a_start(void **state)
{
    struct lab l = {0};
    char name[2000];
    struct auth_denial why;
    (void)state;
    lab_open(&l);
    people_move_in(&l);
    memset(name, 'n', sizeof(name) - 1); /* longer than a key of the store may be */
    name[sizeof(name) - 1] = '\0';
    people_user(&l, "root", name);
    people_grant(&l, "root", name, "guest");
    people_user(&l, "root", "short-lived");
    lab_turns(&l);
    lab_pass_ms(&l, STATE_FLUSH_MS);
    lab_store(&l);
    people_ok(&l, "root", USER_DELETE, user_delete, .name = SLICE_LIT("short-lived"));
    lab_pass_ms(&l, STATE_FLUSH_MS);
    lab_store(&l);
    uint64_t hash = state_hash(l.state);
    uint64_t revision = auth_revision(state_auth(l.state));
    assert_int_equal(lab_restart(&l), RC_OK);
    struct auth *a = state_auth(l.state);
    assert_true(auth_is_enabled(a));
    assert_int_equal(auth_revision(a), revision);
    assert_true(state_hash(l.state) == hash);
    const struct auth_who who = {slice_str(name), revision};
    assert_int_equal(auth_may(a, &who, AUTH_READ, SLICE_LIT("public/1"), (struct slice){0}, &why),
                     ETCD_OK);
    assert_int_equal(auth_may(a, &who, AUTH_READ, SLICE_LIT("k"), (struct slice){0}, &why),
                     ETCD_PERMISSION_DENIED);
    people_user(&l, "root", "after"); /* does not take another's place in storage */
    people_user(&l, "root", "afterwards");
    lab_pass_ms(&l, STATE_FLUSH_MS);
    lab_store(&l);
    hash = state_hash(l.state);
    assert_int_equal(lab_restart(&l), RC_OK);
    assert_true(state_hash(l.state) == hash);
    lab_close(&l);
}

/* etcd#14571: a member that restarts between the entries is no different from one that does not */
static void members_agree_whenever_they_start(void **state)
{
    struct lab one = {0};
    struct lab two = {0};
    (void)state;
    lab_open(&one);
    lab_open(&two);
    people_move_in(&one);
    people_move_in(&two);
    lab_pass_ms(&two, STATE_FLUSH_MS);
    lab_store(&two);
    assert_int_equal(lab_restart(&two), RC_OK);
    assert_true(state_hash(one.state) == state_hash(two.state));
    struct lab *both[2] = {&one, &two};
    for (unsigned i = 0; i < 2; i++) {
        const struct pb_put_request r = {.key = SLICE_LIT("inbox/1"), .value = SLICE_LIT("v")};
        assert_int_equal(lab_apply_as(both[i], "alice", RAFT_REQUEST_PUT, &wire_put_request, &r),
                         ETCD_OK);
        people_user(both[i], "root", "bob");
    }
    assert_true(state_hash(one.state) == state_hash(two.state));
    people_user(&one, "root", "carol");
    assert_false(state_hash(one.state) == state_hash(two.state));
    lab_close(&one);
    lab_close(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enabling_needs_a_root_that_is_root),
        cmocka_unit_test(each_change_moves_the_revision_on),
        cmocka_unit_test(root_cannot_saw_off_its_branch),
        cmocka_unit_test(a_deleted_role_is_taken_from_its_users),
        cmocka_unit_test(permissions_stand_as_etcd_keeps_them),
        cmocka_unit_test(a_token_is_known_until_its_user_changes),
        cmocka_unit_test(who_cannot_log_in_gets_no_token),
        cmocka_unit_test(everything_is_there_again_after_a_start),
        cmocka_unit_test(members_agree_whenever_they_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
