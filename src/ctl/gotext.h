/* gotext - numbers, times and quotes as Go writes and reads them.
 *
 * etcdctl is a Go program, and its output and its complaints are those of Go's library: strconv,
 * time.Duration, fmt's %q, and go-humanize for sizes. */
#ifndef MOAT_CTL_GOTEXT_H
#define MOAT_CTL_GOTEXT_H

#include "base/buf.h"
#include "base/err.h"

/* %q: in double quotes, with escapes for what is not printable. */
void go_quote(struct slice text, struct buf *out);

/* %x of bytes, with \x before each: how etcdctl prints keys with --hex. */
void go_hex(struct slice bytes, struct buf *out);

/* A duration in nanoseconds: "1.5ms", "2m0s". */
void go_duration(int64_t ns, struct buf *out);
MUST_USE enum rc go_duration_parse(const char *text, int64_t *ns, struct err *err);

/* base 0: by the prefix (0x, 0o, 0b, 0). err has strconv's sentence. */
MUST_USE enum rc go_int_parse(const char *text, int base, int64_t *v, struct err *err);
MUST_USE enum rc go_uint_parse(const char *text, int base, uint64_t *v, struct err *err);
MUST_USE enum rc go_bool_parse(const char *text, bool *v, struct err *err);

/* An errno as Go says it: "no such file or directory". */
void go_errno(int error, struct buf *out);

/* A size by powers of 1000: "20 kB", "2.1 GB". */
void go_size(uint64_t bytes, struct buf *out);

#endif
