/* A spool is a bbolt file without a name; it can be broken off, and a full disk is told. */
#include "snapshot/spool.h"
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void count_name(void *arg, const char *name)
{
    (void)name;
    ++*(unsigned *)arg;
}

static unsigned names(struct lab *l)
{
    unsigned n = 0;
    assert_int_equal(disk_list(l->env.disk, ".", count_name, &n, NULL), RC_OK);
    return n;
}

static enum rc spool(struct lab *l, struct spool *s)
{
    l->err = (struct err){0};
    l->source.view = l->storage->ops->view_open(l->storage);
    enum rc rc = spool_write(s, l->env.disk, ".", &l->source, &l->err);
    l->storage->ops->view_close(l->source.view);
    assert_true((rc == RC_OK) == (l->err.text[0] == 0));
    spool_close(s);
    return rc;
}

static void it_is_a_file_without_a_name(void **state)
{
    (void)state;
    struct lab l;
    struct bbolt b;
    struct bbolt_bucket bucket;
    lab_open(&l);
    struct buf file = lab_snapshot(&l);
    assert_int_equal(names(&l), 0);
    assert_int_equal(bbolt_open(buf_slice(&file), &b), RC_OK);
    assert_int_equal(bbolt_size(&b), file.n);
    assert_int_equal(bbolt_find(&b, SLICE_LIT("members_removed"), &bucket), RC_OK);
    buf_fini(&file);
    lab_close(&l);
}

static void it_can_be_broken_off(void **state)
{
    (void)state;
    struct lab l;
    struct spool s = {.stop = true};
    lab_open(&l);
    assert_int_equal(spool(&l, &s), RC_CANCELED);
    assert_int_equal(names(&l), 0);
    lab_close(&l);
}

static void a_full_disk_is_told(void **state)
{
    (void)state;
    struct lab l;
    struct spool s = {0};
    lab_open(&l);
    sim_disk_set_capacity(l.disk, 8192);
    assert_int_equal(spool(&l, &s), RC_NO_SPACE);
    assert_int_equal(names(&l), 0);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_a_file_without_a_name),
        cmocka_unit_test(it_can_be_broken_off),
        cmocka_unit_test(a_full_disk_is_told),
    };
    return cmocka_run_group_tests_name("snapshot/spool", tests, NULL, NULL);
}
