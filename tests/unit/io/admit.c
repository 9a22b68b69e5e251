/* The counts per source and in all are exact over many comings and goings. */
#include "rig.h"

#include "io/admit.h"

#include <arpa/inet.h>

static struct io_sockaddr v4(uint32_t addr)
{
    struct io_sockaddr sa = {.len = sizeof(sa.in)};
    sa.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(addr)}};
    return sa;
}

static struct io_sockaddr v6(const char *text)
{
    struct io_sockaddr sa = {.len = sizeof(sa.in6)};
    sa.in6.sin6_family = AF_INET6;
    assert_int_equal(inet_pton(AF_INET6, text, &sa.in6.sin6_addr), 1);
    return sa;
}

static struct admit admit;
static struct rng rng;

static void init(uint32_t total, uint32_t per_source)
{
    rng_seed(&rng, 1);
    admit_init(&admit, total, per_source, &rng);
}

static void limits_hold_and_room_comes_back(void **state)
{
    (void)state;
    init(3, 2);
    struct io_sockaddr a = v4(1);
    struct io_sockaddr b = v4(2);
    struct admit_source *s[3];
    struct admit_source *none = NULL;
    assert_int_equal(admit_enter(&admit, &a, &s[0]), ADMIT_OK);
    assert_int_equal(admit_enter(&admit, &a, &s[1]), ADMIT_OK);
    assert_int_equal(admit_enter(&admit, &a, &none), ADMIT_PER_SOURCE);
    assert_int_equal(admit_enter(&admit, &b, &s[2]), ADMIT_OK);
    assert_int_equal(admit_enter(&admit, &b, &none), ADMIT_TOTAL);
    assert_null(none);
    admit_leave(&admit, s[1]);
    assert_int_equal(admit_enter(&admit, &a, &s[1]), ADMIT_OK);
    for (int i = 0; i < 3; i++)
        admit_leave(&admit, s[i]);
    assert_int_equal(admit.total, 0);
}

static void one_network_is_one_source(void **state)
{
    (void)state;
    init(0, 1);
    struct io_sockaddr first = v6("2001:db8::1");
    struct io_sockaddr same = v6("2001:db8::ffff:2");
    struct io_sockaddr other = v6("2001:db8:0:1::1");
    struct io_sockaddr mapped = v6("::ffff:10.0.0.1");
    struct io_sockaddr plain = v4(0x0a000001);
    struct admit_source *s[3];
    struct admit_source *none = NULL;
    assert_int_equal(admit_enter(&admit, &first, &s[0]), ADMIT_OK);
    assert_int_equal(admit_enter(&admit, &same, &none), ADMIT_PER_SOURCE);
    assert_int_equal(admit_enter(&admit, &other, &s[1]), ADMIT_OK);
    assert_int_equal(admit_enter(&admit, &mapped, &s[2]), ADMIT_OK);
    assert_int_equal(admit_enter(&admit, &plain, &none), ADMIT_PER_SOURCE);
    for (int i = 0; i < 3; i++)
        admit_leave(&admit, s[i]);
}

/* Against a plain array as the model. */
static void random_comings_and_goings(void **state)
{
    (void)state;
    enum { SOURCES = 5000, PER_SOURCE = 3, TOTAL = 6000, STEPS = 200000 };
    static struct admit_source *held[SOURCES][PER_SOURCE];
    static uint32_t count[SOURCES];
    uint32_t total = 0;
    init(TOTAL, PER_SOURCE);
    for (int i = 0; i < STEPS; i++) {
        uint32_t k = (uint32_t)rng_below(&rng, SOURCES);
        struct io_sockaddr sa = v4(k);
        struct admit_source *s = NULL;
        if (rng_chance(&rng, 600000)) {
            enum admit_verdict want = total == TOTAL           ? ADMIT_TOTAL
                                      : count[k] == PER_SOURCE ? ADMIT_PER_SOURCE
                                                               : ADMIT_OK;
            assert_int_equal(admit_enter(&admit, &sa, &s), want);
            if (want == ADMIT_OK) {
                held[k][count[k]++] = s;
                total++;
            }
        } else if (count[k] > 0) {
            admit_leave(&admit, held[k][--count[k]]);
            total--;
        }
        assert_int_equal(admit.total, total);
    }
    for (uint32_t k = 0; k < SOURCES; k++) {
        while (count[k] > 0)
            admit_leave(&admit, held[k][--count[k]]);
    }
    for (size_t i = 0; i < ADMIT_CHAINS; i++)
        assert_null(admit.chains[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_hold_and_room_comes_back),
        cmocka_unit_test(one_network_is_one_source),
        cmocka_unit_test(random_comings_and_goings),
    };
    return cmocka_run_group_tests_name("io/admit", tests, NULL, NULL);
}
