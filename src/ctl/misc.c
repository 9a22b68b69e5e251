/* misc - version, options, help. */
#include "ctl/help.h"
#include "ctl/print.h"

#include <stdio.h>

int cmd_version(struct ctl *ctl)
{
    printf("etcdctl version: 3.7.0\nAPI version: 3.7\n");
    (void)ctl;
    return EXIT_OK;
}

int cmd_options(struct ctl *ctl)
{
    struct buf out = {0};
    (void)ctl;
    help_options(&out);
    print_buf(&out);
    return EXIT_OK;
}

int cmd_help(struct ctl *ctl)
{
    const struct command *about = NULL;
    const char *word = NULL;
    struct buf out = {0};
    int n = (int)ctl->args.n;
    if (command_find(&n, ctl->args.v, &about, &word) != RC_OK) {
        help_usage(NULL, ctl->program, &out);
        fprintf(stderr, "Unknown help topic [`%s`]\n%.*s", word, (int)out.n, (const char *)out.p);
        buf_fini(&out);
        return EXIT_OK;
    }
    help_print(about, ctl->program, &out);
    print_buf(&out);
    return EXIT_OK;
}
