/* args - the command line and the environment, by the rules of Go's flag package and etcd's
 * pkg/flags. */
#include "base/mem.h"
#include "conf/quote.h"
#include "conf/source.h"
#include "conf/value.h"

#include <stdlib.h>

/* One argument, split: -name, --name, --name=value. */
struct arg {
    struct slice name;
    const char *value; /* NULL: none behind "=" */
};

static enum rc arg_split(const char *text, struct arg *out, struct err *err)
{
    const char *name = text + 1 + (text[1] == '-');
    if (*name == '\0' || *name == '-' || *name == '=')
        return err_set(err, RC_MALFORMED, "bad flag syntax: %s", text);
    const char *equals = strchr(name, '=');
    out->name = equals ? slice_of(name, (size_t)(equals - name)) : slice_str(name);
    out->value = equals ? equals + 1 : NULL;
    return RC_OK;
}

static enum rc unknown_flag(struct slice name, struct err *err)
{
    const char *near = conf_flag_near(name);
    const char *text = (const char *)name.p;
    if (near)
        return err_set(err, RC_MALFORMED,
                       "flag provided but not defined: -%.*s (the nearest flag is --%s)",
                       (int)name.n, text, near);
    return err_set(err, RC_MALFORMED, "flag provided but not defined: -%.*s", (int)name.n, text);
}

static enum rc set_flag(const struct conf_flag *flag, struct slice name, const char *text,
                        struct conf_values *values, struct err *err)
{
    struct err why = {0};
    char quoted[CONF_QUOTED_MAX];
    if (conf_value_check(flag, text, &why) != RC_OK) {
        const char *form = flag->type == CONF_BOOL ? "boolean value" : "value";
        return err_set(err, RC_MALFORMED, "invalid %s %s for %s-%.*s: %s", form,
                       conf_quote(slice_str(text), quoted), flag->type == CONF_BOOL ? "" : "flag ",
                       (int)name.n, (const char *)name.p, why.text);
    }
    conf_values_set(values, flag, CONF_FROM_FLAG, text,
                    mem_printf("flag --%.*s", (int)name.n, (const char *)name.p));
    return RC_OK;
}

/* What is no flag is none of ours; etcd has two further programs under these names. */
static enum rc refuse_word(const char *word, struct err *err)
{
    if (strcmp(word, "gateway") == 0 || strcmp(word, "grpc-proxy") == 0)
        return err_set(err, RC_UNSUPPORTED,
                       "etcd's %s does not work in this version of moat yet: let clients name the "
                       "endpoints themselves, or put a TCP proxy before them",
                       word);
    return err_set(err, RC_INVALID, "'%s' is not a valid flag", word);
}

enum rc conf_read_args(int argc, char *const *argv, struct conf_values *values, bool *help,
                       struct err *err)
{
    int i = 0;
    while (i < argc && argv[i][0] == '-' && argv[i][1] != '\0') {
        struct arg arg = {0};
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        enum rc rc = arg_split(argv[i++], &arg, err);
        if (rc != RC_OK)
            return rc;
        if (slice_eq(arg.name, SLICE_LIT("help")) || slice_eq(arg.name, SLICE_LIT("h"))) {
            *help = true;
            return RC_OK;
        }
        if (conf_flag_is_obsolete(arg.name)) {
            conf_note(&values->notes, LOG_WARN, "flag \"-%.*s\" is no longer supported - ignoring.",
                      (int)arg.name.n, (const char *)arg.name.p);
            continue;
        }
        const struct conf_flag *flag = conf_flag_find(arg.name);
        if (!flag)
            return unknown_flag(arg.name, err);
        if (!arg.value && flag->type == CONF_BOOL)
            arg.value = "true";
        if (!arg.value && i == argc)
            return err_set(err, RC_MALFORMED, "flag needs an argument: -%.*s", (int)arg.name.n,
                           (const char *)arg.name.p);
        rc = set_flag(flag, arg.name, arg.value ? arg.value : argv[i++], values, err);
        if (rc != RC_OK)
            return rc;
    }
    return i < argc ? refuse_word(argv[i], err) : RC_OK;
}

/* One KEY=VALUE of the environment that begins with ETCD_. */
struct variable {
    struct slice key;
    const char *value;
    const struct conf_flag *flag; /* NULL: none of ours */
};

static bool variable_parse(const char *entry, struct variable *out)
{
    const char *equals = strchr(entry, '=');
    if (!equals || strncmp(entry, CONF_ENV_PREFIX, sizeof(CONF_ENV_PREFIX) - 1) != 0)
        return false;
    out->key = slice_of(entry, (size_t)(equals - entry));
    out->value = equals + 1;
    out->flag = conf_flag_find_env(out->key);
    return true;
}

/* A conflict comes before anything else that may be wrong with the environment. Even an empty
 * variable conflicts. */
static enum rc check_conflicts(char *const *envp, struct conf_values *values, struct err *err)
{
    struct variable var;
    for (; *envp; envp++) {
        if (!variable_parse(*envp, &var) || !var.flag ||
            conf_values_at(values, var.flag)->origin != CONF_FROM_FLAG)
            continue;
        return err_set(err, RC_INVALID,
                       "conflicting environment variable \"%.*s\" is shadowed by corresponding "
                       "command-line flag (either unset environment variable or disable flag)",
                       (int)var.key.n, (const char *)var.key.p);
    }
    return RC_OK;
}

static enum rc set_variable(const struct variable *var, struct conf_values *values, struct err *err)
{
    struct err why = {0};
    char quoted[CONF_QUOTED_MAX];
    const char *key = (const char *)var->key.p;
    /* etcd prints the value too; but what is not ours may be a password. */
    if (!var->flag || *var->value == '\0') {
        conf_note(&values->notes, LOG_WARN, "unrecognized environment variable %.*s%s",
                  (int)var->key.n, key, var->flag ? "=" : "");
        return RC_OK;
    }
    if (var->flag->state == CONF_COMMAND) {
        conf_note(&values->notes, LOG_WARN, "cannot set special environment variable %.*s",
                  (int)var->key.n, key);
        return RC_OK;
    }
    if (conf_value_check(var->flag, var->value, &why) != RC_OK)
        return err_set(err, RC_INVALID, "invalid value %s for %.*s: %s",
                       conf_quote(slice_str(var->value), quoted), (int)var->key.n, key, why.text);
    conf_values_set(values, var->flag, CONF_FROM_ENV, var->value,
                    mem_printf("variable %.*s", (int)var->key.n, key));
    conf_note(&values->notes, LOG_INFO, "recognized and used environment variable %.*s=%s",
              (int)var->key.n, key, var->flag->secret ? "…" : var->value);
    return RC_OK;
}

enum rc conf_read_env(char *const *envp, struct conf_values *values, struct err *err)
{
    struct variable var;
    enum rc rc = check_conflicts(envp, values, err);
    for (; rc == RC_OK && *envp; envp++) {
        if (variable_parse(*envp, &var))
            rc = set_variable(&var, values, err);
    }
    return rc;
}

const char *conf_env_config_file(char *const *envp)
{
    static const char key[] = CONF_ENV_PREFIX "CONFIG_FILE=";
    for (; *envp; envp++) {
        if (strncmp(*envp, key, sizeof(key) - 1) == 0)
            return *envp + sizeof(key) - 1;
    }
    return "";
}
