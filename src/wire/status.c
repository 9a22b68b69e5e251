#include "wire/status.h"

#include "base/cc.h"
#include "base/must.h"

#include <stddef.h>

static const struct {
    enum grpc_code code;
    const char *text;
} errors[ETCD_ERROR_COUNT] = {[ETCD_OK] = {GRPC_OK, ""},
#define ROW(name, code, text) [ETCD_##name] = {GRPC_##code, text},
                              ETCD_ERROR_TABLE(ROW)
#undef ROW
};

enum grpc_code etcd_error_code(enum etcd_error e)
{
    must((unsigned)e < ETCD_ERROR_COUNT);
    return errors[e].code;
}

const char *etcd_error_text(enum etcd_error e)
{
    must((unsigned)e < ETCD_ERROR_COUNT);
    return errors[e].text;
}

const char *grpc_code_name(enum grpc_code code)
{
    static const char *const names[] = {
        [GRPC_OK] = "OK",
        [GRPC_CANCELED] = "Canceled",
        [GRPC_UNKNOWN] = "Unknown",
        [GRPC_INVALID_ARGUMENT] = "InvalidArgument",
        [GRPC_DEADLINE_EXCEEDED] = "DeadlineExceeded",
        [GRPC_NOT_FOUND] = "NotFound",
        [GRPC_ALREADY_EXISTS] = "AlreadyExists",
        [GRPC_PERMISSION_DENIED] = "PermissionDenied",
        [GRPC_RESOURCE_EXHAUSTED] = "ResourceExhausted",
        [GRPC_FAILED_PRECONDITION] = "FailedPrecondition",
        [GRPC_ABORTED] = "Aborted",
        [GRPC_OUT_OF_RANGE] = "OutOfRange",
        [GRPC_UNIMPLEMENTED] = "Unimplemented",
        [GRPC_INTERNAL] = "Internal",
        [GRPC_UNAVAILABLE] = "Unavailable",
        [GRPC_DATA_LOSS] = "DataLoss",
        [GRPC_UNAUTHENTICATED] = "Unauthenticated",
    };
    return (unsigned)code < ARRAY_LEN(names) ? names[code] : NULL;
}
