#include "store/impl.h"

#include <errno.h>

enum rc store_rc(int code)
{
    switch (code) {
    case MDB_SUCCESS:
        return RC_OK;
    case MDB_NOTFOUND:
        return RC_NOT_FOUND;
    case MDB_KEYEXIST:
        return RC_EXISTS;
    case MDB_MAP_FULL:
        return RC_NO_SPACE;
    case MDB_VERSION_MISMATCH:
        return RC_VERSION;
    case MDB_INVALID:
    case MDB_INCOMPATIBLE:
        return RC_FOREIGN;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_CURSOR_FULL: /* a tree deeper than any can be */
    case MDB_PAGE_FULL:
        return RC_CORRUPT;
    case MDB_PANIC: /* an earlier write of a header page failed */
        return RC_IO;
    case MDB_DBS_FULL:
    case MDB_READERS_FULL:
    case MDB_TLS_FULL:
    case MDB_TXN_FULL:
    case MDB_MAP_RESIZED:
    case ENOMEM: /* of address space: memory that we ask for ourselves does not fail */
        return RC_LIMIT;
    case MDB_BAD_RSLOT:
    case MDB_BAD_TXN:
    case MDB_BAD_VALSIZE:
    case MDB_BAD_DBI:
        return RC_INVALID;
    default:
        return code > 0 ? rc_of_errno(code) : RC_IO;
    }
}
