/* Help is made from the table: nothing in it is missing, and nothing else is there. */
#include "ctl/help.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static bool has(const struct buf *out, const char *text)
{
    return memmem(out->p, out->n, text, strlen(text)) != NULL;
}

static void every_command_has_a_usage_with_all_its_options(void **state)
{
    (void)state;
    for (size_t i = 0; i < commands_n; i++) {
        const struct command *c = &commands[i];
        AUTO(buf_fini) struct buf out = {0};
        help_print(c, "etcdctl", &out);
        assert_true(has(&out, c->path));
        assert_true(has(&out, "-h, --help"));
        for (size_t j = 0; j < c->flags_n; j++)
            assert_true(has(&out, c->flags[j].name) && has(&out, c->flags[j].help));
        assert_true(has(&out, "Use \"etcdctl options\" for a list of global"));
    }
}

static void the_program_lists_its_commands_by_group(void **state)
{
    (void)state;
    AUTO(buf_fini) struct buf out = {0};
    help_print(NULL, "moat ctl", &out);
    for (int g = 0; g < GROUP_COUNT; g++)
        assert_true(has(&out, command_groups[g]));
    assert_true(has(&out, "Usage:\n  moat ctl [command]\n"));
    assert_true(has(&out, "\n  move-leader Makes another member the leader\n"));
    assert_false(has(&out, "timetolive"));
}

static void subcommands_show_their_parents_options_apart(void **state)
{
    (void)state;
    AUTO(buf_fini) struct buf out = {0};
    help_usage(command_at("endpoint hashkv"), "etcdctl", &out);
    assert_true(has(&out, "\nFlags:\n  -h, --help      help for hashkv\n      --rev int"));
    assert_true(has(&out, "\nGlobal Flags:\n      --cluster   "));
}

static void suggests(const char *word, const char *wanted)
{
    AUTO(buf_fini) struct buf out = {0};
    help_suggest(word, &out);
    buf_append_u8(&out, 0);
    assert_string_equal((const char *)out.p, wanted);
}

static void suggestions_are_near_or_begin_so(void **state)
{
    (void)state;
    suggests("pt", "\tget\n\tput\n");
    suggests("WATC", "\twatch\n");
    suggests("xyzzyxyzzy", "");
    suggests("e", "\tget\n\tdel\n\tendpoint\n\telect\n");
}

static void options_lists_all_global_ones(void **state)
{
    (void)state;
    AUTO(buf_fini) struct buf out = {0};
    help_options(&out);
    for (size_t i = 0; i < global_flags_n; i++)
        assert_true(has(&out, global_flags[i].name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_has_a_usage_with_all_its_options),
        cmocka_unit_test(the_program_lists_its_commands_by_group),
        cmocka_unit_test(subcommands_show_their_parents_options_apart),
        cmocka_unit_test(suggestions_are_near_or_begin_so),
        cmocka_unit_test(options_lists_all_global_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
