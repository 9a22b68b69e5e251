/* Versions are counted apart as far as there is room; nothing that a client sends breaks the text.
 */
#include "rpc/client_versions.h"

#include "base/cc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define LINE "etcd_server_client_requests_total{client_api_version=\""

static struct buf text_of(const struct client_versions *c)
{
    struct buf out = {0};
    client_versions_write(c, &out);
    buf_append_u8(&out, 0);
    return out;
}

static void has(const struct client_versions *c, const char *version, const char *type, int n)
{
    char line[160];
    struct buf out = text_of(c);
    snprintf(line, sizeof(line), LINE "%s\",type=\"%s\"} %d\n", version, type, n);
    if (!strstr((const char *)out.p, line))
        fail_msg("%s is not in\n%s", line, (const char *)out.p);
    buf_fini(&out);
}

static size_t lines(const struct client_versions *c)
{
    size_t n = 0;
    struct buf out = text_of(c);
    for (const char *p = (const char *)out.p; (p = strstr(p, LINE)); p++)
        n++;
    buf_fini(&out);
    return n;
}

static void each_is_counted(void **state)
{
    struct client_versions c = {0};
    (void)state;
    assert_int_equal(lines(&c), 0);
    client_versions_count(&c, SLICE_LIT("3.4"), false);
    client_versions_count(&c, SLICE_LIT("3.7"), true);
    client_versions_count(&c, SLICE_LIT("3.4"), false);
    client_versions_count(&c, (struct slice){0}, false);
    has(&c, "3.4", "unary", 2);
    has(&c, "3.7", "stream", 1);
    has(&c, "unknown", "unary", 1);
    assert_int_equal(lines(&c), 3);
}

static void there_is_room_for_so_many(void **state)
{
    struct client_versions c = {0};
    char version[16];
    (void)state;
    for (int i = 0; i < CLIENT_VERSIONS_MAX + 5; i++) {
        int n = snprintf(version, sizeof(version), "3.%d", i);
        client_versions_count(&c, slice_of(version, (size_t)n), false);
    }
    client_versions_count(&c, SLICE_LIT("3.0"), false); /* one that has its place */
    has(&c, "3.0", "unary", 2);
    has(&c, "other", "unary", 5);
    assert_int_equal(lines(&c), CLIENT_VERSIONS_MAX + 1);
}

static void what_is_no_version_is_of_the_others(void **state)
{
    static const char *const texts[] = {"unknown", "other", "4.0",      "3.\"",
                                        "3 7",     "3\xff", "3.7\n3.8", "12345678901234567"};
    struct client_versions c = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        client_versions_count(&c, slice_str(texts[i]), false);
    has(&c, "other", "unary", (int)ARRAY_LEN(texts));
    assert_int_equal(lines(&c), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_counted),
        cmocka_unit_test(there_is_room_for_so_many),
        cmocka_unit_test(what_is_no_version_is_of_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
