/* people - users for the tests of api: root, and alice, who reads public/. */
#ifndef MOAT_TESTS_API_PEOPLE_H
#define MOAT_TESTS_API_PEOPLE_H

#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define AUTH "/etcdserverpb.Auth/"

#define people_ok(l, method, message, ...)                                                         \
    caller_message(lab_call(l, AUTH method, &wire_auth_##message##_request,                        \
                            &(const struct pb_auth_##message##_request){__VA_ARGS__}))

/* Authentication is on after this. */
static inline void people_move_in(struct lab *l)
{
    struct pb_permission perm = {.key = SLICE_LIT("public/"), .range_end = SLICE_LIT("public0")};
    people_ok(l, "UserAdd", user_add, .name = SLICE_LIT("root"), .password = SLICE_LIT("root-pw"));
    people_ok(l, "UserGrantRole", user_grant_role, .user = SLICE_LIT("root"),
              .role = SLICE_LIT("root"));
    people_ok(l, "UserAdd", user_add, .name = SLICE_LIT("alice"),
              .password = SLICE_LIT("alice-pw"));
    people_ok(l, "RoleAdd", role_add, .name = SLICE_LIT("reader"));
    people_ok(l, "RoleGrantPermission", role_grant_permission, .name = SLICE_LIT("reader"),
              .perm = &perm);
    people_ok(l, "UserGrantRole", user_grant_role, .user = SLICE_LIT("alice"),
              .role = SLICE_LIT("reader"));
    people_ok(l, "AuthEnable", enable, 0);
}

static inline struct caller_reply *people_authenticate(struct lab *l, const char *name,
                                                       const char *password)
{
    const struct pb_authenticate_request r = {slice_str(name), slice_str(password)};
    return lab_call(l, AUTH "Authenticate", &wire_authenticate_request, &r);
}

/* Calls are this user's from now on. */
static inline void people_log_in(struct lab *l, const char *name, const char *password)
{
    struct pb_authenticate_response got;
    free(l->own_token);
    l->token = l->own_token = NULL;
    lab_response(l, people_authenticate(l, name, password), &wire_authenticate_response, &got);
    l->own_token = malloc(got.token.n + 1);
    memcpy(l->own_token, got.token.p, got.token.n);
    l->own_token[got.token.n] = '\0';
    l->token = l->own_token;
}

static inline void people_close(struct lab *l)
{
    lab_close(l);
    free(l->own_token);
}

static inline void lab_put_ok(struct lab *l, const char *key)
{
    caller_message(lab_put(l, key, "v"));
}

#endif
