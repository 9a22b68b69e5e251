#include "cmd/utl.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct flag global_flags[] = {
    {"timeout", FLAG_DURATION, "10s",
     "time to wait to obtain a file lock on db file, 0 to block indefinitely"},
    {"write-out", FLAG_STRING, "simple",
     "set the output format (fields, json, protobuf, simple, table)", 'w'},
};

/* ---- Words and flags ---- */

static const char *last_word(const struct utl_command *c)
{
    const char *space = strrchr(c->path, ' ');
    return space ? space + 1 : c->path;
}

static bool is_below(const struct utl_command *c, const struct utl_command *parent)
{
    size_t n = parent ? strlen(parent->path) : 0;
    if (!parent)
        return !strchr(c->path, ' ');
    return strncmp(c->path, parent->path, n) == 0 && c->path[n] == ' ';
}

static const struct utl_command *below(const struct utl_command *parent, const char *word)
{
    for (size_t i = 0; i < utl_commands_n; i++)
        if (is_below(&utl_commands[i], parent) && strcmp(last_word(&utl_commands[i]), word) == 0)
            return &utl_commands[i];
    return NULL;
}

static void add_flags(const struct utl_command *c, struct flag_values *values,
                      const struct flag *help)
{
    if (c && c->flags_n > 0)
        flag_values_add(values, c->flags, c->flags_n);
    flag_values_add(values, global_flags, ARRAY_LEN(global_flags));
    flag_values_add(values, help, 1);
}

/* Does the flag at word take the word behind it? One that is not known does, as for cobra. */
static bool takes_next(const char *word)
{
    static const char *const alone[] = {"-h", "--help", "--force", "--skip-hash-check",
                                        "--mark-compacted"};
    for (size_t i = 0; i < ARRAY_LEN(alone); i++)
        if (strcmp(word, alone[i]) == 0)
            return false;
    return !strchr(word, '=') && (word[1] == '-' || !word[2]);
}

/* The command, as deep as its words go; they are removed from argv. */
static void find_command(struct utl *utl, int *argc, char **argv)
{
    int i = 0;
    while (i < *argc && !(utl->command && utl->command->run)) {
        const struct utl_command *next = NULL;
        if (strcmp(argv[i], "--") == 0)
            return;
        if (argv[i][0] == '-' && argv[i][1]) {
            i += takes_next(argv[i]) ? 2 : 1;
            continue;
        }
        next = below(utl->command, argv[i]);
        if (!next)
            return;
        utl->command = next;
        memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof(*argv));
        --*argc;
    }
}

static enum rc refuse_missing(const struct utl *utl, struct err *err)
{
    struct buf names = {0};
    for (size_t i = 0; i < ARRAY_LEN(utl->command->required); i++) {
        const char *name = utl->command->required[i];
        if (name && !flag_changed(&utl->flags, name))
            buf_printf(&names, "%s\"%s\"", names.n ? ", " : "", name);
    }
    enum rc rc = RC_OK;
    if (names.n)
        rc = err_set(err, RC_INVALID, "required flag(s) %.*s not set", (int)names.n,
                     (const char *)names.p);
    buf_fini(&names);
    return rc;
}

enum rc utl_parse(struct utl *utl, int argc, char **argv, struct err *err)
{
    static const struct flag help = {"help", FLAG_BOOL, NULL, NULL, 'h'};
    static const char *const formats[FORMAT_COUNT] = {"simple", "json", "table", "fields"};
    find_command(utl, &argc, argv);
    add_flags(utl->command, &utl->flags, &help);
    enum rc rc = flag_values_parse(&utl->flags, argc, argv, &utl->args, err);
    if (rc != RC_OK)
        return RC_INVALID;
    while (utl->format < FORMAT_COUNT &&
           strcmp(formats[utl->format], flag_string(&utl->flags, "write-out")) != 0)
        utl->format++;
    if (!utl->command || !utl->command->run || flag_bool(&utl->flags, "help"))
        return RC_OK;
    return refuse_missing(utl, err);
}

void utl_fini(struct utl *utl)
{
    flag_args_fini(&utl->args);
    flag_values_fini(&utl->flags);
}

/* ---- Help ---- */

static void subcommands(const struct utl_command *c, struct buf *out)
{
    buf_append_str(out, "\nAvailable Commands:\n");
    for (size_t i = 0; i < utl_commands_n; i++)
        if (is_below(&utl_commands[i], c))
            buf_printf(out, "  %-11s %s\n", last_word(&utl_commands[i]), utl_commands[i].brief);
}

static void own_flags(const struct utl_command *c, struct buf *out)
{
    char *text = mem_printf("help for %s", c ? last_word(c) : "etcdutl");
    const struct flag help = {"help", FLAG_BOOL, NULL, text, 'h'};
    struct flag_values values = {0};
    if (c && c->flags_n > 0)
        flag_values_add(&values, c->flags, c->flags_n);
    if (!c)
        flag_values_add(&values, global_flags, ARRAY_LEN(global_flags));
    flag_values_add(&values, &help, 1);
    buf_append_str(out, "\nFlags:\n");
    flags_usage(&values, out);
    flag_values_fini(&values);
    free(text);
    if (!c)
        return;
    flag_values_add(&values, global_flags, ARRAY_LEN(global_flags));
    buf_append_str(out, "\nGlobal Flags:\n");
    flags_usage(&values, out);
    flag_values_fini(&values);
}

void utl_usage(const struct utl_command *c, struct buf *out)
{
    const char *space = c ? " " : "";
    const char *path = c ? c->path : "";
    const char *usage = c && c->run ? c->usage : "[command]";
    buf_printf(out, "Usage:\n  etcdutl%s%s%s%s\n", space, path, *usage ? " " : "", usage);
    if (!c || !c->run)
        subcommands(c, out);
    own_flags(c, out);
    if (!c || !c->run)
        buf_printf(out,
                   "\nUse \"etcdutl%s%s [command] --help\" for more information about a command.\n",
                   space, path);
}

/* ---- Completion ---- */

/* The words that may follow a command: subcommands, shells, flags. */
static void words(const struct utl_command *c, const char *between, struct buf *out)
{
    static const struct flag help = {"help", FLAG_BOOL, NULL, NULL, 'h'};
    struct flag_values values = {0};
    for (size_t i = 0; i < utl_commands_n; i++)
        if ((!c || !c->run) && is_below(&utl_commands[i], c))
            buf_printf(out, "%s%s", last_word(&utl_commands[i]), between);
    if (c && strcmp(c->path, "completion") == 0)
        buf_printf(out, "bash%szsh%sfish%spowershell%s", between, between, between, between);
    add_flags(c, &values, &help);
    for (size_t i = 0; i < values.n; i++)
        buf_printf(out, "--%s%s", values.v[i].flag->name, i + 1 < values.n ? between : "");
    flag_values_fini(&values);
}

/* For each command, and the program itself: begin, its path, middle, its words, end. */
static void each(const char *begin, const char *middle, const char *between, const char *end,
                 struct buf *out)
{
    for (size_t i = 0; i <= utl_commands_n; i++) {
        const struct utl_command *c = i < utl_commands_n ? &utl_commands[i] : NULL;
        buf_printf(out, "%s%s%s", begin, c ? c->path : "", middle);
        words(c, between, out);
        buf_append_str(out, end);
    }
}

/* For bash, and for zsh by its bashcompinit. */
static void bourne(struct buf *out)
{
    buf_append_str(out, "_etcdutl()\n{\n"
                        "    local path=\"\" words=\"\" i\n"
                        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                        "        [[ ${COMP_WORDS[i]} == -* ]] && continue\n"
                        "        path=\"${path:+$path }${COMP_WORDS[i]}\"\n"
                        "    done\n"
                        "    case $path in\n");
    each("        \"", "\") words=\"", " ", "\" ;;\n", out);
    buf_append_str(out,
                   "    esac\n"
                   "    COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
                   "}\n"
                   "complete -o default -F _etcdutl etcdutl\n");
}

static void fish(struct buf *out)
{
    buf_append_str(out, "function __etcdutl_words\n"
                        "    switch (string join ' ' (string match -v -- '-*' "
                        "(commandline -opc)[2..-1]))\n");
    each("        case '", "'\n            printf '%s\\n' ", " ", "\n", out);
    buf_append_str(out, "    end\n"
                        "end\n"
                        "complete -c etcdutl -a '(__etcdutl_words)'\n");
}

static void powershell(struct buf *out)
{
    buf_append_str(out, "Register-ArgumentCompleter -Native -CommandName etcdutl -ScriptBlock {\n"
                        "    param($word, $tree, $position)\n"
                        "    $words = @{\n");
    each("        '", "' = '", "','", "'\n", out);
    buf_append_str(out, "    }\n"
                        "    $path = ($tree.CommandElements | Select-Object -Skip 1 |\n"
                        "        ForEach-Object { \"$_\" } |\n"
                        "        Where-Object { $_ -ne $word -and -not $_.StartsWith('-') }) "
                        "-join ' '\n"
                        "    $words[$path] | Where-Object { $_ -like \"$word*\" }\n"
                        "}\n");
}

bool utl_completion(const char *shell, struct buf *out)
{
    if (strcmp(shell, "zsh") == 0)
        buf_append_str(out, "#compdef etcdutl\nautoload -U +X bashcompinit && bashcompinit\n");
    if (strcmp(shell, "bash") == 0 || strcmp(shell, "zsh") == 0)
        bourne(out);
    else if (strcmp(shell, "fish") == 0)
        fish(out);
    else if (strcmp(shell, "powershell") == 0)
        powershell(out);
    return out->n > 0;
}
