/* offline - commands on files, which etcdutl has since etcd 3.6 and etcdctl had before. */
#include "base/mem.h"
#include "ctl/inner.h"

#include <stdio.h>
#include <stdlib.h>

/* --name=value of an option that was given. */
static char *option(const struct flag_value *v)
{
    if (v->flag->type == FLAG_BOOL)
        return mem_printf("--%s=%s", v->flag->name, v->boolean ? "true" : "false");
    return mem_printf("--%s=%s", v->flag->name, (const char *)v->text.p);
}

int ctl_offline(struct ctl *ctl)
{
    char *path = mem_strdup(ctl->command->path);
    size_t own = ctl->command->flags_n; /* they stand first among the values */
    char **argv = mem_calloc(4 + ctl->args.n + own, sizeof(*argv));
    char **options = mem_calloc(own + 1, sizeof(*options));
    size_t options_n = 0;
    int n = 0;
    char *rest = NULL;
    for (char *word = strtok_r(path, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        argv[n++] = word;
    for (size_t i = 0; i < ctl->args.n; i++)
        argv[n++] = ctl->args.v[i];
    for (size_t i = 0; i < own; i++) {
        if (ctl->flags.v[i].changed && strcmp(ctl->flags.v[i].flag->name, "cluster") != 0)
            argv[n++] = options[options_n++] = option(&ctl->flags.v[i]);
    }
    char *format = mem_printf("--write-out=%s", flag_string(&ctl->flags, "write-out"));
    argv[n++] = format;
    fflush(stdout);
    int code = ctl->etcdutl(n, argv);
    while (options_n > 0)
        free(options[--options_n]);
    free(format);
    free(options);
    free(argv);
    free(path);
    return code;
}

static int from_file(struct ctl *ctl)
{
    int code = ctl_setup(ctl);
    return code == EXIT_OK ? ctl_offline(ctl) : code;
}

int cmd_snapshot_status(struct ctl *ctl)
{
    return from_file(ctl);
}

int cmd_snapshot_restore(struct ctl *ctl)
{
    return from_file(ctl);
}
