#include "base/blob.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdlib.h>

struct blob *blob_new(struct buf *b)
{
    struct blob *blob = mem_alloc(sizeof(*blob));
    *blob = (struct blob){.n = b->n, .owners = 1, .p = b->p};
    *b = (struct buf){0};
    return blob;
}

struct blob *blob_share(struct blob *b)
{
    must(b->owners > 0 && b->owners < UINT32_MAX);
    b->owners++;
    return b;
}

void blob_release(struct blob *b)
{
    if (!b || --b->owners > 0)
        return;
    must(b->queues == 0);
    blob_release(b->json);
    free(b->p);
    free(b);
}
