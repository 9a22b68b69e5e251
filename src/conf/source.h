/* source - where values come from: the command line, ETCD_* variables, a YAML file.
 *
 * Each reader puts checked texts into one array, a place for each row of the table; what they mean
 * together is judged afterwards (conf/resolve.h). */
#ifndef MOAT_CONF_SOURCE_H
#define MOAT_CONF_SOURCE_H

#include "conf/conf.h"
#include "conf/table.h"

#define CONF_FILE_BYTES_MAX (1 << 20)
#define CONF_FILE_KEYS_MAX  10000 /* visited, so that aliases cannot multiply without end */

enum conf_origin { CONF_FROM_DEFAULT, CONF_FROM_FLAG, CONF_FROM_ENV, CONF_FROM_FILE };

struct conf_value {
    enum conf_origin origin;
    char *text;  /* NULL unless given */
    char *where; /* begins a sentence: "flag --name", "variable ETCD_NAME", "FILE:3: key name" */
};

struct conf_values {
    struct conf_value v[CONF_FLAGS_MAX]; /* by row of conf_flags */
    struct conf_notes notes;
};

void conf_values_fini(struct conf_values *values);

/* Takes over where. A value given before is replaced. */
void conf_values_set(struct conf_values *values, const struct conf_flag *flag,
                     enum conf_origin origin, const char *text, char *where);

struct conf_value *conf_values_at(struct conf_values *values, const struct conf_flag *flag);

/* The value of the row with this name: as given, or NULL. */
const struct conf_value *conf_values_given(const struct conf_values *values, const char *name);
const char *conf_values_text(const struct conf_values *values,
                             const char *name); /* or its default */

void conf_note(struct conf_notes *notes, enum log_level level, const char *fmt, ...) PRINTF(3, 4);
void conf_notes_fini(struct conf_notes *notes);

/* Read the command line. RC_MALFORMED as Go's flag package refuses it. *help is set at the first
 * --help, which ends the reading. */
MUST_USE enum rc conf_read_args(int argc, char *const *argv, struct conf_values *values, bool *help,
                                struct err *err);

/* Read ETCD_* variables into what the command line left open. */
MUST_USE enum rc conf_read_env(char *const *envp, struct conf_values *values, struct err *err);

/* The value of ETCD_CONFIG_FILE, or "". */
const char *conf_env_config_file(char *const *envp);

/* Read a YAML file, or its bytes as those of path. */
MUST_USE enum rc conf_read_file(const char *path, struct conf_values *values, struct err *err);
MUST_USE enum rc conf_read_yaml(const char *path, struct slice bytes, struct conf_values *values,
                                struct err *err);

#endif
