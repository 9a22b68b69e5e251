#include "cmd/cmd.h"

#include "base/cc.h"
#include "ctl/ctl.h"

#include <stdio.h>
#include <string.h>

struct command {
    const char *name;
    const char *help;
    int (*run)(const struct cmd_args *args);
};

static int cmd_version(const struct cmd_args *args)
{
    (void)args;
    printf("moat %s\n", MOAT_VERSION);
    return 0;
}

static int run_etcdutl(int argc, char **argv)
{
    return cmd_etcdutl(&(struct cmd_args){argc, argv, false});
}

static int run_ctl(int argc, char **argv, const char *name)
{
    return ctl_main(argc, argv, &(struct ctl_program){name, run_etcdutl});
}

static int cmd_ctl(const struct cmd_args *args)
{
    return run_ctl(args->argc, args->argv, "moat ctl");
}

static const struct command commands[] = {
    {"ctl", "talk to a server: etcdctl's commands (`moat ctl help` lists them)", cmd_ctl},
    {"etcdutl", "work on snapshots and stopped data, as etcdutl does", cmd_etcdutl},
    {"import", "make a data directory out of etcd's snapshot", cmd_import},
    {"server", "run a server (flags, ETCD_* variables and files as etcd's; --help lists them)",
     cmd_server},
    {"verify", "compare the keys of two servers, moat's or etcd's", cmd_verify},
    {"version", "print moat's version", cmd_version},
};

static void usage(FILE *to)
{
    fprintf(to, "moat - an etcd-compatible key-value store with its own security fabric\n\n"
                "usage: moat COMMAND [FLAG ...]\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
    fprintf(to,
            "\nRun under the name etcd, it takes the flags of `moat server` without a command;\n"
            "under the names etcdctl and etcdutl, those of `moat ctl` and `moat etcdutl`.\n"
            "Manuals: moat(1), moat-ctl(1), moat-server(8).\n");
}

static bool is_help(const char *word)
{
    return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int main(int argc, char **argv)
{
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *name = slash ? slash + 1 : argc > 0 ? argv[0] : "moat";
    if (strcmp(name, "etcd") == 0)
        return cmd_server(&(struct cmd_args){argc - 1, argv + 1, true});
    if (strcmp(name, "etcdctl") == 0)
        return run_ctl(argc - 1, argv + 1, "etcdctl");
    if (strcmp(name, "etcdutl") == 0)
        return cmd_etcdutl(&(struct cmd_args){argc - 1, argv + 1, true});
    if (argc < 2) {
        usage(stderr);
        return 2;
    }
    if (is_help(argv[1])) {
        usage(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0)
        return cmd_version(NULL);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, argv[1]) == 0)
            return commands[i].run(&(struct cmd_args){argc - 2, argv + 2, false});
    fprintf(stderr, "moat: no command '%s'; `moat help` lists them\n", argv[1]);
    return 2;
}
