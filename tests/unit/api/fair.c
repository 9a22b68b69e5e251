/* Who puts much into the queue does not hold up who puts little, and loses first when it is full.
 */
#include "api/fair.h"

#include "base/cc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define GREEDY 0x10000u
#define MODEST 0x20040u
#define MIB    (1u << 20)

struct thing {
    struct fair_item item;
    unsigned number;
};

static void push(struct fair *f, struct thing *t, uint64_t origin, size_t size, unsigned number)
{
    t->number = number;
    fair_push(f, &t->item, origin, size);
    fair_check(f);
}

static unsigned pop(struct fair *f)
{
    struct fair_item *item = fair_first(f);
    assert_non_null(item);
    assert_ptr_equal(fair_first(f), item); /* asking changes nothing */
    fair_remove(f, item);
    fair_check(f);
    return CONTAINER_OF(item, struct thing, item)->number;
}

static void one_origin_is_served_in_order(void **state)
{
    (void)state;
    struct fair f;
    struct thing t[5];
    fair_init(&f);
    assert_null(fair_first(&f));
    assert_null(fair_excess(&f));
    for (unsigned i = 0; i < ARRAY_LEN(t); i++)
        push(&f, &t[i], GREEDY, MIB * i + 1, i);
    for (unsigned i = 0; i < ARRAY_LEN(t); i++)
        assert_int_equal(pop(&f), i);
    assert_true(fair_empty(&f));
    assert_int_equal(f.bytes, 0);
}

static void a_little_does_not_wait_behind_much(void **state)
{
    (void)state;
    struct fair f;
    struct thing much[100];
    struct thing little;
    fair_init(&f);
    for (unsigned i = 0; i < ARRAY_LEN(much); i++)
        push(&f, &much[i], GREEDY, MIB, i);
    push(&f, &little, MODEST, 100, 1000);
    unsigned before = 0;
    while (pop(&f) != 1000)
        before++;
    assert_true(before <= 1);
}

static void equal_origins_get_equal_bytes(void **state)
{
    (void)state;
    struct fair f;
    struct thing large[64];
    struct thing small[1024];
    fair_init(&f);
    for (unsigned i = 0; i < ARRAY_LEN(large); i++)
        push(&f, &large[i], GREEDY, 64 * 1024, i);
    for (unsigned i = 0; i < ARRAY_LEN(small); i++)
        push(&f, &small[i], MODEST, 4 * 1024, 1000 + i);
    size_t bytes[2] = {0};
    for (unsigned i = 0; i < 17 * 20; i++) { /* what 20 turns of each would be */
        unsigned number = pop(&f);
        bytes[number >= 1000] += number >= 1000 ? 4 * 1024 : 64 * 1024;
    }
    size_t apart = bytes[0] > bytes[1] ? bytes[0] - bytes[1] : bytes[1] - bytes[0];
    assert_true(apart <= 2 * FAIR_QUANTUM);
}

static void who_has_most_loses_the_newest(void **state)
{
    (void)state;
    struct fair f;
    struct thing t[4];
    fair_init(&f);
    push(&f, &t[0], GREEDY, 1000, 0);
    push(&f, &t[1], GREEDY, 1000, 1);
    push(&f, &t[2], MODEST, 1500, 2);
    struct fair_item *excess = fair_excess(&f);
    assert_ptr_equal(excess, &t[1].item);
    fair_remove(&f, excess);
    assert_ptr_equal(fair_excess(&f), &t[2].item);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_origin_is_served_in_order),
        cmocka_unit_test(a_little_does_not_wait_behind_much),
        cmocka_unit_test(equal_origins_get_equal_bytes),
        cmocka_unit_test(who_has_most_loses_the_newest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
