/* canonical - answers without what differs by nature, to compare the rest.
 *
 * IDs, terms, addresses, sizes and tokens are each server's own: of them, only whether they are
 * there. What etcd gives in no order is sorted. */
#ifndef TEST_DIFFERENTIAL_CANONICAL_H
#define TEST_DIFFERENTIAL_CANONICAL_H

#include "client.h"
#include "program.h"

enum masking {
    MASK_NOTHING,
    MASK_NATURE,
    MASK_VERSIONS, /* and what 3.4 has otherwise than 3.7 */
    MASK_HASH      /* and what HashKV is all about */
};

/* Decoded, masked, encoded. False when it cannot be decoded. */
bool answer_canonical(const struct step *s, const struct answer *a, enum masking masking,
                      struct buf *out);
bool answers_same(const struct step *s, const struct answer *moat, const struct answer *etcd,
                  enum masking masking);

/* Of any decoded response: its first field. */
struct pb_response_header *response_header(const struct step *s, const void *response);

#endif
