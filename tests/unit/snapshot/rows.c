/* What is stored comes as etcd's buckets, in their order; damage is told. */
#include "snapshot/rows.h"
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define REV(main)                                                                                  \
    "\\x00\\x00\\x00\\x00\\x00\\x00\\x00" main "_\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00"

static void rows_are_etcds(void **state)
{
    (void)state;
    struct lab l;
    struct buf out = {0};
    lab_open(&l);
    assert_int_equal(lab_rows(&l, &out), RC_OK);
    buf_append_u8(&out, 0);
    assert_string_equal(
        (const char *)out.p,
        "alarm/\\x08\\x01\\x10\\x01=\n"
        "auth/authEnabled=\\x00\n"
        "auth/authRevision=\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x05\n"
        "authRoles/r=\\x0a\\x01r\n"
        "authUsers/y=\\x0a\\x01y\\x12\\x01q\n"
        "authUsers/z=\\x0a\\x01z\\x12\\x01p\n"
        "key/" REV(
            "\\x02") "=\\x0a\\x01a\\x10\\x02\\x18\\x02 \\x01*\\x011\n"
                     "key/" REV(
                         "\\x03") "=\\x0a\\x01b\\x10\\x03\\x18\\x03 \\x01*\\x012\n"
                                  "key/" REV(
                                      "\\x04") "t=\\x0a\\x01a\n"
                                               "key/" REV(
                                                   "\\x05") "=\\x0a\\x01b\\x10\\x03\\x18\\x05 "
                                                            "\\x02*\\x013\n"
                                                            "lease/"
                                                            "\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x"
                                                            "01=\\x08\\x01\\x10<\n"
                                                            "members/"
                                                            "beef={\"id\":48879,\"peerURLs\":["
                                                            "\"http://h:1\"],\"name\":\"one\","
                                                            "\"clientURLs\":[\"http://"
                                                            "h:2\",\"http://h:3\"]}\n"
                                                            "meta/"
                                                            "confState={\"voters\":[48879],\"auto_"
                                                            "leave\":false}\n"
                                                            "meta/"
                                                            "consistent_index="
                                                            "\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x"
                                                            "09\n"
                                                            "meta/finishedCompactRev=" REV(
                                                                "\\x03") "\n"
                                                                         "meta/"
                                                                         "scheduledCompactRev=" REV(
                                                                             "\\x03") "\n"
                                                                                      "meta/"
                                                                                      "storageVersi"
                                                                                      "on=3.7.0\n"
                                                                                      "meta/"
                                                                                      "term="
                                                                                      "\\x00\\x00\\"
                                                                                      "x00\\x00\\x0"
                                                                                      "0\\x00\\x00"
                                                                                      "\\x03\n");
    buf_fini(&out);
    lab_close(&l);
}

static void damage_is_told(void **state)
{
    (void)state;
    struct lab l;
    struct buf out = {0};
    lab_open(&l);
    lab_store(&l, TABLE_AUTH_ROLE, SLICE_LIT("\0\0\0\0\0\0\0\2"), SLICE_LIT("\x0a\x09r"));
    assert_int_equal(lab_rows(&l, &out), RC_CORRUPT);
    lab_close(&l);
    lab_open(&l);
    lab_store(&l, TABLE_KEY, SLICE_LIT("\0\0\0\0\0\0\0\6_\0\0\0\0\0\0\0\0"), SLICE_LIT("xxxxx"));
    assert_int_equal(lab_rows(&l, &out), RC_CORRUPT);
    lab_close(&l);
    buf_fini(&out);
}

static uint32_t hash_of(struct lab *l)
{
    uint32_t hash = 0;
    l->source.view = l->storage->ops->view_open(l->storage);
    assert_int_equal(snapshot_hash(&l->source, &hash), RC_OK);
    l->storage->ops->view_close(l->source.view);
    return hash;
}

static void the_hash_leaves_out_what_differs_between_members(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l);
    uint32_t before = hash_of(&l);
    l.source.storage_version = "3.6.0";
    assert_int_equal(hash_of(&l), before);
    lab_store(&l, TABLE_LEASE, SLICE_LIT("\0\0\0\0\0\0\0\2"), SLICE_LIT("\x08\x02\x10\x3c"));
    assert_int_not_equal(hash_of(&l), before);
    lab_close(&l);
}

struct picked {
    struct buf text;
    bool wanted;
};

static void begin(void *arg, struct slice bucket)
{
    struct picked *p = arg;
    p->wanted = slice_eq(bucket, SLICE_LIT("members"));
}

static bool row(void *arg, struct slice key, struct slice value)
{
    struct picked *p = arg;
    if (p->wanted || slice_eq(key, SLICE_LIT("confState"))) {
        buf_append_slice(&p->text, key);
        buf_append_u8(&p->text, '=');
        buf_append_slice(&p->text, value);
        buf_append_u8(&p->text, '\n');
    }
    return true;
}

static void end(void *arg)
{
    (void)arg;
}

static void expect_members(struct lab *l, const char *wanted)
{
    struct picked p = {0};
    const struct snapshot_sink sink = {&p, begin, row, end};
    l->source.view = l->storage->ops->view_open(l->storage);
    assert_int_equal(snapshot_rows(&l->source, &sink), RC_OK);
    l->storage->ops->view_close(l->source.view);
    buf_append_u8(&p.text, 0);
    assert_string_equal((const char *)p.text.p, wanted);
    buf_fini(&p.text);
}

/* In the order of the keys' text, which is not that of the IDs. */
static void stored_members_stand_beside_this_one(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l);
    lab_store(&l, TABLE_MEMBER, SLICE_LIT("\0\0\0\0\0\0\0\x0c"),
              SLICE_LIT("\x08\x0c\x1a\x03x\"y\x1a\x01z\x28\x01"));
    expect_members(&l, "beef={\"id\":48879,\"peerURLs\":[\"http://h:1\"],\"name\":\"one\","
                       "\"clientURLs\":[\"http://h:2\",\"http://h:3\"]}\n"
                       "c={\"id\":12,\"peerURLs\":[\"x\\\"y\",\"z\"],\"isLearner\":true}\n"
                       "confState={\"voters\":[48879],\"learners\":[12],\"auto_leave\":false}\n");
    lab_store(&l, TABLE_MEMBER, SLICE_LIT("\0\0\0\0\0\0\xbe\xef"),
              SLICE_LIT("\x08\xef\xfd\x02\x1a\x0ahttp://n:1"));
    expect_members(&l, "beef={\"id\":48879,\"peerURLs\":[\"http://n:1\"],\"name\":\"one\","
                       "\"clientURLs\":[\"http://h:2\",\"http://h:3\"]}\n"
                       "c={\"id\":12,\"peerURLs\":[\"x\\\"y\",\"z\"],\"isLearner\":true}\n"
                       "confState={\"voters\":[48879],\"learners\":[12],\"auto_leave\":false}\n");
    lab_store(&l, TABLE_MEMBER, SLICE_LIT("\0\0\0\0\0\0\0\x0d"), SLICE_LIT("\x08"));
    struct buf out = {0};
    assert_int_equal(lab_rows(&l, &out), RC_CORRUPT);
    buf_fini(&out);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_etcds),
        cmocka_unit_test(damage_is_told),
        cmocka_unit_test(stored_members_stand_beside_this_one),
        cmocka_unit_test(the_hash_leaves_out_what_differs_between_members),
    };
    return cmocka_run_group_tests_name("snapshot/rows", tests, NULL, NULL);
}
