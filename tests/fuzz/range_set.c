/* fuzz: authz base */
/* Permissions against a brute-force model. The input is a list of ranges, each two keys of up to
 * two letters out of four, and the last one is what is asked for. The model looks at every key of
 * up to three letters: where one range ends, and the first key behind a single one, are among them.
 */
#include "authz/range_set.h"

#include "base/must.h"

#include <stdlib.h>

#define LETTERS  4u
#define KEYS     (LETTERS + LETTERS * LETTERS + LETTERS * LETTERS * LETTERS)
#define BOUNDS   (LETTERS + LETTERS * LETTERS) /* the first of them: what ranges are made of */
#define RANGES   32u
#define OPEN_END BOUNDS        /* an index: "\0" */
#define POINT    (BOUNDS + 1u) /* … no range_end */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct all_keys {
    uint8_t bytes[KEYS][3];
    struct slice keys[KEYS];
};

static void make_keys(struct all_keys *all)
{
    size_t n = 0;
    for (size_t len = 1, count = LETTERS; len <= 3; len++, count *= LETTERS) {
        for (size_t v = 0; v < count; v++) {
            size_t rest = v;
            for (size_t i = len; i-- > 0; rest /= LETTERS)
                all->bytes[n][i] = (uint8_t)(rest % LETTERS); /* the zero byte is one of them */
            all->keys[n] = slice_of(all->bytes[n], len);
            n++;
        }
    }
}

static struct slice end_of(const struct all_keys *all, size_t index)
{
    if (index == POINT)
        return (struct slice){0};
    return index == OPEN_END ? SLICE_LIT("\0") : all->keys[index];
}

static bool in_range(struct slice k, struct slice key, struct slice range_end)
{
    if (range_end.n == 0)
        return slice_eq(k, key);
    bool open = range_end.n == 1 && range_end.p[0] == 0;
    return slice_cmp(k, key) >= 0 && (open || slice_cmp(k, range_end) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct all_keys all;
    struct range_set set = {0};
    bool allowed[KEYS] = {0};
    make_keys(&all);
    size_t n = size / 2;
    if (n == 0 || n > RANGES)
        return 0;
    for (size_t i = 0; i + 1 < n; i++) {
        struct slice key = all.keys[data[2 * i] % BOUNDS];
        struct slice end = end_of(&all, data[2 * i + 1] % (BOUNDS + 2));
        range_set_add(&set, key, end);
        for (size_t k = 0; k < KEYS; k++)
            allowed[k] = allowed[k] || in_range(all.keys[k], key, end);
    }
    range_set_merge(&set);
    for (size_t i = 0; i + 1 < set.n; i++)
        must(set.v[i].to.n > 0 && slice_cmp(set.v[i].to, set.v[i + 1].from) < 0);
    struct slice key = all.keys[data[2 * n - 2] % BOUNDS];
    struct slice end = end_of(&all, data[2 * n - 1] % (BOUNDS + 2));
    bool every = true;
    bool any = false;
    for (size_t k = 0; k < KEYS; k++) {
        if (!in_range(all.keys[k], key, end))
            continue;
        any = true;
        every = every && allowed[k];
    }
    if (any)
        must(range_set_covers(&set, key, end) == every);
    range_set_fini(&set);
    return 0;
}
