#include "conf/conf.h"

#include "base/mem.h"
#include "conf/auth_token.h"
#include "conf/resolve.h"
#include "conf/source.h"
#include "conf/value.h"

#include <stdlib.h>

/* etcd: a file replaces all else, and a note says so. */
static enum rc read_file_alone(const char *path, struct conf_values *values, struct err *err)
{
    for (size_t i = 0; i < conf_flag_count; i++) {
        const struct conf_value *value = &values->v[i];
        if (value->origin == CONF_FROM_FLAG && conf_flags[i].state != CONF_COMMAND)
            conf_note(&values->notes, LOG_WARN, "%s is ignored, since %s is read instead",
                      value->where, path);
    }
    struct conf_values fresh = {.notes = values->notes};
    values->notes = (struct conf_notes){0};
    enum rc rc = conf_read_file(path, &fresh, err);
    conf_note(&fresh.notes, LOG_INFO,
              "loaded server configuration, other configuration command line flags and environment "
              "variables will be ignored if provided: %s",
              path);
    conf_values_set(&fresh, conf_flag_find(SLICE_LIT("config-file")), CONF_FROM_FLAG, path,
                    mem_strdup("flag --config-file"));
    conf_values_fini(values);
    *values = fresh;
    return rc;
}

static enum rc load(struct conf_values *values, char *const *envp, struct conf *out,
                    struct err *err)
{
    const char *given = conf_values_text(values, "config-file");
    AUTO(mem_free_at) char *path = mem_strdup(*given ? given : conf_env_config_file(envp));
    enum rc rc = *path ? read_file_alone(path, values, err) : conf_read_env(envp, values, err);
    if (rc == RC_OK)
        rc = conf_resolve(values, out, err);
    if (rc != RC_OK) {
        conf_fini(out);
        return rc;
    }
    out->notes = values->notes;
    values->notes = (struct conf_notes){0};
    return RC_OK;
}

enum rc conf_load(int argc, char *const *argv, char *const *envp, struct conf *out,
                  enum conf_action *action, struct err *err)
{
    struct conf_values *values = mem_zalloc(sizeof(*values));
    struct conf conf = {0};
    enum conf_action what = CONF_RUN;
    bool help = false;
    bool version = false;
    enum rc rc = conf_read_args(argc, argv, values, &help, err);
    if (rc == RC_OK && help) {
        what = CONF_HELP;
    } else if (rc == RC_OK) {
        rc = conf_parse_bool(conf_values_text(values, "version"), &version);
        what = version ? CONF_VERSION : CONF_RUN;
    }
    if (rc == RC_OK && what == CONF_RUN)
        rc = load(values, envp, &conf, err);
    conf_values_fini(values);
    free(values);
    if (rc != RC_OK)
        return rc;
    *out = conf;
    *action = what;
    return RC_OK;
}

void conf_fini(struct conf *conf)
{
    free(conf->name);
    free(conf->data_dir);
    free(conf->wal_dir);
    free(conf->config_file);
    conf_urls_fini(&conf->listen_client_urls);
    conf_urls_fini(&conf->listen_peer_urls);
    conf_urls_fini(&conf->listen_metrics_urls);
    conf_urls_fini(&conf->advertise_client_urls);
    conf_urls_fini(&conf->initial_advertise_peer_urls);
    free(conf->auto_compaction_retention);
    free(conf->initial_cluster);
    free(conf->initial_cluster_token);
    for (size_t i = 0; i < conf->member_count; i++) {
        free(conf->members[i].name);
        conf_urls_fini(&conf->members[i].peer_urls);
    }
    free(conf->members);
    conf_strings_fini(&conf->cors);
    conf_strings_fini(&conf->host_whitelist);
    conf_urls_fini(&conf->listen_client_http_urls);
    free(conf->log_rotation_json);
    free(conf->auth_token);
    conf_jwt_fini(&conf->jwt);
    conf_strings_fini(&conf->log_outputs);
    conf_notes_fini(&conf->notes);
    *conf = (struct conf){0};
}

int conf_exit_status(enum rc rc)
{
    return rc == RC_OK ? 0 : rc == RC_MALFORMED ? 2 : 1;
}

static bool has_url(const struct conf_urls *urls, const struct conf_url *url)
{
    for (size_t i = 0; i < urls->n; i++) {
        if (conf_url_same(&urls->v[i], url))
            return true;
    }
    return false;
}

/* Append the URLs of these that are not among those, each after prefix. */
static void list_missing(struct buf *out, const struct conf_urls *these,
                         const struct conf_urls *those, const char *prefix)
{
    for (size_t i = 0; i < these->n; i++) {
        if (!those || !has_url(those, &these->v[i]))
            buf_printf(out, "%s%s%s", out->n ? "," : "", prefix, these->v[i].text);
    }
}

/* etcd: advertiseMatchesCluster, without looking host names up. */
static enum rc check_same_urls(const struct conf *conf, const struct conf_urls *cluster,
                               struct err *err)
{
    const struct conf_urls *advertised = &conf->initial_advertise_peer_urls;
    AUTO(mem_free_at) char *prefix = mem_printf("%s=", conf->name);
    struct buf missing = {0};
    struct buf all = {0};
    enum rc rc = RC_OK;
    list_missing(&missing, cluster, advertised, prefix);
    if (missing.n) {
        list_missing(&all, advertised, NULL, "");
        rc = err_set(err, RC_INVALID,
                     "--initial-cluster has %.*s but missing from "
                     "--initial-advertise-peer-urls=%.*s",
                     (int)missing.n, (char *)missing.p, (int)all.n, (char *)all.p);
    } else {
        list_missing(&missing, advertised, cluster, "");
        list_missing(&all, advertised, NULL, prefix);
        if (missing.n)
            rc = err_set(err, RC_INVALID,
                         "--initial-advertise-peer-urls has %.*s but missing from "
                         "--initial-cluster=%.*s",
                         (int)missing.n, (char *)missing.p, (int)all.n, (char *)all.p);
    }
    buf_fini(&missing);
    buf_fini(&all);
    return rc;
}

enum rc conf_check_bootstrap(const struct conf *conf, struct err *err)
{
    for (size_t i = 0; i < conf->member_count; i++) {
        if (strcmp(conf->members[i].name, conf->name) == 0)
            return check_same_urls(conf, &conf->members[i].peer_urls, err);
    }
    return err_set(err, RC_INVALID,
                   "couldn't find local name \"%s\" in the initial cluster configuration",
                   conf->name);
}
