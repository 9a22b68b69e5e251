/* process - what a server asks of the process it runs in. */
#ifndef MOAT_IO_PROCESS_H
#define MOAT_IO_PROCESS_H

#include "base/buf.h"
#include "base/cc.h"
#include "base/err.h"

/* Raise the soft limit of open descriptors to the hard one. Returns the limit now in force. */
uint64_t io_raise_fd_limit(void);

/* Keep what is in memory out of swap, page by page as it comes into use. RC_PERMISSION or RC_LIMIT
 * with a sentence. */
MUST_USE enum rc io_lock_memory(struct err *err);

/* Bytes of mapped files that count as this process's memory now (VmRSS less RssAnon); 0: unknown.
 */
uint64_t io_resident_file_bytes(void);

/* Append process_* and os_fd_* as Prometheus' own clients name them (proc(5), getrusage(2)). */
void io_process_metrics(struct buf *out);

#endif
