/* SPDX-License-Identifier: MIT
 *
 * See full_library.h.
 */
#include "full_library.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

/* Of length 1. */
static void unit_vector(int content, uint16_t *v)
{
    memset(v, 0, DIM * sizeof *v);
    v[content % DIM] = 0x3a66;                       /* 0.8 */
    v[(content / DIM + 1 + content) % DIM] = 0xb8cd; /* -0.6 */
}

/* --- a library with everything in it ------------------------------------------------------ */

static void put_some_photos(struct store *store, int64_t model, int64_t other)
{
    uint16_t v[DIM];
    struct photo_meta said = *content_meta(21);
    for (int i = 0; i < FULL_PHOTOS; i++) {
        char path[64];
        snprintf(path, sizeof path, i % 50 == 7 ? "/p/\xff\xfe%03d\n.jpg" : "/p/%03d \xc3\xa4.jpg",
                 i);
        struct store_result r = result_of(path, i, v);
        const struct store_sidecar sidecar = {"/p/x\xff.xmp", 10 + i, -20, i % 4 ? &said : NULL};
        unit_vector(i, v);
        r.sidecar = i % 5 == 1 ? &sidecar : NULL;
        r.meta = i % 11 == 3 ? NULL : r.meta;
        r.has_phash = i % 13 != 5;
        put(store, model, r);
        if (i % 3 == 0)
            put(store, other, r);
        if (i % 17 == 0) {
            struct store_result copy = r;
            copy.file.path = strcat(path, " copy");
            copy.vector = NULL;
            copy.sidecar = NULL;
            put(store, model, copy);
        }
    }
    put(store, model, failure_of("/q/bad\xff", "not a \"JPEG\""));
    struct store_result transient = failure_of("/q/busy", "Permission denied");
    transient.transient = true;
    put(store, model, transient);
}

static void put_some_labels(struct store *store, int64_t model, const char *name, int step)
{
    struct err err;
    static const char *const categories[] = {"one", "zw\xc3\xb6lf", "\"three\""};
    static const float probabilities[] = {0.1f, 0.7f, 0.2f};
    static const int also[] = {2, 0};
    static struct store_label labels[FULL_PHOTOS];
    struct store_matrix m;
    size_t count = 0;
    assert_ok(store_matrix_load(store, model, &m, &err));
    for (size_t i = 0; i < m.count; i += (size_t)step)
        labels[count++] = (struct store_label){m.photo_ids[i],
                                               i % 7 ? categories[1] : NULL,
                                               1.0 / (double)(i + 3),
                                               0.25,
                                               i % 2,
                                               probabilities,
                                               also,
                                               i % 7 ? i % 3 : 0};
    const struct store_set set = {name, "{\"one\": []}", categories, 3, 1234567};
    assert_ok(store_labels_replace(store, model, &set, labels, count, &err));
    store_matrix_free(&m);
}

void make_full_library(const char *path)
{
    struct err err;
    struct store *store;
    int64_t model, other;
    assert_ok(store_open(&store, path, STORE_WRITE, &err));
    assert_ok(store_model_use(store, "ViT-T/test", "f00d", DIM, &model, &err));
    assert_ok(store_model_use(store, "other \xc3\xa4", "beef", DIM, &other, &err));
    put_some_photos(store, model, other);
    put_some_labels(store, model, "animals", 2);
    put_some_labels(store, other, "animals", 1);
    put_some_labels(store, model, "weather", 3);
    assert_ok(store_model_set_active(store, other, &err));
    for (int i = 0; i < 20; i++) {
        struct store_decision d = {content_hash(i), content_hash(i + 500),
                                   i % 2 ? DECISION_DUPLICATE : DECISION_NOT_DUPLICATE, 77 + i};
        assert_ok(store_decisions_put(store, &d, 1, &err));
    }
    assert_ok(store_saved_set_put(store, "mine", "{\"sea\":[\"the sea\"]}", &err));
    const struct store_place places[] = {{(char *)"/p", STORE_ROOT}, {(char *)"/p/m", STORE_MOUNT}};
    assert_ok(store_places_replace(store, places, 2, &err));
    store_close(store);
}

/* --- equal libraries ---------------------------------------------------------------------- */

#define META                                                                                       \
    "taken_ms, offset_min, camera, lens, exposure_s, f_number, focal_mm, focal35_mm, iso,"         \
    " latitude, longitude, altitude_m, rating, keywords"

/* Everything but numbers that only mean something within one library. */
static const char *const contents[] = {
    "SELECT hash, width, height, format, has_meta, phash, " META " FROM photos ORDER BY hash",
    "SELECT path, size_bytes, mtime_ns, failure, (SELECT hash FROM photos WHERE id = photo_id)"
    " FROM files ORDER BY path",
    "SELECT * FROM sidecars ORDER BY path",
    "SELECT fingerprint, name, dim, id IS (SELECT active_model FROM library) FROM models"
    " ORDER BY fingerprint",
    "SELECT fingerprint, hash, vector FROM embeddings JOIN models ON models.id = model_id"
    " JOIN photos ON photos.id = photo_id ORDER BY fingerprint, hash",
    "SELECT fingerprint, s.name, set_json, made_at FROM label_sets s JOIN models ON"
    " models.id = model_id ORDER BY fingerprint, s.id",
    "SELECT fingerprint, s.name, position, c.name FROM categories c JOIN label_sets s ON"
    " s.id = set_id JOIN models ON models.id = model_id ORDER BY fingerprint, s.id, position",
    "SELECT fingerprint, s.name, hash, position, confidence, margin, uncertain, probabilities, also"
    " FROM labels JOIN label_sets s ON s.id = set_id JOIN models ON models.id = model_id"
    " JOIN photos ON photos.id = photo_id ORDER BY fingerprint, s.name, hash",
    "SELECT * FROM saved_sets ORDER BY name",
    "SELECT * FROM decisions ORDER BY hash_a, hash_b",
    "SELECT * FROM places ORDER BY path, kind",
};

static bool same_value(sqlite3_stmt *a, sqlite3_stmt *b, int i)
{
    int size = sqlite3_column_bytes(a, i);
    if (sqlite3_column_type(a, i) != sqlite3_column_type(b, i))
        return false;
    if (sqlite3_column_type(a, i) == SQLITE_FLOAT)
        return sqlite3_column_double(a, i) == sqlite3_column_double(b, i);
    return size == sqlite3_column_bytes(b, i) &&
           (size == 0 ||
            memcmp(sqlite3_column_blob(a, i), sqlite3_column_blob(b, i), (size_t)size) == 0);
}

void assert_equal_libraries(const char *x, const char *y)
{
    sqlite3 *dbs[2];
    assert_int_equal(sqlite3_open(x, &dbs[0]), SQLITE_OK);
    assert_int_equal(sqlite3_open(y, &dbs[1]), SQLITE_OK);
    for (size_t q = 0; q < sizeof contents / sizeof contents[0]; q++) {
        sqlite3_stmt *s[2];
        int rows = 0;
        for (int i = 0; i < 2; i++)
            assert_int_equal(sqlite3_prepare_v2(dbs[i], contents[q], -1, &s[i], NULL), SQLITE_OK);
        for (;; rows++) {
            int rc = sqlite3_step(s[0]);
            if (rc != sqlite3_step(s[1]))
                fail_msg("row %d of: %s", rows, contents[q]);
            if (rc != SQLITE_ROW)
                break;
            for (int i = 0; i < sqlite3_column_count(s[0]); i++)
                if (!same_value(s[0], s[1], i))
                    fail_msg("column %d of row %d of: %s", i, rows, contents[q]);
        }
        assert_true(rows > 0);
        sqlite3_finalize(s[0]);
        sqlite3_finalize(s[1]);
    }
    sqlite3_close(dbs[0]);
    sqlite3_close(dbs[1]);
}
