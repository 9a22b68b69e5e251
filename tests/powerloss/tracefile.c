#include "tracefile.h"

#include "base/mem.h"
#include "base/must.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void tracefile_open(struct tracefile *t, const char *path)
{
    struct stat st;
    size_t cap = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    must(fd >= 0 && fstat(fd, &st) == 0);
    *t = (struct tracefile){.map_n = (size_t)st.st_size};
    t->map = mmap(NULL, t->map_n, PROT_READ, MAP_PRIVATE, fd, 0);
    must(t->map != MAP_FAILED);
    close(fd);
    const uint8_t *p = t->map;
    const uint8_t *end = p + t->map_n;
    while ((size_t)(end - p) >= sizeof(struct trace_record)) {
        struct tracefile_record r;
        memcpy(&r.head, p, sizeof(r.head));
        r.payload = p + sizeof(r.head);
        must(r.head.kind > 0 && r.head.kind < TRACE_KIND_END);
        if ((size_t)(end - r.payload) < r.head.n)
            break;
        if (t->n == cap) {
            cap = cap ? 2 * cap : 1024;
            t->v = mem_realloc(t->v, cap * sizeof(*t->v));
        }
        t->v[t->n++] = r;
        p = r.payload + r.head.n;
    }
}

void tracefile_close(struct tracefile *t)
{
    munmap(t->map, t->map_n);
    free(t->v);
    *t = (struct tracefile){0};
}

const char *tracefile_stack(const struct tracefile_record *r)
{
    const char *text = (const char *)r->payload;
    if (r->head.kind == TRACE_SYNC)
        return text;
    return r->head.kind == TRACE_SYNC_DIR ? text + strlen(text) + 1 : NULL;
}
