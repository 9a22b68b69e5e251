/* log - events with named values, one line each.
 *
 *     log_warn(log, "wal.torn_tail", "segment", U64(seq), "path", STR(path));
 *
 * A struct log is a sink with a level. The sink is app's; library folders log only at debug
 * (docs/STYLE.md, Logging). Values borrow; a sink must not keep them. */
#ifndef MOAT_BASE_LOG_H
#define MOAT_BASE_LOG_H

#include "base/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_PANIC, LOG_FATAL };

enum log_kind {
    LOG_KIND_STR,
    LOG_KIND_U64,
    LOG_KIND_I64,
    LOG_KIND_HEX,
    LOG_KIND_BOOL,
    LOG_KIND_NS
};

struct log_value {
    enum log_kind kind;
    union {
        struct slice s;
        uint64_t u;
        int64_t i;
    };
};

struct log_pair {
    const char *name; /* NULL ends the array */
    struct log_value value;
};

struct log {
    enum log_level level; /* events below are dropped */
    void (*write)(struct log *log, enum log_level level, const char *event,
                  const struct log_pair *pairs);
};

/* Values for pairs. HEX64 prints an ID the way etcd does: bare hex. NS prints a duration. */
#define STR(v)   ((struct log_value){.kind = LOG_KIND_STR, .s = slice_str(v)})
#define BYTES(v) ((struct log_value){.kind = LOG_KIND_STR, .s = (v)})
#define U64(v)   ((struct log_value){.kind = LOG_KIND_U64, .u = (uint64_t)(v)})
#define I64(v)   ((struct log_value){.kind = LOG_KIND_I64, .i = (int64_t)(v)})
#define HEX64(v) ((struct log_value){.kind = LOG_KIND_HEX, .u = (uint64_t)(v)})
#define BOOL(v)  ((struct log_value){.kind = LOG_KIND_BOOL, .u = (v) ? 1 : 0})
#define NS(v)    ((struct log_value){.kind = LOG_KIND_NS, .u = (uint64_t)(v)})

void log_event(struct log *log, enum log_level level, const char *event,
               const struct log_pair *pairs);

/* The pairs end in a comma, also when there are none: C17 wants an argument for the dots. */
#define LOG_AT(log, level, event, ...)                                                             \
    log_event(log, level, event, (const struct log_pair[]){__VA_ARGS__{NULL, {0}}})

/* log, event, then name and value by turns. */
#define log_debug(log, ...) LOG_AT(log, LOG_DEBUG, __VA_ARGS__, )
#define log_info(log, ...)  LOG_AT(log, LOG_INFO, __VA_ARGS__, )
#define log_warn(log, ...)  LOG_AT(log, LOG_WARN, __VA_ARGS__, )
#define log_error(log, ...) LOG_AT(log, LOG_ERROR, __VA_ARGS__, )

const char *log_level_name(enum log_level level); /* "debug" … "fatal", as etcd's --log-level */

#endif
