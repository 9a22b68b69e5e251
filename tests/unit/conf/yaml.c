/* The file of --config-file: etcd's files load, a mistake is named with its line, and what etcd
 * passes over in silence is at least said. */
#include "check.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void load_ok(struct check *check, const char *text)
{
    check_load_file(check, text, "");
    check_ok(check);
}

static void refused(const char *text, enum rc rc, const char *sentence)
{
    struct check check;
    check_load_file(&check, text, "");
    check_fails(&check, rc, sentence);
    check_fini(&check);
}

static void test_values_of_each_kind(void **state)
{
    struct check check;
    (void)state;
    load_ok(&check, "# comment\n"
                    "name: 'n1'\n"
                    "data-dir: /d\n"
                    "wal-dir:\n"
                    "snapshot-count: 0x10\n"
                    "max-txn-ops: 1_000\n"
                    "max-concurrent-streams: \"7\"\n"
                    "quota-backend-bytes: -1\n"
                    "debug: yes\n"
                    "log-outputs: [stderr, a.log]\n"
                    "listen-client-urls: http://127.0.0.1:1,http://127.0.0.1:2\n"
                    "advertise-client-urls: http://h:1\n"
                    "initial-cluster-state: existing\n");
    assert_string_equal(check.conf.name, "n1");
    assert_string_equal(check.conf.data_dir, "/d");
    assert_string_equal(check.conf.wal_dir, "");
    assert_int_equal(check.conf.snapshot_count, 16);
    assert_int_equal(check.conf.max_txn_ops, 1000);
    assert_int_equal(check.conf.max_concurrent_streams, 7);
    assert_int_equal(check.conf.quota_backend_bytes, CONF_QUOTA_NONE);
    assert_int_equal(check.conf.log_level, LOG_DEBUG);
    assert_int_equal(check.conf.log_outputs.n, 2);
    assert_string_equal(check.conf.log_outputs.v[1], "a.log");
    assert_int_equal(check.conf.listen_client_urls.n, 2);
    assert_int_equal(check.conf.initial_cluster_state, CONF_CLUSTER_EXISTING);
    assert_string_equal(check.conf.config_file, check_file_name);
    check_fini(&check);
}

static void test_null_and_nothing_leave_the_default(void **state)
{
    static const char *const files[] = {
        "",
        "# only\n",
        "name:\n",
        "name: ~\n",
        "name: null",
        "--- \n...\n",
        "peer-transport-security:\n",
        "{listen-client-urls: '', advertise-client-urls: ''}\n",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct check check;
        load_ok(&check, files[i]);
        assert_string_equal(check.conf.name, "default");
        assert_string_equal(check.conf.listen_client_urls.v[0].text, "http://localhost:2379");
        check_fini(&check);
    }
}

/* What etcd's own sample has, but for the three lines that ask for more than a plain member. */
static void test_a_file_like_etcds_sample_loads(void **state)
{
    struct check check;
    (void)state;
    load_ok(&check, "name: 'default'\n"
                    "heartbeat-interval: 100\n"
                    "election-timeout: 1000\n"
                    "max-snapshots: 5\n"
                    "cors:\n"
                    "discovery:\n"
                    "discovery-fallback: 'proxy'\n"
                    "initial-cluster-token: 'etcd-cluster'\n"
                    "strict-reconfig-check: false\n"
                    "enable-pprof: true\n"
                    "proxy: 'off'\n"
                    "proxy-failure-wait: 5000\n"
                    "client-transport-security:\n"
                    "  cert-file:\n"
                    "  client-cert-auth: false\n"
                    "  auto-tls: false\n"
                    "peer-transport-security:\n"
                    "  allowed-cn:\n"
                    "self-signed-cert-validity: 1\n"
                    "logger: zap\n"
                    "log-outputs: [stderr]\n"
                    "force-new-cluster: false\n"
                    "auto-compaction-mode: periodic\n"
                    "cipher-suites: [\n"
                    "  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,\n"
                    "  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\n"
                    "]\n"
                    "tls-min-version: 'TLS1.2'\n");
    assert_true(check_noted(&check.conf, LOG_WARN,
                            "conf-test.yml:10: key enable-pprof changes nothing here: there is no "
                            "Go runtime to profile"));
    check_fini(&check);
}

static void test_the_file_replaces_all_other_flags(void **state)
{
    char *const envp[] = {(char *)(uintptr_t) "ETCD_NAME=e", (char *)(uintptr_t) "ETCD_ZZZ=1",
                          NULL};
    struct check check;
    (void)state;
    check_load_file(&check, "data-dir: f\n", "--name flag --cert-file c.pem");
    check_ok(&check);
    assert_string_equal(check.conf.name, "default");
    assert_string_equal(check.conf.data_dir, "f");
    assert_true(check_noted(&check.conf, LOG_WARN,
                            "flag --name is ignored, since conf-test.yml is read instead"));
    assert_true(
        check_noted(&check.conf, LOG_INFO,
                    "loaded server configuration, other configuration command line flags "
                    "and environment variables will be ignored if provided: conf-test.yml"));
    check_fini(&check);
    FILE *file = fopen("conf-env.yml", "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    check_load(&check, "--name f --config-file conf-env.yml", envp); /* no conflict */
    remove("conf-env.yml");
    check_ok(&check);
    assert_string_equal(check.conf.name, "default");
    check_fini(&check);
}

static void test_a_variable_names_the_file_too(void **state)
{
    char *const envp[] = {(char *)(uintptr_t) "ETCD_CONFIG_FILE=no/such.yml", NULL};
    struct check check;
    (void)state;
    check_load(&check, "--name f", envp);
    check_fails(&check, RC_NOT_FOUND,
                "cannot open the configuration file no/such.yml: No such file or directory");
    check_refused("--config-file /", RC_IO, "cannot read the configuration file /: Is a directory");
    check_refused("--config-file x --zzz", RC_MALFORMED, "flag provided but not defined: -zzz");
}

static void test_mistakes_are_named_with_their_line(void **state)
{
    (void)state;
    refused("a: 1\nname: {\n", RC_INVALID, "conf-test.yml:3: did not find expected node content");
    refused("a: b: c\n", RC_INVALID,
            "conf-test.yml:1: mapping values are not allowed in this context");
    refused("\n- a\n", RC_INVALID,
            "conf-test.yml:2: the file must be a mapping (lines of key: value)");
    refused("name\n", RC_INVALID,
            "conf-test.yml:1: the file must be a mapping (lines of key: value)");
    refused("name: a\nsnapshot-count: -1\n", RC_INVALID,
            "conf-test.yml:2: invalid value \"-1\" for key snapshot-count: parse error");
    refused("snapshot-count: 1.5\n", RC_INVALID,
            "conf-test.yml:1: invalid value \"1.5\" for key snapshot-count: parse error");
    refused("pre-vote: 2\n", RC_INVALID,
            "conf-test.yml:1: invalid value \"2\" for key pre-vote: parse error");
    refused("name: [a, b]\n", RC_INVALID,
            "conf-test.yml:1: a list or mapping stands where a single value must");
    refused("log-outputs: [[a]]\n", RC_INVALID,
            "conf-test.yml:1: a list or mapping stands where a single value must");
    refused("name: \"a\\0b\"\n", RC_INVALID, "conf-test.yml:1: a value has a zero byte in it");
    refused("? [a]\n: b\n", RC_INVALID, "conf-test.yml:1: a key must be a single word");
    refused("client-transport-security: foo\n", RC_INVALID,
            "conf-test.yml:1: client-transport-security must be a mapping (lines of key: value)");
    refused("listen-client-urls: foo\n", RC_INVALID,
            "conf-test.yml:1: invalid value \"foo\" for key listen-client-urls: URL scheme must be "
            "http, https, unix, or unixs: foo");
    refused("initial-cluster-state: foo\n", RC_INVALID,
            "conf-test.yml:1: invalid value \"foo\" for key initial-cluster-state: invalid value");
}

static void test_what_does_not_work_yet_is_named_with_its_line(void **state)
{
    (void)state;
    refused("name: a\nclient-transport-security:\n  cert-file: c.pem\n", RC_UNSUPPORTED,
            "conf-test.yml:3: key client-transport-security.cert-file does not work in this "
            "version of moat yet: it serves plaintext only, TLS comes with a later one");
    refused("peer-transport-security:\n  allowed-cn: [a, b]\n", RC_UNSUPPORTED,
            "conf-test.yml:2: key peer-transport-security.allowed-cn does not work in this "
            "version of moat yet: it serves plaintext only, TLS comes with a later one");
}

static void test_durations_are_nanoseconds_or_text(void **state)
{
    struct check check;
    (void)state;
    load_ok(&check, "grpc-keepalive-timeout: 20000000000\n"
                    "grpc-keepalive-min-time: 7s\n");
    assert_true(check.conf.grpc_keepalive_timeout_ns == 20000000000);
    assert_true(check.conf.grpc_keepalive_min_time_ns == 7000000000);
    check_fini(&check);
}

static void test_unknown_and_repeated_keys_warn(void **state)
{
    struct check check;
    (void)state;
    load_ok(&check, "nmae: a\n"
                    "NAME: b\n"
                    "name: c\n"
                    "cert-file: x\n"
                    "peer-transport-security:\n"
                    "  nope: 1\n");
    assert_string_equal(check.conf.name, "c");
    assert_true(check_noted(&check.conf, LOG_WARN, "conf-test.yml:1: unknown key nmae is ignored"));
    assert_true(check_noted(&check.conf, LOG_WARN,
                            "conf-test.yml:3: key name sets what was set above, and counts alone"));
    assert_true(
        check_noted(&check.conf, LOG_WARN, "conf-test.yml:4: unknown key cert-file is ignored"));
    assert_true(
        check_noted(&check.conf, LOG_WARN,
                    "conf-test.yml:6: unknown key peer-transport-security.nope is ignored"));
    check_fini(&check);
}

static void test_aliases_and_merges(void **state)
{
    struct check check;
    (void)state;
    load_ok(&check, "x: &n node\nname: *n\n");
    assert_string_equal(check.conf.name, "node");
    check_fini(&check);
    load_ok(&check, "x: &a {name: merged, data-dir: m}\n"
                    "y: &b {name: other, wal-dir: w}\n"
                    "data-dir: own\n"
                    "<<: [*a, *b]\n");
    assert_string_equal(check.conf.name, "merged"); /* the first of several */
    assert_string_equal(check.conf.data_dir, "own");
    assert_string_equal(check.conf.wal_dir, "w");
    for (size_t i = 0; i < check.conf.notes.n; i++)
        assert_null(strstr(check.conf.notes.v[i].text, "counts alone"));
    check_fini(&check);
}

static void test_merges_end(void **state)
{
    struct buf text = {0};
    (void)state;
    refused("&a\n<<: *a\n", RC_LIMIT, "conf-test.yml:1: nested too deeply");
    buf_append_str(&text, "a0: &a0 {name: x}\n");
    for (int i = 1; i < 8; i++)
        buf_printf(&text, "a%d: &a%d\n  <<: [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i,
                   i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    buf_append_str(&text, "<<: *a7\n");
    buf_append_u8(&text, '\0');
    refused((char *)text.p, RC_LIMIT, "conf-test.yml: more than 10000 keys");
    buf_fini(&text);
}

static void test_only_the_first_document_counts(void **state)
{
    struct check check;
    (void)state;
    load_ok(&check, "name: a\n---\nname: b\n");
    assert_string_equal(check.conf.name, "a");
    check_fini(&check);
}

static void test_a_file_has_a_limit(void **state)
{
    char *text = mem_alloc((1 << 20) + 2);
    (void)state;
    memset(text, '#', (1 << 20) + 1);
    text[(1 << 20) + 1] = '\0';
    refused(text, RC_LIMIT, "the configuration file conf-test.yml has more than 1048576 bytes");
    text[1 << 20] = '\0';
    struct check check;
    load_ok(&check, text);
    check_fini(&check);
    free(text);
}

static void test_listening_without_advertising_warns_in_a_file(void **state)
{
    struct check check;
    (void)state;
    load_ok(&check, "listen-client-urls: http://127.0.0.1:1\n");
    assert_string_equal(check.conf.advertise_client_urls.v[0].text, "http://localhost:2379");
    assert_true(check_noted(&check.conf, LOG_WARN,
                            "conf-test.yml:1: key listen-client-urls is set but "
                            "advertise-client-urls is not: clients that ask are sent to "
                            "http://localhost:2379"));
    check_fini(&check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_of_each_kind),
        cmocka_unit_test(test_null_and_nothing_leave_the_default),
        cmocka_unit_test(test_a_file_like_etcds_sample_loads),
        cmocka_unit_test(test_the_file_replaces_all_other_flags),
        cmocka_unit_test(test_a_variable_names_the_file_too),
        cmocka_unit_test(test_mistakes_are_named_with_their_line),
        cmocka_unit_test(test_what_does_not_work_yet_is_named_with_its_line),
        cmocka_unit_test(test_durations_are_nanoseconds_or_text),
        cmocka_unit_test(test_unknown_and_repeated_keys_warn),
        cmocka_unit_test(test_aliases_and_merges),
        cmocka_unit_test(test_merges_end),
        cmocka_unit_test(test_only_the_first_document_counts),
        cmocka_unit_test(test_a_file_has_a_limit),
        cmocka_unit_test(test_listening_without_advertising_warns_in_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
