/* Flags are read as cobra reads them, wherever they stand. */
#include "cmd/flags.h"

#include "base/cc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct lab {
    const char *out;
    bool skip;
    struct flag known[2];
    struct flags flags;
    struct err err;
    char line[100];
};

/* The words of line, by blanks; they live in l. */
static enum rc parse(struct lab *l, bool pass_on, const char *line)
{
    char *argv[16];
    int argc = 0;
    *l = (struct lab){0};
    snprintf(l->line, sizeof(l->line), "%s", line);
    for (char *word = strtok(l->line, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    l->known[0] = (struct flag){"write-out", 'w', .text = &l->out};
    l->known[1] = (struct flag){"skip", .set = &l->skip};
    l->flags = (struct flags){.known = l->known, .known_n = 2, .pass_on = pass_on};
    return flags_parse(&l->flags, argc, argv, &l->err);
}

static void flags_stand_anywhere(void **state)
{
    (void)state;
    struct lab l;
    assert_int_equal(parse(&l, false, "a -w json b --skip - -- --skip"), RC_OK);
    assert_string_equal(l.out, "json");
    assert_true(l.skip);
    assert_int_equal(l.flags.n, 4);
    assert_string_equal(l.flags.words[2], "-");
    assert_string_equal(l.flags.words[3], "--skip");
    assert_null(l.flags.words[4]);
    assert_int_equal(parse(&l, false, "--write-out=table --skip=false"), RC_OK);
    assert_string_equal(l.out, "table");
    assert_false(l.skip);
}

static void what_is_not_known_is_refused_or_passed_on(void **state)
{
    (void)state;
    struct lab l;
    assert_int_equal(parse(&l, false, "--name x"), RC_MALFORMED);
    assert_string_equal(l.err.text, "unknown flag: --name");
    assert_int_equal(parse(&l, true, "--name x -w=y"), RC_OK);
    assert_int_equal(l.flags.n, 2);
    assert_string_equal(l.flags.words[0], "--name");
    assert_string_equal(l.out, "y");
    assert_int_equal(parse(&l, false, "--write-out"), RC_MALFORMED);
    assert_string_equal(l.err.text, "flag needs an argument: --write-out");
    assert_int_equal(parse(&l, false, "--skip=perhaps"), RC_MALFORMED);
}

static void too_many_words_are_refused(void **state)
{
    (void)state;
    struct lab l = {0};
    char *argv[FLAGS_WORDS_MAX];
    for (int i = 0; i < FLAGS_WORDS_MAX; i++)
        argv[i] = (char[]){"x"};
    l.flags = (struct flags){0};
    assert_int_equal(flags_parse(&l.flags, FLAGS_WORDS_MAX - 1, argv, &l.err), RC_OK);
    l.flags.n = 0;
    assert_int_equal(flags_parse(&l.flags, FLAGS_WORDS_MAX, argv, &l.err), RC_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_stand_anywhere),
        cmocka_unit_test(what_is_not_known_is_refused_or_passed_on),
        cmocka_unit_test(too_many_words_are_refused),
    };
    return cmocka_run_group_tests_name("cmd/flags", tests, NULL, NULL);
}
