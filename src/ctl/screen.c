#include "ctl/screen.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ECMA-48 and xterm's private modes: the second screen (1049), the cursor (25), long lines go on in
 * the next (7). */
#define BEGIN     "\033[?1049h\033[?25l\033[?7l"
#define END       "\033[?7h\033[?25h\033[?1049l"
#define HOME      "\033[H"
#define LINE_ENDS "\033[K" /* and what is to the right goes */
#define ENDS      "\033[J" /* and what is below goes */

void screen_frame(struct slice text, unsigned rows, struct buf *out)
{
    buf_append_str(out, HOME);
    for (unsigned row = 0; row < rows && text.n > 0; row++) {
        const uint8_t *end = memchr(text.p, '\n', text.n);
        size_t n = end ? (size_t)(end - text.p) : text.n;
        if (row > 0)
            buf_append_u8(out, '\n');
        buf_append(out, text.p, n);
        buf_append_str(out, LINE_ENDS);
        text = slice_skip(text, end ? n + 1 : n);
    }
    buf_append_str(out, ENDS);
}

static void write_out(struct slice s)
{
    fwrite(s.p, 1, s.n, stdout);
    fflush(stdout);
}

void screen_open(struct screen *s)
{
    *s = (struct screen){.active = isatty(STDOUT_FILENO)};
    if (s->active)
        write_out(SLICE_LIT(BEGIN));
}

void screen_show(struct screen *s, struct slice text)
{
    struct winsize size = {0};
    struct buf out = {0};
    if (!s->active) {
        if (s->begun)
            buf_append_u8(&out, '\n');
        buf_append_slice(&out, text);
    } else {
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0)
            size.ws_row = SCREEN_ROWS;
        screen_frame(text, size.ws_row, &out);
    }
    s->begun = true;
    write_out(buf_slice(&out));
    buf_fini(&out);
}

void screen_close(struct screen *s)
{
    if (s->active)
        write_out(SLICE_LIT(END));
    s->active = false;
}
