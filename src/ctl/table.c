/* table - every command of etcdctl 3.4 to 3.7, with its options. */
#include "ctl/inner.h"

const char *const command_groups[GROUP_COUNT] = {
    [GROUP_KV] = "Key-value commands",
    [GROUP_CLUSTER] = "Cluster maintenance commands",
    [GROUP_CONCURRENCY] = "Concurrency commands",
    [GROUP_AUTH] = "Authentication commands",
    [GROUP_UTILITY] = "Utility commands",
};

const struct flag global_flags[] = {
    {"auth-jwt-token", FLAG_STRING, NULL, "token to send with each call, in place of --user"},
    {"cacert", FLAG_STRING, NULL, "bundle of CA certificates to check the servers against"},
    {"cert", FLAG_STRING, NULL, "certificate file to show to the servers"},
    {"command-timeout", FLAG_DURATION, "5s", "time that a short command may take"},
    {"debug", FLAG_BOOL, NULL, "print the settings that are used"},
    {"dial-timeout", FLAG_DURATION, "2s",
     "time that a login, or one of several endpoints, may take"},
    {"discovery-srv", FLAG_STRING, NULL, "domain whose SRV records name the endpoints", 'd'},
    {"discovery-srv-name", FLAG_STRING, NULL, "service name in these SRV records"},
    {"endpoints", FLAG_STRINGS, "127.0.0.1:2379", "addresses of the servers, by commas"},
    {"hex", FLAG_BOOL, NULL, "print keys and values in hexadecimal"},
    {"insecure-discovery", FLAG_BOOL, "true", "take SRV records of plaintext endpoints"},
    {"insecure-skip-tls-verify", FLAG_BOOL, NULL, "do not check the servers' certificates"},
    {"insecure-transport", FLAG_BOOL, "true", "talk in plaintext"},
    {"keepalive-time", FLAG_DURATION, "2s",
     "silence after which the connection is probed, at least 10s"},
    {"keepalive-timeout", FLAG_DURATION, "6s", "time for the answer to such a probe"},
    {"key", FLAG_STRING, NULL, "key file of --cert"},
    {"max-recv-bytes", FLAG_INT, NULL, "largest message to take (0: 2147483647 bytes)"},
    {"max-request-bytes", FLAG_INT, NULL, "largest message to send (0: 2097152 bytes)"},
    {"password", FLAG_STRING, NULL, "password of --user"},
    {"user", FLAG_STRING, NULL, "name[:password] to log in with; asks for a missing password"},
    {"write-out", FLAG_STRING, "simple", "output format: fields, json, protobuf, simple, table",
     'w'},
};
const size_t global_flags_n = ARRAY_LEN(global_flags);

const struct flag endpoint_flags[] = {
    {"cluster", FLAG_BOOL, NULL, "ask all members of the cluster"},
};
const size_t endpoint_flags_n = ARRAY_LEN(endpoint_flags);

#define CONSISTENCY                                                                                \
    {                                                                                              \
        "consistency", FLAG_STRING, "l", "l: linearizable, s: serializable"                        \
    }

static const struct flag get_flags[] = {
    CONSISTENCY,
    {"order", FLAG_STRING, NULL, "ASCEND or DESCEND"},
    {"sort-by", FLAG_STRING, NULL, "CREATE, KEY, MODIFY, VALUE or VERSION"},
    {"limit", FLAG_INT, NULL, "most keys to print"},
    {"prefix", FLAG_BOOL, NULL, "all keys that begin with this one"},
    {"from-key", FLAG_BOOL, NULL, "all keys from this one on"},
    {"rev", FLAG_INT, NULL, "as it was at this revision"},
    {"keys-only", FLAG_BOOL, NULL, "leave the values out"},
    {"count-only", FLAG_BOOL, NULL, "only count the keys"},
    {"print-value-only", FLAG_BOOL, NULL, "leave the keys out (simple format)"},
    {"min-create-rev", FLAG_INT, NULL, "created at this revision or later"},
    {"max-create-rev", FLAG_INT, NULL, "created at this revision or earlier"},
    {"min-mod-rev", FLAG_INT, NULL, "last changed at this revision or later"},
    {"max-mod-rev", FLAG_INT, NULL, "last changed at this revision or earlier"},
    {"stream", FLAG_BOOL, NULL, "fetch with RangeStream (servers from 3.7 on)"},
};

static const struct flag put_flags[] = {
    {"lease", FLAG_STRING, "0", "lease to attach, in hexadecimal"},
    {"prev-kv", FLAG_BOOL, NULL, "print what was there before"},
    {"ignore-value", FLAG_BOOL, NULL, "keep the value"},
    {"ignore-lease", FLAG_BOOL, NULL, "keep the lease"},
};

static const struct flag del_flags[] = {
    {"prefix", FLAG_BOOL, NULL, "all keys that begin with this one"},
    {"prev-kv", FLAG_BOOL, NULL, "print what was deleted"},
    {"from-key", FLAG_BOOL, NULL, "all keys from this one on"},
    {"range", FLAG_BOOL, NULL, "delete a range without two seconds for second thoughts"},
};

static const struct flag txn_flags[] = {
    {"interactive", FLAG_BOOL, NULL, "say what is read next", 'i'},
};

static const struct flag compaction_flags[] = {
    {"physical", FLAG_BOOL, NULL, "wait until the old revisions are gone from disk"},
};

static const struct flag watch_flags[] = {
    {"interactive", FLAG_BOOL, NULL, "read watch commands from standard input", 'i'},
    {"prefix", FLAG_BOOL, NULL, "all keys that begin with this one"},
    {"rev", FLAG_INT, NULL, "begin with this revision"},
    {"prev-kv", FLAG_BOOL, NULL, "print what was there before each event"},
    {"progress-notify", FLAG_BOOL, NULL, "print the revision from time to time without events"},
};

static const struct flag timetolive_flags[] = {
    {"keys", FLAG_BOOL, NULL, "list the keys of the lease"},
};

static const struct flag keep_alive_flags[] = {
    {"once", FLAG_BOOL, NULL, "renew once and end"},
};

static const struct flag member_add_flags[] = {
    {"peer-urls", FLAG_STRING, NULL, "peer URLs of the new member, by commas"},
    {"learner", FLAG_BOOL, NULL, "add it as a learner, without a vote"},
};

static const struct flag member_update_flags[] = {
    {"peer-urls", FLAG_STRING, NULL, "new peer URLs of the member, by commas"},
};

static const struct flag member_list_flags[] = {CONSISTENCY};

static const struct flag hashkv_flags[] = {
    {"rev", FLAG_INT, NULL, "hash up to this revision"},
};

static const struct flag defrag_flags[] = {
    {"cluster", FLAG_BOOL, NULL, "defragment all members of the cluster"},
    {"data-dir", FLAG_STRING, NULL, "work on the data of a stopped server instead"},
};

static const struct flag restore_flags[] = {
    {"name", FLAG_STRING, NULL, "name of the member"},
    {"data-dir", FLAG_STRING, NULL, "where the data are made"},
    {"wal-dir", FLAG_STRING, NULL, "where the log is made, if not there"},
    {"initial-cluster", FLAG_STRING, NULL, "the members, by commas: name=peer URL"},
    {"initial-cluster-token", FLAG_STRING, NULL, "token of the new cluster"},
    {"initial-advertise-peer-urls", FLAG_STRING, NULL, "peer URLs of the member, by commas"},
    {"skip-hash-check", FLAG_BOOL, NULL, "take a file without a digest at its end"},
};

static const struct flag lock_flags[] = {
    {"ttl", FLAG_INT, "10", "seconds after which a lost holder loses the lock"},
};

static const struct flag elect_flags[] = {
    {"listen", FLAG_BOOL, NULL, "only watch who leads", 'l'},
};

static const struct flag user_add_flags[] = {
    {"interactive", FLAG_BOOL, "true", "ask for the password on the terminal; else read a line"},
    {"new-user-password", FLAG_STRING, NULL, "the password"},
    {"no-password", FLAG_BOOL, NULL, "a user without password (for certificates)"},
};

static const struct flag user_get_flags[] = {
    {"detail", FLAG_BOOL, NULL, "print the permissions of each role"},
};

static const struct flag user_passwd_flags[] = {
    {"interactive", FLAG_BOOL, "true", "ask for the password on the terminal; else read a line"},
};

static const struct flag role_range_flags[] = {
    {"prefix", FLAG_BOOL, NULL, "all keys that begin with this one"},
    {"from-key", FLAG_BOOL, NULL, "all keys from this one on"},
};

static const struct flag check_perf_flags[] = {
    {"load", FLAG_STRING, "s", "s(mall), m(edium), l(arge) or xl (xLarge)"},
    {"prefix", FLAG_STRING, "/etcdctl-check-perf/", "where to write"},
    {"auto-compact", FLAG_BOOL, NULL, "compact afterwards"},
    {"auto-defrag", FLAG_BOOL, NULL, "defragment afterwards"},
};

static const struct flag check_datascale_flags[] = {
    {"load", FLAG_STRING, "s", "s(mall), m(edium), l(arge) or xl (xLarge)"},
    {"prefix", FLAG_STRING, "/etcdctl-check-datascale/", "where to write"},
    {"auto-compact", FLAG_BOOL, NULL, "compact afterwards"},
    {"auto-defrag", FLAG_BOOL, NULL, "defragment afterwards"},
};

static const struct flag mirror_flags[] = {
    {"prefix", FLAG_STRING, NULL, "mirror the keys that begin so"},
    {"rev", FLAG_INT, NULL, "begin with the changes of this revision, without a first copy"},
    {"max-txn-ops", FLAG_UINT, "128", "most operations of one transaction at the destination"},
    {"dest-prefix", FLAG_STRING, NULL, "what the prefix becomes at the destination"},
    {"no-dest-prefix", FLAG_BOOL, NULL, "leave the prefix out at the destination"},
    {"dest-cert", FLAG_STRING, NULL, "certificate file to show to the destination"},
    {"dest-key", FLAG_STRING, NULL, "key file of --dest-cert"},
    {"dest-cacert", FLAG_STRING, NULL,
     "bundle of CA certificates to check the destination against"},
    {"dest-insecure-transport", FLAG_BOOL, "true", "talk to the destination in plaintext"},
    {"dest-user", FLAG_STRING, NULL, "name[:password] for the destination"},
    {"dest-password", FLAG_STRING, NULL, "password of --dest-user"},
};

static const struct flag du_flags[] = {
    {"delimiter", FLAG_STRING, "/", "byte at which keys are split"},
    {"limit", FLAG_INT, NULL, "most prefixes to print, 0: all; else 20, or all for programs"},
};

static const struct flag top_flags[] = {
    {"limit", FLAG_INT, "10", "most lines of each list, up to 100"},
    {"watch", FLAG_BOOL, NULL, "again every 2 seconds, or as many as follow, until stopped"},
};

#define FLAGS(set) set, ARRAY_LEN(set)
#define NO_FLAGS   NULL, 0

const struct command commands[] = {
    {"get", GROUP_KV, "[options] <key> [range_end]", "Prints a key or a range of keys", NULL,
     FLAGS(get_flags), cmd_get},
    {"put", GROUP_KV, "[options] <key> <value> (<value> can also be given from stdin)",
     "Writes a key",
     "Writes a key.\n\n"
     "Without <value>, and without --ignore-value, the value is read from standard input.\n"
     "Behind \"--\", a value may begin with \"-\":\n\n"
     "    put <key> -- <value>",
     FLAGS(put_flags), cmd_put},
    {"del", GROUP_KV, "[options] <key> [range_end]",
     "Removes a key or the keys of a range [key, range_end)", NULL, FLAGS(del_flags), cmd_del},
    {"txn", GROUP_KV, "[options]", "Runs requests as one transaction",
     "Reads a transaction from standard input: comparisons, then the requests to run if all of\n"
     "them hold, then the requests to run if not. Each part ends with an empty line.\n\n"
     "    mod(\"key1\") > \"0\"\n\n"
     "    put key1 \"overwritten\"\n\n"
     "    put key1 \"created\"\n"
     "    put key2 \"created too\"\n\n"
     "Comparisons: mod, create, ver, val, lease of a key, with =, !=, < or >. Requests: get, put\n"
     "and del with their options.",
     FLAGS(txn_flags), cmd_txn},
    {"compaction", GROUP_KV, "[options] <revision>", "Drops the history before a revision", NULL,
     FLAGS(compaction_flags), cmd_compaction},
    {"alarm", GROUP_CLUSTER, "<subcommand>", "Lists and ends alarms", NULL, NO_FLAGS, NULL},
    {"alarm disarm", GROUP_CLUSTER, "", "Ends all alarms", NULL, NO_FLAGS, cmd_alarm_disarm},
    {"alarm list", GROUP_CLUSTER, "", "Lists all alarms", NULL, NO_FLAGS, cmd_alarm_list},
    {"defrag", GROUP_CLUSTER, "", "Gives unused space of the endpoints' files back", NULL,
     FLAGS(defrag_flags), cmd_defrag},
    {"endpoint", GROUP_CLUSTER, "<subcommand>", "Asks each endpoint by itself", NULL,
     FLAGS(endpoint_flags), NULL},
    {"endpoint health", GROUP_CLUSTER, "", "Says whether each endpoint can answer", NULL, NO_FLAGS,
     cmd_endpoint_health},
    {"endpoint status", GROUP_CLUSTER, "", "Prints the status of each endpoint",
     "Prints the status of each endpoint. In the simple format, by commas: endpoint, ID, version,\n"
     "storage version, size, size in use, percentage not in use, quota, leader?, learner?, term,\n"
     "index, applied index, errors, downgrade target version, downgrade enabled?",
     NO_FLAGS, cmd_endpoint_status},
    {"endpoint hashkv", GROUP_CLUSTER, "", "Prints the hash of each endpoint's history", NULL,
     FLAGS(hashkv_flags), cmd_endpoint_hashkv},
    {"move-leader", GROUP_CLUSTER, "<transferee-member-id>", "Makes another member the leader",
     NULL, NO_FLAGS, cmd_move_leader},
    {"watch", GROUP_KV, "[options] [key or prefix] [range_end] [--] [exec-command arg1 arg2 ...]",
     "Prints changes of keys as they happen",
     "Prints changes of keys as they happen, or runs a command for each, with "
     "ETCD_WATCH_REVISION,\n"
     "ETCD_WATCH_EVENT_TYPE, ETCD_WATCH_KEY and ETCD_WATCH_VALUE in its environment. Without\n"
     "arguments the key comes from ETCDCTL_WATCH_KEY and ETCDCTL_WATCH_RANGE_END.",
     FLAGS(watch_flags), cmd_watch},
    {"version", GROUP_UTILITY, "", "Prints the version", NULL, NO_FLAGS, cmd_version},
    {"lease", GROUP_KV, "<subcommand>", "Makes, renews and ends leases", NULL, NO_FLAGS, NULL},
    {"lease grant", GROUP_KV, "<ttl>", "Makes a lease", NULL, NO_FLAGS, cmd_lease_grant},
    {"lease revoke", GROUP_KV, "<leaseID>", "Ends a lease and deletes its keys", NULL, NO_FLAGS,
     cmd_lease_revoke},
    {"lease timetolive", GROUP_KV, "<leaseID> [options]", "Prints the time that a lease has left",
     NULL, FLAGS(timetolive_flags), cmd_lease_timetolive},
    {"lease list", GROUP_KV, "", "Lists all leases", NULL, NO_FLAGS, cmd_lease_list},
    {"lease keep-alive", GROUP_KV, "[options] <leaseID>", "Renews a lease until it is stopped",
     NULL, FLAGS(keep_alive_flags), cmd_lease_keep_alive},
    {"member", GROUP_CLUSTER, "<subcommand>", "Lists and changes the cluster's members", NULL,
     NO_FLAGS, NULL},
    {"member add", GROUP_CLUSTER, "<memberName> [options]", "Adds a member", NULL,
     FLAGS(member_add_flags), cmd_member_add},
    {"member remove", GROUP_CLUSTER, "<memberID>", "Removes a member", NULL, NO_FLAGS,
     cmd_member_remove},
    {"member update", GROUP_CLUSTER, "<memberID> [options]", "Changes a member's peer URLs", NULL,
     FLAGS(member_update_flags), cmd_member_update},
    {"member list", GROUP_CLUSTER, "", "Lists all members",
     "Lists all members. In the simple format, by commas: ID, status, name, peer URLs, client "
     "URLs,\n"
     "learner?",
     FLAGS(member_list_flags), cmd_member_list},
    {"member promote", GROUP_CLUSTER, "<memberID>", "Gives a learner its vote", NULL, NO_FLAGS,
     cmd_member_promote},
    {"snapshot", GROUP_CLUSTER, "<subcommand>", "Copies of a member's data", NULL, NO_FLAGS, NULL},
    {"snapshot save", GROUP_CLUSTER, "<filename>", "Writes a member's data into a file", NULL,
     NO_FLAGS, cmd_snapshot_save},
    {"snapshot status", GROUP_CLUSTER, "<filename>", "Prints what a snapshot file holds", NULL,
     NO_FLAGS, cmd_snapshot_status},
    {"snapshot restore", GROUP_CLUSTER, "<filename> [options]",
     "Makes a data directory out of a snapshot file", NULL, FLAGS(restore_flags),
     cmd_snapshot_restore},
    {"make-mirror", GROUP_UTILITY, "[options] <destination>", "Copies changes to another cluster",
     NULL, FLAGS(mirror_flags), cmd_make_mirror},
    {"lock", GROUP_CONCURRENCY, "<lockname> [exec-command arg1 arg2 ...]", "Holds a named lock",
     "Waits for a lock and holds it until it is stopped, or while a command runs; that finds\n"
     "ETCD_LOCK_KEY and ETCD_LOCK_REV in its environment.",
     FLAGS(lock_flags), cmd_lock},
    {"elect", GROUP_CONCURRENCY, "<election-name> [proposal]", "Takes part in an election", NULL,
     FLAGS(elect_flags), cmd_elect},
    {"auth", GROUP_AUTH, "<subcommand>", "Switches authentication on and off", NULL, NO_FLAGS,
     NULL},
    {"auth enable", GROUP_AUTH, "", "Switches authentication on", NULL, NO_FLAGS, cmd_auth_enable},
    {"auth disable", GROUP_AUTH, "", "Switches authentication off", NULL, NO_FLAGS,
     cmd_auth_disable},
    {"auth status", GROUP_AUTH, "", "Says whether authentication is on", NULL, NO_FLAGS,
     cmd_auth_status},
    {"user", GROUP_AUTH, "<subcommand>", "Lists and changes users", NULL, NO_FLAGS, NULL},
    {"user add", GROUP_AUTH, "<user name or user:password> [options]", "Adds a user", NULL,
     FLAGS(user_add_flags), cmd_user_add},
    {"user delete", GROUP_AUTH, "<user name>", "Deletes a user", NULL, NO_FLAGS, cmd_user_delete},
    {"user get", GROUP_AUTH, "<user name> [options]", "Prints a user's roles", NULL,
     FLAGS(user_get_flags), cmd_user_get},
    {"user list", GROUP_AUTH, "", "Lists all users", NULL, NO_FLAGS, cmd_user_list},
    {"user passwd", GROUP_AUTH, "<user name> [options]", "Changes a user's password", NULL,
     FLAGS(user_passwd_flags), cmd_user_passwd},
    {"user grant-role", GROUP_AUTH, "<user name> <role name>", "Gives a user a role", NULL,
     NO_FLAGS, cmd_user_grant_role},
    {"user revoke-role", GROUP_AUTH, "<user name> <role name>", "Takes a role from a user", NULL,
     NO_FLAGS, cmd_user_revoke_role},
    {"role", GROUP_AUTH, "<subcommand>", "Lists and changes roles", NULL, NO_FLAGS, NULL},
    {"role add", GROUP_AUTH, "<role name>", "Adds a role", NULL, NO_FLAGS, cmd_role_add},
    {"role delete", GROUP_AUTH, "<role name>", "Deletes a role", NULL, NO_FLAGS, cmd_role_delete},
    {"role get", GROUP_AUTH, "<role name>", "Prints a role's permissions", NULL, NO_FLAGS,
     cmd_role_get},
    {"role list", GROUP_AUTH, "", "Lists all roles", NULL, NO_FLAGS, cmd_role_list},
    {"role grant-permission", GROUP_AUTH, "[options] <role name> <permission type> <key> [endkey]",
     "Lets a role at keys", NULL, FLAGS(role_range_flags), cmd_role_grant_permission},
    {"role revoke-permission", GROUP_AUTH, "<role name> <key> [endkey]",
     "Takes a permission from a role", NULL, FLAGS(role_range_flags), cmd_role_revoke_permission},
    {"check", GROUP_UTILITY, "<subcommand>", "Measures the cluster", NULL, NO_FLAGS, NULL},
    {"check perf", GROUP_UTILITY, "[options]", "Measures how fast the cluster writes", NULL,
     FLAGS(check_perf_flags), cmd_check_perf},
    {"check datascale", GROUP_UTILITY, "[options]", "Measures the memory that data take",
     "Measures the memory that data take in the first endpoint's server.",
     FLAGS(check_datascale_flags), cmd_check_datascale},
    {"du", GROUP_CLUSTER, "[options] [prefix]", "Prints what fills a moat server, by prefix",
     "Prints what fills a moat server: below the prefix, or where keys first differ, what each\n"
     "part up to the next delimiter takes, the largest first; at the end what all take. The size\n"
     "is that of keys and values as they are now. Churn counts revisions beyond the live keys: a\n"
     "compaction gives them back. With authentication on it needs read permission on the prefix.",
     FLAGS(du_flags), cmd_du, true},
    {"top", GROUP_CLUSTER, "[options] [--watch [seconds]]", "Prints what keeps a moat server busy",
     "Prints what keeps a moat server busy: the prefixes with the most changes in the last ten\n"
     "seconds; watchers that are behind, the furthest first: they catch up with history, or their\n"
     "clients do not read what is sent; the leases with the most keys. With authentication on it\n"
     "is for root.",
     FLAGS(top_flags), cmd_top, true},
    {"completion", GROUP_UTILITY, "[bash|zsh|fish]", "Prints a completion script for a shell", NULL,
     NO_FLAGS, cmd_completion},
    {"downgrade", GROUP_CLUSTER, "<subcommand>", "Prepares the way back to an older version", NULL,
     NO_FLAGS, NULL},
    {"downgrade validate", GROUP_CLUSTER, "<TARGET_VERSION>", "Says whether it is possible", NULL,
     NO_FLAGS, cmd_downgrade_validate},
    {"downgrade enable", GROUP_CLUSTER, "<TARGET_VERSION>", "Begins it", NULL, NO_FLAGS,
     cmd_downgrade_enable},
    {"downgrade cancel", GROUP_CLUSTER, "", "Ends it", NULL, NO_FLAGS, cmd_downgrade_cancel},
    {"options", GROUP_UTILITY, "", "Lists the options that every command takes", NULL, NO_FLAGS,
     cmd_options},
    {"help", GROUP_UTILITY, "[command]", "Prints help about a command", NULL, NO_FLAGS, cmd_help},
};
const size_t commands_n = ARRAY_LEN(commands);
