/* `moat etcdutl`, and moat under the name etcdutl: etcdutl's commands, on snapshot files and on
 * moat's data. Output and exit codes are etcdutl 3.7's; what it logs, this does not. */
#include "base/buf.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/import.h"
#include "cmd/utl.h"
#include "snapshot/status.h"
#include "store/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COLUMNS_MAX 5
#define CELL_MAX    64

static int fail(const struct err *err, enum rc rc)
{
    fprintf(stderr, "Error: %s\n", err->text[0] ? err->text : rc_text(rc));
    return UTL_EXIT_ERROR;
}

/* The command line is at fault: once more below the usage, where it is still in sight. */
static int fail_usage(const struct utl_command *c, const char *why)
{
    struct buf text = {0};
    utl_usage(c, &text);
    fprintf(stderr, "Error: %s\n%.*s\nError: %s\n", why, (int)text.n, (const char *)text.p, why);
    buf_fini(&text);
    return UTL_EXIT_ERROR;
}

static int fail_count(const struct utl *u, size_t wanted)
{
    struct err err = {0};
    (void)err_set(&err, RC_INVALID, "accepts %zu arg(s), received %zu", wanted, u->args.n);
    return fail_usage(u->command, err.text);
}

static int print(struct buf *text)
{
    fwrite(text->p, 1, text->n, stdout);
    buf_fini(text);
    return 0;
}

static bool has_format(const struct utl *u)
{
    if (u->format < FORMAT_COUNT)
        return true;
    fprintf(stderr, "Error: %s not supported as output format\n",
            flag_string(&u->flags, "write-out"));
    return false;
}

/* ---- Tables ---- */

static void line(const int *width, size_t n, const char *left, const char *middle,
                 const char *right)
{
    printf("%s", left);
    for (size_t i = 0; i < n; i++) {
        for (int k = 0; k < width[i] + 2; k++)
            printf("─");
        printf("%s", i + 1 < n ? middle : right);
    }
    printf("\n");
}

static void table(const char *const *head, char cells[][CELL_MAX], size_t n)
{
    int width[COLUMNS_MAX];
    for (size_t i = 0; i < n; i++) {
        size_t h = strlen(head[i]);
        size_t c = strlen(cells[i]);
        width[i] = (int)(h > c ? h : c);
    }
    line(width, n, "┌", "┬", "┐");
    printf("│");
    for (size_t i = 0; i < n; i++) {
        int spare = width[i] - (int)strlen(head[i]);
        printf(" %*s%s%*s │", spare / 2, "", head[i], spare - spare / 2, "");
    }
    printf("\n");
    line(width, n, "├", "┼", "┤");
    printf("│");
    for (size_t i = 0; i < n; i++)
        printf(" %*s │", width[i], cells[i]);
    printf("\n");
    line(width, n, "└", "┴", "┘");
}

/* As go-humanize writes bytes: steps of 1000, one digit behind the point below 10. */
static void humanize(uint64_t n, char out[CELL_MAX])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double v = (double)n;
    size_t unit = 0;
    while (v >= 1000 && unit + 1 < ARRAY_LEN(units)) {
        v /= 1000;
        unit++;
    }
    snprintf(out, CELL_MAX, unit > 0 && v < 9.95 ? "%.1f %s" : "%.0f %s", v, units[unit]);
}

/* ---- snapshot status ---- */

static void print_status(enum format format, const struct snapshot_status *s)
{
    static const char *const head[] = {"HASH", "REVISION", "TOTAL KEYS", "TOTAL SIZE", "VERSION"};
    char cells[COLUMNS_MAX][CELL_MAX];
    int version_n = s->version.n < CELL_MAX ? (int)s->version.n : CELL_MAX - 1;
    const char *version = version_n ? (const char *)s->version.p : "";
    snprintf(cells[0], CELL_MAX, "%" PRIx32, s->hash);
    snprintf(cells[1], CELL_MAX, "%" PRId64, s->revision);
    snprintf(cells[2], CELL_MAX, "%" PRIu64, s->keys);
    humanize(s->size, cells[3]);
    snprintf(cells[4], CELL_MAX, "%.*s", version_n, version);
    if (format == FORMAT_JSON)
        printf("{\"hash\":%" PRIu32 ",\"revision\":%" PRId64 ",\"totalKey\":%" PRIu64
               ",\"totalSize\":%" PRIu64 ",\"version\":\"%s\"}\n",
               s->hash, s->revision, s->keys, s->size, cells[4]);
    else if (format == FORMAT_FIELDS)
        printf("\"Hash\" : %" PRIu32 "\n\"Revision\" : %" PRId64 "\n\"Keys\" : %" PRIu64
               "\n\"Size\" : %" PRIu64 "\n\"Version\" : %s\n",
               s->hash, s->revision, s->keys, s->size, cells[4]);
    else if (format == FORMAT_TABLE)
        table(head, cells, ARRAY_LEN(head));
    else
        printf("%s, %s, %s, %s, %s\n", cells[0], cells[1], cells[2], cells[3], cells[4]);
}

static int run_status(struct utl *u)
{
    struct restore_file file;
    struct snapshot_status s;
    struct err err = {0};
    if (u->args.n != 1) {
        fprintf(stderr, "Error: snapshot status requires exactly one argument\n");
        return UTL_EXIT_BAD_ARGS;
    }
    if (!has_format(u))
        return UTL_EXIT_ERROR;
    enum rc rc = restore_open(u->args.v[0], false, &file, &err);
    if (rc != RC_OK)
        return fail(&err, rc);
    rc = snapshot_status(&file.bbolt, &s, &err);
    if (rc == RC_OK)
        print_status(u->format, &s);
    restore_close(&file);
    return rc == RC_OK ? 0 : fail(&err, rc);
}

/* ---- hashkv ---- */

static void print_hash(enum format format, const struct kv_hash_value *h)
{
    static const char *const head[] = {"HASH", "HASH REVISION", "COMPACT REVISION"};
    char cells[COLUMNS_MAX][CELL_MAX];
    snprintf(cells[0], CELL_MAX, "%" PRIu32, h->hash);
    snprintf(cells[1], CELL_MAX, "%" PRId64, h->revision);
    snprintf(cells[2], CELL_MAX, "%" PRId64, h->compacted);
    if (format == FORMAT_JSON)
        printf("{\"hash\":%s,\"hashRevision\":%s,\"compactRevision\":%s}\n", cells[0], cells[1],
               cells[2]);
    else if (format == FORMAT_FIELDS)
        printf("\"Hash\" : %s\n\"Hash revision\" : %s\n\"Compact revision\" : %s\n", cells[0],
               cells[1], cells[2]);
    else if (format == FORMAT_TABLE)
        table(head, cells, ARRAY_LEN(head));
    else
        printf("%s, %s, %s\n", cells[0], cells[1], cells[2]);
}

static int run_hashkv(struct utl *u)
{
    struct kv_hash_value value;
    struct err err = {0};
    enum rc rc = RC_OK;
    if (u->args.n != 1)
        return fail_count(u, 1);
    if (!has_format(u))
        return UTL_EXIT_ERROR;
    enum etcd_error e = restore_hash_kv(u->args.v[0], flag_int(&u->flags, "rev"), &value, &err);
    if (e == ETCD_COMPACTED || e == ETCD_FUTURE_REV)
        rc = err_set(&err, RC_INVALID, "%s", etcd_error_text(e) + strlen("etcdserver: "));
    else if (e != ETCD_OK)
        rc = RC_CORRUPT;
    if (e == ETCD_OK)
        print_hash(u->format, &value);
    return rc == RC_OK ? 0 : fail(&err, rc);
}

/* ---- snapshot restore ---- */

/* Of these the server has flags of the same name; what is not given is as there. */
static const char *const conf_flags[] = {
    "name",
    "data-dir",
    "wal-dir",
    "initial-cluster",
    "initial-cluster-token",
    "initial-advertise-peer-urls",
};

static int run_restore(struct utl *u)
{
    struct restore_options opt = {0};
    struct import_result r;
    struct err err = {0};
    char *words[ARRAY_LEN(conf_flags) + 1] = {0};
    char bump[24];
    int n = 0;
    if (u->args.n != 1) {
        fprintf(stderr, "Error: snapshot restore requires exactly one argument\n");
        return UTL_EXIT_BAD_ARGS;
    }
    opt.path = u->args.v[0];
    opt.skip_hash_check = flag_bool(&u->flags, "skip-hash-check");
    snprintf(bump, sizeof(bump), "%" PRIu64, flag_uint(&u->flags, "bump-revision"));
    enum rc rc = import_bump(flag_uint(&u->flags, "bump-revision") ? bump : NULL,
                             flag_bool(&u->flags, "mark-compacted"), &opt, &err);
    for (size_t i = 0; i < ARRAY_LEN(conf_flags); i++)
        if (flag_changed(&u->flags, conf_flags[i]))
            words[n++] =
                mem_printf("--%s=%s", conf_flags[i], flag_string(&u->flags, conf_flags[i]));
    if (rc == RC_OK)
        rc = import_with_flags(n, words, &opt, &r, &err);
    while (n > 0)
        free(words[--n]);
    if (rc != RC_OK)
        return fail(&err, rc);
    fprintf(stderr, "restored %s: revision %" PRId64 "\n", opt.path, r.revision);
    return 0;
}

/* ---- defrag, migrate ---- */

/* Where a data directory has its state, with a zero behind it. */
static struct buf db_path(const char *dir)
{
    struct buf path = {0};
    buf_printf(&path, "%s/moat/db%c", dir, 0);
    return path;
}

static int run_defrag(struct utl *u)
{
    const char *dir = flag_string(&u->flags, "data-dir");
    struct buf path = db_path(dir);
    struct err err = {0};
    enum rc rc = store_compact((const char *)path.p, &err);
    buf_fini(&path);
    if (rc == RC_OK)
        return 0;
    fprintf(stderr, "Error: Failed to defragment etcd data[%s] (%s)\n", dir, err.text);
    return UTL_EXIT_ERROR;
}

/* A number of up to three digits; 1000: it is none. */
static unsigned version_part(const char *text, const char **end)
{
    unsigned n = 0;
    const char *at = text;
    while (*at >= '0' && *at <= '9' && at - text < 3)
        n = n * 10 + (unsigned)(*at++ - '0');
    *end = at;
    return at > text ? n : 1000;
}

/* "X.Y", of which etcdutl takes 3.5 and later. */
static int judge_target(const char *target)
{
    const char *dot = strchr(target, '.');
    const char *end;
    if (!dot || strchr(dot + 1, '.')) {
        fprintf(stderr, "Error: wrong target version format, expected \"X.Y\", got \"%s\"\n",
                target);
        return UTL_EXIT_BAD_ARGS;
    }
    unsigned major = version_part(target, &end);
    bool fine = major < 1000 && end == dot;
    unsigned minor = version_part(dot + 1, &end);
    if (!fine || minor == 1000 || *end) {
        fprintf(stderr, "Error: failed to parse target version: \"%s\" is no version\n", target);
        return UTL_EXIT_BAD_ARGS;
    }
    if (major > 3 || (major == 3 && minor >= 5))
        return 0;
    fprintf(stderr, "Error: target version \"%s\" not supported. Minimal \"3.5\"\n", target);
    return UTL_EXIT_BAD_ARGS;
}

/* What etcd's versions store differs; what moat stores is the same for all that it can be taken
 * for. So only that is looked at: it is moat's data, of a format that this version reads, and
 * nobody serves it. */
static int run_migrate(struct utl *u)
{
    const char *target = flag_string(&u->flags, "target-version");
    struct storage *storage = NULL;
    struct err err = {0};
    int code = judge_target(target);
    if (code != 0)
        return code;
    struct buf path = db_path(flag_string(&u->flags, "data-dir"));
    const char *db = (const char *)path.p;
    enum rc rc = RC_OK;
    if (access(db, R_OK) < 0)
        rc = err_set(&err, RC_NOT_FOUND, "stat %s: %s", db, rc_text(rc_of_errno(errno)));
    if (rc == RC_OK)
        rc = store_open(&(struct store_options){.path = db, .any_owner = true}, &storage, &err);
    storage_close(storage);
    buf_fini(&path);
    if (rc != RC_OK)
        return fail(&err, rc);
    printf("Nothing to migrate: moat's data is the same for every version of etcd, %s among them.\n"
           "Back to etcd itself leads a snapshot (etcdctl snapshot save).\n",
           target);
    return 0;
}

/* ---- version, completion, help ---- */

static int run_version(struct utl *u)
{
    (void)u;
    printf("etcdutl version: %s\nAPI version: 3.7\nmoat version: %s\n", CONF_ETCD_VERSION,
           MOAT_VERSION);
    return 0;
}

static int run_completion(struct utl *u)
{
    struct buf out = {0};
    struct err err = {0};
    if (u->args.n != 1)
        return fail_count(u, 1);
    if (utl_completion(u->args.v[0], &out))
        return print(&out);
    (void)err_set(&err, RC_INVALID, "invalid argument \"%s\" for \"etcdutl completion\"",
                  u->args.v[0]);
    return fail_usage(u->command, err.text);
}

static int show_help(const struct utl_command *c)
{
    struct buf text = {0};
    utl_usage(c, &text);
    return print(&text);
}

static int run_help(struct utl *u)
{
    struct utl about = {0};
    struct err err = {0};
    char *words[3] = {0};
    for (size_t i = 0; i < u->args.n && i < 2; i++)
        words[i] = u->args.v[i];
    /* Whatever else is wrong with it is not asked for here. */
    (void)!utl_parse(&about, (int)(u->args.n < 2 ? u->args.n : 2), words, &err);
    utl_fini(&about);
    return show_help(about.command);
}

/* ---- */

static const struct flag hashkv_flags[] = {
    {"rev", FLAG_INT, NULL, "maximum revision to hash (default: latest revision)"},
};

static const struct flag defrag_flags[] = {
    {"data-dir", FLAG_STRING, NULL, "Required. Defragments a data directory not in use by etcd."},
};

static const struct flag migrate_flags[] = {
    {"data-dir", FLAG_STRING, NULL, "Path to the etcd data dir"},
    {"target-version", FLAG_STRING, NULL,
     "Target etcd version to migrate contents of data dir. Minimal value 3.5. Format \"X.Y\" for "
     "example 3.6."},
    {"force", FLAG_BOOL, NULL,
     "Ignore migration failure and forcefully override storage version. Not recommended."},
};

static const struct flag restore_flags[] = {
    {"data-dir", FLAG_STRING, NULL, "Path to the output data directory"},
    {"wal-dir", FLAG_STRING, NULL, "Path to the WAL directory (use --data-dir if none given)"},
    {"initial-cluster", FLAG_STRING, "default=http://localhost:2380",
     "Initial cluster configuration for restore bootstrap"},
    {"initial-cluster-token", FLAG_STRING, "etcd-cluster",
     "Initial cluster token for the etcd cluster during restore bootstrap"},
    {"initial-advertise-peer-urls", FLAG_STRING, "http://localhost:2380",
     "List of this member's peer URLs to advertise to the rest of the cluster"},
    {"name", FLAG_STRING, "default", "Human-readable name for this member"},
    {"skip-hash-check", FLAG_BOOL, NULL,
     "Ignore snapshot integrity hash value (required if copied from data directory)"},
    {"bump-revision", FLAG_UINT, NULL, "How much to increase the latest revision after restore"},
    {"mark-compacted", FLAG_BOOL, NULL,
     "Mark the latest revision after restore as the point of scheduled compaction (required if "
     "--bump-revision > 0, disallowed otherwise)"},
    {"initial-memory-map-size", FLAG_UINT, "10737418240",
     "Initial memory map size of the database in bytes. It uses the default value if not defined "
     "or defined to 0"},
};

#define FLAGS(f) f, ARRAY_LEN(f)

const struct utl_command utl_commands[] = {
    {"completion", "[bash|zsh|fish|powershell]", "Generate completion script",
     .run = run_completion},
    {"defrag", "[flags]", "Defragments the storage of the etcd", FLAGS(defrag_flags),
     .required = {"data-dir"}, .run = run_defrag},
    {"hashkv", "<filename> [flags]", "Prints the KV history hash of a given file",
     FLAGS(hashkv_flags), .run = run_hashkv},
    {"help", "[command] [flags]", "Help about any command", .run = run_help},
    {"migrate", "[flags]",
     "Migrates schema of etcd data dir files to make them compatible with different etcd version",
     FLAGS(migrate_flags), .required = {"data-dir", "target-version"}, .run = run_migrate},
    {"snapshot", "", "Manages etcd node snapshots"},
    {"snapshot restore", "<filename> --data-dir {output dir} [options] [flags]",
     "Restores an etcd member snapshot to an etcd directory", FLAGS(restore_flags),
     .run = run_restore},
    {"snapshot status", "<filename> [flags]", "Gets backend snapshot status of a given file",
     .run = run_status},
    {"version", "[flags]", "Prints the version of etcdutl", .run = run_version},
};
const size_t utl_commands_n = ARRAY_LEN(utl_commands);

static int run(struct utl *u, int argc, char **argv)
{
    struct err err = {0};
    if (utl_parse(u, argc, argv, &err) != RC_OK)
        return fail_usage(u->command, err.text);
    if (!u->command && u->args.n > 0) {
        const char *why = "unknown command";
        fprintf(stderr,
                "Error: %s \"%s\" for \"etcdutl\"\nRun 'etcdutl --help' for usage.\n"
                "Error: %s \"%s\" for \"etcdutl\"\n",
                why, u->args.v[0], why, u->args.v[0]);
        return UTL_EXIT_ERROR;
    }
    if (!u->command || !u->command->run || flag_bool(&u->flags, "help"))
        return show_help(u->command);
    return u->command->run(u);
}

int cmd_etcdutl(const struct cmd_args *args)
{
    struct utl u = {0};
    char **words = mem_calloc((size_t)args->argc + 1, sizeof(*words));
    memcpy(words, args->argv, (size_t)args->argc * sizeof(*words));
    int code = run(&u, args->argc, words);
    utl_fini(&u);
    free(words);
    return code;
}
