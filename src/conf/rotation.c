#include "conf/rotation.h"

#include "conf/value.h"

#include <strings.h>
#include <yaml.h>

#define MEGABYTES_DEFAULT 100 /* what 0 stands for */
#define MEGABYTES_MAX     (1 << 20)

/* JSON is YAML: what a flow mapping of plain scalars is, libyaml reads. */
struct member {
    const char *name;
    const char *type; /* as Go calls it */
    int64_t *number;  /* … or a */
    bool *flag;
};

static const struct member *find(const struct member *members, size_t n, const yaml_node_t *key)
{
    for (size_t i = 0; i < n; i++)
        if (key->type == YAML_SCALAR_NODE &&
            strcasecmp((const char *)key->data.scalar.value, members[i].name) == 0)
            return &members[i];
    return NULL;
}

static enum rc set(const struct member *m, const yaml_node_t *value, struct err *err)
{
    const char *text =
        value->type == YAML_SCALAR_NODE ? (const char *)value->data.scalar.value : "";
    bool plain =
        value->type == YAML_SCALAR_NODE && value->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    bool is_bool = strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
    if (plain && strcmp(text, "null") == 0)
        return RC_OK;
    if (plain && m->number && conf_parse_int(text, m->number) == RC_OK)
        return RC_OK;
    if (plain && m->flag && is_bool) {
        *m->flag = text[0] == 't';
        return RC_OK;
    }
    const char *kind = value->type == YAML_MAPPING_NODE    ? "object"
                       : value->type == YAML_SEQUENCE_NODE ? "array"
                       : !plain                            ? "string"
                       : is_bool                           ? "bool"
                                                           : "number";
    return err_set(err, RC_INVALID,
                   "invalid log rotation config: json: cannot unmarshal %s into Go struct field "
                   "logRotationConfig.Logger.%s of type %s",
                   kind, m->name, m->type);
}

static enum rc read_document(yaml_document_t *doc, struct conf_rotation *out, struct err *err)
{
    int64_t max_mb = 0;
    int64_t max_days = 0;
    int64_t backups = 0;
    const struct member members[] = {{"maxsize", "int", &max_mb, NULL},
                                     {"maxage", "int", &max_days, NULL},
                                     {"maxbackups", "int", &backups, NULL},
                                     {"localtime", "bool", NULL, &out->local_time},
                                     {"compress", "bool", NULL, &out->compress}};
    const yaml_node_t *root = yaml_document_get_root_node(doc);
    if (!root || root->type != YAML_MAPPING_NODE)
        return err_set(err, RC_INVALID,
                       "improperly formatted log rotation config: it is no JSON object");
    for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         pair < root->data.mapping.pairs.top; pair++) {
        const struct member *m =
            find(members, ARRAY_LEN(members), yaml_document_get_node(doc, pair->key));
        enum rc rc = m ? set(m, yaml_document_get_node(doc, pair->value), err) : RC_OK;
        if (rc != RC_OK)
            return rc;
    }
    if (max_mb < 0 || max_mb > MEGABYTES_MAX || max_days < 0 || max_days > INT32_MAX ||
        backups < 0 || backups > INT32_MAX)
        return err_set(
            err, RC_INVALID,
            "invalid log rotation config: maxsize is megabytes up to %d, maxage days and "
            "maxbackups a number of files; none is negative",
            MEGABYTES_MAX);
    out->bytes_max = (uint64_t)(max_mb ? max_mb : MEGABYTES_DEFAULT) << 20;
    out->days_max = (uint32_t)max_days;
    out->backups_max = (uint32_t)backups;
    return RC_OK;
}

enum rc conf_rotation_parse(const char *text, struct conf_rotation *out, struct err *err)
{
    struct conf_rotation parsed = {0};
    yaml_document_t doc;
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return err_set(err, RC_LIMIT, "out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
    if (!yaml_parser_load(&parser, &doc)) {
        enum rc rc = err_set(err, RC_INVALID, "improperly formatted log rotation config: %s",
                             parser.problem ? parser.problem : "it is no JSON");
        yaml_parser_delete(&parser);
        return rc;
    }
    enum rc rc = read_document(&doc, &parsed, err);
    yaml_document_delete(&doc);
    yaml_parser_delete(&parser);
    if (rc == RC_OK)
        *out = parsed;
    return rc;
}
