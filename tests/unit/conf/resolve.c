/* What flags mean together: etcd's defaults, conflicts and sentences, and the refusal of whatever
 * this version cannot do. */
#include "conf/resolve.h"

#include "check.h"

#include "conf/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LISTEN    "--listen-client-urls http://127.0.0.1:1 "
#define ADVERTISE "--advertise-client-urls http://127.0.0.1:1 "

static void test_defaults(void **state)
{
    struct check check;
    (void)state;
    check_load(&check, "", NULL);
    check_ok(&check);
    const struct conf *c = &check.conf;
    assert_string_equal(c->name, "default");
    assert_string_equal(c->data_dir, "default.etcd");
    assert_string_equal(c->wal_dir, "");
    assert_string_equal(c->config_file, "");
    assert_string_equal(c->listen_client_urls.v[0].text, "http://localhost:2379");
    assert_string_equal(c->listen_peer_urls.v[0].text, "http://localhost:2380");
    assert_string_equal(c->advertise_client_urls.v[0].text, "http://localhost:2379");
    assert_string_equal(c->initial_cluster, "default=http://localhost:2380");
    assert_string_equal(c->initial_cluster_token, "etcd-cluster");
    assert_int_equal(c->initial_cluster_state, CONF_CLUSTER_NEW);
    assert_int_equal(c->member_count, 1);
    assert_string_equal(c->members[0].name, "default");
    assert_string_equal(c->members[0].peer_urls.v[0].text, "http://localhost:2380");
    assert_int_equal(c->quota_backend_bytes, 2147483648);
    assert_int_equal(c->max_request_bytes, 1572864);
    assert_int_equal(c->max_txn_ops, 128);
    assert_int_equal(c->snapshot_count, 10000);
    assert_int_equal(c->max_concurrent_streams, UINT32_MAX);
    assert_int_equal(c->heartbeat_interval_ms, 100);
    assert_int_equal(c->election_timeout_ms, 1000);
    assert_int_equal(c->log_level, LOG_INFO);
    assert_int_equal(c->log_format, CONF_LOG_CONSOLE);
    assert_int_equal(c->log_outputs.n, 1);
    assert_string_equal(c->log_outputs.v[0], "stderr");
    assert_int_equal(c->notes.n, 0);
    check_fini(&check);
}

static void test_the_cluster_follows_name_and_peer_urls(void **state)
{
    struct check check;
    (void)state;
    check_load(&check, "--name m1 --initial-advertise-peer-urls http://h:2,http://h:1", NULL);
    check_ok(&check);
    assert_string_equal(check.conf.data_dir, "m1.etcd");
    assert_string_equal(check.conf.initial_cluster, "m1=http://h:1,m1=http://h:2");
    assert_int_equal(check.conf.member_count, 1);
    assert_int_equal(check.conf.members[0].peer_urls.n, 2);
    assert_int_equal(conf_check_bootstrap(&check.conf, &check.err), RC_OK);
    check_fini(&check);
}

static void refused_bootstrap(const char *flags, const char *sentence)
{
    struct check check;
    check_load(&check, flags, NULL);
    check_ok(&check);
    assert_int_equal(conf_check_bootstrap(&check.conf, &check.err), RC_INVALID);
    assert_string_equal(check.err.text, sentence);
    check_fini(&check);
}

static void test_bootstrap_wants_the_own_urls(void **state)
{
    struct check check;
    (void)state;
    refused_bootstrap("--name a --initial-cluster b=http://localhost:2380",
                      "couldn't find local name \"a\" in the initial cluster configuration");
    refused_bootstrap("--name a --initial-cluster ,",
                      "couldn't find local name \"a\" in the initial cluster configuration");
    refused_bootstrap("--name a --initial-advertise-peer-urls http://127.0.0.1:2 "
                      "--initial-cluster a=http://127.0.0.1:3",
                      "--initial-cluster has a=http://127.0.0.1:3 but missing from "
                      "--initial-advertise-peer-urls=http://127.0.0.1:2");
    refused_bootstrap(
        "--name a --initial-advertise-peer-urls http://127.0.0.1:2,http://127.0.0.1:3 "
        "--initial-cluster a=http://127.0.0.1:2",
        "--initial-advertise-peer-urls has http://127.0.0.1:3 but missing from "
        "--initial-cluster=a=http://127.0.0.1:2,a=http://127.0.0.1:3");
    check_load(&check, "--name a --initial-cluster a=http://127.0.0.1:2380", NULL);
    check_ok(&check);
    assert_int_equal(conf_check_bootstrap(&check.conf, NULL), RC_OK); /* localhost is the same */
    check_fini(&check);
}

static void retention(const char *flags, int64_t wanted)
{
    struct check check;
    check_load(&check, flags, NULL);
    check_ok(&check);
    assert_int_equal(check.conf.auto_compaction, wanted);
    check_fini(&check);
}

static void test_retention_is_hours_a_duration_or_revisions(void **state)
{
    (void)state;
    const int64_t second = 1000000000;
    retention("", 0);
    retention("--auto-compaction-retention 0", 0);
    retention("--auto-compaction-retention 3", 3 * 3600 * second);
    retention("--auto-compaction-retention 1h30m", 5400 * second);
    retention("--auto-compaction-retention 10ms", second / 100);
    retention("--auto-compaction-mode revision --auto-compaction-retention 1000", 1000);
    retention("--auto-compaction-mode revision --auto-compaction-retention 1us", 1000);
    check_refused(
        "--auto-compaction-retention x", RC_INVALID,
        "error parsing CompactionRetention: \"x\" is neither a number nor a duration such "
        "as 1h30m");
    check_refused("--auto-compaction-retention -5m", RC_INVALID,
                  "error parsing CompactionRetention: \"-5m\" is neither a number nor a duration "
                  "such as 1h30m");
    check_refused("--auto-compaction-retention 99999999999999999999", RC_INVALID,
                  "error parsing CompactionRetention: \"99999999999999999999\" is neither a number "
                  "nor a duration such as 1h30m");
}

static void test_wrong_clusters(void **state)
{
    (void)state;
    check_refused("--initial-cluster a", RC_INVALID,
                  "error setting up initial cluster: URL scheme must be http, https, unix, or "
                  "unixs: ");
    check_refused("--initial-cluster a=x", RC_INVALID,
                  "error setting up initial cluster: URL scheme must be http, https, unix, or "
                  "unixs: x");
    check_refused("--initial-cluster a=http://h:1,b=http://h:2,a=http://h:3", RC_UNSUPPORTED,
                  "--initial-cluster names 2 members: this version of moat runs a single member, "
                  "so name only this one");
}

static void test_one_way_to_find_members(void **state)
{
    static const char several[] =
        "multiple discovery or bootstrap flags are set. Choose one of \"initial-cluster\", "
        "\"discovery\", \"discovery-endpoints\" or \"discovery-srv\"";
    (void)state;
    check_refused("--initial-cluster default=http://localhost:2380 --discovery-srv x", RC_INVALID,
                  several);
    check_refused("--discovery http://h/t --discovery-srv x", RC_INVALID, several);
    check_refused("--discovery-token t", RC_INVALID,
                  "both --discovery-token and --discovery-endpoints must be set");
    check_refused("--discovery-srv x", RC_UNSUPPORTED,
                  "flag --discovery-srv does not work in this version of moat yet: it does not "
                  "look for other members, name them yourself");
}

static void test_urls_that_are_listened_on(void **state)
{
    (void)state;
    check_refused("--listen-client-urls http://127.0.0.1:1", RC_INVALID,
                  "--advertise-client-urls is required when --listen-client-urls is set "
                  "explicitly");
    check_refused("--listen-client-urls=", RC_INVALID,
                  "--advertise-client-urls is required when --listen-client-urls is set "
                  "explicitly");
    check_refused(ADVERTISE "--listen-client-urls http://foo:1", RC_INVALID,
                  "expected IP in URL for binding (http://foo:1)");
    check_refused("--listen-peer-urls http://foo:1", RC_INVALID,
                  "expected IP in URL for binding (http://foo:1)");
    check_refused(ADVERTISE "--listen-client-urls https://127.0.0.1:1", RC_UNSUPPORTED,
                  "TLS key/cert (--cert-file, --key-file) must be provided for client url "
                  "https://127.0.0.1:1 with HTTPS scheme; this version of moat does not serve TLS "
                  "yet: use http");
    check_refused("--listen-peer-urls https://127.0.0.1:1", RC_UNSUPPORTED,
                  "cannot listen on TLS for https://127.0.0.1:1: this version of moat does not "
                  "serve TLS yet");
}

static void test_urls_that_are_advertised(void **state)
{
    (void)state;
    check_refused(LISTEN "--advertise-client-urls http://:1,http://a:1", RC_INVALID,
                  "--advertise-client-urls \"http://:1,http://a:1\" must be in the format "
                  "\"host:port\", \"unix:/path/to/socket\" or \"unixs:/path/to/socket\" "
                  "(unexpected empty host (http://:1))");
    check_refused("--initial-advertise-peer-urls http://:1", RC_INVALID,
                  "--initial-advertise-peer-urls \"http://:1\" must be \"host:port\" (unexpected "
                  "empty host (http://:1))");
}

static void test_ticks(void **state)
{
    (void)state;
    check_refused("--heartbeat-interval 0", RC_INVALID,
                  "--heartbeat-interval must be >0 (set to 0ms)");
    check_refused("--election-timeout 0", RC_INVALID, "--election-timeout must be >0 (set to 0ms)");
    check_refused("--heartbeat-interval 201", RC_INVALID,
                  "--election-timeout[1000ms] should be at least as 5 times as "
                  "--heartbeat-interval[201ms]");
    check_refused("--heartbeat-interval 0x8000000000000000", RC_INVALID,
                  "--election-timeout[1000ms] should be at least as 5 times as "
                  "--heartbeat-interval[9223372036854775808ms]");
    check_refused("--election-timeout 50001", RC_INVALID,
                  "--election-timeout[50001ms] is too long, and should be set less than 50000ms");
}

static void test_choices_with_words_of_their_own(void **state)
{
    (void)state;
    check_refused("--log-level foo", RC_INVALID,
                  "unrecognized level: \"foo\", supported values are "
                  "debug|info|warn|error|panic|fatal");
    check_refused("--logger foo", RC_INVALID,
                  "unknown logger option \"foo\", supported values are zap|capnslog");
    check_refused("--log-format foo", RC_INVALID,
                  "unknown log format \"foo\", supported values are json|console");
    check_refused("--auto-compaction-mode foo", RC_INVALID,
                  "unknown auto-compaction-mode \"foo\", supported values are periodic|revision");
}

static void test_logging(void **state)
{
    struct check check;
    (void)state;
    check_load(&check, "--log-format json --log-outputs stdout,x.log --log-level error", NULL);
    check_ok(&check);
    assert_int_equal(check.conf.log_format, CONF_LOG_JSON);
    assert_int_equal(check.conf.log_level, LOG_ERROR);
    assert_int_equal(check.conf.log_outputs.n, 2);
    check_fini(&check);
    check_load(&check, "--log-outputs= --debug --log-level error", NULL);
    check_ok(&check);
    assert_string_equal(check.conf.log_outputs.v[0], "stderr");
    assert_int_equal(check.conf.log_level, LOG_DEBUG);
    check_fini(&check);
    check_refused("--log-outputs default,stdout", RC_INVALID,
                  "multi logoutput for \"default\" is not supported yet");
    check_refused("--log-outputs systemd/journal", RC_UNSUPPORTED,
                  "--log-outputs=systemd/journal does not work in this version of moat yet: log to "
                  "stderr, which systemd passes to its journal");
}

static void test_limits(void **state)
{
    struct check check;
    (void)state;
    check_load(&check, "--quota-backend-bytes=-5 --snapshot-count 0", NULL);
    check_ok(&check);
    assert_int_equal(check.conf.quota_backend_bytes, CONF_QUOTA_NONE);
    assert_int_equal(check.conf.snapshot_count, 10000);
    check_fini(&check);
    check_load(&check, "--quota-backend-bytes=8589934593 --max-request-bytes 33554432", NULL);
    check_ok(&check);
    assert_int_equal(check.conf.quota_backend_bytes, 8589934593);
    assert_int_equal(check.conf.notes.n, 2);
    check_fini(&check);
    check_load(&check, "--quota-backend-bytes=8589934592 --max-request-bytes 10485760", NULL);
    check_ok(&check);
    assert_int_equal(check.conf.notes.n, 0);
    check_fini(&check);
    check_refused(
        "--max-request-bytes 33554433", RC_LIMIT,
        "--max-request-bytes=33554433 is more than moat takes: at most 33554432 (32 MiB)");
    check_refused("--max-txn-ops 4294967296", RC_LIMIT,
                  "--max-txn-ops=4294967296 is more than moat takes: at most 4294967295");
}

/* Another value than the default, for any type. */
static const char *other_value(const struct conf_flag *flag)
{
    switch (flag->type) {
    case CONF_BOOL:
        return strcmp(flag->initial, "true") == 0 ? "false" : "true";
    case CONF_DURATION:
        return "77s";
    case CONF_GATES:
        return "CompactHashCheck=true";
    case CONF_INT:
    case CONF_UINT:
    case CONF_UINT32:
        return "7";
    case CONF_CHOICE:
        return strchr(flag->choices, '|') + 1; /* the last of two */
    case CONF_URLS:
        return "http://127.0.0.1:7";
    case CONF_STRING:
    case CONF_STRINGS:
        break;
    }
    return "x";
}

static void load_one(struct check *check, const struct conf_flag *flag, const char *value)
{
    char text[256];
    snprintf(text, sizeof(text), "--%s=%s", flag->name, value);
    char *const argv[] = {text};
    char *const envp[] = {NULL};
    *check = (struct check){0};
    check->rc = conf_load(1, argv, envp, &check->conf, &check->action, &check->err);
}

static void test_no_flag_is_ignored_in_silence(void **state)
{
    (void)state;
    for (size_t i = 0; i < conf_flag_count; i++) {
        const struct conf_flag *flag = &conf_flags[i];
        struct check check;
        char sentence[ERR_TEXT_MAX];
        if (flag->state != CONF_LATER || strcmp(flag->name, "proxy") == 0)
            continue;
        load_one(&check, flag, flag->initial);
        check_ok(&check);
        assert_int_equal(check.conf.notes.n, 0);
        check_fini(&check);
        if (strncmp(flag->name, "discovery-", 10) == 0)
            continue; /* etcd's own rule speaks first: test_one_way_to_find_members */
        load_one(&check, flag, other_value(flag));
        snprintf(sentence, sizeof(sentence),
                 "flag --%s does not work in this version of moat yet: %s", flag->name, flag->why);
        check_fails(&check, RC_UNSUPPORTED, sentence);
    }
    check_refused("--proxy on", RC_UNSUPPORTED,
                  "flag --proxy does not work in this version of moat yet: the v2 proxy comes with "
                  "a later one");
}

static void test_what_changes_nothing_says_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < conf_flag_count; i++) {
        const struct conf_flag *flag = &conf_flags[i];
        struct check check;
        char sentence[ERR_TEXT_MAX];
        const char *value = other_value(flag);
        if (flag->state != CONF_NO_EFFECT)
            continue;
        load_one(&check, flag, value);
        check_ok(&check);
        snprintf(sentence, sizeof(sentence), "flag --%s changes nothing here: %s", flag->name,
                 flag->why);
        assert_true(check_noted(&check.conf, LOG_WARN, sentence));
        check_fini(&check);
    }
}

static void test_an_old_name_is_named_as_it_was_given(void **state)
{
    (void)state;
    check_refused("--ca-file x", RC_UNSUPPORTED,
                  "flag --ca-file does not work in this version of moat yet: it serves plaintext "
                  "only, TLS comes with a later one");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_the_cluster_follows_name_and_peer_urls),
        cmocka_unit_test(test_bootstrap_wants_the_own_urls),
        cmocka_unit_test(test_retention_is_hours_a_duration_or_revisions),
        cmocka_unit_test(test_wrong_clusters),
        cmocka_unit_test(test_one_way_to_find_members),
        cmocka_unit_test(test_urls_that_are_listened_on),
        cmocka_unit_test(test_urls_that_are_advertised),
        cmocka_unit_test(test_ticks),
        cmocka_unit_test(test_choices_with_words_of_their_own),
        cmocka_unit_test(test_logging),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_no_flag_is_ignored_in_silence),
        cmocka_unit_test(test_what_changes_nothing_says_so),
        cmocka_unit_test(test_an_old_name_is_named_as_it_was_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
