/* A line of the log is one JSON object, or one line for people, whatever is in its values. */
#include "app/logger.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct bench {
    struct logger logger;
    char path[128];
    char other[128];
    struct buf text;
};

static void make_path(char *path, size_t n)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(path, n, "%s/moat-log-XXXXXX", tmp ? tmp : "/tmp");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
}

static int setup(void **state)
{
    struct bench *b = mem_zalloc(sizeof(*b));
    make_path(b->path, sizeof(b->path));
    make_path(b->other, sizeof(b->other));
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    logger_fini(&b->logger);
    unlink(b->path);
    unlink(b->other);
    buf_fini(&b->text);
    free(b);
    return 0;
}

static void open_log(struct bench *b, enum log_level level, bool json)
{
    char *outputs[] = {b->path};
    struct err err = {0};
    assert_int_equal(logger_init(&b->logger, level, json, outputs, 1, &err), RC_OK);
}

static const char *read_all(struct bench *b, const char *path)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    buf_clear(&b->text);
    for (int c = fgetc(f); c != EOF; c = fgetc(f))
        buf_append_u8(&b->text, (uint8_t)c);
    buf_append_u8(&b->text, 0);
    fclose(f);
    return (const char *)b->text.p;
}

/* What stands behind the time, which is "2006-01-02T15:04:05.000000Z" and UTC. */
static const char *behind_time(const char *at)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd.ddddddZ";
    for (size_t i = 0; i < sizeof(shape) - 1; i++)
        assert_true(shape[i] == 'd' ? at[i] >= '0' && at[i] <= '9' : at[i] == shape[i]);
    return at + sizeof(shape) - 1;
}

static const char *line(struct bench *b, bool json)
{
    static const char before[] = "{\"level\":\"info\",\"ts\":\"";
    const char *text = read_all(b, b->path);
    if (!json)
        return behind_time(text);
    assert_memory_equal(text, before, sizeof(before) - 1);
    return behind_time(text + sizeof(before) - 1);
}

static void json_lines_are_etcds(void **state)
{
    struct bench *b = *state;
    open_log(b, LOG_INFO, true);
    log_info(&b->logger.log, "an event", "s", STR("text"), "u", U64(UINT64_MAX), "i", I64(-5), "h",
             HEX64(0x8e9e05c52164694d), "t", BOOL(true), "f", BOOL(false), "none", STR(""));
    assert_string_equal(line(b, true),
                        "\",\"msg\":\"an event\",\"s\":\"text\",\"u\":18446744073709551615,"
                        "\"i\":-5,\"h\":\"8e9e05c52164694d\",\"t\":true,\"f\":false,"
                        "\"none\":\"\"}\n");
}

static void json_strings_are_escaped(void **state)
{
    struct bench *b = *state;
    open_log(b, LOG_INFO, true);
    log_info(&b->logger.log, "e", "s", STR("a\"b\\c\nd\te\x01\x7f\xc3\xa4"), "z",
             BYTES(SLICE_LIT("x\0y")));
    assert_string_equal(line(b, true), "\",\"msg\":\"e\",\"s\":\"a\\\"b\\\\c\\nd\\u0009e\\u0001"
                                       "\\u007f\xc3\xa4\",\"z\":\"x\\u0000y\"}\n");
}

static void lines_for_people(void **state)
{
    struct bench *b = *state;
    open_log(b, LOG_INFO, false);
    log_info(&b->logger.log, "wal.torn_tail", "path", STR("/a/b"), "why", STR("two words"), "id",
             HEX64(255), "n", U64(7), "empty", STR(""));
    assert_string_equal(line(b, false), "  info   wal.torn_tail  path=/a/b  why=\"two words\"  "
                                        "id=ff  n=7  empty=\"\"\n");
}

/* A value cannot begin a line of its own, nor move the terminal's cursor. */
static void nobody_writes_lines_of_their_own(void **state)
{
    struct bench *b = *state;
    open_log(b, LOG_INFO, false);
    log_info(&b->logger.log, "e", "key", STR("x\n2006-01-02T15:04:05.000000Z"), "esc",
             STR("\x1b[2J"), "quote", STR("a\"b"), "equals", STR("a=b"));
    const char *text = line(b, false);
    assert_string_equal(text, "  info   e  key=\"x\\n2006-01-02T15:04:05.000000Z\"  "
                              "esc=\"\\u001b[2J\"  quote=\"a\\\"b\"  equals=\"a=b\"\n");
}

static void durations_read_well(void **state)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        {0, "0.0us"},           {1500, "1.5us"},
        {2500000, "2.500ms"},   {999999999, "1000.000ms"},
        {1000000000, "1.000s"}, {90000000000, "90.000s"},
    };
    struct bench *b = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char want[64];
        for (int json = 0; json < 2; json++) {
            assert_int_equal(truncate(b->path, 0), 0);
            open_log(b, LOG_INFO, json);
            log_info(&b->logger.log, "e", "took", NS(cases[i].ns));
            snprintf(want, sizeof(want),
                     json ? "\",\"msg\":\"e\",\"took\":\"%s\"}\n" : "  info   e  took=%s\n",
                     cases[i].text);
            assert_string_equal(line(b, json), want);
            logger_fini(&b->logger);
        }
    }
}

static void a_long_value_is_cut(void **state)
{
    struct bench *b = *state;
    char *text = mem_zalloc(100001);
    memset(text, 'x', 100000);
    for (int json = 0; json < 2; json++) {
        assert_int_equal(truncate(b->path, 0), 0);
        open_log(b, LOG_INFO, json);
        log_info(&b->logger.log, "e", "long", STR(text), "after", U64(1));
        const char *got = read_all(b, b->path);
        assert_true(strlen(got) < 20000);
        assert_non_null(strstr(got, json ? "\",\"after\":1}\n" : "  after=1\n"));
        logger_fini(&b->logger);
    }
    free(text);
}

static void levels_and_outputs(void **state)
{
    struct bench *b = *state;
    char *outputs[] = {b->path, b->other};
    assert_int_equal(logger_init(&b->logger, LOG_WARN, false, outputs, 2, NULL), RC_OK);
    log_info(&b->logger.log, "unheard");
    log_warn(&b->logger.log, "heard");
    assert_null(strstr(read_all(b, b->path), "unheard"));
    assert_non_null(strstr(read_all(b, b->path), "  warn   heard\n"));
    assert_non_null(strstr(read_all(b, b->other), "  warn   heard\n"));
    logger_fini(&b->logger);
    open_log(b, LOG_INFO, false); /* a file is appended to */
    log_error(&b->logger.log, "again");
    assert_non_null(strstr(read_all(b, b->path), "heard\n"));
    assert_non_null(strstr(read_all(b, b->path), "  error  again\n"));
}

static void outputs_that_cannot_be_opened_are_named(void **state)
{
    struct bench *b = *state;
    struct err err = {0};
    char missing[] = "/nowhere/at/all.log";
    char *one[] = {missing};
    assert_int_equal(logger_init(&b->logger, LOG_INFO, false, one, 1, &err), RC_NOT_FOUND);
    assert_non_null(strstr(err.text, "--log-outputs"));
    assert_non_null(strstr(err.text, missing));
    char *many[LOGGER_OUTPUTS_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = b->path;
    err = (struct err){0};
    assert_int_equal(logger_init(&b->logger, LOG_INFO, false, many, ARRAY_LEN(many), &err),
                     RC_LIMIT);
    assert_non_null(strstr(err.text, "at most 8"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(json_lines_are_etcds, setup, teardown),
        cmocka_unit_test_setup_teardown(json_strings_are_escaped, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_for_people, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_writes_lines_of_their_own, setup, teardown),
        cmocka_unit_test_setup_teardown(durations_read_well, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_value_is_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(levels_and_outputs, setup, teardown),
        cmocka_unit_test_setup_teardown(outputs_that_cannot_be_opened_are_named, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
