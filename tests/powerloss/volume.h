/* volume - what a disk holds for certain, and what it may hold beyond that.
 *
 * Effects of a trace go in; a loss of power makes of it another volume, in which everything is
 * certain: what was synced, and of the rest a part that the rng chooses. Assumed of the disk, as
 * little as can be:
 *
 * - Blocks of 4 KiB are written back in any order, each in any state that it has had since the last
 *   sync of its file; now and then torn at sectors of 512 bytes. A sector is whole or not at all.
 * - The size is written back apart from the contents. What lies beyond it is gone; what was not
 *   written reads as zeros.
 * - A name is durable once its directory was synced, and not when its file was. Names that were not
 *   synced come and go independently, but in order where they concern the same name or file. */
#ifndef TEST_POWERLOSS_VOLUME_H
#define TEST_POWERLOSS_VOLUME_H

#include "base/rng.h"
#include "trace.h"

struct volume;

struct volume *volume_new(void); /* an empty directory */
void volume_free(struct volume *v);

/* Take an effect in. Marks are none, and are passed over. */
void volume_apply(struct volume *v, const struct trace_record *r, const uint8_t *payload);

/* Leaves v alone. */
struct volume *volume_lose_power(const struct volume *v, struct rng *rng);

/* Write the latest state into a directory that exists and is empty. From then on v knows its files
 * by their numbers there, so that a trace made there can go on from v. */
void volume_write(struct volume *v, const char *dir);

/* Is the latest state what the directory holds? If not, say so on stderr: the trace has missed
 * something. Files named in the trace are compared; it cannot see others. */
bool volume_matches(const struct volume *v, const char *dir);

#endif
