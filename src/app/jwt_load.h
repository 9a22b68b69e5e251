/* jwt_load - the keys of --auth-token=jwt,… from their files. */
#ifndef MOAT_APP_JWT_LOAD_H
#define MOAT_APP_JWT_LOAD_H

#include "conf/conf.h"
#include "pki/jwt.h"

#define JWT_KEY_FILE_MAX (64u << 10) /* bytes */

/* out stays NULL when tokens are simple ones. */
MUST_USE enum rc jwt_load(const struct conf_jwt *conf, struct jwt **out, struct err *err);

#endif
