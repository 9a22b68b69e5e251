#include "conf/quote.h"

#include <stdio.h>

const char *conf_quote(struct slice text, char out[CONF_QUOTED_MAX])
{
    size_t n = 0;
    size_t room = CONF_QUOTED_MAX - sizeof("\\xff...\""); /* the longest end */
    out[n++] = '"';
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (n > room) {
            n += (size_t)sprintf(out + n, "...");
            break;
        }
        if (c == '"' || c == '\\')
            n += (size_t)sprintf(out + n, "\\%c", c);
        else if (c == '\n' || c == '\t' || c == '\r')
            n += (size_t)sprintf(out + n, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
        else if (c < 0x20 || c == 0x7f)
            n += (size_t)sprintf(out + n, "\\x%02x", c);
        else
            out[n++] = (char)c;
    }
    out[n++] = '"';
    out[n] = '\0';
    return out;
}
