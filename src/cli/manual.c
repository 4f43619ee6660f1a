/* SPDX-License-Identifier: MIT
 *
 * Manual pages, made from the same tables as the parser and the help. Written in the man(7) macros
 * that groff and mandoc share. Text is escaped byte by byte: what roff would read as a request, a
 * quotation mark or a typographic dash stays what it is, so that options can be copied out of a
 * page; characters beyond ASCII become \[uXXXX]; `code` in a help text becomes bold.
 */
#include "cli/manual.h"

#include "base/file.h"

#include <string.h>

enum { PAGE_MAX = 256 << 10 };

/* --- roff --------------------------------------------------------------------------------- */

/* Appends the character at `text`, and returns what follows it. */
static const char *put_rune(struct str *out, const char *text)
{
    unsigned char lead = (unsigned char)*text++;
    int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    unsigned rune = lead & (0x3fu >> more);
    for (; more > 0 && ((unsigned char)*text & 0xc0) == 0x80; more--)
        rune = rune << 6 | ((unsigned char)*text++ & 0x3fu);
    str_format(out, "\\[u%04X]", rune);
    return text;
}

static void put_character(struct str *out, char c)
{
    static const struct {
        char c;
        const char *roff;
    } special[] = {{'\\', "\\e"},  {'-', "\\-"},   {'\'', "\\(aq"},
                   {'"', "\\(dq"}, {'~', "\\(ti"}, {'^', "\\(ha"}};
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
        if (special[i].c == c) {
            str_put(out, special[i].roff);
            return;
        }
    str_putc(out, c);
}

/* Running text, on a line of its own, with a new line for each of its own. */
static void put_text(struct str *out, const char *text)
{
    bool bold = false;
    const char *begin = text;
    while (*text) {
        if (*text == '`') {
            bold = !bold;
            str_put(out, bold ? "\\fB" : "\\fR");
            text++;
        } else if ((unsigned char)*text >= 0x80) {
            text = put_rune(out, text);
        } else if (*text == '\n') {
            bool paragraph = text[1] == '\n';
            str_put(out, paragraph ? "\n.PP\n" : "\n");
            text += 1 + paragraph;
        } else {
            if (*text == '.' && (text == begin || text[-1] == '\n'))
                str_put(out, "\\&");
            put_character(out, *text++);
        }
    }
    str_put(out, bold ? "\\fR\n" : "\n");
}

static void put_words(struct str *out, const char *text)
{
    for (; *text; text++)
        put_character(out, *text);
}

static void put_head(struct str *out, const char *name, const char *summary)
{
    str_put(out, ".\\\" Made from the program's table of commands.\n.TH \"");
    for (const char *c = name; *c; c++)
        put_character(out, *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c == ' ' ? '-' : *c);
    str_put(out, "\" \"1\" \"\" \"fovea " FOVEA_VERSION "\" \"fovea\"\n.SH NAME\n");
    for (const char *c = name; *c; c++)
        put_character(out, *c == ' ' ? '-' : *c);
    str_put(out, " \\- ");
    put_text(out, summary);
}

/* --- a command ---------------------------------------------------------------------------- */

static void put_synopsis(struct str *out, const struct command *c)
{
    str_put(out, ".B fovea ");
    put_words(out, c->name);
    str_putc(out, '\n');
    if (c->subcommands && !c->run) {
        str_put(out, ".I COMMAND\n[OPTIONS]\n");
        return;
    }
    for (const struct option *o = c->options; o && o->name; o++)
        if (o->required) {
            str_put(out, ".B \\-\\-");
            put_words(out, o->name);
            str_put(out, "\n.I ");
            put_words(out, o->argument);
            str_putc(out, '\n');
        }
    str_put(out, "[OPTIONS]\n");
    if (!c->operand)
        return;
    str_put(out, c->operands_min > 0 ? "\\fI" : "[\\fI");
    put_words(out, c->operand);
    str_format(out, "\\fR%s%s\n", c->operands_min > 0 ? "" : "]",
               c->operands_max == 1 ? "" : " ...");
}

/* What is accepted, and what holds without the option. */
static void put_values(struct str *out, const struct option *o)
{
    if (o->kind == OPTION_STRINGS)
        str_put(out, "May be repeated.\n");
    if (o->choices) {
        str_put(out, "One of ");
        for (int i = 0; o->choices[i]; i++) {
            str_put(out, i ? ", \\fB" : "\\fB");
            put_words(out, o->choices[i]);
            str_put(out, "\\fR");
        }
        str_put(out, ".\n");
    }
    if (o->kind == OPTION_INT || o->kind == OPTION_DOUBLE) {
        struct str range = str_new(128);
        str_format(&range, "From %.10g to %.10g.", o->min, o->max);
        put_text(out, str_text(&range));
        str_free(&range);
    }
    if (o->fallback) {
        str_put(out, "The default is \\fB");
        put_words(out, o->fallback);
        str_put(out, "\\fR.\n");
    }
}

static void put_option(struct str *out, const struct option *o)
{
    str_put(out, ".TP\n");
    if (o->short_name)
        str_format(out, "\\fB\\-%c\\fR, ", o->short_name);
    str_put(out, "\\fB\\-\\-");
    put_words(out, o->name);
    str_put(out, "\\fR");
    if (o->argument) {
        str_put(out, " \\fI");
        put_words(out, o->argument);
        str_put(out, "\\fR");
    }
    str_putc(out, '\n');
    struct str help = str_new(PAGE_MAX);
    size_t size = strlen(o->help);
    str_format(&help, "%s%s", o->help, size && strchr(".?!", o->help[size - 1]) ? "" : ".");
    put_text(out, str_text(&help));
    str_free(&help);
    put_values(out, o);
}

static void put_options(struct str *out, const struct option *options, const char *heading)
{
    str_put(out, heading);
    for (const struct option *o = options; o && o->name; o++)
        put_option(out, o);
    for (const struct option *o = options_common; o->name; o++)
        put_option(out, o);
}

static void put_examples(struct str *out, const struct example *examples, const char *heading)
{
    if (!examples)
        return;
    str_put(out, heading);
    for (const struct example *e = examples; e->command; e++) {
        str_put(out, ".TP\n\\fB");
        put_words(out, e->command);
        str_put(out, "\\fR\n");
        put_text(out, e->what);
    }
}

static void put_subcommand(struct str *out, const struct command *c)
{
    str_put(out, ".SS ");
    put_words(out, c->name);
    str_putc(out, '\n');
    put_text(out, c->summary);
    str_put(out, ".PP\n");
    put_synopsis(out, c);
    if (c->about) {
        str_put(out, ".PP\n");
        put_text(out, c->about);
    }
    put_options(out, c->options, "");
    put_examples(out, c->examples, ".PP\nExamples:\n");
}

void manual_command(const struct command *c, struct str *out)
{
    struct str name = str_new(256);
    str_format(&name, "fovea-%s", c->name);
    put_head(out, str_text(&name), c->summary);
    str_free(&name);
    str_put(out, ".SH SYNOPSIS\n");
    put_synopsis(out, c);
    if (c->about) {
        str_put(out, ".SH DESCRIPTION\n");
        put_text(out, c->about);
    }
    if (c->subcommands) {
        str_put(out, ".SH COMMANDS\n");
        for (const struct command *const *sub = c->subcommands; *sub; sub++)
            put_subcommand(out, *sub);
    }
    put_options(out, c->options, ".SH OPTIONS\n");
    put_examples(out, c->examples, ".SH EXAMPLES\n");
    str_put(out, ".SH SEE ALSO\n.BR fovea (1)\n");
}

/* --- the program -------------------------------------------------------------------------- */

static const struct {
    const char *name, *what;
} variables[] =
    {
        {"FOVEA_LIBRARY", "The library, as --library."},
        {"FOVEA_MODEL", "The model, as --model."},
        {"FOVEA_MODELS",
         "The folder of models; otherwise $HF_HOME/fovea/models, or ~/.cache/fovea/models."},
        {"FOVEA_PREPARED", "Where weights packed for this processor are kept: a folder, or `off`."},
        {"FOVEA_DATA", "The folder of what comes with the program."},
        {"FOVEA_CPU", "Limits the instruction set: `reference`, `avx2`, `avx512` or `neon`."},
        {"HF_HUB_OFFLINE", "If it is 1, nothing is downloaded, as with --offline."},
        {"XDG_DATA_HOME", "Where the library lies, in fovea/; otherwise ~/.local/share."},
        {"XDG_CACHE_HOME", "Where models and thumbnails lie, in fovea/; otherwise ~/.cache."},
},
  statuses[] =
      {
          {"0", "Success."},
          {"1", "A failure: what, why and what to do stand on one line of stderr."},
          {"2", "Something is wrong in the command line."},
          {"130", "Interrupted by Ctrl-C."},
},
  files[] = {
      {"~/.local/share/fovea/library.db", "The library."},
      {"~/.cache/fovea/models", "Models that were downloaded."},
      {"~/.cache/fovea/thumbs", "Thumbnails. They may be deleted at any time."},
};

#define PUT_TABLE(out, table)                                                                      \
    for (size_t i = 0; i < sizeof(table) / sizeof(table)[0]; i++) {                                \
        str_put(out, ".TP\n\\fB");                                                                 \
        put_words(out, (table)[i].name);                                                           \
        str_put(out, "\\fR\n");                                                                    \
        put_text(out, (table)[i].what);                                                            \
    }

void manual_overview(const struct command *const *commands, struct str *out)
{
    put_head(out, "fovea", "a photo library that can be searched by what is in the pictures");
    str_put(out, ".SH SYNOPSIS\n.B fovea\n.I COMMAND\n[OPTIONS] [ARGUMENTS]\n.SH DESCRIPTION\n");
    put_text(out,
             "fovea turns folders of photographs into a library that can be searched by what is in "
             "the pictures: with words or with another picture. It runs open CLIP models on this "
             "machine; nothing leaves it.\n\nResults go to stdout, errors to stderr in one line; "
             "--json gives results to programs. Each command explains itself with --help, and has "
             "a page of its own.");
    str_put(out, ".SH COMMANDS\n");
    for (const struct command *const *c = commands; *c; c++) {
        str_put(out, ".TP\n.BR fovea\\-");
        put_words(out, (*c)->name);
        str_put(out, " (1)\n");
        put_text(out, (*c)->summary);
    }
    str_put(out, ".SH EXIT STATUS\n");
    PUT_TABLE(out, statuses)
    str_put(out, ".SH ENVIRONMENT\n");
    PUT_TABLE(out, variables)
    str_put(out, ".SH FILES\n");
    PUT_TABLE(out, files)
}

/* --- all of them -------------------------------------------------------------------------- */

static enum status write_page(struct str *page, const char *folder, const char *name,
                              struct err *err)
{
    struct str path = str_new(4096);
    str_format(&path, "%s/%s", folder, name);
    enum status status = OK;
    if (!str_ok(page) || !str_ok(&path))
        status = err_no_memory(err, "a manual page", page->size);
    else
        status = file_write(str_text(&path), page->data, page->size, err);
    str_clear(page);
    str_free(&path);
    return status;
}

enum status manuals_write(const struct command *const *commands, const char *folder,
                          struct err *err)
{
    static const struct {
        const char *name;
        void (*make)(const struct command *const *, struct str *);
    } whole[] = {{"fovea.1", manual_overview},
                 {"fovea", completion_bash},
                 {"_fovea", completion_zsh},
                 {"fovea.fish", completion_fish}};
    struct str page = str_new(PAGE_MAX), name = str_new(256);
    enum status status = OK;
    for (size_t i = 0; status == OK && i < sizeof whole / sizeof whole[0]; i++) {
        whole[i].make(commands, &page);
        status = write_page(&page, folder, whole[i].name, err);
    }
    for (; status == OK && *commands; commands++) {
        manual_command(*commands, &page);
        str_clear(&name);
        str_format(&name, "fovea-%s.1", (*commands)->name);
        status = write_page(&page, folder, str_text(&name), err);
    }
    str_free(&name);
    str_free(&page);
    return status;
}
