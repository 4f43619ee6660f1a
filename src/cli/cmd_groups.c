/* SPDX-License-Identifier: MIT
 *
 * fovea groups: which kinds of photographs there are, found without categories.
 */
#include "cli/commands.h"
#include "cli/library_args.h"
#include "cli/map_args.h"
#include "cli/output.h"
#include "cli/model_args.h"
#include "cli/report.h"

#include "library/photo_groups.h"

#include "map/quality.h"

#include <math.h>
#include <stdlib.h>

enum { TYPICAL_SHOWN = 3 };

struct groups_args {
    const char *library, *model, *arch;
    int granularity, image_size, precision, threads;
    uint64_t seed;
    bool remake, quality, offline, yes, json;
    struct filter_args filter;
};

static const struct option options[] = {
    OPTION_LIBRARY(struct groups_args),
    OPTION_LIBRARY_MODEL(struct groups_args),
    OPTION_ARCH(struct groups_args),
    OPTION_IMAGE_SIZE(struct groups_args),
    OPTION_PRECISION(struct groups_args),
    OPTION_OFFLINE(struct groups_args),
    OPTION_YES(struct groups_args),
    {.name = "granularity",
     .kind = OPTION_CHOICE,
     .argument = "SIZE",
     .offset = offsetof(struct groups_args, granularity),
     .fallback = "medium",
     .choices = granularities,
     .help = "fine, medium or coarse: how large a group has to be"},
    {.name = "seed",
     .kind = OPTION_SEED,
     .argument = "N",
     .offset = offsetof(struct groups_args, seed),
     .fallback = "42",
     .help = "the same seed gives the same groups"},
    {.name = "remake",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct groups_args, remake),
     .help = "find them again, also if the photographs have not changed"},
    {.name = "quality",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct groups_args, quality),
     .help = "compare them with the categories of `fovea classify`, too"},
    OPTION_THREADS(struct groups_args),
    OPTION_FILTERS(struct groups_args),
    OPTION_JSON(struct groups_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea groups", "the kinds of photographs in the library"},
    {"fovea groups --granularity fine --since 2024", "smaller ones, with photographs since then"},
    {"fovea groups --json | jq '.groups[].name'", "for programs"},
    {NULL, NULL},
};

/* The model is needed for the names, the first time. */
static enum status open_model(struct model **model, struct map_run *run,
                              const struct groups_args *args, struct err *err)
{
    const struct model_request request = {.name = args->model ? args->model : run->stored.name,
                                          .arch = args->arch,
                                          .towers = MODEL_TEXT,
                                          .image_size = args->image_size,
                                          .precision = (enum precision)args->precision,
                                          .offline = args->offline,
                                          .yes = args->yes,
                                          .json = args->json};
    bool named;
    int64_t model_id;
    struct err why;
    enum status status =
        photo_groups_named(run->store, run->stored.id, run->stored.dim, &named, err);
    if (status != OK || named)
        return status;
    if (library_model_open(run->store, &request, model, &model_id, &why) != OK) {
        report_warning("the groups have no names: %s", why.text);
        *model = NULL;
    } else if (model_id != run->stored.id) {
        report_warning("the groups have no names: another model is called %s now",
                       run->stored.name);
        model_close(*model);
        *model = NULL;
    }
    return OK;
}

/* How many of a group pass the filter. */
static size_t passing(const struct map_run *run, const struct photo_groups *groups, int group)
{
    size_t count = 0;
    for (size_t i = 0; i < groups->rows; i++)
        count += groups->of[i] == group && row_set_has(&run->rows, i);
    return count;
}

static json_t *paths_of(const struct map_run *run, const struct photo_groups *groups, int group)
{
    json_t *paths = json_array();
    for (size_t i = 0; i < groups->rows; i++)
        if (groups->of[i] == group && row_set_has(&run->rows, i))
            json_array_append_new(paths, output_json_string(run->snapshot->matrix->paths[i]));
    return paths;
}

static json_t *group_json(const struct map_run *run, const struct photo_groups *groups, size_t g)
{
    const struct photo_group *group = &groups->items[g];
    json_t *json = json_object(), *names = json_array(), *typical = json_array();
    for (int n = 0; n < GROUP_NAMES && group->names[n]; n++)
        json_array_append_new(names, json_string(group->names[n]));
    for (size_t t = 0; t < group->typical_count; t++)
        if (row_set_has(&run->rows, group->typical[t]))
            json_array_append_new(
                typical, output_json_string(run->snapshot->matrix->paths[group->typical[t]]));
    json_object_set_new(json, "name", output_json_string(group->names[0]));
    json_object_set_new(json, "names", names);
    json_object_set_new(json, "size", json_integer((json_int_t)group->size));
    json_object_set_new(json, "typical", typical);
    json_object_set_new(json, "photos", paths_of(run, groups, (int)g));
    return json;
}

static enum status print_json(const struct groups_args *args, const struct map_run *run,
                              const struct photo_groups *groups, double rand, struct err *err)
{
    json_t *answer = json_object(), *list = json_array();
    for (size_t g = 0; g < groups->count; g++)
        if (passing(run, groups, (int)g) > 0)
            json_array_append_new(list, group_json(run, groups, g));
    json_object_set_new(answer, "model", output_json_string(run->stored.name));
    json_object_set_new(answer, "granularity", json_string(granularities[args->granularity]));
    json_object_set_new(answer, "total", json_integer((json_int_t)groups->rows));
    if (args->quality)
        json_object_set_new(answer, "adjusted_rand", isnan(rand) ? json_null() : json_real(rand));
    json_object_set_new(answer, "groups", list);
    json_object_set_new(answer, "outliers", paths_of(run, groups, -1));
    return output_json(answer, err);
}

static void print_group(const struct map_run *run, const struct photo_group *group, size_t count)
{
    output_format("%6zu  ", count);
    if (!group->names[0])
        output_text("(no name)");
    for (int n = 0; n < GROUP_NAMES && group->names[n]; n++) {
        output_text(n ? ", " : "");
        output_name(group->names[n]);
    }
    output_text("\n");
    size_t shown = 0;
    for (size_t t = 0; t < group->typical_count && shown < TYPICAL_SHOWN; t++) {
        if (!row_set_has(&run->rows, group->typical[t]))
            continue;
        output_text("          ");
        output_name(run->snapshot->matrix->paths[group->typical[t]]);
        output_text("\n");
        shown++;
    }
}

static void print_groups(const struct map_run *run, const struct photo_groups *groups)
{
    size_t outliers = passing(run, groups, -1);
    if (groups->count == 0)
        output_text("no groups: too few photographs, or no part of them is denser than the rest\n");
    for (size_t g = 0; g < groups->count; g++) {
        size_t count = passing(run, groups, (int)g);
        if (count > 0)
            print_group(run, &groups->items[g], count);
    }
    if (groups->count > 0 && outliers > 0)
        output_format("%6zu  in no group\n", outliers);
}

/* NAN where there is nothing to compare with. */
static enum status agreement(double *out, const struct map_run *run,
                             const struct photo_groups *groups, struct err *err)
{
    const struct store_labels *labels = run->snapshot->labels;
    *out = NAN;
    if (labels->name_count < 2 || groups->count == 0)
        return OK;
    return quality_rand(out, groups->of, labels->positions, groups->rows, err);
}

static void print_agreement(const struct photo_groups *groups, double agreement)
{
    if (isnan(agreement))
        output_text("no categories to compare with: run `fovea classify`\n");
    else
        output_format("adjusted Rand index with the categories %.4f, over the %zu photographs of "
                      "a group\n",
                      agreement, groups->rows - groups->outliers);
}

static enum status run(const void *arguments, struct err *err)
{
    const struct groups_args *args = arguments;
    struct map_run run = {0};
    struct photo_groups groups = {0};
    struct model *model = NULL;
    enum status status = map_run_open(&run, args->library, args->model, &args->filter, err);
    if (status == OK)
        status = open_model(&model, &run, args, err);
    const struct photo_groups_options how = {.granularity = (enum granularity)args->granularity,
                                             .seed = args->seed,
                                             .remake = args->remake,
                                             .threads = args->threads,
                                             .watch = &run.watch};
    if (status == OK)
        status = photo_groups_get(&groups, run.snapshot, run.store, model, &how, err);
    map_run_quiet(&run);
    double rand = NAN;
    if (status == OK && args->quality)
        status = agreement(&rand, &run, &groups, err);
    if (status == OK && args->json)
        status = print_json(args, &run, &groups, rand, err);
    else if (status == OK)
        print_groups(&run, &groups);
    if (status == OK && args->quality && !args->json)
        print_agreement(&groups, rand);
    photo_groups_free(&groups);
    model_close(model);
    map_run_close(&run);
    return status;
}

const struct command command_groups = {
    .name = "groups",
    .summary = "find the natural groups of the library, with names",
    .about = "Groups the photographs by what they show, without categories: where many are alike "
             "is a group, and what is like nothing is in none. A group is named by the phrases "
             "of a vocabulary that are nearest to it and farther from the others, and shown by "
             "its most typical photographs.\n\n"
             "The model is needed for the names, and only the first time; then they are kept in "
             "the library, with the groups, which are found again when the photographs have "
             "changed.",
    .options = options,
    .examples = examples,
    .args_size = sizeof(struct groups_args),
    .run = run,
};
