/* `moat etcdutl`, and moat under the name etcdutl: etcdutl's commands, on snapshot files and on
 * moat's data. Output and exit codes are etcdutl 3.7's; what it logs, this does not. */
#include "base/buf.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/flags.h"
#include "cmd/import.h"
#include "snapshot/status.h"
#include "store/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_ERROR    1
#define EXIT_BAD_ARGS 128
#define COLUMNS_MAX   5
#define CELL_MAX      64

enum format { FORMAT_SIMPLE, FORMAT_JSON, FORMAT_TABLE, FORMAT_FIELDS };

static const char *const formats[] = {"simple", "json", "table", "fields"};

struct utl {
    enum format format;
    char *const *words; /* behind the command's own: its arguments and flags */
    int n;
};

static int fail(const struct err *err, enum rc rc)
{
    fprintf(stderr, "Error: %s\n", err->text[0] ? err->text : rc_text(rc));
    return EXIT_ERROR;
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

static int run_status(const struct utl *u)
{
    struct restore_file file;
    struct snapshot_status s;
    struct err err = {0};
    if (u->n != 1) {
        fprintf(stderr, "Error: snapshot status requires exactly one argument\n");
        return EXIT_BAD_ARGS;
    }
    enum rc rc = restore_open(u->words[0], false, &file, &err);
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

static int run_hashkv(const struct utl *u)
{
    const char *rev_text = "0";
    const struct flag known[] = {{"rev", .text = &rev_text}};
    struct flags f = {.known = known, .known_n = 1, .pass_on = true};
    struct kv_hash_value value;
    struct err err = {0};
    enum rc rc = flags_parse(&f, u->n, u->words, &err);
    if (rc == RC_OK && f.n != 1)
        rc = err_set(&err, RC_MALFORMED, "accepts 1 arg(s), received %d", f.n);
    char *end = NULL;
    errno = 0;
    int64_t rev = rc == RC_OK ? strtoll(rev_text, &end, 10) : 0;
    if (rc == RC_OK && (errno || end == rev_text || *end))
        rc = err_set(&err, RC_MALFORMED, "invalid argument \"%s\" for \"--rev\" flag", rev_text);
    if (rc != RC_OK)
        return fail(&err, rc);
    enum etcd_error e = restore_hash_kv(f.words[0], rev, &value, &err);
    if (e == ETCD_COMPACTED || e == ETCD_FUTURE_REV)
        rc = err_set(&err, RC_INVALID, "%s", etcd_error_text(e) + strlen("etcdserver: "));
    else if (e != ETCD_OK)
        rc = RC_CORRUPT;
    if (e == ETCD_OK)
        print_hash(u->format, &value);
    return rc == RC_OK ? 0 : fail(&err, rc);
}

/* ---- snapshot restore ---- */

static int run_restore(const struct utl *u)
{
    enum { CONF_FLAGS = 6 };
    static const char *const names[CONF_FLAGS] = {
        "name",
        "data-dir",
        "wal-dir",
        "initial-cluster",
        "initial-cluster-token",
        "initial-advertise-peer-urls",
    };
    const char *texts[CONF_FLAGS] = {0};
    struct restore_options opt = {0};
    struct import_result r;
    struct err err = {0};
    const char *bump = NULL;
    const char *map_size = NULL; /* of no use here */
    bool mark = false;
    struct flag known[CONF_FLAGS + 4] = {
        [CONF_FLAGS] = {"skip-hash-check", .set = &opt.skip_hash_check},
        {"bump-revision", .text = &bump},
        {"mark-compacted", .set = &mark},
        {"initial-memory-map-size", .text = &map_size},
    };
    for (size_t i = 0; i < CONF_FLAGS; i++)
        known[i] = (struct flag){names[i], .text = &texts[i]};
    struct flags f = {.known = known, .known_n = ARRAY_LEN(known)};
    enum rc rc = flags_parse(&f, u->n, u->words, &err);
    if (rc == RC_OK && f.n != 1) {
        fprintf(stderr, "Error: snapshot restore requires exactly one argument\n");
        return EXIT_BAD_ARGS;
    }
    if (rc == RC_OK)
        rc = import_bump(bump, mark, &opt, &err);
    char *words[CONF_FLAGS + 1] = {0};
    int n = 0;
    for (size_t i = 0; i < CONF_FLAGS; i++)
        if (texts[i])
            words[n++] = mem_printf("--%s=%s", names[i], texts[i]);
    opt.path = f.words[0];
    if (rc == RC_OK)
        rc = import_with_flags(n, words, &opt, &r, &err);
    while (n > 0)
        free(words[--n]);
    if (rc != RC_OK)
        return fail(&err, rc);
    fprintf(stderr, "restored %s: revision %" PRId64 "\n", opt.path, r.revision);
    return 0;
}

/* ---- defrag ---- */

static int run_defrag(const struct utl *u)
{
    const char *dir = NULL;
    const struct flag known[] = {{"data-dir", .text = &dir}};
    struct flags f = {.known = known, .known_n = 1};
    struct err err = {0};
    struct buf path = {0};
    enum rc rc = flags_parse(&f, u->n, u->words, &err);
    if (rc == RC_OK && !dir)
        rc = err_set(&err, RC_MALFORMED, "required flag(s) \"data-dir\" not set");
    if (rc == RC_OK) {
        buf_printf(&path, "%s/moat/db", dir);
        buf_append_u8(&path, 0);
        rc = store_compact((const char *)path.p, &err);
    }
    buf_fini(&path);
    if (rc != RC_OK && dir) {
        fprintf(stderr, "Error: Failed to defragment etcd data[%s] (%s)\n", dir, err.text);
        return EXIT_ERROR;
    }
    return rc == RC_OK ? 0 : fail(&err, rc);
}

static int run_version(const struct utl *u)
{
    (void)u;
    printf("etcdutl version: %s\nAPI version: 3.7\nmoat version: %s\n", CONF_ETCD_VERSION,
           MOAT_VERSION);
    return 0;
}

/* ---- */

static const struct command {
    const char *words[2];
    const char *help;
    int (*run)(const struct utl *u);
} commands[] = {
    {{"snapshot", "status"}, "<filename>", run_status},
    {{"snapshot", "restore"},
     "<filename> --data-dir {output dir} [--name, --wal-dir, --initial-cluster,\n"
     "                    --initial-cluster-token, --initial-advertise-peer-urls,\n"
     "                    --skip-hash-check, --bump-revision N --mark-compacted]",
     run_restore},
    {{"hashkv"}, "<filename> [--rev N]", run_hashkv},
    {{"defrag"}, "--data-dir {dir}", run_defrag},
    {{"version"}, "", run_version},
};

static void help(void)
{
    printf("etcdutl, as moat has it: on snapshots, and on moat's data where nothing serves it\n\n"
           "usage: etcdutl COMMAND [FLAG ...]\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        printf("  %s%s%s %s\n", commands[i].words[0], commands[i].words[1] ? " " : "",
               commands[i].words[1] ? commands[i].words[1] : "", commands[i].help);
    printf("\n  -w, --write-out simple|json|table|fields\n");
}

static const struct command *find_command(int *n, char *const **words)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        const struct command *c = &commands[i];
        int own = c->words[1] ? 2 : 1;
        bool same = *n >= own && strcmp((*words)[0], c->words[0]) == 0 &&
                    (own == 1 || strcmp((*words)[1], c->words[1]) == 0);
        if (!same)
            continue;
        *n -= own;
        *words += own;
        return c;
    }
    return NULL;
}

int cmd_etcdutl(const struct cmd_args *args)
{
    const char *format = "simple";
    const char *timeout = NULL; /* who has the lock is told at once */
    bool wants_help = false;
    const struct flag known[] = {
        {"write-out", 'w', .text = &format},
        {"timeout", .text = &timeout},
        {"help", 'h', .set = &wants_help},
    };
    struct flags f = {.known = known, .known_n = ARRAY_LEN(known), .pass_on = true};
    struct utl u = {0};
    struct err err = {0};
    enum rc rc = flags_parse(&f, args->argc, args->argv, &err);
    if (rc != RC_OK)
        return fail(&err, rc);
    if (wants_help || f.n == 0 || strcmp(f.words[0], "help") == 0) {
        help();
        return 0;
    }
    while ((size_t)u.format < ARRAY_LEN(formats) && strcmp(formats[u.format], format) != 0)
        u.format++;
    if ((size_t)u.format == ARRAY_LEN(formats)) {
        fprintf(stderr, "Error: %s not supported as output format\n", format);
        return EXIT_ERROR;
    }
    u.n = f.n;
    u.words = f.words;
    const struct command *c = find_command(&u.n, &u.words);
    if (!c) {
        fprintf(stderr,
                "Error: unknown command \"%s\" for \"etcdutl\"\n"
                "Run 'etcdutl --help' for usage.\n",
                f.words[0]);
        return EXIT_ERROR;
    }
    return c->run(&u);
}
