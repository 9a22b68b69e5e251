#include "names.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct name *names_find(const struct names *t, const char *path)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->v[i].path, path) == 0)
            return &t->v[i];
    return NULL;
}

void names_remove(struct names *t, const char *path)
{
    struct name *gone = names_find(t, path);
    if (!gone)
        return;
    free(gone->path);
    *gone = t->v[--t->n];
}

void names_put(struct names *t, const char *path, struct node *node)
{
    names_remove(t, path);
    t->v = mem_realloc(t->v, (t->n + 1) * sizeof(struct name));
    t->v[t->n++] = (struct name){mem_strdup(path), node};
}

void names_fini(struct names *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->v[i].path);
    free(t->v);
}
