/* What a moat server tells of itself is shown to people in columns and to programs exactly; a
 * server that cannot tell is called so. */
#include "lab.h"

static struct pb_weight total = {.keys = 5, .bytes = 4000000, .revisions = 20};
static struct pb_weight direct = {.keys = 1, .bytes = 40, .revisions = 1};
static struct pb_weight unsplit = {.keys = 1, .bytes = 999960, .revisions = 2};
static struct pb_weight large = {.keys = 1, .bytes = 2999000, .revisions = 12};
static struct pb_weight small = {.keys = 2, .bytes = 1000, .revisions = 5};

static void serve_du(struct peer_call *call, const struct peer_request *request)
{
    struct arena arena = {0};
    struct pb_usage_request r;
    struct pb_usage_group groups[] = {{.prefix = SLICE_LIT("/a/large/"), .weight = &large},
                                      {.prefix = SLICE_LIT("/a/\n/"), .weight = &small}};
    const struct pb_usage_response u = {.header = &lab_header,
                                        .prefix = SLICE_LIT("/a/"),
                                        .total = &total,
                                        .direct = &direct,
                                        .unsplit = &unsplit,
                                        .groups = groups,
                                        .groups_n = ARRAY_LEN(groups)};
    bool fine = strcmp(request->path, "/moatpb.Inspect/Usage") == 0 &&
                wire_decode(&wire_usage_request, request->message, &arena, &r) == RC_OK &&
                r.descend && slice_eq(r.delimiter, SLICE_LIT("/")) &&
                (r.prefix.n == 0 || slice_eq(r.prefix, SLICE_LIT("/a")));
    arena_fini(&arena);
    if (fine)
        peer_reply(call, &wire_usage_response, &u);
    peer_end(call, fine ? GRPC_OK : GRPC_INVALID_ARGUMENT, "");
}

static void du_adds_up(void **state)
{
    (void)state;
    static const struct lab_case cases[] = {
        {{"du"},
         0,
         "   SIZE   SHARE  KEYS  REVISIONS  CHURN  PREFIX\n"
         " 3.0 MB   75.0%     1         12     11  /a/large/\n"
         " 1.0 kB    0.0%     2          5      3  \"/a/\\n/\"\n"
         "   40 B    0.0%     1          1      0  (keys directly below)\n"
         "1000 kB   25.0%     1          2      1  (not split: too many)\n"
         " 4.0 MB  100.0%     5         20     15  /a/\n"},
        {{"du", "/a", "--limit", "1", "-w", "table", "--hex"},
         0,
         "┌─────────┬────────┬──────┬───────────┬───────┬──────────────────────────────────────┐\n"
         "│  SIZE   │ SHARE  │ KEYS │ REVISIONS │ CHURN │                PREFIX                │\n"
         "├─────────┼────────┼──────┼───────────┼───────┼──────────────────────────────────────┤\n"
         "│  3.0 MB │  75.0% │    1 │        12 │    11 │ "
         "\\x2f\\x61\\x2f\\x6c\\x61\\x72\\x67\\x65\\x2f │\n"
         "│  1.0 kB │   0.0% │    2 │         5 │     3 │                       (smaller ones) │\n"
         "│    40 B │   0.0% │    1 │         1 │     0 │                (keys directly below) │\n"
         "│ 1000 kB │  25.0% │    1 │         2 │     1 │                (not split: too many) │\n"
         "│  4.0 MB │ 100.0% │    5 │        20 │    15 │                         \\x2f\\x61\\x2f "
         "│\n"
         "└─────────┴────────┴──────┴───────────┴───────┴──────────────────────────────────────┘"
         "\n"},
        {{"du", "-w", "json", "--limit=1"},
         0,
         "{\"header\":" LAB_HEADER_JSON ",\"prefix\":\"L2Ev\","
         "\"total\":{\"keys\":5,\"bytes\":4000000,\"revisions\":20},"
         "\"direct\":{\"keys\":1,\"bytes\":40,\"revisions\":1},"
         "\"unsplit\":{\"keys\":1,\"bytes\":999960,\"revisions\":2},"
         "\"groups\":[{\"prefix\":\"L2EvbGFyZ2Uv\",\"weight\":"
         "{\"keys\":1,\"bytes\":2999000,\"revisions\":12}}]}\n"},
        {{"du", "-w", "fields", "--limit=1"},
         0,
         LAB_HEADER_FIELDS "\"Prefix\" : \"/a/\"\n"
                           "\"TotalBytes\" : 4000000\n\"TotalKeys\" : 5\n"
                           "\"TotalRevisions\" : 20\n\"TotalChurn\" : 15\n"
                           "\"DirectBytes\" : 40\n\"DirectKeys\" : 1\n"
                           "\"DirectRevisions\" : 1\n\"DirectChurn\" : 0\n"
                           "\"UnsplitBytes\" : 999960\n\"UnsplitKeys\" : 1\n"
                           "\"UnsplitRevisions\" : 2\n\"UnsplitChurn\" : 1\n"
                           "\"GroupPrefix\" : \"/a/large/\"\n"
                           "\"GroupBytes\" : 2999000\n\"GroupKeys\" : 1\n"
                           "\"GroupRevisions\" : 12\n\"GroupChurn\" : 11\n"},
        {{"du", "a", "b"}, 128, "", "Error: du command accepts at most one prefix\n"},
        {{"du", "--delimiter", ""}, 128, "", "Error: --delimiter is one byte, and"},
        {{"du", "--limit=-1"}, 128, "", "and --limit not below 0\n"},
    };
    lab_run(serve_du, cases, ARRAY_LEN(cases));
}

static void serve_top(struct peer_call *call, const struct peer_request *request)
{
    struct pb_hot_prefix hot[] = {{.prefix = SLICE_LIT("/a/"), .changes = 2000},
                                  {.prefix = SLICE_LIT(""), .changes = 1}};
    struct pb_slow_watcher slow[] = {{.key = SLICE_LIT("/a/"),
                                      .range_end = SLICE_LIT("/a0"),
                                      .watch_id = 3,
                                      .revision = 10,
                                      .behind = 2,
                                      .stopped = true,
                                      .queued_bytes = 1100000,
                                      .client = SLICE_LIT("127.0.0.1:7")},
                                     {.key = SLICE_LIT("k"), .revision = 11, .behind = 1},
                                     {.key = SLICE_LIT("k"), .range_end = SLICE_LIT("\0")},
                                     {.key = SLICE_LIT("k"), .range_end = SLICE_LIT("p")}};
    struct pb_big_lease big[] = {{.id = -1, .ttl = 5, .granted_ttl = 60, .keys = 7}};
    const struct pb_top_response t = {.header = &lab_header,
                                      .window_ms = 10000,
                                      .prefixes = hot,
                                      .prefixes_n = ARRAY_LEN(hot),
                                      .watchers = 9,
                                      .watchers_slow = 4,
                                      .slow = slow,
                                      .slow_n = ARRAY_LEN(slow),
                                      .leases = 8,
                                      .leased_keys = 12,
                                      .biggest = big,
                                      .biggest_n = 1};
    bool fine = strcmp(request->path, "/moatpb.Inspect/Top") == 0;
    if (fine)
        peer_reply(call, &wire_top_response, &t);
    peer_end(call, fine ? GRPC_OK : GRPC_INVALID_ARGUMENT, "");
}

static void top_shows_three_lists(void **state)
{
    (void)state;
    static const struct lab_case cases[] = {
        {{"top"},
         0,
         "changes within 10.0 s\n"
         "CHANGES  A SECOND  PREFIX\n"
         "   2000     200.0  /a/\n"
         "      1       0.1  \"\"\n"
         "\n"
         "slow watchers: 4 of 9\n"
         "BEHIND  AT REVISION          STATE  QUEUED       CLIENT  WATCH ID  KEYS\n"
         "     2           10  does not read  1.1 MB  127.0.0.1:7         3  /a/*\n"
         "     1           11     catches up     0 B                      0  k\n"
         "     0            0     catches up     0 B                      0  [k, )\n"
         "     0            0     catches up     0 B                      0  [k, p)\n"
         "\n"
         "leases: 8, with 12 keys\n"
         "KEYS  LEFT  GRANTED  LEASE\n"
         "   7   5 s     60 s  ffffffffffffffff\n"},
        {{"top", "-w", "fields"},
         0,
         LAB_HEADER_FIELDS
         "\"WindowMilliseconds\" : 10000\n"
         "\"Prefix\" : \"/a/\"\n\"Changes\" : 2000\n\"Prefix\" : \"\"\n\"Changes\" : 1\n"
         "\"Watchers\" : 9\n\"SlowWatchers\" : 4\n"
         "\"Key\" : \"/a/\"\n\"RangeEnd\" : \"/a0\"\n\"WatchID\" : 3\n\"AtRevision\" : 10\n"
         "\"Behind\" : 2\n\"QueuedBytes\" : 1100000\n\"Stopped\" : true\n"
         "\"Client\" : \"127.0.0.1:7\"\n"
         "\"Key\" : \"k\"\n\"RangeEnd\" : \"\"\n\"WatchID\" : 0\n\"AtRevision\" : 11\n"
         "\"Behind\" : 1\n\"QueuedBytes\" : 0\n\"Stopped\" : false\n\"Client\" : \"\"\n"
         "\"Key\" : \"k\"\n\"RangeEnd\" : \"\\x00\"\n\"WatchID\" : 0\n\"AtRevision\" : 0\n"
         "\"Behind\" : 0\n\"QueuedBytes\" : 0\n\"Stopped\" : false\n\"Client\" : \"\"\n"
         "\"Key\" : \"k\"\n\"RangeEnd\" : \"p\"\n\"WatchID\" : 0\n\"AtRevision\" : 0\n"
         "\"Behind\" : 0\n\"QueuedBytes\" : 0\n\"Stopped\" : false\n\"Client\" : \"\"\n"
         "\"Leases\" : 8\n\"LeasedKeys\" : 12\n"
         "\"ID\" : -1\n\"TTL\" : 5\n\"GrantedTTL\" : 60\n\"Keys\" : 7\n"},
        {{"top", "3"}, 128, "", "takes the seconds of --watch and nothing else\n"},
        {{"top", "--watch", "0"}, 128, "", "--watch takes whole seconds, 1 to 86400\n"},
        {{"top", "--watch", "-w", "json"}, 128, "", "the formats simple and table only\n"},
        {{"top", "--limit", "101"}, 128, "", "--limit is 1 to 100\n"},
    };
    lab_run(serve_top, cases, ARRAY_LEN(cases));
}

static void serve_etcd(struct peer_call *call, const struct peer_request *request)
{
    (void)request;
    peer_end(call, GRPC_UNIMPLEMENTED, "unknown service moatpb.Inspect");
}

static void etcd_is_not_moat(void **state)
{
    (void)state;
    static const char sentence[] =
        "Error: the server is not moat, or older than this program: it cannot tell what fills it "
        "or keeps it busy\n";
    static const struct lab_case cases[] = {
        {{"du"}, 1, "", sentence},
        {{"top"}, 1, "", sentence},
        {{"top", "--watch"}, 1, "", sentence},
    };
    lab_run(serve_etcd, cases, ARRAY_LEN(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(du_adds_up),
        cmocka_unit_test(top_shows_three_lists),
        cmocka_unit_test(etcd_is_not_moat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
