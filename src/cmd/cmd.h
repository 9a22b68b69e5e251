/* cmd - one table of subcommands; argv[0] picks a personality. */
#ifndef MOAT_CMD_CMD_H
#define MOAT_CMD_CMD_H

#include <stdbool.h>

struct cmd_args {
    int argc; /* without program name and subcommand */
    char **argv;
    bool as_etcd; /* run under the name etcd: its start-up has no words for people */
};

/* Each returns the exit status. */
int cmd_etcdutl(const struct cmd_args *args);
int cmd_import(const struct cmd_args *args);
int cmd_verify(const struct cmd_args *args);
int cmd_server(const struct cmd_args *args);

#endif
