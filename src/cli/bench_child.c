/* SPDX-License-Identifier: MIT
 *
 * See bench_child.h.
 */
#include "cli/bench_child.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "library/tree.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* FIXED_ARGUMENTS: the most of an index run beside the photographs: 16, and the picture. */
enum {
    SEARCHES = 5,
    FIXED_ARGUMENTS = 17,
    LINE_MAX_BYTES = 200,
    PATH_BYTES = 4096,
    INTERRUPTED = 130
};

struct work {
    const struct bench_child_options *options;
    char program[4096]; /* this one's file */
    struct str dir;     /* temporary; empty before it is made */
    char library[PATH_BYTES], picture[PATH_BYTES], complaints[PATH_BYTES];
    char image_size[16], threads[16];
    const char **arguments; /* [FIXED_ARGUMENTS + paths + 1] */
    int count;
    size_t capacity; /* without the NULL at the end */
};

struct ended {
    double seconds, peak_bytes;
};

static void add(struct work *w, const char *argument)
{
    assert((size_t)w->count < w->capacity);
    w->arguments[w->count++] = argument;
    w->arguments[w->count] = NULL;
}

static void begin(struct work *w, const char *command)
{
    const struct bench_child_options *o = w->options;
    w->count = 0;
    add(w, "fovea");
    add(w, command);
    add(w, "--library");
    add(w, w->library);
    add(w, "--precision");
    add(w, precision_names[o->precision]);
    if (o->model) {
        add(w, "--model");
        add(w, o->model);
    }
    if (o->arch) {
        add(w, "--arch");
        add(w, o->arch);
    }
    add(w, "--offline"); /* the parent has the model already */
    if (o->image_size) {
        snprintf(w->image_size, sizeof w->image_size, "%d", o->image_size);
        add(w, "--image-size");
        add(w, w->image_size);
    }
}

/* The last line that the child wrote to stderr says why it failed. */
static enum status say_why(const struct work *w, int how, struct err *err)
{
    struct file_bytes text;
    struct err ignored;
    char line[LINE_MAX_BYTES] = "";
    if (file_read(&text, w->complaints, 1 << 20, &ignored) == OK) {
        size_t end = text.size, begin;
        while (end > 0 && text.data[end - 1] == '\n')
            end--;
        for (begin = end; begin > 0 && text.data[begin - 1] != '\n'; begin--)
            ;
        size_t size = end - begin < sizeof line - 1 ? end - begin : sizeof line - 1;
        if (size > 0)
            memcpy(line, text.data + begin, size);
        line[size] = '\0';
        file_bytes_free(&text);
    }
    return err_set(err, ERR_INTERNAL, "`fovea %s` for the benchmark ended with status %d: %s",
                   w->arguments[1], WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how), line);
}

static enum status run_child(const struct work *w, struct ended *out, struct err *err)
{
    posix_spawn_file_actions_t actions;
    struct rusage usage;
    pid_t pid;
    int how = 0;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, w->complaints, O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
    double start = clock_seconds();
    int why =
        posix_spawn(&pid, w->program, &actions, NULL, (char **)(uintptr_t)w->arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (why != 0)
        return err_errno(err, why, "cannot start %s", w->program);
    while (wait4(pid, &how, 0, &usage) < 0)
        if (errno != EINTR) /* ECHILD: whoever started this program ignores SIGCHLD */
            return err_errno(err, errno, "cannot wait for %s", w->program);
    out->seconds = clock_seconds() - start;
    out->peak_bytes = (double)usage.ru_maxrss * 1024; /* Linux counts in KiB */
    if ((WIFEXITED(how) && WEXITSTATUS(how) == INTERRUPTED) ||
        (WIFSIGNALED(how) && (WTERMSIG(how) == SIGINT || WTERMSIG(how) == SIGTERM)))
        return err_set(err, ERR_CANCELLED, "stopped; the temporary library has been removed");
    return WIFEXITED(how) && WEXITSTATUS(how) == 0 ? OK : say_why(w, how, err);
}

static enum status run_index(struct work *w, struct bench_children *out, struct err *err)
{
    const struct bench_child_options *o = w->options;
    struct ended ended;
    begin(w, "index");
    if (o->threads) {
        snprintf(w->threads, sizeof w->threads, "%d", o->threads);
        add(w, "--threads");
        add(w, w->threads);
    }
    add(w, "--");
    for (size_t i = 0; i < o->count; i++)
        add(w, o->paths[i]);
    add(w, w->picture);
    enum status status = run_child(w, &ended, err);
    out->index_peak_bytes = status == OK ? ended.peak_bytes : 0;
    return status;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static enum status run_searches(struct work *w, struct bench_children *out, struct err *err)
{
    double seconds[SEARCHES];
    struct ended ended = {0};
    begin(w, "search");
    add(w, "foggy mountain at dawn");
    enum status status = run_child(w, &ended, err); /* files come into the page cache */
    for (int i = 0; status == OK && i < SEARCHES; i++) {
        status = run_child(w, &ended, err);
        seconds[i] = ended.seconds;
        if (ended.peak_bytes > out->search_peak_bytes)
            out->search_peak_bytes = ended.peak_bytes;
    }
    if (status != OK)
        return status;
    qsort(seconds, SEARCHES, sizeof *seconds, ascending);
    out->searches = SEARCHES;
    out->search_seconds = seconds[SEARCHES / 2];
    return OK;
}

/* Something to search: a BMP of one pixel. Made by hand, for libvips, once it has been started to
 * write one, cannot be started again. */
static enum status put_picture(const struct work *w, struct err *err)
{
    static const uint8_t bmp[58] = {'B',      'M',      sizeof bmp, [10] = 54, [14] = 40,
                                    [18] = 1, [22] = 1, [26] = 1,   [28] = 24, [54] = 90};
    return file_write(w->picture, bmp, sizeof bmp, err);
}

static enum status open_work(struct work *w, struct err *err)
{
    ssize_t length = readlink("/proc/self/exe", w->program, sizeof w->program - 1);
    if (length <= 0)
        return err_set(err, ERR_UNSUPPORTED, "this system does not tell a program its own file");
    w->program[length] = '\0';
    enum status status = tree_make(&w->dir, "fovea-bench", err);
    if (status != OK)
        return status;
    const char *dir = str_text(&w->dir);
    snprintf(w->library, sizeof w->library, "%s/library.db", dir);
    snprintf(w->picture, sizeof w->picture, "%s/picture.bmp", dir);
    snprintf(w->complaints, sizeof w->complaints, "%s/stderr", dir);
    return put_picture(w, err);
}

static enum status close_work(struct work *w, struct err *err)
{
    enum status status = w->dir.size > 0 ? tree_remove(str_text(&w->dir), err) : OK;
    str_free(&w->dir);
    free(w->arguments);
    return status;
}

enum status bench_children_run(const struct bench_child_options *options,
                               struct bench_children *out, struct err *err)
{
    struct work work = {.options = options, .dir = str_new(PATH_BYTES - 32)};
    struct err ignored;
    *out = (struct bench_children){0};
    work.capacity = FIXED_ARGUMENTS + options->count;
    work.arguments = calloc(work.capacity + 1, sizeof *work.arguments);
    if (!work.arguments)
        return err_no_memory(err, "the arguments", options->count * sizeof *work.arguments);
    enum status status = open_work(&work, err);
    if (status == OK)
        status = run_index(&work, out, err);
    if (status == OK)
        status = run_searches(&work, out, err);
    if (close_work(&work, &ignored) != OK && status == OK)
        status = err_set(err, ignored.status, "%s", ignored.text);
    return status;
}
