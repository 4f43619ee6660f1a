/* SPDX-License-Identifier: MIT
 *
 * Conformance: several sets of labels side by side, several categories to a photo, decisions.
 */
#include "conformance.h"

#include <stdlib.h>
#include <string.h>

static const char *const animals[] = {"cat", "dog", "none", "bird"};
static const char *const weather[] = {"sun", "rain"};
static const struct store_set set_animals = {"animals", "{\"a\": 1}", animals, 4, 0};
static const struct store_set set_weather = {"weather", "{}", weather, 2, 0};
static const float probabilities[4] = {0.5f, 0.25f, 0.125f, 0.125f};

static struct store_label label_of(int64_t photo_id, const char *category, const int *also,
                                   size_t also_count)
{
    return (struct store_label){photo_id, category,      0.5,  0.25,
                                true,     probabilities, also, also_count};
}

static void put_four(struct fixture *f, struct store_matrix *m)
{
    struct err err;
    uint16_t v[DIM];
    static const char *const paths[] = {"/p/d", "/p/c", "/p/b", "/p/a"};
    for (int i = 0; i < 4; i++)
        put(f->store, f->model, result_of(paths[i], i, v));
    assert_ok(store_matrix_load(f->store, f->model, m, &err));
}

/* A, B, C, D: what row i holds, from "+": main category, then more. */
static void assert_row(const struct store_labels *l, size_t row, const int *expected, size_t count)
{
    assert_int_equal(l->also_start[row + 1] - l->also_start[row], count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(l->also[l->also_start[row] + i], expected[i]);
}

static void test_sets_side_by_side(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct store_matrix m;
    struct store_labels l;
    put_four(f, &m);
    assert_ok(store_labels_load(f->store, f->model, NULL, &m, &l, &err));
    assert_string_equal(l.set, "");
    assert_int_equal(l.name_count, 0);
    assert_int_equal(l.positions[3], -2);
    store_labels_free(&l);
    assert_fails(store_labels_load(f->store, f->model, "animals", &m, &l, &err), ERR_NOT_FOUND,
                 "animals");

    struct store_label a = label_of(m.photo_ids[2], "bird", NULL, 0);
    struct store_label w = label_of(m.photo_ids[0], "rain", NULL, 0);
    assert_ok(store_labels_replace(f->store, f->model, &set_animals, &a, 1, &err));
    assert_ok(store_labels_replace(f->store, f->model, &set_weather, &w, 1, &err));
    assert_ok(store_labels_load(f->store, f->model, NULL, &m, &l, &err));
    assert_string_equal(l.set, "weather"); /* the one written last */
    assert_string_equal(l.categories[0], "rain");
    assert_null(l.categories[2]);
    store_labels_free(&l);
    assert_ok(store_labels_load(f->store, f->model, "animals", &m, &l, &err));
    assert_int_equal(l.name_count, 4);
    assert_string_equal(l.names[3], "bird");
    assert_string_equal(l.categories[2], "bird");
    assert_int_equal(l.positions[2], 3);
    assert_true(l.confidences[2] == 0.5 && l.margins[2] == 0.25 && l.uncertain[2]);
    assert_int_equal(l.positions[0], -2);
    store_labels_free(&l);

    assert_ok(store_labels_replace(f->store, f->model, &set_animals, &a, 1, &err));
    assert_ok(store_labels_load(f->store, f->model, NULL, &m, &l, &err));
    assert_string_equal(l.set, "animals");
    store_labels_free(&l);

    struct store_label_set *sets;
    size_t count;
    assert_ok(store_label_sets(f->store, f->model, &sets, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(sets[0].name, "animals");
    assert_string_equal(sets[0].json, "{\"a\": 1}");
    assert_int_equal(sets[0].category_count, 4);
    assert_string_equal(sets[0].categories[1], "dog");
    assert_int_equal(sets[0].labels, 1);
    assert_true(sets[0].made_at > 1700000000);
    assert_string_equal(sets[1].name, "weather");
    store_label_sets_free(sets, count);

    assert_ok(store_labels_drop(f->store, f->model, "animals", &err));
    assert_ok(store_labels_drop(f->store, f->model, "animals", &err));
    assert_ok(store_labels_load(f->store, f->model, NULL, &m, &l, &err));
    assert_string_equal(l.set, "weather");
    store_labels_free(&l);
    store_matrix_free(&m);
}

static void test_several_categories(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct store_matrix m;
    struct store_labels l;
    put_four(f, &m);
    static const int two[] = {3, 0}, one[] = {2};
    struct store_label labels[] = {
        label_of(m.photo_ids[3], "cat", one, 1),
        label_of(m.photo_ids[0], "dog", two, 2),
        label_of(m.photo_ids[1], NULL, NULL, 0),
        label_of(m.photo_ids[2], "dog", NULL, 0),
    };
    assert_ok(store_labels_replace(f->store, f->model, &set_animals, labels, 4, &err));
    assert_ok(store_labels_load(f->store, f->model, "animals", &m, &l, &err));
    assert_row(&l, 0, (const int[]){1, 3, 0}, 3);
    assert_row(&l, 1, NULL, 0);
    assert_row(&l, 2, (const int[]){1}, 1);
    assert_row(&l, 3, (const int[]){0, 2}, 2);
    assert_int_equal(l.positions[1], -1);
    store_labels_free(&l);

    struct store_photo photo;
    assert_ok(store_photo_load(f->store, m.photo_ids[0], &photo, &err));
    assert_int_equal(photo.label_count, 1);
    assert_string_equal(photo.labels[0].set, "animals");
    assert_string_equal(photo.labels[0].category, "dog");
    assert_int_equal(photo.labels[0].also_count, 2);
    assert_string_equal(photo.labels[0].also[0], "bird");
    assert_string_equal(photo.labels[0].also[1], "cat");
    assert_int_equal(photo.labels[0].category_count, 4);
    assert_memory_equal(photo.labels[0].probabilities, probabilities, sizeof probabilities);
    store_photo_free(&photo);

    static const int bad[][2] = {{-1, 0}, {4, 0}, {0, 0}, {1, 2}};
    for (size_t i = 0; i < 4; i++) {
        struct store_label label = label_of(m.photo_ids[0], "dog", bad[i], 2);
        assert_fails(store_labels_replace(f->store, f->model, &set_animals, &label, 1, &err),
                     ERR_ARGUMENT, "category");
    }
    struct store_label none = label_of(m.photo_ids[0], NULL, one, 1);
    assert_fails(store_labels_replace(f->store, f->model, &set_animals, &none, 1, &err),
                 ERR_ARGUMENT, "no category");
    store_matrix_free(&m);
}

static void test_names_of_sets(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct store_set set = set_weather;
    char name[66];
    memset(name, 'n', sizeof name);
    name[65] = '\0';
    set.name = name;
    assert_fails(store_labels_replace(f->store, f->model, &set, NULL, 0, &err), ERR_ARGUMENT, "64");
    set.name = "";
    assert_fails(store_labels_replace(f->store, f->model, &set, NULL, 0, &err), ERR_ARGUMENT, "64");
    name[64] = '\0';
    set.name = name;
    assert_ok(store_labels_replace(f->store, f->model, &set, NULL, 0, &err));
    struct store_label_set *sets;
    size_t count;
    assert_ok(store_label_sets(f->store, f->model, &sets, &count, &err));
    assert_int_equal(count, 1);
    assert_string_equal(sets[0].name, name);
    store_label_sets_free(sets, count);
}

static void test_decisions(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct store_decision *d;
    size_t count;
    struct photo_hash h[3] = {content_hash(1), content_hash(2), content_hash(3)};
    assert_ok(store_decisions(f->store, &d, &count, &err));
    assert_int_equal(count, 0);
    free(d);
    assert_fails(store_decision_put(f->store, &h[0], &h[0], DECISION_DUPLICATE, &err), ERR_ARGUMENT,
                 "two photos");
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            if (i != j)
                assert_ok(store_decision_put(
                    f->store, &h[i], &h[j],
                    (i + j) % 2 ? DECISION_DUPLICATE : DECISION_NOT_DUPLICATE, &err));
    assert_ok(store_decisions(f->store, &d, &count, &err));
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) {
        assert_true(memcmp(&d[i].a, &d[i].b, sizeof d[i].a) < 0);
        assert_true(i == 0 || memcmp(&d[i - 1], &d[i], sizeof d[i].a + sizeof d[i].b) < 0);
        bool opposite = (memcmp(&d[i].a, &h[1], 16) != 0) && (memcmp(&d[i].b, &h[1], 16) != 0);
        assert_int_equal(d[i].decision, opposite ? DECISION_NOT_DUPLICATE : DECISION_DUPLICATE);
        assert_true(d[i].made_at > 1700000000);
    }
    free(d);
    assert_ok(store_decision_put(f->store, &h[2], &h[0], DECISION_NONE, &err));
    assert_ok(store_decision_put(f->store, &h[0], &h[1], DECISION_NOT_DUPLICATE, &err));
    assert_ok(store_decisions(f->store, &d, &count, &err));
    assert_int_equal(count, 2);
    free(d);

    /* They outlive what they are about. */
    uint16_t v[DIM];
    char *path = (char *)"/p/a";
    put(f->store, f->model, result_of("/p/a", 1, v));
    assert_ok(store_forget_paths(f->store, &path, 1, &err));
    assert_ok(store_sweep(f->store, &err));
    assert_ok(store_decisions(f->store, &d, &count, &err));
    assert_int_equal(count, 2);
    free(d);
}

static void test_saved_sets(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct store_saved_set *sets;
    size_t count;
    char long_name[STORE_SET_MAX + 2];
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    assert_ok(store_saved_sets(f->store, &sets, &count, &err));
    assert_int_equal(count, 0);
    store_saved_sets_free(sets, count);
    assert_fails(store_saved_set_put(f->store, long_name, "{}", &err), ERR_ARGUMENT, "name");
    assert_fails(store_saved_set_put(f->store, "", "{}", &err), ERR_ARGUMENT, "name");
    assert_ok(store_saved_set_put(f->store, "sea", "{\"a\":[\"b\"]}", &err));
    assert_ok(store_saved_set_put(f->store, "land", "{}", &err));
    assert_ok(store_saved_set_put(f->store, "sea", "{\"c\":[\"d\"]}", &err));
    assert_ok(store_saved_set_put(f->store, "nothing", NULL, &err));
    /* No model takes them along. */
    assert_ok(store_model_remove(f->store, f->model, &err));
    assert_ok(store_saved_sets(f->store, &sets, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(sets[0].name, "land");
    assert_string_equal(sets[1].name, "sea");
    assert_string_equal(sets[1].json, "{\"c\":[\"d\"]}");
    store_saved_sets_free(sets, count);
    assert_ok(store_saved_set_put(f->store, "land", NULL, &err));
    assert_ok(store_saved_sets(f->store, &sets, &count, &err));
    assert_int_equal(count, 1);
    store_saved_sets_free(sets, count);
}

int conformance_labels(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sets_side_by_side), TEST(test_several_categories), TEST(test_names_of_sets),
        TEST(test_saved_sets),        TEST(test_decisions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
