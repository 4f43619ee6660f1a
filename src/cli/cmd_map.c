/* SPDX-License-Identifier: MIT
 *
 * fovea map: a place in space for every photograph, the like ones near each other.
 */
#include "cli/commands.h"
#include "cli/library_args.h"
#include "cli/model_args.h"
#include "cli/map_args.h"
#include "cli/output.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/file.h"
#include "library/photo_map.h"
#include "map/quality.h"

#include <stdlib.h>
#include <string.h>

enum { QUALITY_K = 15 };

struct map_command_args {
    const char *library, *model, *json;
    int method, neighbours, threads;
    double min_dist;
    uint64_t seed;
    bool flat, remake, quality;
    struct filter_args filter;
};

static const struct option options[] = {
    OPTION_LIBRARY(struct map_command_args),
    OPTION_LIBRARY_MODEL(struct map_command_args),
    {.name = "method",
     .kind = OPTION_CHOICE,
     .argument = "METHOD",
     .offset = offsetof(struct map_command_args, method),
     .fallback = "umap",
     .choices = map_methods,
     .help = "umap, tsne, or pca, the plain principal components"},
    {.name = "neighbors",
     .kind = OPTION_INT,
     .argument = "N",
     .offset = offsetof(struct map_command_args, neighbours),
     .fallback = "15",
     .min = 2,
     .max = 200,
     .help = "umap: how many neighbours a photograph is placed by, itself among them; few show "
             "small groups, many the large shape"},
    {.name = "min-dist",
     .kind = OPTION_DOUBLE,
     .argument = "D",
     .offset = offsetof(struct map_command_args, min_dist),
     .fallback = "0.1",
     .min = 0,
     .max = 1,
     .help = "umap: how near each other photographs may come"},
    {.name = "seed",
     .kind = OPTION_SEED,
     .argument = "N",
     .offset = offsetof(struct map_command_args, seed),
     .fallback = "42",
     .help = "the same seed gives the same map"},
    {.name = "2d",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct map_command_args, flat),
     .help = "two dimensions instead of three"},
    {.name = "json",
     .kind = OPTION_STRING,
     .argument = "OUT",
     .offset = offsetof(struct map_command_args, json),
     .help = "write the coordinates to this file as JSON, - for stdout"},
    {.name = "quality",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct map_command_args, quality),
     .help = "measure how much of the photographs' neighbourhoods the map shows"},
    {.name = "remake",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct map_command_args, remake),
     .help = "make the map anew instead of placing new photographs on the one that is kept"},
    OPTION_THREADS(struct map_command_args),
    OPTION_FILTERS(struct map_command_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea map --json map.json", "coordinates of the whole library"},
    {"fovea map --method pca --quality", "another projection, and how true it is"},
    {"fovea map --2d --since 2024 --json - | jq '.[0]'", "the part of a flat map since then"},
    {NULL, NULL},
};

static const char *name_of(const struct map_run *run, size_t row)
{
    return path_basename(run->snapshot->matrix->paths[row]);
}

/* Rows by file name; of the same name, by path, which is the rows' own order. */
static const struct map_run *sorting; /* qsort() has no context */

static int by_name(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    int order = strcmp(name_of(sorting, x), name_of(sorting, y));
    return order ? order : (x > y) - (x < y);
}

static json_t *point(const struct map_run *run, const struct photo_map *map, size_t row)
{
    static const char *const axes[] = {"x", "y", "z"};
    const struct store_labels *labels = run->snapshot->labels;
    const char *category = labels->categories[row];
    json_t *json = json_object();
    json_object_set_new(json, "filename", output_json_string(name_of(run, row)));
    json_object_set_new(json, "category", output_json_string(category));
    json_object_set_new(json, "confidence",
                        category ? json_real(labels->confidences[row]) : json_null());
    for (int d = 0; d < map->dim; d++)
        json_object_set_new(json, axes[d],
                            output_json_float(map->positions[row * (size_t)map->dim + (size_t)d]));
    return json;
}

static enum status write_points(const struct map_run *run, const struct photo_map *map,
                                const char *file, struct err *err)
{
    size_t count = 0;
    size_t *rows = malloc((map->count + 1) * sizeof *rows);
    if (!rows)
        return err_no_memory(err, "the map", map->count * sizeof *rows);
    for (size_t i = 0; i < map->count; i++)
        if (row_set_has(&run->rows, i))
            rows[count++] = i;
    sorting = run;
    qsort(rows, count, sizeof *rows, by_name);
    json_t *points = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(points, point(run, map, rows[i]));
    free(rows);
    return output_json_file(points, file, err);
}

static void print_summary(const struct map_command_args *args, const struct photo_map *map,
                          size_t shown, double seconds)
{
    output_format("%zu photographs by %s in %d dimensions", map->count, map_methods[args->method],
                  map->dim);
    if (map->made)
        output_format(", made in %.1f s", seconds);
    else
        output_text(", kept in the library");
    if (map->placed_count > 0)
        output_format(", %zu of them placed since it was made", map->placed_count);
    output_text("\n");
    if (shown < map->count)
        output_format("%zu of them pass the filter\n", shown);
    if (args->method == MAP_PCA && map->count > 0) {
        output_text("explained variance:");
        for (int d = 0; d < map->dim; d++)
            output_format(" %.4f", map->explained[d]);
        output_text("\n");
    }
}

static enum status print_silhouette(const struct map_run *run, const struct photo_map *map,
                                    struct team *team, struct err *err)
{
    const struct store_labels *labels = run->snapshot->labels;
    double value;
    if (labels->name_count < 2)
        return OK;
    enum status status = quality_silhouette(&value, map->positions, map->count, map->dim,
                                            labels->positions, (int)labels->name_count, team, err);
    if (status == OK)
        output_format("silhouette by category %.4f\n", value);
    return status;
}

static enum status print_quality(const struct map_command_args *args, const struct map_run *run,
                                 const struct photo_map *map, struct err *err)
{
    const struct store_matrix *m = run->snapshot->matrix;
    struct team *team = NULL;
    struct map_vectors vectors = {0};
    struct map_quality q = {0};
    enum status status = team_open(&team, args->threads ? args->threads : cpu_cores(), err);
    if (status == OK)
        status = map_vectors_open(&vectors, NULL, m->vectors, m->count, m->dim, team, err);
    if (status == OK)
        status = quality_measure(&q, &vectors, map->positions, map->dim, QUALITY_K, args->seed,
                                 team, err);
    if (status == OK && q.k > 0)
        output_format("of %d neighbours, over %zu photographs: trustworthiness %.4f, continuity "
                      "%.4f, kept %.4f\nSpearman's correlation of distances %.4f\n",
                      q.k, q.rows, q.trustworthiness, q.continuity, q.preserved, q.spearman);
    else if (status == OK)
        output_text("too few photographs to measure\n");
    if (status == OK)
        status = print_silhouette(run, map, team, err);
    map_vectors_close(&vectors);
    team_close(team);
    return status;
}

static enum status run(const void *arguments, struct err *err)
{
    const struct map_command_args *args = arguments;
    struct map_run run = {0};
    struct photo_map map = {0};
    enum status status = map_run_open(&run, args->library, args->model, &args->filter, err);
    const struct photo_map_options how = {.method = (enum map_method)args->method,
                                          .dim = args->flat ? 2 : 3,
                                          .neighbours = args->neighbours,
                                          .min_dist = args->min_dist,
                                          .seed = args->seed,
                                          .remake = args->remake,
                                          .threads = args->threads,
                                          .watch = &run.watch};
    double start = clock_seconds();
    if (status == OK)
        status = photo_map_get(&map, run.snapshot, run.store, &how, err);
    map_run_quiet(&run);
    bool to_stdout = args->json && strcmp(args->json, "-") == 0;
    if (status == OK && !to_stdout)
        print_summary(args, &map, row_set_count(&run.rows), clock_seconds() - start);
    if (status == OK && args->quality && !to_stdout)
        status = print_quality(args, &run, &map, err);
    if (status == OK && args->json)
        status = write_points(&run, &map, args->json, err);
    photo_map_free(&map);
    map_run_close(&run);
    return status;
}

const struct command command_map = {
    .name = "map",
    .summary = "give every photograph a place in space, the like ones near each other",
    .about =
        "Projects the photographs' vectors to three dimensions (or two), centred, in the unit "
        "ball. What is near on the map is mostly near in truth, and groups are groups; how large "
        "the gaps between them are says little.\n\n"
        "The map is kept in the library. By UMAP, photographs that came since are placed on it "
        "without moving the others; it is made anew with --remake, or when more have come since "
        "than it was made of. By t-SNE and PCA it is made anew when the photographs have "
        "changed.\n\n"
        "With filters the map is the same, and the JSON has the photographs that pass.",
    .options = options,
    .examples = examples,
    .args_size = sizeof(struct map_command_args),
    .run = run,
};
