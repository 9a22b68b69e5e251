/* h2_head - what the fields and the length of an HTTP/2 request may be. RFC 9113 8.1 to 8.3.
 *
 * Pure functions, a field at a time, on what HPACK decoded. A request that breaks a rule is
 * malformed: a stream error PROTOCOL_ERROR. nghttp2 would judge, too, but refuses what etcd's
 * clients send and Go's servers take: whole URLs as :authority, methods without a slash as :path.
 * So a pseudo header may hold what any value may, unless that leaves in doubt where a request
 * ends or which one it is. */
#ifndef MOAT_HTTP_H2_HEAD_H
#define MOAT_HTTP_H2_HEAD_H

#include "base/cc.h"
#include "base/slice.h"

/* Which field it is. CONNECT has no :path, and is a request that is complete and not served. */
enum h2_field { H2_BAD, H2_METHOD, H2_SCHEME, H2_PATH, H2_AUTHORITY, H2_REGULAR };

/* A request as far as it came. {0} begins. */
struct h2_head {
    const char *why; /* after a verdict: what is malformed, for the log */
    uint64_t length; /* content-length, less what came of the body */
    uint8_t pseudo;  /* 1 << enum h2_field of each that came */
    bool regular;    /* pseudo headers are over */
    bool host;       /* there was one */
    bool has_length; /* there was a content-length */
    bool connect;    /* the method */
};

/* Judge the next field of the head. *value loses the spaces and tabs around it, unless it is a
 * pseudo header's. H2_BAD: malformed. */
MUST_USE enum h2_field h2_head_field(struct h2_head *head, struct slice name, struct slice *value);
/* The head is complete. False: malformed. */
MUST_USE bool h2_head_complete(struct h2_head *head);

/* n more bytes of the body. False: malformed, longer than content-length said. */
MUST_USE bool h2_head_body(struct h2_head *head, size_t n);
/* The body is complete. False: malformed, shorter. */
MUST_USE bool h2_head_body_complete(struct h2_head *head);

/* Judge a field of the trailers. False: malformed. */
MUST_USE bool h2_head_trailer(struct h2_head *head, struct slice name, struct slice value);
/* The trailers are complete, and their frame was, or was not, the stream's last. */
MUST_USE bool h2_head_trailers_complete(struct h2_head *head, bool ended);

#endif
