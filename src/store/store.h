/* store - the applied state at rest: kv/storage.h on LMDB, in one file.
 *
 * Commits are whole batches, durable but for the last one (MDB_NOMETASYNC); reads come out of the
 * memory map without a copy. Format: docs/formats/store.md. Beside path lies LMDB's own
 * "<path>-lock", which only holds the table of readers.
 *
 * Beyond the contract: any failure of commit or sync but RC_NO_SPACE is final: from then on every
 * commit and sync gives RC_IO at once, since after a failed write or fdatasync nobody knows what
 * the disk holds (docs/ARCHITECTURE.md, Storage). Reading goes on.
 * view_open gives NULL when STORE_VIEWS_MAX views are open. get and scan give what a failed refresh
 * met, until one succeeds. close syncs the last commit, unless the store has failed. */
#ifndef MOAT_STORE_STORE_H
#define MOAT_STORE_STORE_H

#include "base/cc.h"
#include "env/fault.h"
#include "kv/storage.h"

struct log;

#define STORE_MAP_BYTES (256ull << 30) /* address space to ask for */
#define STORE_MAP_FLOOR (4ull << 30)   /* and the least to run with when no quota is given */

/* Disk space kept in hand beyond the end of the file, so that what is committed already, the alarm
 * and the compaction that cures it still fit when the disk is full. */
#define STORE_ROOM_BYTES (64u << 20)

/* What one commit should hold at most: larger ones work, but LMDB 0.9.24 leaks memory when a
 * transaction dirties more than 128k pages (ITS#9155). */
#define STORE_BATCH_OPS_MAX   20000
#define STORE_BATCH_BYTES_MAX (64u << 20)

/* Views open at once, the loop's among them. */
#define STORE_VIEWS_MAX 510

struct store_options {
    const char *path; /* the file; created, with its directory synced, if absent */
    /* Address space wanted; 0: STORE_MAP_BYTES. At least twice the quota is asked for; when the
     * system refuses it is halved, down to twice the quota. storage_stats tells what it became. */
    uint64_t map_bytes;
    uint64_t quota_bytes;  /* 0: not known, STORE_MAP_FLOOR is then the least map */
    uint64_t room_bytes;   /* 0: STORE_ROOM_BYTES */
    uint64_t cluster_id;   /* another's file is RC_FOREIGN */
    uint64_t member_id;    /* the same */
    bool any_owner;        /* for tools: whosever it is */
    bool adopt_member;     /* take over another member's file of this cluster: a snapshot it sent */
    struct log *log;       /* may be NULL */
    struct faults *faults; /* may be NULL */
};

/* Open or create. Blocking. With a sentence in err: RC_LOCKED (another process has it), RC_FOREIGN
 * (not ours: etcd's bbolt file, some other file, another cluster or member), RC_VERSION (a newer
 * format), RC_CORRUPT (cut short, or header pages damaged), RC_UNSUPPORTED (page size of another
 * machine), RC_LIMIT (no address space), RC_NO_SPACE, RC_PERMISSION, RC_IO … */
MUST_USE enum rc store_open(const struct store_options *opt, struct storage **out, struct err *err);

/* Whose file it was when it was opened; for any_owner. 0 if it was made then. */
void store_owner(const struct storage *storage, uint64_t *cluster_id, uint64_t *member_id);

/* The next two take a storage that store_open made. */

/* Are all pages that the value (from get or scan) lies in present in memory? If not, touching it
 * waits for the disk. One system call for each 16 MiB of value, 1 to 2 µs. */
bool store_resident(const struct storage *storage, struct slice value);

/* Take the file's pages out of this process's VmRSS. They stay in the page cache: the next touch
 * maps 16 of them again, without the disk. Any thread, any time; 7 to 25 µs for each MiB resident.
 * Every page read once counts (a walk over all at start most of all), so call it after such a walk,
 * and on a timer of some seconds. */
void store_trim_resident(const struct storage *storage);

/* Write the file anew without its free pages, in its place; nobody may have it open (RC_LOCKED).
 * Blocking. Only for who wants the disk space back: the store uses free pages again by itself. */
MUST_USE enum rc store_compact(const char *path, struct err *err);

/* Process-wide, once, at start: a page that the disk cannot give (file cut short while in use, bad
 * sector) arrives as SIGBUS; end the process with one sentence that names the file, status 1. */
void store_catch_sigbus(void);

#endif
