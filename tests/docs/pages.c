/* pages [--write] REFERENCE MANUAL - what is printed from the table of flags stands in the pages.
 *
 * REFERENCE (docs/FLAGS.md) is conf_reference whole; in MANUAL (man/moat-server.8.scd) it is the
 * section OPTIONS. Without --write the two are compared, with it they are brought up to date. */
#include "conf/conf.h"

#include <stdio.h>
#include <stdlib.h>

#define SECTION "# OPTIONS\n"

static struct buf read_file(const char *path)
{
    struct buf text = {0};
    FILE *f = fopen(path, "r");
    char piece[4096];
    if (!f) {
        perror(path);
        exit(2);
    }
    for (size_t n; (n = fread(piece, 1, sizeof(piece), f)) > 0;)
        buf_append(&text, piece, n);
    fclose(f);
    return text;
}

static void write_file(const char *path, const struct buf *text)
{
    FILE *f = fopen(path, "w");
    if (!f || fwrite(text->p, 1, text->n, f) != text->n || fclose(f) != 0) {
        perror(path);
        exit(2);
    }
}

/* The page with its section OPTIONS as the table has it; the section ends before the next one. */
static struct buf renew_manual(const struct buf *page)
{
    struct buf copy = {0};
    struct buf out = {0};
    buf_append_slice(&copy, buf_slice(page));
    buf_append_u8(&copy, '\0');
    char *text = (char *)copy.p;
    char *begin = strstr(text, "\n" SECTION);
    char *end = begin ? strstr(begin + sizeof(SECTION), "\n# ") : NULL;
    if (!end) {
        fprintf(stderr, "pages: the manual has no section OPTIONS with another one behind it\n");
        exit(2);
    }
    buf_append(&out, text, (size_t)(begin - text) + 1);
    conf_manual(&out);
    buf_append(&out, end, strlen(end));
    buf_fini(&copy);
    return out;
}

static bool settle(int number, const char *path, const struct buf *is, const struct buf *want,
                   bool write)
{
    bool same = slice_eq(buf_slice(is), buf_slice(want));
    if (write && !same)
        write_file(path, want);
    printf("%s %d - %s\n", same || write ? "ok" : "not ok", number, path);
    if (!same && !write)
        fprintf(stderr, "%s is behind src/conf/table.c: run `ninja -C build update-pages`\n", path);
    return same || write;
}

int main(int argc, char **argv)
{
    bool write = argc == 4 && strcmp(argv[1], "--write") == 0;
    if (argc != 3 + write) {
        fprintf(stderr, "usage: pages [--write] REFERENCE MANUAL\n");
        return 2;
    }
    const char *reference_path = argv[1 + write];
    const char *manual_path = argv[2 + write];
    struct buf reference = {0};
    conf_reference(&reference);
    struct buf reference_is = read_file(reference_path);
    struct buf manual_is = read_file(manual_path);
    struct buf manual = renew_manual(&manual_is);
    printf("1..2\n");
    bool good = settle(1, reference_path, &reference_is, &reference, write);
    good = settle(2, manual_path, &manual_is, &manual, write) && good;
    buf_fini(&reference);
    buf_fini(&reference_is);
    buf_fini(&manual);
    buf_fini(&manual_is);
    return !good;
}
