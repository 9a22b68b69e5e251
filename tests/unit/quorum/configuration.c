/* libraft's own encoding comes back as it was; anything else is refused before libraft, which
 * trusts its input, sees it. */
#include "quorum/configuration.h"

#include "base/rng.h"
#include "base/wr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct buf encoded(unsigned n, int role_of_2)
{
    struct raft_configuration c;
    struct buf out = {0};
    raft_configuration_init(&c);
    for (unsigned i = 1; i <= n; i++) {
        char address[32];
        snprintf(address, sizeof(address), "http://10.0.0.%u:2380", i);
        assert_int_equal(raft_configuration_add(&c, i, address, i == 2 ? role_of_2 : RAFT_VOTER),
                         0);
    }
    configuration_encode(&c, &out);
    raft_configuration_close(&c);
    return out;
}

static void comes_back_as_it_was(void **state)
{
    (void)state;
    for (unsigned n = 0; n <= CONFIGURATION_SERVERS_MAX; n++) {
        AUTO(buf_fini) struct buf b = encoded(n, RAFT_SPARE);
        struct raft_configuration c;
        assert_int_equal(b.n % 8, 0);
        assert_int_equal(configuration_decode(buf_slice(&b), &c), RC_OK);
        assert_int_equal(c.n, n);
        for (unsigned i = 0; i < n; i++) {
            assert_int_equal(c.servers[i].id, i + 1);
            assert_int_equal(c.servers[i].role, i == 1 ? RAFT_SPARE : RAFT_VOTER);
        }
        if (n > 0)
            assert_string_equal(c.servers[0].address, "http://10.0.0.1:2380");
        raft_configuration_close(&c);
    }
}

static void cut_at_each_byte_it_is_refused(void **state)
{
    (void)state;
    AUTO(buf_fini) struct buf b = encoded(3, RAFT_STANDBY);
    size_t content = 1 + 8 + 3 * (8 + sizeof("http://10.0.0.1:2380") + 1);
    for (size_t n = 0; n < b.n; n++) {
        struct raft_configuration c;
        AUTO(buf_fini) struct buf cut = {0}; /* on its own, so that reading beyond shows */
        buf_append(&cut, b.p, n);
        enum rc rc = configuration_decode(buf_slice(&cut), &c);
        assert_int_equal(rc, n < content ? RC_MALFORMED : RC_OK); /* padding may lack */
        if (rc == RC_OK)
            raft_configuration_close(&c);
    }
}

static void expect_refused(struct slice in)
{
    struct raft_configuration c;
    assert_int_equal(configuration_decode(in, &c), RC_MALFORMED);
}

static void what_libraft_would_trust_is_refused(void **state)
{
    (void)state;
    AUTO(buf_fini) struct buf b = encoded(2, RAFT_VOTER);
    b.p[0] = 2; /* a version to come */
    expect_refused(buf_slice(&b));
    b.p[0] = 1;
    store_u64(b.p + 1, UINT64_MAX); /* servers */
    expect_refused(buf_slice(&b));
    store_u64(b.p + 1, CONFIGURATION_SERVERS_MAX + 1);
    expect_refused(buf_slice(&b));
    store_u64(b.p + 1, 2);
    size_t second = 9 + 8 + sizeof("http://10.0.0.1:2380") + 1;
    b.p[second - 1] = 9; /* a role */
    expect_refused(buf_slice(&b));
    b.p[second - 1] = RAFT_VOTER;
    store_u64(b.p + second, 1); /* an ID twice */
    expect_refused(buf_slice(&b));
    AUTO(buf_fini) struct buf endless = {0}; /* an address without its end */
    buf_append_u8(&endless, 1);
    buf_append_u64(&endless, 1);
    buf_append_u64(&endless, 7);
    buf_append_str(&endless, "http://");
    expect_refused(buf_slice(&endless));
    expect_refused((struct slice){0});
}

static void garbage_is_survived(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1);
    AUTO(buf_fini) struct buf good = encoded(3, RAFT_VOTER);
    for (int round = 0; round < 20000; round++) {
        struct raft_configuration c;
        AUTO(buf_fini) struct buf b = {0};
        buf_append(&b, good.p, good.n);
        for (uint64_t i = rng_between(&rng, 1, 4); i > 0; i--)
            b.p[rng_below(&rng, b.n)] = (uint8_t)rng_u64(&rng);
        if (configuration_decode(buf_slice(&b), &c) == RC_OK)
            raft_configuration_close(&c);
    }
}

static void the_sole_voter(void **state)
{
    (void)state;
    static const struct {
        unsigned n;
        int role_of_2;
        raft_id id;
        bool sole;
    } cases[] = {
        {0, RAFT_VOTER, 1, false}, {1, RAFT_VOTER, 1, true},    {1, RAFT_VOTER, 2, false},
        {2, RAFT_VOTER, 1, false}, {2, RAFT_STANDBY, 1, true},  {2, RAFT_SPARE, 1, true},
        {2, RAFT_SPARE, 2, false}, {3, RAFT_STANDBY, 1, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(buf_fini) struct buf b = encoded(cases[i].n, cases[i].role_of_2);
        struct raft_configuration c;
        assert_int_equal(configuration_decode(buf_slice(&b), &c), RC_OK);
        assert_int_equal(configuration_sole_voter(&c, cases[i].id), cases[i].sole);
        raft_configuration_close(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_was),
        cmocka_unit_test(cut_at_each_byte_it_is_refused),
        cmocka_unit_test(what_libraft_would_trust_is_refused),
        cmocka_unit_test(garbage_is_survived),
        cmocka_unit_test(the_sole_voter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
