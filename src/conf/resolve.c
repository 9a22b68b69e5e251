#include "conf/resolve.h"

#include "base/mem.h"
#include "base/must.h"
#include "conf/auth_token.h"
#include "conf/gates.h"
#include "conf/quote.h"
#include "conf/rotation.h"
#include "conf/value.h"

#include <stdio.h>
#include <stdlib.h>

#define WATCH_PROGRESS_DEFAULT  600000000000 /* ns */
#define WATCH_PROGRESS_MIN      100000000    /* ns: etcd's */
#define SNAPSHOT_COUNT_DEFAULT  10000
#define ELECTION_HEARTBEATS_MIN 5          /* etcd: an election timeout outlasts this many */
#define ELECTION_MS_MAX         50000      /* etcd: maxElectionMs */
#define REQUEST_BYTES_WARN      (10 << 20) /* etcd: recommendedMaxRequestBytes */
#define BCRYPT_COST_MIN         4
#define BCRYPT_COST_MAX         31
#define BCRYPT_COST_DEFAULT     10
#define TOKEN_TTL_S_DEFAULT     300
#define TOKEN_TTL_S_MAX         (10ull * 365 * 86400) /* in nanoseconds it is below 2^63 */
#define TXN_OPS_MAX             UINT32_MAX
#define MEMBERS_MAX             CONF_URLS_MAX
#define HOUR_NS                 (3600LL * 1000000000LL)

/* Choices that etcd judges after all flags were read. */
static enum rc check_choices(const struct conf_values *values, struct err *err)
{
    for (size_t i = 0; i < conf_flag_count; i++) {
        const struct conf_flag *flag = &conf_flags[i];
        const char *text = values->v[i].text;
        char quoted[CONF_QUOTED_MAX];
        unsigned choice;
        if (!text || !flag->bad || conf_parse_choice(flag->choices, text, &choice) == RC_OK)
            continue;
        return err_set(err, RC_INVALID, "%s %s, supported values are %s", flag->bad,
                       conf_quote(slice_str(text), quoted), flag->choices);
    }
    return RC_OK;
}

static void store_all(const struct conf_values *values, struct conf *out)
{
    for (size_t i = 0; i < conf_flag_count; i++) {
        const struct conf_flag *flag = &conf_flags[i];
        const char *text = values->v[i].text;
        if (flag->field == CONF_NO_FIELD)
            continue;
        if (!text || (flag->type == CONF_URLS && *text == '\0'))
            text = flag->initial;
        conf_value_store(flag, text, out);
    }
}

static enum rc resolve_log(const struct conf_values *values, struct conf *out, struct err *err)
{
    struct conf_strings *outputs = &out->log_outputs;
    for (size_t i = 0; i < outputs->n; i++) {
        char **text = &outputs->v[i];
        if (strcmp(*text, "systemd/journal") == 0)
            return err_set(err, RC_UNSUPPORTED,
                           "--log-outputs=systemd/journal does not work in this version of moat "
                           "yet: log to stderr, which systemd passes to its journal");
        if (strcmp(*text, "default") != 0)
            continue;
        if (outputs->n > 1)
            return err_set(err, RC_INVALID, "multi logoutput for \"default\" is not supported yet");
        free(*text);
        *text = mem_strdup("stderr");
    }
    if (outputs->n == 0)
        conf_parse_strings("stderr", outputs);
    if (out->debug)
        out->log_level = LOG_DEBUG;
    if (out->logger == CONF_LOGGER_CAPNSLOG && !conf_values_given(values, "log-format"))
        out->log_format = CONF_LOG_CONSOLE;
    return RC_OK;
}

/* One file, and nothing else that could not be rotated in its place. */
static enum rc resolve_rotation(struct conf *conf, struct err *err)
{
    size_t files = 0;
    if (!conf->enable_log_rotation)
        return RC_OK;
    for (size_t i = 0; i < conf->log_outputs.n; i++)
        files += strcmp(conf->log_outputs.v[i], "stderr") != 0 &&
                 strcmp(conf->log_outputs.v[i], "stdout") != 0;
    if (files != 1)
        return err_set(err, RC_INVALID,
                       "--log-outputs requires a single file path when --log-rotate-config-json is "
                       "defined");
    return conf_rotation_parse(conf->log_rotation_json, &conf->log_rotation, err);
}

typedef enum rc url_check(const struct conf_url *url, struct err *err);

static enum rc check_each(const struct conf_urls *urls, url_check *check, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < urls->n; i++)
        rc = check(&urls->v[i], err);
    return rc;
}

static enum rc check_advertised(const char *flag, const char *form, const struct conf_urls *urls,
                                struct err *err)
{
    struct err why = {0};
    if (check_each(urls, conf_url_check_host, &why) == RC_OK)
        return RC_OK;
    struct buf list = {0};
    char quoted[CONF_QUOTED_MAX];
    for (size_t i = 0; i < urls->n; i++)
        buf_printf(&list, "%s%s", i ? "," : "", urls->v[i].text);
    enum rc rc = err_set(err, RC_INVALID, "--%s %s must be %s (%s)", flag,
                         conf_quote(buf_slice(&list), quoted), form, why.text);
    buf_fini(&list);
    return rc;
}

static enum rc check_urls(const struct conf *conf, struct err *err)
{
    enum rc rc = check_each(&conf->listen_peer_urls, conf_url_check_bind, err);
    if (rc == RC_OK)
        rc = check_each(&conf->listen_client_urls, conf_url_check_bind, err);
    if (rc == RC_OK)
        rc = check_each(&conf->listen_client_http_urls, conf_url_check_bind, err);
    if (rc == RC_OK)
        rc = check_each(&conf->listen_metrics_urls, conf_url_check_bind, err);
    if (rc == RC_OK)
        rc = check_advertised("initial-advertise-peer-urls", "\"host:port\"",
                              &conf->initial_advertise_peer_urls, err);
    if (rc == RC_OK)
        rc = check_advertised("advertise-client-urls",
                              "in the format \"host:port\", \"unix:/path/to/socket\" or "
                              "\"unixs:/path/to/socket\"",
                              &conf->advertise_client_urls, err);
    return rc;
}

static bool has_text(const struct conf_values *values, const char *name)
{
    return *conf_values_text(values, name) != '\0';
}

/* One way of finding the other members, not two. */
static enum rc check_bootstrap_flags(const struct conf_values *values, struct err *err)
{
    int ways = has_text(values, "initial-cluster") + has_text(values, "discovery") +
               has_text(values, "discovery-endpoints") + has_text(values, "discovery-srv");
    if (ways > 1)
        return err_set(err, RC_INVALID,
                       "multiple discovery or bootstrap flags are set. Choose one of "
                       "\"initial-cluster\", \"discovery\", \"discovery-endpoints\" or "
                       "\"discovery-srv\"");
    if (has_text(values, "discovery-token") != has_text(values, "discovery-endpoints"))
        return err_set(err, RC_INVALID,
                       "both --discovery-token and --discovery-endpoints must be set");
    return RC_OK;
}

static enum rc check_ticks(const struct conf *conf, struct err *err)
{
    uint64_t heartbeat = conf->heartbeat_interval_ms;
    uint64_t election = conf->election_timeout_ms;
    if (heartbeat == 0)
        return err_set(err, RC_INVALID, "--heartbeat-interval must be >0 (set to 0ms)");
    if (election == 0)
        return err_set(err, RC_INVALID, "--election-timeout must be >0 (set to 0ms)");
    if (heartbeat > election / ELECTION_HEARTBEATS_MIN)
        return err_set(err, RC_INVALID,
                       "--election-timeout[%llums] should be at least as %d times as "
                       "--heartbeat-interval[%llums]",
                       (unsigned long long)election, ELECTION_HEARTBEATS_MIN,
                       (unsigned long long)heartbeat);
    if (election > ELECTION_MS_MAX)
        return err_set(err, RC_INVALID,
                       "--election-timeout[%llums] is too long, and should be set less than %dms",
                       (unsigned long long)election, ELECTION_MS_MAX);
    return RC_OK;
}

/* etcd asks for both on the command line; in a file the default quietly stays, so we say it. */
static enum rc check_advertise(struct conf_values *values, struct err *err)
{
    const struct conf_value *listen = conf_values_given(values, "listen-client-urls");
    if (!listen || conf_values_given(values, "advertise-client-urls"))
        return RC_OK;
    if (listen->origin != CONF_FROM_FILE)
        return err_set(err, RC_INVALID,
                       "--advertise-client-urls is required when --listen-client-urls is set "
                       "explicitly");
    conf_note(&values->notes, LOG_WARN,
              "%s is set but advertise-client-urls is not: clients "
              "that ask are sent to %s",
              listen->where, conf_values_text(values, "advertise-client-urls"));
    return RC_OK;
}

static enum rc check_limits(struct conf_values *values, struct conf *conf, struct err *err)
{
    if (conf->quota_backend_bytes == 0)
        conf->quota_backend_bytes = CONF_QUOTA_BYTES;
    if (conf->quota_backend_bytes < 0)
        conf->quota_backend_bytes = CONF_QUOTA_NONE;
    if (conf->quota_backend_bytes > CONF_QUOTA_BYTES_WARN)
        conf_note(&values->notes, LOG_WARN,
                  "--quota-backend-bytes=%lld exceeds the recommended maximum of %lld (8 GiB): "
                  "snapshots for other members take long to send",
                  (long long)conf->quota_backend_bytes, CONF_QUOTA_BYTES_WARN);
    if (conf->max_request_bytes > CONF_REQUEST_BYTES_MAX)
        return err_set(err, RC_LIMIT,
                       "--max-request-bytes=%llu is more than moat takes: at most %d (32 MiB)",
                       (unsigned long long)conf->max_request_bytes, CONF_REQUEST_BYTES_MAX);
    if (conf->max_request_bytes > REQUEST_BYTES_WARN)
        conf_note(&values->notes, LOG_WARN,
                  "--max-request-bytes=%llu exceeds the recommended maximum of %d (10 MiB)",
                  (unsigned long long)conf->max_request_bytes, REQUEST_BYTES_WARN);
    if (conf->max_txn_ops > TXN_OPS_MAX)
        return err_set(err, RC_LIMIT, "--max-txn-ops=%llu is more than moat takes: at most %llu",
                       (unsigned long long)conf->max_txn_ops, (unsigned long long)TXN_OPS_MAX);
    if (conf->snapshot_count == 0)
        conf->snapshot_count = SNAPSHOT_COUNT_DEFAULT;
    if (conf->watch_progress_ns <= 0) {
        conf->watch_progress_ns = WATCH_PROGRESS_DEFAULT;
    } else if (conf->watch_progress_ns < WATCH_PROGRESS_MIN) {
        conf->watch_progress_ns = WATCH_PROGRESS_MIN;
        conf_note(&values->notes, LOG_WARN,
                  "adjusting watch progress notify interval to minimum period (100ms)");
    }
    return RC_OK;
}

/* etcd takes its defaults for what makes no sense here. */
static enum rc resolve_auth(struct conf_values *values, struct conf *conf, struct err *err)
{
    if (conf->bcrypt_cost < BCRYPT_COST_MIN || conf->bcrypt_cost > BCRYPT_COST_MAX) {
        conf_note(&values->notes, LOG_WARN, "--bcrypt-cost=%llu is not from %d to %d: %d is used",
                  (unsigned long long)conf->bcrypt_cost, BCRYPT_COST_MIN, BCRYPT_COST_MAX,
                  BCRYPT_COST_DEFAULT);
        conf->bcrypt_cost = BCRYPT_COST_DEFAULT;
    }
    if (conf->auth_token_ttl_s == 0)
        conf->auth_token_ttl_s = TOKEN_TTL_S_DEFAULT;
    if (conf->auth_token_ttl_s > TOKEN_TTL_S_MAX)
        conf->auth_token_ttl_s = TOKEN_TTL_S_MAX;
    return conf_auth_token_parse(conf->auth_token, &values->notes, &conf->jwt, err);
}

/* A bare number counts hours or revisions; what else there is, is a duration even in the mode that
 * counts revisions, as in etcd. */
static enum rc resolve_compaction(struct conf *conf, struct err *err)
{
    const char *text = conf->auto_compaction_retention;
    bool periodic = conf->auto_compaction_mode == CONF_COMPACT_PERIODIC;
    size_t digits = strspn(text, "0123456789");
    int64_t value = 0;
    enum rc rc = RC_OK;
    if (digits > 0 && text[digits] == '\0') {
        for (size_t i = 0; i < digits && rc == RC_OK; i++)
            if (__builtin_mul_overflow(value, 10, &value) ||
                __builtin_add_overflow(value, text[i] - '0', &value))
                rc = RC_LIMIT;
        if (rc == RC_OK && periodic && __builtin_mul_overflow(value, HOUR_NS, &value))
            rc = RC_LIMIT;
    } else {
        rc = conf_parse_duration(text, &value);
    }
    if (rc == RC_OK && value < 0)
        rc = RC_INVALID;
    if (rc != RC_OK)
        return err_set(err, RC_INVALID,
                       "error parsing CompactionRetention: \"%s\" is neither a number nor a "
                       "duration such as 1h30m",
                       text);
    conf->auto_compaction = value;
    return RC_OK;
}

static struct conf_member *find_member(struct conf *conf, struct slice name)
{
    size_t at = 0;
    int order = 1;
    while (at < conf->member_count &&
           (order = slice_cmp(slice_str(conf->members[at].name), name)) < 0)
        at++;
    if (at < conf->member_count && order == 0)
        return &conf->members[at];
    conf->members = mem_realloc(conf->members, (conf->member_count + 1) * sizeof(*conf->members));
    memmove(&conf->members[at + 1], &conf->members[at],
            (conf->member_count - at) * sizeof(*conf->members));
    conf->member_count++;
    conf->members[at] = (struct conf_member){
        .name = mem_printf("%.*s", (int)name.n, (const char *)name.p),
    };
    return &conf->members[at];
}

/* NAME=URL, added to the URLs that the name has. */
static enum rc add_member(struct conf *conf, struct slice pair, struct err *err)
{
    const uint8_t *equals = memchr(pair.p, '=', pair.n);
    struct slice name = slice_of(pair.p, equals ? (size_t)(equals - pair.p) : pair.n);
    struct slice url = equals ? slice_skip(pair, name.n + 1) : slice_of(pair.p, 0);
    struct conf_urls one = {0};
    struct err why = {0};
    if (conf_urls_parse(url, &one, &why) != RC_OK)
        return err_set(err, why.rc, "error setting up initial cluster: %s", why.text);
    if (conf->member_count == MEMBERS_MAX) {
        conf_urls_fini(&one);
        return err_set(err, RC_LIMIT, "--initial-cluster has more than %d members", MEMBERS_MAX);
    }
    struct conf_member *member = find_member(conf, name);
    enum rc rc = conf_urls_merge(&member->peer_urls, &one);
    if (rc != RC_OK)
        return err_set(err, rc, "--initial-cluster has more than %d URLs for %s", CONF_URLS_MAX,
                       member->name);
    return RC_OK;
}

/* etcd leaves out the own URLs unless --name is set too, and then refuses to start; ours are always
 * those of --initial-advertise-peer-urls. */
static void derive_cluster(struct conf *conf)
{
    struct buf text = {0};
    if (*conf->initial_cluster)
        return;
    for (size_t i = 0; i < conf->initial_advertise_peer_urls.n; i++)
        buf_printf(&text, "%s%s=%s", i ? "," : "", *conf->name ? conf->name : "default",
                   conf->initial_advertise_peer_urls.v[i].text);
    buf_append_u8(&text, '\0');
    free(conf->initial_cluster);
    conf->initial_cluster = (char *)text.p;
}

static enum rc resolve_cluster(struct conf *conf, struct err *err)
{
    derive_cluster(conf);
    for (const char *s = conf->initial_cluster; *s;) {
        struct slice pair = slice_of(s, strcspn(s, ","));
        enum rc rc = pair.n ? add_member(conf, pair, err) : RC_OK;
        if (rc != RC_OK)
            return rc;
        s += pair.n + (s[pair.n] == ',');
    }
    return RC_OK;
}

/* What a flag asks for and this version does not do must not be passed over in silence. */
static enum rc check_states(struct conf_values *values, struct err *err)
{
    for (size_t i = 0; i < conf_flag_count; i++) {
        const struct conf_flag *flag = &conf_flags[i];
        const struct conf_value *value = &values->v[i];
        if (!value->text || *value->text == '\0' ||
            conf_value_same(flag, value->text, flag->initial))
            continue;
        if (flag->state == CONF_LATER)
            return err_set(err, RC_UNSUPPORTED, "%s does not work in this version of moat yet: %s",
                           value->where, flag->why);
        if (flag->state == CONF_NO_EFFECT)
            conf_note(&values->notes, LOG_WARN, "%s changes nothing here: %s", value->where,
                      flag->why);
    }
    return RC_OK;
}

static enum rc check_able(const struct conf *conf, struct err *err)
{
    for (size_t i = 0; i < conf->listen_client_urls.n; i++) {
        const struct conf_url *url = &conf->listen_client_urls.v[i];
        if (conf_url_is_tls(url))
            return err_set(
                err, RC_UNSUPPORTED,
                "TLS key/cert (--cert-file, --key-file) must be provided for client url "
                "%s with HTTPS scheme; this version of moat does not serve TLS yet: use http",
                url->text);
    }
    const struct conf_urls *others[] = {&conf->listen_peer_urls, &conf->listen_client_http_urls,
                                        &conf->listen_metrics_urls};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        for (size_t j = 0; j < others[i]->n; j++)
            if (conf_url_is_tls(&others[i]->v[j]))
                return err_set(err, RC_UNSUPPORTED,
                               "cannot listen on TLS for %s: this version of moat does not serve "
                               "TLS yet",
                               others[i]->v[j].text);
    if (conf->member_count > 1)
        return err_set(err, RC_UNSUPPORTED,
                       "--initial-cluster names %zu members: this version of moat runs a single "
                       "member, so name only this one",
                       conf->member_count);
    return RC_OK;
}

enum rc conf_resolve(struct conf_values *values, struct conf *out, struct err *err)
{
    enum rc rc = check_choices(values, err);
    if (rc != RC_OK)
        return rc;
    store_all(values, out);
    rc = resolve_log(values, out, err);
    if (rc == RC_OK)
        rc = resolve_rotation(out, err);
    if (rc == RC_OK)
        rc = conf_gates_resolve(&out->gates, &values->notes, err);
    if (rc == RC_OK)
        rc = check_urls(out, err);
    if (rc == RC_OK)
        rc = check_bootstrap_flags(values, err);
    if (rc == RC_OK)
        rc = check_ticks(out, err);
    if (rc == RC_OK)
        rc = check_advertise(values, err);
    if (rc == RC_OK)
        rc = check_limits(values, out, err);
    if (rc == RC_OK)
        rc = resolve_compaction(out, err);
    if (rc == RC_OK)
        rc = resolve_auth(values, out, err);
    if (rc == RC_OK)
        rc = check_states(values, err);
    if (rc == RC_OK)
        rc = resolve_cluster(out, err);
    if (rc == RC_OK)
        rc = check_able(out, err);
    if (out->gates.on[CONF_GATE_INITIAL_CORRUPT_CHECK])
        out->initial_corrupt_check = true;
    if (rc == RC_OK && *out->data_dir == '\0') {
        free(out->data_dir);
        out->data_dir = mem_printf("%s.etcd", out->name);
    }
    return rc;
}
