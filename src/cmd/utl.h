/* utl - what etcdutl's commands share: the table of them, their flags, help, completion. */
#ifndef MOAT_CMD_UTL_H
#define MOAT_CMD_UTL_H

#include "ctl/flags.h"

enum format { FORMAT_SIMPLE, FORMAT_JSON, FORMAT_TABLE, FORMAT_FIELDS, FORMAT_COUNT };

struct utl;

struct utl_command {
    const char *path;  /* "snapshot status" */
    const char *usage; /* behind the path */
    const char *brief;
    const struct flag *flags;
    size_t flags_n;
    const char *required[2];     /* flags that must be given; NULL: none (more) */
    int (*run)(struct utl *utl); /* NULL: it has subcommands. Returns the exit status. */
};

struct utl {
    const struct utl_command *command;
    enum format format;
    struct flag_values flags;
    struct flag_args args;
};

extern const struct utl_command utl_commands[];
extern const size_t utl_commands_n;

#define UTL_EXIT_ERROR    1
#define UTL_EXIT_BAD_ARGS 128

/* Words and flags, and the format when one is named that there is. RC_INVALID: a usage error, in
 * err; utl->command is set as far as it is known (NULL: the program itself). */
MUST_USE enum rc utl_parse(struct utl *utl, int argc, char **argv, struct err *err);
void utl_fini(struct utl *utl);

/* The usage of a command, NULL: of the program. */
void utl_usage(const struct utl_command *c, struct buf *out);

/* A script for bash, zsh, fish or powershell. False: for none of them. */
bool utl_completion(const char *shell, struct buf *out);

#endif
