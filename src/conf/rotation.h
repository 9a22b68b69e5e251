/* rotation - the JSON of --log-rotation-config-json, as etcd's logger (lumberjack) takes it. */
#ifndef MOAT_CONF_ROTATION_H
#define MOAT_CONF_ROTATION_H

#include "conf/conf.h"

/* RC_INVALID with etcd's sentence. */
MUST_USE enum rc conf_rotation_parse(const char *text, struct conf_rotation *out, struct err *err);

#endif
