/* Items keep their order, and removing one twice, or the one being visited, is safe. */
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

struct item {
    struct list link;
    int number;
};

static void fill(struct list *head, struct item *items, int n)
{
    list_init(head);
    for (int i = 0; i < n; i++) {
        items[i].number = i;
        list_add_tail(head, &items[i].link);
    }
}

static void pops_in_order(void **state)
{
    (void)state;
    struct list head;
    struct item items[4];
    fill(&head, items, 4);
    for (int i = 0; i < 4; i++)
        assert_ptr_equal(list_pop(&head), &items[i].link);
    assert_null(list_pop(&head));
    assert_true(list_empty(&head));
}

static void all_move_behind_the_others(void **state)
{
    (void)state;
    struct list head;
    struct list from;
    struct item items[4];
    fill(&head, items, 2);
    fill(&from, items + 2, 2);
    list_move_all(&head, &from);
    assert_true(list_empty(&from));
    list_move_all(&head, &from);
    for (int i = 0; i < 4; i++)
        assert_ptr_equal(list_pop(&head), &items[i].link);
    assert_true(list_empty(&head));
}

static void removing_twice_is_harmless(void **state)
{
    (void)state;
    struct list head;
    struct item items[3];
    fill(&head, items, 3);
    list_remove(&items[1].link);
    list_remove(&items[1].link);
    assert_ptr_equal(list_pop(&head), &items[0].link);
    assert_ptr_equal(list_pop(&head), &items[2].link);
    list_remove(&items[2].link);
    assert_true(list_empty(&head));
}

static void the_visited_may_go(void **state)
{
    (void)state;
    struct list head;
    struct item items[6];
    int seen = 0;
    fill(&head, items, 6);
    list_each (l, &head) {
        struct item *it = CONTAINER_OF(l, struct item, link);
        assert_int_equal(it->number, seen);
        seen++;
        if (it->number % 2)
            list_remove(l);
    }
    assert_int_equal(seen, 6);
    for (int i = 0; i < 6; i += 2)
        assert_ptr_equal(list_pop(&head), &items[i].link);
    assert_true(list_empty(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pops_in_order),
        cmocka_unit_test(all_move_behind_the_others),
        cmocka_unit_test(removing_twice_is_harmless),
        cmocka_unit_test(the_visited_may_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
