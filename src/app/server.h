/* server - `moat server`: everything put together, from configuration to a clean stop. */
#ifndef MOAT_APP_SERVER_H
#define MOAT_APP_SERVER_H

#include "base/err.h"
#include "conf/conf.h"

/* Run until SIGINT or SIGTERM (RC_OK), or until something makes going on impossible; err then has
 * the sentence. `talk`: say on standard output where the data is, what serves, and what to try. */
MUST_USE enum rc server_run(const struct conf *conf, bool talk, struct err *err);

#endif
