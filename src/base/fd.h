/* fd - what read(2) and write(2) leave to their caller. */
#ifndef MOAT_BASE_FD_H
#define MOAT_BASE_FD_H

#include "base/cc.h"
#include "base/rc.h"
#include "base/slice.h"

/* Write all of it to a descriptor that blocks. If not RC_OK, a part may be written, and errno says
 * why not the rest. */
MUST_USE enum rc fd_write_all(int fd, struct slice s);

#endif
