/* SPDX-License-Identifier: MIT
 *
 * The declarative side of the command line. A command is a const struct command: what it is called,
 * which options and operands it takes, examples, and the function that does it. From that one
 * description come the parser, the error messages and the help text, so they cannot disagree.
 *
 * Values land in a struct of the command's own: each option names the offset of its field, and the
 * option's kind decides the field's type. main.c zero-initialises that struct, fills in the
 * defaults, parses, and calls run().
 *
 *     struct greet_args { const char *name; bool loud; struct operands people; };
 *     static const struct option options[] = {
 *         {.name = "name", .short_name = 'n', .kind = OPTION_STRING, .argument = "NAME",
 *          .offset = offsetof(struct greet_args, name), .help = "who greets"},
 *         OPTION_END,
 *     };
 *
 * Syntax: --name=VALUE, --name VALUE, -nVALUE, -n VALUE, grouped short flags, `--` ends the
 * options. A later value replaces an earlier one. Every error is an ERR_ARGUMENT in one line that
 * says what is wrong and what is accepted.
 */
#ifndef FOVEA_CLI_OPTIONS_H
#define FOVEA_CLI_OPTIONS_H

#include "base/status.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One operand, or one value of an option that may be repeated. `position` orders them along the
 * command line, across options and operands. */
struct operand {
    const char *text;
    int position;
};
struct operands {
    struct operand *items; /* [count], owned by the args struct, freed by options_free() */
    size_t count;
};

enum option_kind {                 /* type of the field at `offset` */
                   OPTION_FLAG,    /* bool; takes no value */
                   OPTION_STRING,  /* const char *; not empty; NULL when absent */
                   OPTION_STRINGS, /* struct operands; may be repeated */
                   OPTION_INT,     /* int; min .. max */
                   OPTION_DOUBLE,  /* double; min .. max; NAN when absent and without a fallback */
                   OPTION_SEED,    /* uint64_t; decimal or 0x… */
                   OPTION_CHOICE,  /* int: index into `choices` */
                   OPTION_KIND_COUNT, /* (how many there are) */
};

struct option {
    const char *name; /* without the dashes; NULL ends a table */
    char short_name;  /* 0: none */
    const char *also; /* a second name, which the help does not list; NULL: none */
    enum option_kind kind;
    const char *argument; /* "FILE"; NULL for a flag */
    size_t offset;
    const char *fallback;       /* the default, as the user would write it; NULL: none */
    const char *const *choices; /* OPTION_CHOICE: what is accepted, NULL-terminated */
    double min, max;            /* OPTION_INT, OPTION_DOUBLE */
    bool required;
    const char *help; /* without a final period; the default is added to it */
};
#define OPTION_END                                                                                 \
    {                                                                                              \
        .name = NULL                                                                               \
    }

/* --help and --version, which every command has; they have no field. */
extern const struct option options_common[];

struct example {
    const char *command; /* NULL ends a table */
    const char *what;    /* "the vectors of two phrases" */
};

struct command {
    const char *name;    /* as typed: "embed", "model synth" */
    const char *summary; /* one line of the overview: "print the vectors of texts and pictures" */
    const char *about;   /* paragraphs, separated by "\n\n"; wrapped by the help */
    const struct option *options;
    const struct example *examples;
    const struct command *const
        *subcommands;               /* NULL-terminated; without run(), excludes all below */
    const char *operand;            /* "IMAGE"; NULL: the command takes none */
    int operands_min, operands_max; /* operands_max 0: any number */
    size_t operands_offset;         /* of a struct operands in the args struct */
    size_t args_size;
    /* Results go to stdout through output.h. main.c prints the error: run() only returns it. */
    enum status (*run)(const void *args, struct err *err);
};

enum options_outcome { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION };

/* argv: what follows the command's name. `args` must be zeroed, has args_size bytes, and borrows
 * strings from argv; call options_free() also after an error. */
MUST_USE enum status options_parse(const struct command *, int argc, char **argv, void *args,
                                   enum options_outcome *outcome, struct err *err);
void options_free(const struct command *, void *args);

/* The texts of operands in their order, as an array to be freed with free(). */
MUST_USE enum status operands_texts(const struct operands *, const char ***texts, struct err *err);

/* The entry of `names` (NULL-terminated) that `typed` is a likely misspelling of, or NULL. */
const char *options_nearest(const char *typed, const char *const *names);

/* The help text of a command (and, where it has subcommands, their overview). */
void options_help(const struct command *, struct str *out);
/* Two columns, the second one wrapped; the layout of every list in the help. */
void options_help_row(struct str *out, const char *left, const char *right, int left_width);

#endif
