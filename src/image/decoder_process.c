/* SPDX-License-Identifier: MIT
 *
 * See decoder_process.h. The child is started by exec, not left by fork(): libraries with threads
 * do not survive a fork, and a fork would take everything with it that the parent has in memory. It
 * gets an environment of its own, without the user's tokens and passwords.
 *
 * Limits. Processor's time is the kernel's to count: before each picture the child's limit
 * (RLIMIT_CPU) is set to what it has used and what the picture may use. The clock is ours, because
 * a child that sleeps uses none.
 */
#include "image/decoder_process.h"

#if defined __linux__

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    START_MS = 60000,     /* for a machine with much else to do */
    KEPT_BYTES = 64 << 20 /* of memory of either direction */
};

/* --- starting ------------------------------------------------------------------------------ */

/* The memory that both map. Nobody can make it smaller under the other's hands (SIGBUS). */
static enum status make_memory(struct decoder *d, struct err *err)
{
    const off_t size = (off_t)(DECODER_INPUT_BYTES + d->output_bytes);
    d->memory = memfd_create("fovea-decoder", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (d->memory < 0 || ftruncate(d->memory, size) != 0 ||
        fcntl(d->memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return err_errno(err, errno, "cannot make memory for a decoding process");
    void *input = mmap(NULL, DECODER_INPUT_BYTES, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_NORESERVE, d->memory, 0);
    d->input = input != MAP_FAILED ? input : NULL;
    void *output = mmap(NULL, d->output_bytes, PROT_READ, MAP_SHARED | MAP_NORESERVE, d->memory,
                        (off_t)DECODER_INPUT_BYTES);
    d->output = output != MAP_FAILED ? output : NULL;
    return d->input && d->output
               ? OK
               : err_errno(err, errno, "cannot map the memory of a decoding process");
}

struct environment {
    char lines[8][64];
    char *list[24];
    size_t count, made;
};

static void set(struct environment *e, const char *name, uint64_t value)
{
    char *line = e->lines[e->made++];
    snprintf(line, sizeof e->lines[0], "%s=%llu", name, (unsigned long long)value);
    e->list[e->count++] = line;
}

static void pass_on(struct environment *e, char **all, const char *name)
{
    const size_t length = strlen(name);
    for (; *all; all++)
        if (strncmp(*all, name, length) == 0 && (*all)[length] == '=')
            e->list[e->count++] = *all;
}

static void make_environment(struct environment *e, const struct decoder *d,
                             const struct decoder_options *options)
{
    static const char *const passed[] = {"LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS",
                                         "TSAN_OPTIONS", "VIPSHOME"};
    static char no_files[] = "VIPS_DISC_THRESHOLD=1024g"; /* temporary pictures stay in memory */
    *e = (struct environment){.count = 0};
    set(e, DECODER_ENV_OUTPUT, d->output_bytes);
    set(e, DECODER_ENV_MEMORY, (uint64_t)options->memory_bytes);
    set(e, "OMP_NUM_THREADS", 1);
    set(e, "OPENBLAS_NUM_THREADS", 1);
    set(e, "VIPS_NOVECTOR", 1); /* no code is made at run time */
    e->list[e->count++] = no_files;
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++)
        pass_on(e, environ, passed[i]);
}

static int spawn(pid_t *pid, int socket, int memory, char **environment)
{
    static char argument[] = DECODER_CHILD_ARGUMENT, name[] = "fovea";
    char *const argv[] = {name, argument, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&how);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&files, socket, DECODER_SOCKET);
    posix_spawn_file_actions_adddup2(&files, memory, DECODER_MEMORY);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                       POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setsigdefault(&how, &all);
    int failed = posix_spawn(pid, "/proc/self/exe", &files, &how, argv, environment);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    return failed;
}

/* Both files get numbers beyond those that the child will know them by. */
static enum status launch(struct decoder *d, const struct decoder_options *options, struct err *err)
{
    enum { BEYOND = 10 };
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return err_errno(err, errno, "cannot make a socket for a decoding process");
    d->socket = pair[0];
    const int theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, BEYOND);
    const int memory = fcntl(d->memory, F_DUPFD_CLOEXEC, BEYOND);
    struct environment environment;
    make_environment(&environment, d, options);
    int failed = theirs < 0 || memory < 0 ? errno : 0;
    if (!failed)
        failed = spawn(&d->pid, theirs, memory, environment.list);
    close(pair[1]);
    if (theirs >= 0)
        close(theirs);
    if (memory >= 0)
        close(memory);
    if (!failed)
        return OK;
    d->pid = 0;
    return err_errno(err, failed, "cannot start a decoding process");
}

/* As recv(): 0 when the child has ended; -1 and ETIMEDOUT. */
static ssize_t receive(struct decoder *d, void *message, size_t size, int wait_ms)
{
    struct pollfd socket = {d->socket, POLLIN, 0};
    struct timespec begin, now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int left = wait_ms;;) {
        const int ready = poll(&socket, 1, left);
        if (ready > 0)
            return recv(d->socket, message, size, 0);
        if (ready < 0 && errno != EINTR)
            return -1;
        clock_gettime(CLOCK_MONOTONIC, &now);
        const double passed_ms =
            (double)(now.tv_sec - begin.tv_sec) * 1e3 + (double)(now.tv_nsec - begin.tv_nsec) / 1e6;
        if (passed_ms >= wait_ms) {
            errno = ETIMEDOUT;
            return -1;
        }
        left = wait_ms - (int)passed_ms;
    }
}

static enum status be_greeted(struct decoder *d, struct err *err)
{
    const ssize_t n = receive(d, &d->hello, sizeof d->hello, START_MS);
    if (n == (ssize_t)sizeof d->hello && d->hello.magic == DECODER_MAGIC) {
        d->hello.text[sizeof d->hello.text - 1] = '\0';
        return d->hello.status == OK ? OK : err_set(err, ERR_IO, "%s", d->hello.text);
    }
    return err_set(err, ERR_IO, "a decoding process ended, or hung, before it began");
}

enum status decoder_start(struct decoder **out, const struct decoder_options *options,
                          uint64_t output_bytes, struct err *err)
{
    *out = NULL;
    struct decoder *d = calloc(1, sizeof *d);
    if (!d)
        return err_no_memory(err, "a decoding process", sizeof *d);
    d->socket = d->memory = -1;
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    d->output_bytes = (output_bytes + page - 1) / page * page;
    enum status status = make_memory(d, err);
    if (status == OK)
        status = launch(d, options, err);
    if (status == OK)
        status = be_greeted(d, err);
    if (status == OK)
        *out = d;
    else
        decoder_end(d);
    return status;
}

/* --- ending -------------------------------------------------------------------------------- */

/* Its status as waitpid() has it; -1 where somebody else took it. */
static int bury(struct decoder *d)
{
    int status = -1;
    while (waitpid(d->pid, &status, 0) < 0)
        if (errno != EINTR) {
            status = -1;
            break;
        }
    d->pid = 0;
    return status;
}

/* The same, of one that has hung up: it is about to end, unless it only pretends. */
static int bury_soon(struct decoder *d)
{
    enum { TRIES = 500, PAUSE_NS = 2000000 };
    for (int i = 0; i < TRIES; i++) {
        int status = -1;
        const pid_t pid = waitpid(d->pid, &status, WNOHANG);
        if (pid != 0 && !(pid < 0 && errno == EINTR)) {
            d->pid = 0;
            return pid < 0 ? -1 : status;
        }
        nanosleep(&(struct timespec){0, PAUSE_NS}, NULL);
    }
    kill(d->pid, SIGKILL);
    bury(d);
    return -1;
}

bool decoder_is_gone(struct decoder *d)
{
    if (d->pid != 0 && waitpid(d->pid, NULL, WNOHANG) != 0)
        d->pid = 0;
    return d->pid == 0;
}

void decoder_end(struct decoder *d)
{
    if (!d)
        return;
    if (d->pid != 0) {
        kill(d->pid, SIGKILL);
        bury(d);
    }
    if (d->socket >= 0)
        close(d->socket);
    if (d->input)
        munmap(d->input, DECODER_INPUT_BYTES);
    if (d->output)
        munmap((void *)(uintptr_t)d->output, d->output_bytes);
    if (d->memory >= 0)
        close(d->memory);
    free(d);
}

/* The reason that is recorded with the picture. */
static enum status explain(int how, const struct decoder_options *options, bool *again,
                           struct err *err)
{
    const int signal = how != -1 && WIFSIGNALED(how) ? WTERMSIG(how) : 0;
    *again = true;
    switch (signal) {
    case 0:
        return err_set(err, ERR_FORMAT, "its decoder ended without an answer");
    case SIGXCPU:
        *again = false;
        return err_set(err, ERR_LIMIT, "decoding it took more than %d s of processor's time",
                       options->cpu_s);
    case SIGKILL:
        return err_set(err, ERR_MEMORY, "its decoder was killed, perhaps for want of memory");
    case SIGSYS:
        return err_set(err, ERR_FORMAT,
                       "its decoder tried what no decoder may do, and was stopped; the file may "
                       "have been made to attack");
    case SIGABRT:
        return err_set(err, ERR_FORMAT,
                       "its decoder gave up (abort), perhaps for want of memory (limit %lld MB)",
                       (long long)(options->memory_bytes >> 20));
    default:
        return err_set(err, ERR_FORMAT, "its decoder crashed (%s)",
                       signal == SIGSEGV  ? "segmentation fault"
                       : signal == SIGBUS ? "bus error"
                       : signal == SIGFPE ? "arithmetic error"
                       : signal == SIGILL ? "illegal instruction"
                                          : "by a signal");
    }
}

/* --- asking -------------------------------------------------------------------------------- */

static void set_cpu_limit(const struct decoder *d, const struct decoder_options *options)
{
    clockid_t clock;
    struct timespec used;
    struct rlimit limit;
    if (clock_getcpuclockid(d->pid, &clock) != 0 || clock_gettime(clock, &used) != 0 ||
        prlimit(d->pid, RLIMIT_CPU, NULL, &limit) != 0)
        return;
    limit.rlim_cur = (rlim_t)used.tv_sec + 1 + (rlim_t)options->cpu_s;
    if (limit.rlim_cur > limit.rlim_max)
        limit.rlim_cur = limit.rlim_max;
    prlimit(d->pid, RLIMIT_CPU, &limit, NULL);
}

enum status decoder_ask(struct decoder *d, const struct decoder_options *options,
                        const struct decoder_request *request, const void *content,
                        struct decoder_reply *reply, bool *again, struct err *err)
{
    memcpy(d->input, content, request->size);
    d->input_used = request->size;
    set_cpu_limit(d, options);
    ssize_t n = send(d->socket, request, sizeof *request, MSG_NOSIGNAL);
    if (n == (ssize_t)sizeof *request)
        n = receive(d, reply, sizeof *reply, options->wall_s * 1000);
    if (n == (ssize_t)sizeof *reply) {
        d->used = true;
        return OK;
    }
    if (n < 0 && errno == ETIMEDOUT) {
        *again = false;
        return err_set(err, ERR_LIMIT, "decoding it took more than %d s", options->wall_s);
    }
    if (n > 0) { /* no message of ours */
        *again = false;
        return err_set(err, ERR_FORMAT, "its decoder gave an answer that makes no sense");
    }
    return explain(bury_soon(d), options, again, err);
}

static void free_pages(struct decoder *d, uint64_t begin, uint64_t used, uint64_t end)
{
    if (used > KEPT_BYTES)
        fallocate(d->memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  (off_t)(begin + KEPT_BYTES), (off_t)(end - begin - KEPT_BYTES));
}

void decoder_trim(struct decoder *d)
{
    free_pages(d, 0, d->input_used, DECODER_INPUT_BYTES);
    free_pages(d, DECODER_INPUT_BYTES, d->output_used, DECODER_INPUT_BYTES + d->output_bytes);
    d->input_used = d->output_used = 0;
}

#else

enum status decoder_start(struct decoder **out, const struct decoder_options *options,
                          uint64_t output_bytes, struct err *err)
{
    *out = NULL;
    return err_set(err, ERR_UNSUPPORTED, "pictures are decoded in the process itself here");
}

void decoder_end(struct decoder *d)
{
}

bool decoder_is_gone(struct decoder *d)
{
    return true;
}

enum status decoder_ask(struct decoder *d, const struct decoder_options *options,
                        const struct decoder_request *request, const void *content,
                        struct decoder_reply *reply, bool *again, struct err *err)
{
    *again = false;
    return err_set(err, ERR_UNSUPPORTED, "pictures are decoded in the process itself here");
}

void decoder_trim(struct decoder *d)
{
}

#endif
