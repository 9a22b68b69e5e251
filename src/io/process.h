/* process - what a server asks of the process it runs in. */
#ifndef MOAT_IO_PROCESS_H
#define MOAT_IO_PROCESS_H

#include <stdint.h>

/* Raise the soft limit of open descriptors to the hard one. Returns the limit now in force. */
uint64_t io_raise_fd_limit(void);

#endif
