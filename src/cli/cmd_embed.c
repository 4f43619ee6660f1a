/* SPDX-License-Identifier: MIT
 *
 * `fovea embed`: the vectors of texts and pictures. Items keep the order of the command line. A
 * picture that cannot be used is reported on its own and left out; the others are still done.
 *
 * items[] -> encode (pictures in batches, texts one by one) -> vectors [count, dim] -> JSON, an
 * .npy file, or a table to read.
 */
#include "cli/commands.h"
#include "cli/decoder_args.h"
#include "cli/model_args.h"
#include "cli/npy.h"
#include "cli/output.h"
#include "cli/report.h"
#include "image/image.h"
#include "library/picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE_BATCH 8

struct embed_args {
    struct operands texts, images;
    const char *model, *arch, *npy;
    int threads, image_size, precision;
    bool no_sandbox, offline, yes, json, raw;
};

struct item {
    const char *input;
    int position; /* on the command line */
    bool is_image, failed;
    float norm;    /* before normalisation */
    float *vector; /* [dim], in the job's `vectors` */
};

struct job {
    const struct embed_args *args;
    struct model *model;
    const struct model_info *info;
    struct session *session;
    struct item *items; /* [count] */
    size_t count, failed;
    float *vectors;                    /* [count, dim] */
    uint8_t *pixels;                   /* [IMAGE_BATCH, S, S, 3] */
    float *batch;                      /* [IMAGE_BATCH, dim] */
    struct item *pending[IMAGE_BATCH]; /* whose pixels are in `pixels` */
    int pending_count;
};

static const struct option options[] = {
    OPTION_MODEL(struct embed_args),
    OPTION_ARCH(struct embed_args),
    OPTION_IMAGE_SIZE(struct embed_args),
    OPTION_PRECISION(struct embed_args),
    OPTION_OFFLINE(struct embed_args),
    OPTION_YES(struct embed_args),
    {.name = "text",
     .short_name = 't',
     .kind = OPTION_STRINGS,
     .argument = "TEXT",
     .offset = offsetof(struct embed_args, texts),
     .help = "a text to embed"},
    {.name = "raw",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct embed_args, raw),
     .help = "give the vectors as the model does, before their length is made 1"},
    {.name = "npy",
     .kind = OPTION_STRING,
     .argument = "FILE",
     .offset = offsetof(struct embed_args, npy),
     .help = "write the vectors to a NumPy file, [items, dimensions] float32"},
    OPTION_JSON(struct embed_args),
    OPTION_THREADS(struct embed_args),
    OPTION_NO_SANDBOX(struct embed_args),
    OPTION_END,
};

static int by_position(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    return (x->position > y->position) - (x->position < y->position);
}

static enum status list_items(struct job *job, struct err *err)
{
    const struct operands *lists[] = {&job->args->texts, &job->args->images};
    size_t total = lists[0]->count + lists[1]->count;
    if (total == 0)
        return err_set(err, ERR_ARGUMENT,
                       "embed: nothing to embed; give --text TEXT or a picture's file name");
    job->items = calloc(total, sizeof *job->items);
    if (!job->items)
        return err_no_memory(err, "the items", total * sizeof *job->items);
    for (size_t l = 0; l < 2; l++)
        for (size_t i = 0; i < lists[l]->count; i++)
            job->items[job->count++] = (struct item){.input = lists[l]->items[i].text,
                                                     .position = lists[l]->items[i].position,
                                                     .is_image = l == 1};
    qsort(job->items, job->count, sizeof *job->items, by_position);
    return OK;
}

static enum status open_session(struct job *job, struct err *err)
{
    const struct embed_args *args = job->args;
    int towers =
        (args->texts.count > 0 ? MODEL_TEXT : 0) | (args->images.count > 0 ? MODEL_IMAGE : 0);
    const struct model_request request = {.name = args->model,
                                          .arch = args->arch,
                                          .towers = (enum model_towers)towers,
                                          .image_size = args->image_size,
                                          .precision = (enum precision)args->precision,
                                          .threads = args->threads,
                                          .offline = args->offline,
                                          .yes = args->yes,
                                          .json = args->json};
    enum status status = model_open_named(&job->model, &request, err);
    if (status != OK)
        return status;
    job->info = model_info(job->model);
    size_t dim = (size_t)job->info->embed_dim, side = (size_t)job->info->image_size;
    job->vectors = calloc(job->count * dim, sizeof *job->vectors);
    job->batch = malloc(IMAGE_BATCH * dim * sizeof *job->batch);
    job->pixels = malloc(IMAGE_BATCH * side * side * 3);
    if (!job->vectors || !job->batch || !job->pixels)
        return err_no_memory(err, "the vectors", job->count * dim * sizeof *job->vectors);
    for (size_t i = 0; i < job->count; i++)
        job->items[i].vector = job->vectors + i * dim;
    const struct session_options session = {.threads = args->threads,
                                            .image_batch = args->images.count > 0 ? IMAGE_BATCH : 0,
                                            .text_batch = args->texts.count > 0};
    return session_open(&job->session, job->model, &session, err);
}

static enum status flush_images(struct job *job, struct err *err)
{
    if (job->pending_count == 0)
        return OK;
    enum status status =
        session_encode_images(job->session, job->pixels, job->pending_count, job->batch, err);
    size_t dim = (size_t)job->info->embed_dim;
    for (int i = 0; status == OK && i < job->pending_count; i++)
        memcpy(job->pending[i]->vector, job->batch + (size_t)i * dim, dim * sizeof(float));
    job->pending_count = 0;
    return status;
}

static enum status add_image(struct job *job, struct item *item, struct err *err)
{
    size_t side = (size_t)job->info->image_size;
    uint8_t *square = job->pixels + (size_t)job->pending_count * side * side * 3;
    struct err why = {0};
    enum status status =
        picture_square_file(square, item->input, &job->info->preprocess, NULL, &why);
    if (status != OK) {
        report_error(&why);
        item->failed = true;
        job->failed++;
        return OK;
    }
    job->pending[job->pending_count++] = item;
    return job->pending_count == IMAGE_BATCH ? flush_images(job, err) : OK;
}

static enum status encode(struct job *job, struct err *err)
{
    enum status status = OK;
    int dim = job->info->embed_dim;
    for (size_t i = 0; status == OK && i < job->count; i++) {
        struct item *item = &job->items[i];
        if (item->is_image)
            status = add_image(job, item, err);
        else
            status = session_encode_text(job->session, item->input, item->vector, err);
    }
    if (status == OK)
        status = flush_images(job, err);
    for (size_t i = 0; status == OK && i < job->count; i++) {
        struct item *item = &job->items[i];
        double sum = 0;
        for (int d = 0; d < dim; d++)
            sum += (double)item->vector[d] * (double)item->vector[d];
        item->norm = (float)sqrt(sum);
        if (!job->args->raw)
            embedding_normalize(item->vector, dim);
    }
    return status;
}

/* Moves the vectors and items that failed out of the way: what is left is printed. */
static void drop_failed(struct job *job)
{
    size_t dim = (size_t)job->info->embed_dim, kept = 0;
    for (size_t i = 0; i < job->count; i++) {
        if (job->items[i].failed)
            continue;
        float *to = job->vectors + kept * dim;
        memmove(to, job->items[i].vector, dim * sizeof *to);
        job->items[kept] = job->items[i];
        job->items[kept++].vector = to;
    }
    job->count = kept;
}

static const char *kind_name(const struct item *item)
{
    return item->is_image ? "image" : "text";
}

static enum status print_json(const struct job *job, struct err *err)
{
    json_t *items = json_array();
    for (size_t i = 0; i < job->count; i++) {
        const struct item *item = &job->items[i];
        json_array_append_new(items,
                              json_pack("{s:o, s:s, s:o}", "input", output_json_string(item->input),
                                        "kind", kind_name(item), "vector",
                                        output_json_floats(item->vector, job->info->embed_dim)));
    }
    if (json_array_size(items) != job->count) {
        json_decref(items);
        return err_set(err, ERR_MEMORY, "not enough memory for the results");
    }
    return output_json(json_pack("{s:o, s:i, s:o}", "model", output_json_string(job->info->name),
                                 "dim", job->info->embed_dim, "items", items),
                       err);
}

/* A table for the eye: how long each vector was, and how near it is to the first one. */
static void print_table(const struct job *job)
{
    int dim = job->info->embed_dim;
    output_format("%s, %d dimensions\n", job->info->name, dim);
    if (job->count > 0)
        output_format("%-5s  %8s  %8s  %s\n", "kind", "length", "cosine", "input");
    for (size_t i = 0; i < job->count; i++) {
        const struct item *item = &job->items[i], *first = &job->items[0];
        double dot = 0, a = 0, b = 0;
        for (int d = 0; d < dim; d++) {
            dot += (double)item->vector[d] * (double)first->vector[d];
            a += (double)item->vector[d] * (double)item->vector[d];
            b += (double)first->vector[d] * (double)first->vector[d];
        }
        output_format("%-5s  %8.4f  %8.4f  ", kind_name(item), (double)item->norm,
                      a > 0 && b > 0 ? dot / sqrt(a * b) : 0.0);
        output_name(item->input);
        output_text("\n");
    }
}

static enum status show(const struct job *job, struct err *err)
{
    const struct embed_args *args = job->args;
    enum status status = OK;
    if (args->npy)
        status = npy_write(args->npy, job->vectors, job->count, (size_t)job->info->embed_dim, err);
    if (status == OK && args->json)
        status = print_json(job, err);
    else if (status == OK && !args->npy)
        print_table(job);
    return status;
}

static enum status run(const void *untyped, struct err *err)
{
    struct job job = {.args = untyped};
    bool room = false;
    enum status status = list_items(&job, err);
    if (status != OK)
        goto out;
    if (job.args->images.count > 0) {
        status = decoder_room_open(job.args->no_sandbox, err);
        if (status != OK)
            goto out;
        room = true;
    }
    status = open_session(&job, err);
    if (status == OK)
        status = encode(&job, err);
    if (status != OK)
        goto out;
    size_t total = job.count;
    drop_failed(&job);
    status = show(&job, err);
    if (status == OK && job.failed > 0)
        status = err_set(err, ERR_FORMAT, "embed: %zu of %zu inputs could not be embedded",
                         job.failed, total);
out:
    session_close(job.session);
    model_close(job.model);
    if (room)
        image_room_close();
    free(job.pixels);
    free(job.batch);
    free(job.vectors);
    free(job.items);
    return status;
}

static const struct example examples[] = {
    {"fovea embed --text \"a foggy mountain at dawn\" photo.jpg",
     "how near a photo is to a phrase (the last column)"},
    {"fovea embed --model ./my-model --json photo.jpg | jq '.items[0].vector'",
     "the vector of a photo, from a model in a folder"},
    {"fovea embed --npy vectors.npy *.jpg", "the vectors of many photos, for NumPy"},
    {NULL, NULL},
};

const struct command command_embed = {
    .name = "embed",
    .summary = "print the vectors of texts and pictures",
    .about = "Prints one vector for each --text and each picture, in the order given, of length 1 "
             "unless --raw is there. Without --json or --npy: a table with each vector's length "
             "before normalisation and its cosine to the first one.\n\n"
             "A picture that cannot be read is reported and left out; the exit status is then 1.",
    .options = options,
    .examples = examples,
    .operand = "IMAGE",
    .operands_offset = offsetof(struct embed_args, images),
    .args_size = sizeof(struct embed_args),
    .run = run,
};
