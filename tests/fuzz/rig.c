/* SPDX-License-Identifier: MIT
 *
 * See rig.h.
 */
#include "rig.h"

#include "base/file.h"
#include "clip/synth.h"
#include "fuzz.h"
#include "image/image.h"
#include "library/index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct model *rig_model(void)
{
    static const char config[] =
        "{\"model_cfg\": {\"embed_dim\": 16, \"vision_cfg\": {\"image_size\": 28, \"patch_size\": "
        "14, \"width\": 16, \"head_width\": 16, \"layers\": 1}, \"text_cfg\": {\"context_length\": "
        "16, \"vocab_size\": 49408, \"width\": 16, \"heads\": 1, \"layers\": 1}}, "
        "\"preprocess_cfg\": {}}";
    struct model *model;
    struct err err = {0};
    char out[128];
    snprintf(out, sizeof out, "%s", rig_path("model"));
    rig_write("config.json", config, sizeof config - 1);
    FUZZ_CHECK_OK(model_synth(rig_path("config.json"), 7, out, &err), &err);
    const struct model_options options = {
        .dir = out, .name = "fuzz", .prepared = "off", .precision = PRECISION_F32, .threads = 1};
    FUZZ_CHECK_OK(model_open(&model, &options, &err), &err);
    return model;
}

void rig_pictures(void)
{
    enum { W = 40, H = 30 };
    static uint8_t rgb[W * H * 3];
    struct err err = {0};
    FUZZ_CHECK_OK(image_room_open(&err), &err);
    for (unsigned n = 0; n < RIG_PICTURES; n++) {
        char name[64];
        snprintf(name, sizeof name, "photos/%s/%u.png", n % 2 ? "a" : "b c", n);
        for (unsigned i = 0; i < sizeof rgb; i++)
            rgb[i] = (uint8_t)(i * (n + 3) + n * 17);
        FUZZ_CHECK_OK(dir_make_parent(rig_path(name), &err), &err);
        FUZZ_CHECK_OK(image_write_png(rig_path(name), rgb, W, H, &err), &err);
    }
}

void rig_index(const char *name, const struct model *model)
{
    struct store *store;
    struct err err = {0};
    struct index_report report;
    char photos[128];
    snprintf(photos, sizeof photos, "%s", rig_path("photos"));
    const char *const roots[] = {photos};
    const struct index_options options = {.roots = roots, .root_count = 1, .threads = 1};
    FUZZ_CHECK_OK(store_open(&store, rig_path(name), STORE_WRITE, &err), &err);
    FUZZ_CHECK_OK(index_run(store, model, &options, &report, &err), &err);
    if (report.embedded != RIG_PICTURES)
        fprintf(stderr, "%zu found, %zu embedded, %zu known, %zu failed\n", report.found,
                report.embedded, report.known, report.failed);
    FUZZ_CHECK(report.embedded == RIG_PICTURES);
    store_close(store);
}

static struct photo_hash hash_of(int n)
{
    struct photo_hash hash;
    memset(hash.bytes, n + 1, sizeof hash.bytes);
    return hash;
}

static void put_photos(struct store *store, int64_t model)
{
    static const uint16_t one = 0x3c00; /* float16's 1 */
    static uint16_t vectors[RIG_PICTURES][RIG_DIM];
    static char paths[RIG_PICTURES][32];
    struct store_result results[RIG_PICTURES + 1];
    struct photo_meta meta;
    struct err err = {0};
    photo_meta_clear(&meta);
    strcpy(meta.camera, "Camera One");
    strcpy(meta.keywords, "sea\nsand\n");
    meta.taken_ms = 1600000000000;
    meta.latitude = 48;
    meta.longitude = 11;
    const struct store_sidecar sidecar = {"/p/b/1.xmp", 10, 20, &meta};
    for (int n = 0; n < RIG_PICTURES; n++) {
        vectors[n][n % RIG_DIM] = one;
        snprintf(paths[n], sizeof paths[n], "/p/%s/%d.jpg", n % 2 ? "a" : "b", n);
        results[n] = (struct store_result){.file = {paths[n], 1000 + n, 5000 + n, -1, 0},
                                           .hash = hash_of(n),
                                           .width = 600,
                                           .height = 400,
                                           .format = "jpeg",
                                           .vector = vectors[n],
                                           .meta = &meta,
                                           .phash = (uint64_t)n * 77,
                                           .has_phash = true,
                                           .sidecar = n == 1 ? &sidecar : NULL};
    }
    results[RIG_PICTURES] =
        (struct store_result){.file = {"/p/bad.jpg", 1, 2, -1, 0}, .failure = "it is no picture"};
    FUZZ_CHECK_OK(store_put_results(store, model, results, RIG_PICTURES + 1, &err), &err);
}

static void put_labels(struct store *store, int64_t model)
{
    static const char *const names[] = {"one", "two"};
    static const float probabilities[] = {0.75f, 0.25f};
    static const int second = 1;
    const struct store_set set = {"default", "{\"one\":[\"1\"],\"two\":[\"2\"]}", names, 2, 0};
    struct store_label labels[RIG_PICTURES];
    struct store_matrix m;
    struct err err = {0};
    FUZZ_CHECK_OK(store_matrix_load(store, model, &m, &err), &err);
    for (size_t i = 0; i < m.count; i++)
        labels[i] = (struct store_label){m.photo_ids[i], i % 3 ? "one" : NULL, 0.75,    0.5,
                                         i % 2,          probabilities,        &second, i % 3};
    for (size_t i = 0; i < m.count; i++)
        labels[i].also_count = i % 3 ? 1 : 0;
    FUZZ_CHECK_OK(store_labels_replace(store, model, &set, labels, m.count, &err), &err);
    store_matrix_free(&m);
}

void rig_fill(struct store *store)
{
    int64_t model;
    struct err err = {0};
    const struct photo_hash a = hash_of(0), b = hash_of(1);
    const struct store_place place = {(char *)"/p", STORE_ROOT};
    FUZZ_CHECK_OK(store_model_use(store, "fuzz", "f00d", RIG_DIM, &model, &err), &err);
    FUZZ_CHECK_OK(store_model_set_active(store, model, &err), &err);
    put_photos(store, model);
    put_labels(store, model);
    FUZZ_CHECK_OK(store_decision_put(store, &a, &b, DECISION_DUPLICATE, &err), &err);
    FUZZ_CHECK_OK(store_artifact_put(store, model, "map", "bytes", 5, &err), &err);
    FUZZ_CHECK_OK(store_saved_set_put(store, "mine", "{\"x\":[\"y\"]}", &err), &err);
    FUZZ_CHECK_OK(store_places_replace(store, &place, 1, &err), &err);
}
