#include "conf/source.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void value_fini(struct conf_value *value)
{
    free(value->text);
    free(value->where);
    *value = (struct conf_value){0};
}

void conf_values_fini(struct conf_values *values)
{
    for (size_t i = 0; i < conf_flag_count; i++)
        value_fini(&values->v[i]);
    conf_notes_fini(&values->notes);
}

struct conf_value *conf_values_at(struct conf_values *values, const struct conf_flag *flag)
{
    must(flag >= conf_flags && flag < conf_flags + conf_flag_count);
    return &values->v[flag - conf_flags];
}

void conf_values_set(struct conf_values *values, const struct conf_flag *flag,
                     enum conf_origin origin, const char *text, char *where)
{
    struct conf_value *value = conf_values_at(values, flag);
    value_fini(value);
    value->origin = origin;
    value->text = mem_strdup(text);
    value->where = where;
}

const struct conf_value *conf_values_given(const struct conf_values *values, const char *name)
{
    const struct conf_flag *flag = conf_flag_find(slice_str(name));
    must(flag);
    const struct conf_value *value = &values->v[flag - conf_flags];
    return value->text ? value : NULL;
}

const char *conf_values_text(const struct conf_values *values, const char *name)
{
    const struct conf_value *value = conf_values_given(values, name);
    return value ? value->text : conf_flag_find(slice_str(name))->initial;
}

void conf_note(struct conf_notes *notes, enum log_level level, const char *fmt, ...)
{
    char text[ERR_TEXT_MAX];
    va_list args;
    if (notes->n == CONF_NOTES_MAX) {
        notes->dropped++;
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    notes->v = mem_realloc(notes->v, (notes->n + 1) * sizeof(*notes->v));
    notes->v[notes->n++] = (struct conf_note){.level = level, .text = mem_strdup(text)};
}

void conf_notes_fini(struct conf_notes *notes)
{
    for (size_t i = 0; i < notes->n; i++)
        free(notes->v[i].text);
    free(notes->v);
    *notes = (struct conf_notes){0};
}
