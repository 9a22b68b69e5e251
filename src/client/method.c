#include "client/method.h"

#include "base/must.h"

const struct client_method_info *client_method_info(enum client_method m)
{
    static const struct client_method_info methods[] = {
#define ROW(name, path, request, response, repeat)                                                 \
    [CLIENT_##name] = {"/" path, &wire_##request, &wire_##response, repeat},
        CLIENT_METHODS(ROW)
#undef ROW
    };
    must((unsigned)m < CLIENT_METHOD_COUNT);
    return &methods[m];
}
