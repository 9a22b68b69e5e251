/* random - bytes from the kernel, fit for secrets. */
#ifndef MOAT_IO_RANDOM_H
#define MOAT_IO_RANDOM_H

#include <stddef.h>

/* Fill p. Waits, at boot, until the kernel has entropy. Cannot fail: without randomness we stop. */
void io_random(void *p, size_t n);

#endif
