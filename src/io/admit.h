/* admit - counts connections, in all and per source address, against limits.
 *
 * A source is an IPv4 address, an IPv6 /64 (one customer has at least that many addresses, RFC
 * 6177), or all Unix peers together. Sources are held while they have connections, so memory is
 * bounded by the connections there are. The hash is seeded: nobody can aim at one chain. */
#ifndef MOAT_IO_ADMIT_H
#define MOAT_IO_ADMIT_H

#include "base/rng.h"
#include "io/address.h"

#define ADMIT_CHAINS 1024u /* a power of two */

struct admit_source {
    struct admit_source *next;
    uint64_t key[2];
    uint32_t count;
};

struct admit {
    uint32_t total_max;      /* 0: off */
    uint32_t per_source_max; /* 0: off */
    uint32_t total;
    uint64_t seed;
    struct admit_source *chains[ADMIT_CHAINS];
};

/* What refuses a connection; a word for the log. */
enum admit_verdict { ADMIT_OK, ADMIT_TOTAL, ADMIT_PER_SOURCE };

void admit_init(struct admit *a, uint32_t total_max, uint32_t per_source_max, struct rng *rng);
/* ADMIT_OK counts the connection; *out goes to admit_leave. */
enum admit_verdict admit_enter(struct admit *a, const struct io_sockaddr *peer,
                               struct admit_source **out);
void admit_leave(struct admit *a, struct admit_source *s); /* everyone must have left at the end */

#endif
