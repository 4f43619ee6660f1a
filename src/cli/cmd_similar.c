/* SPDX-License-Identifier: MIT
 *
 * fovea similar: more like this one. A photograph of the library, or a file with the same content
 * as one, has its vector there, and no model is needed; any other file is shown to the model first.
 */
#include "cli/commands.h"
#include "cli/decoder_args.h"
#include "cli/filter_args.h"
#include "cli/find_args.h"
#include "cli/library_args.h"
#include "cli/model_args.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "image/image.h"
#include "library/hash_set.h"
#include "library/search.h"
#include "search/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_LIMIT ((size_t)1 << 30)

struct similar_args {
    const char *library, *model, *arch;
    struct operands photo;
    int image_size, precision;
    bool no_sandbox, offline, yes;
    struct find_args find;
    struct filter_args filter;
};

static const struct option options[] = {
    OPTION_LIBRARY(struct similar_args),
    OPTION_LIBRARY_MODEL(struct similar_args),
    OPTION_ARCH(struct similar_args),
    OPTION_IMAGE_SIZE(struct similar_args),
    OPTION_PRECISION(struct similar_args),
    OPTION_OFFLINE(struct similar_args),
    OPTION_YES(struct similar_args),
    OPTION_FIND(struct similar_args),
    OPTION_FILTERS(struct similar_args),
    OPTION_NO_SANDBOX(struct similar_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea similar ~/Pictures/2023/lake.jpg", "more like a photograph of the library"},
    {"fovea similar postcard.png --unique", "more like any picture, near-duplicates collapsed"},
    {"fovea similar lake.jpg --until 2019 --sort date", "of earlier years, newest first"},
    {NULL, NULL},
};

struct work {
    const struct similar_args *args;
    const char *file;
    struct filter_reading filter;
    struct store *store;
    struct store_model stored;
    int64_t photo_id; /* 0: not one of the library */
    bool decodes;     /* the image room is open */
    const struct snapshot *snapshot;
    float *query; /* [D] */
    struct find_answer answer;
    double elapsed_ms;
};

/* --- which photo -------------------------------------------------------------------------- */

/* The path as the library has it: absolute, links followed as far as they are there; a file that is
 * not there (a disk that is away) may be known all the same. */
static enum status absolute_path(struct str *out, const char *file, struct err *err)
{
    char *real = realpath(file, NULL);
    if (real) {
        str_put(out, real);
    } else {
        char *folder = file[0] == '/' ? NULL : getcwd(NULL, 0);
        if (folder)
            str_format(out, "%s/", folder);
        str_put(out, file);
        free(folder);
    }
    free(real);
    return str_ok(out) ? OK : err_set(err, ERR_ARGUMENT, "the path is too long");
}

static enum status find_by_path(struct work *work, struct err *err)
{
    struct str path = str_new(1 << 16);
    enum status status = absolute_path(&path, work->file, err);
    if (status == OK)
        status = store_photo_find(work->store, str_text(&path), &work->photo_id, err);
    str_free(&path);
    return status;
}

static enum status find_by_content(struct work *work, struct err *err)
{
    struct file_bytes bytes;
    enum status status = file_read(&bytes, work->file, FILE_LIMIT, err);
    if (status != OK)
        return status;
    const struct photo_hash hash = photo_hash_of(bytes.data, bytes.size);
    file_bytes_free(&bytes);
    status = store_photo_find_hash(work->store, &hash, &work->photo_id, err);
    return status == ERR_NOT_FOUND ? OK : status; /* any other picture */
}

static enum status find_photo(struct work *work, struct err *err)
{
    enum status status = find_by_path(work, err);
    if (status == ERR_NOT_FOUND && access(work->file, F_OK) == 0)
        status = find_by_content(work, err);
    else if (status == ERR_NOT_FOUND)
        status = err_set(err, ERR_NOT_FOUND, "%s is neither a file nor a photograph of the library",
                         work->file);
    return status;
}

/* --- its vector --------------------------------------------------------------------------- */

static enum status open_snapshot(struct work *work, int64_t model_id, struct err *err)
{
    struct find_request request = {0};
    enum status status = find_args_apply(&work->args->find, 0, &request, err);
    if (status == OK)
        status = snapshot_open(&work->snapshot, work->store, model_id,
                               find_needs_vectors(&request) ? SNAPSHOT_BYTES_NEVER : SNAPSHOT_ROWS,
                               NULL, err);
    if (status != OK)
        return status;
    size_t size = (size_t)work->snapshot->matrix->dim * sizeof *work->query;
    work->query = malloc(size ? size : 1);
    return work->query ? OK : err_no_memory(err, "the query", size);
}

static enum status take_vector(struct work *work, size_t row, struct err *err)
{
    const struct store_matrix *matrix = work->snapshot->matrix;
    const size_t dim = (size_t)matrix->dim;
    bool has = true;
    uint16_t *vector = malloc(dim * sizeof *vector);
    if (!vector)
        return err_no_memory(err, "a vector", dim * sizeof *vector);
    enum status status = OK;
    if (matrix->vectors)
        memcpy(vector, matrix->vectors + row * dim, dim * sizeof *vector);
    else
        status = store_vectors_load(work->store, work->stored.id, &matrix->photo_ids[row], 1,
                                    vector, &has, err);
    if (status == OK)
        work->snapshot->kernels->f16_to_f32(work->query, vector, dim);
    free(vector);
    return status;
}

/* Leaves `snapshot` NULL if the library has no vector of it. */
static enum status take_stored(struct work *work, struct err *err)
{
    enum status status = open_snapshot(work, work->stored.id, err);
    if (status != OK)
        return status;
    const struct store_matrix *matrix = work->snapshot->matrix;
    size_t row = snapshot_row_of(work->snapshot, work->photo_id);
    if (row != SNAPSHOT_NO_ROW) {
        status = take_vector(work, row, err);
        const struct query_part part = {work->query, 1};
        return status == OK ? query_combine(&part, 1, matrix->dim, work->query, err) : status;
    }
    snapshot_unref(work->snapshot);
    free(work->query);
    work->snapshot = NULL;
    work->query = NULL;
    return OK;
}

static enum status encode_with(struct work *work, struct model *model, struct err *err)
{
    const struct session_options how = {.image_batch = 1};
    const struct search_part part = {SEARCH_IMAGE, work->file, 1};
    struct session *session = NULL;
    enum status status = session_open(&session, model, &how, err);
    if (status == OK)
        status = search_encode(session, model, &part, 1, work->query, err);
    session_close(session);
    return status;
}

static enum status open_room(struct work *work, struct err *err)
{
    if (work->decodes)
        return OK;
    enum status status = decoder_room_open(work->args->no_sandbox, err);
    work->decodes = status == OK;
    return status;
}

static enum status encode(struct work *work, struct err *err)
{
    const struct similar_args *args = work->args;
    const struct model_request request = {.name = args->model,
                                          .arch = args->arch,
                                          .towers = MODEL_IMAGE,
                                          .image_size = args->image_size,
                                          .precision = (enum precision)args->precision,
                                          .offline = args->offline,
                                          .yes = args->yes,
                                          .json = args->find.json};
    struct model *model = NULL;
    int64_t model_id;
    enum status status = open_room(work, err);
    if (status == OK)
        status = library_model_open(work->store, &request, &model, &model_id, err);
    if (status == OK)
        status = open_snapshot(work, model_id, err);
    if (status == OK)
        status = encode_with(work, model, err);
    if (status == OK)
        snprintf(work->stored.name, sizeof work->stored.name, "%s", model_info(model)->name);
    model_close(model);
    return status;
}

/* A model named by a file or of another image size is not looked up by its name. */
static bool may_be_stored(struct work *work, struct err *err)
{
    return work->photo_id && !work->args->arch && !work->args->image_size &&
           library_model_stored(work->store, work->args->model, &work->stored, err) == OK;
}

static enum status open_work(struct work *work, struct err *err)
{
    enum status status = find_args_check(&work->args->find, err);
    if (status == OK)
        status = filter_args_read(&work->filter, &work->args->filter, err);
    if (status == OK)
        status = library_open(&work->store, work->args->library, STORE_READ, false, err);
    if (status == OK)
        status = find_photo(work, err);
    if (status == OK && work->args->find.sheet)
        status = open_room(work, err);
    if (status == OK && may_be_stored(work, err))
        status = take_stored(work, err);
    if (status == OK && !work->snapshot)
        status = encode(work, err);
    return status;
}

static void close_work(struct work *work)
{
    find_answer_free(&work->answer);
    snapshot_unref(work->snapshot);
    free(work->query);
    store_close(work->store);
    filter_reading_close(&work->filter);
    if (work->decodes)
        image_room_close();
}

static enum status similar(struct work *work, struct err *err)
{
    double start = clock_seconds();
    struct find_request request = {
        .query = work->query, .exclude_photo_id = work->photo_id, .filter = &work->filter.filter};
    enum status status = find_args_apply(&work->args->find, FLOOR_IMAGE, &request, err);
    if (status == OK)
        status = find(&work->answer, work->snapshot, &request, err);
    work->elapsed_ms = (clock_seconds() - start) * 1e3;
    return status;
}

static enum status run(const void *arguments, struct err *err)
{
    const struct similar_args *args = arguments;
    struct work work = {.args = args, .file = args->photo.items[0].text};
    enum status status = open_work(&work, err);
    if (status == OK)
        status = similar(&work, err);
    if (status == OK) {
        const char *slash = strrchr(work.file, '/');
        const struct find_shown shown = {.args = &args->find,
                                         .snapshot = work.snapshot,
                                         .answer = &work.answer,
                                         .model = work.stored.name,
                                         .title = slash ? slash + 1 : work.file,
                                         .elapsed_ms = work.elapsed_ms};
        status = find_show(&shown, err);
    }
    close_work(&work);
    return status;
}

const struct command command_similar = {
    .name = "similar",
    .summary = "find photographs like this one",
    .about = "Prints the photographs of the library that are most like PHOTO, itself left out, by "
             "cosine. PHOTO is one of the library, whose vector is there already, or any other "
             "picture, which the model has to see first.\n\n"
             "Floor, filters and output are those of `fovea search`.",
    .options = options,
    .examples = examples,
    .operand = "PHOTO",
    .operands_min = 1,
    .operands_max = 1,
    .operands_offset = offsetof(struct similar_args, photo),
    .args_size = sizeof(struct similar_args),
    .run = run,
};
