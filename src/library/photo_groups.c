/* SPDX-License-Identifier: MIT
 *
 * See photo_groups.h. The layout that is clustered is one for this purpose: in DIM dimensions,
 * where groups need not be squeezed past each other, and with a min_dist of 0, so that they are
 * dense. One spanning tree of it serves all granularities, which differ in how large a group has to
 * be.
 *
 * A name is a phrase that is near the group's centre, and nearer than to the groups on the whole:
 * most phrases are a little nearer to every photograph than others are, which says nothing. No two
 * groups have the same first name.
 */
#include "library/photo_groups.h"

#include "library/map_file.h"
#include "library/photo_map.h"
#include "library/snapshot.h"
#include "library/vocabulary.h"

#include "base/cpu.h"
#include "map/hdbscan.h"
#include "map/umap.h"
#include "store/store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ARTIFACT "groups"
enum {
    DIM = 5,
    NEIGHBOURS = 14, /* the graph of the map by default */
    MIN_SAMPLES = 5,
    MEDIUM_LEAST = 5, /* photographs of a group */
    MEDIUM_MOST = 250,
};
#define MEDIUM_ROOT 0.6 /* times the root of the number of photographs */

const char *const granularities[] = {"fine", "medium", "coarse", NULL};
const struct photo_groups_options photo_groups_defaults = {.granularity = GROUPS_MEDIUM,
                                                           .seed = 42};

struct work {
    const struct snapshot *snapshot;
    struct store *store;
    const struct photo_groups_options *options;
    struct team *team;
    struct map_vectors vectors;
    int32_t *labels; /* [GRANULARITIES, rows] */
};

/* --- labels
 * --------------------------------------------------------------------------------------- */

static size_t least_size(size_t rows, enum granularity granularity)
{
    double medium = fmin(fmax(round(MEDIUM_ROOT * sqrt((double)rows)), MEDIUM_LEAST), MEDIUM_MOST);
    if (granularity == GROUPS_FINE)
        return (size_t)fmax(3, floor(medium / 3));
    return (size_t)(granularity == GROUPS_COARSE ? 3 * medium : medium);
}

/* The layout, and its spanning tree cut three times. */
static enum status cluster(struct work *w, const struct knn_graph *g, float *layout,
                           struct spanning_edge *edges, struct err *err)
{
    size_t rows = w->snapshot->matrix->count;
    const struct umap_options options = {
        .dim = DIM, .min_dist = 0, .spread = 1, .seed = w->options->seed};
    enum status status =
        umap_fit(layout, &w->vectors, g, &options, w->team, w->options->watch, err);
    if (status == OK)
        status = map_watch_report(w->options->watch, "groups", 0, 1, err);
    if (status == OK)
        status = spanning_tree(edges, layout, rows, DIM, MIN_SAMPLES, w->team, err);
    for (int i = 0; i < GRANULARITIES && status == OK; i++) {
        int count;
        status = hdbscan_cut(w->labels + (size_t)i * rows, &count, edges, rows,
                             least_size(rows, (enum granularity)i), err);
    }
    return status;
}

static enum status make(struct work *w, struct err *err)
{
    size_t rows = w->snapshot->matrix->count;
    struct knn_graph g = {0};
    float *layout = malloc(rows * DIM * sizeof *layout);
    struct spanning_edge *edges = malloc(rows * sizeof *edges);
    enum status status = OK;
    if (!layout || !edges)
        status = err_no_memory(err, "the groups", rows * DIM * sizeof *layout);
    if (status == OK)
        status =
            photo_graph_get(&g, w->snapshot, w->store, NEIGHBOURS, w->team, w->options->watch, err);
    if (status == OK)
        status = cluster(w, &g, layout, edges, err);
    knn_free(&g);
    free(edges);
    free(layout);
    return status;
}

/* Parts: the seed, the photographs, their labels. */
static void groups_parts(struct map_file *f)
{
    f->part_count = 3;
    f->parts[0].size_bytes = sizeof(uint64_t);
    f->parts[1].size_bytes = f->count * sizeof(int64_t);
    f->parts[2].size_bytes = f->count * GRANULARITIES * sizeof(int32_t);
}

/* Kept labels are of use for exactly the photographs that they were found among. */
static bool take_over(struct work *w, const struct map_file *f)
{
    const int64_t *ids = f->parts[1].data;
    const int32_t *labels = f->parts[2].data;
    size_t rows = w->snapshot->matrix->count, known = 0;
    if (memcmp(f->parts[0].data, &w->options->seed, sizeof(uint64_t)) != 0 || f->count != rows)
        return false;
    for (size_t i = 0; i < rows * GRANULARITIES; i++)
        w->labels[i] = INT32_MIN;
    for (size_t i = 0; i < rows; i++) {
        size_t row = snapshot_row_of(w->snapshot, ids[i]);
        if (row == SNAPSHOT_NO_ROW || w->labels[row] != INT32_MIN)
            return false;
        for (size_t g = 0; g < GRANULARITIES; g++) {
            int32_t label = labels[g * rows + i];
            if (label < -1 || (label >= 0 && (size_t)label >= rows))
                return false;
            w->labels[g * rows + row] = label;
        }
        known++;
    }
    return known == rows;
}

static enum status find_labels(struct work *w, struct err *err)
{
    size_t rows = w->snapshot->matrix->count;
    struct map_file f;
    bool usable;
    enum status status = map_file_read(&f, &usable, MAP_FILE_GROUPS, groups_parts, w->store,
                                       w->snapshot->model_id, ARTIFACT, err);
    if (status != OK)
        return status;
    usable = usable && !w->options->remake && take_over(w, &f);
    map_file_free(&f);
    if (usable)
        return OK;
    status = make(w, err);
    if (status != OK)
        return status;
    uint64_t seed = w->options->seed;
    f = (struct map_file){.kind = MAP_FILE_GROUPS, .width = GRANULARITIES, .count = rows};
    groups_parts(&f);
    f.parts[0].data = &seed;
    f.parts[1].data = w->snapshot->matrix->photo_ids;
    f.parts[2].data = w->labels;
    return map_file_write(&f, w->store, w->snapshot->model_id, ARTIFACT, err);
}

/* --- groups from labels
 * --------------------------------------------------------------------------- */

struct sized {
    size_t size, first;
    int label;
};

static int by_size(const void *a, const void *b)
{
    const struct sized *x = a, *y = b;
    if (x->size != y->size)
        return x->size > y->size ? -1 : 1;
    return (x->first > y->first) - (x->first < y->first);
}

/* The largest first. out->of is filled. */
static enum status number(struct photo_groups *out, const int32_t *labels, struct err *err)
{
    struct sized *sized = calloc(out->rows + 1, sizeof *sized);
    int *numbers = malloc((out->rows + 1) * sizeof *numbers);
    size_t used = 0;
    if (!sized || !numbers) {
        free(sized);
        free(numbers);
        return err_no_memory(err, "the groups", out->rows * sizeof *sized);
    }
    for (size_t i = out->rows; i-- > 0;)
        if (labels[i] >= 0) {
            sized[labels[i]].size++;
            sized[labels[i]].first = i;
            sized[labels[i]].label = labels[i];
        }
    qsort(sized, out->rows, sizeof *sized, by_size);
    while (used < out->rows && sized[used].size > 0) {
        numbers[sized[used].label] = (int)used;
        used++;
    }
    out->items = calloc(used + 1, sizeof *out->items);
    if (out->items) {
        out->count = used;
        for (size_t g = 0; g < used; g++)
            out->items[g].size = sized[g].size;
        for (size_t i = 0; i < out->rows; i++) {
            out->of[i] = labels[i] < 0 ? -1 : numbers[labels[i]];
            out->outliers += labels[i] < 0;
        }
    }
    free(numbers);
    free(sized);
    return out->items ? OK : err_no_memory(err, "the groups", used * sizeof *out->items);
}

/* centres: [count, dim], normalised. Then each row's cosine with its own. */
static void find_centres(struct photo_groups *out, const struct map_vectors *v, float *centres,
                         float *row)
{
    size_t dim = (size_t)v->dim;
    for (size_t i = 0; i < out->rows; i++) {
        if (out->of[i] < 0)
            continue;
        map_vectors_row(v, i, row);
        v->kernels.add(centres + (size_t)out->of[i] * dim, row, dim);
    }
    for (size_t g = 0; g < out->count; g++) {
        float *c = centres + g * dim, norm = sqrtf(v->kernels.dot(c, c, dim));
        v->kernels.scale(c, c, norm > 0 ? 1 / norm : 0, dim);
    }
    for (size_t i = 0; i < out->rows; i++)
        out->typicality[i] =
            out->of[i] < 0 ? 0 : map_vectors_cosine(v, i, centres + (size_t)out->of[i] * dim);
}

static void find_typical(struct photo_groups *out)
{
    for (size_t i = 0; i < out->rows; i++) {
        if (out->of[i] < 0)
            continue;
        struct photo_group *g = &out->items[out->of[i]];
        size_t at = g->typical_count;
        while (at > 0 && out->typicality[g->typical[at - 1]] < out->typicality[i])
            at--;
        if (at == GROUP_TYPICAL)
            continue;
        size_t last = g->typical_count < GROUP_TYPICAL ? g->typical_count++ : GROUP_TYPICAL - 1;
        memmove(g->typical + at + 1, g->typical + at, (last - at) * sizeof *g->typical);
        g->typical[at] = i;
    }
}

/* --- names
 * ---------------------------------------------------------------------------------------- */

/* How well phrase p names group g; cosines: [groups, phrases]. */
static float fitness(const float *cosines, const float *means, size_t groups, size_t phrases,
                     size_t g, size_t p)
{
    float own = cosines[g * phrases + p];
    /* Of the only group there is nothing that it could stand out from. */
    return groups > 1 ? own + 2 * (own - means[p]) : own;
}

static void name_group(struct photo_groups *out, const struct vocabulary *v, const float *cosines,
                       const float *means, bool *taken, size_t g)
{
    size_t best[GROUP_NAMES], count = 0;
    for (size_t p = 0; p < v->count; p++) {
        float fit = fitness(cosines, means, out->count, v->count, g, p);
        size_t at = count;
        if (taken[p])
            continue;
        while (at > 0 && fitness(cosines, means, out->count, v->count, g, best[at - 1]) < fit)
            at--;
        if (at == GROUP_NAMES)
            continue;
        size_t last = count < GROUP_NAMES ? count++ : GROUP_NAMES - 1;
        memmove(best + at + 1, best + at, (last - at) * sizeof *best);
        best[at] = p;
    }
    for (size_t n = 0; n < count; n++)
        out->items[g].names[n] = v->phrases[best[n]];
    if (count > 0)
        taken[best[0]] = true;
}

static enum status name_all(struct photo_groups *out, const struct vocabulary *v,
                            const struct map_vectors *vectors, const float *centres,
                            struct err *err)
{
    size_t dim = (size_t)v->dim;
    float *cosines = malloc((out->count * v->count + 1) * sizeof *cosines);
    float *means = calloc(v->count + 1, sizeof *means);
    bool *taken = calloc(v->count + 1, sizeof *taken);
    enum status status = OK;
    if (!cosines || !means || !taken) {
        status = err_no_memory(err, "names", out->count * v->count * sizeof *cosines);
    } else {
        for (size_t g = 0; g < out->count; g++)
            for (size_t p = 0; p < v->count; p++) {
                float cosine = vectors->kernels.dot(centres + g * dim, v->vectors + p * dim, dim);
                cosines[g * v->count + p] = cosine;
                means[p] += cosine / (float)out->count;
            }
        for (size_t g = 0; g < out->count; g++)
            name_group(out, v, cosines, means, taken, g);
    }
    free(taken);
    free(means);
    free(cosines);
    return status;
}

/* --- the whole
 * ------------------------------------------------------------------------------------ */

static enum status describe(struct photo_groups *out, struct work *w, struct model *model,
                            struct err *err)
{
    size_t dim = (size_t)w->vectors.dim;
    struct vocabulary vocabulary = {0};
    enum status status = number(out, w->labels + (size_t)w->options->granularity * out->rows, err);
    if (status != OK)
        return status;
    float *centres = calloc((out->count + 1) * dim, sizeof *centres);
    if (!centres)
        return err_no_memory(err, "the groups' centres", out->count * dim * sizeof *centres);
    find_centres(out, &w->vectors, centres, centres + out->count * dim);
    find_typical(out);
    if (out->count > 0)
        status = vocabulary_get(&vocabulary, w->store, w->snapshot->model_id, w->vectors.dim, model,
                                w->options->watch, err);
    if (status == OK && vocabulary.count > 0)
        status = name_all(out, &vocabulary, &w->vectors, centres, err);
    out->text = vocabulary.text; /* the names are in it */
    vocabulary.text = NULL;
    vocabulary_free(&vocabulary);
    free(centres);
    return status;
}

static enum status find_groups(struct photo_groups *out, struct work *w, struct model *model,
                               struct err *err)
{
    const struct store_matrix *m = w->snapshot->matrix;
    size_t rows = m->count;
    int threads = w->options->threads ? w->options->threads : cpu_cores();
    out->of = malloc(rows * sizeof *out->of);
    out->typicality = calloc(rows, sizeof *out->typicality);
    w->labels = malloc(rows * GRANULARITIES * sizeof *w->labels);
    if (!out->of || !out->typicality || !w->labels)
        return err_no_memory(err, "the groups", rows * GRANULARITIES * sizeof *w->labels);
    enum status status = team_open(&w->team, threads, err);
    if (status == OK)
        status = map_vectors_open(&w->vectors, NULL, m->vectors, rows, m->dim, w->team, err);
    for (size_t i = 0; i < rows * GRANULARITIES; i++)
        w->labels[i] = -1;
    if (status == OK && rows >= 2 * least_size(rows, GROUPS_FINE))
        status = find_labels(w, err);
    return status == OK ? describe(out, w, model, err) : status;
}

enum status photo_groups_get(struct photo_groups *out, const struct snapshot *snapshot,
                             struct store *store, struct model *model,
                             const struct photo_groups_options *options, struct err *err)
{
    struct work w = {.snapshot = snapshot, .store = store, .options = options};
    *out = (struct photo_groups){.rows = snapshot->matrix->count};
    if (out->rows == 0)
        return OK;
    enum status status = find_groups(out, &w, model, err);
    map_vectors_close(&w.vectors);
    team_close(w.team);
    free(w.labels);
    if (status != OK)
        photo_groups_free(out);
    return status;
}

void photo_groups_free(struct photo_groups *g)
{
    if (!g)
        return;
    free(g->items);
    free(g->of);
    free(g->typicality);
    free(g->text);
    *g = (struct photo_groups){0};
}

enum status photo_groups_named(struct store *store, int64_t model_id, int dim, bool *named,
                               struct err *err)
{
    struct vocabulary vocabulary;
    enum status status = vocabulary_get(&vocabulary, store, model_id, dim, NULL, NULL, err);
    *named = status == OK && vocabulary.count > 0;
    vocabulary_free(&vocabulary);
    return status;
}
