#include "client/status.h"

#include <stdarg.h>
#include <stdio.h>

#define TEXT_MAX 1024 /* bytes of a status of our own */

void client_status_fini(struct client_status *s)
{
    buf_fini(&s->text);
    buf_fini(&s->explain);
    *s = (struct client_status){0};
}

void client_status_set(struct client_status *s, enum grpc_code code, const char *fmt, ...)
{
    char text[TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    s->code = code;
    buf_clear(&s->text);
    buf_clear(&s->explain);
    buf_append_str(&s->text, text);
}

void client_status_copy(struct client_status *to, const struct client_status *from)
{
    to->code = from->code;
    buf_clear(&to->text);
    buf_clear(&to->explain);
    buf_append_slice(&to->text, buf_slice(&from->text));
    buf_append_slice(&to->explain, buf_slice(&from->explain));
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void decode(struct slice value, struct buf *out)
{
    buf_clear(out);
    for (size_t i = 0; i < value.n; i++) {
        bool escaped = value.p[i] == '%' && i + 2 < value.n && hex_digit(value.p[i + 1]) >= 0 &&
                       hex_digit(value.p[i + 2]) >= 0;
        uint8_t c = value.p[i];
        if (escaped) {
            c = (uint8_t)(hex_digit(value.p[i + 1]) << 4 | hex_digit(value.p[i + 2]));
            i += 2;
        }
        buf_append_u8(out, c);
    }
}

void client_status_message(struct client_status *s, struct slice value)
{
    decode(value, &s->text);
}

void client_status_explain(struct client_status *s, struct slice value)
{
    decode(value, &s->explain);
}

bool client_status_is(const struct client_status *s, enum etcd_error e)
{
    return s->code != GRPC_OK && slice_eq(buf_slice(&s->text), slice_str(etcd_error_text(e)));
}

bool client_status_is_stale(struct slice text)
{
    static const enum etcd_error stale[] = {ETCD_INVALID_AUTH_TOKEN, ETCD_AUTH_OLD_REVISION};
    for (size_t i = 0; i < ARRAY_LEN(stale); i++) {
        struct slice end = slice_str(etcd_error_text(stale[i]));
        if (text.n >= end.n && slice_eq(slice_skip(text, text.n - end.n), end))
            return true;
    }
    return false;
}

static bool is_known(const struct client_status *s)
{
    for (int e = ETCD_OK + 1; e < ETCD_ERROR_COUNT; e++) {
        if (client_status_is(s, (enum etcd_error)e))
            return true;
    }
    return slice_eq(buf_slice(&s->text), SLICE_LIT("context deadline exceeded"));
}

void client_status_print(const struct client_status *s, struct buf *out)
{
    const char *name = grpc_code_name(s->code);
    if (!is_known(s) && name)
        buf_printf(out, "rpc error: code = %s desc = ", name);
    else if (!is_known(s))
        buf_printf(out, "rpc error: code = Code(%d) desc = ", s->code);
    buf_append_slice(out, buf_slice(&s->text));
}
