/* flags - options by the rules of etcdctl's (spf13/pflag).
 *
 * --name value, --name=value, -n value, -nvalue, -n=value; a bool takes its value only behind "=";
 * options and arguments may be mixed, and "--" ends the options. */
#ifndef MOAT_CTL_FLAGS_H
#define MOAT_CTL_FLAGS_H

#include "base/buf.h"
#include "base/err.h"

#define FLAGS_MAX 48 /* options that one command knows, global ones included */

enum flag_type { FLAG_BOOL, FLAG_STRING, FLAG_STRINGS, FLAG_INT, FLAG_UINT, FLAG_DURATION };

struct flag {
    const char *name;
    enum flag_type type;
    const char *initial; /* as text; NULL: false, 0, "" or none */
    const char *help;
    char letter; /* 0: none */
};

/* What an option has been set to. */
struct flag_value {
    const struct flag *flag;
    bool changed;
    bool boolean;
    int64_t number; /* FLAG_INT; FLAG_DURATION in ns */
    uint64_t unsigned_number;
    struct buf text; /* FLAG_STRING, with a zero behind it */
    char **list;     /* FLAG_STRINGS */
    size_t list_n;
};

struct flag_values {
    struct flag_value v[FLAGS_MAX];
    size_t n;
};

/* The words that are no options, in order. */
struct flag_args {
    char **v; /* point into argv */
    size_t n;
    size_t dash; /* how many stood before "--"; n when there was none */
    bool has_dash;
};

/* Add options, each with its initial value. */
void flag_values_add(struct flag_values *values, const struct flag *flags, size_t n);
void flag_values_fini(struct flag_values *values);

MUST_USE enum rc flag_values_parse(struct flag_values *values, int argc, char **argv,
                                   struct flag_args *args, struct err *err);
void flag_args_fini(struct flag_args *args);

/* Set one from a text, as the command line does. err has only the reason. */
MUST_USE enum rc flag_value_set(struct flag_value *v, const char *text, struct err *err);

struct flag_value *flag_find(struct flag_values *values, struct slice name); /* or NULL */
struct flag_value *flag_find_letter(struct flag_values *values, char letter);

/* The value of an option that the command has. */
bool flag_bool(const struct flag_values *values, const char *name);
int64_t flag_int(const struct flag_values *values, const char *name);
int64_t flag_duration(const struct flag_values *values, const char *name); /* ns */
uint64_t flag_uint(const struct flag_values *values, const char *name);
const char *flag_string(const struct flag_values *values, const char *name);
bool flag_changed(const struct flag_values *values, const char *name);

/* The lines about the options of a set that have a help text, by name, two columns. */
void flags_usage(const struct flag_values *values, struct buf *out);

#endif
