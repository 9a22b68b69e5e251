/* Keys come from files that are there, can be read, and are no larger than a key can be. */
#include "app/jwt_load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/moat-jwt-load-XXXXXX";

static void write_file(size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    for (size_t i = 0; i < n; i++)
        fputc('k', f);
    fclose(f);
}

static enum rc load(char *file, struct jwt **out, struct err *err)
{
    char method[] = "HS256";
    const struct conf_jwt conf = {.sign_method = method, .private_key = file, .ttl_s = 60};
    *err = (struct err){0};
    return jwt_load(&conf, out, err);
}

static void simple_tokens_need_no_file(void **state)
{
    const struct conf_jwt conf = {0};
    struct jwt *jwt = NULL;
    (void)state;
    assert_int_equal(jwt_load(&conf, &jwt, NULL), RC_OK);
    assert_null(jwt);
}

static void the_secret_is_what_the_file_holds(void **state)
{
    struct jwt *jwt = NULL;
    struct err err;
    (void)state;
    write_file(JWT_KEY_FILE_MAX);
    assert_int_equal(load(path, &jwt, &err), RC_OK);
    assert_true(jwt_may_sign(jwt));
    jwt_free(jwt);
}

static void files_that_cannot_be_keys_are_refused(void **state)
{
    char absent[] = "/proc/nonexistent/key";
    char directory[] = "/tmp";
    struct jwt *jwt = NULL;
    struct err err;
    (void)state;
    assert_int_equal(load(absent, &jwt, &err), RC_NOT_FOUND);
    assert_non_null(strstr(err.text, "cannot open /proc/nonexistent/key"));
    assert_int_equal(load(directory, &jwt, &err), RC_IO);
    write_file(JWT_KEY_FILE_MAX + 1);
    assert_int_equal(load(path, &jwt, &err), RC_LIMIT);
    write_file(0);
    assert_int_equal(load(path, &jwt, &err), RC_INVALID);
    assert_non_null(strstr(err.text, "missing key data"));
    assert_null(jwt);
}

static int setup(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simple_tokens_need_no_file),
        cmocka_unit_test(the_secret_is_what_the_file_holds),
        cmocka_unit_test(files_that_cannot_be_keys_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
