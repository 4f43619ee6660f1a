/* SPDX-License-Identifier: MIT
 *
 * Memory and files fail at every point in turn (failing.h), in the use cases: a model is opened and
 * run, pictures are indexed, searched, grouped, classified and drawn as a map, a library is
 * exported and read again, thumbnails and sidecars are written, a download is finished, the server
 * is opened and asked.
 *
 * For n = 1, 2, 3, … the n-th operation fails, until the session passes without reaching it. Each
 * time it succeeds all the same, or says in one line why not; an interrupted or a short read or
 * write is no failure at all. Afterwards the library is sound and the same session succeeds. Leaks
 * are the sanitizer's to find. In CI n goes in random steps from a printed seed; FOVEA_TEST_LONG=1
 * takes each call stack that leads to an operation once, FOVEA_TEST_LONG=every every n.
 */
#include "../fuzz/fuzz.h"
#include "../fuzz/rig.h"
#include "failing.h"

#include "base/file.h"
#include "image/image.h"
#include "library/categories.h"
#include "library/classify.h"
#include "library/duplicates.h"
#include "library/exchange.h"
#include "library/find.h"
#include "library/index.h"
#include "library/photo_groups.h"
#include "library/photo_map.h"
#include "library/snapshot.h"
#include "library/thumbs.h"
#include "server/internal.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { SESSIONS_SHORT = 12 }; /* of each scenario and kind */

static struct model *model;
static struct server *server;
static uint64_t state;
static char library[128], folder[128]; /* the library; a place for what is written */

_Noreturn void fuzz_failed(const char *what, const char *file, int line, const char *text)
{
    failing_end();
    fprintf(stderr, "%s:%d: not so: %s%s%s\n", file, line, what, text ? ": " : "",
            text ? text : "");
    abort();
}

/* ---- scenarios ---------------------------------------------------------------------------- */

static enum status run_model(struct err *err)
{
    struct model *m = NULL;
    struct session *session = NULL;
    float vector[RIG_DIM];
    static const uint8_t pixels[28 * 28 * 3] = {200, 100};
    const struct model_options options = {
        .dir = rig_path("model"), .prepared = folder, .precision = PRECISION_F32, .threads = 1};
    const struct session_options sizes = {.threads = 1, .image_batch = 1, .text_batch = 1};
    enum status status = model_open(&m, &options, err);
    if (status == OK)
        status = session_open(&session, m, &sizes, err);
    if (status == OK)
        status = session_encode_images(session, pixels, 1, vector, err);
    if (status == OK)
        status = session_encode_text(session, "a photo of the sea", vector, err);
    session_close(session);
    model_close(m);
    return status;
}

static enum status run_index(struct err *err)
{
    struct store *store = NULL;
    struct thumbs *thumbs = NULL;
    struct index_report report;
    const char *const roots[] = {rig_path("photos")};
    enum status status = store_open(&store, library, STORE_WRITE, err);
    if (status == OK)
        status = thumbs_open(&thumbs, folder, 0, err);
    if (status == OK) {
        const struct index_options options = {
            .roots = roots, .root_count = 1, .threads = 1, .thumbs = thumbs, .retry_failed = true};
        status = index_run(store, model, &options, &report, err);
    }
    thumbs_close(thumbs);
    store_close(store);
    return status;
}

static enum status classify(struct store *store, const struct snapshot *s, struct err *err)
{
    struct categories set = {0};
    struct classification c = {0};
    struct session *session = NULL;
    const struct session_options sizes = {.threads = 1, .text_batch = 4};
    const struct classify_options options = {0};
    float vectors[6 * RIG_DIM];
    enum status status = categories_default(&set, err);
    if (status == OK)
        status = session_open(&session, model, &sizes, err);
    if (status == OK)
        status = categories_encode(&set, session, model_info(model), vectors, err);
    if (status == OK)
        status = classify_run(&c, s->kernels, s->matrix, vectors, set.count, 100, &options, err);
    if (status == OK)
        status = classification_store(&c, store, s->model_id, s->matrix, &set, err);
    classification_free(&c);
    session_close(session);
    categories_free(&set);
    return status;
}

static enum status look(struct store *store, const struct snapshot *s, struct err *err)
{
    struct find_answer answer = {0};
    struct duplicate_groups duplicates = {0};
    struct photo_map map = {0};
    struct photo_groups groups = {0};
    struct filter filter = {0};
    float query[RIG_DIM] = {1};
    const struct find_request request = {
        .query = query, .filter = &filter, .limit = 5, .unique = true, .threads = 1};
    const struct duplicate_options alike = {.tiers = DUPLICATE_TIERS_ALL, .threads = 1};
    struct photo_map_options how = photo_map_defaults;
    struct photo_groups_options named = photo_groups_defaults;
    how.neighbours = 5;
    how.threads = named.threads = 1;
    how.remake = named.remake = true;
    enum status status = filter_add(&filter, FILTER_FORMAT, "png", err);
    if (status == OK)
        status = find(&answer, s, &request, err);
    if (status == OK)
        status = duplicates_find(&duplicates, s, store, &alike, err);
    if (status == OK)
        status = photo_map_get(&map, s, store, &how, err);
    if (status == OK)
        status = photo_groups_get(&groups, s, store, NULL, &named, err);
    find_answer_free(&answer);
    duplicates_free(&duplicates);
    photo_map_free(&map);
    photo_groups_free(&groups);
    return status;
}

static enum status run_library(struct err *err)
{
    struct store *store = NULL;
    const struct snapshot *s = NULL;
    int64_t id;
    enum status status = store_open(&store, library, STORE_WRITE, err);
    if (status == OK)
        status = store_model_active(store, &id, err);
    if (status == OK)
        status = snapshot_open(&s, store, id, SNAPSHOT_BYTES_AUTO, NULL, err);
    if (status == OK)
        status = classify(store, s, err);
    if (status == OK)
        status = look(store, s, err);
    snapshot_unref(s);
    store_close(store);
    return status;
}

static enum status run_exchange(struct err *err)
{
    struct store *store = NULL, *copy = NULL;
    struct exchange_report report;
    char out[160], other[160];
    snprintf(out, sizeof out, "%s/export", folder);
    snprintf(other, sizeof other, "%s/copy", folder);
    enum status status = store_open(&store, library, STORE_READ, err);
    if (status == OK)
        status = export_run(store, out, &report, err);
    if (status == OK)
        status = import_check(out, err);
    if (status == OK)
        status = store_open(&copy, other, STORE_WRITE, err);
    if (status == OK)
        status = import_run(copy, out, &report, err);
    store_close(copy);
    snprintf(other, sizeof other, "%s/backup", folder);
    if (status == OK)
        status = store_backup(store, other, err);
    store_close(store);
    return status;
}

/* A thumbnail made, put and read; a file written. */
static enum status run_files(struct err *err)
{
    struct thumbs *thumbs = NULL;
    struct file_bytes bytes = {0}, again = {0}, text = {0};
    char path[192];
    struct photo_hash hash = {0};
    enum status status = file_read(&bytes, rig_path("photos/a/1.png"), 1 << 20, err);
    if (status == OK)
        XXH128_canonicalFromHash((XXH128_canonical_t *)(void *)hash.bytes,
                                 XXH3_128bits(bytes.data, bytes.size));
    file_bytes_free(&bytes);
    if (status == OK)
        status = thumbs_open(&thumbs, folder, 0, err);
    if (status == OK)
        status =
            thumbs_make(thumbs, &hash, rig_path("photos/a/1.png"), THUMBNAIL_SMALL, &bytes, err);
    if (status == OK && thumbs_has(thumbs, &hash, THUMBNAIL_SMALL)) /* or it was not kept */
        status = thumbs_get(thumbs, &hash, THUMBNAIL_SMALL, &again, err);
    if (status == OK && again.data)
        FUZZ_CHECK(again.size == bytes.size && memcmp(again.data, bytes.data, bytes.size) == 0);
    snprintf(path, sizeof path, "%s/deep/er/file", folder);
    if (status == OK)
        status = dir_make_parent(path, err);
    if (status == OK)
        status = file_write(path, bytes.data, bytes.size, err);
    if (status == OK)
        status = file_read(&text, path, 1 << 20, err);
    if (status == OK)
        FUZZ_CHECK(text.size == bytes.size && memcmp(text.data, bytes.data, text.size) == 0);
    file_bytes_free(&text);
    file_bytes_free(&again);
    file_bytes_free(&bytes);
    thumbs_close(thumbs);
    return status;
}

static enum status run_download(struct err *err)
{
    char final[192];
    snprintf(final, sizeof final, "%s/weights", folder);
    return failing_download(final, err);
}

static enum status open_server(struct err *err)
{
    const struct server_options options = {.listen = "127.0.0.1:0",
                                           .library = library,
                                           .model = model,
                                           .threads = 1,
                                           .thumbnails = folder};
    return server_open(&server, &options, err);
}

static enum status run_server(struct err *err)
{
    enum status status = open_server(err);
    server_close(server);
    server = NULL;
    return status;
}

static const struct ask {
    enum method method;
    const char *target, *body;
} asks[] = {
    {METHOD_GET, "/", NULL},
    {METHOD_GET, "/api/v1/status", NULL},
    {METHOD_GET, "/api/v1/photos?sort=date&limit=5&format=png", NULL},
    {METHOD_GET, "/api/v1/photos/1", NULL},
    {METHOD_GET, "/api/v1/photos/1/similar?limit=3", NULL},
    {METHOD_GET, "/api/v1/photos/2/thumbnail", NULL},
    {METHOD_GET, "/api/v1/photos/3/original", NULL},
    {METHOD_GET, "/api/v1/facets", NULL},
    {METHOD_GET, "/api/v1/duplicates", NULL},
    {METHOD_GET, "/api/v1/duplicates/decisions", NULL},
    {METHOD_GET, "/api/v1/categories", NULL},
    {METHOD_GET, "/images/1.png", NULL},
    {METHOD_POST, "/api/v1/search", "{\"texts\":[{\"text\":\"sea\"}],\"limit\":3}"},
    {METHOD_POST, "/api/search/text", "{\"query\":\"sea\"}"},
    {METHOD_POST, "/api/v1/categories/try",
     "{\"categories\":[{\"name\":\"A\",\"prompts\":[\"a\"]}]}"},
    {METHOD_PUT, "/api/v1/categories/mine",
     "{\"categories\":[{\"name\":\"A\",\"prompts\":[\"a\"]}]}"},
};
enum { ASKS = sizeof asks / sizeof *asks };

static unsigned expected[ASKS]; /* their statuses, when nothing fails */

static unsigned ask(const struct ask *a)
{
    struct exchange x = {.server = server, .method = a->method, .body = (const uint8_t *)a->body};
    struct err err = {0};
    x.headers.host = "localhost";
    x.headers.content_type = a->body ? "application/json" : NULL;
    x.body_size = a->body ? strlen(a->body) : 0;
    enum status status = uri_parse(&x.uri, a->target, &err);
    if (status != OK)
        reply_err(&x, &err);
    else if (gate_check_source(&server->gate, &x) && route_find(&x))
        x.route->run(&x);
    unsigned code = x.reply.status;
    FUZZ_CHECK(x.reply.kind != REPLY_NONE);
    exchange_free_reply(&x);
    uri_free(&x.uri);
    return code;
}

/* Whatever fails, it is not the client's fault. */
static enum status run_handlers(struct err *err)
{
    enum status status = OK;
    for (size_t i = 0; i < ASKS; i++) {
        unsigned code = ask(&asks[i]);
        if (!expected[i])
            expected[i] = code;
        if (code == expected[i])
            continue;
        if (code < 500)
            fprintf(stderr, "%s is answered %u\n", asks[i].target, code);
        FUZZ_CHECK(code >= 500);
        status = err_set(err, ERR_MEMORY, "an answer of %u", code);
    }
    return status;
}

/* ---- failing ------------------------------------------------------------------------------ */

static uint32_t below(uint32_t limit) /* splitmix64 */
{
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) >> 16) % limit;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static void clear_folder(void)
{
    FUZZ_CHECK(nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT);
    FUZZ_CHECK(mkdir(folder, 0777) == 0);
}

/* A name that was not put together for want of memory must not become one of this folder. */
static void check_nothing_here(void)
{
    DIR *d = opendir(".");
    FUZZ_CHECK(d);
    for (const struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.')
            fuzz_failed("nothing is left in the working folder", __FILE__, __LINE__, e->d_name);
    closedir(d);
}

static void check_library(void)
{
    struct store_health health;
    struct err err = {0};
    struct stat st;
    if (stat(library, &st) != 0 || st.st_size == 0) /* it was not begun; the next one makes it */
        return;
    enum status status = store_check(library, &health, &err);
    FUZZ_CHECK_OK(status, &err);
    if (health.problems)
        fuzz_failed("the library is sound", __FILE__, __LINE__, health.first);
}

struct scenario {
    const char *name;
    enum status (*run)(struct err *);
    unsigned kinds;                    /* bits by enum failure */
    uint32_t memory_steps, file_steps; /* in CI, n goes in steps of up to so many */
    bool library_new;                  /* makes it from nothing */
};

#define MEMORY (1u << FAIL_MEMORY | 1u << FAIL_MEMORY_LONG)
#define FILES                                                                                      \
    (1u << FAIL_IO | 1u << FAIL_FULL | 1u << FAIL_FULL_LONG | 1u << FAIL_SHORT | 1u << FAIL_EINTR)

static const struct scenario scenarios[] = {
    {"model", run_model, MEMORY | FILES, 40, 9, false},
    {"index", run_index, MEMORY | FILES, 500, 20, true},
    {"library", run_library, MEMORY, 450, 1, false},
    {"exchange", run_exchange, MEMORY | FILES, 400, 6, false},
    {"files", run_files, MEMORY | FILES, 3, 4, false},
    {"download", run_download, MEMORY | FILES, 6, 3, false},
    {"server", run_server, MEMORY, 350, 1, false},
    {"requests", run_handlers, MEMORY, 450, 1, false},
};

static void remove_library(void)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal", ".lock"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char path[160];
        snprintf(path, sizeof path, "%s%s", library, suffixes[i]);
        unlink(path);
    }
}

/* Whether the n-th operation of the kind was reached; n = 0: one with a new call stack. */
static bool run_once(const struct scenario *s, enum failure kind, long n, bool *failed)
{
    struct err err = {0};
    clear_folder();
    if (s->library_new)
        remove_library();
    if (n)
        failing_plan(kind, n);
    else
        failing_plan_stack(kind);
    enum status status = s->run(&err);
    bool reached = failing_end();
    *failed = status != OK;
    if (status != OK && (!reached || kind == FAIL_SHORT || kind == FAIL_EINTR || !*err.text ||
                         strchr(err.text, '\n'))) {
        fprintf(stderr, "%s, %s, %ld\n", s->name, failure_names[kind], n);
        fuzz_failed("it succeeds, or says why not", __FILE__, __LINE__, err.text);
    }
    check_library();
    check_nothing_here();
    if (*failed)
        FUZZ_CHECK_OK(s->run(&err), &err);
    return reached;
}

enum length { SOME, STACKS, EVERY };

static void run_kind(const struct scenario *s, enum failure kind, enum length length)
{
    long n = 0, sessions = 0, failures = 0;
    bool reached = true, failed;
    uint32_t steps = MEMORY >> kind & 1 ? s->memory_steps : s->file_steps;
    failing_forget();
    for (; reached && (length != SOME || sessions < SESSIONS_SHORT); sessions++) {
        n += length == SOME ? 1 + below(steps) : length == EVERY;
        reached = run_once(s, kind, n, &failed);
        failures += failed;
    }
    printf("%-9s %-20s %5ld sessions, ", s->name, failure_names[kind], sessions);
    if (length == STACKS)
        printf("each of another call stack, ");
    else
        printf("up to operation %ld, ", n);
    printf("%ld ended in an error\n", failures);
    fflush(stdout);
    if (kind == FAIL_MEMORY_LONG)
        FUZZ_CHECK(failures > 0); /* or nothing has failed at all */
}

static void run_scenario(const struct scenario *s, enum length length)
{
    struct err err = {0};
    if (s->run == run_handlers)
        FUZZ_CHECK_OK(open_server(&err), &err);
    clear_folder();
    FUZZ_CHECK_OK(s->run(&err), &err);
    for (enum failure kind = 0; kind < FAIL_KINDS; kind++)
        if (s->kinds >> kind & 1)
            run_kind(s, kind, length);
    server_close(server);
    server = NULL;
}

int main(int argc, char **argv)
{
    const char *seed = getenv("FOVEA_TEST_SEED"), *all = getenv("FOVEA_TEST_LONG");
    enum length length = !all || !*all || strcmp(all, "0") == 0 ? SOME
                         : strcmp(all, "every") == 0            ? EVERY
                                                                : STACKS;
    state = seed ? strtoull(seed, NULL, 0) : 42;
    printf("seed %llu\n", (unsigned long long)state);
    setenv("FOVEA_SANDBOX", "off", 1); /* children are not wrapped */
    failing_open();
    snprintf(library, sizeof library, "%s", rig_path("library"));
    snprintf(folder, sizeof folder, "%s", rig_path("out"));
    model = rig_model();
    rig_pictures();
    rig_index("library", model);
    FUZZ_CHECK(mkdir(rig_path("here"), 0777) == 0 && chdir(rig_path("here")) == 0);
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        if (argc < 2 || strcmp(argv[1], scenarios[i].name) == 0)
            run_scenario(&scenarios[i], length);
    model_close(model);
    return 0;
}
