/* SPDX-License-Identifier: MIT
 *
 * The help text, made from the same tables as the parser: usage line, description, options,
 * examples. 80 columns whatever the terminal, so that it reads the same in a pager, in a bug report
 * and in the README.
 */
#include "cli/options.h"

#include <string.h>

#define COLUMNS 80
#define LEFT_MAX 30 /* a left column wider than this has its text on the next line */

static void put_spaces(struct str *out, int count)
{
    for (int i = 0; i < count; i++)
        str_putc(out, ' ');
}

/* Columns of UTF-8 text as far as the help uses it: one per character. */
static int columns(const char *text, size_t size)
{
    int n = 0;
    for (size_t i = 0; i < size; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

/* Words of `text` with the lines broken before COLUMNS; the cursor is at column `at`, later lines
 * begin at `indent`. A '\n' in the text breaks the line too. Ends with a newline. */
static void put_wrapped(struct str *out, const char *text, int at, int indent)
{
    bool first = true;
    while (*text) {
        size_t size = strcspn(text, " \n");
        int width = columns(text, size);
        if (!first && at + 1 + width > COLUMNS) {
            str_putc(out, '\n');
            put_spaces(out, indent);
            at = indent;
        } else if (!first) {
            str_putc(out, ' ');
            at++;
        }
        str_append(out, text, size);
        at += width;
        first = false;
        text += size;
        if (*text == '\n') {
            str_putc(out, '\n');
            if (text[1] != '\n' && text[1])
                put_spaces(out, indent);
            at = indent;
            first = true;
        }
        text += *text != '\0';
    }
    str_putc(out, '\n');
}

void options_help_row(struct str *out, const char *left, const char *right, int left_width)
{
    int width = columns(left, strlen(left));
    put_spaces(out, 2);
    str_put(out, left);
    if (width > left_width) {
        str_putc(out, '\n');
        put_spaces(out, 2 + left_width + 2);
    } else {
        put_spaces(out, left_width + 2 - width);
    }
    put_wrapped(out, right, 2 + left_width + 2, 2 + left_width + 2);
}

static void put_left(struct str *out, const struct option *o)
{
    str_clear(out);
    if (o->short_name)
        str_format(out, "-%c, --%s", o->short_name, o->name);
    else
        str_format(out, "    --%s", o->name);
    if (o->argument)
        str_format(out, " %s", o->argument);
}

/* The help, and in parentheses what is accepted and what holds without the option:
 * "how many (1 to 1000; default: 12)". */
static void put_right(struct str *out, const struct option *o)
{
    struct str values = str_new(1024);
    for (int i = 0; o->choices && o->choices[i]; i++)
        str_format(&values, "%s%s", i ? ", " : "", o->choices[i]);
    if (o->kind == OPTION_INT || o->kind == OPTION_DOUBLE)
        str_format(&values, "%.10g to %.10g", o->min, o->max);
    if (o->fallback)
        str_format(&values, "%sdefault: %s", values.size ? "; " : "", o->fallback);
    str_clear(out);
    str_put(out, o->help);
    if (o->kind == OPTION_STRINGS)
        str_put(out, "; may be repeated");
    if (values.size)
        str_format(out, " (%s)", str_text(&values));
    str_free(&values);
}

static void put_options(struct str *out, const struct option *options)
{
    struct str left = str_new(256), right = str_new(4096);
    const struct option *tables[] = {options, options_common};
    int width = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t t = 0; t < 2; t++)
            for (const struct option *o = tables[t]; o && o->name; o++) {
                put_left(&left, o);
                int w = (int)left.size;
                if (pass == 0 && w > width && w <= LEFT_MAX)
                    width = w;
                if (pass == 0)
                    continue;
                put_right(&right, o);
                options_help_row(out, str_text(&left), str_text(&right), width);
            }
    str_free(&left);
    str_free(&right);
}

static void put_usage(struct str *out, const struct command *c)
{
    str_format(out, "Usage: fovea %s", c->name);
    if (c->subcommands && !c->run) {
        str_put(out, " COMMAND [OPTIONS]\n");
        return;
    }
    for (const struct option *o = c->options; o && o->name; o++)
        if (o->required)
            str_format(out, " --%s %s", o->name, o->argument);
    str_put(out, " [OPTIONS]");
    if (c->operand)
        str_format(out, c->operands_min > 0 ? " %s%s" : " [%s]%s", c->operand,
                   c->operands_max == 1 ? "" : "...");
    str_putc(out, '\n');
}

void options_help(const struct command *c, struct str *out)
{
    str_format(out, "fovea %s: %s\n\n", c->name, c->summary);
    put_usage(out, c);
    if (c->about) {
        str_putc(out, '\n');
        put_wrapped(out, c->about, 0, 0);
    }
    if (c->subcommands) {
        str_put(out, "\nCommands:\n");
        for (const struct command *const *sub = c->subcommands; *sub; sub++)
            options_help_row(out, (*sub)->name, (*sub)->summary, 16);
    }
    str_put(out, "\nOptions:\n");
    put_options(out, c->options);
    if (!c->examples)
        return;
    str_put(out, "\nExamples:\n");
    for (const struct example *e = c->examples; e->command; e++)
        str_format(out, "  %s\n      %s\n", e->command, e->what);
}
