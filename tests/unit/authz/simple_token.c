/* A token says whose it is until it was left alone for its life, its user is forgotten, or all are.
 */
#include "authz/simple_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define LETTERS SLICE_LIT("abcdefghijklmnop")

struct lab {
    struct clock clock;
    struct rng rng;
    struct env env;
    uint64_t now_ns;
    struct simple_tokens *tokens;
};

static uint64_t now(struct clock *c)
{
    return CONTAINER_OF(c, struct lab, clock)->now_ns;
}

static void lab_open(struct lab *l)
{
    *l = (struct lab){.clock = {.mono_ns = now, .wall_ns = now}};
    rng_seed(&l->rng, 1);
    l->env = (struct env){.clock = &l->clock, .rng = &l->rng};
    l->tokens = simple_tokens_new(&l->env, 300 * (uint64_t)NS_PER_S);
}

static bool is_of(struct lab *l, const char *token, const char *user)
{
    struct slice found;
    return simple_tokens_find(l->tokens, slice_str(token), &found) &&
           slice_eq(found, slice_str(user));
}

static void give(struct lab *l, uint64_t index, const char *user)
{
    struct buf out = {0};
    simple_tokens_assign(l->tokens, LETTERS, index, slice_str(user), &out);
    buf_fini(&out);
}

static void a_token_has_the_form_of_etcds(void **state)
{
    struct lab l;
    struct buf out = {0};
    (void)state;
    lab_open(&l);
    simple_tokens_assign(l.tokens, LETTERS, 17, SLICE_LIT("alice"), &out);
    assert_true(slice_eq(buf_slice(&out), SLICE_LIT("abcdefghijklmnop.17")));
    assert_true(is_of(&l, "abcdefghijklmnop.17", "alice"));
    assert_false(is_of(&l, "abcdefghijklmnop.18", "alice"));
    assert_false(is_of(&l, "abcdefghijklmnop", "alice"));
    assert_false(is_of(&l, "", "alice"));
    buf_fini(&out);
    simple_tokens_free(l.tokens);
}

static void letters_are_letters(void **state)
{
    uint8_t random[SIMPLE_TOKEN_LETTERS];
    char out[SIMPLE_TOKEN_LETTERS + 1];
    (void)state;
    for (unsigned i = 0; i < 256; i++) {
        memset(random, (int)i, sizeof(random));
        simple_token_letters(random, out);
        assert_int_equal(strlen(out), SIMPLE_TOKEN_LETTERS);
        assert_true((out[0] >= 'a' && out[0] <= 'z') || (out[0] >= 'A' && out[0] <= 'Z'));
    }
}

static void use_prolongs_a_life(void **state)
{
    struct lab l;
    (void)state;
    lab_open(&l);
    give(&l, 1, "alice");
    give(&l, 2, "bob");
    l.now_ns += 200 * (uint64_t)NS_PER_S;
    assert_true(is_of(&l, "abcdefghijklmnop.1", "alice"));
    l.now_ns += 100 * (uint64_t)NS_PER_S;
    assert_false(is_of(&l, "abcdefghijklmnop.2", "bob"));
    assert_true(is_of(&l, "abcdefghijklmnop.1", "alice"));
    assert_int_equal(simple_tokens_count(l.tokens), 1);
    l.now_ns += 300 * (uint64_t)NS_PER_S;
    assert_false(is_of(&l, "abcdefghijklmnop.1", "alice"));
    assert_int_equal(simple_tokens_count(l.tokens), 0);
    simple_tokens_free(l.tokens);
}

static void forgetting_a_user_takes_all_his_tokens(void **state)
{
    struct lab l;
    (void)state;
    lab_open(&l);
    for (uint64_t i = 0; i < 1000; i++)
        give(&l, i, i % 2 ? "alice" : "bob");
    simple_tokens_forget_user(l.tokens, SLICE_LIT("alice"));
    for (uint64_t i = 0; i < 1000; i++) {
        char text[64];
        snprintf(text, sizeof(text), "abcdefghijklmnop.%llu", (unsigned long long)i);
        assert_int_equal(is_of(&l, text, "bob"), i % 2 == 0);
        assert_false(is_of(&l, text, "alice"));
    }
    simple_tokens_forget_all(l.tokens);
    assert_int_equal(simple_tokens_count(l.tokens), 0);
    give(&l, 5, "alice");
    assert_true(is_of(&l, "abcdefghijklmnop.5", "alice"));
    simple_tokens_free(l.tokens);
}

static void at_the_limit_the_one_unused_for_longest_goes(void **state)
{
    struct lab l;
    (void)state;
    lab_open(&l);
    for (uint64_t i = 0; i < SIMPLE_TOKENS_MAX; i++)
        give(&l, i, "alice");
    assert_true(is_of(&l, "abcdefghijklmnop.0", "alice"));
    give(&l, SIMPLE_TOKENS_MAX, "alice");
    assert_int_equal(simple_tokens_count(l.tokens), SIMPLE_TOKENS_MAX);
    assert_true(is_of(&l, "abcdefghijklmnop.0", "alice"));
    assert_false(is_of(&l, "abcdefghijklmnop.1", "alice"));
    simple_tokens_free(l.tokens);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_has_the_form_of_etcds),
        cmocka_unit_test(letters_are_letters),
        cmocka_unit_test(use_prolongs_a_life),
        cmocka_unit_test(forgetting_a_user_takes_all_his_tokens),
        cmocka_unit_test(at_the_limit_the_one_unused_for_longest_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
