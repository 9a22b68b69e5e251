#include "cmd/import.h"

#include "cmd/cmd.h"
#include "cmd/flags.h"
#include "cmd/live.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void help(FILE *to)
{
    fprintf(
        to,
        "usage: moat import --snapshot FILE [FLAG ...]\n"
        "       moat import --from URL [FLAG ...]\n\n"
        "Makes a data directory out of a snapshot of etcd 3.4 to 3.7 (etcdctl snapshot save),\n"
        "or of moat's own: keys with their revisions, leases, users, roles and alarms.\n\n"
        "  --snapshot FILE      the snapshot\n"
        "  --skip-hash-check    take a file without the SHA-256 at its end, such as etcd's\n"
        "                       member/snap/db of a server that is stopped\n"
        "  --bump-revision N    let revisions go on N higher, and\n"
        "  --mark-compacted     take all up to there for compacted\n\n"
        "With --from the snapshot is a running server's, whose changes are then followed, until\n"
        "SIGINT or SIGTERM says that it is time to switch: stop its writers before that.\n\n"
        "  --from URL           the server (or several URLs of it, by commas)\n"
        "  --from-user NAME:PASSWORD\n"
        "                       root there, if authentication is on\n"
        "  --from-cacert FILE   whom to trust, where it is served over TLS, and what to show it:\n"
        "  --from-cert FILE, --from-key FILE\n"
        "  --until-level        end by itself, once nothing is missing\n\n"
        "All other flags are the server's: give it the same ones then (--data-dir, --name,\n"
        "--initial-cluster, --initial-cluster-token, --initial-advertise-peer-urls).\n");
}

static void show_progress(void *arg, uint64_t done, uint64_t bytes)
{
    (void)arg;
    fprintf(stderr, "\r%3.0f %% of %" PRIu64 " MiB", 100.0 * (double)done / (double)(bytes | 1),
            bytes >> 20);
}

enum rc import_bump(const char *bump, bool mark, struct restore_options *opt, struct err *err)
{
    char *end = NULL;
    errno = 0;
    unsigned long long n = bump ? strtoull(bump, &end, 10) : 0;
    if (bump && (errno || end == bump || *end || *bump == '-'))
        return err_set(err, RC_INVALID, "--bump-revision=%s is no number", bump);
    if (mark != (n > 0))
        return err_set(err, RC_INVALID,
                       mark ? "--mark-compacted cannot be used without --bump-revision"
                            : "--mark-compacted required if --bump-revision > 0");
    opt->import.bump_revision = n;
    return RC_OK;
}

enum rc import_with_flags(int argc, char *const *argv, struct restore_options *opt,
                          struct import_result *out, struct err *err)
{
    struct conf conf = {0};
    enum conf_action action = CONF_RUN;
    bool talk = isatty(STDERR_FILENO);
    enum rc rc = conf_load(argc, argv, environ, &conf, &action, err);
    if (rc == RC_OK && action != CONF_RUN)
        rc = err_set(err, RC_MALFORMED, "that flag is not for importing");
    if (talk)
        opt->import.progress = show_progress;
    if (rc == RC_OK)
        rc = restore_snapshot(&conf, opt, out, err);
    if (talk && rc == RC_OK)
        fprintf(stderr, "\r%*s\r", 40, "");
    conf_fini(&conf);
    return rc;
}

int cmd_import(const struct cmd_args *args)
{
    struct restore_options opt = {0};
    struct live_options live = {0};
    struct import_result r;
    struct err err = {0};
    const char *bump = NULL;
    bool mark = false;
    bool wants_help = false;
    const struct flag known[] = {
        {"snapshot", .text = &opt.path},
        {"skip-hash-check", .set = &opt.skip_hash_check},
        {"bump-revision", .text = &bump},
        {"mark-compacted", .set = &mark},
        {"from", .text = &live.from},
        {"from-user", .text = &live.who.user},
        {"from-cacert", .text = &live.who.tls.cacert},
        {"from-cert", .text = &live.who.tls.cert},
        {"from-key", .text = &live.who.tls.key},
        {"until-level", .set = &live.until_level},
        {"help", 'h', .set = &wants_help},
    };
    struct flags f = {.known = known, .known_n = ARRAY_LEN(known), .pass_on = true};
    enum rc rc = flags_parse(&f, args->argc, args->argv, &err);
    if (rc == RC_OK && wants_help) {
        help(stdout);
        return 0;
    }
    if (rc == RC_OK && !opt.path == !live.from)
        rc = err_set(&err, RC_MALFORMED,
                     "either --snapshot FILE or --from URL is needed; see moat import --help");
    if (rc == RC_OK)
        rc = import_bump(bump, mark, &opt, &err);
    if (rc == RC_OK)
        rc = opt.path ? import_with_flags(f.n, f.words, &opt, &r, &err)
                      : live_import(f.n, f.words, &live, &r, &err);
    if (rc != RC_OK) {
        fprintf(stderr, "moat: %s\n", err.text[0] ? err.text : rc_text(rc));
        return rc == RC_MALFORMED ? 2 : 1;
    }
    printf("imported %s: revision %" PRId64 ", %" PRIu64 " stored revisions, %" PRIu64
           " leases, %" PRIu64 " users, %" PRIu64 " roles, %" PRIu64 " alarms; authentication is "
           "%s\nnow start moat server with the same flags\n",
           opt.path ? opt.path : live.from, r.revision, r.revisions, r.leases, r.users, r.roles,
           r.alarms, r.auth_enabled ? "on" : "off");
    return 0;
}
