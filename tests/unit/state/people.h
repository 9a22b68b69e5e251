/* people - users and roles for tests, made by entries. */
#ifndef MOAT_TESTS_STATE_PEOPLE_H
#define MOAT_TESTS_STATE_PEOPLE_H

#include "lab.h"
#include "wire/etcd.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* In base64; what it is a hash of does not matter here. */
#define PEOPLE_HASH "JDJhJDEw"

/* The request is built in place: people_ok(&l, "root", USER_DELETE, user_delete, .name = …). */
#define people_do(l, who, FIELD, message, ...)                                                     \
    lab_apply_as(l, who, RAFT_REQUEST_AUTH_##FIELD, &wire_auth_##message##_request,                \
                 &(const struct pb_auth_##message##_request){__VA_ARGS__})
#define people_ok(...) assert_int_equal(people_do(__VA_ARGS__), ETCD_OK)

static inline void people_user(struct lab *l, const char *who, const char *name)
{
    people_ok(l, who, USER_ADD, user_add, .name = slice_str(name),
              .hashed_password = SLICE_LIT(PEOPLE_HASH));
}

static inline void people_grant(struct lab *l, const char *who, const char *user, const char *role)
{
    people_ok(l, who, USER_GRANT_ROLE, user_grant_role, .user = slice_str(user),
              .role = slice_str(role));
}

static inline void people_permit(struct lab *l, const char *who, const char *role, int32_t type,
                                 struct slice key, struct slice range_end)
{
    struct pb_permission perm = {.perm_type = type, .key = key, .range_end = range_end};
    people_ok(l, who, ROLE_GRANT_PERMISSION, role_grant_permission, .name = slice_str(role),
              .perm = &perm);
}

static inline void people_role(struct lab *l, const char *who, const char *role)
{
    people_ok(l, who, ROLE_ADD, role_add, .name = slice_str(role));
}

/* root; alice, who reads public/ and writes inbox/. Authentication is on. */
static inline void people_move_in(struct lab *l)
{
    people_user(l, NULL, "root");
    people_grant(l, NULL, "root", "root");
    people_user(l, NULL, "alice");
    people_role(l, NULL, "guest");
    people_permit(l, NULL, "guest", PB_PERMISSION_TYPE_READ, SLICE_LIT("public/"),
                  SLICE_LIT("public0"));
    people_permit(l, NULL, "guest", PB_PERMISSION_TYPE_WRITE, SLICE_LIT("inbox/"),
                  SLICE_LIT("inbox0"));
    people_grant(l, NULL, "alice", "guest");
    people_ok(l, NULL, ENABLE, enable, 0);
}

#endif
