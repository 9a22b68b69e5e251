/* command - the table of commands: words, options, help, function. */
#ifndef MOAT_CTL_COMMAND_H
#define MOAT_CTL_COMMAND_H

#include "ctl/flags.h"

struct ctl;

enum command_group {
    GROUP_KV,
    GROUP_CLUSTER,
    GROUP_CONCURRENCY,
    GROUP_AUTH,
    GROUP_UTILITY,
    GROUP_COUNT
};

struct command {
    const char *path; /* "endpoint status" */
    enum command_group group;
    const char *args; /* behind the path in usage: "[options] <key> [range_end]" */
    const char *brief;
    const char *text; /* longer; NULL: brief */
    const struct flag *flags;
    size_t flags_n;
    int (*run)(struct ctl *ctl); /* NULL: it has subcommands. Returns the exit status. */
    bool own; /* etcdctl has it not: what it takes for a word cut short, or misspelt, stays so */
};

/* The commands, in the order in which suggestions are made; a parent before its children. */
extern const struct command commands[];
extern const size_t commands_n;
extern const char *const command_groups[GROUP_COUNT];

/* Options of every command, and of `endpoint`'s subcommands. */
extern const struct flag global_flags[];
extern const size_t global_flags_n;
extern const struct flag endpoint_flags[];
extern const size_t endpoint_flags_n;

const struct command *command_at(const char *path); /* NULL: none */

/* The last word of a command's path. */
const char *command_name(const struct command *c);

/* Whether child is a direct subcommand of parent (NULL: of the program itself). */
bool command_is_below(const struct command *child, const struct command *parent);

/* The command that argv asks for: the first word that is no option, or value of one, then the next,
 * as deep as there are subcommands; beginnings do where they are unique. What was used is removed
 * from argv. *out is NULL when there is no such word. RC_NOT_FOUND: an unknown word, in *word. */
MUST_USE enum rc command_find(int *argc, char **argv, const struct command **out,
                              const char **word);

/* Add the options that a command takes. */
void command_flags(const struct command *c, struct flag_values *values);

#endif
