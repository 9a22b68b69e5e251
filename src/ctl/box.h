/* box - a table with lines around it, as etcdctl's "-w table" draws it (olekukonko/tablewriter).
 *
 * The head is in capitals and centred, rows are set to the right. */
#ifndef MOAT_CTL_BOX_H
#define MOAT_CTL_BOX_H

#include "base/buf.h"

#define BOX_COLUMNS_MAX 16

struct box {
    const char *const *head;
    size_t columns;
    struct buf *cells; /* row by row */
    size_t cells_n;
};

void box_init(struct box *b, const char *const *head, size_t columns);
void box_fini(struct box *b);
struct buf *box_cell(struct box *b); /* the next cell, empty; valid until the next call */

void box_draw(const struct box *b, struct buf *out);
/* The same without lines, the last column to the left: for people, in the simple format. */
void box_columns(const struct box *b, struct buf *out);
/* The rows alone, by commas: the simple format. */
void box_lines(const struct box *b, struct buf *out);

#endif
