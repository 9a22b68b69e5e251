/* import - what `moat import` and `etcdutl snapshot restore` share. */
#ifndef MOAT_CMD_IMPORT_H
#define MOAT_CMD_IMPORT_H

#include "app/restore.h"

/* Restore into the data directory that the server's flags name (argv[0 … argc)). Says on the
 * terminal how far it is. */
MUST_USE enum rc import_with_flags(int argc, char *const *argv, struct restore_options *opt,
                                   struct import_result *out, struct err *err);

/* Bump and mark, as etcdutl has them: both or neither. */
MUST_USE enum rc import_bump(const char *bump, bool mark, struct restore_options *opt,
                             struct err *err);

#endif
