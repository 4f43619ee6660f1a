/* SPDX-License-Identifier: MIT
 *
 * fovea serve: the API and the page, until Ctrl-C.
 */
#include "cli/commands.h"
#include "cli/decoder_args.h"
#include "cli/library_args.h"
#include "cli/model_args.h"
#include "cli/output.h"
#include "cli/report.h"

#include "base/file.h"
#include "image/image.h"
#include "server/server.h"

#include <errno.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TOKEN_FILE_MAX = 4096, CONNECTIONS_MOST = 65536 };

struct serve_args {
    const char *library, *model, *arch, *listen, *token_file, *thumbnails;
    struct operands origins;
    int image_size, precision, threads, connections;
    bool no_sandbox, offline, yes, open, quiet;
};

static const struct option options[] = {
    {.name = "listen",
     .kind = OPTION_STRING,
     .argument = "HOST:PORT",
     .offset = offsetof(struct serve_args, listen),
     .fallback = "127.0.0.1:8080",
     .help = "where to listen; port 0 takes a free one; anything but this machine's own addresses "
             "needs a token"},
    {.name = "token-file",
     .kind = OPTION_STRING,
     .argument = "FILE",
     .offset = offsetof(struct serve_args, token_file),
     .help = "its first line is the token, 16 characters or more, that every request must have "
             "(but for "
             "/api/health)"},
    {.name = "allow-origin",
     .kind = OPTION_STRINGS,
     .argument = "ORIGIN",
     .offset = offsetof(struct serve_args, origins),
     .help = "pages of this origin (https://HOST[:PORT]) may use the API"},
    {.name = "open",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct serve_args, open),
     .help = "show the page in the browser"},
    {.name = "quiet",
     .short_name = 'q',
     .kind = OPTION_FLAG,
     .offset = offsetof(struct serve_args, quiet),
     .help = "no access log"},
    {.name = "connections",
     .kind = OPTION_INT,
     .argument = "N",
     .offset = offsetof(struct serve_args, connections),
     .fallback = "1024",
     .min = 16,
     .max = CONNECTIONS_MOST,
     .help = "how many may be open at once"},
    {.name = "thumbnails",
     .kind = OPTION_STRING,
     .argument = "DIR",
     .offset = offsetof(struct serve_args, thumbnails),
     .help = "where thumbnails are kept; without it in the user's cache folder"},
    OPTION_LIBRARY(struct serve_args),
    OPTION_LIBRARY_MODEL(struct serve_args),
    OPTION_ARCH(struct serve_args),
    OPTION_IMAGE_SIZE(struct serve_args),
    OPTION_PRECISION(struct serve_args),
    OPTION_OFFLINE(struct serve_args),
    OPTION_YES(struct serve_args),
    OPTION_THREADS(struct serve_args),
    OPTION_NO_SANDBOX(struct serve_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea serve --open", "the page of the library, in the browser"},
    {"fovea serve --listen 0.0.0.0:8080 --token-file ~/.fovea-token", "for the local network"},
    {"fovea serve --allow-origin http://localhost:5173", "for a page of one's own"},
    {NULL, NULL},
};

/* One server, opened in this order and closed in the other. */
struct work {
    struct str library;
    char *token;
    const char **origins;
    struct model *model;
    struct server *server;
};

static enum status read_token(struct work *work, const char *path, struct err *err)
{
    struct file_bytes bytes;
    enum status status = file_read(&bytes, path, TOKEN_FILE_MAX, err);
    if (status != OK)
        return err_prefix(err, "the token");
    size_t length = 0;
    while (length < bytes.size && !strchr("\r\n", bytes.data[length]))
        length++;
    work->token = strndup((const char *)bytes.data, length);
    file_bytes_free(&bytes);
    return work->token ? OK : err_no_memory(err, "the token", length);
}

/* The model that the library was indexed with; the server opens the library itself. */
static enum status open_model(struct work *work, const struct serve_args *args, struct err *err)
{
    struct store *store = NULL;
    int64_t model_id;
    const struct model_request request = {.name = args->model,
                                          .arch = args->arch,
                                          .towers = MODEL_BOTH,
                                          .image_size = args->image_size,
                                          .precision = (enum precision)args->precision,
                                          .threads = args->threads,
                                          .offline = args->offline,
                                          .yes = args->yes};
    enum status status = library_open(&store, args->library, STORE_READ, false, err);
    if (status == OK)
        status = library_model_open(store, &request, &work->model, &model_id, err);
    store_close(store);
    return status;
}

static void log_line(const char *line, void *user)
{
    char text[1100];
    int length = snprintf(text, sizeof text, "%s\n", line);
    if (length > 0 && (size_t)length < sizeof text)
        (void)!write(STDERR_FILENO, text, (size_t)length); /* one write: lines stay whole */
}

/* Without a desktop there is nobody to tell. */
static void show_page(const char *address)
{
    const char *opener = "xdg-open";
#ifdef __APPLE__
    opener = "open";
#endif
    char *const words[] = {(char *)opener, (char *)address, NULL};
#ifdef __linux__
    if (!getenv("DISPLAY") && !getenv("WAYLAND_DISPLAY"))
        return; /* its own search for a browser would end in a page of complaints */
#endif
    pid_t pid;
    if (posix_spawnp(&pid, opener, NULL, NULL, words, environ) != 0)
        report_warning("cannot show the page (no %s); open %s", opener, address);
}

static enum status serve(struct work *work, const struct serve_args *args, struct err *err)
{
    /* Blocked before any thread starts, so that only this one takes them. */
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stop, NULL);
    signal(SIGPIPE, SIG_IGN);
    const struct server_options how = {.listen = args->listen,
                                       .library = str_text(&work->library),
                                       .model = work->model,
                                       .token = work->token,
                                       .origins = work->origins,
                                       .origin_count = args->origins.count,
                                       .connections = args->connections,
                                       .threads = args->threads,
                                       .thumbnails = args->thumbnails,
                                       .log = args->quiet ? NULL : log_line};
    enum status status = server_open(&work->server, &how, err);
    if (status != OK)
        return status;
    output_format("fovea: %s (Ctrl-C stops it)\n", server_address(work->server));
    output_flush();
    if (args->open)
        show_page(server_address(work->server));
    int which;
    sigwait(&stop, &which);
    /* A second one ends the process at once. */
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &stop, NULL);
    report_note("stopping: finishing what is in flight");
    return OK;
}

/* A server runs for weeks. With an arena for each of its threads, and with large blocks that stay
 * in them (glibc raises its threshold for giving them back), it would hold what each thread ever
 * had. */
static void bound_memory(void)
{
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, 4);
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
#endif
}

static enum status run(const void *arguments, struct err *err)
{
    const struct serve_args *args = arguments;
    bound_memory();
    struct work work = {.library = str_new(4096)};
    enum status status = library_path(&work.library, args->library, err);
    if (status == OK && args->token_file)
        status = read_token(&work, args->token_file, err);
    if (status == OK && args->origins.count > 0)
        status = operands_texts(&args->origins, &work.origins, err);
    if (status == OK)
        status = decoder_room_open(args->no_sandbox, err);
    bool images = status == OK;
    if (status == OK)
        status = open_model(&work, args, err);
    if (status == OK)
        status = serve(&work, args, err);
    server_close(work.server);
    model_close(work.model);
    if (images)
        image_room_close();
    free(work.origins);
    free(work.token);
    str_free(&work.library);
    return status;
}

const struct command command_serve = {
    .name = "serve",
    .summary = "search the library in the browser, and over HTTP",
    .about =
        "Serves the page and the API (docs/server.md) for one library, with the model loaded once. "
        "It follows the library: what `fovea index` adds meanwhile is found at once.\n\n"
        "It listens on this machine alone unless told otherwise, and then asks for a token. "
        "Uploaded pictures are searched with and not kept.",
    .options = options,
    .examples = examples,
    .args_size = sizeof(struct serve_args),
    .run = run,
};
