/* help - what a command takes, made from the table. */
#ifndef MOAT_CTL_HELP_H
#define MOAT_CTL_HELP_H

#include "ctl/command.h"

/* The usage of c (NULL: of the program): synopsis, subcommands, options. */
void help_usage(const struct command *c, const char *program, struct buf *out);

/* A description, the usage, and where the common options are. */
void help_print(const struct command *c, const char *program, struct buf *out);

/* Commands that a mistyped word may have meant: lines with a tab, or nothing. */
void help_suggest(const char *word, struct buf *out);

/* The options that every command takes. */
void help_options(struct buf *out);

#endif
