/* SPDX-License-Identifier: MIT
 *
 * POST /api/v1/search, GET /api/v1/photos/{id}/similar, and the two compatible searches. They
 * differ in how the question is put and how the answer looks; in between is one function, ask():
 * vectors of the parts, one query, find().
 */
#include "server/api.h"

#include "base/clock.h"
#include "base/str.h"
#include "clip/preprocess.h"
#include "library/picture.h"
#include "library/search.h"
#include "search/query.h"
#include "server/answer.h"
#include "server/encoder.h"
#include "server/fields.h"
#include "server/filters.h"
#include "server/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS_WANTED_MAX = 2 * PHRASES_MAX + UPLOADS_MAX };
#define WEIGHT_MIN 1e-6
#define WEIGHT_MAX 100.0

enum floor_word { FLOOR_DEFAULT, FLOOR_AUTO, FLOOR_FIXED };
static const char *const floor_words[] = {"default", "auto", "fixed", NULL};
static const char *const orders[] = {"score", "date", "path", NULL}; /* as enum find_order */

/* A question, however it was put. Texts and pictures are borrowed from the request. */
struct question {
    struct wanted {
        const char *text;    /* a phrase, or: */
        int64_t photo_id;    /* a photograph of the library, or: */
        const uint8_t *file; /* an uploaded picture [file_size] */
        size_t file_size;
        float weight;
    } wanted[PARTS_WANTED_MAX];
    size_t wanted_count;
    const char *unwanted[PHRASES_MAX];
    size_t unwanted_count;
    struct filter filter;
    enum floor_word floor_word;
    double floor; /* FLOOR_FIXED */
    bool weak, unique;
    enum find_order order;
    int64_t limit, offset;
};

/* What it came to. */
struct outcome {
    const struct view *view;
    struct find_answer found;
    double elapsed_ms, encode_ms;
};

/* --- from the question to hits ------------------------------------------------------------ */

struct vectors {
    float *all;      /* [wanted + unwanted, D] */
    uint8_t *pixels; /* [uploads, S, S, 3] */
    struct encoder_job jobs[PARTS_WANTED_MAX + PHRASES_MAX];
    size_t job_count;
    struct query_part parts[PARTS_WANTED_MAX];
};

static enum status photo_vector(const struct view *view, int64_t id, float *out, struct err *err)
{
    size_t row = snapshot_row_of(view->snapshot, id);
    if (row == SNAPSHOT_NO_ROW)
        return err_set(err, ERR_NOT_FOUND, "there is no photograph %lld", (long long)id);
    size_t dim = (size_t)view->matrix->dim;
    view->snapshot->kernels->f16_to_f32(out, view->matrix->vectors + row * dim, dim);
    embedding_normalize(out, (int)dim);
    return OK;
}

static enum status upload_pixels(struct server *server, const struct wanted *upload, uint8_t *out,
                                 struct err *err)
{
    const struct picture_options how = {.max_megapixels = UPLOAD_MEGAPIXELS};
    struct picture_facts ignored;
    while (sem_wait(&server->decoding) != 0) {
    }
    enum status status = picture_square(out, &ignored, upload->file, upload->file_size,
                                        &server->info->preprocess, &how, err);
    sem_post(&server->decoding);
    if (status != OK && status != ERR_MEMORY)
        status = err->status = ERR_FORMAT;
    return status == OK ? OK : err_prefix(err, "could not decode image");
}

static enum status fill(struct server *server, const struct view *view,
                        const struct question *question, struct vectors *vectors, struct err *err)
{
    size_t dim = (size_t)server->info->embed_dim, side = (size_t)server->info->image_size;
    size_t total = question->wanted_count + question->unwanted_count, uploads = 0;
    for (size_t i = 0; i < question->wanted_count; i++)
        uploads += question->wanted[i].file != NULL;
    vectors->all = calloc(total, dim * sizeof *vectors->all);
    vectors->pixels = uploads ? malloc(uploads * side * side * 3) : NULL;
    if (!vectors->all || (uploads && !vectors->pixels))
        return err_no_memory(err, "the query", total * dim * sizeof *vectors->all);
    uploads = 0;
    for (size_t i = 0; i < total; i++) {
        float *out = vectors->all + i * dim;
        const struct wanted *wanted = i < question->wanted_count ? &question->wanted[i] : NULL;
        enum status status = OK;
        struct encoder_job job = {.out = out};
        if (!wanted) {
            job.text = question->unwanted[i - question->wanted_count];
        } else {
            vectors->parts[i] = (struct query_part){out, wanted->weight};
            job.text = wanted->text;
        }
        if (wanted && wanted->file) {
            uint8_t *pixels = vectors->pixels + uploads++ * side * side * 3;
            job.pixels = pixels;
            status = upload_pixels(server, wanted, pixels, err);
        } else if (wanted && !wanted->text) {
            status = photo_vector(view, wanted->photo_id, out, err);
        }
        if (status != OK)
            return status;
        if (job.text || job.pixels)
            vectors->jobs[vectors->job_count++] = job;
    }
    return OK;
}

static float default_floor(const struct question *question)
{
    struct search_part parts[PARTS_WANTED_MAX];
    for (size_t i = 0; i < question->wanted_count; i++)
        parts[i] = (struct search_part){
            .kind = question->wanted[i].text ? SEARCH_TEXT : SEARCH_IMAGE,
            .weight = question->wanted[i].weight,
        };
    return search_default_floor(parts, question->wanted_count);
}

static enum status find_hits(struct server *server, const struct question *question,
                             const struct vectors *vectors, struct outcome *out, struct err *err)
{
    size_t dim = (size_t)server->info->embed_dim;
    float unwanted_floors[PHRASES_MAX];
    for (size_t i = 0; i < PHRASES_MAX; i++)
        unwanted_floors[i] = FLOOR_TEXT;
    float *query = malloc(dim * sizeof *query);
    if (!query)
        return err_no_memory(err, "the query", dim * sizeof *query);
    /* Alone, a scan takes every core; among others, its own: they are busy anyway. */
    int threads = atomic_load(&server->searches) > 1 ? 1 : server->options.threads;
    bool lone_photo = question->wanted_count == 1 && question->wanted[0].photo_id != 0;
    const struct find_request request = {
        .query = query,
        .unwanted = vectors->all + question->wanted_count * dim,
        .unwanted_count = question->unwanted_count,
        .unwanted_floors = unwanted_floors,
        .filter = &question->filter,
        .exclude_photo_id = lone_photo ? question->wanted[0].photo_id : 0,
        .offset = (size_t)question->offset,
        .limit = (size_t)question->limit,
        .floor_mode = question->floor_word == FLOOR_AUTO ? FIND_FLOOR_AUTO : FIND_FLOOR_FIXED,
        .floor =
            question->floor_word == FLOOR_FIXED ? (float)question->floor : default_floor(question),
        .weak = question->weak,
        .unique = question->unique,
        .order = question->order,
        .threads = threads,
    };
    enum status status =
        query_combine(vectors->parts, question->wanted_count, (int)dim, query, err);
    if (status == OK)
        status = find(&out->found, out->view->snapshot, &request, err);
    free(query);
    return status;
}

/* False, and answered. Close the outcome in either case. */
static bool ask(struct exchange *x, const struct question *question, struct outcome *out)
{
    struct server *server = x->server;
    struct err err = {0};
    *out = (struct outcome){.view = live_view(server->live)};
    double begin = clock_seconds();
    struct vectors *vectors = calloc(1, sizeof *vectors);
    enum status status = vectors ? fill(server, out->view, question, vectors, &err)
                                 : err_no_memory(&err, "the query", sizeof *vectors);
    double encode = clock_seconds();
    atomic_fetch_add(&server->searches, 1);
    if (status == OK)
        status = encoder_run(server->encoder, vectors->jobs, vectors->job_count, &err);
    out->encode_ms = vectors && vectors->job_count ? (clock_seconds() - encode) * 1e3 : 0;
    if (status == OK)
        status = find_hits(server, question, vectors, out, &err);
    atomic_fetch_sub(&server->searches, 1);
    out->elapsed_ms = (clock_seconds() - begin) * 1e3;
    if (vectors) {
        free(vectors->all);
        free(vectors->pixels);
        free(vectors);
    }
    if (status != OK)
        reply_err(x, &err);
    return status == OK;
}

static void close_outcome(struct exchange *x, struct outcome *outcome)
{
    find_answer_free(&outcome->found);
    live_release(x->server->live, outcome->view);
}

/* --- the answer of /api/v1 ---------------------------------------------------------------- */

static void answer_search(struct exchange *x, const struct question *question)
{
    struct outcome outcome;
    if (ask(x, question, &outcome)) {
        const struct find_answer *found = &outcome.found;
        json_t *results = json_array();
        for (size_t i = 0; i < found->count; i++)
            json_array_append_new(results, answer_hit(outcome.view, &found->hits[i]));
        reply_json(
            x, 200,
            json_pack("{s:o, s:b, s:o, s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "model",
                      json_utf8(x->server->info->name), "strong", found->strong, "message",
                      found->strong ? json_null() : json_string("no strong matches found"), "floor",
                      json_score(found->floor), "floor_mode", floor_words[question->floor_word],
                      "total", (json_int_t)found->total, "strong_total",
                      (json_int_t)found->strong_count, "excluded", (json_int_t)found->excluded,
                      "limit", (json_int_t)question->limit, "offset", (json_int_t)question->offset,
                      "elapsed_ms", json_score(outcome.elapsed_ms), "encode_ms",
                      json_score(outcome.encode_ms), "results", results));
    }
    close_outcome(x, &outcome);
}

/* --- the question of /api/v1/search ------------------------------------------------------- */

static void read_parts(struct fields *fields, const json_t *request, const char *list,
                       struct question *question)
{
    static const char *const text_names[] = {"text", "weight", NULL};
    static const char *const photo_names[] = {"id", "weight", NULL};
    bool texts = strcmp(list, "texts") == 0;
    const json_t *items = fields_array(fields, request, list, 0, PHRASES_MAX);
    for (size_t i = 0; items && fields->ok && i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        struct wanted *wanted = &question->wanted[question->wanted_count++];
        if (!json_is_object(item)) {
            fields_fail(fields, list, "a list of objects is accepted");
            return;
        }
        fields->where = texts ? "texts: " : "photos: ";
        fields_only(fields, item, texts ? text_names : photo_names);
        if (texts)
            wanted->text = fields_text(fields, item, "text", PHRASE_BYTES_MAX);
        else
            wanted->photo_id = fields_integer(fields, item, "id", 0, 1, INT64_MAX);
        if (!texts && fields->ok && wanted->photo_id == 0)
            fields_fail(fields, "id", "the field is missing");
        wanted->weight = (float)fields_number(fields, item, "weight", 1, WEIGHT_MIN, WEIGHT_MAX);
        fields->where = "";
    }
}

static void read_unwanted(struct fields *fields, const json_t *request, struct question *question)
{
    static const char *const names[] = {"text", NULL};
    const json_t *items = fields_array(fields, request, "unwanted", 0, PHRASES_MAX);
    for (size_t i = 0; items && fields->ok && i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        if (!json_is_object(item)) {
            fields_fail(fields, "unwanted", "a list of objects is accepted");
            return;
        }
        fields->where = "unwanted: ";
        fields_only(fields, item, names);
        question->unwanted[question->unwanted_count++] =
            fields_text(fields, item, "text", PHRASE_BYTES_MAX);
        fields->where = "";
    }
}

/* Uploaded pictures in their order, with the weights of `images`. */
static void read_uploads(struct fields *fields, const json_t *request, const struct form *form,
                         struct question *question)
{
    static const char *const names[] = {"weight", NULL};
    const json_t *weights = fields_array(fields, request, "images", 0, UPLOADS_MAX);
    size_t used = 0;
    for (size_t i = 0; form && i < form->count && fields->ok; i++) {
        const struct part *part = &form->parts[i];
        if (strcmp(part->name, "query") == 0)
            continue;
        if (strcmp(part->name, "image") != 0 || part->size > UPLOAD_BYTES_MAX ||
            used == UPLOADS_MAX) {
            fields_fail(fields, part->name,
                        "a form has one field \"query\" and up to %d files \"image\" of %d MiB",
                        UPLOADS_MAX, UPLOAD_BYTES_MAX >> 20);
            return;
        }
        const json_t *item = json_array_get(weights, used);
        if (json_is_object(item))
            fields_only(fields, item, names);
        else if (item)
            fields_fail(fields, "images", "a list of objects is accepted");
        struct wanted *wanted = &question->wanted[question->wanted_count++];
        wanted->file = part->data;
        wanted->file_size = part->size;
        wanted->weight = (float)fields_number(fields, item, "weight", 1, WEIGHT_MIN, WEIGHT_MAX);
        used++;
    }
    if (fields->ok && json_array_size(weights) > used)
        fields_fail(fields, "images", "there are %zu weights and %zu uploaded pictures",
                    json_array_size(weights), used);
}

static void read_floor(struct fields *fields, const json_t *request, struct question *question)
{
    const json_t *floor = json_object_get(request, "floor");
    if (json_is_number(floor)) {
        question->floor_word = FLOOR_FIXED;
        question->floor = fields_number(fields, request, "floor", 0, -1, 1);
        return;
    }
    static const char *const words[] = {"default", "auto", NULL};
    if (floor && !json_is_string(floor))
        fields_fail(fields, "floor", "a number from -1 to 1, \"default\" or \"auto\" is accepted");
    question->floor_word =
        (enum floor_word)fields_choice(fields, request, "floor", words, FLOOR_DEFAULT);
}

static bool read_question(struct exchange *x, const json_t *request, const struct form *form,
                          struct question *question)
{
    static const char *const names[] = {"texts", "unwanted", "photos", "images", "filters", "floor",
                                        "weak",  "unique",   "sort",   "limit",  "offset",  NULL};
    struct fields fields = {.x = x, .where = "", .ok = true};
    fields_only(&fields, request, names);
    read_parts(&fields, request, "texts", question);
    read_parts(&fields, request, "photos", question);
    read_unwanted(&fields, request, question);
    read_uploads(&fields, request, form, question);
    read_floor(&fields, request, question);
    question->weak = fields_bool(&fields, request, "weak", false);
    question->unique = fields_bool(&fields, request, "unique", false);
    question->order = (enum find_order)fields_choice(&fields, request, "sort", orders, 0);
    question->limit = fields_integer(&fields, request, "limit", RESULTS, 1, RESULTS_MAX);
    question->offset = fields_integer(&fields, request, "offset", 0, 0, OFFSET_MAX);
    if (!fields.ok || !filters_from_json(&fields, request, &question->filter))
        return false;
    if (question->wanted_count == 0)
        reply_error(x, 400, "nothing to search for: give texts, photos or an uploaded image");
    return question->wanted_count > 0;
}

void api_search(struct exchange *x)
{
    struct form form;
    bool is_form = content_is(x, "multipart/form-data");
    if (is_form && !read_form(x, &form))
        return;
    const struct part *part = is_form ? form_part(&form, "query") : NULL;
    json_t *request =
        part ? read_json(x, part->data, part->size) : (is_form ? json_object() : read_json_body(x));
    if (!request)
        return;
    struct question *question = calloc(1, sizeof *question);
    if (!question)
        reply_error(x, 503, "not enough memory just now");
    else if (read_question(x, request, is_form ? &form : NULL, question))
        answer_search(x, question);
    free(question);
    json_decref(request);
}

static bool param_floor(struct exchange *x, struct question *question)
{
    const char *text = uri_param(&x->uri, "floor");
    if (!text || strcmp(text, "default") == 0)
        return true;
    question->floor_word = strcmp(text, "auto") == 0 ? FLOOR_AUTO : FLOOR_FIXED;
    if (question->floor_word == FLOOR_AUTO)
        return true;
    char *end;
    question->floor = strtod(text, &end);
    if (end != text && !*end && question->floor >= -1 && question->floor <= 1)
        return true;
    reply_error(x, 400, "floor: \"%.100s\" is not accepted; a number from -1 to 1, default or auto",
                text);
    return false;
}

void api_similar(struct exchange *x)
{
    static const char *const names[] = {"limit", "offset", "floor", "weak", "unique", "sort", NULL};
    struct question *question = calloc(1, sizeof *question);
    if (!question) {
        reply_error(x, 503, "not enough memory just now");
        return;
    }
    question->wanted_count = 1;
    question->wanted[0].weight = 1;
    int order = 0;
    if (captured_id(x, 0, &question->wanted[0].photo_id) &&
        param_int(x, "limit", RESULTS, 1, RESULTS_MAX, &question->limit) &&
        param_int(x, "offset", 0, 0, OFFSET_MAX, &question->offset) &&
        param_bool(x, "weak", false, &question->weak) &&
        param_bool(x, "unique", false, &question->unique) &&
        param_choice(x, "sort", orders, 0, &order) && param_floor(x, question) &&
        filters_from_params(x, names, &question->filter)) {
        question->order = (enum find_order)order;
        answer_search(x, question);
    }
    free(question);
}

/* --- the compatible endpoints ------------------------------------------------------------- */

/* Everything but letters, digits and "-._~" escaped: it is one segment of an address. */
static json_t *image_url(const char *name)
{
    struct str url = str_new(4096);
    str_put(&url, "/images/");
    for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
        bool plain = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
                     (*c >= 'A' && *c <= 'Z') || strchr("-._~", *c);
        str_format(&url, plain ? "%c" : "%%%02X", *c);
    }
    json_t *value = json_string(str_text(&url));
    str_free(&url);
    return value;
}

static json_t *compat_hit(const struct view *view, const struct find_hit *hit)
{
    char *name = view_name(view, hit->row);
    if (!name)
        return NULL;
    const char *category = view->labels->categories[hit->row];
    json_t *value = json_pack(
        "{s:o, s:o, s:o, s:o, s:o}", "filename", json_utf8(name), "category", json_utf8(category),
        "confidence", category ? json_score(view->labels->confidences[hit->row]) : json_null(),
        "distance", json_score(-(double)hit->score), "url", image_url(name));
    free(name);
    return value;
}

static void answer_compat(struct exchange *x, const struct question *question)
{
    struct outcome outcome;
    if (ask(x, question, &outcome)) {
        json_t *list = json_array();
        for (size_t i = 0; i < outcome.found.count; i++)
            json_array_append_new(list, compat_hit(outcome.view, &outcome.found.hits[i]));
        reply_json(x, 200, list);
    }
    close_outcome(x, &outcome);
}

static int64_t clamp_limit(double limit)
{
    return limit < 1 ? 1 : limit > COMPAT_RESULTS_MAX ? COMPAT_RESULTS_MAX : (int64_t)limit;
}

/* As the origin's framework reads an int: 12, 12.0 and "12". */
static bool read_limit(struct exchange *x, const char *text, double number, int64_t *out)
{
    char *end = NULL;
    if (text)
        number = strtod(text, &end);
    if ((text && (end == text || *end)) || !(fabs(number) < 1e15) || number != floor(number)) {
        reply_error(x, 422, "limit: a whole number is accepted");
        return false;
    }
    *out = clamp_limit(number);
    return true;
}

void compat_search_text(struct exchange *x)
{
    json_t *request = read_json_body(x);
    if (!request)
        return;
    struct question *question = calloc(1, sizeof *question);
    const json_t *query = json_object_get(request, "query");
    const json_t *limit = json_object_get(request, "limit");
    bool ok = false;
    if (!question)
        reply_error(x, 503, "not enough memory just now");
    else if (!query || !json_is_string(query))
        reply_error(x, 422, "query: %s", query ? "a text is accepted" : "the field is missing");
    else if (json_string_length(query) > PHRASE_BYTES_MAX)
        reply_error(x, 400, "query must not be longer than %d bytes", PHRASE_BYTES_MAX);
    else if (!limit)
        ok = read_limit(x, NULL, COMPAT_RESULTS, &question->limit);
    else if (json_is_number(limit) || json_is_string(limit))
        ok = read_limit(x, json_string_value(limit), json_number_value(limit), &question->limit);
    else
        reply_error(x, 422, "limit: a whole number is accepted");
    if (ok) {
        question->wanted_count = 1;
        question->wanted[0] = (struct wanted){.text = json_string_value(query), .weight = 1};
        answer_compat(x, question);
    }
    free(question);
    json_decref(request);
}

void compat_search_image(struct exchange *x)
{
    struct form form;
    if (!read_form(x, &form))
        return;
    struct question *question = calloc(1, sizeof *question);
    const struct part *file = form_part(&form, "file"), *limit = form_part(&form, "limit");
    char number[32] = "";
    if (limit && limit->size < sizeof number)
        memcpy(number, limit->data, limit->size);
    const char *text = limit ? number : uri_param(&x->uri, "limit");
    if (!question)
        reply_error(x, 503, "not enough memory just now");
    else if (!file)
        reply_error(x, 422, "file: the field is missing");
    else if (file->size > UPLOAD_BYTES_MAX)
        reply_error(x, 413, "the picture is larger than %d MiB", UPLOAD_BYTES_MAX >> 20);
    else if (read_limit(x, text, COMPAT_RESULTS, &question->limit)) {
        question->wanted_count = 1;
        question->wanted[0] =
            (struct wanted){.file = file->data, .file_size = file->size, .weight = 1};
        answer_compat(x, question);
    }
    free(question);
}
