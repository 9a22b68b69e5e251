/* image - what is on a simulated disk, twice: as the processes see it, and as it is durable.
 *
 * Names and contents only; effects, errors and the calls of env/disk.h are in sim/disk.c. */
#ifndef MOAT_SIM_IMAGE_H
#define MOAT_SIM_IMAGE_H

#include "base/buf.h"
#include "base/rng.h"

/* A file or directory. It lives until the image is freed: names come and go. */
struct node {
    struct node *next;
    bool dir;
    struct buf seen;    /* as the processes see it */
    struct buf durable; /* as the disk has it */
    uint8_t *dirty;     /* one byte for each block: seen may differ from durable */
    size_t dirty_n;
    const void *locked_by;
    uint64_t kept_changes; /* at a crash: how many more of its name changes survive */
};

struct image {
    struct node *nodes;
    struct entry *entries;
    size_t entry_n;
    struct change *changes; /* of names, that no sync of their directory has covered yet */
    size_t change_n;
};

/* Empty, with the directories "/" and "." in it. */
void image_init(struct image *im);
void image_fini(struct image *im);

/* Names. Paths are compared as they are. */
struct node *image_find(const struct image *im, const char *path); /* NULL: not there */
bool image_parent_exists(const struct image *im, const char *path);
struct node *image_add(struct image *im, const char *path, bool dir);
void image_rename(struct image *im, const char *from, const char *to); /* to NULL: unlink */
void image_sync_dir(struct image *im, const char *dir);
void image_list(const struct image *im, const char *dir, void (*fn)(void *arg, const char *name),
                void *arg);
uint64_t image_bytes(const struct image *im); /* of all files that have a name */

/* Create or replace a file, durable with its name at once. */
struct node *image_put(struct image *im, const char *path, struct slice content);

/* Contents. */
void node_resize(struct node *n, size_t bytes);
void node_write(struct node *n, uint64_t at, struct slice s); /* within the size */
void node_poke(struct node *n, uint64_t at, struct slice s);  /* as node_write, durable at once */
void node_sync(struct node *n);
void node_forget_dirty(struct node *n); /* as after a failed sync */

/* A kernel writes a block back when it likes. */
void image_write_back_some(struct image *im, struct rng *rng);

/* Power is lost: keep what is durable and, at random, some of what is not. */
void image_crash(struct image *im, struct rng *rng);

#endif
