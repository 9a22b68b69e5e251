#include "ctl/help.h"

#include "base/must.h"

#include <stdlib.h>
#include <strings.h>

#define NAME_WIDTH_MIN 11
#define WORD_MAX       32 /* longer words resemble no command */

static int by_path(const void *a, const void *b)
{
    const struct command *const *x = a;
    const struct command *const *y = b;
    return strcmp((*x)->path, (*y)->path);
}

/* The direct subcommands of parent, by name. */
static size_t children(const struct command *parent, const struct command **out)
{
    size_t n = 0;
    for (size_t i = 0; i < commands_n; i++) {
        if (command_is_below(&commands[i], parent))
            out[n++] = &commands[i];
    }
    qsort(out, n, sizeof(const struct command *), by_path);
    return n;
}

static void command_lines(const struct command *const *list, size_t n, int group, struct buf *out)
{
    int width = NAME_WIDTH_MIN;
    for (size_t i = 0; i < n; i++) {
        int len = (int)strlen(command_name(list[i]));
        width = len > width ? len : width;
    }
    for (size_t i = 0; i < n; i++) {
        if (group < 0 || (int)list[i]->group == group)
            buf_printf(out, "  %-*s %s\n", width, command_name(list[i]), list[i]->brief);
    }
}

static void subcommands(const struct command *c, struct buf *out)
{
    const struct command *list[128];
    must(commands_n <= ARRAY_LEN(list));
    size_t n = children(c, list);
    if (c) {
        buf_append_str(out, "\nAvailable Commands:\n");
        command_lines(list, n, -1, out);
        return;
    }
    for (int g = 0; g < GROUP_COUNT; g++) {
        buf_printf(out, "\n%s\n", command_groups[g]);
        command_lines(list, n, g, out);
    }
}

static void options(const struct command *c, struct buf *out)
{
    struct flag help = {"help", FLAG_BOOL, NULL, NULL, 'h'};
    struct flag_values local = {0};
    struct buf text = {0};
    buf_printf(&text, "help for %s%c", command_name(c), 0);
    help.help = (const char *)text.p;
    if (c->flags_n > 0)
        flag_values_add(&local, c->flags, c->flags_n);
    flag_values_add(&local, &help, 1);
    buf_append_str(out, "\nFlags:\n");
    flags_usage(&local, out);
    flag_values_fini(&local);
    buf_fini(&text);
    if (strncmp(c->path, "endpoint ", 9) != 0)
        return;
    buf_append_str(out, "\nGlobal Flags:\n");
    flag_values_add(&local, endpoint_flags, endpoint_flags_n);
    flags_usage(&local, out);
    flag_values_fini(&local);
}

void help_usage(const struct command *c, const char *program, struct buf *out)
{
    const char *space = c ? " " : "";
    const char *path = c ? c->path : "";
    buf_append_str(out, "Usage:\n");
    if (c && c->run)
        buf_printf(out, "  %s %s%s%s [flags]\n", program, path, *c->args ? " " : "", c->args);
    else
        buf_printf(out, "  %s%s%s [command]\n", program, space, path);
    if (!c || !c->run)
        subcommands(c, out);
    if (c)
        options(c, out);
    if (!c || !c->run)
        buf_printf(out, "\nUse \"%s%s%s [command] --help\" for more information about a command.\n",
                   program, space, path);
}

void help_print(const struct command *c, const char *program, struct buf *out)
{
    if (!c)
        buf_append_str(out, "A command line client for etcd's v3 API.\n\n");
    else
        buf_printf(out, "%s\n\n", c->text ? c->text : c->brief);
    help_usage(c, program, out);
    buf_printf(out,
               "Use \"%s options\" for a list of global command-line options (applies to all "
               "commands).\n",
               program);
}

/* Levenshtein's distance, without regard to case. */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1];
    size_t n = strlen(b);
    must(n <= WORD_MAX);
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t same = corner + ((a[i - 1] | 0x20) != (b[j - 1] | 0x20));
            size_t step = 1 + (row[j] < row[j - 1] ? row[j] : row[j - 1]);
            corner = row[j];
            row[j] = same < step ? same : step;
        }
    }
    return row[n];
}

void help_suggest(const char *word, struct buf *out)
{
    for (size_t i = 0; i < commands_n; i++) {
        const char *name = command_name(&commands[i]);
        if (!command_is_below(&commands[i], NULL) || commands[i].own || strlen(name) > WORD_MAX)
            continue;
        if (distance(word, name) <= 2 || strncasecmp(name, word, strlen(word)) == 0)
            buf_printf(out, "\t%s\n", name);
    }
}

void help_options(struct buf *out)
{
    struct flag_values all = {0};
    flag_values_add(&all, global_flags, global_flags_n);
    buf_append_str(out, "The following options can be passed to any command:\n\n");
    flags_usage(&all, out);
    flag_values_fini(&all);
}
