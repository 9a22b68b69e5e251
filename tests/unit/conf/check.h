/* check - loading a configuration in a test: from words, and from a file's text. */
#ifndef MOAT_TESTS_CONF_CHECK_H
#define MOAT_TESTS_CONF_CHECK_H

#include "conf/conf.h"

#define CHECK_WORDS_MAX 32

struct check {
    enum rc rc;
    enum conf_action action;
    struct conf conf;
    struct err err;
};

/* Load flags (split at blanks; "" for none) and variables (NULL for none). */
void check_load(struct check *check, const char *flags, char *const *envp);

/* Load a file with this text, by --config-file and further flags. Its name is check_file_name. */
void check_load_file(struct check *check, const char *text, const char *more_flags);
extern const char check_file_name[];

void check_fini(struct check *check);

/* The load must have succeeded; says why if it did not. */
void check_ok(const struct check *check);

/* The load must have failed with this code and sentence. */
void check_fails(const struct check *check, enum rc rc, const char *sentence);

/* Load, expect the failure, release. */
void check_refused(const char *flags, enum rc rc, const char *sentence);

/* Whether a note has this text, in full. */
bool check_noted(const struct conf *conf, enum log_level level, const char *text);

#endif
