/* mem - allocation that does not fail.
 *
 * Sizes from outside meet a named limit first; after that, running out of memory ends the process
 * (docs/STYLE.md, Memory). Release with free(). */
#ifndef MOAT_BASE_MEM_H
#define MOAT_BASE_MEM_H

#include "base/cc.h"

#include <stddef.h>

MUST_USE void *mem_alloc(size_t n);                   /* not zeroed */
MUST_USE void *mem_zalloc(size_t n);                  /* zeroed */
MUST_USE void *mem_calloc(size_t count, size_t size); /* zeroed; aborts on overflow */
MUST_USE void *mem_realloc(void *p, size_t n);
MUST_USE char *mem_strdup(const char *s);
MUST_USE char *mem_printf(const char *fmt, ...) PRINTF(1, 2);

/* For AUTO(): free the pointer that the variable at p holds. */
void mem_free_at(void *p);

#endif
