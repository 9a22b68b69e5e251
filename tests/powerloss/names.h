/* names - which file each path names. */
#ifndef TEST_POWERLOSS_NAMES_H
#define TEST_POWERLOSS_NAMES_H

#include <stddef.h>

struct node; /* whose it is, is the caller's affair */

struct names {
    struct name {
        char *path;
        struct node *node;
    } * v; /* in no order */
    size_t n;
};

struct name *names_find(const struct names *t, const char *path);     /* NULL: none */
void names_put(struct names *t, const char *path, struct node *node); /* replaces */
void names_remove(struct names *t, const char *path);                 /* if it is there */
void names_fini(struct names *t);

#endif
