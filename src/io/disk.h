/* disk - files of the operating system, as struct disk (env/disk.h).
 *
 * New files have mode 0600, new directories 0700; descriptors are not inherited by children.
 * Stateless: any thread may use it, and so may commands that have no loop. */
#ifndef MOAT_IO_DISK_H
#define MOAT_IO_DISK_H

#include "env/disk.h"

void io_disk_init(struct disk *d);

#endif
