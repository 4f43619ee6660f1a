/* SPDX-License-Identifier: MIT
 *
 * The neighbour graph of a library (photo_map.h): kept with the photographs' numbers, and brought
 * to the snapshot's rows when it is used.
 */
#include "library/photo_map.h"

#include "library/map_file.h"
#include "library/snapshot.h"
#include "map/vectors.h"
#include "store/store.h"

#include <math.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 32 };

static void graph_parts(struct map_file *f)
{
    size_t count = f->count, cells = count * f->width;
    f->part_count = 3;
    f->parts[0].size_bytes = count * sizeof(int64_t);
    f->parts[1].size_bytes = cells * sizeof(uint32_t);
    f->parts[2].size_bytes = cells * sizeof(float);
}

/* A row's neighbours are others, each once. */
static bool row_is_sound(const uint32_t *ids, const float *distances, size_t row, size_t k,
                         size_t count)
{
    for (size_t n = 0; n < k; n++) {
        if (ids[n] >= count || ids[n] == row || !(distances[n] >= 0 && distances[n] <= 2))
            return false;
        for (size_t m = 0; m < n; m++)
            if (ids[m] == ids[n])
                return false;
    }
    return true;
}

static bool is_sound(const struct map_file *f)
{
    const uint32_t *ids = f->parts[1].data;
    const float *distances = f->parts[2].data;
    size_t k = f->width;
    bool sound = k >= 1 && k <= KNN_MAX && k < f->count;
    for (size_t i = 0; sound && i < f->count; i++)
        sound = row_is_sound(ids + i * k, distances + i * k, i, k, f->count);
    return sound;
}

static enum status keep(const struct knn_graph *g, const struct snapshot *snapshot,
                        struct store *store, const char *name, struct err *err)
{
    struct map_file f = {
        .kind = MAP_FILE_GRAPH, .width = (uint32_t)g->k, .count = g->count, .part_count = 3};
    graph_parts(&f);
    f.parts[0].data = snapshot->matrix->photo_ids;
    f.parts[1].data = g->ids;
    f.parts[2].data = g->distances;
    return map_file_write(&f, store, snapshot->model_id, name, err);
}

/* old_row[i]: row i's place in the kept graph, or KNN_NEW. True if nothing has changed. */
static bool match_rows(uint32_t *old_row, const struct snapshot *snapshot, const struct map_file *f)
{
    const int64_t *ids = f->parts[0].data;
    size_t count = snapshot->matrix->count;
    bool same = f->count == count;
    for (size_t i = 0; i < count; i++)
        old_row[i] = KNN_NEW;
    for (size_t i = 0; i < f->count; i++) {
        size_t row = snapshot_row_of(snapshot, ids[i]);
        if (row != SNAPSHOT_NO_ROW && old_row[row] == KNN_NEW)
            old_row[row] = (uint32_t)i;
        same = same && row == i;
    }
    return same;
}

static enum status copy_graph(struct knn_graph *out, const struct map_file *f, struct err *err)
{
    size_t cells = f->count * f->width;
    *out = (struct knn_graph){.count = f->count, .k = (int)f->width};
    out->ids = malloc(cells * sizeof *out->ids);
    out->distances = malloc(cells * sizeof *out->distances);
    if (!out->ids || !out->distances) {
        knn_free(out);
        return err_no_memory(err, "the neighbour graph", cells * 8);
    }
    memcpy(out->ids, f->parts[1].data, cells * sizeof *out->ids);
    memcpy(out->distances, f->parts[2].data, cells * sizeof *out->distances);
    return OK;
}

/* From what is kept. *current: it was, and nothing had changed. */
static enum status from_kept(struct knn_graph *out, bool *current, const struct map_file *f,
                             const struct map_vectors *vectors, const struct snapshot *snapshot,
                             struct team *team, const struct map_watch *watch, struct err *err)
{
    size_t count = snapshot->matrix->count;
    uint32_t *old_row = malloc((count + 1) * sizeof *old_row);
    if (!old_row)
        return err_no_memory(err, "the neighbour graph", count * sizeof *old_row);
    struct knn_graph old = {f->count, (int)f->width, f->parts[1].data, f->parts[2].data};
    *current = match_rows(old_row, snapshot, f);
    enum status status = *current ? copy_graph(out, f, err)
                                  : knn_update(out, vectors, &old, old_row, team, watch, err);
    free(old_row);
    return status;
}

/* Where most has changed, a new graph costs no more. */
static bool worth_updating(const struct map_file *f, const struct snapshot *snapshot)
{
    const int64_t *ids = f->parts[0].data;
    size_t kept = 0;
    for (size_t i = 0; i < f->count; i++)
        kept += snapshot_row_of(snapshot, ids[i]) != SNAPSHOT_NO_ROW;
    return kept >= snapshot->matrix->count / 4 * 3 && kept >= f->count / 4 * 3;
}

enum status photo_graph_get(struct knn_graph *out, const struct snapshot *snapshot,
                            struct store *store, int k, struct team *team,
                            const struct map_watch *watch, struct err *err)
{
    const struct store_matrix *m = snapshot->matrix;
    struct map_vectors vectors = {0};
    struct map_file f;
    char name[NAME_MAX_BYTES];
    bool found, current = false;
    *out = (struct knn_graph){0};
    snprintf(name, sizeof name, "graph-%d", k);
    enum status status = map_file_read(&f, &found, MAP_FILE_GRAPH, graph_parts, store,
                                       snapshot->model_id, name, err);
    if (status != OK)
        return status;
    int most = m->count - 1 < (size_t)k ? (int)(m->count - 1) : k;
    bool use = found && is_sound(&f) && (int)f.width >= most && worth_updating(&f, snapshot);
    status = map_vectors_open(&vectors, NULL, m->vectors, m->count, m->dim, team, err);
    if (status == OK && use)
        status = from_kept(out, &current, &f, &vectors, snapshot, team, watch, err);
    else if (status == OK)
        status = knn_build(out, &vectors, k, 42, team, watch, err);
    if (status == OK && !current)
        status = keep(out, snapshot, store, name, err);
    if (status != OK)
        knn_free(out);
    map_vectors_close(&vectors);
    map_file_free(&f);
    return status;
}
