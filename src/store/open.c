/* Opening: judge the file, reserve the map, find or make the tables, check whose they are. */
#include "base/log.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/wr.h"
#include "store/dbfile.h"
#include "store/impl.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE 0600

const char *const store_tables[TABLE_COUNT] = {
    [TABLE_KEY] = "key",
    [TABLE_META] = "meta",
    [TABLE_LEASE] = "lease",
    [TABLE_AUTH_USER] = "auth_user",
    [TABLE_AUTH_ROLE] = "auth_role",
    [TABLE_ALARM] = "alarm",
    [TABLE_MEMBER] = "member",
    [TABLE_V2] = "v2",
};

/* Out of the contract's reach, so that nothing applied can change whose file this is. */
#define TABLE_OWN   "file"
#define KEY_FORMAT  "format" /* alone without a checksum: to be read in every format */
#define KEY_CLUSTER "cluster_id"
#define KEY_MEMBER  "member_id"

static enum rc fail(struct store *s, int code, struct err *err, const char *doing)
{
    return err_set(err, store_rc(code), "%s: cannot %s: %s", s->path, doing, mdb_strerror(code));
}

/* --- the file --- */

/* Open the file and lock it. LMDB's own lock lets several processes in; the state is only one's. A
 * file system that knows no locks is not refused: the log beside the store has a lock of its own.
 */
static enum rc open_locked(struct store *s, const char *path, int flags, struct err *err)
{
    s->fd = open(path, O_RDWR | O_CLOEXEC | flags, FILE_MODE);
    if (s->fd < 0)
        return fail(s, errno, err, "open it");
    if (flock(s->fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
        return err_set(err, RC_LOCKED,
                       "%s is in use by another process: stop that one, or name another data "
                       "directory",
                       s->path);
    return RC_OK;
}

static enum rc open_file(struct store *s, struct err *err)
{
    struct dbfile file = {0};
    enum rc rc = s->fd < 0 ? open_locked(s, s->path, 0, err) : RC_OK;
    if (rc == RC_OK)
        rc = dbfile_judge(s->fd, s->path, &file, err);
    if (rc == RC_OK)
        s->page_bytes = file.page_bytes ? file.page_bytes : (uint32_t)sysconf(_SC_PAGESIZE);
    return rc;
}

static enum rc sync_dir(struct store *s, struct err *err)
{
    const char *slash = strrchr(s->path, '/');
    char *dir = slash ? mem_printf("%.*s/", (int)(slash - s->path), s->path) : mem_strdup(".");
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int code = fd < 0 || fsync(fd) ? errno : 0;
    if (fd >= 0)
        close(fd);
    free(dir);
    return code ? fail(s, code, err, "sync its directory") : RC_OK;
}

/* --- the map --- */

static int try_map(struct store *s, const char *path, uint64_t bytes)
{
    if (fault_hit(s->faults, "store.map"))
        return ENOMEM;
    int code = mdb_env_create(&s->env);
    if (code)
        return code;
    code = mdb_env_set_mapsize(s->env, bytes);
    if (!code)
        code = mdb_env_set_maxdbs(s->env, TABLE_COUNT + 1);
    if (!code)
        code = mdb_env_set_maxreaders(s->env, STORE_VIEWS_MAX + 1); /* and the tally */
    if (!code)
        code = mdb_env_open(s->env, path, MDB_NOSUBDIR | MDB_NOMETASYNC | MDB_NOTLS | MDB_NORDAHEAD,
                            FILE_MODE);
    if (code) {
        mdb_env_close(s->env); /* after a failed open it is good for nothing else */
        s->env = NULL;
    }
    return code;
}

/* Once and for all: LMDB 0.9.24 would grow the map beneath an open reader (and say all is well). */
static enum rc open_map(struct store *s, const char *path, const struct store_options *opt,
                        struct err *err)
{
    must(opt->quota_bytes <= UINT64_MAX / 4);
    uint64_t wanted = opt->map_bytes ? opt->map_bytes : STORE_MAP_BYTES;
    uint64_t floor = opt->quota_bytes ? 2 * opt->quota_bytes : STORE_MAP_FLOOR;
    if (wanted < floor && opt->quota_bytes)
        wanted = floor;
    uint64_t bytes = wanted;
    int code = try_map(s, path, bytes);
    while (code == ENOMEM && bytes > floor) {
        bytes = bytes / 2 > floor ? bytes / 2 : floor;
        log_debug(s->log, "store.map_halved", "path", STR(s->path), "map_bytes", U64(bytes));
        code = try_map(s, path, bytes);
    }
    if (code == ENOMEM)
        return err_set(err, RC_LIMIT,
                       "%s: cannot get %" PRIu64 " bytes of address space, the least it needs: "
                       "raise the limit (ulimit -v, LimitAS= in systemd), or lower the quota",
                       s->path, bytes);
    return code ? fail(s, code, err, "open it with LMDB") : RC_OK;
}

/* --- tables and identity --- */

static int put_row(MDB_txn *txn, MDB_dbi table, const char *key, struct slice stored)
{
    MDB_val k = val_of(slice_str(key));
    MDB_val v = val_of(stored);
    return mdb_put(txn, table, &k, &v, 0);
}

static int put_format(MDB_txn *txn, MDB_dbi table)
{
    uint8_t bytes[4];
    store_u32(bytes, STORE_FORMAT);
    return put_row(txn, table, KEY_FORMAT, slice_of(bytes, sizeof(bytes)));
}

/* MDB_CORRUPTED when it has another width. */
static int get_format(MDB_txn *txn, MDB_dbi table, uint32_t *format)
{
    MDB_val k = val_of(slice_str(KEY_FORMAT));
    MDB_val v;
    int code = mdb_get(txn, table, &k, &v);
    if (code)
        return code;
    if (v.mv_size != sizeof(*format))
        return MDB_CORRUPTED;
    *format = load_u32(v.mv_data);
    return 0;
}

static int put_id(MDB_txn *txn, MDB_dbi table, const char *key, uint64_t id)
{
    uint8_t bytes[8];
    uint8_t stored[sizeof(bytes) + ROW_CRC_LEN];
    store_u64(bytes, id);
    row_seal(TABLE_OWN, slice_str(key), slice_of(bytes, sizeof(bytes)), stored);
    return put_row(txn, table, key, slice_of(stored, sizeof(stored)));
}

static int get_id(MDB_txn *txn, MDB_dbi table, const char *key, uint64_t *id)
{
    MDB_val k = val_of(slice_str(key));
    MDB_val v;
    struct slice value;
    int code = mdb_get(txn, table, &k, &v);
    if (code)
        return code;
    if (!row_unseal(TABLE_OWN, slice_str(key), slice_of_val(&v), &value) || value.n != sizeof(*id))
        return MDB_CORRUPTED;
    *id = load_u64(value.p);
    return 0;
}

static enum rc make_tables(struct store *s, MDB_txn *txn, const struct store_options *opt,
                           struct err *err)
{
    int code = mdb_dbi_open(txn, TABLE_OWN, MDB_CREATE, &s->identity);
    for (size_t t = 0; t < TABLE_COUNT && !code; t++)
        code = mdb_dbi_open(txn, store_tables[t], MDB_CREATE, &s->tables[t]);
    if (!code)
        code = put_format(txn, s->identity);
    if (!code)
        code = put_id(txn, s->identity, KEY_CLUSTER, opt->cluster_id);
    if (!code)
        code = put_id(txn, s->identity, KEY_MEMBER, opt->member_id);
    return code ? fail(s, code, err, "make its tables") : RC_OK;
}

static enum rc check_owner(struct store *s, MDB_txn *txn, const struct store_options *opt,
                           struct err *err)
{
    uint64_t cluster = 0;
    uint64_t member = 0;
    int code = get_id(txn, s->identity, KEY_CLUSTER, &cluster);
    if (!code)
        code = get_id(txn, s->identity, KEY_MEMBER, &member);
    if (code)
        return err_set(err, RC_CORRUPT, "%s: cannot read whose store it is: %s", s->path,
                       mdb_strerror(code));
    s->cluster_id = cluster;
    s->member_id = member;
    if (opt->any_owner)
        return RC_OK;
    if (cluster != opt->cluster_id)
        return err_set(err, RC_FOREIGN,
                       "%s belongs to cluster %" PRIx64 ", and this member is of cluster %" PRIx64
                       ": check the data directory and the initial cluster settings",
                       s->path, cluster, opt->cluster_id);
    if (member == opt->member_id)
        return RC_OK;
    if (!opt->adopt_member)
        return err_set(err, RC_FOREIGN,
                       "%s belongs to member %" PRIx64 ", and this is member %" PRIx64
                       " of the same cluster: two members cannot share a data directory, nor use "
                       "a copy of one",
                       s->path, member, opt->member_id);
    code = put_id(txn, s->identity, KEY_MEMBER, opt->member_id);
    return code ? fail(s, code, err, "write into it whose it is now") : RC_OK;
}

/* A key as a sentence can have it: meta's are words, most others are numbers. */
static void name_key(struct slice key, char *out, size_t n)
{
    bool word = true;
    for (size_t i = 0; i < key.n; i++)
        word = word && key.p[i] > ' ' && key.p[i] < 0x7f;
    size_t shown = (n - 1) / (word ? 1 : 2);
    out[0] = '\0';
    for (size_t i = 0; i < key.n && i < shown; i++)
        (void)snprintf(out + (word ? i : 2 * i), 3, word ? "%c" : "%02x", key.p[i]);
}

static enum rc check_table(struct store *s, MDB_txn *txn, enum table t, struct err *err)
{
    MDB_cursor *cursor;
    MDB_val k = {0};
    MDB_val v;
    struct slice value;
    char name[65];
    enum rc rc = RC_OK;
    int code = mdb_cursor_open(txn, s->tables[t], &cursor);
    if (code)
        return fail(s, code, err, "read its tables");
    while (rc == RC_OK && (code = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        if (row_unseal(store_tables[t], slice_of_val(&k), slice_of_val(&v), &value))
            continue;
        name_key(slice_of_val(&k), name, sizeof(name));
        rc = err_set(err, RC_CORRUPT,
                     "%s: table %s: the row of key %s is damaged, its checksum is another; restore "
                     "this member from a snapshot, or remove its data and add it to the cluster "
                     "anew",
                     s->path, store_tables[t], name);
    }
    mdb_cursor_close(cursor);
    return rc == RC_OK && code != MDB_NOTFOUND ? fail(s, code, err, "read its tables") : rc;
}

/* What is read once, at start, and believed from there on: who may do what, who is a member,
 * whether authentication is on. `key` is checked value by value, as it is read. */
static enum rc check_rows(struct store *s, MDB_txn *txn, struct err *err)
{
    enum rc rc = RC_OK;
    for (enum table t = 0; t < TABLE_COUNT && rc == RC_OK; t++)
        if (t != TABLE_KEY)
            rc = check_table(s, txn, t, err);
    return rc;
}

static enum rc find_tables(struct store *s, MDB_txn *txn, const struct store_options *opt,
                           struct err *err)
{
    uint32_t format = 0;
    int code = get_format(txn, s->identity, &format);
    if (code || format == 0)
        return err_set(err, RC_CORRUPT, "%s: cannot read its format version: %s", s->path,
                       code ? mdb_strerror(code) : "it is 0, which none is");
    if (format > STORE_FORMAT)
        return err_set(err, RC_VERSION,
                       "%s has store format %" PRIu32 ", and this moat knows formats up to %u: run "
                       "the version that wrote it, or a newer one",
                       s->path, format, STORE_FORMAT);
    if (format < STORE_FORMAT)
        return err_set(err, RC_VERSION,
                       "%s has store format %" PRIu32 ", and this moat reads format %u only: let "
                       "the version that wrote it save a snapshot (moat ctl snapshot save), and "
                       "begin a new data directory from that (moat import --snapshot)",
                       s->path, format, STORE_FORMAT);
    for (size_t t = 0; t < TABLE_COUNT; t++) {
        code = mdb_dbi_open(txn, store_tables[t], 0, &s->tables[t]);
        if (code)
            return err_set(err, RC_CORRUPT, "%s: cannot open its table %s: %s", s->path,
                           store_tables[t], mdb_strerror(code));
    }
    enum rc rc = check_owner(s, txn, opt, err);
    return rc == RC_OK ? check_rows(s, txn, err) : rc;
}

static enum rc tables_in(struct store *s, MDB_txn *txn, const struct store_options *opt,
                         struct err *err)
{
    MDB_stat root;
    int code = mdb_stat(txn, 1, &root);
    if (code)
        return fail(s, code, err, "read its root");
    if (root.ms_entries == 0)
        return make_tables(s, txn, opt, err); /* new, or its making was interrupted */
    code = mdb_dbi_open(txn, TABLE_OWN, 0, &s->identity);
    if (code == MDB_NOTFOUND || code == MDB_INCOMPATIBLE)
        return err_set(err, RC_FOREIGN,
                       "%s is an LMDB file, but another program's. Move it away, or name another "
                       "data directory.",
                       s->path);
    return code ? fail(s, code, err, "open its table " TABLE_OWN) : find_tables(s, txn, opt, err);
}

static enum rc open_tables(struct store *s, const struct store_options *opt, struct err *err)
{
    MDB_txn *txn;
    int code = fault_hit(s->faults, "store.tables") ? EIO : mdb_txn_begin(s->env, NULL, 0, &txn);
    if (code)
        return fail(s, code, err, "begin a transaction");
    enum rc rc = tables_in(s, txn, opt, err);
    if (rc != RC_OK) {
        mdb_txn_abort(txn);
        return rc;
    }
    code = mdb_txn_commit(txn);
    if (!code)
        code = mdb_env_sync(s->env, 1);
    return code ? fail(s, code, err, "commit its tables") : RC_OK;
}

/* --- a new file --- */

static bool is_made(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && st.st_size > 0;
}

/* Make the store under another name, then give it its own: a loss of power could leave LMDB's
 * header pages half written, which no later start could tell from damage. What a former attempt
 * left is overwritten. s keeps the file open, and locked. */
static enum rc make_as(struct store *s, const char *path, const struct store_options *opt,
                       struct err *err)
{
    enum rc rc = open_locked(s, path, O_CREAT, err);
    if (rc != RC_OK)
        return rc;
    if (is_made(s->path)) { /* by another process, until we got the lock */
        close(s->fd);
        s->fd = -1;
        return RC_OK;
    }
    if (ftruncate(s->fd, 0))
        return fail(s, errno, err, "empty what an interrupted start left of it");
    rc = open_map(s, path, opt, err);
    if (rc == RC_OK)
        rc = open_tables(s, opt, err);
    mdb_env_close(s->env);
    s->env = NULL;
    if (rc != RC_OK)
        return rc;
    if (rename(path, s->path))
        return fail(s, errno, err, "give it its name");
    return sync_dir(s, err);
}

static enum rc make_file(struct store *s, const struct store_options *opt, struct err *err)
{
    char *path = mem_printf("%s.new", s->path);
    char *readers = mem_printf("%s-lock", path);
    enum rc rc = make_as(s, path, opt, err);
    (void)unlink(readers); /* LMDB's, of no use to anybody now */
    free(readers);
    free(path);
    return rc;
}

/* --- views --- */

static enum rc open_views(struct store *s, struct err *err)
{
    int code = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->view);
    if (!code)
        code = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->tally);
    MDB_envinfo info = {0};
    if (!code)
        code = mdb_env_info(s->env, &info);
    MDB_val k = val_of(slice_str(KEY_FORMAT));
    MDB_val v;
    if (!code)
        code = mdb_get(s->view, s->identity, &k, &v);
    if (code)
        return fail(s, code, err, "read it");
    enum rc rc = store_note_view(s);
    if (rc != RC_OK)
        return err_set(err, rc, "%s: cannot read its last revision: %s", s->path, rc_text(rc));
    mdb_txn_reset(s->tally);
    s->map = (struct map){map_base(v.mv_data, s->page_bytes), info.me_mapsize};
    map_register(&s->map, s->path);
    return RC_OK;
}

static enum rc open_room(struct store *s, const struct store_options *opt, struct err *err)
{
    s->room = (struct room){.fd = s->fd,
                            .max = s->map.n,
                            .ahead = opt->room_bytes ? opt->room_bytes : STORE_ROOM_BYTES,
                            .faults = s->faults};
    enum rc rc = store_count(s);
    if (rc == RC_OK)
        rc = room_reserve(&s->room, s->end, s->page_bytes);
    atomic_store(&s->room_low, s->room.low || rc == RC_NO_SPACE);
    if (rc == RC_OK || rc == RC_NO_SPACE) /* a full disk can still be read */
        return RC_OK;
    return err_set(err, rc, "%s: cannot reserve disk space for it: %s", s->path, rc_text(rc));
}

enum rc store_open(const struct store_options *opt, struct storage **out, struct err *err)
{
    must(opt->path && opt->path[0]);
    struct store *s = mem_zalloc(sizeof(*s));
    s->storage.ops = &store_ops;
    s->log = opt->log;
    s->faults = opt->faults;
    s->path = mem_strdup(opt->path);
    s->fd = -1;
    enum rc rc = is_made(s->path) ? RC_OK : make_file(s, opt, err);
    if (rc == RC_OK)
        rc = open_file(s, err);
    if (rc == RC_OK)
        rc = open_map(s, s->path, opt, err);
    if (rc == RC_OK)
        rc = open_tables(s, opt, err);
    if (rc == RC_OK)
        rc = open_views(s, err);
    if (rc == RC_OK)
        rc = open_room(s, opt, err);
    if (rc != RC_OK) {
        storage_close(&s->storage);
        return rc;
    }
    *out = &s->storage;
    return RC_OK;
}
