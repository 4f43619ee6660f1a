/* SPDX-License-Identifier: MIT
 *
 * Neighbourhoods, row by row: a row's cosines to all vectors and its distances to all points of the
 * map give both ranks. Beyond QUALITY_ROWS a sample of rows stands for all of them: each is still
 * compared with everything. Rows are shared out; what they give is summed in their order.
 */
#include "map/quality.h"

#include "map/random.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { K_MAX = 256 };

struct row_result {
    double untrue, torn; /* sums of (rank - k) */
    size_t kept;
};

struct lane {
    float *query;      /* [vector dim] */
    float *high, *low; /* [count] distances */
};

struct measuring {
    const struct map_vectors *vectors;
    const float *positions;
    int dim, k;
    const uint32_t *rows;
    struct row_result *results;
    struct lane *lanes;
};

static void distances(const struct measuring *m, const struct lane *lane, size_t row)
{
    const struct map_vectors *v = m->vectors;
    size_t dim = (size_t)m->dim;
    map_vectors_row(v, row, lane->query);
    for (size_t j = 0; j < v->count; j++) {
        lane->high[j] = 1 - map_vectors_cosine(v, j, lane->query);
        float square = 0;
        for (size_t d = 0; d < dim; d++) {
            float way = m->positions[row * dim + d] - m->positions[j * dim + d];
            square += way * way;
        }
        lane->low[j] = square;
    }
}

/* The k nearest, by (distance, index), without `row`. */
static void nearest(const float *d, size_t count, size_t row, int k, uint32_t *ids)
{
    int found = 0;
    for (size_t j = 0; j < count; j++) {
        if (j == row || (found == k && d[j] >= d[ids[k - 1]]))
            continue;
        int at = found < k ? found++ : k - 1;
        for (; at > 0 && d[ids[at - 1]] > d[j]; at--)
            ids[at] = ids[at - 1];
        ids[at] = (uint32_t)j;
    }
}

static bool among(const uint32_t *ids, int k, uint32_t id)
{
    for (int n = 0; n < k; n++)
        if (ids[n] == id)
            return true;
    return false;
}

/* 1 for the nearest. */
static size_t rank_of(const float *d, size_t count, size_t row, uint32_t id)
{
    size_t rank = 1;
    for (size_t j = 0; j < count; j++)
        rank += j != row && (d[j] < d[id] || (j < id && d[j] == d[id]));
    return rank;
}

static void measure_row(void *context, int item, int lane_number)
{
    const struct measuring *m = context;
    const struct lane *lane = &m->lanes[lane_number];
    size_t row = m->rows[item], count = m->vectors->count;
    uint32_t high[K_MAX], low[K_MAX];
    struct row_result r = {0};
    distances(m, lane, row);
    nearest(lane->high, count, row, m->k, high);
    nearest(lane->low, count, row, m->k, low);
    for (int n = 0; n < m->k; n++) {
        if (among(high, m->k, low[n]))
            r.kept++;
        else
            r.untrue += (double)(rank_of(lane->high, count, row, low[n]) - (size_t)m->k);
        if (!among(low, m->k, high[n]))
            r.torn += (double)(rank_of(lane->low, count, row, high[n]) - (size_t)m->k);
    }
    m->results[item] = r;
}

/* `most` rows of `count`, ascending: all, or one drawn from each of as many equal parts. */
static uint32_t *sample_rows(size_t count, size_t most, uint64_t seed, size_t *rows)
{
    *rows = count < most ? count : most;
    uint32_t *ids = malloc((*rows + 1) * sizeof *ids);
    for (size_t i = 0; i < *rows && ids; i++) {
        struct chance chance = chance_at(seed, CHANCE_QUALITY, i, most);
        size_t first = count * i / *rows, end = count * (i + 1) / *rows;
        ids[i] = (uint32_t)(first + chance_below(&chance, (uint32_t)(end - first)));
    }
    return ids;
}

static void lanes_close(struct lane *lanes, int threads)
{
    for (int i = 0; i < threads && lanes; i++)
        free(lanes[i].query);
    free(lanes);
}

static struct lane *lanes_open(const struct map_vectors *v, int threads)
{
    size_t dim = (size_t)v->dim;
    struct lane *lanes = calloc((size_t)threads, sizeof *lanes);
    for (int i = 0; i < threads && lanes; i++) {
        float *all = malloc((dim + 2 * v->count) * sizeof *all);
        if (!all) {
            lanes_close(lanes, threads);
            return NULL;
        }
        lanes[i] = (struct lane){all, all + dim, all + dim + v->count};
    }
    return lanes;
}

/* --- Spearman -----------------------------------------------------------------------------------
 */

struct pair {
    float high, low;
    double rank;
};

static int by_high(const void *a, const void *b)
{
    float x = ((const struct pair *)a)->high, y = ((const struct pair *)b)->high;
    return (x > y) - (x < y);
}

static int by_low(const void *a, const void *b)
{
    float x = ((const struct pair *)a)->low, y = ((const struct pair *)b)->low;
    return (x > y) - (x < y);
}

/* Sorted by low; `rank` holds the rank by high. Equal distances have their mean rank, which for
 * half a million different sums changes nothing: they are taken in the order of the sort. */
static double correlation(const struct pair *pairs, size_t count)
{
    double mean = (double)(count - 1) / 2, product = 0, square = 0;
    for (size_t i = 0; i < count; i++) {
        double x = (double)i - mean, y = pairs[i].rank - mean;
        product += x * y;
        square += x * x;
    }
    return square > 0 ? product / square : 0;
}

static size_t pairs_of(const struct measuring *m, const uint32_t *rows, size_t count,
                       const struct lane *lane, struct pair *pairs)
{
    const struct map_vectors *v = m->vectors;
    size_t dim = (size_t)m->dim, used = 0;
    for (size_t i = 0; i < count; i++) {
        map_vectors_row(v, rows[i], lane->query);
        for (size_t j = 0; j < i; j++) {
            double square = 0;
            for (size_t d = 0; d < dim; d++) {
                double way = m->positions[rows[i] * dim + d] - m->positions[rows[j] * dim + d];
                square += way * way;
            }
            pairs[used++] =
                (struct pair){1 - map_vectors_cosine(v, rows[j], lane->query), (float)square, 0};
        }
    }
    return used;
}

static enum status measure_spearman(double *out, const struct measuring *m, uint64_t seed,
                                    struct err *err)
{
    size_t count;
    uint32_t *rows = sample_rows(m->vectors->count, QUALITY_PAIRS_OF, seed, &count);
    struct pair *pairs = malloc((count * count / 2 + 1) * sizeof *pairs);
    enum status status = OK;
    *out = 0;
    if (!rows || !pairs) {
        status = err_no_memory(err, "pair distances", count * count / 2 * sizeof *pairs);
    } else {
        size_t used = pairs_of(m, rows, count, &m->lanes[0], pairs);
        qsort(pairs, used, sizeof *pairs, by_high);
        for (size_t i = 0; i < used; i++)
            pairs[i].rank = (double)i;
        qsort(pairs, used, sizeof *pairs, by_low);
        *out = used > 1 ? correlation(pairs, used) : 0;
    }
    free(pairs);
    free(rows);
    return status;
}

static void sum_up(struct map_quality *out, const struct measuring *m, size_t count)
{
    double untrue = 0, torn = 0, kept = 0, n = (double)m->vectors->count, k = m->k;
    for (size_t i = 0; i < out->rows; i++) {
        untrue += m->results[i].untrue;
        torn += m->results[i].torn;
        kept += (double)m->results[i].kept;
    }
    double most = (double)count * k * (2 * n - 3 * k - 1) / 2;
    out->trustworthiness = 1 - untrue / most;
    out->continuity = 1 - torn / most;
    out->preserved = kept / ((double)count * k);
}

enum status quality_measure(struct map_quality *out, const struct map_vectors *vectors,
                            const float *positions, int dim, int k, uint64_t seed,
                            struct team *team, struct err *err)
{
    size_t count = vectors->count;
    struct measuring m = {.vectors = vectors, .positions = positions, .dim = dim, .k = k};
    *out = (struct map_quality){0};
    if (m.k > K_MAX)
        m.k = K_MAX;
    while (m.k > 1 && 2 * count <= 3 * (size_t)m.k + 1)
        m.k--;
    if (count < 4)
        return OK;
    m.rows = sample_rows(count, QUALITY_ROWS, seed, &out->rows);
    m.results = calloc(out->rows + 1, sizeof *m.results);
    m.lanes = lanes_open(vectors, team_threads(team));
    enum status status = OK;
    if (!m.rows || !m.results || !m.lanes) {
        status = err_no_memory(err, "measuring the map", count * 2 * sizeof(float));
    } else {
        team_run(team, (int)out->rows, measure_row, &m);
        out->k = m.k;
        sum_up(out, &m, out->rows);
        status = measure_spearman(&out->spearman, &m, seed, err);
    }
    lanes_close(m.lanes, team_threads(team));
    free(m.results);
    free((void *)m.rows);
    return status;
}
