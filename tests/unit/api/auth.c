/* The Auth service from a client's side: passwords become hashes in the pool, a login gives a
 * token, and what waits for the pool survives changes, floods and the end. */
#include "authz/password.h"
#include "people.h"
#include "pki/jwt.h"

static void a_login_gives_a_token_that_counts(void **state)
{
    struct lab l;
    (void)state;
    lab_open(&l, NULL);
    people_move_in(&l);
    caller_refused(lab_put(&l, "k", "v"), GRPC_INVALID_ARGUMENT, "etcdserver: user name is empty");
    people_log_in(&l, "root", "root-pw");
    lab_put_ok(&l, "k");
    people_log_in(&l, "alice", "alice-pw");
    caller_refused(lab_put(&l, "k", "v"), GRPC_PERMISSION_DENIED, "etcdserver: permission denied");
    l.token = "aaaaaaaaaaaaaaaa.1";
    caller_refused(lab_put(&l, "k", "v"), GRPC_UNAUTHENTICATED, "etcdserver: invalid auth token");
    people_close(&l);
}

static void a_wrong_password_gives_none(void **state)
{
    struct lab l;
    (void)state;
    lab_open(&l, NULL);
    people_move_in(&l);
    const char *const text = "etcdserver: authentication failed, invalid user ID or password";
    caller_refused(people_authenticate(&l, "alice", "alice"), GRPC_INVALID_ARGUMENT, text);
    caller_refused(people_authenticate(&l, "alice", ""), GRPC_INVALID_ARGUMENT, text);
    caller_refused(people_authenticate(&l, "nobody", "x"), GRPC_INVALID_ARGUMENT, text);
    people_close(&l);
}

static void the_state_gets_a_hash_of_the_password(void **state)
{
    struct lab l;
    struct slice hash;
    (void)state;
    lab_open(&l, NULL);
    people_move_in(&l);
    assert_int_equal(auth_password_of(state_auth(l.state), SLICE_LIT("alice"), &hash), ETCD_OK);
    assert_true(slice_has_prefix(hash, SLICE_LIT("$2a$04$")));
    assert_true(password_matches(SLICE_LIT("alice-pw"), hash));
    people_close(&l);
}

/* The hash that was compared with is not the one that counts when the entry is applied. */
static void a_password_changed_during_the_login_is_checked_again(void **state)
{
    struct lab l;
    (void)state;
    lab_open(&l, NULL);
    people_move_in(&l);
    people_log_in(&l, "root", "root-pw");
    l.pool_idle = true;
    struct caller_reply *login = people_authenticate(&l, "alice", "alice-pw");
    people_ok(&l, "UserChangePassword", user_change_password, .name = SLICE_LIT("alice"),
              .hashed_password = SLICE_LIT("eHg="));
    assert_int_equal(login->grpc_status, -1); /* it still waits to be compared with the old hash */
    l.pool_idle = false;
    lab_run(&l);
    caller_refused(login, GRPC_INVALID_ARGUMENT,
                   "etcdserver: authentication failed, invalid user ID or password");
    people_close(&l);
}

static void too_many_logins_at_once_are_refused(void **state)
{
    struct lab l;
    (void)state;
    lab_open(&l, NULL);
    people_move_in(&l);
    l.pool_idle = true;
    struct caller_reply *last = NULL;
    for (unsigned i = 0; i < API_PASSWORDS_MAX; i++)
        last = people_authenticate(&l, "alice", "alice-pw");
    caller_refused(people_authenticate(&l, "alice", "alice-pw"), GRPC_RESOURCE_EXHAUSTED,
                   "etcdserver: too many requests");
    assert_int_equal(last->grpc_status, -1);
    l.pool_idle = false;
    lab_run(&l);
    assert_int_equal(last->grpc_status, 0);
    people_close(&l);
}

/* Whoever knows a name can try passwords as fast as he likes: another's login does not wait for
 * more than the two that are being hashed and one more, and finds a place where there is none. */
static void a_flood_for_one_user_does_not_keep_another_out(void **state)
{
    struct lab l;
    (void)state;
    lab_open(&l, NULL);
    people_move_in(&l);
    l.pool_idle = true;
    struct caller_reply *last = NULL;
    for (unsigned i = 0; i < API_PASSWORDS_MAX; i++)
        last = people_authenticate(&l, "alice", "wrong");
    struct caller_reply *root = people_authenticate(&l, "root", "root-pw");
    caller_refused(last, GRPC_RESOURCE_EXHAUSTED, "etcdserver: too many requests");
    assert_int_equal(root->grpc_status, -1);
    for (unsigned i = 0; i < API_PASSWORDS_NOW + 2; i++) {
        assert_true(sim_workers_begin(&l.workers, LANE_POOL));
        assert_true(sim_workers_finish(&l.workers, LANE_POOL));
    }
    lab_run(&l);
    assert_int_equal(root->grpc_status, 0);
    l.pool_idle = false;
    lab_run(&l);
    people_close(&l);
}

/* The pool hashes for root alone: others are refused before it is asked. */
static void a_stranger_does_not_make_the_pool_work(void **state)
{
    struct lab l;
    (void)state;
    const struct pb_auth_user_add_request add = {.name = SLICE_LIT("x"),
                                                 .password = SLICE_LIT("y")};
    const struct pb_auth_user_change_password_request change = {.name = SLICE_LIT("root"),
                                                                .password = SLICE_LIT("y")};
    const char *const empty = "etcdserver: user name is empty";
    const char *const denied = "etcdserver: permission denied";
    lab_open(&l, NULL);
    people_move_in(&l);
    for (int known = 0; known < 2; known++) {
        int code = known ? GRPC_PERMISSION_DENIED : GRPC_INVALID_ARGUMENT;
        if (known)
            people_log_in(&l, "alice", "alice-pw");
        l.pool_idle = true;
        caller_refused(lab_call(&l, AUTH "UserAdd", &wire_auth_user_add_request, &add), code,
                       known ? denied : empty);
        caller_refused(lab_call(&l, AUTH "UserChangePassword",
                                &wire_auth_user_change_password_request, &change),
                       code, known ? denied : empty);
        l.pool_idle = false;
    }
    people_close(&l);
}

/* No quota counts users and roles, and all of them are in memory. */
static void users_and_roles_have_an_end(void **state)
{
    struct lab l;
    (void)state;
    enum { NAME_BYTES = 1 << 20 };
    uint8_t *p = calloc(1, NAME_BYTES);
    const struct pb_auth_user_add_request user = {.name = SLICE_LIT("x"),
                                                  .password = SLICE_LIT("y")};
    struct pb_auth_role_add_request role = {.name = slice_of(p, NAME_BYTES)};
    struct caller_reply *last = NULL;
    lab_open(&l, &(struct lab_options){.request_bytes = 2u << 20});
    people_move_in(&l);
    people_log_in(&l, "root", "root-pw");
    for (unsigned i = 0; i < API_AUTH_BYTES_MAX / (4u << 20); i++) {
        p[0] = (uint8_t)i;
        caller_message(lab_call(&l, AUTH "RoleAdd", &wire_auth_role_add_request, &role));
    }
    p[0] = 'x';
    p[1] = 'x';
    last = lab_call(&l, AUTH "RoleAdd", &wire_auth_role_add_request, &role);
    caller_refused(last, GRPC_RESOURCE_EXHAUSTED, "etcdserver: too many requests");
    last = lab_call(&l, AUTH "UserAdd", &wire_auth_user_add_request, &user);
    caller_refused(last, GRPC_RESOURCE_EXHAUSTED, "etcdserver: too many requests");
    people_ok(&l, "RoleDelete", role_delete, .role = SLICE_LIT("reader"));
    p[0] = p[1] = 0;
    people_ok(&l, "RoleDelete", role_delete, .role = role.name);
    people_ok(&l, "UserAdd", user_add, .name = SLICE_LIT("x"), .password = SLICE_LIT("y"));
    people_close(&l);
    free(p);
}

static void what_waits_at_the_end_is_refused(void **state)
{
    struct lab l;
    (void)state;
    lab_open(&l, NULL);
    people_move_in(&l);
    l.pool_idle = true;
    for (unsigned i = 0; i < API_PASSWORDS_NOW + 3; i++)
        people_authenticate(&l, "alice", "alice-pw");
    people_close(&l); /* frees the work, too: leak checkers look */
}

static void json_web_tokens_are_made_and_taken(void **state)
{
    struct err err;
    struct jwt *jwt = NULL;
    struct lab l;
    const struct jwt_options opt = {
        .method = "HS256", .private_key = SLICE_LIT("shared"), .ttl_s = 300};
    (void)state;
    assert_int_equal(jwt_new(&opt, &jwt, &err), RC_OK);
    lab_open(&l, &(struct lab_options){.jwt = jwt});
    people_move_in(&l);
    people_log_in(&l, "root", "root-pw");
    lab_put_ok(&l, "k");
    lab_pass_ms(&l, 299 * 1000);
    lab_put_ok(&l, "k");
    lab_pass_ms(&l, 1001);
    caller_refused(lab_put(&l, "k", "v"), GRPC_UNAUTHENTICATED, "etcdserver: invalid auth token");
    people_log_in(&l, "root", "root-pw");
    const struct pb_auth_role_add_request role = {.name = SLICE_LIT("more")};
    caller_message(lab_call(&l, "/etcdserverpb.Auth/RoleAdd", &wire_auth_role_add_request, &role));
    caller_refused(lab_put(&l, "k", "v"), GRPC_INVALID_ARGUMENT,
                   "etcdserver: revision of auth store is old");
    people_close(&l);
    jwt_free(jwt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_login_gives_a_token_that_counts),
        cmocka_unit_test(a_wrong_password_gives_none),
        cmocka_unit_test(the_state_gets_a_hash_of_the_password),
        cmocka_unit_test(a_password_changed_during_the_login_is_checked_again),
        cmocka_unit_test(too_many_logins_at_once_are_refused),
        cmocka_unit_test(a_flood_for_one_user_does_not_keep_another_out),
        cmocka_unit_test(a_stranger_does_not_make_the_pool_work),
        cmocka_unit_test(users_and_roles_have_an_end),
        cmocka_unit_test(what_waits_at_the_end_is_refused),
        cmocka_unit_test(json_web_tokens_are_made_and_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
