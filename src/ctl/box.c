#include "ctl/box.h"

#include "base/mem.h"
#include "base/must.h"

#include <ctype.h>
#include <stdlib.h>

void box_init(struct box *b, const char *const *head, size_t columns)
{
    must(columns > 0 && columns <= BOX_COLUMNS_MAX);
    *b = (struct box){.head = head, .columns = columns};
}

void box_fini(struct box *b)
{
    for (size_t i = 0; i < b->cells_n; i++)
        buf_fini(&b->cells[i]);
    free(b->cells);
    *b = (struct box){0};
}

struct buf *box_cell(struct box *b)
{
    b->cells = mem_realloc(b->cells, (b->cells_n + 1) * sizeof(*b->cells));
    b->cells[b->cells_n] = (struct buf){0};
    return &b->cells[b->cells_n++];
}

/* Columns on a terminal: one for each rune. */
static size_t width_of(struct slice s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += (s.p[i] & 0xc0) != 0x80;
    return n;
}

static void line(const size_t *widths, size_t n, const char *const ends[3], struct buf *out)
{
    for (size_t c = 0; c < n; c++) {
        buf_append_str(out, c == 0 ? ends[0] : ends[1]);
        for (size_t i = 0; i < widths[c] + 2; i++)
            buf_append_str(out, "─");
    }
    buf_printf(out, "%s\n", ends[2]);
}

static void spaces(size_t n, struct buf *out)
{
    while (n-- > 0)
        buf_append_u8(out, ' ');
}

/* A name in capitals, its underscores as spaces. */
static void capitals(const char *name, struct buf *out)
{
    for (; *name; name++)
        buf_append_u8(out, (uint8_t)(*name == '_' ? ' ' : toupper(*name)));
}

static void head(const struct box *b, const size_t *widths, struct buf *out)
{
    for (size_t c = 0; c < b->columns; c++) {
        size_t room = widths[c] - strlen(b->head[c]);
        buf_append_str(out, "│ ");
        spaces(room / 2, out);
        capitals(b->head[c], out);
        spaces(room - room / 2 + 1, out);
    }
    buf_append_str(out, "│\n");
}

static void measure(const struct box *b, size_t widths[BOX_COLUMNS_MAX])
{
    for (size_t c = 0; c < b->columns; c++) {
        widths[c] = strlen(b->head[c]);
        for (size_t i = c; i < b->cells_n; i += b->columns) {
            size_t w = width_of(buf_slice(&b->cells[i]));
            widths[c] = w > widths[c] ? w : widths[c];
        }
    }
}

void box_draw(const struct box *b, struct buf *out)
{
    static const char *const top[] = {"┌", "┬", "┐"};
    static const char *const middle[] = {"├", "┼", "┤"};
    static const char *const bottom[] = {"└", "┴", "┘"};
    size_t widths[BOX_COLUMNS_MAX];
    must(b->columns > 0);
    measure(b, widths);
    line(widths, b->columns, top, out);
    head(b, widths, out);
    if (b->cells_n > 0)
        line(widths, b->columns, middle, out);
    for (size_t i = 0; i < b->cells_n; i++) {
        struct slice cell = buf_slice(&b->cells[i]);
        buf_append_str(out, "│ ");
        spaces(widths[i % b->columns] - width_of(cell), out);
        buf_append_slice(out, cell);
        buf_append_str(out, (i + 1) % b->columns == 0 ? " │\n" : " ");
    }
    line(widths, b->columns, bottom, out);
}

void box_columns(const struct box *b, struct buf *out)
{
    size_t widths[BOX_COLUMNS_MAX];
    must(b->columns > 0);
    measure(b, widths);
    for (size_t c = 0; c < b->columns; c++) {
        if (c + 1 < b->columns)
            spaces(widths[c] - strlen(b->head[c]), out);
        capitals(b->head[c], out);
        buf_append_str(out, c + 1 < b->columns ? "  " : "\n");
    }
    for (size_t i = 0; i < b->cells_n; i++) {
        struct slice cell = buf_slice(&b->cells[i]);
        bool last = (i + 1) % b->columns == 0;
        if (!last)
            spaces(widths[i % b->columns] - width_of(cell), out);
        buf_append_slice(out, cell);
        buf_append_str(out, last ? "\n" : "  ");
    }
}

void box_lines(const struct box *b, struct buf *out)
{
    must(b->columns > 0);
    for (size_t i = 0; i < b->cells_n; i++) {
        buf_append_slice(out, buf_slice(&b->cells[i]));
        buf_append_str(out, (i + 1) % b->columns == 0 ? "\n" : ", ");
    }
}
