/* logger - where events go: JSON lines as etcd's (zap), or lines for people.
 *
 * A line is written with one write() per output, so lines of several processes do not mix. An
 * output that cannot be written is left alone: a full disk must not stop the server for its log. */
#ifndef MOAT_APP_LOGGER_H
#define MOAT_APP_LOGGER_H

#include "app/rotate.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"

#define LOGGER_OUTPUTS_MAX 8

struct logger {
    struct log log;
    bool json;
    int fds[LOGGER_OUTPUTS_MAX];
    size_t fd_n;
    struct rotate rotate; /* of fds[rotate_at], if it has a path */
    size_t rotate_at;
    struct buf line;
};

/* Open the outputs: "stderr", "stdout", or a file to append to. */
MUST_USE enum rc logger_init(struct logger *l, enum log_level level, bool json,
                             char *const *outputs, size_t output_n, struct err *err);
/* Rotate the one output that is a file (rotate.h), whose path lives as long as the logger. */
void logger_rotate(struct logger *l, char *const *outputs, size_t output_n,
                   const struct rotate *rotate);
/* There are workers now, for its old files; NULL: not any more. l stays where it is meanwhile. */
void logger_workers(struct logger *l, struct workers *workers);
void logger_fini(struct logger *l);

#endif
