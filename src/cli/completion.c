/* SPDX-License-Identifier: MIT
 *
 * Completions for bash, zsh and fish, made from the same tables as the parser: commands,
 * subcommands, options, what an option accepts where that is a list, files and folders where it is
 * one. The scripts run nothing of fovea's: they are right as of the build they came with.
 */
#include "cli/manual.h"

#include <string.h>

enum { DESCRIPTION_MAX = 72 };

enum takes { TAKES_TEXT, TAKES_FILE, TAKES_FOLDER };

/* What an option or an operand takes, by the name of its argument in the help. */
static enum takes takes(const char *argument)
{
    static const struct {
        const char *argument;
        enum takes takes;
    } known[] = {{"FILE", TAKES_FILE},  {"OUT", TAKES_FILE},   {"OUT.png", TAKES_FILE},
                 {"IMAGE", TAKES_FILE}, {"PHOTO", TAKES_FILE}, {"CONFIG.json", TAKES_FILE},
                 {"MODEL", TAKES_FILE}, {"DIR", TAKES_FOLDER}};
    for (size_t i = 0; argument && i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].argument, argument) == 0)
            return known[i].takes;
    return TAKES_TEXT;
}

static const char *last_word(const struct command *c)
{
    const char *space = strrchr(c->name, ' ');
    return space ? space + 1 : c->name;
}

static void each(const struct command *const *commands, struct str *out,
                 void (*put)(const struct command *, struct str *))
{
    for (; *commands; commands++) {
        put(*commands, out);
        if ((*commands)->subcommands)
            each((*commands)->subcommands, out, put);
    }
}

/* The beginning of a help text, as one line shows it: to the first clause's end. */
static size_t description_size(const char *text)
{
    size_t size = strcspn(text, ";\n("), full = size;
    if (size > DESCRIPTION_MAX) {
        size = DESCRIPTION_MAX;
        while (size > 0 && text[size] != ' ')
            size--;
    }
    while (size > 0 && strchr(" ,.", text[size - 1]) && size <= full)
        size--;
    return size;
}

/* Inside single quotes; `escape`: characters that get a backslash within them. */
static void put_quoted(struct str *out, const char *text, size_t size, const char *escape)
{
    for (size_t i = 0; i < size && text[i]; i++) {
        if (text[i] == '\'')
            str_put(out, "'\\'");
        else if (strchr(escape, text[i]))
            str_putc(out, '\\');
        str_putc(out, text[i] == '`' ? '"' : text[i]);
    }
}

/* --- bash --------------------------------------------------------------------------------- */

static void bash_path(const struct command *c, struct str *out)
{
    const char *last = last_word(c);
    str_format(out, "            \"%.*s/%s\") command=\"%s\" ;;\n",
               last > c->name ? (int)(last - c->name - 1) : 0, c->name, last, c->name);
}

static void bash_value(const struct command *c, const struct option *o, struct str *out)
{
    if (o->kind == OPTION_FLAG)
        return;
    str_format(out, "        \"%s:--%s\"", c->name, o->name);
    if (o->short_name)
        str_format(out, " | \"%s:-%c\"", c->name, o->short_name);
    str_put(out, ") ");
    if (o->choices) {
        str_put(out, "_fovea_words \"");
        for (int i = 0; o->choices[i]; i++)
            str_format(out, "%s%s", i ? " " : "", o->choices[i]);
        str_putc(out, '"');
    } else {
        static const char *const actions[] = {":", "_fovea_files -f", "_fovea_files -d"};
        str_put(out, actions[takes(o->argument)]);
    }
    str_put(out, "; return ;;\n");
}

static void bash_values(const struct command *c, struct str *out)
{
    for (const struct option *o = c->options; o && o->name; o++)
        bash_value(c, o, out);
}

static void bash_names(const struct option *o, struct str *out)
{
    for (; o && o->name; o++) {
        str_format(out, " --%s", o->name);
        if (o->short_name)
            str_format(out, " -%c", o->short_name);
    }
}

static void bash_command(const struct command *c, struct str *out)
{
    static const char *const actions[] = {":", "_fovea_files -f", "_fovea_files -d"};
    str_format(out, "        \"%s:-\"*) _fovea_words \"", c->name);
    bash_names(c->options, out);
    bash_names(options_common, out);
    str_format(out, "\" ;;\n        \"%s:\"*) ", c->name);
    if (c->subcommands) {
        str_put(out, "_fovea_words \"");
        for (const struct command *const *sub = c->subcommands; *sub; sub++)
            str_format(out, " %s", last_word(*sub));
        str_putc(out, '"');
    } else {
        str_put(out, actions[takes(c->operand)]);
    }
    str_put(out, " ;;\n");
}

void completion_bash(const struct command *const *commands, struct str *out)
{
    str_put(out, "# bash completion for fovea. Made from the program's table of commands.\n\n"
                 "_fovea_words() { mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\"); }\n\n"
                 "_fovea_files() {\n"
                 "    compopt -o filenames 2>/dev/null\n"
                 "    mapfile -t COMPREPLY < <(compgen \"$1\" -- \"$cur\")\n"
                 "}\n\n"
                 "_fovea() {\n"
                 "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
                 "    local command='' i\n"
                 "    COMPREPLY=()\n"
                 "    # Bash takes --name=value apart at the sign.\n"
                 "    if [[ $cur == = ]]; then\n"
                 "        cur=\n"
                 "    elif [[ $prev == = ]] && ((COMP_CWORD > 1)); then\n"
                 "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
                 "    fi\n"
                 "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                 "        case \"$command/${COMP_WORDS[i]}\" in\n"
                 "            /help) ;;\n");
    each(commands, out, bash_path);
    str_put(out, "            *) break ;;\n        esac\n    done\n"
                 "    case \"$command:$prev\" in\n");
    each(commands, out, bash_values);
    str_put(out, "    esac\n    case \"$command:$cur\" in\n"
                 "        \":-\"*) _fovea_words \"--help --version\" ;;\n"
                 "        \":\"*) _fovea_words \"help");
    for (const struct command *const *c = commands; *c; c++)
        str_format(out, " %s", (*c)->name);
    str_put(out, "\" ;;\n");
    each(commands, out, bash_command);
    str_put(out, "    esac\n}\n\ncomplete -F _fovea fovea\n");
}

/* --- zsh ---------------------------------------------------------------------------------- */

/* "_fovea_model_synth" */
static void zsh_function(const struct command *c, struct str *out)
{
    str_put(out, "_fovea_");
    for (const char *p = c->name; *p; p++)
        str_putc(out, *p == ' ' || *p == '-' ? '_' : *p);
}

static void zsh_action(const char *argument, const char *const *choices, struct str *out)
{
    static const char *const actions[] = {" ", "_files", "_files -/"};
    str_putc(out, ':');
    put_quoted(out, argument, strlen(argument), ":");
    str_putc(out, ':');
    if (!choices) {
        str_put(out, actions[takes(argument)]);
        return;
    }
    str_putc(out, '(');
    for (int i = 0; choices[i]; i++)
        str_format(out, "%s%s", i ? " " : "", choices[i]);
    str_putc(out, ')');
}

static void zsh_options(const struct option *o, struct str *out)
{
    for (; o && o->name; o++) {
        bool value = o->kind != OPTION_FLAG;
        const char *again = o->kind == OPTION_STRINGS ? "*" : "";
        for (int form = o->short_name ? 0 : 1; form < 2; form++) {
            str_format(out, "        '%s", again);
            if (form == 0)
                str_format(out, "-%c%s[", o->short_name, value ? "+" : "");
            else
                str_format(out, "--%s%s[", o->name, value ? "=" : "");
            put_quoted(out, o->help, description_size(o->help), "[]\\");
            str_putc(out, ']');
            if (value)
                zsh_action(o->argument, o->choices, out);
            str_put(out, "' \\\n");
        }
    }
}

static void zsh_list(const struct command *const *commands, struct str *out)
{
    str_put(out, "    local -a names=(\n");
    for (; *commands; commands++) {
        str_format(out, "        '%s:", last_word(*commands));
        put_quoted(out, (*commands)->summary, description_size((*commands)->summary), "\\:");
        str_put(out, "'\n");
    }
    str_put(out, "    )\n");
}

static void zsh_dispatch(const struct command *const *commands, struct str *out)
{
    str_put(out, "        case $line[1] in\n");
    for (; *commands; commands++) {
        str_format(out, "            %s) ", last_word(*commands));
        zsh_function(*commands, out);
        str_put(out, " ;;\n");
    }
    str_put(out, "        esac ;;\n    esac\n");
}

static void zsh_command(const struct command *c, struct str *out)
{
    zsh_function(c, out);
    str_put(out, "() {\n");
    if (c->subcommands) {
        str_put(out, "    local state line\n");
        zsh_list(c->subcommands, out);
    }
    str_format(out, "    _arguments %s-s -S \\\n", c->subcommands ? "-C " : "");
    zsh_options(c->options, out);
    zsh_options(options_common, out);
    if (c->subcommands) {
        str_put(out, "        '1: :->name' '*:: :->rest'\n    case $state in\n"
                     "    name) _describe command names ;;\n    rest)\n");
        zsh_dispatch(c->subcommands, out);
    } else if (c->operand) {
        str_format(out, "        '%s", c->operands_max == 1 ? "1" : "*");
        zsh_action(c->operand, NULL, out);
        str_put(out, "'\n");
    } else {
        str_put(out, "        && return\n");
    }
    str_put(out, "}\n\n");
}

void completion_zsh(const struct command *const *commands, struct str *out)
{
    str_put(out, "#compdef fovea\n# Made from the program's table of commands.\n\n");
    each(commands, out, zsh_command);
    str_put(out, "_fovea() {\n    local state line\n");
    zsh_list(commands, out);
    str_put(out, "    _arguments -C '(-)--help[print this text]' '(-)--version[print the version]' "
                 "'1: :->name' '*:: :->rest'\n    case $state in\n"
                 "    name) _describe command names ;;\n    rest)\n");
    zsh_dispatch(commands, out);
    str_put(out, "}\n\n_fovea \"$@\"\n");
}

/* --- fish --------------------------------------------------------------------------------- */

static void fish_option(const struct command *c, const struct option *o, struct str *out)
{
    str_format(out, "complete -c fovea -n '__fovea_at %s' -l %s", c->name, o->name);
    if (o->short_name)
        str_format(out, " -s %c", o->short_name);
    if (o->choices) {
        str_put(out, " -x -a '");
        for (int i = 0; o->choices[i]; i++)
            str_format(out, "%s%s", i ? " " : "", o->choices[i]);
        str_putc(out, '\'');
    } else if (o->kind != OPTION_FLAG) {
        static const char *const actions[] = {" -x", " -r -F",
                                              " -x -a '(__fish_complete_directories)'"};
        str_put(out, actions[takes(o->argument)]);
    }
    str_put(out, " -d '");
    for (size_t i = 0, size = description_size(o->help); i < size; i++) {
        if (strchr("'\\", o->help[i]))
            str_putc(out, '\\');
        str_putc(out, o->help[i]);
    }
    str_put(out, "'\n");
}

static void fish_command(const struct command *c, struct str *out)
{
    for (const struct option *o = c->options; o && o->name; o++)
        fish_option(c, o, out);
    for (const struct option *o = options_common; o->name; o++)
        fish_option(c, o, out);
    for (const struct command *const *sub = c->subcommands; sub && *sub; sub++)
        str_format(out, "complete -c fovea -n '__fovea_at %s' -a %s -d '%s'\n", c->name,
                   last_word(*sub), (*sub)->summary);
    enum takes what = takes(c->operand);
    if (c->operand && what != TAKES_TEXT)
        str_format(out, "complete -c fovea -n '__fovea_at %s' %s\n", c->name,
                   what == TAKES_FILE ? "-F" : "-a '(__fish_complete_directories)'");
}

void completion_fish(const struct command *const *commands, struct str *out)
{
    str_put(out, "# fish completion for fovea. Made from the program's table of commands.\n\n"
                 "function __fovea_at --description 'the command line begins with these words'\n"
                 "    set -l words (commandline -opc)\n"
                 "    set -l last (math (count $argv) + 1)\n"
                 "    test (count $words) -ge $last; and test \"$words[2..$last]\" = \"$argv\"\n"
                 "end\n\n"
                 "function __fovea_begins\n    test (count (commandline -opc)) -eq 1\nend\n\n"
                 "complete -c fovea -f\n");
    for (const struct command *const *c = commands; *c; c++) {
        str_format(out, "complete -c fovea -n __fovea_begins -a %s -d '", (*c)->name);
        put_quoted(out, (*c)->summary, strlen((*c)->summary), "");
        str_put(out, "'\n");
    }
    each(commands, out, fish_command);
}
