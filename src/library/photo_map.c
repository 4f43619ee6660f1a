/* SPDX-License-Identifier: MIT
 *
 * See photo_map.h. A map is kept as the coordinates that the method gave, with the centre and scale
 * that bring those it was made of into the unit ball. What is placed later must not move them, so
 * centre and scale stay; a place outside the ball is drawn onto its surface.
 */
#include "library/photo_map.h"

#include "library/map_file.h"
#include "library/snapshot.h"

#include "base/cpu.h"
#include "map/pca.h"
#include "map/tsne.h"
#include "map/umap.h"
#include "store/store.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 32, DIM_MOST = 3 };

const char *const map_methods[] = {
    [MAP_UMAP] = "umap", [MAP_TSNE] = "tsne", [MAP_PCA] = "pca", NULL};
const struct photo_map_options photo_map_defaults = {
    .method = MAP_UMAP, .dim = 3, .neighbours = 15, .min_dist = 0.1, .seed = 42};

/* What a kept map begins with. */
struct recipe {
    uint32_t method, neighbours;
    double min_dist;
    uint64_t seed, made_of;
    double centre[DIM_MOST], scale;
    double explained[DIM_MOST];
};
_Static_assert(sizeof(struct recipe) == MAP_FILE_RECIPE_BYTES,
               "map_file_renumber() passes it over");

/* A map while it is worked on, by the snapshot's rows. */
struct work {
    const struct snapshot *snapshot;
    const struct photo_map_options *options;
    struct team *team;
    struct recipe recipe;
    float *raw;     /* [count, dim] as the method gave it */
    uint8_t *state; /* [count] */
};
enum { MADE_OF, PLACED, UNKNOWN };

static void map_parts(struct map_file *f)
{
    f->part_count = 4;
    f->parts[0].size_bytes = sizeof(struct recipe);
    f->parts[1].size_bytes = f->count * sizeof(int64_t);
    f->parts[2].size_bytes = f->count * f->width * sizeof(float);
    f->parts[3].size_bytes = f->count;
}

static struct umap_options umap_options(const struct photo_map_options *o)
{
    return (struct umap_options){
        .dim = o->dim, .min_dist = o->min_dist, .spread = 1, .seed = o->seed};
}

/* --- kept
 * ----------------------------------------------------------------------------------------- */

/* Numbers that can be multiplied and squared on the way into the ball. */
static bool is_place(double value)
{
    return fabs(value) <= 1e30; /* and is a number */
}

static bool is_sound(const struct map_file *f, const struct photo_map_options *o)
{
    const struct recipe *r = f->parts[0].data;
    const float *raw = f->parts[2].data;
    const uint8_t *placed = f->parts[3].data;
    if (f->width != (uint32_t)o->dim || r->method != (uint32_t)o->method || r->seed != o->seed)
        return false;
    if (o->method == MAP_UMAP &&
        (r->neighbours != (uint32_t)o->neighbours || r->min_dist != o->min_dist))
        return false;
    bool sound = r->scale >= 0 && r->scale <= 1e100;
    for (int d = 0; d < DIM_MOST; d++)
        sound = sound && is_place(r->centre[d]) && isfinite(r->explained[d]);
    for (size_t i = 0; sound && i < f->count * f->width; i++)
        sound = is_place(raw[i]);
    for (size_t i = 0; sound && i < f->count; i++)
        sound = placed[i] <= PLACED;
    return sound;
}

/* Takes over the places of photographs that are still there; returns how many went. */
static size_t take_over(struct work *w, const struct map_file *f)
{
    const int64_t *ids = f->parts[1].data;
    const float *raw = f->parts[2].data;
    const uint8_t *placed = f->parts[3].data;
    size_t gone = 0, dim = f->width;
    memcpy(&w->recipe, f->parts[0].data, sizeof w->recipe);
    memset(w->state, UNKNOWN, w->snapshot->matrix->count);
    for (size_t i = 0; i < f->count; i++) {
        size_t row = snapshot_row_of(w->snapshot, ids[i]);
        if (row == SNAPSHOT_NO_ROW) {
            gone++;
            continue;
        }
        memcpy(w->raw + row * dim, raw + i * dim, dim * sizeof *raw);
        w->state[row] = placed[i];
    }
    return gone;
}

static enum status keep(const struct work *w, struct store *store, const char *name,
                        struct err *err)
{
    struct map_file f = {.kind = MAP_FILE_MAP,
                         .width = (uint32_t)w->options->dim,
                         .count = w->snapshot->matrix->count};
    map_parts(&f);
    struct recipe recipe = w->recipe;
    f.parts[0].data = &recipe;
    f.parts[1].data = w->snapshot->matrix->photo_ids;
    f.parts[2].data = w->raw;
    f.parts[3].data = w->state;
    return map_file_write(&f, store, w->snapshot->model_id, name, err);
}

/* --- made
 * ----------------------------------------------------------------------------------------- */

static enum status make_umap(struct work *w, const struct map_vectors *v, struct store *store,
                             struct err *err)
{
    struct knn_graph g = {0};
    const struct umap_options options = umap_options(w->options);
    enum status status = photo_graph_get(&g, w->snapshot, store, w->options->neighbours - 1,
                                         w->team, w->options->watch, err);
    if (status == OK)
        status = umap_fit(w->raw, v, &g, &options, w->team, w->options->watch, err);
    knn_free(&g);
    return status;
}

/* The principal components; more dimensions than the vectors have, or the photographs span, are 0.
 */
static enum status make_pca(struct work *w, const struct map_vectors *v, struct err *err)
{
    struct pca pca;
    size_t dim = (size_t)w->options->dim;
    if (v->dim < w->options->dim)
        return err_set(err, ERR_ARGUMENT, "vectors of %d dimensions have no map of %d", v->dim,
                       w->options->dim);
    enum status status = pca_fit(&pca, v, w->options->dim, w->options->watch, err);
    if (status != OK)
        return status;
    status = pca_project(&pca, v, w->raw, w->team, err);
    for (size_t d = 0; d < dim; d++)
        w->recipe.explained[d] = pca.explained[d];
    pca_free(&pca);
    return status;
}

static enum status make_tsne(struct work *w, const struct map_vectors *v, struct err *err)
{
    struct knn_graph g = {0};
    struct tsne_options options = tsne_defaults;
    options.dim = w->options->dim;
    enum status status = make_pca(w, v, err);
    memset(w->recipe.explained, 0, sizeof w->recipe.explained);
    if (status == OK)
        status = knn_build(&g, v, tsne_neighbours(&options, v->count), w->options->seed, w->team,
                           w->options->watch, err);
    if (status == OK)
        status = tsne_fit(w->raw, &g, &options, w->team, w->options->watch, err);
    knn_free(&g);
    return status;
}

/* Centre and scale of those that the map is made of. */
static void find_ball(struct work *w)
{
    size_t count = w->snapshot->matrix->count, dim = (size_t)w->options->dim;
    double most = 0;
    for (size_t d = 0; d < dim; d++) {
        double sum = 0;
        for (size_t i = 0; i < count; i++)
            sum += w->raw[i * dim + d];
        w->recipe.centre[d] = sum / (double)count;
    }
    for (size_t i = 0; i < count; i++) {
        double square = 0;
        for (size_t d = 0; d < dim; d++) {
            double way = w->raw[i * dim + d] - w->recipe.centre[d];
            square += way * way;
        }
        most = fmax(most, square);
    }
    w->recipe.scale = most > 0 ? 1 / sqrt(most) : 0;
}

static enum status make(struct work *w, struct store *store, struct err *err)
{
    const struct store_matrix *m = w->snapshot->matrix;
    const struct photo_map_options *o = w->options;
    struct map_vectors v;
    w->recipe = (struct recipe){.method = (uint32_t)o->method,
                                .neighbours = (uint32_t)o->neighbours,
                                .min_dist = o->min_dist,
                                .seed = o->seed,
                                .made_of = m->count};
    memset(w->state, MADE_OF, m->count);
    memset(w->raw, 0, m->count * (size_t)o->dim * sizeof *w->raw);
    if (m->count == 1)
        return OK;
    enum status status = map_vectors_open(&v, NULL, m->vectors, m->count, m->dim, w->team, err);
    if (status == OK && o->method == MAP_UMAP)
        status = make_umap(w, &v, store, err);
    else if (status == OK && o->method == MAP_TSNE)
        status = make_tsne(w, &v, err);
    else if (status == OK)
        status = make_pca(w, &v, err);
    if (status == OK)
        find_ball(w);
    map_vectors_close(&v);
    return status;
}

/* --- placed
 * --------------------------------------------------------------------------------------- */

/* The vectors and, for those of the map, places of the rows in one state. */
struct side {
    uint16_t *vectors; /* [count, dim] */
    float *raw;        /* [count, map dim] */
    uint32_t *rows;
    size_t count;
};

static void side_free(struct side *s)
{
    free(s->vectors);
    free(s->raw);
    free(s->rows);
}

static enum status gather(struct side *s, const struct work *w, uint8_t state, struct err *err)
{
    const struct store_matrix *m = w->snapshot->matrix;
    size_t width = (size_t)m->dim, dim = (size_t)w->options->dim, count = 0;
    for (size_t i = 0; i < m->count; i++)
        count += w->state[i] == state;
    *s = (struct side){.vectors = malloc((count * width + 1) * sizeof *s->vectors),
                       .raw = malloc((count * dim + 1) * sizeof *s->raw),
                       .rows = malloc((count + 1) * sizeof *s->rows)};
    if (!s->vectors || !s->raw || !s->rows) {
        side_free(s);
        *s = (struct side){0};
        return err_no_memory(err, "placing photographs", count * width * sizeof *s->vectors);
    }
    for (size_t i = 0; i < m->count; i++) {
        if (w->state[i] != state)
            continue;
        memcpy(s->vectors + s->count * width, m->vectors + i * width, width * sizeof *s->vectors);
        memcpy(s->raw + s->count * dim, w->raw + i * dim, dim * sizeof *s->raw);
        s->rows[s->count++] = (uint32_t)i;
    }
    return OK;
}

static enum status place(struct work *w, struct err *err)
{
    const int width = w->snapshot->matrix->dim;
    const struct umap_options options = umap_options(w->options);
    size_t dim = (size_t)w->options->dim;
    struct side base = {0}, fresh = {0};
    struct map_vectors base_v = {0}, fresh_v = {0};
    enum status status = gather(&base, w, MADE_OF, err);
    if (status == OK)
        status = gather(&fresh, w, UNKNOWN, err);
    if (status == OK)
        status = map_vectors_open(&base_v, NULL, base.vectors, base.count, width, w->team, err);
    if (status == OK)
        status = map_vectors_open(&fresh_v, NULL, fresh.vectors, fresh.count, width, w->team, err);
    if (status == OK)
        status = umap_transform(fresh.raw, &fresh_v, &base_v, base.raw, w->options->neighbours,
                                &options, w->team, w->options->watch, err);
    for (size_t i = 0; i < fresh.count && status == OK; i++) {
        memcpy(w->raw + fresh.rows[i] * dim, fresh.raw + i * dim, dim * sizeof *w->raw);
        w->state[fresh.rows[i]] = PLACED;
    }
    map_vectors_close(&base_v);
    map_vectors_close(&fresh_v);
    side_free(&base);
    side_free(&fresh);
    return status;
}

/* --- the whole
 * ------------------------------------------------------------------------------------ */

struct tally {
    size_t of[UNKNOWN + 1];
};

static struct tally tally(const struct work *w)
{
    struct tally t = {{0}};
    for (size_t i = 0; i < w->snapshot->matrix->count; i++)
        t.of[w->state[i]]++;
    return t;
}

/* A kept map is brought up to date, or not of use any more (*made stays false if it is). */
static enum status renew(struct work *w, const struct map_file *f, bool *usable, bool *changed,
                         struct err *err)
{
    size_t gone = take_over(w, f);
    struct tally t = tally(w);
    *changed = gone > 0 || t.of[UNKNOWN] > 0;
    *usable = true;
    if (!*changed)
        return OK;
    size_t guests = t.of[PLACED] + t.of[UNKNOWN];
    *usable = w->options->method == MAP_UMAP && guests < t.of[MADE_OF] &&
              t.of[MADE_OF] >= (size_t)w->options->neighbours &&
              t.of[MADE_OF] >= w->recipe.made_of / 2;
    return *usable && t.of[UNKNOWN] > 0 ? place(w, err) : OK;
}

static enum status bring_about(struct work *w, struct store *store, bool *made, struct err *err)
{
    char name[NAME_MAX_BYTES];
    struct map_file f;
    bool usable, changed = false;
    snprintf(name, sizeof name, "map-%s-%d", map_methods[w->options->method], w->options->dim);
    enum status status = map_file_read(&f, &usable, MAP_FILE_MAP, map_parts, store,
                                       w->snapshot->model_id, name, err);
    if (status != OK)
        return status;
    usable = usable && !w->options->remake && is_sound(&f, w->options);
    if (usable)
        status = renew(w, &f, &usable, &changed, err);
    map_file_free(&f);
    *made = !usable;
    if (status == OK && *made)
        status = make(w, store, err);
    if (status == OK && (*made || changed))
        status = keep(w, store, name, err);
    return status;
}

static void hand_over(struct photo_map *out, struct work *w)
{
    size_t dim = (size_t)w->options->dim;
    out->count = w->snapshot->matrix->count;
    out->dim = w->options->dim;
    out->positions = w->raw;
    out->placed = w->state;
    w->raw = NULL;
    w->state = NULL;
    memcpy(out->explained, w->recipe.explained, sizeof out->explained);
    for (size_t i = 0; i < out->count; i++) {
        float *p = out->positions + i * dim;
        double at[DIM_MOST] = {0}, square = 0;
        for (size_t d = 0; d < dim; d++) {
            at[d] = (p[d] - w->recipe.centre[d]) * w->recipe.scale;
            square += at[d] * at[d];
        }
        for (size_t d = 0; d < dim; d++)
            p[d] = (float)(square > 1 ? at[d] / sqrt(square) : at[d]);
        out->placed_count += out->placed[i] == PLACED;
    }
}

enum status photo_map_get(struct photo_map *out, const struct snapshot *snapshot,
                          struct store *store, const struct photo_map_options *options,
                          struct err *err)
{
    size_t count = snapshot->matrix->count, cells = count * (size_t)options->dim;
    struct work w = {.snapshot = snapshot, .options = options};
    *out = (struct photo_map){.dim = options->dim};
    assert(options->dim == 2 || options->dim == 3);
    assert(options->neighbours >= 2 && options->min_dist >= 0 && options->min_dist <= 1);
    if (count == 0)
        return OK;
    w.raw = calloc(cells, sizeof *w.raw);
    w.state = calloc(count, 1);
    enum status status = OK;
    if (!w.raw || !w.state)
        status = err_no_memory(err, "the map", cells * sizeof *w.raw);
    if (status == OK)
        status = team_open(&w.team, options->threads ? options->threads : cpu_cores(), err);
    if (status == OK)
        status = bring_about(&w, store, &out->made, err);
    if (status == OK)
        hand_over(out, &w);
    team_close(w.team);
    free(w.raw);
    free(w.state);
    return status;
}

void photo_map_free(struct photo_map *m)
{
    if (!m)
        return;
    free(m->positions);
    free(m->placed);
    *m = (struct photo_map){0};
}
