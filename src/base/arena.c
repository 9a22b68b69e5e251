#include "base/arena.h"

#include "base/mem.h"

#include <stdalign.h>
#include <stdlib.h>

#define ARENA_BLOCK_MIN 1024 /* bytes */

struct arena_block {
    struct arena_block *next;
    alignas(max_align_t) uint8_t bytes[];
};

void arena_init(struct arena *a, void *first, size_t n)
{
    size_t skip = -(uintptr_t)first % alignof(max_align_t);
    *a = (struct arena){0};
    if (n > skip) {
        a->at = (uint8_t *)first + skip;
        a->left = n - skip;
    }
}

void arena_fini(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *b = a->blocks;
        a->blocks = b->next;
        free(b);
    }
    *a = (struct arena){0};
}

void *arena_alloc(struct arena *a, size_t n)
{
    size_t align = alignof(max_align_t);
    size_t need = (n + (n == 0) + align - 1) / align * align; /* nothing has a place, too */
    if (need > a->left) {
        size_t size = ARENA_BLOCK_MIN;
        while (size < need || (size < a->total && size < (size_t)1 << 20))
            size *= 2;
        struct arena_block *b = mem_alloc(sizeof(*b) + size);
        b->next = a->blocks;
        a->blocks = b;
        a->at = b->bytes;
        a->left = size;
        a->total += size;
    }
    void *p = a->at;
    a->at += need;
    a->left -= need;
    return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
    return memset(arena_alloc(a, n), 0, n);
}

struct slice arena_copy(struct arena *a, struct slice s)
{
    uint8_t *p = arena_alloc(a, s.n);
    if (s.n)
        memcpy(p, s.p, s.n);
    return (struct slice){p, s.n};
}
