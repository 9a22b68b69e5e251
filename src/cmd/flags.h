/* flags - a command line with flags in any place, as cobra reads it: --name value, --name=value,
 * -n value; "--" ends them. */
#ifndef MOAT_CMD_FLAGS_H
#define MOAT_CMD_FLAGS_H

#include "base/cc.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define FLAGS_WORDS_MAX 64

struct flag {
    const char *name;  /* without dashes */
    char letter;       /* 0: none */
    const char **text; /* takes a value; else … */
    bool *set;         /* … it stands for itself (or =true, =false) */
};

struct flags {
    const struct flag *known;
    size_t known_n;
    bool pass_on; /* flags that are not known are words, as they stand; else they are an error */
    char *words[FLAGS_WORDS_MAX]; /* what is no flag, in order; [n] is NULL */
    int n;
};

/* RC_MALFORMED, with cobra's sentence. */
MUST_USE enum rc flags_parse(struct flags *f, int argc, char *const *argv, struct err *err);

#endif
