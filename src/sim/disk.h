/* disk - a simulated disk: files in memory that remember what would survive a loss of power.
 *
 * Each file has two images, what the processes see and what is durable. A write changes the first;
 * a sync copies it to the second. At a crash each 4-KiB block that differs is lost, kept, or torn
 * at 512-byte sectors, at the whim of the rng; so is each change of names whose directory was not
 * synced (the changes that concern one file are lost from some point on, not in between), and each
 * change of size. Now and then a block is written back early, as a kernel does.
 *
 * Every call that changes something is an effect, and counted: a crash, an error or a lack of space
 * can be had at any of them. A run is repeatable from the rng's seed. */
#ifndef MOAT_SIM_DISK_H
#define MOAT_SIM_DISK_H

#include "base/rng.h"
#include "env/disk.h"

struct sim_disk;

/* Empty, with the directories "/" and "." in it. rng is borrowed. */
struct sim_disk *sim_disk_new(struct rng *rng);
void sim_disk_free(struct sim_disk *d); /* open files are closed first, by their owners */

struct disk *sim_disk_env(struct sim_disk *d);

uint64_t sim_disk_effects(const struct sim_disk *d); /* so far */

/* Lose power after this many effects in total: everything from then on gives RC_IO and changes
 * nothing. UINT64_MAX: never. */
void sim_disk_die_at(struct sim_disk *d, uint64_t effects);
bool sim_disk_dead(const struct sim_disk *d);

/* Let the nth effect (the first is 1) fail. A failed sync drops what it should have
 * made durable: a later one succeeds and proves nothing. */
void sim_disk_fail_at(struct sim_disk *d, uint64_t nth, enum rc rc);

/* What all files together may take; UINT64_MAX: no limit. Growing beyond is RC_NO_SPACE. */
void sim_disk_set_capacity(struct sim_disk *d, uint64_t bytes);
uint64_t sim_disk_used(const struct sim_disk *d);

/* Let this many syncs in a million report success and do nothing. */
void sim_disk_lie(struct sim_disk *d, uint64_t per_million);

/* Power is lost, and comes back: what the processes see is now what was durable, plus what
 * happened to get there. Files that are open stay so, but every call on them gives RC_IO; locks
 * are gone. */
void sim_disk_crash(struct sim_disk *d, struct rng *rng);

/* The process ended, the machine did not: as crash, but nothing is lost. */
void sim_disk_restart(struct sim_disk *d);

/* A file as the processes see it, for tests that look or do damage: NULL when it does not exist.
 * Damage is durable at once. */
struct slice sim_disk_peek(struct sim_disk *d, const char *path);
bool sim_disk_poke(struct sim_disk *d, const char *path, uint64_t at, struct slice bytes);

/* Create or replace a file with this content, durably. Its directory must exist. */
void sim_disk_put(struct sim_disk *d, const char *path, struct slice content);

#endif
