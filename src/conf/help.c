/* help - the table, printed for people. */
#include "conf/conf.h"
#include "conf/table.h"

#define WRAP_COLUMNS 78

#ifdef __clang__
#    define COMPILER __VERSION__
#else
#    define COMPILER "gcc " __VERSION__
#endif

static const char usage[] =
    "Usage:\n"
    "\n"
    "  moat server [flags]          start a server; the same as: etcd [flags]\n"
    "  moat server --version        print versions\n"
    "  moat server -h | --help      print all flags\n"
    "  moat server --config-file F  take the YAML file F alone\n"
    "\n"
    "A flag --some-name may also be set as variable ETCD_SOME_NAME.\n";

void conf_usage(struct buf *out)
{
    buf_append_str(out, usage);
}

void conf_version(struct buf *out)
{
    buf_append_str(out, "etcd Version: " CONF_ETCD_VERSION "\n"
                        "moat Version: " MOAT_VERSION "\n"
                        "Compiler: " COMPILER "\n"
#if defined(__x86_64__)
                        "OS/Arch: linux/amd64\n"
#elif defined(__aarch64__)
                        "OS/Arch: linux/arm64\n"
#else
                        "OS/Arch: linux\n"
#endif
    );
}

static const char *placeholder(const struct conf_flag *flag)
{
    static const char *const words[] = {
        [CONF_BOOL] = "true|false",
        [CONF_CHOICE] = "",
        [CONF_DURATION] = "DURATION",
        [CONF_GATES] = "GATE=true|false,...",
        [CONF_INT] = "N",
        [CONF_STRING] = "TEXT",
        [CONF_STRINGS] = "TEXT,…",
        [CONF_UINT] = "N",
        [CONF_UINT32] = "N",
        [CONF_URLS] = "URL,…",
    };
    return flag->choices ? flag->choices : words[flag->type];
}

/* Append text in lines of at most WRAP_COLUMNS, each after indent spaces. */
static void wrap(struct buf *out, const char *text, int indent)
{
    int column = 0;
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (column == 0) {
            buf_printf(out, "%*s", indent, "");
            column = indent;
        } else if (column + 1 + n > WRAP_COLUMNS) {
            buf_printf(out, "\n%*s", indent, "");
            column = indent;
        } else {
            buf_append_u8(out, ' ');
            column++;
        }
        buf_append(out, text, (size_t)n);
        column += n;
        text += n + (text[n] == ' ');
    }
    buf_append_u8(out, '\n');
}

static bool is_shown(const struct conf_flag *flag)
{
    return flag->state == CONF_WORKS || flag->state == CONF_COMMAND;
}

static bool group_is_shown(enum conf_group group)
{
    for (size_t i = 0; i < conf_flag_count; i++) {
        if (conf_flags[i].group == group && is_shown(&conf_flags[i]))
            return true;
    }
    return false;
}

void conf_help(struct buf *out)
{
    conf_usage(out);
    for (unsigned group = 0; group < CONF_GROUP_COUNT; group++) {
        if (!group_is_shown(group))
            continue;
        buf_printf(out, "\n%s:\n", conf_group_title(group));
        for (size_t i = 0; i < conf_flag_count; i++) {
            const struct conf_flag *flag = &conf_flags[i];
            if (flag->group != group || !is_shown(flag))
                continue;
            buf_printf(out, "  --%s '%s'\n", flag->name, flag->initial);
            wrap(out, flag->help, 4);
        }
    }
    buf_append_str(out,
                   "\nEvery other flag of etcd 3.4 to 3.7 is known, but does not work in this\n"
                   "version or changes nothing in it: see moat-server(8).\n");
}

static void reference_row(struct buf *out, const struct conf_flag *flag)
{
    static const char *const states[] = {
        [CONF_WORKS] = "works",
        [CONF_NO_EFFECT] = "changes nothing: ",
        [CONF_LATER] = "only the default: ",
        [CONF_COMMAND] = "works",
    };
    char key[CONF_ENV_KEY_MAX];
    conf_env_key(flag->name, key);
    buf_printf(out, "| `--%s` | `%s` | ", flag->name, key);
    if (flag->yaml && !*flag->yaml)
        buf_append_str(out, "–");
    else
        buf_printf(out, "`%s`", flag->yaml ? flag->yaml : flag->name);
    buf_append_str(out, " | ");
    if (*flag->initial)
        buf_printf(out, "`%s`", flag->initial);
    buf_printf(out, " | %s | %s | %s%s |\n", flag->help, flag->since, states[flag->state],
               flag->why ? flag->why : "");
}

void conf_reference(struct buf *out)
{
    buf_append_str(out, "# Flags of moat server\n"
                        "\n"
                        "Printed from src/conf/table.c: change it there. *Since* is the first etcd "
                        "version from 3.4 on that has the flag.\n");
    for (unsigned group = 0; group < CONF_GROUP_COUNT; group++) {
        buf_printf(out,
                   "\n## %s\n\n"
                   "| Flag | Variable | Key in the file | Default | Meaning | Since | Here |\n"
                   "|-|-|-|-|-|-|-|\n",
                   conf_group_title(group));
        for (size_t i = 0; i < conf_flag_count; i++) {
            if (conf_flags[i].group == group)
                reference_row(out, &conf_flags[i]);
        }
    }
    buf_append_str(out, "\n## Other names\n\n| Flag | Of etcd | Is now |\n|-|-|-|\n");
    for (size_t i = 0; i < conf_alias_count; i++)
        buf_printf(out, "| `--%s` | %s | `--%s` |\n", conf_aliases[i].name,
                   conf_aliases[i].versions, conf_aliases[i].now);
}

/* scdoc gives *, _ and \ a meaning. */
static void append_scdoc(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("*_\\", *text))
            buf_append_u8(out, '\\');
        buf_append_u8(out, (uint8_t)*text);
    }
}

static void manual_entry(struct buf *out, const struct conf_flag *flag)
{
    buf_printf(out, "\n*--%s*=_", flag->name);
    append_scdoc(out, placeholder(flag));
    buf_append_str(out, "_\n\t");
    append_scdoc(out, flag->help);
    buf_append_u8(out, '.');
    if (*flag->initial) {
        buf_append_str(out, " Default: ");
        append_scdoc(out, flag->initial);
        buf_append_u8(out, '.');
    }
    if (flag->why) {
        buf_append_str(out, flag->state == CONF_LATER
                                ? " In this version only the default is taken: "
                                : " In this version it changes nothing: ");
        append_scdoc(out, flag->why);
        buf_append_u8(out, '.');
    }
    buf_append_u8(out, '\n');
}

void conf_manual(struct buf *out)
{
    buf_append_str(out, "# OPTIONS\n");
    for (unsigned group = 0; group < CONF_GROUP_COUNT; group++) {
        buf_printf(out, "\n## %s\n", conf_group_title(group));
        for (size_t i = 0; i < conf_flag_count; i++) {
            if (conf_flags[i].group == group)
                manual_entry(out, &conf_flags[i]);
        }
    }
}
