/* completion - scripts for shells, made from the table. */
#include "base/must.h"
#include "ctl/print.h"

#include <stdio.h>

/* The words that may follow a path: subcommands, and long options behind "--". */
static void words(const struct command *at, struct buf *out)
{
    struct flag_values known = {0};
    for (size_t i = 0; i < commands_n; i++) {
        if ((!at || !at->run) && command_is_below(&commands[i], at))
            buf_printf(out, "%s ", command_name(&commands[i]));
    }
    command_flags(at, &known);
    for (size_t i = 0; i < known.n; i++)
        buf_printf(out, "--%s ", known.v[i].flag->name);
    flag_values_fini(&known);
}

/* `case "path" in …`: one line for each command, and one for the program. */
static void cases(struct buf *out)
{
    buf_append_str(out, "        \"\") words=\"");
    words(NULL, out);
    buf_append_str(out, "\" ;;\n");
    for (size_t i = 0; i < commands_n; i++) {
        buf_printf(out, "        \"%s\") words=\"", commands[i].path);
        words(&commands[i], out);
        buf_append_str(out, "\" ;;\n");
    }
}

static void bash(struct buf *out)
{
    buf_append_str(out, "# completion of etcdctl's commands and options for bash\n"
                        "_etcdctl()\n{\n"
                        "    local path=\"\" words=\"\" word i\n"
                        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                        "        word=${COMP_WORDS[i]}\n"
                        "        [[ $word == -* || ( $i == 1 && $word == ctl ) ]] && continue\n"
                        "        case \" ");
    for (size_t i = 0; i < commands_n; i++)
        buf_printf(out, "|%s", commands[i].path);
    buf_append_str(out, "| \" in\n"
                        "            *\"|${path:+$path }$word|\"*) path=${path:+$path }$word ;;\n"
                        "            *) break ;;\n"
                        "        esac\n"
                        "    done\n"
                        "    case $path in\n");
    cases(out);
    buf_append_str(out, "    esac\n"
                        "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- "
                        "\"${COMP_WORDS[COMP_CWORD]}\")\n"
                        "}\n"
                        "complete -o default -F _etcdctl etcdctl\n");
}

/* zsh runs bash's script. */
static void zsh(struct buf *out)
{
    buf_append_str(out, "#compdef etcdctl\nautoload -U +X bashcompinit && bashcompinit\n");
    struct buf script = {0};
    bash(&script);
    struct slice s = buf_slice(&script);
    static const char mapfile[] = "    mapfile -t COMPREPLY < <(";
    const uint8_t *at = memmem(s.p, s.n, mapfile, sizeof(mapfile) - 1);
    must(at);
    buf_append(out, s.p, (size_t)(at - s.p));
    buf_append_str(out, "    COMPREPLY=($(");
    const uint8_t *rest = at + sizeof(mapfile) - 1;
    const uint8_t *end = memchr(rest, '\n', s.n - (size_t)(rest - s.p));
    must(end);
    buf_append(out, rest, (size_t)(end - rest));
    buf_append_str(out, ")");
    buf_append(out, end, s.n - (size_t)(end - s.p));
    buf_fini(&script);
}

static void fish_command(const struct command *c, struct buf *out)
{
    const char *name = command_name(c);
    size_t parent_n = strlen(c->path) - strlen(name);
    struct flag_values own = {0};
    if (parent_n == 0)
        buf_printf(out, "complete -c etcdctl -n __fish_use_subcommand -a %s -d \"%s\"\n", name,
                   c->brief);
    else
        buf_printf(out,
                   "complete -c etcdctl -n '__fish_seen_subcommand_from %.*s' -a %s -d \"%s\"\n",
                   (int)parent_n - 1, c->path, name, c->brief);
    if (c->flags_n > 0)
        flag_values_add(&own, c->flags, c->flags_n);
    for (size_t i = 0; i < own.n; i++)
        buf_printf(out, "complete -c etcdctl -n '__fish_seen_subcommand_from %s' -l %s%s\n", name,
                   own.v[i].flag->name, own.v[i].flag->type == FLAG_BOOL ? "" : " -r");
    flag_values_fini(&own);
}

static void fish(struct buf *out)
{
    buf_append_str(out, "# completion of etcdctl's commands and options for fish\n");
    for (size_t i = 0; i < global_flags_n; i++)
        buf_printf(out, "complete -c etcdctl -l %s%s\n", global_flags[i].name,
                   global_flags[i].type == FLAG_BOOL ? "" : " -r");
    for (size_t i = 0; i < commands_n; i++)
        fish_command(&commands[i], out);
}

int cmd_completion(struct ctl *ctl)
{
    static const struct {
        const char *name;
        void (*write)(struct buf *out);
    } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    if (ctl->args.n != 1)
        return ctl_fail(EXIT_ERROR, "accepts 1 arg(s), received %zu", ctl->args.n);
    for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
        struct buf out = {0};
        if (strcmp(ctl->args.v[0], shells[i].name) != 0)
            continue;
        shells[i].write(&out);
        print_buf(&out);
        return EXIT_OK;
    }
    return ctl_fail(EXIT_ERROR, "invalid argument \"%s\" for \"%s completion\"", ctl->args.v[0],
                    ctl->program);
}
