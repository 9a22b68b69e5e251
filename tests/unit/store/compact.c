/* A store written anew has the same rows and owner and fewer pages; nobody's open store is touched.
 */
#include "helper.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void it_shrinks_and_keeps_what_is_there(void **state)
{
    struct place *p = *state;
    struct stat st;
    assert_int_equal(place_open(p), RC_OK);
    put(p, "k", "v");
    assert_int_equal(fill(p, 0, 1000, 4000), RC_OK);
    assert_int_equal(unfill(p, 0, 990), RC_OK);
    place_close(p);
    uint64_t before = size_of_file(p->path);
    assert_int_equal(store_compact(p->path, &p->err), RC_OK);
    assert_true(size_of_file(p->path) < before / 4);
    assert_int_equal(stat(p->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(place_open(p), RC_OK); /* of the same cluster and member */
    holds(p, TABLE_META, "k", "v");
    place_close(p);
}

static void an_open_store_is_left_alone(void **state)
{
    struct place *p = *state;
    assert_int_equal(place_open(p), RC_OK);
    put(p, "k", "v");
    uint64_t before = size_of_file(p->path);
    assert_int_equal(store_compact(p->path, &p->err), RC_LOCKED);
    assert_true(size_of_file(p->path) == before);
    place_close(p);
}

static void none_is_made(void **state)
{
    struct place *p = *state;
    assert_int_equal(store_compact(p->path, &p->err), RC_NOT_FOUND);
    assert_int_equal(access(p->path, F_OK), -1);
    says(p, "stat ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_shrinks_and_keeps_what_is_there, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(an_open_store_is_left_alone, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(none_is_made, place_setup, place_teardown),
    };
    return cmocka_run_group_tests_name("store/compact", tests, NULL, NULL);
}
