/* tokens - JSON Web Tokens that were verified lately: a signature is checked once, not at each
 * call.
 *
 * A token is remembered whole, with whom it names and until when. For the files of this folder. */
#ifndef MOAT_API_TOKENS_H
#define MOAT_API_TOKENS_H

#include "api/inner.h"

#define TOKENS_KEPT 1024u /* a power of two */

/* Whose is it, now? The name borrows until the next call. */
MUST_USE bool tokens_verify(struct api *a, struct slice token, struct auth_who *out);
void tokens_free(struct api *a);

#endif
