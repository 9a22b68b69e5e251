/* clock - the machine's, as struct clock. */
#ifndef MOAT_IO_CLOCK_H
#define MOAT_IO_CLOCK_H

#include "env/env.h"

void io_clock_init(struct clock *c);

#endif
