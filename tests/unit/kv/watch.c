/* Who listens is told of each change once, in order, and of nothing else. */
#include "kv/watch.h"

#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct ear {
    struct listener listener;
    struct buf heard;   /* "+key@rev " or "-key@rev " */
    struct ear *ends;   /* when called: ends this one … */
    struct ear *begins; /* … begins this one, on "c" */
};

static void changed(struct listener *l, const struct change *c)
{
    struct ear *e = CONTAINER_OF(l, struct ear, listener);
    buf_printf(&e->heard, "%c%.*s@%d.%d ", c->deleted ? '-' : '+', (int)c->key.n,
               (const char *)c->key.p, (int)c->rev.main, (int)c->rev.sub);
    if (e->ends)
        listener_end(&e->ends->listener);
    if (e->begins)
        listener_begin(&e->begins->listener, l->kv, SLICE_LIT("c"), (struct slice){0});
    e->begins = NULL;
}

static void listen(struct lab *l, struct ear *e, const char *from, const char *to)
{
    e->listener.changed = changed;
    listener_begin(&e->listener, l->kv, slice_str(from), slice_str(to));
}

static void heard(struct ear *e, const char *text)
{
    buf_append_u8(&e->heard, 0);
    assert_string_equal((const char *)e->heard.p, text);
    buf_fini(&e->heard);
}

static void listeners_hear_what_changes(void **state)
{
    (void)state;
    struct lab l;
    struct ear key = {0};
    struct ear prefix = {0};
    lab_open(&l);
    lab_put(&l, "a", "before");
    listen(&l, &key, "a", "");
    listen(&l, &prefix, "a", "b");
    lab_put(&l, "a", "1");
    lab_put(&l, "b", "1");
    lab_put(&l, "ab", "1");
    kv_begin(l.kv);
    kv_put(l.kv, SLICE_LIT("b"), SLICE_LIT("2"), 0);
    kv_delete(l.kv, SLICE_LIT("a"), SLICE_LIT("b"));
    kv_end(l.kv);
    kv_begin(l.kv);
    kv_delete(l.kv, SLICE_LIT("a"), SLICE_LIT("b")); /* nothing is left */
    kv_end(l.kv);
    lab_put(&l, "a", "again");
    heard(&key, "+a@3.0 -a@6.1 +a@7.0 ");
    heard(&prefix, "+a@3.0 +ab@5.0 -a@6.1 -ab@6.2 +a@7.0 ");
    listener_end(&key.listener);
    listener_end(&key.listener);
    lab_put(&l, "a", "more");
    heard(&key, "");
    heard(&prefix, "+a@8.0 ");
    listener_end(&prefix.listener);
    lab_close(&l);
}

static void listeners_may_come_and_go_while_they_are_called(void **state)
{
    (void)state;
    struct lab l;
    struct ear self = {0};
    struct ear ender = {0};
    struct ear ended = {0};
    struct ear begun = {.listener.changed = changed};
    lab_open(&l);
    self.ends = &self;
    ender.ends = &ended;
    ender.begins = &begun;
    listen(&l, &self, "a", "");
    listen(&l, &ender, "a", "d");
    listen(&l, &ended, "a", "d");
    lab_put(&l, "a", "1");
    heard(&self, "+a@2.0 ");
    heard(&ender, "+a@2.0 ");
    heard(&ended, "");
    lab_put(&l, "c", "1");
    heard(&self, "");
    heard(&begun, "+c@3.0 ");
    listener_end(&begun.listener);
    listener_end(&ender.listener);
    buf_fini(&ender.heard);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listeners_hear_what_changes),
        cmocka_unit_test(listeners_may_come_and_go_while_they_are_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
