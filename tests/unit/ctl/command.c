/* The words of a command line lead to a command, whatever options stand between them. */
#include "ctl/command.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Look for the command; argv is left with what it did not use. */
static const struct command *find(int *argc, const char **argv)
{
    const struct command *found = NULL;
    const char *word = NULL;
    assert_int_equal(command_find(argc, (char **)(uintptr_t)argv, &found, &word), RC_OK);
    return found;
}

static void words_lead_down_the_tree(void **state)
{
    (void)state;
    const char *argv[] = {"endpoint", "status", "x", NULL};
    int argc = 3;
    assert_string_equal(find(&argc, argv)->path, "endpoint status");
    assert_int_equal(argc, 1);
    assert_string_equal(argv[0], "x");
}

static void options_and_their_values_are_stepped_over(void **state)
{
    (void)state;
    const char *argv[] = {"--endpoints", "get", "-w", "json", "--hex", "-wjson", "put", "k", NULL};
    int argc = 8;
    assert_string_equal(find(&argc, argv)->path, "put");
    assert_int_equal(argc, 7);
    assert_string_equal(argv[6], "k");
}

static void an_option_that_is_not_known_yet_takes_the_next_word(void **state)
{
    (void)state;
    const char *argv[] = {"--limit", "3", "get", "k", NULL};
    int argc = 4;
    assert_string_equal(find(&argc, argv)->path, "get");
}

static void a_unique_beginning_will_do(void **state)
{
    (void)state;
    const char *argv[] = {"mem", "li", NULL};
    int argc = 2;
    assert_string_equal(find(&argc, argv)->path, "member list");
    const char *early[] = {"t", NULL}; /* as etcdctl has no top */
    argc = 1;
    assert_string_equal(find(&argc, early)->path, "txn");
    const char *both[] = {"de", NULL}; /* del and defrag */
    const struct command *found = NULL;
    const char *word = NULL;
    argc = 1;
    assert_int_equal(command_find(&argc, (char **)(uintptr_t)both, &found, &word), RC_NOT_FOUND);
    assert_string_equal(word, "de");
}

static void an_unknown_word_below_a_command_is_its_argument(void **state)
{
    (void)state;
    const char *argv[] = {"endpoint", "nonsense", NULL};
    int argc = 2;
    assert_string_equal(find(&argc, argv)->path, "endpoint");
    assert_int_equal(argc, 1);
}

static void without_words_there_is_no_command(void **state)
{
    (void)state;
    const char *argv[] = {"--hex", "--", "get", NULL};
    int argc = 3;
    assert_null(find(&argc, argv));
}

static void the_table_is_a_tree(void **state)
{
    (void)state;
    for (size_t i = 0; i < commands_n; i++) {
        const struct command *c = &commands[i];
        struct flag_values values = {0};
        const char *space = strrchr(c->path, ' ');
        assert_ptr_equal(command_at(c->path), c); /* no path stands twice */
        if (space) {
            char parent[64] = {0};
            memcpy(parent, c->path, (size_t)(space - c->path));
            const struct command *p = command_at(parent);
            assert_non_null(p);
            assert_null(p->run);
            assert_true(p < c);
        } else if (!c->run) {
            size_t children = 0;
            for (size_t j = 0; j < commands_n; j++)
                children += command_is_below(&commands[j], c);
            assert_true(children > 0);
        }
        command_flags(c, &values); /* they fit, and each name and letter stands once */
        for (size_t j = 0; j < values.n; j++) {
            const struct flag *f = values.v[j].flag;
            assert_ptr_equal(flag_find(&values, slice_str(f->name))->flag, f);
            if (f->letter)
                assert_ptr_equal(flag_find_letter(&values, f->letter)->flag, f);
        }
        flag_values_fini(&values);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_lead_down_the_tree),
        cmocka_unit_test(options_and_their_values_are_stepped_over),
        cmocka_unit_test(an_option_that_is_not_known_yet_takes_the_next_word),
        cmocka_unit_test(a_unique_beginning_will_do),
        cmocka_unit_test(an_unknown_word_below_a_command_is_its_argument),
        cmocka_unit_test(without_words_there_is_no_command),
        cmocka_unit_test(the_table_is_a_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
