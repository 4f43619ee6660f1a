/* SPDX-License-Identifier: MIT
 *
 * A library that is kept up to date while its folder changes: each step changes something and waits
 * until the library says so. How long that takes is the machine's business; what must not happen is
 * that it never does, or that a file is taken before it is written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "clip/synth.h"
#include "image/image.h"
#include "library/index_watch.h"
#include "../temporary.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000, STEP_MS = 10 };

static const char config[] =
    "{\"model_cfg\": {\"embed_dim\": 16, \"quick_gelu\": true,"
    " \"vision_cfg\": {\"image_size\": 28, \"patch_size\": 14, \"width\": 32, \"head_width\": 16,"
    " \"layers\": 1},"
    " \"text_cfg\": {\"context_length\": 77, \"vocab_size\": 49408, \"width\": 16, \"heads\": 1,"
    " \"layers\": 1}}, \"preprocess_cfg\": {}}";

struct fixture {
    char dir[64];
    struct model *model;
    struct store *store, *reader; /* of the thread that keeps it; of the test */
    struct index_watch_options how;
    const char *roots[1];
    pthread_t keeper;
    enum status status;
    struct err err;
    atomic_bool cancel;
    atomic_int runs, failed, limited, polls;
};
static struct fixture fx;

static const char *in_dir(const char *name)
{
    static char paths[8][512];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", fx.dir, name);
    return path;
}

/* --- the folder ---------------------------------------------------------------------------- */

static size_t picture_bytes(unsigned seed, uint8_t *out, size_t size)
{
    enum { W = 24, H = 18 };
    uint8_t rgb[W * H * 3];
    struct file_bytes bytes;
    struct err err;
    for (unsigned i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)(i * (seed + 3) + seed * 41);
    assert_int_equal(image_write_png(in_dir("picture.png"), rgb, W, H, &err), OK);
    assert_int_equal(file_read(&bytes, in_dir("picture.png"), size, &err), OK);
    memcpy(out, bytes.data, bytes.size);
    size = bytes.size;
    file_bytes_free(&bytes);
    return size;
}

static void put(const char *name, unsigned seed)
{
    uint8_t bytes[4096];
    struct err err;
    size_t size = picture_bytes(seed, bytes, sizeof bytes);
    assert_int_equal(dir_make_parent(in_dir(name), &err), OK);
    assert_int_equal(file_write(in_dir(name), bytes, size, &err), OK);
}

static void move(const char *from, const char *to)
{
    assert_int_equal(rename(in_dir(from), in_dir(to)), 0);
}

static void put_text(const char *name, const char *text)
{
    struct err err;
    assert_int_equal(file_write(in_dir(name), text, strlen(text), &err), OK);
}

/* --- the keeper ---------------------------------------------------------------------------- */

static void on_run(void *context, const struct index_report *report)
{
    fx.runs++;
    fx.failed += (int)report->failed;
}

static void on_state(void *context, const struct watch_state *state)
{
    fx.limited = state->limited;
    fx.polls = state->polls;
}

static void *keeper_main(void *arg)
{
    fx.status = index_watch(fx.store, fx.model, &fx.how, &fx.err);
    return NULL;
}

static void start_keeper(struct index_watch_options how)
{
    how.index.roots = fx.roots;
    how.index.root_count = 1;
    how.index.threads = 2;
    how.index.cancel = &fx.cancel;
    how.quiet_seconds = 0.05;
    how.on_run = on_run;
    how.on_state = on_state;
    fx.how = how;
    assert_int_equal(pthread_create(&fx.keeper, NULL, keeper_main, NULL), 0);
}

static void stop_keeper(void)
{
    fx.cancel = true;
    pthread_join(fx.keeper, NULL);
    if (fx.status != OK)
        fail_msg("%s", fx.err.text);
}

/* --- waiting ------------------------------------------------------------------------------- */

static enum status list_path(void *context, const struct store_known *known, struct err *err)
{
    str_format(context, "%s%s%s ", known->path + strlen(fx.dir) + 1, known->failed ? "!" : "",
               known->sidecar_size_bytes > 0 ? "+" : "");
    return OK;
}

/* Until the library's paths are these: relative, each followed by a space; '!' marks a failure, '+'
 * a sidecar. */
static void expect(const char *paths)
{
    struct str found = str_new(1 << 16);
    for (int waited = 0; waited < PATIENCE_MS; waited += STEP_MS) {
        struct err err = {0};
        str_clear(&found);
        if (store_known_visit(fx.reader, 1, "", list_path, &found, &err) != OK)
            fail_msg("%s", err.text);
        if (strcmp(str_text(&found), paths) == 0) {
            str_free(&found);
            return;
        }
        usleep(STEP_MS * 1000);
    }
    fail_msg("the library has %s and not %s", str_text(&found), paths);
}

/* --- tests --------------------------------------------------------------------------------- */

static void change_everything(void)
{
    expect("photos/a.png ");
    put("photos/b.png", 2);
    expect("photos/a.png photos/b.png ");
    put("photos/x/y/z/c.png", 3); /* folders that nobody watches yet */
    expect("photos/a.png photos/b.png photos/x/y/z/c.png ");
    put("photos/x/y/z/d.png", 4);
    expect("photos/a.png photos/b.png photos/x/y/z/c.png photos/x/y/z/d.png ");
    move("photos/x/y", "photos/w");
    expect("photos/a.png photos/b.png photos/w/z/c.png photos/w/z/d.png ");
    put("photos/w/z/e.png", 5); /* watched under its new name */
    expect("photos/a.png photos/b.png photos/w/z/c.png photos/w/z/d.png photos/w/z/e.png ");
    move("photos/w", "outside");
    expect("photos/a.png photos/b.png ");
    put("outside/z/f.png", 6); /* and not any more */
    move("outside/z", "photos/z");
    expect("photos/a.png photos/b.png photos/z/c.png photos/z/d.png photos/z/e.png "
           "photos/z/f.png ");
    assert_int_equal(unlink(in_dir("photos/z/c.png")), 0);
    move("photos/z/d.png", "photos/d.png");
    assert_int_equal(link(in_dir("photos/a.png"), in_dir("photos/z/link.png")), 0);
    assert_int_equal(symlink("a.png", in_dir("photos/soft.png")), 0);
    expect("photos/a.png photos/b.png photos/d.png photos/soft.png photos/z/e.png "
           "photos/z/f.png photos/z/link.png ");
    put_text("photos/.foveaignore", "z/\nsoft.png\n");
    expect("photos/a.png photos/b.png photos/d.png ");
    put_text("photos/a.xmp", "<x:xmpmeta xmlns:x='adobe:ns:meta/'/>");
    expect("photos/a.png+ photos/b.png photos/d.png ");
    assert_int_equal(unlink(in_dir("photos/a.xmp")), 0);
    put_text("photos/bad.png", "no picture");
    expect("photos/a.png photos/b.png photos/bad.png! photos/d.png ");
    put("photos/bad.png", 7);
    expect("photos/a.png photos/b.png photos/bad.png photos/d.png ");
}

static void test_watched(void **state)
{
    start_keeper((struct index_watch_options){.poll_seconds = 0});
    change_everything();
    if (fx.polls)
        print_message("this system watches no folders: polled\n");
    stop_keeper();
}

static void test_polled(void **state)
{
    start_keeper((struct index_watch_options){.polls = true, .poll_seconds = 0.05});
    change_everything();
    assert_true(fx.polls);
    stop_keeper();
}

/* One folder is watched, and the limit is told; the others are looked at by the clock. */
static void test_limit(void **state)
{
    start_keeper((struct index_watch_options){.folder_limit = 1, .poll_seconds = 0.05});
    change_everything();
    assert_true(fx.limited || fx.polls);
    stop_keeper();
}

/* A file is taken when it is closed, and not before. */
static void test_slow_writer(void **state)
{
    uint8_t bytes[4096];
    size_t size = picture_bytes(9, bytes, sizeof bytes);
    start_keeper((struct index_watch_options){.poll_seconds = 0});
    expect("photos/a.png ");
    int fd = open(in_dir("photos/slow.png"), O_WRONLY | O_CREAT, 0666);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size / 2), size / 2);
    put("photos/b.png", 2);
    expect("photos/a.png photos/b.png "); /* the folder was looked at meanwhile */
    assert_int_equal(write(fd, bytes + size / 2, size - size / 2), size - size / 2);
    close(fd);
    expect("photos/a.png photos/b.png photos/slow.png ");
    assert_int_equal(fx.failed, 0);
    stop_keeper();
}

static void test_root_comes_and_goes(void **state)
{
    start_keeper((struct index_watch_options){.poll_seconds = 0});
    expect("photos/a.png ");
    int runs = fx.runs;
    move("photos", "away");
    put("away/b.png", 2);
    usleep(300000);
    expect("photos/a.png "); /* kept */
    move("away", "photos");
    expect("photos/a.png photos/b.png ");
    put("photos/c.png", 3); /* watched again */
    expect("photos/a.png photos/b.png photos/c.png ");
    assert_true(fx.runs > runs);
    stop_keeper();
}

/* --- the fixture --------------------------------------------------------------------------- */

static int open_fixture(void **state)
{
    memset(&fx, 0, sizeof fx);
    struct err err = {0};
    if (temporary_make(fx.dir, sizeof fx.dir) != 0 || image_room_open(&err) != OK)
        return -1;
    put_text("config.json", config);
    put("photos/a.png", 1);
    static char root[128];
    snprintf(root, sizeof root, "%s/photos", fx.dir);
    fx.roots[0] = root;
    const struct model_options options = {.dir = in_dir("model"), .name = "test/model"};
    if (model_synth(in_dir("config.json"), 7, in_dir("model"), &err) != OK ||
        model_open(&fx.model, &options, &err) != OK ||
        store_open(&fx.store, in_dir("library.db"), STORE_WRITE, &err) != OK ||
        store_open(&fx.reader, in_dir("library.db"), STORE_READ, &err) != OK) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    return 0;
}

static int close_fixture(void **state)
{
    store_close(fx.store);
    store_close(fx.reader);
    model_close(fx.model);
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'", fx.dir);
    return system(command);
}

#define KEEPER_TEST(f) cmocka_unit_test_setup_teardown(f, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEEPER_TEST(test_watched),
        KEEPER_TEST(test_polled),
        KEEPER_TEST(test_limit),
        KEEPER_TEST(test_slow_writer),
        KEEPER_TEST(test_root_comes_and_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
