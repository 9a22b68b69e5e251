/* names - finding a row of the table by flag, alias, variable or YAML key. */
#include "base/must.h"
#include "conf/table.h"

#include <ctype.h>
#include <strings.h>

#define NAME_BYTES_MAX 64 /* longer ones are no flag's misspelling */
#define NEAR_EDITS_MAX 2

const struct conf_alias conf_aliases[] = {
    {"ca-file", "trusted-ca-file", "up to 3.3"},
    {"experimental-backend-bbolt-freelist-type", "backend-bbolt-freelist-type", "3.4"},
    {"experimental-bootstrap-defrag-threshold-megabytes", "bootstrap-defrag-threshold-megabytes",
     "3.5, 3.6"},
    {"experimental-compact-hash-check-time", "compact-hash-check-time", "3.5, 3.6"},
    {"experimental-compaction-batch-limit", "compaction-batch-limit", "3.4 to 3.6"},
    {"experimental-compaction-sleep-interval", "compaction-sleep-interval", "3.5, 3.6"},
    {"experimental-corrupt-check-time", "corrupt-check-time", "3.4 to 3.6"},
    {"experimental-distributed-tracing-address", "distributed-tracing-address", "3.5, 3.6"},
    {"experimental-distributed-tracing-instance-id", "distributed-tracing-instance-id", "3.5, 3.6"},
    {"experimental-distributed-tracing-sampling-rate", "distributed-tracing-sampling-rate",
     "3.5, 3.6"},
    {"experimental-distributed-tracing-service-name", "distributed-tracing-service-name",
     "3.5, 3.6"},
    {"experimental-downgrade-check-time", "downgrade-check-time", "3.5, 3.6"},
    {"experimental-enable-distributed-tracing", "enable-distributed-tracing", "3.5, 3.6"},
    {"experimental-memory-mlock", "memory-mlock", "3.5, 3.6"},
    {"experimental-peer-skip-client-san-verification", "peer-skip-client-san-verification",
     "3.4 to 3.6"},
    {"experimental-snapshot-catch-up-entries", "snapshot-catchup-entries", "3.5 (in the file)"},
    {"experimental-snapshot-catchup-entries", "snapshot-catchup-entries", "3.5, 3.6"},
    {"experimental-warning-apply-duration", "warning-apply-duration", "3.4 to 3.6"},
    {"experimental-warning-unary-request-duration", "warning-unary-request-duration", "3.6"},
    {"experimental-watch-progress-notify-interval", "watch-progress-notify-interval", "3.4 to 3.6"},
    {"log-output", "log-outputs", "3.4"},
    {"peer-ca-file", "peer-trusted-ca-file", "up to 3.3"},
};
const size_t conf_alias_count = ARRAY_LEN(conf_aliases);

/* etcdmain/config.go: taken so that command lines of 2.x still start. */
static const char *const obsolete[] = {
    "cluster-active-size",
    "cluster-remove-delay",
    "cluster-sync-interval",
    "config",
    "force",
    "max-result-buffer",
    "max-retry-attempts",
    "peer-election-timeout",
    "peer-heartbeat-interval",
    "retry-interval",
    "snapshot",
    "test.coverprofile",
    "test.outputdir",
    "v",
    "vv",
};

const char *conf_group_title(enum conf_group group)
{
    static const char *const titles[CONF_GROUP_COUNT] = {
        [CONF_MEMBER] = "Member",       [CONF_CLUSTER] = "Clustering",
        [CONF_SECURITY] = "Security",   [CONF_AUTH] = "Auth",
        [CONF_MONITOR] = "Monitoring",  [CONF_LOGGING] = "Logging",
        [CONF_TRACING] = "Tracing",     [CONF_FEATURES] = "Checks and tuning",
        [CONF_V2] = "v2 API and proxy", [CONF_UNSAFE] = "Unsafe",
    };
    must(group < CONF_GROUP_COUNT);
    return titles[group];
}

static const struct conf_flag *find_row(struct slice name)
{
    for (size_t i = 0; i < conf_flag_count; i++) {
        if (slice_eq(slice_str(conf_flags[i].name), name))
            return &conf_flags[i];
    }
    return NULL;
}

const struct conf_flag *conf_flag_find(struct slice name)
{
    for (size_t i = 0; i < conf_alias_count; i++) {
        if (slice_eq(slice_str(conf_aliases[i].name), name))
            return find_row(slice_str(conf_aliases[i].now));
    }
    return find_row(name);
}

void conf_env_key(const char *name, char out[CONF_ENV_KEY_MAX])
{
    size_t n = sizeof(CONF_ENV_PREFIX) - 1;
    must(n + strlen(name) < CONF_ENV_KEY_MAX);
    memcpy(out, CONF_ENV_PREFIX, n);
    for (; *name; name++)
        out[n++] = (char)(*name == '-' ? '_' : toupper((unsigned char)*name));
    out[n] = '\0';
}

static bool env_key_is(struct slice key, const char *name)
{
    char text[CONF_ENV_KEY_MAX];
    conf_env_key(name, text);
    return slice_eq(slice_str(text), key);
}

const struct conf_flag *conf_flag_find_env(struct slice key)
{
    for (size_t i = 0; i < conf_flag_count; i++) {
        if (env_key_is(key, conf_flags[i].name))
            return &conf_flags[i];
    }
    for (size_t i = 0; i < conf_alias_count; i++) {
        if (env_key_is(key, conf_aliases[i].name))
            return find_row(slice_str(conf_aliases[i].now));
    }
    return NULL;
}

static const char *yaml_path(const struct conf_flag *flag)
{
    return flag->yaml ? flag->yaml : flag->name;
}

const struct conf_flag *conf_flag_find_yaml(const char *path)
{
    if (*path == '\0')
        return NULL;
    for (size_t i = 0; i < conf_flag_count; i++) {
        if (strcasecmp(yaml_path(&conf_flags[i]), path) == 0)
            return &conf_flags[i];
    }
    for (size_t i = 0; i < conf_alias_count; i++) {
        const struct conf_flag *flag = find_row(slice_str(conf_aliases[i].now));
        if (!flag->yaml && strcasecmp(conf_aliases[i].name, path) == 0)
            return flag;
    }
    return NULL;
}

bool conf_yaml_is_section(const char *path)
{
    size_t n = strlen(path);
    for (size_t i = 0; i < conf_flag_count; i++) {
        const char *yaml = yaml_path(&conf_flags[i]);
        if (strncasecmp(yaml, path, n) == 0 && yaml[n] == '.')
            return true;
    }
    return false;
}

bool conf_flag_is_obsolete(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(obsolete); i++) {
        if (slice_eq(slice_str(obsolete[i]), name))
            return true;
    }
    return false;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions and replacements that turn a into b (Levenshtein), row by row. */
static size_t edit_distance(struct slice a, const char *b)
{
    size_t n = strlen(b);
    size_t row[NAME_BYTES_MAX + 1];
    must(n <= NAME_BYTES_MAX);
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t replaced = diagonal + (a.p[i - 1] != (uint8_t)b[j - 1]);
            diagonal = row[j];
            row[j] = least(least(row[j], row[j - 1]) + 1, replaced);
        }
    }
    return row[n];
}

const char *conf_flag_near(struct slice name)
{
    const char *near = NULL;
    size_t best = NEAR_EDITS_MAX + 1;
    if (name.n > NAME_BYTES_MAX)
        return NULL;
    for (size_t i = 0; i < conf_flag_count; i++) {
        size_t edits = edit_distance(name, conf_flags[i].name);
        /* Half of a short name is not a misspelling of it. */
        if (edits < best && edits * 2 < name.n) {
            best = edits;
            near = conf_flags[i].name;
        }
    }
    return near;
}
