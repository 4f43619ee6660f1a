/* SPDX-License-Identifier: MIT
 *
 * Conformance: metadata, sidecars, facts, one photo whole.
 */
#include "conformance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- comparing metadata ------------------------------------------------------------------- */

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void assert_meta(const struct photo_meta *a, const struct photo_meta *b)
{
    assert_true(a->taken_ms == b->taken_ms);
    assert_int_equal(a->offset_min, b->offset_min);
    assert_string_equal(a->camera, b->camera);
    assert_string_equal(a->lens, b->lens);
    assert_true(same(a->exposure_s, b->exposure_s));
    assert_true(same(a->f_number, b->f_number));
    assert_true(same(a->focal_mm, b->focal_mm));
    assert_true(same(a->focal35_mm, b->focal35_mm));
    assert_int_equal(a->iso, b->iso);
    assert_true(same(a->latitude, b->latitude));
    assert_true(same(a->longitude, b->longitude));
    assert_true(same(a->altitude_m, b->altitude_m));
    assert_int_equal(a->rating, b->rating);
    assert_string_equal(a->keywords, b->keywords);
}

static const char *name_of(const struct store_names *names, int number)
{
    assert_true(number >= -1 && number < (int)names->count);
    return number < 0 ? "" : names->names[number];
}

static void assert_fact(const struct store_facts *facts, size_t row, const struct photo_meta *m)
{
    const struct store_fact *f = &facts->rows[row];
    assert_true(f->taken_ms == m->taken_ms);
    assert_int_equal(f->offset_min, m->offset_min);
    assert_int_equal(f->rating, m->rating);
    assert_int_equal(f->iso, m->iso);
    assert_true(same(f->latitude, m->latitude) && same(f->longitude, m->longitude));
    assert_true(same(f->altitude_m, m->altitude_m));
    assert_true(f->exposure_s == m->exposure_s && f->f_number == m->f_number);
    assert_true(f->focal_mm == m->focal_mm && f->focal35_mm == m->focal35_mm);
    assert_string_equal(name_of(&facts->cameras, f->camera), m->camera);
    assert_string_equal(name_of(&facts->lenses, f->lens), m->lens);
    assert_string_equal(f->keywords, m->keywords);
}

static void load_photo(struct fixture *f, const char *path, struct store_photo *photo)
{
    struct err err;
    int64_t id;
    assert_ok(store_photo_find(f->store, path, &id, &err));
    assert_ok(store_photo_load(f->store, id, photo, &err));
    assert_true(photo->id == id);
}

/* --- metadata ----------------------------------------------------------------------------- */

static void test_metadata_comes_back(void **state)
{
    struct fixture *f = *state;
    uint16_t v[DIM];
    struct photo_meta nothing;
    photo_meta_clear(&nothing);
    for (int i = 0; i < 60; i++) {
        char path[32];
        struct store_photo photo;
        snprintf(path, sizeof path, "/p/%02d", i);
        struct store_result r = result_of(path, i, v);
        put(f->store, f->model, r);
        load_photo(f, path, &photo);
        assert_meta(&photo.meta, content_meta(i));
        assert_meta(&photo.embedded, content_meta(i));
        assert_true(photo.has_meta && photo.has_phash && photo.phash == r.phash);
        assert_memory_equal(&photo.hash, &r.hash, sizeof r.hash);
        assert_int_equal(photo.width, 2048);
        assert_int_equal(photo.height, 1365);
        assert_string_equal(photo.format, "jpeg");
        assert_int_equal(photo.path_count, 1);
        assert_string_equal(photo.paths[0].path, path);
        assert_true(photo.paths[0].size_bytes == r.file.size_bytes);
        assert_true(photo.paths[0].mtime_ns == r.file.mtime_ns);
        assert_null(photo.paths[0].sidecar);
        assert_int_equal(photo.label_count, 0);
        store_photo_free(&photo);
    }
}

/* What nobody could mean is not told; nothing of it is refused. */
static void test_senseless_metadata(void **state)
{
    struct fixture *f = *state;
    uint16_t v[DIM];
    struct photo_meta odd, nothing;
    photo_meta_clear(&nothing);
    odd = nothing;
    odd.exposure_s = -1;
    odd.f_number = (double)INFINITY;
    odd.focal_mm = (double)NAN;
    odd.focal35_mm = 0;
    odd.iso = -5;
    odd.latitude = 12; /* without a longitude */
    odd.altitude_m = (double)INFINITY;
    struct store_result r = result_of("/p/a", 1, v);
    r.meta = &odd;
    put(f->store, f->model, r);
    struct store_photo photo;
    load_photo(f, "/p/a", &photo);
    assert_meta(&photo.meta, &nothing);
    assert_true(photo.has_meta);
    store_photo_free(&photo);
}

static void test_metadata_that_was_not_read(void **state)
{
    struct fixture *f = *state;
    uint16_t v[DIM];
    struct store_photo photo;
    struct store_result r = result_of("/p/a", 1, v);
    r.meta = NULL;
    r.has_phash = false;
    put(f->store, f->model, r);
    assert_int_equal(state_of(f->store, f->model, &r.file), FILE_NEEDS_META);
    load_photo(f, "/p/a", &photo);
    assert_false(photo.has_meta || photo.has_phash);
    store_photo_free(&photo);

    r = result_of("/p/a", 1, NULL); /* without the vector, which is there */
    put(f->store, f->model, r);
    assert_int_equal(state_of(f->store, f->model, &r.file), FILE_UNCHANGED);
    assert_matrix(f->store, f->model, ROWS({"/p/a", 1}));

    r.meta = NULL; /* a copy that tells nothing takes nothing away */
    r.has_phash = false;
    r.file.path = "/p/b";
    put(f->store, f->model, r);
    load_photo(f, "/p/b", &photo);
    assert_true(photo.has_meta && photo.has_phash);
    assert_int_equal(photo.path_count, 2);
    assert_meta(&photo.meta, content_meta(1));
    store_photo_free(&photo);
}

/* --- sidecars ----------------------------------------------------------------------------- */

static void test_sidecars_and_states(void **state)
{
    struct fixture *f = *state;
    uint16_t v[DIM];
    struct photo_meta said;
    photo_meta_clear(&said);
    said.rating = 4;
    const struct store_sidecar sidecar = {"/p/a.xmp", 500, 600, &said};
    struct store_result r = result_of("/p/a", 1, v);
    r.sidecar = &sidecar;
    put(f->store, f->model, r);
    const struct {
        int64_t size_bytes, mtime_ns;
        enum file_state state;
    } cases[] = {
        {500, 600, FILE_UNCHANGED}, {501, 600, FILE_NEEDS_META}, {500, 601, FILE_NEEDS_META},
        {-1, 0, FILE_NEEDS_META},   {0, 0, FILE_NEEDS_META},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        r.file.sidecar_size_bytes = cases[i].size_bytes;
        r.file.sidecar_mtime_ns = cases[i].mtime_ns;
        assert_int_equal(state_of(f->store, f->model, &r.file), cases[i].state);
    }
    r.file.size_bytes++; /* the photo itself comes first */
    assert_int_equal(state_of(f->store, f->model, &r.file), FILE_NEW);
    r.file.size_bytes--;

    /* It goes, and comes back unreadable: it was read, there is nothing to do about it. */
    r.vector = NULL;
    r.sidecar = NULL;
    put(f->store, f->model, r);
    r.file.sidecar_size_bytes = -1;
    assert_int_equal(state_of(f->store, f->model, &r.file), FILE_UNCHANGED);
    r.file.sidecar_size_bytes = 500;
    assert_int_equal(state_of(f->store, f->model, &r.file), FILE_NEEDS_META);
    const struct store_sidecar broken = {"/p/a.xmp", 500, 600, NULL};
    r.sidecar = &broken;
    put(f->store, f->model, r);
    r.file.sidecar_mtime_ns = 600;
    assert_int_equal(state_of(f->store, f->model, &r.file), FILE_UNCHANGED);
    struct store_photo photo;
    load_photo(f, "/p/a", &photo);
    assert_string_equal(photo.paths[0].sidecar, "/p/a.xmp");
    assert_null(photo.paths[0].sidecar_meta);
    assert_meta(&photo.meta, content_meta(1));
    store_photo_free(&photo);

    /* A failure has none, and a path that is forgotten takes it along. */
    put(f->store, f->model, failure_of("/p/a", "broken"));
    put(f->store, f->model, result_of("/p/a", 1, v));
    load_photo(f, "/p/a", &photo);
    assert_null(photo.paths[0].sidecar);
    store_photo_free(&photo);
}

/* The bytewise first path with a sidecar decides, in facts as for one photo. */
static void test_effective_metadata(void **state)
{
    struct fixture *f = *state;
    struct err err;
    uint16_t v[DIM];
    struct photo_meta first, second;
    photo_meta_clear(&first);
    first.rating = 5;
    first.latitude = 1;
    first.longitude = 2;
    snprintf(first.camera, sizeof first.camera, "Model of a sidecar");
    photo_meta_add_keyword(&first, "from the sidecar");
    second = first;
    second.rating = 1;
    const struct store_sidecar sidecars[] = {{"/p/b.xmp", 1, 1, &first},
                                             {"/p/c.xmp", 1, 1, &second}};
    static const char *const paths[] = {"/p/c", "/p/a", "/p/b"};
    static const int which[] = {1, -1, 0};
    for (int i = 0; i < 3; i++) {
        struct store_result r = result_of(paths[i], 21, v); /* 21: it says most things */
        r.sidecar = which[i] < 0 ? NULL : &sidecars[which[i]];
        put(f->store, f->model, r);
    }
    put(f->store, f->model, result_of("/q", 22, v));
    struct photo_meta expected = *content_meta(21);
    photo_meta_overlay(&expected, &first);
    struct store_photo photo;
    load_photo(f, "/p/c", &photo);
    assert_meta(&photo.meta, &expected);
    assert_meta(&photo.embedded, content_meta(21));
    assert_int_equal(photo.path_count, 3);
    assert_meta(photo.paths[1].sidecar_meta, &first);
    assert_meta(photo.paths[2].sidecar_meta, &second);
    store_photo_free(&photo);

    struct store_matrix m;
    struct store_facts facts;
    assert_ok(store_matrix_load(f->store, f->model, &m, &err));
    assert_ok(store_facts_load(f->store, &m, &facts, &err));
    assert_int_equal(facts.count, 2);
    assert_fact(&facts, 0, &expected);
    assert_fact(&facts, 1, content_meta(22));
    assert_int_equal(facts.rows[0].path_count, 3);
    store_facts_free(&facts);
    store_matrix_free(&m);
}

/* --- facts -------------------------------------------------------------------------------- */

enum { MANY = 500 };

static void test_facts(void **state)
{
    struct fixture *f = *state;
    struct err err;
    char path[32], gone[32];
    uint16_t v[DIM];
    for (int i = 0; i < MANY; i++) {
        int content = i * 7 % MANY; /* ids and paths in different orders */
        snprintf(path, sizeof path, "/p/%03d", content);
        put(f->store, f->model, result_of(path, content, v));
        if (content % 10 == 0) {
            snprintf(path, sizeof path, "/p/%03d copy", content);
            struct store_result copy = result_of(path, content, NULL);
            copy.file.size_bytes = 1;
            put(f->store, f->model, copy);
        }
    }
    struct store_matrix m;
    struct store_facts facts;
    assert_ok(store_matrix_load(f->store, f->model, &m, &err));
    assert_int_equal(m.count, MANY);
    snprintf(gone, sizeof gone, "/p/%03d", MANY - 1);
    char *to_forget = gone;
    assert_ok(store_forget_paths(f->store, &to_forget, 1, &err));
    assert_ok(store_facts_load(f->store, &m, &facts, &err));
    assert_int_equal(facts.count, MANY);
    assert_int_equal(facts.cameras.count, 7);
    for (int i = 0; i < MANY - 1; i++) {
        const struct store_fact *fact = &facts.rows[i];
        struct store_result r = result_of("/", i, NULL);
        assert_fact(&facts, (size_t)i, content_meta(i));
        assert_memory_equal(&fact->hash, &r.hash, sizeof r.hash);
        assert_true(fact->has_phash && fact->phash == r.phash);
        assert_int_equal(fact->width, 2048);
        assert_int_equal(fact->height, 1365);
        assert_string_equal(name_of(&facts.formats, fact->format), "jpeg");
        assert_int_equal(fact->path_count, i % 10 == 0 ? 2 : 1);
        assert_true(fact->size_bytes == r.file.size_bytes && fact->mtime_ns == r.file.mtime_ns);
    }
    /* Gone since the matrix was loaded. */
    struct photo_meta nothing;
    photo_meta_clear(&nothing);
    assert_int_equal(facts.rows[MANY - 1].format, -1);
    assert_int_equal(facts.rows[MANY - 1].path_count, 0);
    assert_fact(&facts, MANY - 1, &nothing);
    store_facts_free(&facts);
    store_matrix_free(&m);
    assert_ok(store_facts_load(f->store, &m, &facts, &err)); /* of no photo */
    assert_int_equal(facts.count, 0);
    store_facts_free(&facts);
}

/* --- finding ------------------------------------------------------------------------------ */

static void test_finding(void **state)
{
    struct fixture *f = *state;
    struct err err;
    uint16_t v[DIM];
    int64_t id, same_id, *ids;
    size_t count;
    put(f->store, f->model, result_of("/p/a", 1, v));
    put(f->store, f->model, failure_of("/p/bad", "why"));
    struct photo_hash hash = content_hash(1), other = content_hash(2);
    assert_ok(store_photo_find(f->store, "/p/a", &id, &err));
    assert_ok(store_photo_find_hash(f->store, &hash, &same_id, &err));
    assert_true(id == same_id && id > 0);
    assert_fails(store_photo_find(f->store, "/p/b", &same_id, &err), ERR_NOT_FOUND, "/p/b");
    assert_fails(store_photo_find(f->store, "/p/bad", &same_id, &err), ERR_NOT_FOUND, "/p/bad");
    assert_fails(store_photo_find(f->store, "p/a", &same_id, &err), ERR_ARGUMENT, "absolute");
    assert_fails(store_photo_find_hash(f->store, &other, &same_id, &err), ERR_NOT_FOUND, "content");
    assert_ok(store_photo_ids(f->store, &ids, &count, &err));
    assert_int_equal(count, 1);
    assert_true(ids[0] == id);
    free(ids);

    /* No path names it any more, though its vector waits for the sweep. */
    struct store_photo photo;
    put(f->store, f->model, result_of("/p/a", 2, v));
    assert_fails(store_photo_find_hash(f->store, &hash, &same_id, &err), ERR_NOT_FOUND, "content");
    assert_fails(store_photo_load(f->store, id, &photo, &err), ERR_NOT_FOUND, "number");
    assert_fails(store_photo_load(f->store, 4711, &photo, &err), ERR_NOT_FOUND, "4711");
    assert_ok(store_photo_ids(f->store, &ids, &count, &err));
    assert_int_equal(count, 1);
    assert_true(ids[0] != id);
    free(ids);
}

/* As an import puts them. */
static void test_photos_without_a_model(void **state)
{
    struct fixture *f = *state;
    struct err err;
    uint16_t v[DIM];
    struct store_result r = result_of("/p/a", 1, NULL);
    assert_ok(store_put_results(f->store, 0, &r, 1, &err));
    assert_int_equal(summary_of(f->store).photos, 1);
    assert_int_equal(state_of(f->store, f->model, &r.file), FILE_NEEDS_EMBEDDING);
    assert_matrix(f->store, f->model, NULL, 0);
    r = result_of("/p/b", 2, v);
    assert_fails(store_put_results(f->store, 0, &r, 1, &err), ERR_ARGUMENT, "vector of no model");
    put(f->store, f->model, result_of("/p/a", 1, v));
    assert_matrix(f->store, f->model, ROWS({"/p/a", 1}));
}

int conformance_photos(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_metadata_comes_back),
        TEST(test_senseless_metadata),
        TEST(test_metadata_that_was_not_read),
        TEST(test_sidecars_and_states),
        TEST(test_effective_metadata),
        TEST(test_facts),
        TEST(test_finding),
        TEST(test_photos_without_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
