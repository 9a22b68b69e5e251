#include "ctl/environment.h"

#include "base/must.h"

#include <ctype.h>
#include <stdlib.h>

#define NAME_MAX_LEN 64

const char *environment_get(const char *name)
{
    return getenv(name); /* NOLINT(concurrency-mt-unsafe) */
}

/* ETCDCTL_SOME_OPTION becomes some-option; false when that cannot be an option. */
static bool option_name(struct slice key, char out[NAME_MAX_LEN])
{
    struct slice prefix = slice_str(ENVIRONMENT_PREFIX);
    struct slice rest = slice_skip(key, prefix.n);
    if (rest.n >= NAME_MAX_LEN)
        return false;
    for (size_t i = 0; i < rest.n; i++)
        out[i] = (char)(rest.p[i] == '_' ? '-' : tolower(rest.p[i]));
    out[rest.n] = 0;
    return true;
}

/* Variables that other code reads, or that older versions of etcdctl wanted. */
static bool is_special(struct slice key)
{
    static const char *const names[] = {"ETCDCTL_API", "ETCDCTL_WATCH_KEY",
                                        "ETCDCTL_WATCH_RANGE_END"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (slice_eq(key, slice_str(names[i])))
            return true;
    }
    return false;
}

static bool is_among(const struct flag *flags, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(flags[i].name, name) == 0)
            return true;
    }
    return false;
}

/* A value that is none changes nothing, as with etcdctl; but it is said. */
static enum rc apply(struct flag_values *values, struct slice key, const char *value,
                     const char *name, struct buf *warnings, struct err *err)
{
    struct flag_value *v = flag_find(values, slice_str(name));
    struct err why = {0};
    must(v);
    if (v->changed)
        return err_set(err, RC_EXISTS,
                       "conflicting environment variable \"%.*s\" is shadowed by corresponding "
                       "command-line flag (either unset environment variable or disable flag)",
                       (int)key.n, (const char *)key.p);
    if (!*value)
        return RC_OK;
    enum rc rc = flag_value_set(v, value, &why);
    v->changed = false; /* the option itself was not given */
    if (rc != RC_OK)
        buf_printf(warnings, "warning: %.*s is left out: %s\n", (int)key.n, (const char *)key.p,
                   why.text);
    return RC_OK;
}

enum rc environment_apply(struct flag_values *values, const struct flag *flags, size_t flags_n,
                          char *const *envp, struct buf *warnings, struct err *err)
{
    for (; *envp; envp++) {
        const char *equals = strchr(*envp, '=');
        char name[NAME_MAX_LEN];
        if (!equals || strncmp(*envp, ENVIRONMENT_PREFIX, sizeof(ENVIRONMENT_PREFIX) - 1) != 0)
            continue;
        struct slice key = slice_of(*envp, (size_t)(equals - *envp));
        if (is_special(key))
            continue;
        if (!option_name(key, name) || !is_among(flags, flags_n, name)) {
            buf_printf(warnings, "warning: unrecognized environment variable %.*s\n", (int)key.n,
                       (const char *)key.p);
            continue;
        }
        enum rc rc = apply(values, key, equals + 1, name, warnings, err);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}
