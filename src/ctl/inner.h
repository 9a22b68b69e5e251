/* inner - what the commands of this folder share. */
#ifndef MOAT_CTL_INNER_H
#define MOAT_CTL_INNER_H

#include "client/client.h"
#include "ctl/command.h"

/* etcdctl's exit codes (pkg/cobrautl/error.go). */
enum ctl_exit {
    EXIT_OK = 0,
    EXIT_ERROR = 1,
    EXIT_BAD_CONNECTION = 2,
    EXIT_INVALID_INPUT = 3,
    EXIT_BAD_FEATURE = 4,
    EXIT_INTERRUPTED = 5,
    EXIT_BAD_ARGS = 128,
    EXIT_KILLED = 255 /* of a program that a signal ended: Go's -1 */
};

enum ctl_format { FORMAT_SIMPLE, FORMAT_FIELDS, FORMAT_JSON, FORMAT_PROTOBUF, FORMAT_TABLE };

struct ctl {
    const char *program; /* "moat ctl" or "etcdctl" */
    int (*etcdutl)(int argc, char **argv);
    const struct command *command;
    struct flag_values flags;
    struct flag_args args;
    enum ctl_format format;
    bool hex;
    bool value_only; /* --print-value-only */
    struct client_loop loop;
    struct client *client;
    struct client_status status; /* of the last call that failed */
    struct arena arena;          /* requests and answers; until the end */
    void (*tick)(void *arg);     /* after each wait for a program; may be NULL */
    void *tick_arg;
};

/* Print "Error: …" and return code. */
int ctl_fail(int code, const char *fmt, ...) PRINTF(2, 3);

/* The options and variables that all commands share; then the connection's settings are known.
 * Each returns EXIT_OK, or prints the error and returns its code. */
int ctl_setup(struct ctl *ctl);
/* ctl_setup, then a client that is logged in: ctl->client. */
int ctl_connect(struct ctl *ctl);

/* A client for these endpoints with the settings of ctl; NULL after *code was printed and set. */
struct client *ctl_client(struct ctl *ctl, const struct slice *endpoints, size_t n, int *code);

struct credentials {
    struct slice user; /* empty: no login */
    struct slice password;
    struct slice token;
    struct client_tls_options tls; /* no file is NULL */
    bool secure;                   /* TLS also where an endpoint has no scheme */
};

/* The same, as somebody else. */
struct client *ctl_client_as(struct ctl *ctl, const struct slice *endpoints, size_t n,
                             const struct credentials *who, int *code);
/* Take "name:password" apart when there is no password yet; ask when there is none at all. */
int ctl_split_user(struct ctl *ctl, const char *prompt, struct credentials *who);

/* The texts of --endpoints. */
const struct slice *ctl_endpoints(struct ctl *ctl, size_t *n);

/* --command-timeout from now. */
uint64_t ctl_deadline(const struct ctl *ctl);

/* A unary call of ctl->client within --command-timeout; its failure stands in ctl->status. */
MUST_USE enum rc ctl_try(struct ctl *ctl, enum client_method m, const void *request,
                         void *response);
/* … which also prints the failure: EXIT_OK or EXIT_ERROR. */
int ctl_call(struct ctl *ctl, enum client_method m, const void *request, void *response);
/* … without a deadline, as etcdctl makes some calls. */
int ctl_call_patiently(struct ctl *ctl, enum client_method m, const void *request, void *response);
/* Print ctl->status inside a text with one %s, or alone. */
int ctl_call_failed(struct ctl *ctl, int code, const char *around);

/* The end of the range of all keys with this prefix, in the arena (clientv3's GetPrefixRangeEnd).
 */
struct slice ctl_prefix_end(struct arena *arena, struct slice prefix);

struct slice ctl_arg(const struct ctl *ctl, size_t i);
int ctl_lease_arg(const char *text, int64_t *id); /* hexadecimal */

/* Requests of get, put and del, from options and arguments; txn builds its operations from them. */
int ctl_get_request(struct ctl *ctl, struct pb_range_request *out);
int ctl_put_request(struct ctl *ctl, struct pb_put_request *out);
int ctl_del_request(struct ctl *ctl, struct pb_delete_range_request *out);

int ctl_consistency(const char *text, bool *serializable);

/* Ask on the terminal, without echo. */
int ctl_ask_password(struct ctl *ctl, const char *prompt, struct slice *out);

/* Client URLs of all members; prints its failure. */
int ctl_cluster_endpoints(struct ctl *ctl, const struct slice **out, size_t *n);

int ctl_print_role(const struct ctl *ctl, struct slice name,
                   const struct pb_auth_role_get_response *r);

/* Run a program with more variables ("K=V", NULL at the end), while the loop and tick go on. Not
 * RC_OK: it could not be started, or did not end with status 0; err has Go's sentence for that, and
 * *status what to end with. */
MUST_USE enum rc ctl_exec(struct ctl *ctl, char *const *argv, char *const *more, int *status,
                          struct err *err);

/* Run a command of etcdutl's on files, with the options of ctl->command that were given. */
int ctl_offline(struct ctl *ctl);

/* A descriptor that has input once SIGINT or SIGTERM came; they do not kill from here on. */
int ctl_signal_fd(void);

/* The commands. */
int cmd_get(struct ctl *ctl);
int cmd_put(struct ctl *ctl);
int cmd_del(struct ctl *ctl);
int cmd_txn(struct ctl *ctl);
int cmd_compaction(struct ctl *ctl);
int cmd_watch(struct ctl *ctl);
int cmd_lease_grant(struct ctl *ctl);
int cmd_lease_revoke(struct ctl *ctl);
int cmd_lease_timetolive(struct ctl *ctl);
int cmd_lease_list(struct ctl *ctl);
int cmd_lease_keep_alive(struct ctl *ctl);
int cmd_member_add(struct ctl *ctl);
int cmd_member_remove(struct ctl *ctl);
int cmd_member_update(struct ctl *ctl);
int cmd_member_list(struct ctl *ctl);
int cmd_member_promote(struct ctl *ctl);
int cmd_endpoint_health(struct ctl *ctl);
int cmd_endpoint_status(struct ctl *ctl);
int cmd_endpoint_hashkv(struct ctl *ctl);
int cmd_alarm_disarm(struct ctl *ctl);
int cmd_alarm_list(struct ctl *ctl);
int cmd_defrag(struct ctl *ctl);
int cmd_move_leader(struct ctl *ctl);
int cmd_downgrade_validate(struct ctl *ctl);
int cmd_downgrade_enable(struct ctl *ctl);
int cmd_downgrade_cancel(struct ctl *ctl);
int cmd_snapshot_save(struct ctl *ctl);
int cmd_snapshot_status(struct ctl *ctl);
int cmd_snapshot_restore(struct ctl *ctl);
int cmd_lock(struct ctl *ctl);
int cmd_elect(struct ctl *ctl);
int cmd_auth_enable(struct ctl *ctl);
int cmd_auth_disable(struct ctl *ctl);
int cmd_auth_status(struct ctl *ctl);
int cmd_user_add(struct ctl *ctl);
int cmd_user_delete(struct ctl *ctl);
int cmd_user_get(struct ctl *ctl);
int cmd_user_list(struct ctl *ctl);
int cmd_user_passwd(struct ctl *ctl);
int cmd_user_grant_role(struct ctl *ctl);
int cmd_user_revoke_role(struct ctl *ctl);
int cmd_role_add(struct ctl *ctl);
int cmd_role_delete(struct ctl *ctl);
int cmd_role_get(struct ctl *ctl);
int cmd_role_list(struct ctl *ctl);
int cmd_role_grant_permission(struct ctl *ctl);
int cmd_role_revoke_permission(struct ctl *ctl);
int cmd_du(struct ctl *ctl);
int cmd_top(struct ctl *ctl);
int cmd_check_perf(struct ctl *ctl);
int cmd_check_datascale(struct ctl *ctl);
int cmd_make_mirror(struct ctl *ctl);
int cmd_completion(struct ctl *ctl);
int cmd_options(struct ctl *ctl);
int cmd_version(struct ctl *ctl);
int cmd_help(struct ctl *ctl);

#endif
