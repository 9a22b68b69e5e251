/* trace - what a server did to its files, and what its client was told, in one order.
 *
 * A file of records, each a header and its payload, appended with one write(2) by the preloaded
 * library (shim.c) in the server and by the client: so the file's order is the order in which
 * things happened. The library appends an effect after the call has returned and before any other
 * thread may begin one; the client appends an acknowledgement after it was received. Whatever is
 * acknowledged in a prefix of the trace must therefore survive a loss of power at its end.
 *
 * Paths are relative to the traced directory. A file is known by its inode's number from the moment
 * it is created until the next file is created with the same number. */
#ifndef TEST_POWERLOSS_TRACE_H
#define TEST_POWERLOSS_TRACE_H

#include <stdint.h>

/* How the library is told what to do: environment variables. */
#define TRACE_ENV_FILE     "MOAT_POWERLOSS_TRACE" /* append records there; absent: trace nothing */
#define TRACE_ENV_ROOT     "MOAT_POWERLOSS_ROOT"  /* absolute path of the traced directory */
#define TRACE_ENV_DIE      "MOAT_POWERLOSS_DIE" /* kill the process right after so many effects … */
#define TRACE_ENV_DIE_KIND "MOAT_POWERLOSS_DIE_KIND" /* … of this trace_kind; 0: any */
#define TRACE_ENV_DELAY    "MOAT_POWERLOSS_SYNC_US" /* a sync takes this many microseconds longer */

#define TRACE_FRAMES_MAX 16   /* of a sync's call stack */
#define TRACE_PATH_MAX   1024 /* bytes of a relative path, its zero included */

enum trace_kind {
    /* Effects. The payload of a sync ends with its call stack: words "+OFFSET" (in the program,
     * hex) or names of functions in libraries, innermost first, with a blank between. */
    TRACE_CREATE = 1, /* file; payload: path, zero */
    TRACE_MKDIR,      /* payload: path, zero */
    TRACE_RENAME,     /* payload: path, zero, path, zero */
    TRACE_UNLINK,     /* payload: path, zero */
    TRACE_WRITE,      /* file, at = offset; payload: the bytes */
    TRACE_WRITE_SYNC, /* the same through a descriptor opened with O_DSYNC */
    TRACE_SIZE,       /* file, at = its new size */
    TRACE_SYNC,       /* file; payload: stack, zero */
    TRACE_SYNC_DIR,   /* payload: path, zero, stack, zero */

    /* Marks. */
    TRACE_LIFE,        /* a process is about to start; at = its number */
    TRACE_ACK,         /* file = number of an operation, at = its revision */
    TRACE_COMPACT_ASK, /* at = revision; the request is about to be sent */
    TRACE_COMPACT_ACK, /* at = revision */
    TRACE_FOUND,       /* like ACK: not acknowledged, but there after a restart */
    TRACE_SEEN,        /* at = revision that a read has shown to the client */

    TRACE_BEFORE_SYNC, /* never in a trace, only to die at: a sync is about to be made */
    TRACE_KIND_END
};

struct trace_record {
    uint32_t kind;
    uint32_t n; /* bytes of payload that follow */
    uint64_t file;
    uint64_t at;
};

#endif
