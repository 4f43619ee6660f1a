/* SPDX-License-Identifier: MIT
 *
 * Conformance: the verbs for whoever goes through a whole library in batches: photos by their
 * contents and by their numbers, their vectors, labels added to a set, the list of artifacts.
 */
#include "conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PHOTOS = 9 };

static void put_photos(struct fixture *f)
{
    uint16_t v[DIM];
    for (int i = 0; i < PHOTOS; i++) {
        char path[32];
        snprintf(path, sizeof path, "/p/%d", PHOTOS - i);
        put(f->store, f->model, result_of(path, i, v));
    }
}

/* Numbers of the contents 0 .. PHOTOS, of which the last is in no library. */
static void numbers(struct store *store, int64_t *ids)
{
    struct err err;
    struct photo_hash hashes[PHOTOS + 1];
    for (int i = 0; i <= PHOTOS; i++)
        hashes[i] = content_hash(i);
    assert_ok(store_photos_find(store, hashes, PHOTOS + 1, ids, &err));
}

static void test_photos_in_batches(void **state)
{
    struct fixture *f = *state;
    struct err err;
    int64_t ids[PHOTOS + 1];
    struct store_photo photos[PHOTOS + 1];
    char *gone = (char *)"/p/5"; /* content 4 */
    put_photos(f);
    numbers(f->store, ids);
    for (int i = 0; i < PHOTOS; i++) {
        struct photo_hash hash = content_hash(i);
        int64_t id;
        assert_ok(store_photo_find_hash(f->store, &hash, &id, &err));
        assert_true(ids[i] == id);
    }
    assert_true(ids[PHOTOS] == 0);
    assert_ok(store_forget_paths(f->store, &gone, 1, &err));
    assert_ok(store_photos_load(f->store, ids, PHOTOS + 1, photos, &err));
    for (int i = 0; i < PHOTOS; i++) {
        struct photo_hash hash = content_hash(i);
        char path[32];
        snprintf(path, sizeof path, "/p/%d", PHOTOS - i);
        assert_int_equal(photos[i].path_count, i != 4);
        if (i == 4)
            continue;
        assert_true(photos[i].id == ids[i]);
        assert_memory_equal(&photos[i].hash, &hash, sizeof hash);
        assert_string_equal(photos[i].paths[0].path, path);
        assert_int_equal(photos[i].embedded.iso, content_meta(i)->iso);
    }
    assert_int_equal(photos[PHOTOS].path_count, 0);
    for (int i = 0; i <= PHOTOS; i++)
        store_photo_free(&photos[i]);
    numbers(f->store, ids);
    assert_true(ids[4] == 0);
    assert_ok(store_photos_load(f->store, NULL, 0, NULL, &err));
    assert_ok(store_photos_find(f->store, NULL, 0, NULL, &err));
}

static void test_vectors_in_batches(void **state)
{
    struct fixture *f = *state;
    struct err err;
    int64_t ids[PHOTOS + 1], other;
    uint16_t vectors[(PHOTOS + 1) * DIM], expected[DIM];
    bool has[PHOTOS + 1];
    put_photos(f);
    numbers(f->store, ids);
    int64_t first = ids[0]; /* in any order, and some twice */
    ids[0] = ids[7];
    ids[7] = first;
    ids[3] = ids[2];
    assert_ok(store_vectors_load(f->store, f->model, ids, PHOTOS + 1, vectors, has, &err));
    for (int i = 0; i < PHOTOS; i++) {
        content_vector(i == 0 ? 7 : i == 7 ? 0 : i == 3 ? 2 : i, DIM, expected);
        assert_true(has[i]);
        assert_memory_equal(vectors + (size_t)i * DIM, expected, sizeof expected);
    }
    assert_false(has[PHOTOS]);
    memset(expected, 0, sizeof expected);
    assert_memory_equal(vectors + (size_t)PHOTOS * DIM, expected, sizeof expected);

    assert_ok(store_model_use(f->store, "other", "beef", DIM, &other, &err));
    assert_ok(store_vectors_load(f->store, other, ids, PHOTOS, vectors, has, &err));
    for (int i = 0; i < PHOTOS; i++)
        assert_false(has[i]);
    assert_fails(store_vectors_load(f->store, 4711, ids, 1, vectors, has, &err), ERR_NOT_FOUND,
                 "model");
    assert_fails(
        store_vectors_load(f->store, f->model, ids, STORE_BATCH_MAX + 1, vectors, has, &err),
        ERR_ARGUMENT, "at once");
}

static void test_labels_are_added(void **state)
{
    static const char *const names[] = {"cat", "dog", "bird"};
    static const struct store_set set = {"animals", "{}", names, 3, 77};
    static const float ps[] = {0.5f, 0.25f, 0.25f};
    static const int also = 2;
    struct fixture *f = *state;
    struct err err;
    int64_t ids[PHOTOS + 1];
    put_photos(f);
    numbers(f->store, ids);
    struct store_label labels[] = {
        {ids[0], "cat", 0.5, 0.25, true, ps, &also, 1},
        {ids[1], NULL, 0.25, 0.125, false, ps, NULL, 0},
        {4711, "dog", 0.5, 0.5, false, ps, NULL, 0}, /* gone: left out */
    };
    assert_fails(store_labels_add(f->store, f->model, &set, labels, 1, &err), ERR_NOT_FOUND,
                 "animals");
    assert_ok(store_labels_replace(f->store, f->model, &set, NULL, 0, &err));
    assert_ok(store_labels_add(f->store, f->model, &set, labels, 1, &err));
    assert_ok(store_labels_add(f->store, f->model, &set, labels + 1, 2, &err));
    labels[0].category = "dog"; /* in the place of the first */
    assert_ok(store_labels_add(f->store, f->model, &set, labels, 1, &err));

    struct store_label_set *sets;
    size_t count;
    assert_ok(store_label_sets(f->store, f->model, &sets, &count, &err));
    assert_int_equal(count, 1);
    assert_int_equal(sets[0].labels, 2);
    assert_int_equal(sets[0].made_at, 77);
    store_label_sets_free(sets, count);
    struct store_photo photo;
    assert_ok(store_photo_load(f->store, ids[0], &photo, &err));
    assert_int_equal(photo.label_count, 1);
    assert_string_equal(photo.labels[0].category, "dog");
    assert_string_equal(photo.labels[0].also[0], "bird");
    store_photo_free(&photo);

    struct store_set other = set;
    other.category_count = 2;
    labels[0].also_count = 0;
    assert_fails(store_labels_add(f->store, f->model, &other, labels, 1, &err), ERR_ARGUMENT,
                 "categories");
    labels[0].category = "fish";
    assert_fails(store_labels_add(f->store, f->model, &set, labels, 1, &err), ERR_ARGUMENT, "fish");
}

static void test_artifacts_are_listed(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct store_artifact *artifacts;
    size_t count;
    assert_ok(store_artifacts(f->store, f->model, &artifacts, &count, &err));
    assert_int_equal(count, 0);
    free(artifacts);
    assert_ok(store_artifact_put(f->store, f->model, "map", "12345", 5, &err));
    assert_ok(store_artifact_put(f->store, f->model, "graph", "", 0, &err));
    assert_ok(store_artifacts(f->store, f->model, &artifacts, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(artifacts[0].name, "graph");
    assert_int_equal(artifacts[0].size_bytes, 0);
    assert_string_equal(artifacts[1].name, "map");
    assert_int_equal(artifacts[1].size_bytes, 5);
    free(artifacts);
}

int conformance_batches(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_photos_in_batches),
        TEST(test_vectors_in_batches),
        TEST(test_labels_are_added),
        TEST(test_artifacts_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
