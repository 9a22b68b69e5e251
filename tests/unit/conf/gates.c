/* Every feature gate of etcd is known; what changes nothing is taken with a note, what makes no
 * sense is refused in etcd's words. */
#include "conf/gates.h"
#include "check.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void expect_refusal(const char *text, const char *why)
{
    struct conf_gates gates;
    struct err err = {0};
    assert_int_equal(conf_gates_parse(text, &gates, &err), RC_INVALID);
    assert_string_equal(err.text, why);
}

static void defaults_and_settings(void **state)
{
    (void)state;
    struct conf_gates g;
    assert_int_equal(conf_gates_parse("", &g, NULL), RC_OK);
    assert_false(g.on[CONF_GATE_INITIAL_CORRUPT_CHECK]);
    assert_true(g.on[CONF_GATE_FAST_LEASE_KEEP_ALIVE]);
    assert_int_equal(
        conf_gates_parse(" InitialCorruptCheck = true ,, FastLeaseKeepAlive=f", &g, NULL), RC_OK);
    assert_true(g.on[CONF_GATE_INITIAL_CORRUPT_CHECK]);
    assert_false(g.on[CONF_GATE_FAST_LEASE_KEEP_ALIVE]);
    assert_int_equal(conf_gates_parse("AllAlpha=true,LeaseCheckpoint=false", &g, NULL), RC_OK);
    assert_true(g.on[CONF_GATE_COMPACT_HASH_CHECK]);
    assert_false(g.on[CONF_GATE_LEASE_CHECKPOINT]);
    assert_int_equal(conf_gates_parse("AllBeta=false", &g, NULL), RC_OK);
    assert_false(g.on[CONF_GATE_TXN_MODE_WRITE_WITH_SHARED_BUFFER]);
}

static void what_is_wrong_is_said_as_etcd_says_it(void **state)
{
    (void)state;
    expect_refusal("Foo=true", "unrecognized feature gate: Foo");
    expect_refusal("LeaseCheckpoint", "missing bool value for LeaseCheckpoint");
    expect_refusal("LeaseCheckpoint=maybe",
                   "invalid value of LeaseCheckpoint=maybe, err: strconv.ParseBool: parsing "
                   "\"maybe\": invalid syntax");
    check_refused("--feature-gates=Foo=true", RC_MALFORMED,
                  "invalid value \"Foo=true\" for flag -feature-gates: unrecognized feature gate: "
                  "Foo");
    check_refused("--feature-gates=LeaseCheckpointPersist=true", RC_INVALID,
                  "enabling feature gate LeaseCheckpointPersist requires enabling feature gate "
                  "LeaseCheckpoint");
}

static void a_gate_works_or_says_why_not(void **state)
{
    (void)state;
    struct check check;
    check_load(&check, "--feature-gates=InitialCorruptCheck=true,CompactHashCheck=true", NULL);
    check_ok(&check);
    assert_true(check.conf.initial_corrupt_check);
    assert_int_equal(check.conf.notes.n, 1);
    assert_string_equal(check.conf.notes.v[0].text,
                        "the feature gate CompactHashCheck changes nothing here: a single member "
                        "has no other to compare with");
    check_fini(&check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_and_settings),
        cmocka_unit_test(what_is_wrong_is_said_as_etcd_says_it),
        cmocka_unit_test(a_gate_works_or_says_why_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
