/* SPDX-License-Identifier: MIT
 *
 * fovea search: find photographs by phrases, by example pictures, or by both.
 */
#include "cli/commands.h"
#include "cli/library_args.h"
#include "cli/model_args.h"
#include "cli/output.h"
#include "cli/report.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "image/image.h"
#include "kern/kernels.h"
#include "library/search.h"
#include "search/query.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct search_args {
    const char *library, *model, *arch, *category;
    struct operands phrases, images, unwanted;
    int limit, image_size, precision;
    double floor; /* NAN: by the query */
    bool offline, yes, json;
};

static const struct option options[] = {
    OPTION_LIBRARY(struct search_args),
    OPTION_LIBRARY_MODEL(struct search_args),
    OPTION_ARCH(struct search_args),
    OPTION_IMAGE_SIZE(struct search_args),
    OPTION_PRECISION(struct search_args),
    OPTION_OFFLINE(struct search_args),
    OPTION_YES(struct search_args),
    {.name = "image",
     .kind = OPTION_STRINGS,
     .argument = "FILE",
     .offset = offsetof(struct search_args, images),
     .help = "a picture to find the like of"},
    {.name = "not",
     .kind = OPTION_STRINGS,
     .argument = "TEXT",
     .offset = offsetof(struct search_args, unwanted),
     .help = "a phrase to stay away from"},
    {.name = "limit",
     .short_name = 'n',
     .kind = OPTION_INT,
     .argument = "N",
     .offset = offsetof(struct search_args, limit),
     .fallback = "12",
     .min = 1,
     .max = 1000000,
     .help = "how many photographs at the most"},
    {.name = "floor",
     .kind = OPTION_DOUBLE,
     .argument = "COSINE",
     .offset = offsetof(struct search_args, floor),
     .min = -1,
     .max = 1,
     .help = "the cosine a strong match reaches; without it 0.20 for phrases, 0.45 for pictures"},
    {.name = "category",
     .kind = OPTION_STRING,
     .argument = "NAME",
     .offset = offsetof(struct search_args, category),
     .help = "only photographs that `fovea classify` gave this category"},
    OPTION_JSON(struct search_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea search \"foggy mountain at dawn\"", "by a phrase"},
    {"fovea search --image sunset.jpg", "by example"},
    {"fovea search \"beach:1.0\" --not people --image sunset.jpg:0.5", "by both, with weights"},
    {NULL, NULL},
};

struct query_list {
    struct search_part *parts; /* [count] */
    char **values;             /* [count], what the parts point to */
    size_t count;
};

static enum status add_parts(struct query_list *list, const struct operands *from,
                             enum search_part_kind kind, float sign, struct err *err)
{
    for (size_t i = 0; i < from->count; i++) {
        char *value = strdup(from->items[i].text);
        if (!value)
            return err_no_memory(err, "the query", strlen(from->items[i].text));
        struct search_part *part = &list->parts[list->count];
        list->values[list->count++] = value;
        enum status status = search_part_parse(value, &part->weight, err);
        if (status != OK)
            return status;
        part->kind = kind;
        part->value = value;
        part->weight *= sign;
    }
    return OK;
}

static enum status query_list_open(struct query_list *list, const struct search_args *args,
                                   struct err *err)
{
    size_t count = args->phrases.count + args->images.count + args->unwanted.count;
    if (args->phrases.count + args->images.count == 0)
        return err_set(err, ERR_ARGUMENT,
                       "search: nothing to search for; give a phrase, or a picture with --image");
    list->parts = calloc(count, sizeof *list->parts);
    list->values = calloc(count, sizeof *list->values);
    if (!list->parts || !list->values)
        return err_no_memory(err, "the query", count * sizeof *list->parts);
    enum status status = add_parts(list, &args->phrases, SEARCH_TEXT, 1, err);
    if (status == OK)
        status = add_parts(list, &args->images, SEARCH_IMAGE, 1, err);
    if (status == OK)
        status = add_parts(list, &args->unwanted, SEARCH_TEXT, -1, err);
    return status;
}

static void query_list_close(struct query_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->values[i]);
    free(list->values);
    free(list->parts);
}

/* One search, opened in this order and closed in the other. */
struct work {
    struct query_list query;
    struct store *store;
    struct model *model;
    int64_t model_id;
    struct session *session;
    struct store_matrix matrix;
    struct store_labels labels;
    float *vector; /* [D] */
    struct scan_hit *hits;
    size_t found;
    float floor;
    bool strong;
    double elapsed_ms; /* of encoding and scanning, not of opening */
};

static enum status open_work(struct work *work, const struct search_args *args, struct err *err)
{
    enum status status = query_list_open(&work->query, args, err);
    if (status == OK)
        status = library_open(&work->store, args->library, STORE_READ, false, err);
    enum model_towers towers = search_towers(work->query.parts, work->query.count);
    const struct model_request request = {.name = args->model,
                                          .arch = args->arch,
                                          .towers = towers,
                                          .image_size = args->image_size,
                                          .precision = (enum precision)args->precision,
                                          .offline = args->offline,
                                          .yes = args->yes,
                                          .json = args->json};
    if (status == OK)
        status = library_model_open(work->store, &request, &work->model, &work->model_id, err);
    const struct session_options how = {
        .text_batch = towers & MODEL_TEXT ? 1 : 0,
        .image_batch = towers & MODEL_IMAGE ? 1 : 0,
    };
    if (status == OK)
        status = session_open(&work->session, work->model, &how, err);
    if (status == OK)
        status = store_matrix_load(work->store, work->model_id, &work->matrix, err);
    if (status == OK)
        status =
            store_labels_load(work->store, work->model_id, NULL, &work->matrix, &work->labels, err);
    if (status == OK && args->category)
        status = search_filter_category(&work->matrix, &work->labels, args->category, err);
    return status;
}

static void close_work(struct work *work)
{
    free(work->hits);
    free(work->vector);
    store_labels_free(&work->labels);
    store_matrix_free(&work->matrix);
    session_close(work->session);
    model_close(work->model);
    store_close(work->store);
    query_list_close(&work->query);
}

static enum status search(struct work *work, const struct search_args *args, struct err *err)
{
    double start = clock_seconds();
    size_t limit = (size_t)args->limit;
    if (limit > work->matrix.count)
        limit = work->matrix.count;
    work->vector = malloc((size_t)work->matrix.dim * sizeof *work->vector);
    work->hits = calloc(limit + 1, sizeof *work->hits);
    if (!work->vector || !work->hits)
        return err_no_memory(err, "the answer", limit * sizeof *work->hits);
    unsigned flags;
    struct kernels kernels;
    enum status status = cpu_flags(&flags, err);
    if (status == OK)
        status = search_encode(work->session, work->model, work->query.parts, work->query.count,
                               work->vector, err);
    if (status != OK)
        return status;
    kernels_init(&kernels, flags);
    const struct scan_request scan = {.kernels = &kernels,
                                      .vectors = work->matrix.vectors,
                                      .count = work->matrix.count,
                                      .dim = work->matrix.dim,
                                      .query = work->vector,
                                      .limit = limit};
    status = scan_top(&scan, work->hits, &work->found, err);
    if (status != OK)
        return status;
    work->floor = isnan(args->floor) ? search_default_floor(work->query.parts, work->query.count)
                                     : (float)args->floor;
    work->strong = query_apply_floor(work->hits, &work->found, work->floor);
    /* A stored vector is float16 and its length only nearly 1; a cosine above 1 would puzzle. */
    for (size_t i = 0; i < work->found; i++)
        work->hits[i].score = fminf(work->hits[i].score, 1);
    work->elapsed_ms = (clock_seconds() - start) * 1e3;
    return OK;
}

static enum status print_json(const struct work *work, struct err *err)
{
    json_t *results = json_array();
    for (size_t i = 0; i < work->found; i++) {
        size_t row = work->hits[i].row;
        const char *category = work->labels.categories[row];
        json_t *hit = json_object();
        json_object_set_new(hit, "path", output_json_string(work->matrix.paths[row]));
        json_object_set_new(hit, "score", output_json_float(work->hits[i].score));
        json_object_set_new(hit, "category", output_json_string(category));
        json_object_set_new(hit, "confidence",
                            category ? json_real(work->labels.confidences[row]) : json_null());
        json_array_append_new(results, hit);
    }
    json_t *answer = json_object();
    json_object_set_new(answer, "model", output_json_string(model_info(work->model)->name));
    json_object_set_new(answer, "strong", json_boolean(work->strong));
    json_object_set_new(answer, "floor", output_json_float(work->floor));
    json_object_set_new(answer, "total", json_integer((json_int_t)work->matrix.count));
    json_object_set_new(answer, "elapsed_ms", json_real(work->elapsed_ms));
    if (!work->strong)
        json_object_set_new(answer, "message", json_string("no strong matches found"));
    json_object_set_new(answer, "results", results);
    return output_json(answer, err);
}

static void print_hits(const struct work *work)
{
    if (!work->strong)
        output_text(work->found ? "no strong matches found; the closest photograph:\n"
                                : "no strong matches found\n");
    for (size_t i = 0; i < work->found; i++) {
        size_t row = work->hits[i].row;
        const char *category = work->labels.categories[row];
        output_format("%.4f  ", (double)work->hits[i].score);
        output_name(work->matrix.paths[row]);
        output_text(category ? "  (" : "");
        output_name(category ? category : "");
        output_text(category ? ")\n" : "\n");
    }
}

static enum status run(const void *arguments, struct err *err)
{
    const struct search_args *args = arguments;
    struct work work = {0};
    /* Loading libvips' modules takes longer than a search: only where there is a picture. */
    bool decodes = args->images.count > 0;
    enum status status = decodes ? image_room_open(err) : OK;
    if (status != OK)
        return status;
    status = open_work(&work, args, err);
    if (status == OK)
        status = search(&work, args, err);
    if (status == OK && args->json)
        status = print_json(&work, err);
    else if (status == OK)
        print_hits(&work);
    close_work(&work);
    if (decodes)
        image_room_close();
    return status;
}

const struct command command_search = {
    .name = "search",
    .summary = "find photographs by a phrase or by example",
    .about =
        "Compares the query with every photograph in the library and prints the best, by cosine. "
        "Phrases and pictures combine; each may end in a weight with a decimal point "
        "(\"beach:0.5\").\n\n"
        "Matches below the floor are not shown. If none reaches it, the single closest photograph "
        "is, with the message: no strong matches found.",
    .options = options,
    .examples = examples,
    .operand = "PHRASE",
    .operands_min = 0,
    .operands_offset = offsetof(struct search_args, phrases),
    .args_size = sizeof(struct search_args),
    .run = run,
};
