/* The man page names every command and every option of the table. */
#include "ctl/command.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static char *page;

/* As scdoc wants it: underscores escaped. */
static bool page_has(const char *before, const char *text)
{
    char wanted[512];
    int n = snprintf(wanted, sizeof(wanted), "%s", before);
    for (; *text; text++)
        n += snprintf(wanted + n, sizeof(wanted) - (size_t)n, *text == '_' ? "\\%c" : "%c", *text);
    return strstr(page, wanted) != NULL;
}

static void the_page_has_every_command(void **state)
{
    (void)state;
    for (size_t i = 0; i < commands_n; i++) {
        const struct command *c = &commands[i];
        if (!c->run)
            continue;
        if (!page_has("\n*", c->path) || !page_has("\t", c->brief))
            fail_msg("man/moat-ctl.1.scd lacks '%s', or says something else of it", c->path);
        for (size_t j = 0; j < c->flags_n; j++) {
            if (!page_has("--", c->flags[j].name) || !page_has(": ", c->flags[j].help))
                fail_msg("man/moat-ctl.1.scd lacks --%s of '%s'", c->flags[j].name, c->path);
        }
    }
}

static void the_page_has_every_global_option(void **state)
{
    (void)state;
    for (size_t i = 0; i < global_flags_n; i++) {
        if (!page_has("--", global_flags[i].name) || !page_has("\t", global_flags[i].help))
            fail_msg("man/moat-ctl.1.scd lacks --%s", global_flags[i].name);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_has_every_command),
        cmocka_unit_test(the_page_has_every_global_option),
    };
    FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
    size_t size = 1u << 20;
    page = calloc(1, size + 1);
    if (!file || !page || fread(page, 1, size, file) == 0)
        return 1;
    fclose(file);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(page);
    return failed;
}
