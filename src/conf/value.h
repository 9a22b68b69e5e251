/* value - the texts of flags, read as Go reads them.
 *
 * Every source (command line, variables, file) hands over text; this is where it becomes a number,
 * a duration or an enum. Rules: Go's flag, strconv and time packages. */
#ifndef MOAT_CONF_VALUE_H
#define MOAT_CONF_VALUE_H

#include "conf/conf.h"
#include "conf/table.h"

/* strconv.ParseInt and ParseUint with base 0: 0x, 0b, 0o, 0 and underscores.
 * RC_MALFORMED: not a number; RC_LIMIT: out of range. */
MUST_USE enum rc conf_parse_int(const char *text, int64_t *out);
MUST_USE enum rc conf_parse_uint(const char *text, uint64_t max, uint64_t *out);

/* strconv.ParseBool. */
MUST_USE enum rc conf_parse_bool(const char *text, bool *out);

/* time.ParseDuration, in nanoseconds. */
MUST_USE enum rc conf_parse_duration(const char *text, int64_t *out);

/* The index of text in "a|b|c", or RC_NOT_FOUND. */
MUST_USE enum rc conf_parse_choice(const char *choices, const char *text, unsigned *out);

/* Split at commas; each text once, in the order given; "" gives an empty list. */
void conf_parse_strings(const char *text, struct conf_strings *out);
void conf_strings_fini(struct conf_strings *strings);

/* Judge text for a flag while flags are still being read. On failure err has the reason alone, as
 * Go words it ("parse error"). A choice with a sentence of its own (flag->bad) passes here. */
MUST_USE enum rc conf_value_check(const struct conf_flag *flag, const char *text, struct err *err);

/* Whether two texts that passed the check mean the same. */
bool conf_value_same(const struct conf_flag *flag, const char *a, const char *b);

/* Store a checked text into the flag's field. An empty list of URLs stays empty. */
void conf_value_store(const struct conf_flag *flag, const char *text, struct conf *out);

#endif
