/* rc - the one set of result codes.
 *
 * A library's own codes are translated by the folder that owns the library, in one function.
 * What an operator reads is a struct err beside the code (base/err.h). */
#ifndef MOAT_BASE_RC_H
#define MOAT_BASE_RC_H

#define RC_TABLE(X)                                                                                \
    X(OK, "ok")                                                                                    \
    X(END, "end of input")                                                                         \
    X(AGAIN, "would block")                                                                        \
    X(MALFORMED, "malformed input")                                                                \
    X(LIMIT, "over a limit")                                                                       \
    X(UNSUPPORTED, "not supported")                                                                \
    X(INVALID, "invalid argument")                                                                 \
    X(NOT_FOUND, "not found")                                                                      \
    X(EXISTS, "already exists")                                                                    \
    X(CORRUPT, "damaged data")                                                                     \
    X(FOREIGN, "data of another owner")                                                            \
    X(VERSION, "unknown format version")                                                           \
    X(LOCKED, "in use by another process")                                                         \
    X(PERMISSION, "permission denied")                                                             \
    X(READ_ONLY, "read-only file system")                                                          \
    X(NO_SPACE, "no space left")                                                                   \
    X(NO_FDS, "too many open files")                                                               \
    X(ADDR_IN_USE, "address in use")                                                               \
    X(IO, "input/output error")                                                                    \
    X(CLOSED, "closed")                                                                            \
    X(TIMEOUT, "timed out")                                                                        \
    X(CANCELED, "canceled")                                                                        \
    X(NOT_LEADER, "not the leader")                                                                \
    X(PROTOCOL, "protocol error")

#define RC_ENUM(name, text) RC_##name,
enum rc { RC_TABLE(RC_ENUM) RC_COUNT };
#undef RC_ENUM

const char *rc_text(enum rc rc);

/* The code for an errno value. Anything unusual is RC_IO. */
enum rc rc_of_errno(int err);

#endif
