/* yaml - the file of --config-file.
 *
 * etcd turns YAML into JSON and that into structs (sigs.k8s.io/yaml), which gives the rules here:
 * keys match without regard to case, null leaves the default, the last of two equal keys counts,
 * unknown keys are passed over. We say so where etcd is silent, and take what it refuses without
 * need: quoted numbers, durations as text, one text where a list stands. */
#include "base/mem.h"
#include "base/must.h"
#include "conf/quote.h"
#include "conf/source.h"
#include "conf/value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#define NESTING_MAX 8 /* etcd's deepest key has four levels; the rest is for merged mappings */

struct reader {
    const char *path;
    yaml_document_t doc;
    struct conf_values *values;
    size_t keys;                             /* visited */
    const yaml_node_t *mapping;              /* being read */
    const yaml_node_t *from[CONF_FLAGS_MAX]; /* the mapping that set a row's value */
    struct err *err;
};

/* Where in the file a sentence points. Columns are left out: editors jump to lines. */
static unsigned line_of(const yaml_node_t *node)
{
    return (unsigned)node->start_mark.line + 1;
}

static struct slice scalar(const yaml_node_t *node)
{
    return slice_of(node->data.scalar.value, node->data.scalar.length);
}

static bool is_plain(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool is_one_of(struct slice text, const char *const *words)
{
    for (; *words; words++) {
        if (slice_eq(slice_str(*words), text))
            return true;
    }
    return false;
}

static bool is_null(const yaml_node_t *node)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    return is_plain(node) && is_one_of(scalar(node), nulls);
}

/* YAML 1.1 has more words for a boolean than Go's flags: "yes", "on". */
static const char *bool_text(struct slice text)
{
    static const char *const yes[] = {"y",  "Y",  "yes",  "Yes",  "YES",  "on",
                                      "On", "ON", "true", "True", "TRUE", NULL};
    static const char *const no[] = {"n",   "N",   "no",    "No",    "NO",    "off",
                                     "Off", "OFF", "false", "False", "FALSE", NULL};
    return is_one_of(text, yes) ? "true" : is_one_of(text, no) ? "false" : NULL;
}

static bool is_digits(struct slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
    }
    return text.n > 0;
}

/* Append one scalar's text. A text with a zero byte in it is no value of ours. */
static enum rc append_scalar(struct reader *r, const yaml_node_t *node, struct buf *out)
{
    if (node->type != YAML_SCALAR_NODE)
        return err_set(r->err, RC_INVALID,
                       "%s:%u: a list or mapping stands where a single value "
                       "must",
                       r->path, line_of(node));
    if (memchr(scalar(node).p, '\0', scalar(node).n))
        return err_set(r->err, RC_INVALID, "%s:%u: a value has a zero byte in it", r->path,
                       line_of(node));
    buf_append_slice(out, scalar(node));
    return RC_OK;
}

/* The text of a value as the flag would take it; a list becomes comma-separated. */
static enum rc node_text(struct reader *r, const struct conf_flag *flag, yaml_node_t *node,
                         struct buf *out)
{
    enum rc rc = RC_OK;
    if (flag->type == CONF_STRINGS && node->type == YAML_SEQUENCE_NODE) {
        const yaml_node_item_t *item = node->data.sequence.items.start;
        for (; rc == RC_OK && item < node->data.sequence.items.top; item++) {
            if (out->n)
                buf_append_u8(out, ',');
            rc = append_scalar(r, yaml_document_get_node(&r->doc, *item), out);
        }
        return rc;
    }
    rc = append_scalar(r, node, out);
    if (rc != RC_OK)
        return rc;
    const char *word = flag->type == CONF_BOOL ? bool_text(buf_slice(out)) : NULL;
    if (word) {
        buf_clear(out);
        buf_append_str(out, word);
    }
    /* A bare number is nanoseconds, as Go's JSON has it. */
    if (flag->type == CONF_DURATION && is_digits(buf_slice(out)))
        buf_append_str(out, "ns");
    return RC_OK;
}

static enum rc set_value(struct reader *r, const struct conf_flag *flag, const char *path,
                         yaml_node_t *node)
{
    struct buf text = {0};
    struct err why = {0};
    char quoted[CONF_QUOTED_MAX];
    enum rc rc = node_text(r, flag, node, &text);
    buf_append_u8(&text, '\0');
    const char *s = (const char *)text.p;
    if (rc == RC_OK && conf_value_check(flag, s, &why) != RC_OK)
        rc = err_set(r->err, RC_INVALID, "%s:%u: invalid value %s for key %s: %s", r->path,
                     line_of(node), conf_quote(slice_str(s), quoted), path, why.text);
    if (rc == RC_OK) {
        const yaml_node_t **from = &r->from[flag - conf_flags];
        if (*from == r->mapping)
            conf_note(&r->values->notes, LOG_WARN,
                      "%s:%u: key %s sets what was set above, and counts alone", r->path,
                      line_of(node), path);
        *from = r->mapping;
        conf_values_set(r->values, flag, CONF_FROM_FILE, s,
                        mem_printf("%s:%u: key %s", r->path, line_of(node), path));
    }
    buf_fini(&text);
    return rc;
}

static enum rc read_mapping(struct reader *r, const char *prefix, yaml_node_t *node,
                            unsigned depth);

static enum rc read_pair(struct reader *r, const char *prefix, const yaml_node_pair_t *pair,
                         unsigned depth)
{
    yaml_node_t *key = yaml_document_get_node(&r->doc, pair->key);
    yaml_node_t *value = yaml_document_get_node(&r->doc, pair->value);
    if (key->type != YAML_SCALAR_NODE)
        return err_set(r->err, RC_INVALID, "%s:%u: a key must be a single word", r->path,
                       line_of(key));
    AUTO(mem_free_at)
    char *path = mem_printf("%s%s%.*s", prefix, *prefix ? "." : "", (int)scalar(key).n,
                            (const char *)scalar(key).p);
    const struct conf_flag *flag = conf_flag_find_yaml(path);
    if (flag)
        return is_null(value) ? RC_OK : set_value(r, flag, path, value);
    if (conf_yaml_is_section(path))
        return is_null(value) ? RC_OK : read_mapping(r, path, value, depth + 1);
    conf_note(&r->values->notes, LOG_WARN, "%s:%u: unknown key %s is ignored", r->path,
              line_of(key), path);
    return RC_OK;
}

static bool is_merge(struct reader *r, const yaml_node_pair_t *pair)
{
    const yaml_node_t *key = yaml_document_get_node(&r->doc, pair->key);
    return is_plain(key) && slice_eq(scalar(key), SLICE_LIT("<<"));
}

/* YAML merge key: the keys of another mapping, or of several, below our own. */
static enum rc read_merged(struct reader *r, const char *prefix, yaml_node_t *node, unsigned depth)
{
    if (node->type != YAML_SEQUENCE_NODE)
        return read_mapping(r, prefix, node, depth + 1);
    /* The first of several wins, so it is read last. */
    for (const yaml_node_item_t *item = node->data.sequence.items.top;
         item > node->data.sequence.items.start; item--) {
        enum rc rc = read_mapping(r, prefix, yaml_document_get_node(&r->doc, item[-1]), depth + 1);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

static enum rc read_mapping(struct reader *r, const char *prefix, yaml_node_t *node, unsigned depth)
{
    if (node->type != YAML_MAPPING_NODE)
        return err_set(r->err, RC_INVALID, "%s:%u: %s must be a mapping (lines of key: value)",
                       r->path, line_of(node), *prefix ? prefix : "the file");
    if (depth > NESTING_MAX)
        return err_set(r->err, RC_LIMIT, "%s:%u: nested too deeply", r->path, line_of(node));
    for (int merges = 1; merges >= 0; merges--) {
        const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
        for (; pair < node->data.mapping.pairs.top; pair++) {
            enum rc rc = RC_OK;
            if (is_merge(r, pair) != merges)
                continue;
            if (++r->keys > CONF_FILE_KEYS_MAX)
                return err_set(r->err, RC_LIMIT, "%s: more than %d keys", r->path,
                               CONF_FILE_KEYS_MAX);
            r->mapping = node;
            if (merges)
                rc = read_merged(r, prefix, yaml_document_get_node(&r->doc, pair->value), depth);
            else
                rc = read_pair(r, prefix, pair, depth);
            if (rc != RC_OK)
                return rc;
        }
    }
    return RC_OK;
}

enum rc conf_read_yaml(const char *path, struct slice bytes, struct conf_values *values,
                       struct err *err)
{
    struct reader r = {.path = path, .values = values, .err = err};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        abort(); /* only for want of memory: base/mem.h */
    yaml_parser_set_input_string(&parser, bytes.p, bytes.n);
    if (!yaml_parser_load(&parser, &r.doc)) {
        enum rc rc = err_set(err, RC_INVALID, "%s:%zu: %s", path, parser.problem_mark.line + 1,
                             parser.problem ? parser.problem : "not YAML");
        yaml_parser_delete(&parser);
        return rc;
    }
    enum rc rc = RC_OK;
    yaml_node_t *root = yaml_document_get_root_node(&r.doc);
    if (root && !is_null(root))
        rc = read_mapping(&r, "", root, 0);
    yaml_document_delete(&r.doc);
    yaml_parser_delete(&parser);
    return rc;
}

enum rc conf_read_file(const char *path, struct conf_values *values, struct err *err)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return err_set(err, rc_of_errno(errno), "cannot open the configuration file %s: %s", path,
                       strerrordesc_np(errno));
    struct buf bytes = {0};
    buf_reserve(&bytes, CONF_FILE_BYTES_MAX + 1);
    errno = 0;
    bytes.n = fread(bytes.p, 1, CONF_FILE_BYTES_MAX + 1, file);
    enum rc rc = RC_OK;
    if (ferror(file))
        rc = err_set(err, rc_of_errno(errno), "cannot read the configuration file %s: %s", path,
                     strerrordesc_np(errno));
    else if (bytes.n > CONF_FILE_BYTES_MAX)
        rc = err_set(err, RC_LIMIT, "the configuration file %s has more than %d bytes", path,
                     CONF_FILE_BYTES_MAX);
    else
        rc = conf_read_yaml(path, buf_slice(&bytes), values, err);
    (void)fclose(file);
    buf_fini(&bytes);
    return rc;
}
