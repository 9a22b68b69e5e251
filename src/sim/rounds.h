/* rounds - read rounds among several voters, with elections and answers that come late.
 *
 * Every member may believe it leads; one does. A write commits where a majority is of the leader's
 * term. What must hold: a read that is confirmed sees every write committed anywhere before it was
 * asked for. The raft around it is only as much as that needs: terms, and who has adopted them. */
#ifndef MOAT_SIM_ROUNDS_H
#define MOAT_SIM_ROUNDS_H

#include <stdbool.h>
#include <stdint.h>

struct rounds_result {
    bool failed;
    uint64_t reads; /* confirmed */
    uint64_t refused;
    uint64_t elections;
    uint64_t trace;
};

void rounds_run(uint64_t seed, uint64_t steps, struct rounds_result *out);

#endif
