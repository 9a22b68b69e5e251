/* sites - the places in the program that sync, found by the call stacks in a trace.
 *
 * A site's name is its innermost functions, generic ones left out: "append < segments_write". */
#ifndef TEST_POWERLOSS_SITES_H
#define TEST_POWERLOSS_SITES_H

#include "tracefile.h"

#include <stdbool.h>

struct sites {
    struct site {
        char *name;
        size_t syncs; /* in the trace */
    } * v;
    size_t n;
    struct site_stack {
        const char *text; /* in the trace */
        uint32_t kind;
        int site;
    } * stacks; /* all that occur */
    size_t stack_n;
};

/* Asks addr2line about program. */
void sites_init(struct sites *s, const struct tracefile *t, const char *program);
void sites_fini(struct sites *s);

/* The index of the record's site; -1: it is no sync, or by a stack that the trace did not have. */
int sites_find(const struct sites *s, const struct tracefile_record *r);

#endif
