/* conf - what `moat server` was told: flags, ETCD_* variables or a YAML file, in one struct.
 *
 * One table (conf/table.h) knows every flag of etcd 3.4 to 3.7, and --help, the reference page and
 * the man page are printed from it. The rules are etcd's (etcdmain/config.go, pkg/flags):
 * --config-file, or ETCD_CONFIG_FILE, replaces all other flags and variables; else a variable
 * fills what no flag set, and a name set both ways is fatal. A flag that this version cannot
 * honour stops the start with a sentence unless it asks for what happens anyway. */
#ifndef MOAT_CONF_CONF_H
#define MOAT_CONF_CONF_H

#include "base/buf.h"
#include "base/cc.h"
#include "base/err.h"
#include "base/log.h"
#include "conf/url.h"

#define CONF_ETCD_VERSION      "3.7.0"     /* the etcd that moat behaves as */
#define CONF_QUOTA_BYTES       (2LL << 30) /* what a quota of 0 stands for (etcd: 2 GiB) */
#define CONF_QUOTA_BYTES_WARN  (8LL << 30) /* etcd warns above this */
#define CONF_QUOTA_NONE        (-1)        /* any negative quota: no limit */
#define CONF_REQUEST_BYTES_MAX (32 << 20)  /* a request and its envelope fit in one WAL segment */
#define CONF_NOTES_MAX         64          /* later ones are counted, not kept */

enum conf_action { CONF_RUN, CONF_VERSION, CONF_HELP };
enum conf_cluster_state { CONF_CLUSTER_NEW, CONF_CLUSTER_EXISTING };
enum conf_compaction { CONF_COMPACT_PERIODIC, CONF_COMPACT_REVISION };
enum conf_member_list { CONF_MEMBERS_FULL, CONF_MEMBERS_CLIENT_URLS, CONF_MEMBERS_NONE };
enum conf_log_format { CONF_LOG_JSON, CONF_LOG_CONSOLE };
enum conf_metrics { CONF_METRICS_BASIC, CONF_METRICS_EXTENSIVE };
enum conf_logger { CONF_LOGGER_ZAP, CONF_LOGGER_CAPNSLOG };

struct conf_strings {
    char **v;
    size_t n;
};

/* One name of --initial-cluster with its peer URLs, sorted: what member IDs are computed from. */
struct conf_member {
    char *name;
    struct conf_urls peer_urls;
};

/* What --auth-token=jwt,… says; sign_method NULL: tokens are simple ones. */
struct conf_jwt {
    char *sign_method; /* "RS256" … */
    char *public_key;  /* files; NULL: not given */
    char *private_key;
    uint64_t ttl_s;
};

/* etcd's feature gates (conf/gates.h), by name. */
enum conf_gate {
    CONF_GATE_COMPACT_HASH_CHECK,
    CONF_GATE_FAST_LEASE_KEEP_ALIVE,
    CONF_GATE_INITIAL_CORRUPT_CHECK,
    CONF_GATE_LEASE_CHECKPOINT,
    CONF_GATE_LEASE_CHECKPOINT_PERSIST,
    CONF_GATE_PRIORITY_REQUEST,
    CONF_GATE_SET_MEMBER_LOCAL_ADDR,
    CONF_GATE_STOP_GRPC_SERVICE_ON_DEFRAG,
    CONF_GATE_TXN_MODE_WRITE_WITH_SHARED_BUFFER,
    CONF_GATE_COUNT
};

struct conf_gates {
    bool on[CONF_GATE_COUNT];
};

/* When a log file makes room for a new one. */
struct conf_rotation {
    uint64_t bytes_max;
    uint32_t days_max;    /* older ones are deleted; 0: none is */
    uint32_t backups_max; /* more are deleted; 0: none is */
    bool local_time;      /* in their names; else UTC */
    bool compress;        /* with gzip */
};

/* A sentence to log once the log is there. */
struct conf_note {
    enum log_level level;
    char *text;
};

struct conf_notes {
    struct conf_note *v;
    size_t n;
    size_t dropped;
};

/* Owned by the caller from conf_load to conf_fini. {0} is empty. Every string is set. */
struct conf {
    char *name;
    char *data_dir;    /* NAME.etcd by default; relative to the working directory */
    char *wal_dir;     /* "": inside data_dir */
    char *config_file; /* "": from flags and variables */

    struct conf_urls listen_client_urls;
    struct conf_urls listen_peer_urls;
    struct conf_urls listen_metrics_urls; /* may be empty */
    struct conf_urls advertise_client_urls;
    struct conf_urls initial_advertise_peer_urls;

    char *initial_cluster; /* as given or derived: NAME=URL,NAME=URL */
    char *initial_cluster_token;
    enum conf_cluster_state initial_cluster_state;
    struct conf_member *members; /* initial_cluster, parsed, sorted by name */
    size_t member_count;         /* 1 in this version */
    int64_t max_learners;
    bool strict_reconfig_check;
    bool force_new_cluster;

    int64_t quota_backend_bytes; /* never 0; CONF_QUOTA_NONE: no limit */
    uint64_t max_request_bytes;  /* of a client's request; <= CONF_REQUEST_BYTES_MAX */
    uint64_t max_txn_ops;
    enum conf_compaction auto_compaction_mode;
    char *auto_compaction_retention; /* as given */
    int64_t auto_compaction;         /* what it says: ns, or revisions; 0: never by itself */
    uint64_t snapshot_count;         /* entries between two raft snapshots; never 0 */
    uint32_t max_concurrent_streams;
    int64_t grpc_keepalive_min_time_ns; /* 0 or less, as in etcd: gRPC's own default */
    int64_t grpc_keepalive_interval_ns;
    int64_t grpc_keepalive_timeout_ns;
    uint64_t heartbeat_interval_ms; /* no effect with one voter */
    uint64_t election_timeout_ms;   /* 5 heartbeats or more, at most 50 s */

    struct conf_urls listen_client_http_urls; /* HTTP alone; then gRPC alone on the others */
    bool memory_mlock;
    bool socket_reuse_port;
    bool initial_corrupt_check;
    struct conf_gates gates;

    bool enable_grpc_gateway;
    bool enable_v3alpha;
    struct conf_strings cors;           /* origins; "*": all */
    struct conf_strings host_whitelist; /* names; "*": all */
    enum conf_metrics metrics;
    int64_t watch_progress_ns; /* at least 100 ms */
    char *auth_token;          /* as given; taken apart: */
    struct conf_jwt jwt;
    uint64_t auth_token_ttl_s;
    uint64_t bcrypt_cost; /* 4 to 31 */
    enum conf_member_list auth_member_list;

    enum log_level log_level;
    enum conf_log_format log_format;
    enum conf_logger logger;
    struct conf_strings log_outputs; /* "stderr", "stdout" or a file; "default" became "stderr" */
    int64_t warning_apply_ns;        /* 0 or less: every one */
    int64_t warning_request_ns;      /* the same */
    bool enable_log_rotation;
    char *log_rotation_json; /* as given; taken apart: */
    struct conf_rotation log_rotation;
    bool debug; /* 3.4's --debug; already in log_level */

    struct conf_notes notes; /* in the order in which they arose */
};

/* Read the configuration. argv has the flags alone: no program name, no subcommand. envp is
 * environ. When action is not CONF_RUN, out is empty: print conf_version or conf_help and leave
 * with 0. On failure out and action are untouched, err has the sentence, and the rc is
 *   RC_MALFORMED  the command line cannot be read: print conf_usage too
 *   other         a value is wrong, or asks for what this version cannot do.
 * conf_exit_status gives the process status that etcd uses for each. */
MUST_USE enum rc conf_load(int argc, char *const *argv, char *const *envp, struct conf *out,
                           enum conf_action *action, struct err *err);
void conf_fini(struct conf *conf);

/* What etcd checks only before it makes a new member, so that a flag which went stale does not
 * stop a restart (etcd server/config VerifyBootstrap): the own name is in --initial-cluster, with
 * the URLs of --initial-advertise-peer-urls. Call when there is no data yet. */
MUST_USE enum rc conf_check_bootstrap(const struct conf *conf, struct err *err);

int conf_exit_status(enum rc rc); /* 0, 2 for RC_MALFORMED, else 1 */

void conf_version(struct buf *out);   /* --version: etcd's lines, then ours */
void conf_usage(struct buf *out);     /* the short text, for stderr after a wrong command line */
void conf_help(struct buf *out);      /* --help: the usage and every flag that works */
void conf_reference(struct buf *out); /* every flag, as a Markdown page */
void conf_manual(struct buf *out);    /* the OPTIONS section of the man page, as scdoc */

#endif
