#include "cmd/flags.h"

#include <string.h>

static enum rc add_word(struct flags *f, char *word, struct err *err)
{
    if (f->n >= FLAGS_WORDS_MAX - 1)
        return err_set(err, RC_MALFORMED, "more than %d arguments", FLAGS_WORDS_MAX - 1);
    f->words[f->n++] = word;
    return RC_OK;
}

/* The flag that the word names; *value is behind its '=', or NULL. */
static const struct flag *find(const struct flags *f, const char *word, const char **value)
{
    const char *name = word + (word[1] == '-' ? 2 : 1);
    size_t n = strcspn(name, "=");
    *value = name[n] == '=' ? name + n + 1 : NULL;
    for (size_t i = 0; i < f->known_n; i++) {
        const struct flag *flag = &f->known[i];
        if (word[1] == '-' && strlen(flag->name) == n && strncmp(flag->name, name, n) == 0)
            return flag;
        if (word[1] != '-' && flag->letter && name[0] == flag->letter && n == 1)
            return flag;
    }
    return NULL;
}

static enum rc set_flag(const struct flag *flag, const char *value, struct err *err)
{
    if (flag->text) {
        *flag->text = value;
        return RC_OK;
    }
    *flag->set = !value || strcmp(value, "true") == 0;
    if (value && !*flag->set && strcmp(value, "false") != 0)
        return err_set(err, RC_MALFORMED, "invalid argument \"%s\" for \"--%s\" flag", value,
                       flag->name);
    return RC_OK;
}

enum rc flags_parse(struct flags *f, int argc, char *const *argv, struct err *err)
{
    enum rc rc = RC_OK;
    bool ended = false;
    for (int i = 0; i < argc && rc == RC_OK; i++) {
        char *word = argv[i];
        if (ended || word[0] != '-' || word[1] == '\0') {
            rc = add_word(f, word, err);
            continue;
        }
        if (strcmp(word, "--") == 0) {
            ended = true;
            continue;
        }
        const char *value;
        const struct flag *flag = find(f, word, &value);
        if (!flag) {
            rc = f->pass_on ? add_word(f, word, err)
                            : err_set(err, RC_MALFORMED, "unknown flag: %s", word);
            continue;
        }
        if (flag->text && !value) {
            if (++i >= argc)
                return err_set(err, RC_MALFORMED, "flag needs an argument: %s", word);
            value = argv[i];
        }
        rc = set_flag(flag, value, err);
    }
    f->words[f->n] = NULL;
    return rc;
}
