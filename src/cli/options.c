/* SPDX-License-Identifier: MIT
 *
 * Parsing by the tables of options.h. One walk over argv: an argument is an option, the value of
 * the option before it, or an operand. --help and --version end the walk at once, so that they work
 * beside arguments that are missing (but not beside ones that are wrong and come first).
 *
 * Defaults are parsed by the same code as what the user types: a default that is out of its own
 * range fails every run of the command, and so every test of it.
 */
#include "cli/options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX 700 /* bytes of a list of names inside an error text */
#define NAME_MAX_TYPO 64

enum { COMMON_HELP, COMMON_VERSION, COMMON_COUNT };

const struct option options_common[] = {
    [COMMON_HELP] = {.name = "help", .short_name = 'h', .help = "print this text"},
    [COMMON_VERSION] = {.name = "version", .help = "print the version"},
    [COMMON_COUNT] = OPTION_END,
};

struct walk {
    const struct command *command;
    int argc;
    char **argv;
    int at; /* index of the argument being read */
    char *args;
    enum options_outcome outcome;
    struct err *err;
};

static int min3(int a, int b, int c)
{
    int m = a < b ? a : b;
    return m < c ? m : c;
}

/* Edit distance with insertions, deletions, replacements and swaps of neighbours (optimal string
 * alignment); the words are cut to NAME_MAX_TYPO bytes. */
static int edit_distance(const char *a, const char *b)
{
    int rows[3][NAME_MAX_TYPO + 1];
    int n = (int)strnlen(a, NAME_MAX_TYPO), m = (int)strnlen(b, NAME_MAX_TYPO);
    for (int j = 0; j <= m; j++)
        rows[0][j] = j;
    for (int i = 1; i <= n; i++) {
        int *row = rows[i % 3], *last = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int differ = a[i - 1] != b[j - 1];
            row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + differ);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
    }
    return rows[n % 3][m];
}

const char *options_nearest(const char *typed, const char *const *names)
{
    const char *nearest = NULL;
    size_t size = strlen(typed);
    int limit = size < 3 ? 0 : 1 + (int)size / 4, best = limit + 1;
    for (; *names; names++) {
        int distance = edit_distance(typed, *names);
        if (size >= 2 && distance > 1 && strncmp(typed, *names, size) == 0)
            distance = 1; /* the beginning of a name is as good as one slip */
        if (distance < best) {
            best = distance;
            nearest = *names;
        }
    }
    return nearest;
}

/* The option after `o` (the first one after NULL): the command's own, then the common ones. */
static const struct option *next_option(const struct command *command, const struct option *o)
{
    if (o)
        o++;
    else
        o = command->options ? command->options : options_common;
    if (o->name)
        return o;
    return o == &options_common[COMMON_COUNT] ? NULL : options_common;
}

static bool is_name(const char *name, const char *typed, size_t size)
{
    return name && strlen(name) == size && memcmp(name, typed, size) == 0;
}

static const struct option *find_long(const struct command *command, const char *name, size_t size)
{
    const struct option *o = NULL;
    while ((o = next_option(command, o)))
        if (is_name(o->name, name, size) || is_name(o->also, name, size))
            return o;
    return NULL;
}

static const struct option *find_short(const struct command *command, char name)
{
    const struct option *o = NULL;
    while ((o = next_option(command, o)))
        if (o->short_name == name)
            return o;
    return NULL;
}

static enum status unknown_option(const struct walk *w, const char *typed)
{
    enum { MOST = 64 };
    const char *names[MOST + 1] = {NULL};
    size_t count = 0;
    struct str list = str_new(LIST_MAX);
    const struct option *o = NULL;
    while (count < MOST && (o = next_option(w->command, o))) {
        names[count++] = o->name;
        str_format(&list, "%s--%s", count > 1 ? ", " : "", o->name);
    }
    char word[NAME_MAX_TYPO + 1];
    const char *body = typed + strspn(typed, "-");
    size_t size = strcspn(body, "=");
    size = size < NAME_MAX_TYPO ? size : NAME_MAX_TYPO;
    memcpy(word, body, size);
    word[size] = '\0';
    const char *nearest = options_nearest(word, names);
    enum status status = err_set(w->err, ERR_ARGUMENT, "unknown option %.100s%s%s%s; accepted: %s",
                                 typed, nearest ? ", did you mean --" : "", nearest ? nearest : "",
                                 nearest ? "?" : "", str_text(&list));
    str_free(&list);
    return status;
}

static enum status bad_value(const struct option *o, const char *value, const char *accepted,
                             struct err *err)
{
    return err_set(err, ERR_ARGUMENT, "--%s: '%.200s' is not accepted; give %s", o->name, value,
                   accepted);
}

static enum status set_int(const struct option *o, const char *value, int *out, struct err *err)
{
    char *end;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (end == value || *end || errno || (double)number < o->min || (double)number > o->max) {
        char accepted[96];
        snprintf(accepted, sizeof accepted, "a whole number from %.0f to %.0f", o->min, o->max);
        return bad_value(o, value, accepted, err);
    }
    *out = (int)number;
    return OK;
}

static enum status set_double(const struct option *o, const char *value, double *out,
                              struct err *err)
{
    char *end;
    double number = strtod(value, &end);
    if (end == value || *end || !isfinite(number) || number < o->min || number > o->max) {
        char accepted[96];
        snprintf(accepted, sizeof accepted, "a number from %.10g to %.10g", o->min, o->max);
        return bad_value(o, value, accepted, err);
    }
    *out = number;
    return OK;
}

static enum status set_seed(const struct option *o, const char *value, uint64_t *out,
                            struct err *err)
{
    bool hex = value[0] == '0' && (value[1] == 'x' || value[1] == 'X');
    const char *digits = hex ? value + 2 : value;
    char *end;
    errno = 0;
    unsigned long long number = strtoull(digits, &end, hex ? 16 : 10);
    /* strtoull() itself would take a sign, blanks and a second 0x. */
    size_t count = strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789");
    if (count == 0 || digits[count] || errno)
        return bad_value(o, value, "a whole number from 0 to 2^64-1, decimal or 0x", err);
    *out = number;
    return OK;
}

static enum status set_choice(const struct option *o, const char *value, int *out, struct err *err)
{
    struct str list = str_new(LIST_MAX);
    enum status status = OK;
    int i = 0;
    for (; o->choices[i] && strcmp(o->choices[i], value) != 0; i++)
        str_format(&list, "%s%s", i ? (o->choices[i + 1] ? ", " : " or ") : "", o->choices[i]);
    if (o->choices[i])
        *out = i;
    else
        status = bad_value(o, value, str_text(&list), err);
    str_free(&list);
    return status;
}

static enum status operands_add(struct operands *list, const char *text, int position,
                                struct err *err)
{
    /* Grown one at a time: command lines are short, and bounded by the kernel. */
    struct operand *items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (!items)
        return err_no_memory(err, "the command line", (list->count + 1) * sizeof *items);
    list->items = items;
    list->items[list->count++] = (struct operand){.text = text, .position = position};
    return OK;
}

static enum status set_value(const struct option *o, const char *value, int position, void *args,
                             struct err *err)
{
    void *field = (char *)args + o->offset;
    switch (o->kind) {
    case OPTION_FLAG:
        *(bool *)field = true;
        return OK;
    case OPTION_STRING:
        if (!*value) /* mostly a shell variable that is not set */
            return err_set(err, ERR_ARGUMENT, "--%s is given an empty value: --%s %s", o->name,
                           o->name, o->argument);
        *(const char **)field = value;
        return OK;
    case OPTION_STRINGS:
        return operands_add(field, value, position, err);
    case OPTION_INT:
        return set_int(o, value, field, err);
    case OPTION_DOUBLE:
        return set_double(o, value, field, err);
    case OPTION_SEED:
        return set_seed(o, value, field, err);
    case OPTION_CHOICE:
        return set_choice(o, value, field, err);
    case OPTION_KIND_COUNT:
        break;
    }
    return err_set(err, ERR_INTERNAL, "--%s has no kind", o->name);
}

/* Acts on an option whose value (if any) is known. */
static enum status take(struct walk *w, const struct option *o, const char *value)
{
    if (o == &options_common[COMMON_HELP])
        w->outcome = OPTIONS_HELP;
    else if (o == &options_common[COMMON_VERSION])
        w->outcome = OPTIONS_VERSION;
    if (w->outcome != OPTIONS_RUN)
        return OK;
    return set_value(o, value, w->at, w->args, w->err);
}

/* The value of an option that was not attached to it: the next argument. Another option of this
 * command in its place means that the value was forgotten; to force such a value, attach it. */
static enum status next_value(struct walk *w, const struct option *o, const char **value)
{
    const char *next = w->at + 1 < w->argc ? w->argv[w->at + 1] : NULL;
    bool option = next && strncmp(next, "--", 2) == 0 && next[2] &&
                  find_long(w->command, next + 2, strcspn(next + 2, "="));
    if (!next || option)
        return err_set(w->err, ERR_ARGUMENT, "--%s needs a value: --%s %s", o->name, o->name,
                       o->argument);
    w->at++;
    *value = next;
    return OK;
}

static enum status parse_long(struct walk *w, const char *arg)
{
    size_t size = strcspn(arg + 2, "=");
    const char *value = arg[2 + size] == '=' ? arg + 2 + size + 1 : NULL;
    const struct option *o = find_long(w->command, arg + 2, size);
    if (!o)
        return unknown_option(w, arg);
    if (o->kind == OPTION_FLAG && value)
        return err_set(w->err, ERR_ARGUMENT, "--%s takes no value, but was given '%.200s'", o->name,
                       value);
    if (o->kind != OPTION_FLAG && !value) {
        enum status status = next_value(w, o, &value);
        if (status != OK)
            return status;
    }
    return take(w, o, value);
}

static enum status parse_short(struct walk *w, const char *arg)
{
    for (const char *p = arg + 1; *p && w->outcome == OPTIONS_RUN; p++) {
        const struct option *o = find_short(w->command, *p);
        if (!o)
            return unknown_option(w, arg);
        const char *value = p[1] ? p + 1 : NULL;
        enum status status = OK;
        if (o->kind != OPTION_FLAG && !value)
            status = next_value(w, o, &value);
        if (status == OK)
            status = take(w, o, value);
        if (status != OK || o->kind != OPTION_FLAG)
            return status;
    }
    return OK;
}

static enum status parse_operand(struct walk *w, const char *arg)
{
    const struct command *c = w->command;
    if (!c->operand)
        return err_set(w->err, ERR_ARGUMENT,
                       "unexpected argument '%.200s': this command takes options only", arg);
    struct operands *list = (struct operands *)(void *)(w->args + c->operands_offset);
    if (c->operands_max > 0 && list->count >= (size_t)c->operands_max)
        return err_set(w->err, ERR_ARGUMENT, "unexpected argument '%.200s': at most %d %s", arg,
                       c->operands_max, c->operand);
    return operands_add(list, arg, w->at, w->err);
}

/* Options given once must be told apart from their defaults: repeated options have none. */
static enum status set_defaults(const struct walk *w)
{
    for (const struct option *o = w->command->options; o && o->name; o++) {
        if (!o->fallback && o->kind == OPTION_DOUBLE)
            *(double *)(void *)(w->args + o->offset) = NAN; /* absent differs from 0 */
        if (!o->fallback)
            continue;
        enum status status = set_value(o, o->fallback, 0, w->args, w->err);
        if (status != OK)
            return status;
    }
    return OK;
}

static bool is_missing(const struct option *o, const char *args)
{
    const void *field = args + o->offset;
    if (o->kind == OPTION_STRINGS)
        return ((const struct operands *)field)->count == 0;
    return o->kind == OPTION_STRING && !*(const char *const *)field;
}

static enum status check_complete(const struct walk *w)
{
    const struct command *c = w->command;
    for (const struct option *o = c->options; o && o->name; o++)
        if (o->required && is_missing(o, w->args))
            return err_set(w->err, ERR_ARGUMENT, "--%s %s is missing: %s", o->name, o->argument,
                           o->help);
    if (!c->operand)
        return OK;
    const struct operands *list = (const void *)(w->args + c->operands_offset);
    if (list->count < (size_t)c->operands_min)
        return err_set(w->err, ERR_ARGUMENT, "%s is missing: fovea %s %s", c->operand, c->name,
                       c->operand);
    return OK;
}

enum status options_parse(const struct command *command, int argc, char **argv, void *args,
                          enum options_outcome *outcome, struct err *err)
{
    struct walk w = {.command = command, .argc = argc, .argv = argv, .args = args, .err = err};
    bool operands_only = false;
    enum status status = set_defaults(&w);
    for (; status == OK && w.outcome == OPTIONS_RUN && w.at < argc; w.at++) {
        const char *arg = argv[w.at];
        if (operands_only || arg[0] != '-' || !arg[1])
            status = parse_operand(&w, arg);
        else if (strcmp(arg, "--") == 0)
            operands_only = true;
        else
            status = arg[1] == '-' ? parse_long(&w, arg) : parse_short(&w, arg);
    }
    if (status == OK && w.outcome == OPTIONS_RUN)
        status = check_complete(&w);
    *outcome = w.outcome;
    return status;
}

enum status operands_texts(const struct operands *operands, const char ***texts, struct err *err)
{
    size_t size = (operands->count + 1) * sizeof **texts;
    *texts = malloc(size);
    if (!*texts)
        return err_no_memory(err, "the command line", size);
    for (size_t i = 0; i < operands->count; i++)
        (*texts)[i] = operands->items[i].text;
    return OK;
}

void options_free(const struct command *command, void *args)
{
    for (const struct option *o = command->options; o && o->name; o++) {
        if (o->kind != OPTION_STRINGS)
            continue;
        struct operands *list = (void *)((char *)args + o->offset);
        free(list->items);
        *list = (struct operands){0};
    }
    if (!command->operand)
        return;
    struct operands *list = (void *)((char *)args + command->operands_offset);
    free(list->items);
    *list = (struct operands){0};
}
