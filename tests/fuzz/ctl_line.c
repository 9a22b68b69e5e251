/* fuzz: ctl */
/* Any line as the words of txn and watch, then as a comparison, then as the options of a command:
 * what people type must end in a request or in a sentence. */
#include "base/must.h"
#include "ctl/gotext.h"
#include "ctl/inner.h"
#include "ctl/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The words as a command line. */
static void parse_options(struct words *words)
{
    struct flag_values values = {0};
    struct flag_args args = {0};
    struct err err = {0};
    const struct command *command = NULL;
    const char *unknown = NULL;
    int n = words->n;
    if (command_find(&n, words->v, &command, &unknown) != RC_OK)
        return;
    command_flags(command, &values);
    enum rc rc = flag_values_parse(&values, n, words->v, &args, &err);
    must((rc == RC_OK) == (err.text[0] == '\0'));
    must(rc != RC_OK || args.n <= (size_t)n);
    flag_args_fini(&args);
    flag_values_fini(&values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct words words;
    struct pb_compare compare;
    struct err err = {0};
    struct slice line = slice_of(data, size);
    if (words_split(line, &arena, &words, &err) == RC_OK)
        parse_options(&words);
    else
        must(err.text[0] != '\0');
    err = (struct err){0};
    if (words_compare(line, &arena, &compare, &err) != RC_OK)
        must(err.text[0] != '\0');
    AUTO(buf_fini) struct buf quoted = {0};
    go_quote(line, &quoted);
    must(quoted.n >= size + 2);
    arena_fini(&arena);
    return 0;
}
