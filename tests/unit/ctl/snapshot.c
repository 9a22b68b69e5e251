/* A snapshot is kept only when it is whole; commands on files go to etcdutl. */
#include "lab.h"

#include <stdlib.h>
#include <unistd.h>

#define FILE_NAME "s.db"

static void serve(struct peer_call *call, const struct peer_request *request)
{
    static unsigned asked;
    static uint8_t blob[512 + 32];
    bool whole = asked++ > 0;
    const struct pb_snapshot_response r = {.header = &lab_header,
                                           .version = SLICE_INIT("3.7.1"),
                                           .blob = slice_of(blob, whole ? sizeof(blob) : 100)};
    (void)request;
    peer_reply(call, &wire_snapshot_response, &r);
    peer_end(call, GRPC_OK, "");
}

static void only_whole_files_are_kept(void **state)
{
    (void)state;
    static const struct lab_case broken[] = {
        {{"snapshot", "save", FILE_NAME}, 5, NULL, "sha256 checksum not found [bytes: 100]\n"},
        {{"snapshot", "save", FILE_NAME},
         0,
         "Snapshot saved at " FILE_NAME "\nServer version 3.7.1\n"},
        {{"snapshot", "save", "/proc/nonexistent/x"},
         5,
         NULL,
         "could not open /proc/nonexistent/x.part (open /proc/nonexistent/x.part: no such file or "
         "directory)\n"},
    };
    char dir[] = "/tmp/moat-snapshot-XXXXXX";
    assert_true(mkdtemp(dir) && chdir(dir) == 0);
    lab_run(serve, broken, 1);
    assert_int_not_equal(access(FILE_NAME, F_OK), 0);
    assert_int_not_equal(access(FILE_NAME ".part", F_OK), 0);
    lab_run(serve, broken, ARRAY_LEN(broken)); /* a new peer: it breaks once more */
    assert_int_equal(access(FILE_NAME, F_OK), 0);
    assert_int_not_equal(access(FILE_NAME ".part", F_OK), 0);
    unlink(FILE_NAME);
    assert_int_equal(chdir("/"), 0);
    rmdir(dir);
}

static void commands_on_files_become_etcdutls(void **state)
{
    (void)state;
    static const struct lab_case cases[] = {
        {{"snapshot", "status", "f", "-w", "table"}, 7, "snapshot status f --write-out=table\n"},
        {{"snapshot", "restore", "f", "--data-dir", "d", "--skip-hash-check"},
         7,
         "snapshot restore f --data-dir=d --skip-hash-check=true --write-out=simple\n"},
        {{"defrag", "--data-dir", "d"}, 7, "defrag --data-dir=d --write-out=simple\n"},
    };
    lab_run(NULL, cases, ARRAY_LEN(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_whole_files_are_kept),
        cmocka_unit_test(commands_on_files_become_etcdutls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
