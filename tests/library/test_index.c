/* SPDX-License-Identifier: MIT
 *
 * Index runs on a folder of generated pictures with a small synthetic model: what is read again and
 * what is not, moves, copies, changes, failures, removals, empty roots and mount points, rules,
 * sidecars, cancelling, two indexers, two models, and that the vectors do not depend on the number
 * of workers.
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
#include "kern/kernels.h"
#include "library/search.h"
#include "search/scan.h"
#include "../temporary.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PICTURES = 9 };

static const char config[] =
    "{\"model_cfg\": {\"embed_dim\": 48, \"quick_gelu\": true,"
    " \"vision_cfg\": {\"image_size\": 56, \"patch_size\": 14, \"width\": 80, \"head_width\": 16,"
    " \"layers\": 3},"
    " \"text_cfg\": {\"context_length\": 77, \"vocab_size\": 49408, \"width\": 32, \"heads\": 2,"
    " \"layers\": 2}}, \"preprocess_cfg\": {}}";

struct fixture {
    char dir[64];
    struct model *model;
    struct store *store;
};
static struct fixture fx;

static const char *in_dir(const char *name)
{
    static char paths[8][512];
    static int next;
    char *path = paths[next++ % 8];
    struct str s = str_new(sizeof paths[0] - 1);
    path_join(&s, fx.dir, name);
    strcpy(path, str_text(&s));
    str_free(&s);
    return path;
}

/* A picture that differs by `seed`. */
static void put_picture(const char *name, unsigned seed)
{
    enum { W = 90, H = 70 };
    static uint8_t rgb[W * H * 3];
    struct err err;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            uint8_t *p = rgb + (y * W + x) * 3;
            p[0] = (uint8_t)(x * (2 + seed % 3) + (seed * 37) % 256);
            p[1] = (uint8_t)(y * 3 + seed * 11);
            p[2] = (uint8_t)((x * y >> (seed % 5)) + seed);
        }
    assert_int_equal(dir_make_parent(in_dir(name), &err), OK);
    assert_int_equal(image_write_png(in_dir(name), rgb, W, H, &err), OK);
}

static void put_text(const char *name, const char *text)
{
    struct err err;
    assert_int_equal(file_write(in_dir(name), text, strlen(text), &err), OK);
}

static struct index_report run_with(struct index_options how)
{
    const char *roots[] = {in_dir("photos")};
    struct index_report report;
    struct err err = {0};
    how.roots = roots;
    how.root_count = 1;
    if (index_run(fx.store, fx.model, &how, &report, &err) != OK)
        fail_msg("%s", err.text);
    return report;
}

static struct index_report run_index(void)
{
    return run_with((struct index_options){0});
}

static void load_matrix(struct store_matrix *matrix)
{
    struct err err;
    struct store_model *models;
    size_t count;
    assert_int_equal(store_models(fx.store, &models, &count, &err), OK);
    assert_int_equal(count, 1);
    assert_int_equal(store_matrix_load(fx.store, models[0].id, matrix, &err), OK);
    free(models);
}

static int open_fixture(void **state)
{
    struct err err = {0};
    fx = (struct fixture){0};
    if (temporary_make(fx.dir, sizeof fx.dir) != 0 || image_room_open(&err) != OK)
        return -1;
    put_text("config.json", config);
    const struct model_options options = {.dir = in_dir("model"), .name = "test/model"};
    if (model_synth(in_dir("config.json"), 7, in_dir("model"), &err) != OK ||
        model_open(&fx.model, &options, &err) != OK ||
        store_open(&fx.store, in_dir("library.db"), STORE_WRITE, &err) != OK) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    for (unsigned i = 0; i < PICTURES; i++) {
        char name[64];
        snprintf(name, sizeof name, "photos/%s%u.png", i % 2 ? "sub/" : "", i);
        put_picture(name, i);
    }
    return 0;
}

static int close_fixture(void **state)
{
    store_close(fx.store);
    model_close(fx.model);
    char command[256];
    snprintf(command, sizeof command, "chmod -R u+rwx '%s' && rm -rf '%s'", fx.dir, fx.dir);
    return system(command);
}

static void test_second_run_reads_nothing(void **state)
{
    struct index_report first = run_index();
    assert_int_equal(first.found, PICTURES);
    assert_int_equal(first.embedded, PICTURES);
    assert_int_equal(first.failed, 0);

    /* Other content behind the same size and mtime: a run that reads contents would notice. */
    struct stat st;
    const char *path = in_dir("photos/0.png");
    assert_int_equal(stat(path, &st), 0);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "not a PNG any more", 18, 0), 18);
    close(fd);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);

    struct index_report second = run_index();
    assert_int_equal(second.unchanged, PICTURES);
    assert_int_equal(second.embedded + second.known + second.failed + second.forgotten, 0);

    /* And with another mtime it is read, found broken, and leaves the photographs. */
    assert_int_equal(utimensat(AT_FDCWD, path, NULL, 0), 0);
    struct index_report third = run_index();
    assert_int_equal(third.failed, 1);
    assert_int_equal(third.unchanged, PICTURES - 1);
    struct store_matrix matrix;
    load_matrix(&matrix);
    assert_int_equal(matrix.count, PICTURES - 1);
    store_matrix_free(&matrix);
}

static void test_moved_copied_touched(void **state)
{
    run_index();
    assert_int_equal(rename(in_dir("photos/0.png"), in_dir("photos/sub/moved.png")), 0);
    put_picture("photos/copy.png", 2);
    assert_int_equal(utimensat(AT_FDCWD, in_dir("photos/4.png"), NULL, 0), 0);
    struct index_report report = run_index();
    assert_int_equal(report.embedded, 0);
    assert_int_equal(report.known, 3);
    assert_int_equal(report.forgotten, 1);
    struct store_summary summary;
    struct err err;
    assert_int_equal(store_summarize(fx.store, &summary, &err), OK);
    assert_int_equal(summary.photos, PICTURES);
    assert_int_equal(summary.files, PICTURES + 1);
}

static void test_copies_within_one_run(void **state)
{
    put_picture("photos/again.png", 3);
    put_picture("photos/sub/again.png", 3);
    put_text("photos/bad1.png", "no picture");
    put_text("photos/bad2.png", "no picture");
    struct index_report report = run_index();
    assert_int_equal(report.embedded, PICTURES);
    assert_int_equal(report.known, 2);
    assert_int_equal(report.failed, 2);
}

static void test_failures_wait_for_a_change(void **state)
{
    put_text("photos/bad.jpg", "this is text");
    put_text("photos/empty.jpg", "");
    struct index_report report = run_index();
    assert_int_equal(report.failed, 2);
    assert_int_equal(report.embedded, PICTURES);
    report = run_index();
    assert_int_equal(report.failed, 0);
    assert_int_equal(report.failed_before, 2);
    report = run_with((struct index_options){.retry_failed = true});
    assert_int_equal(report.failed, 2);

    struct store_failure *failures;
    size_t count;
    struct err err;
    assert_int_equal(store_failures(fx.store, &failures, &count, &err), OK);
    assert_int_equal(count, 2);
    assert_string_equal(failures[0].path, in_dir("photos/bad.jpg"));
    assert_true(strlen(failures[0].reason) > 0);
    free(failures);

    put_picture("photos/bad.jpg", 77); /* a PNG by another name is a picture */
    assert_int_equal(unlink(in_dir("photos/empty.jpg")), 0);
    report = run_index();
    assert_int_equal(report.embedded, 1);
    assert_int_equal(report.forgotten, 1);
    assert_int_equal(store_failures(fx.store, &failures, &count, &err), OK);
    assert_int_equal(count, 0);
    free(failures);
}

static void test_removed_files(void **state)
{
    run_index();
    assert_int_equal(unlink(in_dir("photos/2.png")), 0);
    struct index_report report = run_with((struct index_options){.keep_missing = true});
    assert_int_equal(report.kept_missing, 1);
    assert_int_equal(report.forgotten, 0);
    report = run_index();
    assert_int_equal(report.forgotten, 1);
    struct store_matrix matrix;
    load_matrix(&matrix);
    assert_int_equal(matrix.count, PICTURES - 1);
    store_matrix_free(&matrix);
}

static void test_an_empty_root_is_not_a_removed_library(void **state)
{
    run_index();
    assert_int_equal(rename(in_dir("photos"), in_dir("unmounted")), 0);
    assert_int_equal(mkdir(in_dir("photos"), 0777), 0);
    struct index_report report = run_index();
    assert_int_equal(report.found, 0);
    assert_int_equal(report.forgotten, 0);
    assert_int_equal(report.kept_missing, PICTURES);
    assert_string_equal(report.empty_root, in_dir("photos"));
}

/* A path that is there and cannot be looked at is not gone: its photo waits for better days. */
static void test_what_cannot_be_looked_at_is_kept(void **state)
{
    run_index();
    assert_int_equal(unlink(in_dir("photos/2.png")), 0);
    assert_int_equal(symlink("2.png", in_dir("photos/2.png")),
                     0); /* stat(): ELOOP, also for root */
    struct index_report report = run_index();
    assert_int_equal(report.forgotten, 0);
    assert_int_equal(report.bad_dirs, 1);
    struct store_matrix matrix;
    load_matrix(&matrix);
    assert_int_equal(matrix.count, PICTURES);
    store_matrix_free(&matrix);
}

/* A year that nanoseconds since 1970 do not reach in 64 bits: unchanged is still unchanged. */
static void test_a_time_far_away(void **state)
{
    const struct timespec far[2] = {{.tv_sec = 13000000000}, {.tv_sec = 13000000000}};
    assert_int_equal(utimensat(AT_FDCWD, in_dir("photos/0.png"), far, 0), 0);
    run_index();
    assert_int_equal(run_index().unchanged, PICTURES);
}

static void test_cancelling_loses_nothing(void **state)
{
    atomic_bool cancel = true;
    struct index_report report = run_with((struct index_options){.cancel = &cancel});
    assert_true(report.cancelled);
    assert_int_equal(report.embedded, 0);
    report = run_index();
    assert_int_equal(report.embedded, PICTURES);
}

struct cancel_after {
    atomic_bool cancel;
    size_t photos;
};

static void cancel_after_first(void *context, const struct index_event *event)
{
    struct cancel_after *c = context;
    if (event->kind == INDEX_PHOTO && ++c->photos == 1)
        atomic_store(&c->cancel, true);
}

static void test_cancelling_in_the_middle(void **state)
{
    struct cancel_after c = {0};
    /* One at a time, so that something is left when the first is done. */
    struct index_report report = run_with((struct index_options){.cancel = &c.cancel,
                                                                 .on_event = cancel_after_first,
                                                                 .context = &c,
                                                                 .threads = 1,
                                                                 .batch = 1});
    assert_true(report.cancelled);
    assert_true(report.embedded >= 1);
    size_t before = report.embedded;
    report = run_index();
    assert_int_equal(report.unchanged, before);
    assert_int_equal(report.embedded, PICTURES - before);
}

static void test_a_second_indexer_is_told(void **state)
{
    struct store *other;
    struct err err = {0};
    assert_int_equal(store_open(&other, in_dir("library.db"), STORE_WRITE, &err), OK);
    assert_int_equal(store_index_lock(other, &err), OK);
    const char *roots[] = {in_dir("photos")};
    const struct index_options how = {.roots = roots, .root_count = 1};
    struct index_report report;
    assert_int_equal(index_run(fx.store, fx.model, &how, &report, &err), ERR_BUSY);
    assert_true(strlen(err.text) > 0);
    store_close(other);
    assert_int_equal(run_index().embedded, PICTURES);
}

static void test_vectors_do_not_depend_on_workers(void **state)
{
    struct store_matrix matrices[3];
    static const int threads[] = {1, 2, 5};
    for (int i = 0; i < 3; i++) {
        struct err err;
        store_close(fx.store);
        char name[32];
        snprintf(name, sizeof name, "library%d.db", i);
        assert_int_equal(store_open(&fx.store, in_dir(name), STORE_WRITE, &err), OK);
        /* One picture per pass: which pictures share one depends on timing, and without AVX-512 the
         * last bit of a vector may depend on its company (src/tensor/tensor.h). */
        run_with((struct index_options){.threads = threads[i], .batch = 1});
        load_matrix(&matrices[i]);
        assert_int_equal(matrices[i].count, PICTURES);
    }
    for (int i = 1; i < 3; i++) {
        assert_memory_equal(matrices[0].vectors, matrices[i].vectors,
                            PICTURES * (size_t)matrices[0].dim * sizeof(uint16_t));
        store_matrix_free(&matrices[i]);
    }
    store_matrix_free(&matrices[0]);
}

static void test_a_picture_finds_itself(void **state)
{
    run_index();
    struct store_matrix matrix;
    load_matrix(&matrix);
    const struct session_options how = {.image_batch = 1};
    struct session *session;
    struct err err = {0};
    assert_int_equal(session_open(&session, fx.model, &how, &err), OK);
    float query[48];
    const struct search_part part = {SEARCH_IMAGE, in_dir("photos/sub/3.png"), 1};
    assert_int_equal(search_encode(session, fx.model, &part, 1, query, &err), OK);
    struct kernels kernels;
    kernels_init(&kernels, 0);
    struct scan_hit hit;
    size_t found;
    const struct scan_request scan = {.kernels = &kernels,
                                      .vectors = matrix.vectors,
                                      .count = matrix.count,
                                      .dim = matrix.dim,
                                      .query = query,
                                      .limit = 1};
    assert_int_equal(scan_top(&scan, &hit, &found, &err), OK);
    assert_int_equal(found, 1);
    assert_string_equal(matrix.paths[hit.row], in_dir("photos/sub/3.png"));
    assert_true(hit.score > 0.999f);
    session_close(session);
    store_matrix_free(&matrix);
}

/* Two checkpoints of one architecture are two models, though every size is the same. */
static void test_fingerprints_tell_weights_apart(void **state)
{
    struct err err = {0};
    struct model *other = NULL;
    const struct model_options options = {.dir = in_dir("other"), .name = "test/model"};
    assert_int_equal(model_synth(in_dir("config.json"), 8, in_dir("other"), &err), OK);
    assert_int_equal(model_open(&other, &options, &err), OK);
    assert_string_not_equal(model_info(other)->fingerprint, model_info(fx.model)->fingerprint);
    model_close(other);
}

/* --- places, rules, models ----------------------------------------------------------------- */

static void expect_photos(size_t count)
{
    struct store_summary summary;
    struct err err;
    assert_int_equal(store_summarize(fx.store, &summary, &err), OK);
    assert_int_equal(summary.photos, count);
}

static void test_prune_means_it(void **state)
{
    run_index();
    assert_int_equal(rename(in_dir("photos/sub"), in_dir("sub")), 0);
    assert_int_equal(rename(in_dir("photos"), in_dir("elsewhere")), 0);
    const char *other[] = {in_dir("sub")};
    struct index_options how = {.roots = other, .root_count = 1};
    struct index_report report;
    struct err err = {0};
    assert_int_equal(index_run(fx.store, fx.model, &how, &report, &err), OK);
    assert_int_equal(report.forgotten, 0); /* the other root is no concern of this run */
    assert_int_equal(report.known, PICTURES / 2);

    /* Without folders: those of both runs, of which one is not there. */
    how = (struct index_options){0};
    assert_int_equal(index_run(fx.store, fx.model, &how, &report, &err), OK);
    assert_int_equal(report.missing_roots, 1);
    assert_string_equal(report.missing_root, in_dir("photos"));
    assert_int_equal(report.unchanged, PICTURES / 2);
    assert_int_equal(report.forgotten, 0);
    expect_photos(PICTURES);
    how.prune = true;
    assert_int_equal(index_run(fx.store, fx.model, &how, &report, &err), OK);
    assert_int_equal(report.forgotten, PICTURES);
    expect_photos(PICTURES / 2);
    how.prune = false;
    assert_int_equal(index_run(fx.store, fx.model, &how, &report, &err), OK);
    assert_int_equal(report.missing_roots, 0);
}

static void test_no_folders_known(void **state)
{
    struct index_options how = {0};
    struct index_report report;
    struct err err = {0};
    assert_int_equal(index_run(fx.store, fx.model, &how, &report, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "fovea index DIR"));
}

/* A folder below the root, at which a disk was mounted in the last run: mounting takes rights that
 * tests do not have, so the library is told that it was one. */
static void test_an_empty_mount_point_is_kept(void **state)
{
    struct err err = {0};
    run_index();
    char root[512], mount[512];
    snprintf(root, sizeof root, "%s", in_dir("photos"));
    snprintf(mount, sizeof mount, "%s", in_dir("photos/sub"));
    const struct store_place places[] = {{root, STORE_ROOT}, {mount, STORE_MOUNT}};
    assert_int_equal(store_places_replace(fx.store, places, 2, &err), OK);
    assert_int_equal(rename(mount, in_dir("disk")), 0);
    for (int there = 0; there < 2; there++) { /* some systems remove the folder, too */
        if (there)
            assert_int_equal(mkdir(mount, 0777), 0);
        assert_int_equal(unlink(in_dir(there ? "photos/2.png" : "photos/0.png")), 0);
        struct index_report report = run_index();
        assert_int_equal(report.forgotten, 1);
        assert_int_equal(report.kept_missing, PICTURES / 2);
        assert_string_equal(report.empty_root, mount);
    }
    /* A part of it, as a watch looks at parts. */
    const struct walk_scope scope = {mount, true};
    struct index_report report =
        run_with((struct index_options){.scopes = &scope, .scope_count = 1});
    assert_int_equal(report.forgotten, 0);
    assert_int_equal(report.kept_missing, PICTURES / 2);
    report = run_with((struct index_options){.prune = true});
    assert_int_equal(report.forgotten, PICTURES / 2);
    /* It is an ordinary folder now. */
    put_picture("photos/sub/1.png", 1);
    assert_int_equal(run_index().embedded, 1);
    assert_int_equal(unlink(in_dir("photos/sub/1.png")), 0);
    assert_int_equal(run_index().forgotten, 1);
}

static void test_what_rules_leave_out_leaves(void **state)
{
    static const char *const exclude[] = {"0.png", "sub/1.png"};
    run_index();
    struct index_report report =
        run_with((struct index_options){.exclude = exclude, .exclude_count = 2});
    assert_int_equal(report.forgotten, 2);
    expect_photos(PICTURES - 2);
    report = run_index();
    assert_int_equal(report.embedded, 2);
    put_text("photos/sub/.nomedia", "");
    assert_int_equal(run_index().forgotten, PICTURES / 2);
    put_text("photos/.foveaignore", "*.png\n"); /* leaves nothing, and that is no empty disk */
    report = run_index();
    assert_int_equal(report.forgotten, PICTURES - PICTURES / 2);
    assert_string_equal(report.empty_root, "");
    expect_photos(0);
}

static void test_verify_sees_behind_size_and_time(void **state)
{
    run_index();
    struct stat st;
    const char *path = in_dir("photos/0.png");
    assert_int_equal(stat(path, &st), 0);
    struct file_bytes bytes;
    struct err err = {0};
    assert_int_equal(file_read(&bytes, path, 1 << 20, &err), OK);
    bytes.data[bytes.size / 2] ^= 1;
    assert_int_equal(file_write(path, bytes.data, bytes.size, &err), OK);
    file_bytes_free(&bytes);
    const struct timespec times[2] = {st.st_mtim, st.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    assert_int_equal(run_index().unchanged, PICTURES);
    struct index_report report = run_with((struct index_options){.verify = true});
    assert_int_equal(report.known, PICTURES - 1);
    assert_int_equal(report.embedded + report.failed, 1);
}

/* Somebody writes to a file between the walk and the end of its reading. */
static bool write_meanwhile(void *context, const char *path)
{
    bool *done = context;
    if (!*done && strcmp(path, in_dir("photos/0.png")) == 0) {
        *done = true;
        put_picture("photos/0.png", 50);
        const struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
        utimensat(AT_FDCWD, path, times, 0);
    }
    return false;
}

static void test_a_file_that_changes_while_it_is_read(void **state)
{
    bool done = false;
    struct index_report report =
        run_with((struct index_options){.hooks = {.is_busy = write_meanwhile, .context = &done}});
    assert_true(done);
    assert_int_equal(report.failed, 1);
    assert_int_equal(report.embedded, PICTURES - 1);
    report = run_index();
    assert_int_equal(report.embedded, 1);
    assert_int_equal(report.unchanged, PICTURES - 1);
}

static void test_sidecars(void **state)
{
    static struct store_photo photo;
    struct err err = {0};
    int64_t id;
    run_index();
    put_text("photos/0.xmp",
             "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF "
             "xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
             "<rdf:Description rdf:about='' xmlns:xmp='http://ns.adobe.com/xap/1.0/'"
             " xmp:Rating='4'/></rdf:RDF></x:xmpmeta>");
    for (int there = 1; there >= 0; there--) {
        struct index_report report = run_index();
        assert_int_equal(report.metadata, 1);
        assert_int_equal(report.unchanged, PICTURES - 1);
        assert_int_equal(store_photo_find(fx.store, in_dir("photos/0.png"), &id, &err), OK);
        assert_int_equal(store_photo_load(fx.store, id, &photo, &err), OK);
        assert_int_equal(photo.meta.rating, there ? 4 : PHOTO_NO_RATING);
        store_photo_free(&photo);
        assert_int_equal(run_index().unchanged, PICTURES);
        if (there)
            assert_int_equal(unlink(in_dir("photos/0.xmp")), 0);
    }
}

static void expect_active(const struct model *model)
{
    struct store_model *models;
    size_t count;
    struct err err;
    assert_int_equal(store_models(fx.store, &models, &count, &err), OK);
    assert_true(models[0].active);
    assert_string_equal(models[0].fingerprint, model_info(model)->fingerprint);
    for (size_t i = 1; i < count; i++)
        assert_false(models[i].active);
    free(models);
}

/* Another model builds its vectors while the first one answers, through interruptions, and takes
 * over when it has all. */
static void test_models_side_by_side(void **state)
{
    struct err err = {0};
    struct model *first = fx.model, *second = NULL;
    const struct model_options options = {.dir = in_dir("other"), .name = "test/second"};
    assert_int_equal(model_synth(in_dir("config.json"), 8, in_dir("other"), &err), OK);
    assert_int_equal(model_open(&second, &options, &err), OK);
    run_index();
    expect_active(first);
    fx.model = second;
    /* A photograph that cannot be had now keeps the first model answering. */
    assert_int_equal(rename(in_dir("photos/sub"), in_dir("sub")), 0);
    struct cancel_after c = {0};
    struct index_report report = run_with((struct index_options){.cancel = &c.cancel,
                                                                 .on_event = cancel_after_first,
                                                                 .context = &c,
                                                                 .threads = 1,
                                                                 .batch = 1});
    assert_true(report.cancelled);
    expect_active(first);
    size_t done = report.embedded;
    report = run_with((struct index_options){.keep_missing = true});
    assert_int_equal(report.kept_missing, PICTURES / 2);
    assert_false(report.activated);
    assert_true(report.lacking > 0);
    assert_string_equal(report.active_name, "test/model");
    expect_active(first);
    done += report.embedded;
    assert_int_equal(rename(in_dir("sub"), in_dir("photos/sub")), 0);
    report = run_index();
    assert_int_equal(report.embedded, PICTURES - done);
    assert_true(report.activated);
    assert_string_equal(report.active_name, "test/model");
    expect_active(second);
    /* And back, for which the vectors are still there; with something new in between. */
    put_picture("photos/new.png", 60);
    assert_int_equal(run_index().embedded, 1);
    fx.model = first;
    report = run_index();
    assert_int_equal(report.embedded, 1);
    assert_true(report.activated);
    expect_active(first);
    model_close(second);
}

#define INDEX_TEST(f) cmocka_unit_test_setup_teardown(f, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        INDEX_TEST(test_second_run_reads_nothing),
        INDEX_TEST(test_moved_copied_touched),
        INDEX_TEST(test_copies_within_one_run),
        INDEX_TEST(test_failures_wait_for_a_change),
        INDEX_TEST(test_removed_files),
        INDEX_TEST(test_an_empty_root_is_not_a_removed_library),
        INDEX_TEST(test_what_cannot_be_looked_at_is_kept),
        INDEX_TEST(test_a_time_far_away),
        INDEX_TEST(test_cancelling_loses_nothing),
        INDEX_TEST(test_cancelling_in_the_middle),
        INDEX_TEST(test_a_second_indexer_is_told),
        INDEX_TEST(test_prune_means_it),
        INDEX_TEST(test_no_folders_known),
        INDEX_TEST(test_an_empty_mount_point_is_kept),
        INDEX_TEST(test_what_rules_leave_out_leaves),
        INDEX_TEST(test_verify_sees_behind_size_and_time),
        INDEX_TEST(test_a_file_that_changes_while_it_is_read),
        INDEX_TEST(test_sidecars),
        INDEX_TEST(test_models_side_by_side),
        INDEX_TEST(test_vectors_do_not_depend_on_workers),
        INDEX_TEST(test_a_picture_finds_itself),
        INDEX_TEST(test_fingerprints_tell_weights_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
