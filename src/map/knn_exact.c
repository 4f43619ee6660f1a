/* SPDX-License-Identifier: MIT
 *
 * Every pair's cosine as a product of matrices, in tiles that stay in the cache:
 *
 *              strip of columns: 1 .. STRIP panels of PANEL columns, packed by the item
 *             +-------------------------+
 *   block of  | tile | tile | …         |   a tile: [block rows, PANEL] cosines, computed by
 *   rows      +-------------------------+   one thread over the whole dimension
 *
 * A strip is one item of the team. Among the vectors themselves only the upper triangle is
 * computed, and a tile then serves both ends of its pairs: its rows' lists and its columns'. Lists
 * that several threads add to are guarded by one lock per PANEL rows, never two at once. For almost
 * every pair the work after the product is a comparison with what the two lists have reached.
 *
 * A pair's cosine depends on its place in the tiles alone, and a list keeps the best k in a total
 * order, so the graph does not depend on the threads.
 */
#include "map/knn.h"
#include "map/knn_internal.h"

#include "tensor/gemm.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    PANEL = 256,
    STRIP = 4,             /* panels that share a block of rows once it has been converted */
    STRIP_FROM = 64 * 256, /* columns from which strips are that wide */
    CHUNK = 16,            /* cosines that are looked at together */
    ROUND = 8,             /* items per thread between two reports */
};

struct lane {
    float *x;        /* [block, dim] */
    float *y;        /* [block, PANEL] */
    float *plain;    /* [PANEL, dim] */
    uint8_t *panels; /* [STRIP] packed */
};

struct exact {
    struct knn_pairs pairs;
    const struct gemm *gemm;
    struct gemm_packing *packing;
    struct gemm_kernel *kernel;
    size_t panel_bytes;
    size_t strip; /* columns */
    int block;    /* rows */
    float *zeros; /* [PANEL] */
    struct lane *lanes;
    int lane_count;
    pthread_mutex_t *locks; /* [lock_count] of PANEL rows each */
    size_t lock_count;
    int first_item;
    atomic_bool failed;
};

static uint32_t id_of(const uint32_t *ids, size_t position)
{
    return ids ? ids[position] : (uint32_t)position;
}

/* Rows `first` .. of a side, normalised, then zeros up to `count` rows. out: [count, dim] */
static void load(const struct map_vectors *v, const uint32_t *ids, size_t first, size_t total,
                 size_t count, float *out)
{
    size_t dim = (size_t)v->dim, there = first < total ? total - first : 0;
    if (there > count)
        there = count;
    for (size_t i = 0; i < there; i++)
        map_vectors_row(v, id_of(ids, first + i), out + i * dim);
    memset(out + there * dim, 0, (count - there) * dim * sizeof *out);
}

/* --- what a tile's cosines are for ---------------------------------------------------------- */

struct tile {
    size_t row, rows; /* first position and number of those that exist */
    size_t column, columns;
    const float *y; /* [rows, PANEL] */
};

/* Whether any of CHUNK cosines reaches `bound`: one compare each, no branch. */
static bool any_reaches(const float *y, float bound)
{
    int any = 0;
    for (int i = 0; i < CHUNK; i++)
        any |= y[i] >= bound;
    return any;
}

static bool any_reaches_own(const float *y, const float *bounds)
{
    int any = 0;
    for (int i = 0; i < CHUNK; i++)
        any |= y[i] >= bounds[i];
    return any;
}

/* Of a symmetric run, a pair belongs to the tile above the diagonal. */
static size_t first_column(const struct exact *e, const struct tile *t, size_t row)
{
    if (!e->pairs.symmetric || t->row + row < t->column)
        return 0;
    return t->row + row - t->column + 1;
}

static void offer_row(const struct exact *e, const struct tile *t, size_t row, size_t c)
{
    const struct knn_pairs *p = &e->pairs;
    size_t position = t->row + row;
    uint32_t id = id_of(p->column_ids, t->column + c);
    if (p->same && id == id_of(p->row_ids, position))
        return;
    knn_lists_offer(p->lists, position, t->y[row * PANEL + c], id);
}

static void serve_rows(const struct exact *e, const struct tile *t)
{
    struct knn_lists *lists = e->pairs.lists;
    for (size_t row = 0; row < t->rows; row++) {
        const float *y = t->y + row * PANEL;
        size_t c = first_column(e, t, row);
        while (c < t->columns) {
            if (c % CHUNK == 0 && c + CHUNK <= t->columns &&
                !any_reaches(y + c, lists->reached[t->row + row])) {
                c += CHUNK;
                continue;
            }
            size_t end = (c / CHUNK + 1) * CHUNK;
            for (; c < end && c < t->columns; c++)
                if (y[c] >= lists->reached[t->row + row])
                    offer_row(e, t, row, c);
        }
    }
}

static void serve_columns(const struct exact *e, const struct tile *t)
{
    struct knn_lists *lists = e->pairs.lists;
    const float *reached = lists->reached + t->column;
    for (size_t row = 0; row < t->rows; row++) {
        const float *y = t->y + row * PANEL;
        size_t c = first_column(e, t, row);
        while (c < t->columns) {
            if (c % CHUNK == 0 && c + CHUNK <= t->columns && !any_reaches_own(y + c, reached + c)) {
                c += CHUNK;
                continue;
            }
            size_t end = (c / CHUNK + 1) * CHUNK;
            for (; c < end && c < t->columns; c++)
                if (y[c] >= reached[c])
                    knn_lists_offer(lists, t->column + c, y[c], (uint32_t)(t->row + row));
        }
    }
}

static void serve(struct exact *e, const struct tile *t)
{
    pthread_mutex_t *rows = &e->locks[t->row / PANEL];
    pthread_mutex_lock(rows);
    serve_rows(e, t);
    pthread_mutex_unlock(rows);
    if (!e->pairs.symmetric)
        return;
    pthread_mutex_t *columns = &e->locks[t->column / PANEL];
    pthread_mutex_lock(columns);
    serve_columns(e, t);
    pthread_mutex_unlock(columns);
}

/* --- the products --------------------------------------------------------------------------- */

static bool pack_strip(struct exact *e, const struct lane *lane, size_t column, size_t end)
{
    struct err err;
    for (size_t c = column, i = 0; c < end; c += PANEL, i++) {
        load(e->pairs.columns, e->pairs.column_ids, c, e->pairs.column_count, PANEL, lane->plain);
        if (e->gemm->pack(e->packing, lane->panels + i * e->panel_bytes, lane->plain, &err) != OK)
            return false;
    }
    return true;
}

static size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The tiles of one block of rows with the strip. */
static bool run_block(struct exact *e, int lane_number, size_t row, size_t column, size_t end)
{
    const struct knn_pairs *p = &e->pairs;
    struct lane *lane = &e->lanes[lane_number];
    load(p->rows, p->row_ids, row, p->row_count, (size_t)e->block, lane->x);
    for (size_t c = column, i = 0; c < end; c += PANEL, i++) {
        struct gemm_tile product = {lane->y, lane->x, lane->panels + i * e->panel_bytes, e->zeros};
        if (!e->gemm->kernel_run(e->kernel, lane_number, &product))
            return false;
        serve(e, &(struct tile){.row = row,
                                .rows = at_most((size_t)e->block, p->row_count - row),
                                .column = c,
                                .columns = at_most(PANEL, p->column_count - c),
                                .y = lane->y});
    }
    return true;
}

static void run_strip(void *context, int item, int lane)
{
    struct exact *e = context;
    const struct knn_pairs *p = &e->pairs;
    /* The last strip has the most rows above the diagonal: it goes first. */
    size_t strips = (p->column_count + e->strip - 1) / e->strip;
    size_t column = (strips - 1 - (size_t)(e->first_item + item)) * e->strip;
    size_t end = at_most(column + e->strip, p->column_count);
    bool fine = pack_strip(e, &e->lanes[lane], column, end);
    size_t row_end = p->symmetric ? end : p->row_count;
    for (size_t row = 0; fine && row < row_end && !atomic_load(&e->failed); row += (size_t)e->block)
        fine = run_block(e, lane, row, column, end);
    if (!fine)
        atomic_store(&e->failed, true);
}

/* --- a run ---------------------------------------------------------------------------------- */

static float *floats(size_t count)
{
    return aligned_alloc(64, (count + 15) / 16 * 16 * sizeof(float));
}

static enum status lanes_open(struct exact *e, int threads, struct err *err)
{
    size_t dim = (size_t)e->pairs.rows->dim, block = (size_t)e->block;
    e->lanes = calloc((size_t)threads, sizeof *e->lanes);
    e->zeros = calloc(PANEL, sizeof *e->zeros);
    if (!e->lanes || !e->zeros)
        return err_no_memory(err, "the products of vectors", PANEL * sizeof *e->zeros);
    for (; e->lane_count < threads; e->lane_count++) {
        struct lane *lane = &e->lanes[e->lane_count];
        lane->x = floats(block * dim);
        lane->y = floats(block * PANEL);
        lane->plain = floats(PANEL * dim);
        lane->panels = aligned_alloc(64, STRIP * e->panel_bytes);
        if (!lane->x || !lane->y || !lane->plain || !lane->panels) {
            e->lane_count++;
            return err_no_memory(err, "the products of vectors", STRIP * e->panel_bytes);
        }
    }
    return OK;
}

static enum status locks_open(struct exact *e, struct err *err)
{
    size_t count = (e->pairs.row_count + PANEL - 1) / PANEL;
    e->locks = calloc(count, sizeof *e->locks);
    if (!e->locks)
        return err_no_memory(err, "the locks of the neighbour lists", count * sizeof *e->locks);
    for (; e->lock_count < count; e->lock_count++)
        pthread_mutex_init(&e->locks[e->lock_count], NULL);
    return OK;
}

static enum status exact_open(struct exact *e, int threads, struct err *err)
{
    int dim = e->pairs.rows->dim;
    enum status status = gemm_select(&e->gemm, err);
    if (status != OK)
        return status;
    e->block = e->gemm->block_rows;
    e->strip = e->pairs.column_count >= STRIP_FROM ? STRIP * PANEL : PANEL;
    status = e->gemm->packing_open(&e->packing, PANEL, dim, err);
    if (status != OK)
        return status;
    e->panel_bytes = (e->gemm->packing_bytes(e->packing) + 63) / 64 * 64;
    status = e->gemm->kernel_open(
        &e->kernel, &(struct gemm_shape){e->block, PANEL, dim, ACTIVATION_NONE}, threads, err);
    if (status == OK)
        status = lanes_open(e, threads, err);
    if (status == OK)
        status = locks_open(e, err);
    return status;
}

static void exact_close(struct exact *e)
{
    if (e->gemm) {
        e->gemm->kernel_close(e->kernel);
        e->gemm->packing_close(e->packing);
    }
    for (int i = 0; i < e->lane_count; i++) {
        free(e->lanes[i].x);
        free(e->lanes[i].y);
        free(e->lanes[i].plain);
        free(e->lanes[i].panels);
    }
    for (size_t i = 0; i < e->lock_count; i++)
        pthread_mutex_destroy(&e->locks[i]);
    free(e->locks);
    free(e->lanes);
    free(e->zeros);
}

enum status knn_run_pairs(const struct knn_pairs *pairs, struct team *team,
                          const struct map_watch *watch, struct err *err)
{
    struct exact e = {.pairs = *pairs};
    if (pairs->row_count == 0 || pairs->column_count == 0)
        return OK;
    int threads = team_threads(team);
    enum status status = exact_open(&e, threads, err);
    int strips = (int)((pairs->column_count + e.strip - 1) / (e.strip ? e.strip : 1));
    for (int first = 0; first < strips && status == OK; first += ROUND * threads) {
        status = map_watch_report(watch, "neighbours", (size_t)first, (size_t)strips, err);
        if (status != OK)
            break;
        int left = strips - first;
        e.first_item = first;
        team_run(team, left < ROUND * threads ? left : ROUND * threads, run_strip, &e);
        if (atomic_load(&e.failed))
            status = err_set(err, ERR_INTERNAL, "%s: a matrix product failed", e.gemm->name);
    }
    exact_close(&e);
    return status;
}

/* The lists of k that the pairs give, as a graph. */
static enum status run_lists(struct knn_graph *out, struct knn_pairs pairs, int k,
                             struct team *team, const struct map_watch *watch, struct err *err)
{
    struct knn_lists lists;
    *out = (struct knn_graph){0};
    enum status status = knn_lists_open(&lists, pairs.row_count, k, err);
    if (status != OK)
        return status;
    pairs.lists = &lists;
    status = knn_run_pairs(&pairs, team, watch, err);
    if (status == OK)
        knn_lists_finish(&lists, out);
    knn_lists_close(&lists);
    return status;
}

enum status knn_exact(struct knn_graph *out, const struct map_vectors *v, int k, struct team *team,
                      const struct map_watch *watch, struct err *err)
{
    assert(v->count >= 2 && k >= 1);
    if ((size_t)k > v->count - 1)
        k = (int)(v->count - 1);
    const struct knn_pairs pairs = {.rows = v,
                                    .columns = v,
                                    .row_count = v->count,
                                    .column_count = v->count,
                                    .same = true,
                                    .symmetric = true};
    return run_lists(out, pairs, k, team, watch, err);
}

enum status knn_query(struct knn_graph *out, const struct map_vectors *queries,
                      const struct map_vectors *base, int k, struct team *team,
                      const struct map_watch *watch, struct err *err)
{
    assert(base->count >= 1 && k >= 1 && queries->dim == base->dim);
    if ((size_t)k > base->count)
        k = (int)base->count;
    const struct knn_pairs pairs = {
        .rows = queries, .columns = base, .row_count = queries->count, .column_count = base->count};
    return run_lists(out, pairs, k, team, watch, err);
}
