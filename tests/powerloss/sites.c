#include "sites.h"

#include "base/buf.h"
#include "base/cc.h"
#include "base/mem.h"
#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>

#define FUNCTIONS_MAX 3 /* in a name */

/* What is between a sync and who wanted it. */
static const char *const generic[] = {
    "file_sync", "posix_sync", "posix_sync_dir", "disk_sync_dir", "wal_file_sync", "wal_dir_sync",
};

static bool is_generic(const char *function)
{
    for (size_t i = 0; i < ARRAY_LEN(generic); i++)
        if (strcmp(generic[i], function) == 0)
            return true;
    return false;
}

/* The functions of the stack's words, innermost first. */
static void name_stack(const char *program, const char *stack, bool is_dir, struct buf *out)
{
    char *words = mem_strdup(stack);
    char *rest = NULL;
    int named = 0;
    for (char *word = strtok_r(words, " ", &rest); word && named < FUNCTIONS_MAX;
         word = strtok_r(NULL, " ", &rest)) {
        char line[512];
        if (word[0] != '+') {
            buf_printf(out, "%s%s", named++ ? " < " : "", word);
            continue;
        }
        /* A function and its place by turns, the inlined ones first. */
        char *command = mem_printf("addr2line -f -i -e %s 0x%s", program, word + 1);
        FILE *f = popen(command, "re");
        must(f);
        for (int i = 0; fgets(line, sizeof(line), f); i++) {
            line[strcspn(line, "\n")] = 0;
            if (i % 2 == 0 && named < FUNCTIONS_MAX && !is_generic(line))
                buf_printf(out, "%s%s", named++ ? " < " : "", line);
        }
        must(pclose(f) == 0);
        free(command);
    }
    buf_append_str(out, is_dir ? " (directory)" : "");
    buf_append_u8(out, 0);
    free(words);
}

static int site_named(struct sites *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->v[i].name, name) == 0)
            return (int)i;
    s->v = mem_realloc(s->v, (s->n + 1) * sizeof(*s->v));
    s->v[s->n] = (struct site){.name = mem_strdup(name)};
    return (int)s->n++;
}

int sites_find(const struct sites *s, const struct tracefile_record *r)
{
    const char *text = tracefile_stack(r);
    for (size_t i = 0; text && i < s->stack_n; i++)
        if (s->stacks[i].kind == r->head.kind && strcmp(s->stacks[i].text, text) == 0)
            return s->stacks[i].site;
    return -1;
}

void sites_init(struct sites *s, const struct tracefile *t, const char *program)
{
    *s = (struct sites){0};
    for (size_t i = 0; i < t->n; i++) {
        const char *text = tracefile_stack(&t->v[i]);
        int site = sites_find(s, &t->v[i]);
        if (!text)
            continue;
        if (site < 0) {
            struct buf name = {0};
            uint32_t kind = t->v[i].head.kind;
            name_stack(program, text, kind == TRACE_SYNC_DIR, &name);
            site = site_named(s, (const char *)name.p);
            buf_fini(&name);
            s->stacks = mem_realloc(s->stacks, (s->stack_n + 1) * sizeof(*s->stacks));
            s->stacks[s->stack_n++] = (struct site_stack){text, kind, site};
        }
        s->v[site].syncs++;
    }
}

void sites_fini(struct sites *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->v[i].name);
    free(s->v);
    free(s->stacks);
    *s = (struct sites){0};
}
