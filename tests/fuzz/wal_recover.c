/* fuzz: wal sim */
/* Any bytes as the log's files: recovery answers with a code, and a log that it accepts can be
 * read, appended to and opened again. Input: the first byte says how to prepare, then up to three
 * segments' worth of content. With checks repaired the fuzzer gets past the CRCs. */
#include "base/crc32c.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/wr.h"
#include "sim/disk.h"
#include "sim/workers.h"
#include "wal/format.h"

#include <stdio.h>
#include <stdlib.h>

#define SEGMENT_BYTES 8192u
#define SEGMENTS_MAX  3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum prepare { REPAIR_HEADER = 1, REPAIR_RECORDS = 2, SPARSE_HEADER = 4 };

static uint64_t no_time(struct clock *c)
{
    (void)c;
    return 0;
}

static void on_durable(void *arg, uint64_t index)
{
    *(uint64_t *)arg = index;
}

static void on_error(void *arg, enum rc rc, const char *sentence)
{
    (void)arg;
    (void)rc;
    (void)sentence;
    must(false); /* nothing fails on this disk */
}

static void on_room(void *arg)
{
    (void)arg;
}

static void visit(void *arg, const struct wal_entry *e)
{
    (void)arg;
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < e->body.n; i++)
        sum = (uint8_t)(sum + e->body.p[i]);
}

/* Let the header name this log and segment, and verify. */
static struct wal_header repair_header(uint8_t *p, uint64_t seq)
{
    struct wal_header h = {
        .flags = load_u32(p + 16) & 1,
        .seq = seq,
        .salt = 1,
        .size = SEGMENT_BYTES,
        .batch = load_u64(p + 64) & 0xff,
        .first_index = load_u64(p + 72) & 0xff,
        .prev_term = load_u64(p + 80) & 0xff,
        .prev_end = load_u64(p + 104) & 0x3fff,
    };
    wal_header_encode(&h, p);
    return h;
}

/* Let records verify, one behind the other, with the lengths that they claim. */
static void repair_records(uint8_t *p, const struct wal_header *h)
{
    for (uint64_t at = WAL_HEADER_BYTES; at + WAL_HEAD_BYTES < SEGMENT_BYTES;) {
        uint32_t part = load_u32(p + at + 20);
        struct wal_head head = {
            .batch = load_u64(p + at + 8),
            .len = load_u32(p + at + 16) & 0xfff,
            .part = part & 0xff,
            .last = part >> 31,
        };
        if (head.len == 0 || at + WAL_HEAD_BYTES + head.len > SEGMENT_BYTES)
            return;
        wal_head_encode(wal_seed(h, at), &head, p + at);
        at += WAL_HEAD_BYTES + wal_align(head.len);
    }
}

static void put_segment(struct sim_disk *disk, uint64_t seq, struct slice content, unsigned how)
{
    uint8_t bytes[SEGMENT_BYTES] = {0};
    if (how & SPARSE_HEADER) {
        /* A short input says 112 bytes of header, then records. */
        size_t n = content.n < 112 ? content.n : 112;
        memcpy(bytes, content.p, n);
        content = slice_skip(content, n);
        n = content.n < SEGMENT_BYTES - 4096 ? content.n : SEGMENT_BYTES - 4096;
        if (n)
            memcpy(bytes + WAL_HEADER_BYTES, content.p, n);
    } else if (content.n) {
        memcpy(bytes, content.p, content.n < SEGMENT_BYTES ? content.n : SEGMENT_BYTES);
    }
    struct wal_header h = {0};
    if (how & REPAIR_HEADER)
        h = repair_header(bytes, seq);
    if ((how & REPAIR_HEADER) && (how & REPAIR_RECORDS))
        repair_records(bytes, &h);
    char path[64];
    snprintf(path, sizeof(path), "/w/%016llx.seg", (unsigned long long)seq);
    sim_disk_put(disk, path, slice_of(bytes, sizeof(bytes)));
}

/* What was accepted must hold: append, close, and find the same and one more. */
static void go_on(struct wal *w, const struct wal_options *opt, const struct wal_recovered *found)
{
    const struct wal_entry e = {
        .index = found->next_index, .term = 1, .kind = WAL_COMMAND, .body = SLICE_LIT("more")};
    wal_append(w, &e, 1);
    must(wal_sync(w) == RC_OK);
    struct wal_read got = {0};
    must(wal_read(w, e.index, 100, &got) == RC_OK && got.n == 1);
    wal_read_fini(&got);
    wal_close(w);
    struct wal_recovered again;
    struct err err = {0};
    must(wal_open(opt, 0, visit, &w, &again, &err) == RC_OK);
    must(again.next_index == found->next_index + 1 && !again.torn);
    must(again.first_index == found->first_index && again.hard.term == found->hard.term);
    wal_close(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct rng rng;
    rng_seed(&rng, 1);
    struct clock clock = {.mono_ns = no_time, .wall_ns = no_time};
    struct timers timers = {0};
    struct sim_workers workers;
    sim_workers_init(&workers);
    struct sim_disk *disk = sim_disk_new(&rng);
    struct env env = {
        .clock = &clock,
        .timers = &timers,
        .rng = &rng,
        .disk = sim_disk_env(disk),
        .workers = &workers.workers,
    };
    must(disk_mkdir(env.disk, "/w", NULL) == RC_OK);
    unsigned how = data[0];
    uint64_t segments = 1 + data[1] % SEGMENTS_MAX;
    struct slice rest = slice_of(data + 2, size - 2);
    for (uint64_t seq = 1; seq <= segments; seq++) {
        size_t n = rest.n / (size_t)(segments - seq + 1);
        put_segment(disk, seq, slice_of(rest.p, n), how);
        rest = slice_skip(rest, n);
    }
    uint64_t durable = 0;
    const struct wal_options opt = {
        .env = &env,
        .dir = "/w",
        .segment_bytes = SEGMENT_BYTES,
        .arg = &durable,
        .on_durable = on_durable,
        .on_error = on_error,
        .on_room = on_room,
    };
    struct wal *w = NULL;
    struct wal_recovered found;
    struct err err = {0};
    enum rc rc = wal_open(&opt, 0, visit, &w, &found, &err);
    must(rc == RC_OK || err.text[0]);
    if (rc == RC_OK)
        go_on(w, &opt, &found);
    sim_disk_free(disk);
    timers_fini(&timers);
    return 0;
}
