#include "app/logger.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE_MAX (16u << 10) /* bytes; a longer value is cut */

/* RFC 8259 7. Bytes that are not UTF-8 pass as they are: a log shows what came. */
static void append_json_string(struct buf *b, struct slice s)
{
    buf_append_u8(b, '"');
    for (size_t i = 0; i < s.n && b->n < LOG_LINE_MAX; i++) {
        uint8_t c = s.p[i];
        if (c == '"' || c == '\\')
            buf_printf(b, "\\%c", c);
        else if (c == '\n')
            buf_append_str(b, "\\n");
        else if (c < 0x20 || c == 0x7f)
            buf_printf(b, "\\u%04x", c);
        else
            buf_append_u8(b, c);
    }
    buf_append_u8(b, '"');
}

static void append_duration(struct buf *b, uint64_t ns)
{
    if (ns >= 1000000000u)
        buf_printf(b, "%.3fs", (double)ns / 1e9);
    else if (ns >= 1000000u)
        buf_printf(b, "%.3fms", (double)ns / 1e6);
    else
        buf_printf(b, "%.1fus", (double)ns / 1e3);
}

/* What could pass for a pair or a line of its own, or speak to a terminal, is shown as a string. */
static bool needs_quotes(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] == '"' || s.p[i] == '=' || s.p[i] == 0x7f)
            return true;
    return s.n == 0;
}

static void append_value(struct buf *b, const struct log_value *v, bool json)
{
    switch (v->kind) {
    case LOG_KIND_STR:
        if (json || needs_quotes(v->s))
            append_json_string(b, v->s);
        else
            buf_append(b, v->s.p, v->s.n < LOG_LINE_MAX ? v->s.n : LOG_LINE_MAX);
        return;
    case LOG_KIND_U64:
        buf_printf(b, "%" PRIu64, v->u);
        return;
    case LOG_KIND_I64:
        buf_printf(b, "%" PRId64, v->i);
        return;
    case LOG_KIND_HEX:
        buf_printf(b, json ? "\"%" PRIx64 "\"" : "%" PRIx64, v->u);
        return;
    case LOG_KIND_BOOL:
        buf_append_str(b, v->u ? "true" : "false");
        return;
    case LOG_KIND_NS:
        if (json)
            buf_append_u8(b, '"');
        append_duration(b, v->u);
        if (json)
            buf_append_u8(b, '"');
        return;
    }
}

static void append_time(struct buf *b)
{
    struct timespec now;
    struct tm utc;
    char text[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    buf_printf(b, "%s.%06ldZ", text, now.tv_nsec / 1000);
}

static void format_json(struct buf *b, enum log_level level, const char *event,
                        const struct log_pair *pairs)
{
    buf_printf(b, "{\"level\":\"%s\",\"ts\":\"", log_level_name(level));
    append_time(b);
    buf_append_str(b, "\",\"msg\":");
    append_json_string(b, slice_str(event));
    for (; pairs->name; pairs++) {
        buf_printf(b, ",\"%s\":", pairs->name);
        append_value(b, &pairs->value, true);
    }
    buf_append_str(b, "}\n");
}

static void format_text(struct buf *b, enum log_level level, const char *event,
                        const struct log_pair *pairs)
{
    append_time(b);
    buf_printf(b, "  %-5s  %s", log_level_name(level), event);
    for (; pairs->name; pairs++) {
        buf_printf(b, "  %s=", pairs->name);
        append_value(b, &pairs->value, false);
    }
    buf_append_u8(b, '\n');
}

static void write_event(struct log *log, enum log_level level, const char *event,
                        const struct log_pair *pairs)
{
    struct logger *l = CONTAINER_OF(log, struct logger, log);
    buf_clear(&l->line);
    if (l->json)
        format_json(&l->line, level, event, pairs);
    else
        format_text(&l->line, level, event, pairs);
    if (rotate_is_due(&l->rotate, l->line.n)) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        l->fds[l->rotate_at] = rotate_now(&l->rotate, l->fds[l->rotate_at], now);
    }
    l->rotate.bytes += l->line.n;
    for (size_t i = 0; i < l->fd_n; i++) {
        ssize_t n = write(l->fds[i], l->line.p, l->line.n);
        (void)n;
    }
}

static bool is_standard(const char *name)
{
    return strcmp(name, "stderr") == 0 || strcmp(name, "stdout") == 0;
}

static enum rc open_output(struct logger *l, const char *name, struct err *err)
{
    if (l->fd_n == LOGGER_OUTPUTS_MAX)
        return err_set(err, RC_LIMIT, "--log-outputs: at most %d outputs", LOGGER_OUTPUTS_MAX);
    int fd = -1;
    if (strcmp(name, "stderr") == 0)
        fd = STDERR_FILENO;
    else if (strcmp(name, "stdout") == 0)
        fd = STDOUT_FILENO;
    else
        fd = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        enum rc rc = rc_of_errno(errno);
        return err_set(err, rc, "--log-outputs: cannot open %s: %s", name, rc_text(rc));
    }
    l->fds[l->fd_n++] = fd;
    return RC_OK;
}

enum rc logger_init(struct logger *l, enum log_level level, bool json, char *const *outputs,
                    size_t output_n, struct err *err)
{
    *l = (struct logger){.log = {.level = level, .write = write_event}, .json = json};
    for (size_t i = 0; i < output_n; i++) {
        enum rc rc = open_output(l, outputs[i], err);
        if (rc != RC_OK) {
            logger_fini(l);
            return rc;
        }
    }
    return RC_OK;
}

void logger_rotate(struct logger *l, char *const *outputs, size_t output_n,
                   const struct rotate *rotate)
{
    for (size_t i = 0; i < output_n && i < l->fd_n; i++) {
        if (is_standard(outputs[i]))
            continue;
        l->rotate = *rotate;
        l->rotate.backups.path = outputs[i];
        l->rotate_at = i;
        rotate_begin(&l->rotate, l->fds[i]);
    }
}

void logger_workers(struct logger *l, struct workers *workers)
{
    if (!workers) {
        rotate_stop(&l->rotate);
    } else if (l->rotate.backups.path) {
        l->rotate.workers = workers;
        rotate_tidy(&l->rotate);
    }
}

void logger_fini(struct logger *l)
{
    for (size_t i = 0; i < l->fd_n; i++)
        if (l->fds[i] > STDERR_FILENO)
            close(l->fds[i]);
    buf_fini(&l->line);
    *l = (struct logger){0};
}
