/* SPDX-License-Identifier: MIT
 *
 * make-library LIBRARY MODEL-DIR COUNT: a library of COUNT photographs that are not there, with
 * random vectors of a model: for measuring the server at sizes that nobody indexes for a test.
 */
#include "clip/model.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 1000 };

static uint64_t state = 1;

static double noise(void) /* splitmix64; the sum of four is nearly normal */
{
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        uint64_t z = (state += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        sum += (double)((z ^ (z >> 31)) >> 11) * 0x1p-53 - 0.5;
    }
    return sum;
}

static void fill_vector(uint16_t *out, float *scratch, int dim)
{
    for (int i = 0; i < dim; i++)
        scratch[i] = (float)noise();
    embedding_normalize(scratch, dim);
    for (int i = 0; i < dim; i++) { /* float16, cut; every value is a normal number or 0 */
        uint32_t bits;
        memcpy(&bits, &scratch[i], sizeof bits);
        int exponent = (int)(bits >> 23 & 255) - 112;
        out[i] = exponent <= 0 ? 0
                               : (uint16_t)((bits >> 16 & 0x8000) | ((uint32_t)exponent << 10) |
                                            (bits >> 13 & 0x3ff));
    }
}

static enum status fill(struct store *store, int64_t model_id, int dim, int count, struct err *err)
{
    struct store_result *results = calloc(BATCH, sizeof *results);
    uint16_t *vectors = calloc(BATCH, (size_t)dim * sizeof *vectors);
    float *scratch = calloc((size_t)dim, sizeof *scratch);
    char(*paths)[64] = calloc(BATCH, sizeof *paths);
    enum status status = OK;
    for (int first = 0; status == OK && first < count; first += BATCH) {
        int size = count - first < BATCH ? count - first : BATCH;
        for (int i = 0; i < size; i++) {
            int n = first + i;
            snprintf(paths[i], sizeof paths[i], "/photos/%04d/IMG_%07d.jpg", n / 500, n);
            fill_vector(vectors + (size_t)i * (size_t)dim, scratch, dim);
            results[i] = (struct store_result){
                .file = {.path = paths[i], .size_bytes = 5000000 + n, .mtime_ns = n},
                .width = 6000,
                .height = 4000,
                .format = "jpeg",
                .vector = vectors + (size_t)i * (size_t)dim};
            memcpy(results[i].hash.bytes, &n, sizeof n);
        }
        status = store_put_results(store, model_id, results, (size_t)size, err);
    }
    free(paths);
    free(scratch);
    free(vectors);
    free(results);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    struct store *store = NULL;
    struct model *model = NULL;
    struct err err;
    int64_t model_id;
    const struct model_options options = {.dir = argv[2]};
    enum status status = model_open(&model, &options, &err);
    if (status == OK)
        status = store_open(&store, argv[1], STORE_WRITE, &err);
    if (status == OK)
        status = store_model_use(store, argv[2], model_info(model)->fingerprint,
                                 model_info(model)->embed_dim, &model_id, &err);
    if (status == OK)
        status = fill(store, model_id, model_info(model)->embed_dim, atoi(argv[3]), &err);
    if (status == OK)
        status = store_model_set_active(store, model_id, &err);
    if (status != OK)
        fprintf(stderr, "make-library: %s\n", err.text);
    store_close(store);
    model_close(model);
    return status != OK;
}
