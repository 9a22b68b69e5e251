/* check - perf and datascale: can the cluster carry this load, and what memory do data take. */
#include "ctl/gotext.h"
#include "ctl/load.h"
#include "ctl/metric.h"
#include "ctl/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define PERF_TIME_S     60
#define PERF_KEY        256
#define PERF_VALUE      1024
#define SCALE_KEY       512
#define SCALE_VALUE     512
#define SLOWEST_MAX_S   0.5
#define DEVIATION_MAX_S 0.1
#define RATE_SHARE_MIN  0.9
#define CLEANUP_MS      30000

struct model {
    const char *name;
    const char *alias;
    uint64_t rate; /* check perf: puts a second */
    size_t puts;   /* check datascale */
    size_t clients;
};

static const struct model *model_of(const struct ctl *ctl)
{
    static const struct model models[] = {
        {"s", "small", 150, 10000, 50},
        {"m", "medium", 1000, 100000, 200},
        {"l", "large", 8000, 1000000, 500},
        {"xl", "xLarge", 15000, 3000000, 1000},
    };
    const char *name = flag_string(&ctl->flags, "load");
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        if (strcmp(name, models[i].name) == 0 || strcmp(name, models[i].alias) == 0)
            return &models[i];
    }
    ctl_fail(EXIT_BAD_FEATURE, "unknown load option %s", name);
    return NULL;
}

/* Nothing of anybody's may be overwritten, or deleted afterwards. */
static int check_empty(struct ctl *ctl, struct slice prefix, const char *quote)
{
    const struct pb_range_request request = {
        .key = prefix, .range_end = ctl_prefix_end(&ctl->arena, prefix), .limit = 1};
    struct pb_range_response r;
    int code = ctl_call_patiently(ctl, CLIENT_RANGE, &request, &r);
    if (code != EXIT_OK || r.kvs_n == 0)
        return code;
    struct buf quoted = {0};
    go_quote(prefix, &quoted);
    ctl_fail(EXIT_INVALID_INPUT,
             "prefix %.*s has keys. Delete with %setcdctl del --prefix %.*s%s first", (int)quoted.n,
             (const char *)quoted.p, quote, (int)prefix.n, (const char *)prefix.p, quote);
    buf_fini(&quoted);
    return EXIT_INVALID_INPUT;
}

static int compact(struct ctl *ctl, int64_t revision)
{
    const struct pb_compaction_request request = {.revision = revision, .physical = true};
    struct pb_compaction_response r;
    printf("Compacting with revision %" PRId64 "\n", revision);
    if (client_unary(
            ctl->client,
            &(struct client_request){CLIENT_COMPACT, &request, client_deadline(CLEANUP_MS)},
            &ctl->arena, &r, &ctl->status) != RC_OK)
        return ctl_call_failed(ctl, EXIT_ERROR, NULL);
    printf("Compacted with revision %" PRId64 "\n", revision);
    return EXIT_OK;
}

static int defragment(struct ctl *ctl)
{
    size_t n;
    int code = EXIT_OK;
    const struct slice *endpoints = ctl_endpoints(ctl, &n);
    for (size_t i = 0; i < n && code == EXIT_OK; i++) {
        const struct pb_defragment_request request = {0};
        struct pb_defragment_response r;
        struct buf name = {0};
        go_quote(endpoints[i], &name);
        printf("Defragmenting %.*s\n", (int)name.n, (const char *)name.p);
        struct client *client = ctl_client(ctl, &endpoints[i], 1, &code);
        if (client && client_unary(client,
                                   &(struct client_request){CLIENT_DEFRAGMENT, &request,
                                                            client_deadline(CLEANUP_MS)},
                                   &ctl->arena, &r, &ctl->status) != RC_OK)
            code = ctl_call_failed(ctl, EXIT_ERROR, NULL);
        if (code == EXIT_OK)
            printf("Defragmented %.*s\n", (int)name.n, (const char *)name.p);
        client_free(client);
        buf_fini(&name);
    }
    return code;
}

/* Remove what was written, and what else was asked for. */
static int clean_up(struct ctl *ctl, struct slice prefix)
{
    const struct pb_delete_range_request request = {
        .key = prefix, .range_end = ctl_prefix_end(&ctl->arena, prefix)};
    struct pb_delete_range_response r;
    int code = EXIT_OK;
    if (client_unary(
            ctl->client,
            &(struct client_request){CLIENT_DELETE_RANGE, &request, client_deadline(CLEANUP_MS)},
            &ctl->arena, &r, &ctl->status) != RC_OK) {
        struct buf why = {0};
        client_status_print(&ctl->status, &why);
        printf("FAIL: Cleanup failed during key deletion: ERROR(%.*s)\n", (int)why.n,
               (const char *)why.p);
        buf_fini(&why);
        return EXIT_ERROR;
    }
    if (flag_bool(&ctl->flags, "auto-compact"))
        code = compact(ctl, r.header ? r.header->revision : 0);
    if (code == EXIT_OK && flag_bool(&ctl->flags, "auto-defrag"))
        code = defragment(ctl);
    return code;
}

static bool report_errors(const struct load_result *r)
{
    if (r->errors == 0)
        return true;
    printf("FAIL: too many errors\nFAIL: ERROR(%.*s) -> %zu\n", (int)r->error.n,
           (const char *)r->error.p, r->errors);
    return false;
}

/* perf */

static int judge(const struct load_result *r, const struct model *m)
{
    bool fine = report_errors(r);
    double rate = load_rate(r);
    double slowest = load_slowest(r);
    double deviation = load_deviation(r);
    bool fast = rate / (double)m->rate > RATE_SHARE_MIN;
    printf(fast ? "PASS: Throughput is %d writes/s\n" : "FAIL: Throughput too low: %d writes/s\n",
           (int)rate + 1);
    printf(slowest > SLOWEST_MAX_S ? "Slowest request took too long: %fs\n"
                                   : "PASS: Slowest request took %fs\n",
           slowest);
    printf(deviation > DEVIATION_MAX_S ? "Stddev too high: %fs\n" : "PASS: Stddev is %fs\n",
           deviation);
    fine = fine && fast && slowest <= SLOWEST_MAX_S && deviation <= DEVIATION_MAX_S;
    printf(fine ? "PASS\n" : "FAIL\n");
    return fine ? EXIT_OK : EXIT_ERROR;
}

int cmd_check_perf(struct ctl *ctl)
{
    const struct model *m = model_of(ctl);
    struct progress bar;
    struct load_result r;
    if (!m)
        return EXIT_BAD_FEATURE;
    struct load_options opt = {
        .clients = m->clients,
        .rate = m->rate,
        .time_s = PERF_TIME_S,
        .prefix = slice_str(flag_string(&ctl->flags, "prefix")),
        .key_len = PERF_KEY,
        .value_len = PERF_VALUE,
        .stop_fd = -1,
    };
    int code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = check_empty(ctl, opt.prefix, "'");
    if (code != EXIT_OK)
        return code;
    opt.stop_fd = ctl_signal_fd(); /* what was written is removed also then */
    progress_begin(&bar, "check perf", PERF_TIME_S);
    code = load_run(ctl, &opt, &bar, &r);
    progress_end(&bar);
    if (code == EXIT_OK)
        code = clean_up(ctl, opt.prefix);
    if (code == EXIT_OK)
        code = judge(&r, m);
    close(opt.stop_fd);
    load_result_fini(&r);
    return code;
}

/* datascale */

static int memory_of(struct ctl *ctl, const char *when, double *bytes)
{
    size_t n;
    struct err err = {0};
    const struct slice *endpoints = ctl_endpoints(ctl, &n);
    if (metric_fetch(endpoints[0], "process_resident_memory_bytes", bytes, &err) == RC_OK)
        return EXIT_OK;
    printf("%s\nFAIL: Could not read process_resident_memory_bytes %s the put operations.\n",
           err.text, when);
    return EXIT_ERROR;
}

static int measure(struct ctl *ctl, const struct load_options *opt, struct load_result *r)
{
    struct progress bar;
    double before = 0;
    double after = 0;
    int code = memory_of(ctl, "before", &before);
    if (code != EXIT_OK)
        return code;
    printf("Start data scale check for work load [%zu key-value pairs, %d bytes per key-value, %zu "
           "concurrent clients].\n",
           opt->puts, SCALE_KEY + SCALE_VALUE, opt->clients);
    fflush(stdout);
    progress_begin(&bar, "check datascale", opt->puts);
    code = load_run(ctl, opt, &bar, r);
    progress_end(&bar);
    if (code == EXIT_OK)
        code = memory_of(ctl, "after", &after);
    int cleaned = clean_up(ctl, opt->prefix);
    if (code == EXIT_OK)
        code = cleaned;
    if (code != EXIT_OK)
        return code;
    if (!report_errors(r))
        return EXIT_ERROR;
    printf("PASS: Approximate system memory used : %.2f MB.\n", (after - before) / (1024 * 1024));
    return EXIT_OK;
}

int cmd_check_datascale(struct ctl *ctl)
{
    const struct model *m = model_of(ctl);
    struct load_result r = {0};
    if (!m)
        return EXIT_BAD_FEATURE;
    struct load_options opt = {
        .clients = m->clients,
        .puts = m->puts,
        .prefix = slice_str(flag_string(&ctl->flags, "prefix")),
        .key_len = SCALE_KEY,
        .value_len = SCALE_VALUE,
        .stop_fd = -1,
    };
    int code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = check_empty(ctl, opt.prefix, "");
    if (code != EXIT_OK)
        return code;
    opt.stop_fd = ctl_signal_fd();
    code = measure(ctl, &opt, &r);
    close(opt.stop_fd);
    load_result_fini(&r);
    return code;
}
