/* fuzz: conf base yaml */
/* Any bytes as a configuration file: read, resolved, released; never a crash, a leak or a loop. */
#include "conf/resolve.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf_values *values = mem_zalloc(sizeof(*values));
    struct conf conf = {0};
    struct err err = {0};
    enum rc rc = conf_read_yaml("f.yml", slice_of(data, size), values, &err);
    if (rc == RC_OK)
        rc = conf_resolve(values, &conf, &err);
    /* A refusal always has its sentence, and what loads always has its strings. */
    must((rc == RC_OK) == (err.text[0] == '\0'));
    if (rc == RC_OK) {
        must(conf.name && conf.data_dir && conf.wal_dir && conf.initial_cluster);
        must(conf.listen_client_urls.n > 0 && conf.log_outputs.n > 0);
        (void)!conf_check_bootstrap(&conf, NULL);
    }
    conf_fini(&conf);
    conf_values_fini(values);
    free(values);
    return 0;
}
