/* SPDX-License-Identifier: MIT
 *
 * Both towers against open_clip's float32 outputs (README.md), on weights made by the formula.
 * For every model: the relative L2 error of each vector, in a batch and alone, and (but for the
 * largest) the same bits at 1, 2 and 8 threads. The same in bf16 and int8, by the cosine. For the
 * one with reference activations: every block. For one model also the spellings of a checkpoint:
 * prefixes, float16, bfloat16, data at odd addresses.
 *
 * usage: test-model-golden DIR NAME...          DIR/NAME holds a golden
 *        test-model-golden --shared NAME...     in $FOVEA_SHARED/golden/models, skipped if unset
 */
#include "model_files.h"

#include "base/file.h"
#include "clip/model.h"
#include "clip/tap.h"
#include "image/image.h"
#include "tensor/tensor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SKIPPED = 77 };

static int failures;

static void check(bool ok, const char *what, double error, double limit)
{
    printf("%-6s %-48s %.3g (at most %.3g)\n", ok ? "ok" : "FAILED", what, error, limit);
    failures += !ok;
}

static struct model *open_model(const char *dir, enum precision precision)
{
    struct err err = {0};
    struct model *model;
    const struct model_options options = {.dir = dir, .precision = precision};
    if (model_open(&model, &options, &err) != OK) {
        printf("FAILED: %s\n", err.text);
        exit(1);
    }
    printf("       %s, %s, by %s\n", model_info(model)->name, precision_names[precision],
           tensor_cpu_description());
    return model;
}

/* Everything a golden asks for, with sessions of the given threads and batch. */
struct outputs {
    float *images, *texts;
    size_t image_floats, text_floats;
};

static void encode(struct outputs *out, const struct model *model, const struct golden *g,
                   int threads, int batch, struct tap tap)
{
    struct err err = {0};
    struct session *s;
    const struct model_info *info = model_info(model);
    const struct session_options options = {
        .threads = threads, .image_batch = batch, .text_batch = g->texts};
    size_t image = (size_t)info->image_size * (size_t)info->image_size * 3;
    out->image_floats = 3 * (size_t)g->dim;
    out->text_floats = (size_t)g->texts * (size_t)g->dim;
    out->images = calloc(out->image_floats, sizeof(float));
    out->texts = calloc(out->text_floats, sizeof(float));
    enum status status = session_open(&s, model, &options, &err);
    if (status == OK)
        session_set_tap(s, tap);
    for (int i = 0; i < 3 && status == OK; i += batch)
        status = session_encode_images(s, g->pixels + (size_t)i * image, batch,
                                       out->images + (size_t)i * (size_t)g->dim, &err);
    for (int i = 0; i < g->texts && status == OK; i += batch == 1 ? 1 : g->texts)
        status = session_encode_ids(s, g->ids + (size_t)i * (size_t)g->context,
                                    batch == 1 ? 1 : g->texts,
                                    out->texts + (size_t)i * (size_t)g->dim, &err);
    session_close(s);
    if (status != OK) {
        printf("FAILED: %s\n", err.text);
        exit(1);
    }
}

static void outputs_free(struct outputs *o)
{
    free(o->images);
    free(o->texts);
}

static double worst(const float *got, const float *want, int rows, int dim)
{
    double most = 0;
    for (int i = 0; i < rows; i++) {
        double error =
            relative_error(got + (size_t)i * (size_t)dim, want + (size_t)i * (size_t)dim, dim);
        most = error > most ? error : most;
    }
    return most;
}

/* ---- layer by layer ---------------------------------------------------------------------- */

struct watch {
    const struct safetensors *reference;
    double limit;
    int seen;
};

/* Each token that was computed against the reference's; what was not computed is not needed. */
static void compare_stage(void *context, const struct tap_stage *stage)
{
    struct watch *w = context;
    char name[64];
    bool last = stage->sequences[0].queries == 1;
    if (stage->block < 0)
        snprintf(name, sizeof name, "%s.ln_pre", stage->tower);
    else
        snprintf(name, sizeof name, "%s.block%d", stage->tower, stage->block);
    const struct tensor_view *t = safetensors_find(w->reference, name);
    if (!t)
        return; /* the text tower has no reference before its first block */
    double most = 0;
    size_t width = (size_t)stage->width, tokens = (size_t)t->shape[1];
    for (int s = 0; s < stage->count; s++) {
        const struct sequence *q = &stage->sequences[s];
        bool text = strcmp(stage->tower, "text") == 0;
        for (int i = 0; i < q->queries; i++) {
            size_t token = last && text ? (size_t)q->keys - 1 : (size_t)i;
            float want[1024];
            memcpy(want,
                   (const uint8_t *)t->data + ((size_t)s * tokens + token) * width * sizeof(float),
                   width * sizeof(float));
            double error =
                relative_error(stage->x + (size_t)(q->first_query + i) * width, want, (int)width);
            most = error > most ? error : most;
        }
    }
    check(most <= w->limit, name, most, w->limit);
    w->seen++;
}

static void test_activations(const struct model *model, const struct golden *g, double limit)
{
    char path[1200];
    struct err err = {0};
    struct safetensors *reference;
    struct outputs out;
    snprintf(path, sizeof path, "%s/activations.safetensors", g->dir);
    if (safetensors_open(&reference, path, &err) != OK)
        return; /* only one golden has them; that one counts its stages below */
    struct watch w = {reference, limit, 0};
    encode(&out, model, g, 1, 3, (struct tap){compare_stage, &w});
    size_t count;
    safetensors_all(reference, &count);
    check(w.seen == (int)count, "every reference stage was compared", w.seen, (double)count);
    outputs_free(&out);
    safetensors_close(reference);
}

/* ---- one model --------------------------------------------------------------------------- */

static bool same_bits(const struct outputs *a, const struct outputs *b)
{
    return memcmp(a->images, b->images, a->image_floats * sizeof(float)) == 0 &&
           memcmp(a->texts, b->texts, a->text_floats * sizeof(float)) == 0;
}

static void test_threads(const struct model *model, const struct golden *g,
                         const struct outputs *one)
{
    for (int threads = 2; threads <= 8; threads *= 4) {
        struct outputs out;
        encode(&out, model, g, threads, 3, (struct tap){0});
        check(same_bits(one, &out),
              threads == 2 ? "the same bits at 2 threads" : "the same bits at 8 threads", threads,
              threads);
        outputs_free(&out);
    }
}

static bool is_large(const char *name)
{
    return strstr(name, "ViT-H") != NULL;
}

/* `thorough`: also what a small model shows as well as a large one. */
static void test_model(const char *dir, const char *models, const char *name, double limit,
                       bool thorough)
{
    char path[1200];
    struct golden g;
    struct outputs one, alone;
    struct model *model = open_model(dir, PRECISION_F32);
    snprintf(path, sizeof path, "%s/%s", models, name);
    golden_load(&g, path, model_info(model)->image_size);
    encode(&one, model, &g, 1, 3, (struct tap){0});
    check(worst(one.images, g.images, 3, g.dim) <= limit, "images",
          worst(one.images, g.images, 3, g.dim), limit);
    check(worst(one.texts, g.prompts, g.texts, g.dim) <= limit, "texts",
          worst(one.texts, g.prompts, g.texts, g.dim), limit);
    encode(&alone, model, &g, 2, 1, (struct tap){0});
    check(worst(alone.images, g.images, 3, g.dim) <= limit, "images one by one",
          worst(alone.images, g.images, 3, g.dim), limit);
    check(worst(alone.texts, g.prompts, g.texts, g.dim) <= limit, "texts one by one",
          worst(alone.texts, g.prompts, g.texts, g.dim), limit);
    printf("       one by one gives %s as a batch: relative L2 difference %.1e, %.1e\n",
           same_bits(&one, &alone) ? "the same bits" : "other last bits",
           worst(alone.images, one.images, 3, g.dim),
           worst(alone.texts, one.texts, g.texts, g.dim));
    if (thorough)
        test_threads(model, &g, &one);
    test_activations(model, &g, limit);
    outputs_free(&one);
    outputs_free(&alone);
    golden_free(&g);
    model_close(model);
}

/* ---- other precisions -------------------------------------------------------------------- */

static double least_cosine(const float *got, const float *want, int rows, int dim)
{
    double least = 1;
    for (int i = 0; i < rows; i++) {
        const float *a = got + (size_t)i * (size_t)dim, *b = want + (size_t)i * (size_t)dim;
        double ab = 0, aa = 0, bb = 0;
        for (int k = 0; k < dim; k++) {
            ab += (double)a[k] * b[k];
            aa += (double)a[k] * a[k];
            bb += (double)b[k] * b[k];
        }
        double cosine = ab / sqrt(aa * bb);
        least = cosine < least || isnan(cosine) ? cosine : least;
    }
    return least;
}

/* A cosine has to be at least `limit`; here a vector's bits depend on nothing else in the batch. */
static void test_precision(const char *dir, const char *golden, enum precision precision,
                           double limit, bool thorough)
{
    struct golden g;
    struct outputs batch, alone;
    struct model *model = open_model(dir, precision);
    golden_load(&g, golden, model_info(model)->image_size);
    encode(&batch, model, &g, 2, 3, (struct tap){0});
    double images = least_cosine(batch.images, g.images, 3, g.dim);
    double texts = least_cosine(batch.texts, g.prompts, g.texts, g.dim);
    check(images >= limit, "1 - cosine of images", 1 - images, 1 - limit);
    check(texts >= limit, "1 - cosine of texts", 1 - texts, 1 - limit);
    if (thorough) {
        encode(&alone, model, &g, 1, 1, (struct tap){0});
        check(same_bits(&batch, &alone), "one by one, at 1 thread, the same bits", 0, 0);
        outputs_free(&alone);
    }
    outputs_free(&batch);
    golden_free(&g);
    model_close(model);
}

/* ---- spellings of a checkpoint ----------------------------------------------------------- */

/* A folder beside the synthesised one, with the same config and the rewritten weights. */
static void make_rewritten(const char *to, const char *dir, const struct rewrite *how)
{
    char source[1200], target[1200];
    struct err err = {0};
    struct file_bytes config;
    snprintf(source, sizeof source, "%s/open_clip_config.json", dir);
    snprintf(target, sizeof target, "%s/open_clip_config.json", to);
    if (dir_make(to, &err) != OK || file_read(&config, source, 1 << 20, &err) != OK ||
        file_write(target, config.data, config.size, &err) != OK) {
        printf("FAILED: %s\n", err.text);
        exit(1);
    }
    file_bytes_free(&config);
    snprintf(source, sizeof source, "%s/open_clip_model.safetensors", dir);
    snprintf(target, sizeof target, "%s/open_clip_model.safetensors", to);
    rewrite_weights(source, target, how);
}

static void encode_rewritten(struct outputs *out, const char *dir, const struct golden *g,
                             const struct rewrite *how)
{
    char to[1100];
    snprintf(to, sizeof to, "%s/rewritten", dir);
    make_rewritten(to, dir, how);
    struct model *model = open_model(to, PRECISION_F32);
    encode(out, model, g, 1, 3, (struct tap){0});
    model_close(model);
}

/* Two spellings of the same values have to give the same bits. */
static void test_spellings(const char *dir, const char *models, const char *name, int image_size)
{
    static const struct {
        const char *what;
        struct rewrite a, b;
    } cases[] = {
        {"prefixes module. and text. change nothing",
         {.dtype = "F32"},
         {.dtype = "F32", .prefix = "module.", .text_prefix = "text."}},
        {"prefix text. changes nothing",
         {.dtype = "F32"},
         {.dtype = "F32", .text_prefix = "text."}},
        {"float16 weights are their values in float32",
         {.dtype = "F16"},
         {.dtype = "F16", .round_trip = true}},
        {"bfloat16 weights are their values in float32",
         {.dtype = "BF16"},
         {.dtype = "BF16", .round_trip = true}},
        {"float16 at odd addresses", {.dtype = "F16"}, {.dtype = "F16", .odd = 3}},
    };
    char path[1200];
    struct golden g;
    snprintf(path, sizeof path, "%s/%s", models, name);
    golden_load(&g, path, image_size);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outputs a, b;
        encode_rewritten(&a, dir, &g, &cases[i].a);
        encode_rewritten(&b, dir, &g, &cases[i].b);
        check(same_bits(&a, &b), cases[i].what, 0, 0);
        outputs_free(&a);
        outputs_free(&b);
    }
    golden_free(&g);
}

/* ---- main -------------------------------------------------------------------------------- */

static void run(const char *models, const char *name, bool spellings)
{
    char dir[1024], config[1200], golden[1200];
    printf("%s\n", name);
    temporary_folder(dir, sizeof dir);
    snprintf(config, sizeof config, "%s/%s/open_clip_config.json", models, name);
    write_model(config, dir);
    bool tiny = strncmp(name, "tiny-", 5) == 0;
    bool thorough = !is_large(name);
    test_model(dir, models, name, tiny ? 1e-5 : 1e-4, thorough);
    snprintf(golden, sizeof golden, "%s/%s", models, name);
    test_precision(dir, golden, PRECISION_BF16, 0.999, thorough);
    test_precision(dir, golden, PRECISION_INT8, 0.99, thorough);
    if (spellings)
        test_spellings(dir, models, name, 56);
    remove_folder(dir);
}

int main(int argc, char **argv)
{
    char models[1024];
    struct err err;
    if (argc < 3) {
        fprintf(stderr, "usage: %s DIR|--shared NAME...\n", argv[0]);
        return 2;
    }
    if (strcmp(argv[1], "--shared") != 0) {
        snprintf(models, sizeof models, "%s", argv[1]);
    } else {
        const char *shared = getenv("FOVEA_SHARED"), *large = getenv("FOVEA_TEST_LARGE");
        if (!shared || !*shared) {
            printf("skipped: FOVEA_SHARED is not set (the folder with the full goldens)\n");
            return SKIPPED;
        }
        if (is_large(argv[2]) && !(large && strcmp(large, "1") == 0)) {
            printf("skipped: %s needs 4 GB of disk and memory; FOVEA_TEST_LARGE=1 runs it\n",
                   argv[2]);
            return SKIPPED;
        }
        snprintf(models, sizeof models, "%s/golden/models", shared);
    }
    if (image_room_open(&err) != OK) {
        printf("FAILED: %s\n", err.text);
        return 1;
    }
    for (int i = 2; i < argc; i++)
        run(models, argv[i], strcmp(argv[i], "tiny-quickgelu") == 0);
    image_room_close();
    printf("%d failed\n", failures);
    return failures != 0;
}
