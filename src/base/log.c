#include "base/log.h"

#include "base/cc.h"
#include "base/must.h"

void log_event(struct log *log, enum log_level level, const char *event,
               const struct log_pair *pairs)
{
    if (log && level >= log->level)
        log->write(log, level, event, pairs);
}

const char *log_level_name(enum log_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error", "panic", "fatal"};
    must(level < ARRAY_LEN(names));
    return names[level];
}
