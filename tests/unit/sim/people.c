/* The model of users and roles answers as the state machine does, and notices when one is lost. */
#include "sim/people.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static enum etcd_error ask(struct people *p, uint32_t field, const char *one, const char *two,
                           struct pb_auth_user_get_response *out)
{
    static struct arena a;
    struct pb_response_header header = {.revision = 1};
    const struct pb_auth_user_grant_role_request names = {slice_str(one), slice_str(two)};
    struct people_answer answer = {0};
    struct buf body = {0};
    arena_fini(&a);
    wire_encode(&wire_auth_user_grant_role_request, &names, &body);
    const struct raft_request r = {.field = field, .body = buf_slice(&body)};
    enum etcd_error e = people_ask(p, &r, 7, &header, &a, &answer);
    if (out && answer.message == &wire_auth_user_get_response)
        *out = *(const struct pb_auth_user_get_response *)answer.response;
    buf_fini(&body);
    return e;
}

static void changes_count_once(void **state)
{
    struct people p = {0};
    struct pb_auth_user_get_response got;
    (void)state;
    assert_int_equal(ask(&p, RAFT_REQUEST_AUTH_USER_ADD, "u1", "", NULL), ETCD_OK);
    assert_int_equal(ask(&p, RAFT_REQUEST_AUTH_USER_ADD, "u1", "", NULL), ETCD_USER_ALREADY_EXIST);
    assert_int_equal(ask(&p, RAFT_REQUEST_AUTH_USER_GRANT_ROLE, "u1", "r2", NULL),
                     ETCD_ROLE_NOT_FOUND);
    assert_int_equal(ask(&p, RAFT_REQUEST_AUTH_ROLE_ADD, "r2", "", NULL), ETCD_OK);
    assert_int_equal(ask(&p, RAFT_REQUEST_AUTH_USER_GRANT_ROLE, "u1", "r2", NULL), ETCD_OK);
    assert_int_equal(ask(&p, RAFT_REQUEST_AUTH_USER_GRANT_ROLE, "u1", "r2", NULL), ETCD_OK);
    assert_int_equal(p.changes, 3);
    assert_int_equal(ask(&p, RAFT_REQUEST_AUTH_USER_GET, "u1", "", &got), ETCD_OK);
    assert_int_equal(got.roles_n, 1);
    assert_int_equal(ask(&p, RAFT_REQUEST_AUTH_ROLE_DELETE, "r2", "", NULL), ETCD_OK);
    assert_int_equal(ask(&p, RAFT_REQUEST_AUTH_USER_GET, "u1", "", &got), ETCD_OK);
    assert_int_equal(got.roles_n, 0);
    assert_int_equal(ask(&p, RAFT_REQUEST_AUTH_USER_REVOKE_ROLE, "u1", "r2", NULL),
                     ETCD_ROLE_NOT_GRANTED);
    assert_int_equal(ask(&p, RAFT_REQUEST_AUTH_USER_DELETE, "u1", "", NULL), ETCD_OK);
    assert_int_equal(ask(&p, RAFT_REQUEST_AUTH_USER_GET, "u1", "", NULL), ETCD_USER_NOT_FOUND);
    (void)ask(&p, RAFT_REQUEST_AUTH_STATUS, "", "", NULL);
}

static void root_stays_while_authentication_is_on(void **state)
{
    struct people p = {0};
    (void)state;
    assert_int_equal(ask(&p, RAFT_REQUEST_AUTH_ENABLE, "", "", NULL), ETCD_ROOT_USER_NOT_EXIST);
    assert_int_equal(ask(&p, RAFT_REQUEST_AUTH_USER_ADD, "root", "", NULL), ETCD_OK);
    assert_int_equal(ask(&p, RAFT_REQUEST_AUTH_ENABLE, "", "", NULL), ETCD_ROOT_ROLE_NOT_EXIST);
    assert_int_equal(ask(&p, RAFT_REQUEST_AUTH_USER_GRANT_ROLE, "root", "root", NULL), ETCD_OK);
    assert_int_equal(ask(&p, RAFT_REQUEST_AUTH_ENABLE, "", "", NULL), ETCD_OK);
    assert_true(p.enabled);
    assert_int_equal(p.changes, 2);
    assert_int_equal(ask(&p, RAFT_REQUEST_AUTH_USER_DELETE, "root", "", NULL),
                     ETCD_INVALID_AUTH_MGMT);
    assert_int_equal(ask(&p, RAFT_REQUEST_AUTH_USER_REVOKE_ROLE, "root", "root", NULL),
                     ETCD_INVALID_AUTH_MGMT);
    assert_int_equal(ask(&p, RAFT_REQUEST_AUTH_DISABLE, "", "", NULL), ETCD_OK);
    assert_int_equal(p.changes, 3);
    assert_int_equal(ask(&p, RAFT_REQUEST_AUTH_USER_DELETE, "root", "", NULL), ETCD_OK);
}

static void what_is_made_is_known(void **state)
{
    struct rng rng;
    struct people p = {0};
    struct arena a = {0};
    bool was_enabled = false;
    (void)state;
    rng_seed(&rng, 3);
    for (unsigned i = 0; i < 500; i++) {
        struct buf body = {0};
        struct pb_response_header header = {.revision = 1};
        struct people_answer answer = {0};
        uint32_t field = people_write(&rng, &p, i > 250, &body);
        assert_true(people_know(field));
        const struct raft_request r = {.field = field, .body = buf_slice(&body)};
        (void)people_ask(&p, &r, i, &header, &a, &answer);
        buf_fini(&body);
        was_enabled = was_enabled || p.enabled;
        assert_true(i > 250 || !was_enabled);
    }
    assert_true(p.changes > 50);
    assert_true(was_enabled);
    assert_false(people_know(RAFT_REQUEST_PUT));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_count_once),
        cmocka_unit_test(root_stays_while_authentication_is_on),
        cmocka_unit_test(what_is_made_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
