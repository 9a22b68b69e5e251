/* auth_token - the text of --auth-token, taken apart: KIND,NAME=VALUE,… (etcd's auth/options.go).
 */
#ifndef MOAT_CONF_AUTH_TOKEN_H
#define MOAT_CONF_AUTH_TOKEN_H

#include "conf/conf.h"

#define CONF_JWT_TTL_S 300 /* etcd's, when ttl= is not given */

/* "simple" leaves out empty. Options of JWT that nobody knows are noted. RC_INVALID. */
MUST_USE enum rc conf_auth_token_parse(const char *text, struct conf_notes *notes,
                                       struct conf_jwt *out, struct err *err);
void conf_jwt_fini(struct conf_jwt *jwt);

#endif
