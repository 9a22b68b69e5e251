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
    "file_sync",     "posix_sync",   "posix_sync_dir", "disk_sync_dir",
    "wal_file_sync", "wal_dir_sync", "sync_batch",
};

static bool is_generic(const char *function)
{
    for (size_t i = 0; i < ARRAY_LEN(generic); i++)
        if (strcmp(generic[i], function) == 0)
            return true;
    return false;
}

/* What addr2line says, for all addresses at once since it starts slowly: after each address the
 * functions inlined there, innermost first, each followed by its place in the source. */
struct symbols {
    char **lines;
    size_t n;
};

static void symbols_init(struct symbols *y, const struct tracefile *t, const char *program)
{
    char line[512];
    struct buf command = {0};
    struct buf seen = {0};
    *y = (struct symbols){0};
    buf_printf(&command, "addr2line -a -f -i -e %s", program);
    for (size_t i = 0; i < t->n; i++) {
        const char *stack = tracefile_stack(&t->v[i]);
        for (const char *p = stack ? strchr(stack, '+') : NULL; p; p = strchr(p + 1, '+')) {
            char word[32];
            snprintf(word, sizeof(word), " 0x%.*s ", (int)strcspn(p + 1, " "), p + 1);
            if (seen.n > 0 && memmem(seen.p, seen.n, word, strlen(word)))
                continue;
            buf_append_str(&seen, word);
            buf_append_str(&command, word);
        }
    }
    buf_append_u8(&command, 0);
    FILE *f = popen((const char *)command.p, "re");
    must(f);
    while (fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\n")] = 0;
        y->lines = mem_realloc(y->lines, (y->n + 1) * sizeof(char *));
        y->lines[y->n++] = mem_strdup(line);
    }
    must(pclose(f) == 0);
    buf_fini(&command);
    buf_fini(&seen);
}

static void symbols_fini(struct symbols *y)
{
    for (size_t i = 0; i < y->n; i++)
        free(y->lines[i]);
    free(y->lines);
}

/* The line behind the address, or n. */
static size_t symbols_find(const struct symbols *y, const char *word)
{
    size_t i = 0;
    while (i < y->n &&
           (y->lines[i][0] != '0' || strtoull(y->lines[i], NULL, 16) != strtoull(word, NULL, 16)))
        i++;
    return i < y->n ? i + 1 : i;
}

/* The functions of the stack's words, innermost first. */
static void name_stack(const struct symbols *y, const char *stack, bool is_dir, struct buf *out)
{
    char *words = mem_strdup(stack);
    char *rest = NULL;
    int named = 0;
    for (char *word = strtok_r(words, " ", &rest); word && named < FUNCTIONS_MAX;
         word = strtok_r(NULL, " ", &rest)) {
        if (word[0] != '+') {
            buf_printf(out, "%s%s", named++ ? " < " : "", word);
            continue;
        }
        for (size_t i = symbols_find(y, word + 1); i < y->n && y->lines[i][0] != '0'; i += 2)
            if (named < FUNCTIONS_MAX && !is_generic(y->lines[i]))
                buf_printf(out, "%s%s", named++ ? " < " : "", y->lines[i]);
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
    struct symbols symbols;
    *s = (struct sites){0};
    symbols_init(&symbols, t, program);
    for (size_t i = 0; i < t->n; i++) {
        const char *text = tracefile_stack(&t->v[i]);
        int site = sites_find(s, &t->v[i]);
        if (!text)
            continue;
        if (site < 0) {
            struct buf name = {0};
            uint32_t kind = t->v[i].head.kind;
            name_stack(&symbols, text, kind == TRACE_SYNC_DIR, &name);
            site = site_named(s, (const char *)name.p);
            buf_fini(&name);
            s->stacks = mem_realloc(s->stacks, (s->stack_n + 1) * sizeof(*s->stacks));
            s->stacks[s->stack_n++] = (struct site_stack){text, kind, site};
        }
        s->v[site].syncs++;
    }
    symbols_fini(&symbols);
}

void sites_fini(struct sites *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->v[i].name);
    free(s->v);
    free(s->stacks);
    *s = (struct sites){0};
}
