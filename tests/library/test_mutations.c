/* SPDX-License-Identifier: MIT
 *
 * A folder lives, and the library follows: files are made, changed, moved, renamed, exchanged,
 * copied, linked, damaged and removed at random, with their sidecars and with rules that leave some
 * of them out. Now and then an index run looks at the folder, or at a part of it, and often it is
 * killed. In the end one run is left alone; the library then has to be the one that a first run
 * over the final folder makes: the same paths with the same sizes and times, failures, contents,
 * metadata and vectors.
 *
 * Steps follow from the seed alone, so a failure is replayed with FOVEA_TEST_SEED=N (the moments of
 * the kills are the machine's). FOVEA_TEST_LONG=N runs N seeds of 2000 steps.
 *
 * Every change gives a file a time it never had, as time does: what a run without --verify cannot
 * see is another content behind the same size and mtime. The seeds with an odd number make such
 * changes, too, and let the last run verify.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "clip/synth.h"
#include "image/image.h"
#include "library/index.h"
#include "../temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CONTENTS = 24,       /* pictures there are */
    DAMAGED = 2,         /* and contents that are none */
    PADDED_BYTES = 2048, /* of each, so that sizes tell nothing */
    STEPS = 150,
    SEEDS = 4,
    LONG_STEPS = 2000,
    NAME_BYTES = 512,
};

static const char config[] =
    "{\"model_cfg\": {\"embed_dim\": 16, \"quick_gelu\": true,"
    " \"vision_cfg\": {\"image_size\": 28, \"patch_size\": 14, \"width\": 32, \"head_width\": 16,"
    " \"layers\": 1},"
    " \"text_cfg\": {\"context_length\": 77, \"vocab_size\": 49408, \"width\": 16, \"heads\": 1,"
    " \"layers\": 1}}, \"preprocess_cfg\": {}}";

static char dir[64], program[4096];
static uint8_t contents[CONTENTS + DAMAGED][PADDED_BYTES];

/* --- chance -------------------------------------------------------------------------------- */

static uint64_t state_of_chance;

static unsigned chance(unsigned below)
{
    state_of_chance += 0x9e3779b97f4a7c15u;
    uint64_t z = state_of_chance;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (unsigned)((z ^ (z >> 31)) % below);
}

/* --- the folder ---------------------------------------------------------------------------- */

static const char *in_dir(const char *name)
{
    static char paths[8][NAME_BYTES];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

static const char *const folders[] = {"", "a", "a/b", "a/b/c", "d", "d e", "f\ng", "h.jpg"};
static const char *const names[] = {"1.png",     "2.png",         "3.jpg",    "IMG_1.JPG",
                                    "img_1.jpg", "new\nline.png", "\xff.png", "sp ace.png",
                                    "1.tar.png", "1.jpg"};
#define COUNT(array) ((unsigned)(sizeof(array) / sizeof *(array)))

static const char *some_folder(void)
{
    static char path[NAME_BYTES];
    const char *folder = folders[chance(COUNT(folders))];
    snprintf(path, sizeof path, "%s/photos%s%s", dir, *folder ? "/" : "", folder);
    return path;
}

static const char *some_path(void)
{
    static char paths[4][NAME_BYTES * 2];
    static int next;
    char *path = paths[next++ % 4];
    const char *folder = some_folder();
    snprintf(path, sizeof paths[0], "%s/%s", folder, names[chance(COUNT(names))]);
    return path;
}

/* A time that no file had before. */
static void set_new_time(const char *path)
{
    static int64_t tick;
    tick++;
    const struct timespec t = {.tv_sec = 1500000000 + tick, .tv_nsec = 1000 * (tick % 1000) + 1};
    const struct timespec times[2] = {t, t};
    (void)!utimensat(AT_FDCWD, path, times, 0); /* what is not there, has none */
}

static void put(const char *path, const void *bytes, size_t size)
{
    struct err err;
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return;
    if (dir_make_parent(path, &err) == OK && file_write(path, bytes, size, &err) == OK)
        set_new_time(path);
}

static void put_content(const char *path)
{
    put(path, contents[chance(COUNT(contents))], PADDED_BYTES);
}

static void move(const char *from, const char *to)
{
    struct err err;
    struct stat st;
    if (lstat(from, &st) == 0 && dir_make_parent(to, &err) == OK)
        (void)!rename(from, to);
}

/* Of the test's own folder; names have no quotes in them. */
static void remove_tree(const char *path)
{
    char command[NAME_BYTES * 2];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

static void remove_library(const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm", ".lock"};
    char name[NAME_BYTES + 8];
    for (unsigned i = 0; i < COUNT(endings); i++) {
        snprintf(name, sizeof name, "%s%s", path, endings[i]);
        (void)!unlink(name);
    }
}

/* --- steps --------------------------------------------------------------------------------- */

static void step_create(void)
{
    put_content(some_path());
}

static void step_remove(void)
{
    (void)!unlink(some_path());
}

static void step_move(void)
{
    const char *from = some_path();
    move(from, some_path());
}

static void step_exchange(void)
{
    const char *a = some_path(), *b = some_path();
    const char *aside = in_dir("aside");
    move(a, aside);
    move(b, a);
    move(aside, b);
    (void)!unlink(aside);
}

static void step_touch(void)
{
    set_new_time(some_path());
}

/* With its time, as backups and `cp -p` do. */
static void step_copy(void)
{
    struct file_bytes bytes;
    struct err err;
    struct stat st;
    const char *from = some_path(), *to = some_path();
    if (file_read(&bytes, from, 1 << 20, &err) != OK)
        return;
    if (stat(from, &st) == 0) {
        put(to, bytes.data, bytes.size);
        const struct timespec times[2] = {st.st_mtim, st.st_mtim};
        (void)!utimensat(AT_FDCWD, to, times, 0);
    }
    file_bytes_free(&bytes);
}

/* In place, through whatever links there are. */
static void step_overwrite(void)
{
    const char *path = some_path();
    int fd = open(path, O_WRONLY);
    if (fd < 0)
        return;
    const uint8_t *content = contents[chance(COUNT(contents))];
    assert_int_equal(write(fd, content, PADDED_BYTES), PADDED_BYTES);
    close(fd);
    set_new_time(path);
}

static void step_link(void)
{
    const char *from = some_path(), *to = some_path();
    struct err err;
    if (dir_make_parent(to, &err) != OK)
        return;
    switch (chance(5)) {
    case 0:
        (void)!symlink("nowhere.png", to);
        break;
    case 1:
        (void)!symlink(strrchr(to, '/') + 1, to); /* itself: cannot be looked at */
        break;
    case 2:
        (void)!symlink(some_folder(), to);
        break;
    case 3:
        (void)!symlink(from, to);
        break;
    default:
        (void)!link(from, to);
    }
}

static void step_folder(void)
{
    char from[NAME_BYTES];
    snprintf(from, sizeof from, "%s", some_folder());
    const char *to = some_folder();
    if (strcmp(from, in_dir("photos")) == 0)
        return;
    if (chance(3) == 0)
        remove_tree(from);
    else
        move(from, to);
}

static void step_sidecar(void)
{
    char path[NAME_BYTES * 2 + 8], text[1024];
    snprintf(path, sizeof path, "%s", some_path());
    if (chance(2))
        *strrchr(path, '.') = '\0';
    strcat(path, chance(4) ? ".xmp" : ".XMP");
    switch (chance(4)) {
    case 0:
        (void)!unlink(path);
        break;
    case 1:
        put(path, "no xmp", chance(2) * 6);
        break;
    default:
        snprintf(text, sizeof text,
                 "<x:xmpmeta xmlns:x='adobe:ns:meta/'>"
                 "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
                 "<rdf:Description rdf:about='' xmlns:xmp='http://ns.adobe.com/xap/1.0/'"
                 " xmp:Rating='%u'/></rdf:RDF></x:xmpmeta>",
                 chance(6));
        put(path, text, strlen(text));
    }
}

static void step_rules(void)
{
    static const char *const rules[] = {"*.jpg\n",  "1.*\n!1.png\n", "b/\n",   "/a/\n!*.png\n",
                                        "**/2.png", "# nothing\n",   "*.xmp\n"};
    char path[NAME_BYTES * 2];
    bool nomedia = chance(3) == 0;
    snprintf(path, sizeof path, "%s/%s", some_folder(), nomedia ? ".nomedia" : ".foveaignore");
    const char *text = nomedia ? "" : rules[chance(COUNT(rules))];
    if (chance(2))
        (void)!unlink(path);
    else
        put(path, text, strlen(text));
}

/* Another content behind the same size and time: seen by a run that verifies. */
static void step_unseen(void)
{
    const char *path = some_path();
    struct stat st;
    if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return;
    put_content(path);
    const struct timespec times[2] = {st.st_mtim, st.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void mutate(bool unseen)
{
    static void (*const steps[])(void) = {step_create,   step_create,  step_create,    step_create,
                                          step_remove,   step_remove,  step_move,      step_move,
                                          step_exchange, step_touch,   step_copy,      step_copy,
                                          step_link,     step_folder,  step_overwrite, step_rules,
                                          step_sidecar,  step_sidecar, step_unseen};
    steps[chance(COUNT(steps) - !unseen)]();
}

/* --- index runs ---------------------------------------------------------------------------- */

/* As a child reads them from its command line. */
struct child_args {
    const char *library, *scope, *exclude, *flags;
    int threads;
};

static int child_main(char **argv)
{
    struct err err = {0};
    struct store *store = NULL;
    struct model *model = NULL;
    const char *root = argv[3], *scope_path = argv[4], *exclude = argv[5], *flags = argv[6];
    const struct model_options options = {.dir = argv[8], .name = "test/model"};
    const struct walk_scope scope = {scope_path, strchr(flags, 'd') != NULL};
    const struct index_options how = {.roots = &root,
                                      .root_count = 1,
                                      .scopes = &scope,
                                      .scope_count = *scope_path ? 1 : 0,
                                      .exclude = &exclude,
                                      .exclude_count = *exclude ? 1 : 0,
                                      .threads = atoi(argv[7]),
                                      .batch = 1,
                                      .verify = strchr(flags, 'v') != NULL,
                                      .retry_failed = strchr(flags, 'r') != NULL,
                                      .keep_missing = strchr(flags, 'k') != NULL};
    struct index_report report;
    enum status status = image_room_open(&err);
    if (status == OK)
        status = model_open(&model, &options, &err);
    if (status == OK)
        status = store_open(&store, argv[2], STORE_WRITE, &err);
    if (status == OK)
        status = index_run(store, model, &how, &report, &err);
    if (status != OK)
        fprintf(stderr, "%s\n", err.text);
    store_close(store);
    model_close(model);
    return status != OK;
}

static pid_t start_run(const struct child_args *args)
{
    char threads[16], root[NAME_BYTES], model[NAME_BYTES];
    snprintf(threads, sizeof threads, "%d", args->threads);
    snprintf(root, sizeof root, "%s", in_dir("photos"));
    snprintf(model, sizeof model, "%s", in_dir("model"));
    const char *const argv[] = {program,       "--child",   args->library, root,  args->scope,
                                args->exclude, args->flags, threads,       model, NULL};
    pid_t child = fork();
    if (child == 0) {
        execv(program, (char *const *)(void *)argv);
        _exit(127);
    }
    assert_true(child > 0);
    return child;
}

static void finish_run(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("an index run ended with status %d", status);
}

/* A run of any kind over what is there now; most are killed. */
static void run_in_between(const char *library, unsigned *kills)
{
    struct child_args args = {.library = library, .scope = "", .exclude = "", .flags = ""};
    char scope[NAME_BYTES];
    args.threads = 1 + (int)chance(3);
    args.flags = (const char *const[]){"", "", "r", "k", "v"}[chance(5)];
    if (chance(4) == 0) {
        snprintf(scope, sizeof scope, "%s", some_folder());
        args.scope = scope;
        args.flags = chance(2) ? "d" : "";
    }
    if (chance(6) == 0)
        args.exclude = "2.png";
    bool kill_it = chance(2);
    unsigned delay_us = chance(60000);
    pid_t child = start_run(&args);
    if (!kill_it) {
        finish_run(child);
        return;
    }
    usleep(delay_us);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    ++*kills;
}

/* --- comparing ----------------------------------------------------------------------------- */

/* Everything that a library says, but for ids. */
static enum status dump_known(void *context, const struct store_known *known, struct err *err)
{
    struct str *out = context;
    str_format(out, "%s|%lld|%lld|%s|%lld|%lld%s%s\n", known->path, (long long)known->size_bytes,
               (long long)known->mtime_ns, known->failed ? "failed" : "photo",
               (long long)known->sidecar_size_bytes, (long long)known->sidecar_mtime_ns,
               known->has_vector ? "|vector" : "", known->has_meta ? "|meta" : "");
    return OK;
}

static void dump_meta(struct str *out, const struct photo_meta *m)
{
    str_format(out, " %lld %d %s %s %g %g %g %g %d %g %g %g %d %s\n", (long long)m->taken_ms,
               m->offset_min, m->camera, m->lens, m->exposure_s, m->f_number, m->focal_mm,
               m->focal35_mm, m->iso, m->latitude, m->longitude, m->altitude_m, m->rating,
               m->keywords);
}

static void dump_photo(struct str *out, struct store *store, int64_t id)
{
    static struct store_photo photo;
    struct err err;
    assert_int_equal(store_photo_load(store, id, &photo, &err), OK);
    for (size_t i = 0; i < sizeof photo.hash.bytes; i++)
        str_format(out, "%02x", photo.hash.bytes[i]);
    str_format(out, " %dx%d %s phash %llx", photo.width, photo.height, photo.format,
               (unsigned long long)(photo.has_phash ? photo.phash : 0));
    dump_meta(out, &photo.meta);
    for (size_t i = 0; i < photo.path_count; i++)
        str_format(out, "  %s %s\n", photo.paths[i].path,
                   photo.paths[i].sidecar ? photo.paths[i].sidecar : "-");
    store_photo_free(&photo);
}

static char *dump(const char *library)
{
    struct str out = str_new(64 << 20);
    struct store *store;
    struct err err = {0};
    struct store_model *models;
    struct store_matrix matrix;
    size_t count;
    if (store_open(&store, library, STORE_READ, &err) != OK)
        fail_msg("%s", err.text);
    assert_int_equal(store_models(store, &models, &count, &err), OK);
    assert_int_equal(count, 1);
    assert_int_equal(store_known_visit(store, models[0].id, "", dump_known, &out, &err), OK);
    assert_int_equal(store_matrix_load(store, models[0].id, &matrix, &err), OK);
    for (size_t i = 0; i < matrix.count; i++) {
        str_format(&out, "%s:", matrix.paths[i]);
        for (int k = 0; k < matrix.dim; k++)
            str_format(&out, " %04x", matrix.vectors[i * (size_t)matrix.dim + (size_t)k]);
        str_put(&out, "\n");
        dump_photo(&out, store, matrix.photo_ids[i]);
    }
    store_matrix_free(&matrix);
    free(models);
    store_close(store);
    assert_true(str_ok(&out));
    return out.data ? out.data : strdup("");
}

static void compare(const char *followed, const char *fresh)
{
    char *a = dump(followed), *b = dump(fresh);
    if (strcmp(a, b) != 0) {
        size_t i = 0, line = 0;
        for (; a[i] == b[i]; i++)
            if (a[i] == '\n')
                line = i + 1;
        fail_msg("the library is not the one of a first run:\n  %.*s\n  %.*s",
                 (int)strcspn(a + line, "\n"), a + line, (int)strcspn(b + line, "\n"), b + line);
    }
    free(a);
    free(b);
}

/* --- a life -------------------------------------------------------------------------------- */

/* What could not be looked at is kept as it was, which a first run cannot know: such entries do not
 * last to the end. */
static void remove_unreadable(void)
{
    char command[NAME_BYTES * 2];
    snprintf(command, sizeof command,
             "find '%s/photos' -type l ! -exec test -e {} ';' -exec rm {} +", dir);
    assert_int_equal(system(command), 0);
}

static void live(uint64_t seed, unsigned steps)
{
    char followed[NAME_BYTES], fresh[NAME_BYTES];
    snprintf(followed, sizeof followed, "%s", in_dir("followed.db"));
    snprintf(fresh, sizeof fresh, "%s", in_dir("fresh.db"));
    remove_tree(in_dir("photos"));
    remove_library(followed);
    remove_library(fresh);
    state_of_chance = seed;
    bool unseen = seed % 2;
    unsigned kills = 0;
    print_message("seed %llu: %u steps%s\n", (unsigned long long)seed, steps,
                  unseen ? ", some unseen" : "");
    put(in_dir("photos/stays.png"), contents[0], PADDED_BYTES);
    for (unsigned i = 0; i < steps; i++) {
        mutate(unseen);
        if (chance(6) == 0)
            run_in_between(followed, &kills);
    }
    put(in_dir("photos/stays.png"), contents[0], PADDED_BYTES);
    remove_unreadable();
    const struct child_args last = {
        .library = followed, .scope = "", .exclude = "", .flags = unseen ? "v" : "", .threads = 2};
    const struct child_args first = {
        .library = fresh, .scope = "", .exclude = "", .flags = "", .threads = 2};
    finish_run(start_run(&last));
    finish_run(start_run(&first));
    compare(followed, fresh);
    print_message("seed %llu: %u kills, the same library\n", (unsigned long long)seed, kills);
}

static void test_the_library_follows_the_folder(void **state)
{
    const char *given = getenv("FOVEA_TEST_SEED"), *many = getenv("FOVEA_TEST_LONG");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 1;
    unsigned count = given ? 1 : many ? (unsigned)strtoul(many, NULL, 10) : SEEDS;
    for (unsigned i = 0; i < count; i++)
        live(seed + i, many ? LONG_STEPS : STEPS);
}

/* --- the fixture --------------------------------------------------------------------------- */

static void make_contents(void)
{
    enum { W = 20, H = 16 };
    static uint8_t rgb[W * H * 3];
    struct file_bytes bytes;
    struct err err = {0};
    for (unsigned c = 0; c < CONTENTS; c++) {
        for (unsigned i = 0; i < sizeof rgb; i++)
            rgb[i] = (uint8_t)(i / 3 % W * (c % 5 + 2) + i / 3 / W * (c / 5 + 1) + c * 9);
        if (image_write_png(in_dir("picture.png"), rgb, W, H, &err) != OK ||
            file_read(&bytes, in_dir("picture.png"), PADDED_BYTES, &err) != OK)
            fail_msg("%s", err.text);
        memcpy(contents[c], bytes.data, bytes.size); /* what follows a picture's end says nothing */
        file_bytes_free(&bytes);
    }
    for (unsigned c = 0; c < DAMAGED; c++)
        memset(contents[CONTENTS + c], 'a' + (int)c, PADDED_BYTES);
}

static int open_fixture(void **state)
{
    struct err err = {0};
    if (temporary_make(dir, sizeof dir) != 0 || image_room_open(&err) != OK)
        return -1;
    make_contents();
    if (file_write(in_dir("config.json"), config, strlen(config), &err) != OK ||
        model_synth(in_dir("config.json"), 7, in_dir("model"), &err) != OK) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    return 0;
}

static int close_fixture(void **state)
{
    remove_tree(dir);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 9 && strcmp(argv[1], "--child") == 0)
        return child_main(argv);
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    snprintf(program + (n > 0 ? n : 0), sizeof program - (size_t)(n > 0 ? n : 0), "%s",
             n > 0 ? "" : argv[0]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_library_follows_the_folder, open_fixture,
                                        close_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
