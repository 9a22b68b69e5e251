/* reflect - messages made, compared and described by their tables, for tests. */
#ifndef MOAT_TEST_REFLECT_H
#define MOAT_TEST_REFLECT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/rng.h"
#include "wire/etcd.h"
#include "wire/table.h"

const struct wire_message *message_by_name(struct slice name);

/* Every field set by the rule that golden.txt was made by: strings are "<proto name><position>",
 * numbers come from the field's number, repeated fields hold two, sub-messages go four deep, and of
 * a oneof the member (variant + depth) modulo its members is set. */
void message_fill(const struct wire_message *m, unsigned variant, unsigned depth, struct arena *a,
                  void *out);

void message_random(const struct wire_message *m, struct rng *rng, unsigned depth, struct arena *a,
                    void *out);

bool message_equal(const struct wire_message *m, const void *a, const void *b);

/* One line of schema.txt: each field with number, names, type and enum values. */
void message_describe(const struct wire_message *m, struct buf *out);

/* The bytes of lower-case hex. */
struct slice hex_bytes(struct arena *a, struct slice hex);

/* Lines of a text file, and words of a line; false after the last one. */
struct slice file_read(struct arena *a, const char *path);
bool next_line(struct slice *text, struct slice *line);
struct slice next_word(struct slice *line);

#endif
