/* ctl - `moat ctl`, and moat under the name etcdctl: etcdctl's commands for API 3.
 *
 * What it prints to standard output, its exit codes and its "Error: …" lines are those of
 * etcdctl 3.7, so that scripts need not know the difference (docs/ARCHITECTURE.md, moat ctl). Only
 * as `moat ctl` it also says, in a line behind such an error, what a moat server explains. */
#ifndef MOAT_CTL_CTL_H
#define MOAT_CTL_CTL_H

struct ctl_program {
    const char *name; /* how it was called: "moat ctl" or "etcdctl" */
    /* Run etcdutl's command line: what works on files was part of etcdctl before 3.6. */
    int (*etcdutl)(int argc, char **argv);
};

/* Run the command line behind the program's name. Returns the exit status. */
int ctl_main(int argc, char **argv, const struct ctl_program *program);

#endif
