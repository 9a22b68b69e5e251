/* file - a bbolt file in memory, made by the writer. */
#ifndef MOAT_TESTS_BBOLT_FILE_H
#define MOAT_TESTS_BBOLT_FILE_H

#include "base/buf.h"
#include "base/must.h"
#include "bbolt/writer.h"

#include <stdio.h>

static inline enum rc file_write(void *arg, uint64_t at, struct slice bytes)
{
    struct buf *file = arg;
    if (at + bytes.n > file->n)
        memset(buf_extend(file, at + bytes.n - file->n), 0, at + bytes.n - file->n);
    memcpy(file->p + at, bytes.p, bytes.n);
    return RC_OK;
}

/* Bucket "a" is empty, "b" has n rows "00000000" …, each with a value of value_n bytes, "c" has one
 * row. */
static inline struct buf file_make(unsigned n, size_t value_n)
{
    struct buf file = {0};
    struct buf value = {0};
    struct bbolt_sink sink = {&file, file_write};
    struct bbolt_writer *w = bbolt_writer_new(&sink);
    uint64_t size = 0;
    memset(buf_extend(&value, value_n), 'v', value_n);
    bbolt_bucket_begin(w, SLICE_LIT("a"));
    bbolt_bucket_end(w);
    bbolt_bucket_begin(w, SLICE_LIT("b"));
    for (unsigned i = 0; i < n; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%08u", i);
        bbolt_put(w, slice_str(key), buf_slice(&value));
    }
    bbolt_bucket_end(w);
    bbolt_bucket_begin(w, SLICE_LIT("c"));
    bbolt_put(w, SLICE_LIT("k"), SLICE_LIT("w"));
    bbolt_bucket_end(w);
    enum rc rc = bbolt_writer_finish(w, &size);
    must(rc == RC_OK && size == file.n);
    bbolt_writer_free(w);
    buf_fini(&value);
    return file;
}

#endif
