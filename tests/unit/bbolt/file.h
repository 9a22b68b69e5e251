/* file - a bbolt file in memory, made by the writer. */
#ifndef MOAT_TESTS_BBOLT_FILE_H
#define MOAT_TESTS_BBOLT_FILE_H

#include "base/must.h"
#include "bbolt/writer.h"

#include <stdio.h>

/* The file of the rows that fn puts, each time it is called; RC_OK, or what the writer says. */
static inline enum rc file_write(void (*fn)(struct bbolt_writer *w, void *arg), void *arg,
                                 struct buf *file)
{
    struct bbolt_shape shape;
    struct bbolt_writer *w = bbolt_counter_new();
    fn(w, arg);
    enum rc rc = bbolt_writer_finish(w, &shape);
    must(rc == bbolt_writer_rc(w));
    bbolt_writer_free(w);
    if (rc != RC_OK)
        return rc;
    w = bbolt_writer_new(file, &shape);
    fn(w, arg);
    rc = bbolt_writer_finish(w, &shape);
    must(rc != RC_OK || file->n == bbolt_shape_bytes(&shape));
    bbolt_writer_free(w);
    return rc;
}

static inline struct buf file_of(void (*fn)(struct bbolt_writer *w, void *arg), void *arg)
{
    struct buf file = {0};
    enum rc rc = file_write(fn, arg, &file);
    must(rc == RC_OK);
    return file;
}

struct file_rows {
    unsigned n;
    size_t value_n;
};

static inline void file_put_rows(struct bbolt_writer *w, void *arg)
{
    const struct file_rows *rows = arg;
    struct buf value = {0};
    memset(buf_extend(&value, rows->value_n), 'v', rows->value_n);
    bbolt_bucket_begin(w, SLICE_LIT("a"));
    bbolt_bucket_end(w);
    bbolt_bucket_begin(w, SLICE_LIT("b"));
    for (unsigned i = 0; i < rows->n; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%08u", i);
        bbolt_put(w, slice_str(key), buf_slice(&value));
    }
    bbolt_bucket_end(w);
    bbolt_bucket_begin(w, SLICE_LIT("c"));
    bbolt_put(w, SLICE_LIT("k"), SLICE_LIT("w"));
    bbolt_bucket_end(w);
    buf_fini(&value);
}

/* Bucket "a" is empty, "b" has n rows "00000000" …, each with a value of value_n bytes, "c" has one
 * row. */
static inline struct buf file_make(unsigned n, size_t value_n)
{
    struct file_rows rows = {n, value_n};
    return file_of(file_put_rows, &rows);
}

#endif
