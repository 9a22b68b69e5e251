/* fuzz: conf base yaml */
/* Any words as a command line, and behind an empty word as the environment. Words end with a zero
 * byte. A --config-file is not followed: the fuzzer has no files. */
#include "conf/resolve.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdlib.h>

#define WORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_alloc(size + 1);
    char *words[2][WORDS_MAX + 1] = {0};
    size_t n[2] = {0};
    int part = 0;
    memcpy(text, data, size);
    text[size] = '\0';
    for (char *s = text; s < text + size; s += strlen(s) + 1) {
        if (*s == '\0')
            part = 1;
        else if (n[part] < WORDS_MAX)
            words[part][n[part]++] = s;
    }
    struct conf_values *values = mem_zalloc(sizeof(*values));
    struct conf conf = {0};
    struct err err = {0};
    bool help = false;
    enum rc rc = conf_read_args((int)n[0], words[0], values, &help, &err);
    if (rc == RC_OK && !help)
        rc = conf_read_env(words[1], values, &err);
    if (rc == RC_OK && !help)
        rc = conf_resolve(values, &conf, &err);
    must((rc == RC_OK) == (err.text[0] == '\0'));
    conf_fini(&conf);
    conf_values_fini(values);
    free(values);
    free(text);
    return 0;
}
