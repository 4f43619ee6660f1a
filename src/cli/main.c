/* SPDX-License-Identifier: MIT
 *
 * From argv to a command's run() and from its error to an exit status. The only place in the
 * program that prints an error or decides how the process ends.
 */
#include "cli/commands.h"
#include "cli/manual.h"
#include "cli/output.h"
#include "cli/report.h"

#include "image/decoder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HELP_MAX (64 << 10)

#define COMMAND_ENTRY(name) &command_##name,
const struct command *const commands[] = {COMMANDS(COMMAND_ENTRY) NULL};
#undef COMMAND_ENTRY

/* A process may be started with stdin, stdout or stderr closed; the next file opened would then get
 * that number, and results would be written into it. Each gets /dev/null, opened the wrong way
 * round so that using it still fails. */
static void hold_standard_files(void)
{
    static const int flags[] = {O_WRONLY, O_RDONLY, O_RDONLY};
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", flags[fd]) != fd)
            abort();
}

static void put_overview(struct str *out)
{
    str_put(out, "fovea: a photo library that can be searched by what is in the pictures\n\n"
                 "Usage: fovea COMMAND [OPTIONS] [ARGUMENTS]\n\nCommands:\n");
    for (const struct command *const *c = commands; *c; c++)
        options_help_row(out, (*c)->name, (*c)->summary, 12);
    str_put(out, "\n'fovea COMMAND --help' explains a command and shows examples.\n"
                 "'fovea --version' prints the version.\n");
}

/* Help that was asked for is a result; a bare `fovea` is a usage error that explains itself. */
static enum status print_overview(bool asked, struct err *err)
{
    struct str text = str_new(HELP_MAX);
    put_overview(&text);
    if (asked)
        output_text(str_text(&text));
    else
        fputs(str_text(&text), stderr);
    str_free(&text);
    return asked ? OK : err_set(err, ERR_ARGUMENT, "%s", "");
}

static enum status print_help(const struct command *command, bool asked, struct err *err)
{
    struct str text = str_new(HELP_MAX);
    options_help(command, &text);
    if (asked)
        output_text(str_text(&text));
    else
        fputs(str_text(&text), stderr);
    str_free(&text);
    return asked ? OK : err_set(err, ERR_ARGUMENT, "%s", "");
}

static const struct command *find(const struct command *const *table, const char *name)
{
    for (; *table; table++) {
        /* A subcommand's name is "model synth"; what is typed is its last word. */
        const char *space = strrchr((*table)->name, ' ');
        if (strcmp(space ? space + 1 : (*table)->name, name) == 0)
            return *table;
    }
    return NULL;
}

static enum status unknown_command(const struct command *const *table, const char *typed,
                                   struct err *err)
{
    enum { MOST = 64 };
    const char *names[MOST + 1] = {NULL};
    struct str list = str_new(800);
    for (size_t i = 0; i < MOST && table[i]; i++) {
        const char *space = strrchr(table[i]->name, ' ');
        names[i] = space ? space + 1 : table[i]->name;
        str_format(&list, "%s%s", i ? ", " : "", names[i]);
    }
    const char *nearest = options_nearest(typed, names);
    enum status status = err_set(err, ERR_ARGUMENT, "unknown command '%.100s'%s%s%s; accepted: %s",
                                 typed, nearest ? ", did you mean " : "", nearest ? nearest : "",
                                 nearest ? "?" : "", str_text(&list));
    str_free(&list);
    return status;
}

static enum status run_command(const struct command *command, int argc, char **argv,
                               struct err *err)
{
    void *args = calloc(1, command->args_size + 1);
    if (!args)
        return err_no_memory(err, "the command line", command->args_size);
    enum options_outcome outcome;
    enum status status = options_parse(command, argc, argv, args, &outcome, err);
    if (status != OK)
        err_prefix(err, "%s", command->name);
    else if (outcome == OPTIONS_HELP)
        status = print_help(command, true, err);
    else if (outcome == OPTIONS_VERSION)
        output_text("fovea " FOVEA_VERSION "\n");
    else if (command->run)
        status = command->run(args, err);
    else
        status = print_help(command, false, err);
    options_free(command, args);
    free(args);
    return status;
}

/* Follows the words of argv down to a command: "model synth …". *used counts the words. A command
 * that runs and has subcommands ("models", "models remove") takes the other words as operands. */
static enum status find_command(int argc, char **argv, const struct command **out, int *used,
                                struct err *err)
{
    const struct command *const *table = commands;
    *out = NULL;
    *used = 0;
    while (table && *used < argc && argv[*used][0] != '-') {
        const struct command *command = find(table, argv[*used]);
        if (!command && *out && (*out)->run) /* an operand of the command itself */
            break;
        if (!command)
            return unknown_command(table, argv[*used], err);
        *out = command;
        table = command->subcommands;
        ++*used;
    }
    return OK;
}

static enum status dispatch(int argc, char **argv, struct err *err)
{
    bool help = argc > 0 && (strcmp(argv[0], "help") == 0 || strcmp(argv[0], "--help") == 0 ||
                             strcmp(argv[0], "-h") == 0);
    if (argc > 0 && strcmp(argv[0], "--version") == 0) {
        output_text("fovea " FOVEA_VERSION "\n");
        return OK;
    }
    argc -= help;
    argv += help;
    if (help && argc == 2 && strcmp(argv[0], "--write-manuals") == 0)
        return manuals_write(commands, argv[1], err);
    const struct command *command;
    int used;
    enum status status = find_command(argc, argv, &command, &used, err);
    if (status != OK)
        return status;
    if (help)
        return command ? print_help(command, true, err) : print_overview(true, err);
    if (command)
        return run_command(command, argc - used, argv + used, err);
    if (argc > 0)
        return err_set(err, ERR_ARGUMENT,
                       "unknown option %.100s before the command; accepted: --help, --version, or "
                       "a command (fovea help lists them)",
                       argv[0]);
    return print_overview(false, err);
}

int main(int argc, char **argv)
{
    hold_standard_files();
    if (argc == 2 && strcmp(argv[1], DECODER_CHILD_ARGUMENT) == 0)
        return decoder_child_main(image_read_here);
    signal(SIGPIPE, SIG_IGN); /* a write then fails with EPIPE, and output.c deals with it */
    struct err err = {0};
    enum status status = dispatch(argc > 0 ? argc - 1 : 0, argv + (argc > 0), &err);
    struct err write_err = {0};
    enum status write_status = output_finish(&write_err);
    if (status != OK)
        return report_error(&err);
    return write_status == OK ? EXIT_DONE : report_error(&write_err);
}
