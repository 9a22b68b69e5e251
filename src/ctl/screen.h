/* screen - a text that is renewed in its place on a terminal; elsewhere one follows the other.
 *
 * The terminal's second screen is used, so that what stood there is back in the end. */
#ifndef MOAT_CTL_SCREEN_H
#define MOAT_CTL_SCREEN_H

#include "base/buf.h"

#define SCREEN_ROWS 24u /* of a terminal that does not tell */

struct screen {
    bool active; /* standard output is a terminal */
    bool begun;
};

void screen_open(struct screen *s);
void screen_show(struct screen *s, struct slice text);
void screen_close(struct screen *s); /* the terminal is as it was */

/* What draws the text over what is there: as many lines as there are rows. */
void screen_frame(struct slice text, unsigned rows, struct buf *out);

#endif
