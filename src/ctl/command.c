#include "ctl/command.h"

#include "base/must.h"

const char *command_name(const struct command *c)
{
    const char *space = strrchr(c->path, ' ');
    return space ? space + 1 : c->path;
}

bool command_is_below(const struct command *child, const struct command *parent)
{
    size_t n = parent ? strlen(parent->path) : 0;
    const char *rest = child->path;
    if (parent) {
        if (strncmp(rest, parent->path, n) != 0 || rest[n] != ' ')
            return false;
        rest += n + 1;
    }
    return !strchr(rest, ' ');
}

const struct command *command_at(const char *path)
{
    for (size_t i = 0; i < commands_n; i++) {
        if (strcmp(commands[i].path, path) == 0)
            return &commands[i];
    }
    return NULL;
}

static const struct command *below(const struct command *parent, const char *word)
{
    const struct command *found = NULL;
    size_t matches = 0;
    for (size_t i = 0; i < commands_n; i++) {
        const struct command *c = &commands[i];
        if (!command_is_below(c, parent))
            continue;
        if (strcmp(command_name(c), word) == 0)
            return c;
        if (!c->own && strncmp(command_name(c), word, strlen(word)) == 0) {
            found = c;
            matches++;
        }
    }
    return matches == 1 ? found : NULL;
}

/* Whether the option at word takes the word behind it. One that is not known here may belong to the
 * command that is still to come: it does (spf13/cobra's stripFlags). */
static bool takes_next(struct flag_values *known, const char *word)
{
    const struct flag_value *v = NULL;
    if (strchr(word, '='))
        return false;
    if (word[1] == '-')
        v = flag_find(known, slice_str(word + 2));
    else if (word[2])
        return false;
    else
        v = flag_find_letter(known, word[1]);
    return !v || v->flag->type != FLAG_BOOL;
}

/* The index of the first word that is no option; argc if there is none. */
static int first_word(const struct command *at, int argc, char **argv)
{
    struct flag_values known = {0};
    int i = 0;
    command_flags(at, &known);
    while (i < argc && strcmp(argv[i], "--") != 0) {
        if (argv[i][0] != '-' || !argv[i][1]) {
            if (argv[i][0])
                break;
        } else if (takes_next(&known, argv[i])) {
            i++;
        }
        i++;
    }
    bool found = i < argc && strcmp(argv[i], "--") != 0;
    flag_values_fini(&known);
    return found ? i : argc;
}

enum rc command_find(int *argc, char **argv, const struct command **out, const char **word)
{
    const struct command *at = NULL;
    while (!at || !at->run) {
        int i = first_word(at, *argc, argv);
        if (i == *argc)
            break;
        const struct command *next = below(at, argv[i]);
        if (!next && at)
            break;
        if (!next) {
            *word = argv[i];
            return RC_NOT_FOUND;
        }
        at = next;
        memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof(*argv));
        --*argc;
    }
    *out = at;
    return RC_OK;
}

static const struct flag help_flag = {"help", FLAG_BOOL, NULL, NULL, 'h'};

void command_flags(const struct command *c, struct flag_values *values)
{
    if (c && c->flags_n > 0)
        flag_values_add(values, c->flags, c->flags_n);
    if (c && strncmp(c->path, "endpoint ", 9) == 0)
        flag_values_add(values, endpoint_flags, endpoint_flags_n);
    flag_values_add(values, global_flags, global_flags_n);
    flag_values_add(values, &help_flag, 1);
}
