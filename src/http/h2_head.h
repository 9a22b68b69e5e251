/* h2_head - what the fields and the length of an HTTP/2 request may be. RFC 9113 8.1 to 8.3.
 *
 * Pure functions, a field at a time, on what HPACK decoded. A request that breaks a rule is
 * malformed: a stream error PROTOCOL_ERROR. nghttp2 can judge the same, but as strictly as a
 * browser's site would want it: etcd's clients name whole URLs as :authority and methods without a
 * slash as :path, and Go's servers take both. So a value may be here what Go's servers let it be,
 * where nothing but the reader of that value can tell. */
#ifndef MOAT_HTTP_H2_HEAD_H
#define MOAT_HTTP_H2_HEAD_H

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
enum h2_field h2_head_field(struct h2_head *head, struct slice name, struct slice *value);
/* The head is complete. False: malformed. */
bool h2_head_complete(struct h2_head *head);

/* n more bytes of the body. False: malformed, longer than content-length said. */
bool h2_head_body(struct h2_head *head, size_t n);
/* The body is complete. False: malformed, shorter. */
bool h2_head_body_complete(struct h2_head *head);

/* Judge a field of the trailers. False: malformed. */
bool h2_head_trailer(struct h2_head *head, struct slice name, struct slice value);
/* The trailers are complete, and their frame was, or was not, the stream's last. */
bool h2_head_trailers_complete(struct h2_head *head, bool ended);

#endif
