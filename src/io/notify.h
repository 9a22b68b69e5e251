/* notify - tell the service manager how far the server is, as etcd does: systemd's Type=notify. */
#ifndef MOAT_IO_NOTIFY_H
#define MOAT_IO_NOTIFY_H

#include "base/cc.h"
#include "base/rc.h"

#define IO_NOTIFY_READY    "READY=1"
#define IO_NOTIFY_STOPPING "STOPPING=1"

/* Send it to where $NOTIFY_SOCKET points (sd_notify(3)); RC_OK when that is not set: nobody waits.
 */
MUST_USE enum rc io_notify(const char *state);

#endif
