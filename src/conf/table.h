/* table - every flag that etcd 3.4 to 3.7 takes, and what it does here.
 *
 * One row gives the flag, the variable (ETCD_ and the name in capitals), the key in the YAML file,
 * the help and the default. Names of one thing from different etcd versions are aliases of one row.
 * Rows stand by group, then by name. */
#ifndef MOAT_CONF_TABLE_H
#define MOAT_CONF_TABLE_H

#include "base/slice.h"

#define CONF_FLAGS_MAX   160 /* rows; values are arrays of this size */
#define CONF_ENV_PREFIX  "ETCD_"
#define CONF_ENV_KEY_MAX 96 /* bytes of a variable's name, terminating zero included */

enum conf_type {
    CONF_BOOL,     /* bool */
    CONF_CHOICE,   /* an enum whose values count through choices */
    CONF_DURATION, /* int64_t, nanoseconds */
    CONF_GATES,    /* struct conf_gates */
    CONF_INT,      /* int64_t */
    CONF_STRING,   /* char * */
    CONF_STRINGS,  /* struct conf_strings */
    CONF_UINT,     /* uint64_t */
    CONF_UINT32,   /* uint32_t */
    CONF_URLS,     /* struct conf_urls */
};

enum conf_state {
    CONF_WORKS,
    CONF_NO_EFFECT, /* taken, and why says why it changes nothing */
    CONF_LATER,     /* only what happens anyway may be asked for; why says what is missing */
    CONF_COMMAND,   /* --config-file, --help, --version */
};

enum conf_group {
    CONF_MEMBER,
    CONF_CLUSTER,
    CONF_SECURITY,
    CONF_AUTH,
    CONF_MONITOR,
    CONF_LOGGING,
    CONF_TRACING,
    CONF_FEATURES,
    CONF_V2,
    CONF_UNSAFE,
    CONF_GROUP_COUNT
};

#define CONF_NO_FIELD SIZE_MAX

struct conf_flag {
    const char *name;
    enum conf_group group;
    enum conf_type type;
    enum conf_state state;
    const char *initial; /* the default, as text */
    size_t field;        /* offset in struct conf, or CONF_NO_FIELD */
    const char *help;
    const char *why;     /* CONF_NO_EFFECT, CONF_LATER */
    const char *yaml;    /* dotted path in the file; NULL: the name; "": not read from the file */
    const char *choices; /* CONF_CHOICE: "a|b" */
    const char *bad;     /* how etcd begins when it refuses a choice after reading all flags */
    const char *since;   /* first etcd version of 3.4 … 3.7 that has it; "3.3" if gone by then;
                          * "moat": our own */
    bool secret;         /* its value stays out of the log */
};

/* Another name of a flag. */
struct conf_alias {
    const char *name;
    const char *now;
    const char *versions; /* of etcd */
};

/* The rows, conf_flag_count of them. */
extern const struct conf_flag conf_flags[];
extern const size_t conf_flag_count;
extern const struct conf_alias conf_aliases[];
extern const size_t conf_alias_count;

const char *conf_group_title(enum conf_group group);

/* The row of a flag's name or alias (without dashes), of a variable, or of a key's dotted path in
 * the YAML file; NULL if there is none. YAML keys match without regard to case, as in etcd. */
const struct conf_flag *conf_flag_find(struct slice name);
const struct conf_flag *conf_flag_find_env(struct slice key);
const struct conf_flag *conf_flag_find_yaml(const char *path);

/* Whether some key of the YAML file lies below path. */
bool conf_yaml_is_section(const char *path);

/* Flags of etcd 2 that etcd still takes and ignores. */
bool conf_flag_is_obsolete(struct slice name);

/* The known flag that a misspelled name is nearest to, or NULL. */
const char *conf_flag_near(struct slice name);

/* Write the name of a flag's variable. */
void conf_env_key(const char *name, char out[CONF_ENV_KEY_MAX]);

#endif
