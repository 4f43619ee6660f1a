/* SPDX-License-Identifier: MIT
 *
 * Copies between stores: equal libraries, nothing copied twice, gone on with after a kill, added to
 * what is there, and what differs is told.
 */
#include "full_library.h"

#include "library/copy.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char *dir;
static char first[4096], second[4096], third[4096];
static const char *self;

static int setup(void **state)
{
    dir = scratch_make();
    snprintf(first, sizeof first, "%s", at(dir, "first.db"));
    snprintf(second, sizeof second, "%s", at(dir, "second.db"));
    snprintf(third, sizeof third, "%s", at(dir, "third.db"));
    make_full_library(first);
    return 0;
}

static int teardown(void **state)
{
    scratch_remove(dir);
    return 0;
}

static enum status copy(const char *from, const char *to, const struct copy_options *options,
                        struct copy_report *report, struct err *err)
{
    struct store *source, *target;
    const struct copy_options none = {0};
    enum status status = store_open(&source, from, STORE_READ, err);
    if (status != OK)
        return status;
    status = store_open(&target, to, STORE_WRITE, err);
    if (status == OK) {
        status = copy_run(source, target, options ? options : &none, report, err);
        store_close(target);
    }
    store_close(source);
    return status;
}

static void test_equal(void **state)
{
    struct err err;
    struct copy_report r, again, back;
    assert_ok(copy(first, second, NULL, &r, &err));
    assert_equal_libraries(first, second);
    assert_int_equal(r.photos.total, FULL_PHOTOS);
    assert_int_equal(r.photos.copied, FULL_PHOTOS);
    assert_int_equal(r.target_photos, FULL_PHOTOS);
    assert_int_equal(r.vectors.copied, r.vectors.total);
    assert_int_equal(r.vectors.total, FULL_PHOTOS + FULL_PHOTOS / 3);
    assert_int_equal(r.failures.copied, 2);
    assert_int_equal(r.decisions.copied, 20);
    assert_int_equal(r.models, 2);
    assert_true(r.checksum[0] != 0);

    /* Again: nothing is copied, and the library has not changed. */
    assert_ok(copy(first, second, NULL, &again, &err));
    assert_int_equal(again.photos.copied + again.vectors.copied + again.labels.copied +
                         again.failures.copied + again.decisions.copied + again.saved_sets.copied +
                         again.places.copied + again.artifacts.copied,
                     0);
    assert_int_equal(again.labels.total, r.labels.total);
    assert_memory_equal(again.checksum, r.checksum, sizeof r.checksum);

    assert_ok(copy(second, third, NULL, &back, &err));
    assert_equal_libraries(first, third);
    assert_memory_equal(back.checksum, r.checksum, sizeof r.checksum);
    unlink(second);
    unlink(third);
}

/* --- killed ------------------------------------------------------------------------------- */

static void die(void *user, enum copy_stage stage, size_t done, size_t total)
{
    (void)user;
    (void)stage;
    (void)done;
    (void)total;
    raise(SIGKILL);
}

/* As a program of its own: killed behind its first batch. */
static int half_a_copy(const char *from, const char *to)
{
    struct err err;
    struct copy_report r;
    const struct copy_options options = {die, NULL};
    (void)!copy(from, to, &options, &r, &err);
    return 0;
}

static void test_gone_on_with(void **state)
{
    struct err err;
    struct copy_report r;
    int how;
    pid_t child = fork();
    if (child == 0) {
        execl(self, self, "half-a-copy", first, second, (char *)NULL);
        _exit(9);
    }
    assert_true(waitpid(child, &how, 0) == child && WIFSIGNALED(how));
    assert_ok(copy(first, second, NULL, &r, &err));
    assert_equal_libraries(first, second);
    assert_in_range(r.photos.copied, 1, FULL_PHOTOS - 1);
    assert_int_equal(r.photos.total, FULL_PHOTOS);
    unlink(second);
}

/* --- into a library that has something in it ---------------------------------------------- */

static void test_adds(void **state)
{
    struct err err;
    struct copy_report r;
    struct store *store;
    uint16_t v[DIM];
    int64_t model, id;
    assert_ok(store_open(&store, second, STORE_WRITE, &err));
    assert_ok(store_model_use(store, "mine", "cafe", DIM, &model, &err));
    assert_ok(store_model_set_active(store, model, &err));
    put(store, model, result_of("/mine/1", 7000, v));
    put(store, model, result_of("/mine/2", 3, v));                /* one of the source's contents */
    put(store, model, result_of("/p/000 \xc3\xa4.jpg", 7001, v)); /* at one of its paths */
    store_close(store);
    assert_ok(copy(first, second, NULL, &r, &err));
    assert_int_equal(r.target_photos, FULL_PHOTOS + 1);

    assert_ok(store_open(&store, second, STORE_READ, &err));
    assert_ok(store_model_active(store, &id, &err));
    assert_true(id == model);
    assert_ok(store_photo_find(store, "/mine/1", &id, &err));
    struct photo_hash hash = content_hash(0);
    int64_t same;
    assert_ok(store_photo_find(store, "/p/000 \xc3\xa4.jpg", &id, &err));
    assert_ok(store_photo_find_hash(store, &hash, &same, &err));
    assert_true(id == same);
    store_close(store);
    unlink(second);
}

/* A vector is never replaced; a target that has another one is told of. */
static void test_differences(void **state)
{
    struct err err;
    struct copy_report r;
    struct store *store;
    uint16_t v[DIM];
    int64_t model;
    assert_ok(store_open(&store, second, STORE_WRITE, &err));
    assert_ok(store_model_use(store, "ViT-T/test", "f00d", DIM, &model, &err));
    struct store_result other = result_of("/elsewhere", 5, v);
    memset(v, 0, sizeof v);
    v[0] = 0x3c00;
    put(store, model, other);
    store_close(store);
    assert_fails(copy(first, second, NULL, &r, &err), ERR_FORMAT, "/p/005");
    assert_non_null(strstr(err.text, "1 places"));
    unlink(second);

    assert_ok(store_open(&store, second, STORE_WRITE, &err));
    assert_ok(store_model_use(store, "ViT-T/test", "f00d", DIM + 1, &model, &err));
    store_close(store);
    assert_fails(copy(first, second, NULL, &r, &err), ERR_FORMAT, "dimensions");
    unlink(second);
}

static void test_index_lock(void **state)
{
    struct err err;
    struct copy_report r;
    struct store *store;
    assert_ok(store_open(&store, second, STORE_WRITE, &err));
    assert_ok(store_index_lock(store, &err));
    assert_fails(copy(first, second, NULL, &r, &err), ERR_BUSY, "indexing");
    store_close(store);
    unlink(second);
}

/* --- what is kept of the vectors ---------------------------------------------------------- */

/* Numbers of photos are others in the copy, unless they are made so. */
static void test_bytes_of_others(void **state)
{
    struct err err;
    struct copy_report r;
    struct store *store;
    int64_t model;
    void *bytes;
    size_t size;
    assert_ok(store_open(&store, first, STORE_WRITE, &err));
    assert_ok(store_model_use(store, "other \xc3\xa4", "beef", DIM, &model, &err));
    assert_ok(store_artifact_put(store, model, "prompts", "anything", 8, &err));
    store_close(store);
    assert_ok(copy(first, second, NULL, &r, &err));
    assert_int_equal(r.artifacts.copied, 1);
    assert_ok(store_open(&store, second, STORE_WRITE, &err));
    assert_ok(store_model_use(store, "other \xc3\xa4", "beef", DIM, &model, &err));
    assert_ok(store_artifact_get(store, model, "prompts", &bytes, &size, &err));
    assert_int_equal(size, 8);
    assert_memory_equal(bytes, "anything", 8);
    free(bytes);
    store_close(store);
    unlink(second);
}

/* --- through PostgreSQL ------------------------------------------------------------------- */

static void test_postgres(void **state)
{
    struct err err;
    struct copy_report r, back;
    struct store *store;
    char url[4096];
    const struct copy_options none = {0};
    const char *server = getenv("FOVEA_TEST_POSTGRES");
    if (!server) {
        print_message("not run by cluster.sh: no copy through PostgreSQL\n");
        return;
    }
    for (int half = 0; half < 2; half++) {
        snprintf(url, sizeof url, "%s%cschema=copy_%ld_%d", server, strchr(server, '?') ? '&' : '?',
                 (long)getpid(), half);
        assert_ok(store_open(&store, url, STORE_WRITE, &err));
        if (half)
            store_keep_half(store);
        struct store *from;
        assert_ok(store_open(&from, first, STORE_READ, &err));
        assert_ok(copy_run(from, store, &none, &r, &err));
        store_close(from);
        store_close(store);
        assert_ok(copy(url, third, NULL, &back, &err));
        assert_equal_libraries(first, third);
        assert_memory_equal(back.checksum, r.checksum, sizeof r.checksum);
        unlink(third);
        assert_ok(copy(first, url, NULL, &r, &err));
        assert_int_equal(r.photos.copied + r.labels.copied + r.failures.copied + r.places.copied,
                         0);
    }
    /* A backup is such a copy, into a file that is there when it is whole. */
    assert_ok(store_open(&store, url, STORE_READ, &err));
    assert_ok(copy_backup(store, second, &none, &err));
    assert_ok(copy_backup(store, second, &none, &err));
    assert_equal_libraries(first, second);
    write_text(third, "diary", 5);
    assert_fails(copy_backup(store, third, &none, &err), ERR_ARGUMENT, "left alone");
    store_close(store);
    unlink(second);
    unlink(third);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal),      cmocka_unit_test(test_gone_on_with),
        cmocka_unit_test(test_adds),       cmocka_unit_test(test_differences),
        cmocka_unit_test(test_index_lock), cmocka_unit_test(test_bytes_of_others),
        cmocka_unit_test(test_postgres),
    };
    self = argv[0];
    if (argc == 4 && strcmp(argv[1], "half-a-copy") == 0)
        return half_a_copy(argv[2], argv[3]);
    return cmocka_run_group_tests(tests, setup, teardown);
}
