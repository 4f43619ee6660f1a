/* SPDX-License-Identifier: MIT
 *
 * fovea search: find photographs by phrases, by example pictures, or by both.
 */
#include "cli/commands.h"
#include "cli/decoder_args.h"
#include "cli/filter_args.h"
#include "cli/find_args.h"
#include "cli/library_args.h"
#include "cli/model_args.h"

#include "base/clock.h"
#include "base/str.h"
#include "image/image.h"
#include "library/search.h"

#include <stdlib.h>
#include <string.h>

struct search_args {
    const char *library, *model, *arch;
    struct operands phrases, images, unwanted, less;
    int image_size, precision;
    bool no_sandbox, offline, yes;
    struct find_args find;
    struct filter_args filter;
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
     .help = "leave out what this phrase finds; with a weight (people:0.5) only push it away, as "
             "--less does"},
    {.name = "less",
     .kind = OPTION_STRINGS,
     .argument = "TEXT",
     .offset = offsetof(struct search_args, less),
     .help = "a phrase to stay away from: subtracted from the query, by its weight"},
    OPTION_FIND(struct search_args),
    OPTION_FILTERS(struct search_args),
    OPTION_NO_SANDBOX(struct search_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea search \"foggy mountain at dawn\"", "by a phrase"},
    {"fovea search --image sunset.jpg", "by example"},
    {"fovea search \"beach:1.0\" --not people --image sunset.jpg:0.5", "by both, with weights"},
    {"fovea search harbour --since 2023-05 --camera fuji --rating 3+ --floor auto",
     "of a month and later, by one make, three stars and more"},
    {"fovea search \"red car\" -n 1000 -0 | xargs -0 cp -t red-cars/", "to other programs"},
    {"fovea search waterfall --unique --sort date --sheet waterfalls.jpg", "a contact sheet"},
    {NULL, NULL},
};

/* Phrases and pictures; the first `wanted` make the query, the others are to be left out. */
struct query_list {
    struct search_part *parts; /* [count] */
    char **values;             /* [count], what the parts point to */
    size_t count, wanted;
};

enum part_use { USE_WANTED, USE_LESS, USE_UNWANTED };

/* `exclude`: those that are to be left out are taken, and no others; else the other way round. */
static enum status add_part(struct query_list *list, const char *text, enum search_part_kind kind,
                            enum part_use use, bool exclude, struct err *err)
{
    char *value = strdup(text);
    if (!value)
        return err_no_memory(err, "the query", strlen(text));
    struct search_part part = {.kind = kind, .value = value};
    enum status status = search_part_parse(value, &part.weight, err);
    /* a weight on what is unwanted: how far to push it away */
    bool weighted = strlen(value) != strlen(text);
    if (status != OK || (use == USE_UNWANTED && !weighted) != exclude) {
        free(value);
        return status;
    }
    if (use != USE_WANTED)
        part.weight = -part.weight;
    list->values[list->count] = value;
    list->parts[list->count++] = part;
    return OK;
}

static enum status add_parts(struct query_list *list, const struct operands *from,
                             enum search_part_kind kind, enum part_use use, bool exclude,
                             struct err *err)
{
    enum status status = OK;
    for (size_t i = 0; status == OK && i < from->count; i++)
        status = add_part(list, from->items[i].text, kind, use, exclude, err);
    return status;
}

static enum status query_list_open(struct query_list *list, const struct search_args *args,
                                   struct err *err)
{
    size_t count =
        args->phrases.count + args->images.count + args->unwanted.count + args->less.count;
    if (args->phrases.count + args->images.count == 0)
        return err_set(err, ERR_ARGUMENT,
                       "search: nothing to search for; give a phrase, or a picture with --image");
    list->parts = calloc(count, sizeof *list->parts);
    list->values = calloc(count, sizeof *list->values);
    if (!list->parts || !list->values)
        return err_no_memory(err, "the query", count * sizeof *list->parts);
    enum status status = add_parts(list, &args->phrases, SEARCH_TEXT, USE_WANTED, false, err);
    if (status == OK)
        status = add_parts(list, &args->images, SEARCH_IMAGE, USE_WANTED, false, err);
    if (status == OK)
        status = add_parts(list, &args->less, SEARCH_TEXT, USE_LESS, false, err);
    if (status == OK)
        status = add_parts(list, &args->unwanted, SEARCH_TEXT, USE_UNWANTED, false, err);
    list->wanted = list->count;
    if (status == OK)
        status = add_parts(list, &args->unwanted, SEARCH_TEXT, USE_UNWANTED, true, err);
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
    const struct search_args *args;
    struct query_list query;
    struct filter_reading filter;
    struct store *store;
    struct model *model;
    int64_t model_id;
    struct session *session;
    const struct snapshot *snapshot;
    float *vectors; /* [1 + unwanted, D] the query, then what is to be left out */
    float *floors;  /* [unwanted] */
    struct find_answer answer;
    double elapsed_ms; /* of encoding and finding, not of opening */
};

static bool needs_vectors(const struct work *work)
{
    struct find_request request = {.unwanted_count = work->query.count - work->query.wanted};
    struct err ignored; /* the options were checked */
    return find_args_apply(&work->args->find, 0, &request, &ignored) != OK ||
           find_needs_vectors(&request);
}

static enum status open_work(struct work *work, struct err *err)
{
    const struct search_args *args = work->args;
    enum status status = find_args_check(&args->find, err);
    if (status == OK)
        status = query_list_open(&work->query, args, err);
    if (status == OK)
        status = filter_args_read(&work->filter, &args->filter, err);
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
                                          .json = args->find.json};
    if (status == OK)
        status = library_model_open(work->store, &request, &work->model, &work->model_id, err);
    const struct session_options how = {
        .text_batch = towers & MODEL_TEXT ? 1 : 0,
        .image_batch = towers & MODEL_IMAGE ? 1 : 0,
    };
    if (status == OK)
        status = session_open(&work->session, work->model, &how, err);
    if (status == OK)
        status =
            snapshot_open(&work->snapshot, work->store, work->model_id,
                          needs_vectors(work) ? SNAPSHOT_BYTES_NEVER : SNAPSHOT_ROWS, NULL, err);
    return status;
}

static void close_work(struct work *work)
{
    find_answer_free(&work->answer);
    free(work->vectors);
    free(work->floors);
    snapshot_unref(work->snapshot);
    session_close(work->session);
    model_close(work->model);
    store_close(work->store);
    filter_reading_close(&work->filter);
    query_list_close(&work->query);
}

static enum status encode(struct work *work, struct err *err)
{
    const struct query_list *q = &work->query;
    const size_t unwanted = q->count - q->wanted, dim = (size_t)model_info(work->model)->embed_dim;
    work->vectors = malloc((1 + unwanted) * dim * sizeof *work->vectors);
    work->floors = malloc((1 + unwanted) * sizeof *work->floors);
    if (!work->vectors || !work->floors)
        return err_no_memory(err, "the query", (1 + unwanted) * dim * sizeof *work->vectors);
    enum status status =
        search_encode(work->session, work->model, q->parts, q->wanted, work->vectors, err);
    if (status == OK)
        status = search_encode_each(work->session, work->model, q->parts + q->wanted, unwanted,
                                    work->vectors + dim, work->floors, err);
    return status;
}

static enum status search(struct work *work, struct err *err)
{
    double start = clock_seconds();
    enum status status = encode(work, err);
    if (status != OK)
        return status;
    struct find_request request = {.query = work->vectors,
                                   .unwanted = work->vectors + model_info(work->model)->embed_dim,
                                   .unwanted_count = work->query.count - work->query.wanted,
                                   .unwanted_floors = work->floors,
                                   .filter = &work->filter.filter};
    status =
        find_args_apply(&work->args->find,
                        search_default_floor(work->query.parts, work->query.wanted), &request, err);
    if (status == OK)
        status = find(&work->answer, work->snapshot, &request, err);
    work->elapsed_ms = (clock_seconds() - start) * 1e3;
    return status;
}

/* "beach + sunset.jpg:0.5 - people", for the head of a sheet. */
static void put_title(struct str *out, const struct query_list *q)
{
    for (size_t i = 0; i < q->count; i++) {
        const struct search_part *part = &q->parts[i];
        const char *slash = part->kind == SEARCH_IMAGE ? strrchr(part->value, '/') : NULL;
        const float weight = part->weight < 0 ? -part->weight : part->weight;
        if (i > 0)
            str_put(out, part->weight < 0 ? " − " : " + ");
        str_put(out, slash ? slash + 1 : part->value);
        if (weight < 1 || weight > 1)
            str_format(out, ":%g", (double)weight);
    }
}

static enum status show(const struct work *work, struct err *err)
{
    struct str title = str_new(1 << 16);
    put_title(&title, &work->query);
    const struct find_shown shown = {.args = &work->args->find,
                                     .snapshot = work->snapshot,
                                     .answer = &work->answer,
                                     .model = model_info(work->model)->name,
                                     .title = str_text(&title),
                                     .elapsed_ms = work->elapsed_ms};
    enum status status = find_show(&shown, err);
    str_free(&title);
    return status;
}

static enum status run(const void *arguments, struct err *err)
{
    const struct search_args *args = arguments;
    struct work work = {.args = args};
    /* Loading libvips' modules takes longer than a search: only where there is a picture. */
    bool decodes = args->images.count > 0 || args->find.sheet;
    enum status status = decodes ? decoder_room_open(args->no_sandbox, err) : OK;
    if (status != OK)
        return status;
    status = open_work(&work, err);
    if (status == OK)
        status = search(&work, err);
    if (status == OK)
        status = show(&work, err);
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
        "(\"beach:0.5\"). What a phrase given with --not finds is left out.\n\n"
        "Matches below the floor are not shown, but for --weak. If none reaches it, the single "
        "closest photograph is, with the message: no strong matches found. With --floor auto the "
        "floor follows from the query: it is where photographs stand out from the rest of the "
        "library.\n\n"
        "Filters narrow down together; a photograph that does not tell what a filter asks for is "
        "left out.",
    .options = options,
    .examples = examples,
    .operand = "PHRASE",
    .operands_min = 0,
    .operands_offset = offsetof(struct search_args, phrases),
    .args_size = sizeof(struct search_args),
    .run = run,
};
