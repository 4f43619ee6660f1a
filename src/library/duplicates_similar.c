/* SPDX-License-Identifier: MIT
 *
 * The tier that asks the model alone: which photographs have a cosine of at least so much with one
 * that is preferred to them. Every pair is compared, in bytes, 64 photographs at a time against all
 * that come after them (kern's product_q8); what that cannot rule out is compared again in float16.
 * Nothing is missed: with v = v' + e for the vector, its bytes and the rest,
 *
 *     | a·b - a'·b' |  <=  |e_a| |b| + |a'| |e_b|      (Cauchy and Schwarz)
 *
 * and every rest's length is known. No pair is kept: of a panel of 64 each photograph remembers in
 * 64 bits which it belongs to, and whoever finds its group is not looked at again.
 */
#include "library/duplicates_pool.h"

#include "base/cpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows of one call: 512 KiB of bytes at 1024 dimensions, and their sums stay in the cache. */
enum { ROWS = 256 };
/* Lengths of float16 vectors are 1 within 2^-11 a component; sums of floats add less. */
#define LENGTH_MOST 1.002f
#define SLACK 2e-4f

struct similar {
    struct pool *pool;
    int threads;
    size_t count, dim, stride, groups; /* stride: dim in whole fours; groups of QUANT_GROUP */
    place_t *places;                   /* [count] that are compared, ascending */
    uint8_t *bytes;                    /* [count, stride] */
    float *scales;                     /* [count, groups] */
    float *rests;    /* [count] |e|; INFINITY: a damaged vector, which is like nothing */
    uint64_t *likes; /* [count] which of the panel */
    /* the panel */
    size_t panel[PRODUCT_COLUMNS]; /* indices into places */
    int panel_size;
    int8_t *weights; /* [stride / 4, 64, 4] */
    int32_t *sums;   /* [groups, 64] */
    float panel_scales[PRODUCT_COLUMNS], panel_rests[PRODUCT_COLUMNS];
    float *panel_vectors; /* [64, dim] */
    float bias[PRODUCT_COLUMNS];
};

static float length_of_rest(const float *vector, const uint8_t *bytes, const float *scales,
                            size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++) {
        double rest = (double)vector[i] - ((int)bytes[i] - 128) * (double)scales[i / QUANT_GROUP];
        sum += rest * rest;
    }
    return (float)sqrt(sum) * 1.0001f;
}

static void put_bytes(struct similar *s, size_t i, float *vector)
{
    const struct kernels *kernels = s->pool->snapshot->kernels;
    uint8_t *bytes = s->bytes + i * s->stride;
    float *scales = s->scales + i * s->groups;
    kernels->f16_to_f32(vector, pool_vector(s->pool, s->places[i]), s->dim);
    memset(bytes, 128, s->stride);
    bool is_sound = true;
    for (size_t g = 0; g < s->groups; g++) {
        size_t first = g * QUANT_GROUP;
        size_t n = s->dim - first < QUANT_GROUP ? s->dim - first : QUANT_GROUP;
        scales[g] = kernels->quantize(bytes + first, vector + first, n);
        is_sound = is_sound && isfinite(scales[g]);
    }
    s->rests[i] = is_sound ? length_of_rest(vector, bytes, scales, s->dim) : INFINITY;
    for (size_t g = 0; g < s->groups && !is_sound; g++)
        scales[g] = 0;
}

static void similar_close(struct similar *s)
{
    free(s->places);
    free(s->bytes);
    free(s->scales);
    free(s->rests);
    free(s->likes);
    free(s->weights);
    free(s->sums);
    free(s->panel_vectors);
}

static enum status similar_open(struct similar *s, struct pool *pool, struct err *err)
{
    size_t n = (size_t)pool->count + 1;
    *s = (struct similar){.pool = pool, .dim = (size_t)pool->snapshot->matrix->dim};
    s->threads = pool->options->threads > 0 ? pool->options->threads : cpu_cores();
    s->stride = (s->dim + 3) / 4 * 4;
    s->groups = (s->dim + QUANT_GROUP - 1) / QUANT_GROUP;
    s->places = calloc(n, sizeof *s->places);
    s->bytes = malloc(n * s->stride);
    s->scales = calloc(n * s->groups, sizeof *s->scales);
    s->rests = calloc(n, sizeof *s->rests);
    s->likes = calloc(n, sizeof *s->likes);
    s->weights = aligned_alloc(64, s->stride * PRODUCT_COLUMNS);
    s->sums = calloc(s->groups * PRODUCT_COLUMNS, sizeof *s->sums);
    s->panel_vectors = calloc(s->dim * PRODUCT_COLUMNS, sizeof *s->panel_vectors);
    if (!s->places || !s->bytes || !s->scales || !s->rests || !s->likes || !s->weights ||
        !s->sums || !s->panel_vectors)
        return err_no_memory(err, "comparing the photographs", n * s->stride);
    for (place_t p = 0; p < pool->count; p++)
        if (pool_is_free(pool, p))
            s->places[s->count++] = p;
    for (size_t i = 0; i < s->count; i++)
        put_bytes(s, i, s->panel_vectors);
    return OK;
}

/* Column c of the panel: one scale for all of a vector, unlike the rows. */
static void put_column(struct similar *s, size_t c, size_t i)
{
    float *vector = s->panel_vectors + c * s->dim, most = 0;
    s->pool->snapshot->kernels->f16_to_f32(vector, pool_vector(s->pool, s->places[i]), s->dim);
    for (size_t k = 0; k < s->dim; k++)
        most = fmaxf(most, fabsf(vector[k]));
    float scale = most / 127;
    double rest = 0;
    for (size_t k = 0; k < s->dim; k++) {
        int value = scale > 0 ? (int)lrintf(vector[k] / scale) : 0;
        value = value > 127 ? 127 : value < -127 ? -127 : value;
        double e = (double)vector[k] - (double)value * (double)scale;
        rest += e * e;
        s->weights[(k / 4 * PRODUCT_COLUMNS + c) * 4 + k % 4] = (int8_t)value;
        s->sums[k / QUANT_GROUP * PRODUCT_COLUMNS + c] -= 128 * value;
    }
    s->panel_scales[c] = scale;
    s->panel_rests[c] = (float)sqrt(rest) * 1.0001f;
}

/* The next 64 that are free, from index `first` on. */
static size_t fill_panel(struct similar *s, size_t first)
{
    s->panel_size = 0;
    memset(s->weights, 0, s->stride * PRODUCT_COLUMNS);
    memset(s->sums, 0, s->groups * PRODUCT_COLUMNS * sizeof *s->sums);
    memset(s->panel_scales, 0, sizeof s->panel_scales);
    for (; first < s->count && s->panel_size < PRODUCT_COLUMNS; first++) {
        if (!pool_is_free(s->pool, s->places[first]) || !isfinite(s->rests[first]))
            continue;
        put_column(s, (size_t)s->panel_size, first);
        s->panel[s->panel_size++] = first;
    }
    return first;
}

/* Which of the panel's photographs row i is similar to. */
static uint64_t likes_of(const struct similar *s, size_t i, const float *sums)
{
    const struct kernels *kernels = s->pool->snapshot->kernels;
    float floor = s->pool->options->similar_cosine;
    float rest = s->rests[i], base = floor - rest * LENGTH_MOST - SLACK;
    uint64_t likes = 0;
    for (int c = 0; c < s->panel_size; c++)
        likes |= (uint64_t)(sums[c] + (LENGTH_MOST + rest) * s->panel_rests[c] >= base) << c;
    for (uint64_t left = likes; left; left &= left - 1) {
        int c = __builtin_ctzll(left);
        float cosine = 0;
        if (s->panel[c] < i)
            kernels->dot_f16_rows(&cosine, s->panel_vectors + (size_t)c * s->dim,
                                  pool_vector(s->pool, s->places[i]), 1, s->dim);
        if (!(s->panel[c] < i && cosine >= floor))
            likes &= ~(UINT64_C(1) << c);
    }
    return likes;
}

static void compare_rows(struct similar *s, size_t first, size_t count)
{
    float sums[ROWS * PRODUCT_COLUMNS];
    const struct panel_product product = {
        .x = s->bytes + first * s->stride,
        .x_stride = s->stride,
        .x_scales = s->scales + first * s->groups,
        .x_scales_stride = s->groups,
        .weights = s->weights,
        .sums = s->sums,
        .scales = s->panel_scales,
        .bias = s->bias,
        .rows = count,
        .k = s->dim,
        .y = sums,
        .y_stride = PRODUCT_COLUMNS,
    };
    s->pool->snapshot->kernels->product_q8(&product);
    for (size_t i = 0; i < count; i++)
        s->likes[first + i] =
            isfinite(s->rests[first + i]) ? likes_of(s, first + i, sums + i * PRODUCT_COLUMNS) : 0;
}

/* By place, so that who is preferred takes first; the nearest of those that are left. */
static void take(struct similar *s, size_t i)
{
    uint64_t likes = s->likes[i];
    while (likes && pool_is_free(s->pool, s->places[i])) {
        int best = -1;
        float most = -2;
        for (uint64_t left = likes; left; left &= left - 1) {
            int c = __builtin_ctzll(left);
            place_t head = s->places[s->panel[c]];
            float cosine = -1;
            if (pool_is_free(s->pool, head))
                s->pool->snapshot->kernels->dot_f16_rows(
                    &cosine, s->panel_vectors + (size_t)c * s->dim,
                    pool_vector(s->pool, s->places[i]), 1, s->dim);
            if (cosine > most) {
                most = cosine;
                best = c;
            }
        }
        likes &= ~(UINT64_C(1) << best);
        place_t head = s->places[s->panel[best]];
        if (pool_is_free(s->pool, head))
            (void)pool_absorb(s->pool, head, s->places[i]);
    }
}

enum status duplicates_similar(struct pool *pool, struct err *err)
{
    struct similar s;
    enum status status = similar_open(&s, pool, err);
    for (size_t next = 0; status == OK && next < s.count;) {
        next = fill_panel(&s, next);
        if (s.panel_size == 0)
            break;
        size_t first = s.panel[0];
        size_t blocks = (s.count - first + ROWS - 1) / ROWS;
#pragma omp parallel for schedule(dynamic, 4) num_threads(s.threads)
        for (size_t b = 0; b < blocks; b++) {
            size_t start = first + b * ROWS;
            compare_rows(&s, start, s.count - start < ROWS ? s.count - start : ROWS);
        }
        for (size_t i = first; i < s.count; i++)
            if (s.likes[i] && pool_is_free(pool, s.places[i]))
                take(&s, i);
        if (pool_is_cancelled(pool))
            status = err_set(err, ERR_CANCELLED, "stopped");
    }
    similar_close(&s);
    return status;
}
