#include "ctl/progress.h"

#include "client/loop.h"
#include "ctl/environment.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRAW_EVERY_NS 100000000u
#define WIDTH         30

void progress_begin(struct progress *p, const char *what, uint64_t total)
{
    const char *no_color = environment_get("NO_COLOR");
    *p = (struct progress){.what = what, .total = total};
    p->active = isatty(STDERR_FILENO);
    p->colour = !(no_color && *no_color);
}

void progress_total(struct progress *p, uint64_t total)
{
    p->total = total;
}

static void draw(const struct progress *p)
{
    if (p->total == 0) {
        fprintf(stderr, "\r\033[K%s %" PRIu64, p->what, p->done);
        return;
    }
    uint64_t done = p->done < p->total ? p->done : p->total;
    int bars = (int)((double)done / (double)p->total * WIDTH);
    int percent = (int)((double)done / (double)p->total * 100);
    fprintf(stderr, "\r\033[K%s [%s", p->what, p->colour ? "\033[32m" : "");
    for (int i = 0; i < WIDTH; i++)
        fputc(i < bars ? '#' : ' ', stderr);
    fprintf(stderr, "%s] %d%%", p->colour ? "\033[0m" : "", percent);
}

void progress_set(struct progress *p, uint64_t done)
{
    p->done = done;
    uint64_t now = client_now_ns();
    if (!p->active || now - p->shown_ns < DRAW_EVERY_NS)
        return;
    p->shown_ns = now;
    draw(p);
}

void progress_end(struct progress *p)
{
    if (p->active && p->shown_ns > 0)
        fprintf(stderr, "\r\033[K");
    p->active = false;
}
