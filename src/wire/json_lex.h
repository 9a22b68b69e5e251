/* json_lex - the words of a JSON text (RFC 8259), strictly, with a place for each fault.
 *
 * A cursor whose first failure sticks: read on, and look at `failed` where it matters. Sentences
 * are those of Go's protojson, which etcd's clients see; what they quote of the input is cut. */
#ifndef MOAT_WIRE_JSON_LEX_H
#define MOAT_WIRE_JSON_LEX_H

#include "base/buf.h"
#include "base/rc.h"

#define JSON_DEPTH_MAX 1000 /* nested arrays and objects of a value that is skipped */
#define JSON_WHY_MAX   256  /* bytes of a sentence, terminating zero included */
#define JSON_QUOTE_MAX 64   /* bytes of the input that a sentence repeats */

struct json_lex {
    struct slice all;
    size_t at;
    enum rc failed; /* RC_OK so far */
    char why[JSON_WHY_MAX];
};

/* Fail, unless it has: RC_MALFORMED or RC_LIMIT, with the place pos in front of the sentence. */
void json_fail(struct json_lex *l, enum rc rc, size_t pos, const char *fmt, ...) PRINTF(4, 5);
/* The same for what is no JSON: RC_MALFORMED. */
void json_fail_syntax(struct json_lex *l, size_t pos, const char *fmt, ...) PRINTF(3, 4);
/* The text ended too early. */
void json_fail_end(struct json_lex *l);
/* What stands at pos is a word of JSON in the wrong place, or none at all. */
void json_fail_unexpected(struct json_lex *l, size_t pos);

/* The byte that comes next, behind white space; 0 at the end, and after a failure. */
uint8_t json_peek(struct json_lex *l);
/* Step over c if it comes next. */
bool json_take(struct json_lex *l, uint8_t c);
/* The word null, true or false, if it comes next. */
bool json_take_word(struct json_lex *l, const char *word);
/* A string, which must come next: borrowed from the text, or written to scratch if it has escapes.
 * Always UTF-8. */
struct slice json_string(struct json_lex *l, struct buf *scratch);
/* A number, which must come next, as it is written. */
struct slice json_number(struct json_lex *l);
/* Any value. */
void json_skip(struct json_lex *l, struct buf *scratch);
/* The name of a member and the colon behind it. */
struct slice json_name(struct json_lex *l, struct buf *scratch);

/* Between the members of an object, or the elements of an array, which ends in end: is there
 * another? Call with *first true before the first. Steps over the comma, or over the end. */
bool json_more(struct json_lex *l, uint8_t end, bool *first);

/* Is the number whole, and |it| below 2^64? 1.0 and 1e2 are (protobuf's JSON page). */
MUST_USE bool json_number_whole(struct slice number, bool *negative, uint64_t *out);
/* The length of the number that s begins with; 0: none. */
size_t json_number_len(struct slice s);

/* Where the first value of a text ends that arrives in pieces, told without judging it. Only an
 * object, as every request is, can end before the text does. {0} is before the first byte. */
struct json_span {
    uint32_t depth;
    bool begun;
    bool in_string;
    bool escaped;
};
/* Take bytes up to the end of the value: how many, and whether that was the end. */
size_t json_span_feed(struct json_span *s, struct slice piece, bool *complete);

#endif
