/* The model of permissions says what etcd would, and notices a server that has others. */
#include "sim/rights.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ROLE 2

/* User 1 has a role without any right yet. Authentication is on, at revision 8. */
static struct people guarded(void)
{
    struct people p = {.enabled = true, .changes = 7};
    p.users[PEOPLE_ROOT] = p.has[PEOPLE_ROOT][PEOPLE_ROOT] = true;
    p.users[1] = p.roles[ROLE] = p.has[1][ROLE] = true;
    return p;
}

static enum etcd_error reads(const struct people *p, struct slice user, uint64_t revision,
                             const char *key, const char *end)
{
    const struct auth_who who = {user, revision};
    return rights_read(p, &who, slice_str(key), slice_str(end));
}

static void allow(struct people *p, size_t range, enum pb_permission_type type)
{
    p->may[ROLE][range] = 1 + (int32_t)type;
}

static void neighbouring_ranges_are_one(void **state)
{
    struct people p = guarded();
    struct slice user = people_user(1);
    (void)state;
    assert_int_equal(reads(&p, user, 8, "a", "c"), ETCD_PERMISSION_DENIED);
    allow(&p, 1, PB_PERMISSION_TYPE_READ); /* a … b */
    assert_int_equal(reads(&p, user, 8, "a", ""), ETCD_OK);
    assert_int_equal(reads(&p, user, 8, "a/2", "b"), ETCD_OK);
    assert_int_equal(reads(&p, user, 8, "a", "c"), ETCD_PERMISSION_DENIED);
    assert_int_equal(reads(&p, user, 8, "b", ""), ETCD_PERMISSION_DENIED);
    allow(&p, 3, PB_PERMISSION_TYPE_WRITE); /* b … c */
    assert_int_equal(reads(&p, user, 8, "a", "c"), ETCD_PERMISSION_DENIED);
    allow(&p, 3, PB_PERMISSION_TYPE_READWRITE);
    assert_int_equal(reads(&p, user, 8, "a", "c"), ETCD_OK);
    p.has[1][ROLE] = false;
    assert_int_equal(reads(&p, user, 8, "a", ""), ETCD_PERMISSION_DENIED);
}

static void who_asks_must_be_known_as_of_now(void **state)
{
    struct people p = guarded();
    struct slice root = people_user(PEOPLE_ROOT);
    (void)state;
    assert_int_equal(reads(&p, root, 8, "x", ""), ETCD_OK);
    assert_int_equal(reads(&p, root, 7, "x", ""), ETCD_AUTH_OLD_REVISION);
    assert_int_equal(reads(&p, root, 0, "x", ""), ETCD_USER_EMPTY);
    assert_int_equal(reads(&p, people_user(3), 8, "x", ""), ETCD_PERMISSION_DENIED);
    p.enabled = false;
    assert_int_equal(reads(&p, people_user(3), 0, "x", ""), ETCD_OK);
}

static enum etcd_error put_by_user(const struct people *p, const struct model *m, bool prev_kv,
                                   int64_t lease)
{
    const struct pb_put_request put = {.key = SLICE_LIT("a"), .prev_kv = prev_kv, .lease = lease};
    struct buf body = {0};
    wire_encode(&wire_put_request, &put, &body);
    const struct raft_request r = {.username = people_user(1),
                                   .auth_revision = 8,
                                   .field = RAFT_REQUEST_PUT,
                                   .body = buf_slice(&body)};
    enum etcd_error e = rights_judge(p, m, &r);
    buf_fini(&body);
    return e;
}

static void a_put_reads_and_takes_a_lease(void **state)
{
    struct people p = guarded();
    struct model m;
    struct arena a = {0};
    (void)state;
    model_init(&m);
    allow(&p, 1, PB_PERMISSION_TYPE_WRITE);
    assert_int_equal(put_by_user(&p, &m, false, 0), ETCD_OK);
    assert_int_equal(put_by_user(&p, &m, true, 0), ETCD_PERMISSION_DENIED);
    assert_int_equal(put_by_user(&p, &m, false, 5), ETCD_OK);
    struct pb_lease_grant_response granted = {0};
    struct pb_put_response done = {0};
    assert_int_equal(
        model_grant(&m, &(struct pb_lease_grant_request){.id = 5, .ttl = 9}, 1, &a, &granted),
        ETCD_OK);
    assert_int_equal(
        model_put(&m, &(struct pb_put_request){.key = SLICE_LIT("z"), .lease = 5}, &a, &done),
        ETCD_OK);
    assert_int_equal(put_by_user(&p, &m, false, 5), ETCD_PERMISSION_DENIED);
    arena_fini(&a);
    model_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbouring_ranges_are_one),
        cmocka_unit_test(who_asks_must_be_known_as_of_now),
        cmocka_unit_test(a_put_reads_and_takes_a_lease),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
