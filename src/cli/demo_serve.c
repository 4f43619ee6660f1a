/* SPDX-License-Identifier: MIT
 *
 * A process of its own, because this one's threads would take the signals that the server waits
 * for. Ctrl-C on a terminal reaches both; this one passes on what reaches it alone, and waits, so
 * that it can tidy up behind the server.
 */
#include "cli/demo_serve.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t server_pid;

static void pass_on(int number)
{
    if (number == SIGTERM && server_pid > 0)
        kill((pid_t)server_pid, SIGTERM);
}

static enum status start(pid_t *pid, const char *const *words, struct err *err)
{
    char program[4096];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0)
        return err_set(err, ERR_UNSUPPORTED, "this system does not tell a program its own file");
    program[length] = '\0';
    int why = posix_spawn(pid, program, NULL, NULL, (char **)(uintptr_t)words, environ);
    return why ? err_errno(err, why, "cannot start %s", program) : OK;
}

enum status demo_serve(const char *library, const char *thumbnails, struct err *err)
{
    const char *const words[] = {"fovea",        "serve",    "--library", library,
                                 "--thumbnails", thumbnails, "--listen",  "127.0.0.1:0",
                                 "--quiet",      "--open",   NULL};
    const struct sigaction passing = {.sa_handler = pass_on};
    pid_t pid = 0;
    enum status status = start(&pid, words, err);
    if (status != OK)
        return status;
    server_pid = (sig_atomic_t)pid;
    sigaction(SIGINT, &passing, NULL);
    sigaction(SIGTERM, &passing, NULL);
    int how;
    while (waitpid(pid, &how, 0) < 0)
        if (errno != EINTR)
            return err_errno(err, errno, "cannot wait for the server");
    /* It has said why. */
    return WIFEXITED(how) && WEXITSTATUS(how) == 0
               ? OK
               : err_set(err, ERR_IO, "the server ended before it was told to");
}
