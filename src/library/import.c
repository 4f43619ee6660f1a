/* SPDX-License-Identifier: MIT
 *
 * Reading an export. Line by line, in the order in which export.c writes: models and their sets,
 * photos, failures, saved sets, decisions, places, the end. Photos are put in batches, one
 * transaction for their paths and one per model for their vectors; labels and decisions are
 * gathered and put at the end, when all photos are there. Nothing is believed: kinds, ranges,
 * numbers of models and rows, sizes of files, and that a vector is one.
 */
#include "library/exchange.h"

#include "library/import_values.h"
#include "library/npy16.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE_MAX_BYTES = 16 << 20,
    MODELS_MAX = 256,
    SETS_MAX = 1024,
    BATCH = 256,        /* results */
    PATHS_MAX = 100000, /* of one photo */
    PATH_BYTES = 1 << 16,
    TEXT_BYTES = 8 << 20, /* of a set's JSON */
};

struct imported_model {
    int64_t id;
    struct npy16 vectors;
};

struct imported_set {
    size_t model; /* index */
    struct store_set set;
    struct store_label *labels; /* photo_id: index into hashes, until the end */
    struct photo_hash *hashes;
    size_t count, capacity;
};

/* A photo's first path with its vector of one model. */
struct vector_result {
    size_t model, result;
    const uint16_t *vector;
};

struct import {
    struct store *store;
    const char *dir;
    struct exchange_report *report;
    struct imported_model models[MODELS_MAX];
    size_t model_count;
    int64_t active; /* id of the model that the export calls active */
    struct imported_set sets[SETS_MAX];
    size_t set_count;
    struct keep lasting, batch; /* until the end; until the batch is put */
    struct store_result *results;
    size_t result_count, result_capacity;
    struct vector_result *vectors;
    size_t vector_count, vector_capacity;
    struct store_decision *decisions;
    size_t decision_count, decision_capacity;
    json_t *lines; /* of the batch: strings point into them */
    bool begun, ended;
};

/* Room for one more; false: *err is set. */
static bool grow(void **array, size_t count, size_t *capacity, size_t size, struct err *err)
{
    if (count < *capacity)
        return true;
    size_t more = *capacity ? 2 * *capacity : 64;
    void *grown = realloc(*array, more * size);
    if (!grown) {
        err_no_memory(err, "the import", more * size);
        return false;
    }
    *array = grown;
    *capacity = more;
    return true;
}

/* --- models and sets ---------------------------------------------------------------------- */

static enum status open_vectors(struct import *in, struct imported_model *model, int64_t dim,
                                json_t *line, struct err *err)
{
    char expected[48];
    int64_t count;
    struct str path = str_new(PATH_BYTES);
    snprintf(expected, sizeof expected, "vectors-%zu.npy", in->model_count + 1);
    const char *name = json_string_value(json_object_get(line, "vectors"));
    enum status status = value_int(line, "count", 0, INT32_MAX, &count, err);
    if (status == OK && (!name || strcmp(name, expected) != 0))
        status = err_set(err, ERR_FORMAT, "\"vectors\" is to be \"%s\"", expected);
    path_join(&path, in->dir, expected);
    if (status == OK && !str_ok(&path))
        status = err_set(err, ERR_ARGUMENT, "the path is too long");
    if (status == OK)
        status = npy16_open(&model->vectors, str_text(&path), err);
    if (status == OK && (model->vectors.rows != (size_t)count ||
                         (count > 0 && model->vectors.columns != (size_t)dim)))
        status =
            err_set(err, ERR_FORMAT, "%s is (%zu, %zu), not (%lld, %lld)", expected,
                    model->vectors.rows, model->vectors.columns, (long long)count, (long long)dim);
    str_free(&path);
    return status;
}

static enum status read_model(struct import *in, json_t *line, struct err *err)
{
    const char *name = NULL, *fingerprint = NULL;
    int64_t number, dim = 0;
    bool active = false;
    if (in->model_count == MODELS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d models", MODELS_MAX);
    int64_t next = (int64_t)in->model_count + 1;
    enum status status = value_int(line, "model", next, next, &number, err);
    if (status == OK)
        status = value_text(&in->lasting, line, "name", 255, &name, err);
    if (status == OK)
        status = value_text(&in->lasting, line, "fingerprint", 32, &fingerprint, err);
    if (status == OK)
        status = value_int(line, "dim", 1, 65536, &dim, err);
    if (status == OK)
        status = value_bool(line, "active", &active, err);
    struct imported_model *model = &in->models[in->model_count];
    if (status == OK)
        status = open_vectors(in, model, dim, line, err);
    if (status == OK)
        status = store_model_use(in->store, name, fingerprint, (int)dim, &model->id, err);
    if (status != OK) {
        npy16_close(&model->vectors);
        return status;
    }
    in->model_count++;
    if (active)
        in->active = model->id;
    return OK;
}

static enum status model_index(const struct import *in, json_t *json, size_t *index,
                               struct err *err)
{
    int64_t number;
    enum status status = value_int(json, "model", 1, (int64_t)in->model_count, &number, err);
    *index = status == OK ? (size_t)number - 1 : 0;
    return status;
}

static enum status read_categories(struct import *in, json_t *line, struct store_set *set,
                                   struct err *err)
{
    json_t *list, *value;
    size_t i;
    enum status status = value_array(line, "categories", &list, err);
    if (status != OK)
        return status;
    set->category_count = json_array_size(list);
    const char **names = keep_alloc(&in->lasting, (set->category_count + 1) * sizeof *names, err);
    if (!names)
        return ERR_MEMORY;
    json_array_foreach(list, i, value)
    {
        status = text_of(&in->lasting, value, PATH_BYTES, &names[i], err);
        if (status != OK)
            return status;
    }
    set->categories = names;
    return OK;
}

/* The line's strings last until the end: the set is put then. */
static enum status read_set(struct import *in, json_t *line, struct err *err)
{
    if (in->set_count == SETS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d sets of categories", SETS_MAX);
    struct imported_set *s = &in->sets[in->set_count];
    *s = (struct imported_set){0};
    enum status status = model_index(in, line, &s->model, err);
    if (status == OK)
        status = value_text(&in->lasting, line, "set", STORE_SET_MAX, &s->set.name, err);
    if (status == OK)
        status = value_text(&in->lasting, line, "json", TEXT_BYTES, &s->set.json, err);
    if (status == OK)
        status = value_int(line, "made_at", 0, INT64_MAX, &s->set.made_at, err);
    if (status == OK)
        status = read_categories(in, line, &s->set, err);
    in->set_count += status == OK;
    return status;
}

/* --- photos ------------------------------------------------------------------------------- */

static enum status flush_batch(struct import *in, struct err *err)
{
    enum status status = store_put_results(in->store, 0, in->results, in->result_count, err);
    for (size_t m = 0; status == OK && m < in->model_count; m++) {
        struct store_result with[BATCH];
        size_t count = 0;
        for (size_t i = 0; status == OK && i <= in->vector_count; i++) {
            if (count == BATCH || (i == in->vector_count && count > 0)) {
                status = store_put_results(in->store, in->models[m].id, with, count, err);
                count = 0;
            }
            if (i == in->vector_count || in->vectors[i].model != m)
                continue;
            with[count] = in->results[in->vectors[i].result];
            with[count++].vector = in->vectors[i].vector;
        }
    }
    in->result_count = in->vector_count = 0;
    keep_free(&in->batch);
    json_array_clear(in->lines);
    return status;
}

static double half(uint16_t h)
{
    int exponent = h >> 10 & 31;
    double value = exponent ? ldexp(1024 + (h & 1023), exponent - 25) : ldexp(h & 1023, -24);
    return h & 0x8000 ? -value : value;
}

/* Finite and of length 1, as the library holds them. */
static bool is_vector(const uint16_t *v, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++) {
        if ((v[i] & 0x7c00) == 0x7c00)
            return false;
        sum += half(v[i]) * half(v[i]);
    }
    return fabs(sum - 1) < 0.02;
}

static enum status read_vector(struct import *in, json_t *pair, size_t result, struct err *err)
{
    const json_t *number = json_array_get(pair, 0), *at = json_array_get(pair, 1);
    if (!json_is_integer(number) || !json_is_integer(at) || json_array_size(pair) != 2 ||
        json_integer_value(number) < 1 || json_integer_value(number) > (json_int_t)in->model_count)
        return err_set(err, ERR_FORMAT, "\"vectors\" are to be pairs of a model and a row");
    size_t m = (size_t)json_integer_value(number) - 1;
    const struct npy16 *npy = &in->models[m].vectors;
    if (json_integer_value(at) < 0 || (size_t)json_integer_value(at) >= npy->rows)
        return err_set(err, ERR_FORMAT, "vectors-%zu.npy has no row %lld", m + 1,
                       (long long)json_integer_value(at));
    size_t bytes = npy->columns * sizeof(uint16_t);
    uint16_t *vector = keep_alloc(&in->batch, bytes, err);
    if (!vector || !grow((void **)&in->vectors, in->vector_count, &in->vector_capacity,
                         sizeof *in->vectors, err))
        return ERR_MEMORY;
    memcpy(vector, npy->values + (size_t)json_integer_value(at) * bytes, bytes);
    if (!is_vector(vector, npy->columns))
        return err_set(err, ERR_FORMAT, "row %lld of vectors-%zu.npy is no vector of length 1",
                       (long long)json_integer_value(at), m + 1);
    in->vectors[in->vector_count++] = (struct vector_result){m, result, vector};
    in->report->vectors++;
    return OK;
}

static enum status read_sidecar(struct import *in, json_t *json, const struct store_sidecar **out,
                                struct err *err)
{
    *out = NULL;
    if (!json)
        return OK;
    struct store_sidecar *sidecar = keep_alloc(&in->batch, sizeof *sidecar, err);
    if (!sidecar)
        return ERR_MEMORY;
    enum status status = value_text(&in->batch, json, "path", PATH_BYTES, &sidecar->path, err);
    if (status == OK)
        status = value_int(json, "size", 1, INT64_MAX, &sidecar->size_bytes, err);
    if (status == OK)
        status = value_int(json, "mtime_ns", INT64_MIN, INT64_MAX, &sidecar->mtime_ns, err);
    if (status == OK)
        status = value_meta(&in->batch, json, &sidecar->meta, err);
    *out = sidecar;
    return status == OK ? OK : err_prefix(err, "\"sidecar\"");
}

/* `photo` holds what all its paths share. */
static enum status read_path(struct import *in, json_t *json, const struct store_result *photo,
                             struct err *err)
{
    struct store_result r = *photo;
    enum status status = value_text(&in->batch, json, "path", PATH_BYTES, &r.file.path, err);
    if (status == OK)
        status = value_int(json, "size", 0, INT64_MAX, &r.file.size_bytes, err);
    if (status == OK)
        status = value_int(json, "mtime_ns", INT64_MIN, INT64_MAX, &r.file.mtime_ns, err);
    if (status == OK)
        status = read_sidecar(in, json_object_get(json, "sidecar"), &r.sidecar, err);
    if (status == OK && !grow((void **)&in->results, in->result_count, &in->result_capacity,
                              sizeof *in->results, err))
        status = ERR_MEMORY;
    if (status == OK) {
        in->results[in->result_count++] = r;
        in->report->files++;
    }
    return status;
}

static enum status read_content(struct import *in, json_t *line, struct store_result *photo,
                                struct err *err)
{
    int64_t width = 0, height = 0;
    const char *format = "";
    enum status status = value_hash(line, "photo", &photo->hash, err);
    if (status == OK)
        status = value_int(line, "width", 0, 1 << 30, &width, err);
    if (status == OK)
        status = value_int(line, "height", 0, 1 << 30, &height, err);
    if (status == OK)
        status = value_text(&in->batch, line, "format", sizeof photo->format, &format, err);
    if (status != OK)
        return status;
    photo->width = (int)width;
    photo->height = (int)height;
    memcpy(photo->format, format, strnlen(format, sizeof photo->format));
    const json_t *phash = json_object_get(line, "phash");
    if (phash) {
        const char *text = json_string_value(phash);
        char *end = NULL;
        photo->phash = text ? strtoull(text, &end, 16) : 0;
        photo->has_phash = text && strlen(text) == 16 && strspn(text, "0123456789abcdef") == 16;
        if (!photo->has_phash)
            return err_set(err, ERR_FORMAT, "\"phash\" is to be 16 digits");
    }
    return value_meta(&in->batch, line, &photo->meta, err);
}

/* --- labels ------------------------------------------------------------------------------- */

static struct imported_set *find_set(struct import *in, size_t model, const char *name)
{
    for (size_t i = 0; i < in->set_count; i++)
        if (in->sets[i].model == model && strcmp(in->sets[i].set.name, name) == 0)
            return &in->sets[i];
    return NULL;
}

static int category_index(const struct store_set *set, const char *name)
{
    for (size_t i = 0; i < set->category_count; i++)
        if (strcmp(set->categories[i], name) == 0)
            return (int)i;
    return -1;
}

static enum status read_also(struct import *in, json_t *json, const struct store_set *set,
                             struct store_label *label, struct err *err)
{
    json_t *list, *value;
    size_t i;
    enum status status = value_array(json, "also", &list, err);
    if (status != OK)
        return status;
    label->also_count = json_array_size(list);
    int *also = keep_alloc(&in->lasting, (label->also_count + 1) * sizeof *also, err);
    if (!also)
        return ERR_MEMORY;
    json_array_foreach(list, i, value)
    {
        const char *name;
        status = text_of(&in->batch, value, PATH_BYTES, &name, err);
        if (status != OK)
            return status;
        also[i] = category_index(set, name);
    }
    label->also = also;
    return OK;
}

static enum status read_probabilities(struct import *in, json_t *json, const struct store_set *set,
                                      struct store_label *label, struct err *err)
{
    json_t *list, *value;
    size_t i;
    enum status status = value_array(json, "probabilities", &list, err);
    if (status != OK)
        return status;
    if (json_array_size(list) != set->category_count)
        return err_set(err, ERR_FORMAT, "\"probabilities\" are to be %zu, one per category",
                       set->category_count);
    float *out = keep_alloc(&in->lasting, (set->category_count + 1) * sizeof *out, err);
    if (!out)
        return ERR_MEMORY;
    json_array_foreach(list, i, value)
    {
        if (!json_is_number(value) && !json_is_null(value))
            return err_set(err, ERR_FORMAT, "\"probabilities\" are to be numbers");
        out[i] = json_is_null(value) ? NAN : (float)json_number_value(value);
    }
    label->probabilities = out;
    return OK;
}

static enum status read_label(struct import *in, json_t *json, const struct photo_hash *hash,
                              struct err *err)
{
    size_t model;
    const char *name = NULL, *category = NULL;
    struct store_label label = {0};
    enum status status = model_index(in, json, &model, err);
    if (status == OK)
        status = value_text(&in->batch, json, "set", STORE_SET_MAX, &name, err);
    struct imported_set *s = status == OK ? find_set(in, model, name) : NULL;
    if (status == OK && !s)
        status = err_set(err, ERR_FORMAT, "a label of the set \"%s\", which the file lacks", name);
    if (status == OK && !json_is_null(json_object_get(json, "category"))) {
        status = value_text(&in->batch, json, "category", PATH_BYTES, &category, err);
        int index = status == OK ? category_index(&s->set, category) : -1;
        if (status == OK && index < 0)
            status =
                err_set(err, ERR_FORMAT, "the set \"%s\" has no category \"%s\"", name, category);
        if (status == OK)
            label.category = s->set.categories[index];
    }
    if (status == OK)
        status = value_real(json, "confidence", &label.confidence, err);
    if (status == OK)
        status = value_real(json, "margin", &label.margin, err);
    if (status == OK)
        status = value_bool(json, "uncertain", &label.uncertain, err);
    if (status == OK)
        status = read_also(in, json, &s->set, &label, err);
    if (status == OK)
        status = read_probabilities(in, json, &s->set, &label, err);
    if (status != OK)
        return status;
    size_t capacity = s->capacity;
    if (!grow((void **)&s->labels, s->count, &capacity, sizeof label, err) ||
        !grow((void **)&s->hashes, s->count, &s->capacity, sizeof *hash, err))
        return ERR_MEMORY;
    s->hashes[s->count] = *hash;
    s->labels[s->count++] = label;
    in->report->labels++;
    return OK;
}

/* --- a photo's line ----------------------------------------------------------------------- */

static enum status read_photo(struct import *in, json_t *line, struct err *err)
{
    struct store_result photo = {0};
    json_t *paths, *vectors, *labels, *value;
    size_t i, first = in->result_count;
    enum status status = read_content(in, line, &photo, err);
    if (status == OK)
        status = value_array(line, "paths", &paths, err);
    if (status == OK)
        status = value_array(line, "vectors", &vectors, err);
    if (status == OK)
        status = value_array(line, "labels", &labels, err);
    if (status == OK && (json_array_size(paths) == 0 || json_array_size(paths) > PATHS_MAX))
        status = err_set(err, ERR_FORMAT, "\"paths\" are to be 1 to %d", PATHS_MAX);
    if (status != OK)
        return status;
    json_array_foreach(paths, i, value) if (status == OK) status =
        read_path(in, value, &photo, err);
    json_array_foreach(vectors, i, value) if (status == OK) status =
        read_vector(in, value, first, err);
    json_array_foreach(labels, i, value) if (status == OK) status =
        read_label(in, value, &photo.hash, err);
    in->report->photos++;
    if (status == OK && in->result_count >= BATCH)
        status = flush_batch(in, err);
    return status;
}

/* --- the rest ----------------------------------------------------------------------------- */

static enum status read_failure(struct import *in, json_t *line, struct err *err)
{
    struct store_result r = {0};
    enum status status = value_text(&in->batch, line, "failure", PATH_BYTES, &r.file.path, err);
    if (status == OK)
        status = value_text(&in->batch, line, "reason", PATH_BYTES, &r.failure, err);
    if (status == OK)
        status = value_int(line, "size", 0, INT64_MAX, &r.file.size_bytes, err);
    if (status == OK)
        status = value_bool(line, "transient", &r.transient, err);
    if (status == OK && !r.transient)
        status = value_int(line, "mtime_ns", INT64_MIN, INT64_MAX, &r.file.mtime_ns, err);
    if (status != OK)
        return status;
    if (!grow((void **)&in->results, in->result_count, &in->result_capacity, sizeof r, err))
        return ERR_MEMORY;
    in->results[in->result_count++] = r;
    in->report->failures++;
    return in->result_count >= BATCH ? flush_batch(in, err) : OK;
}

static enum status read_decision(struct import *in, json_t *line, struct err *err)
{
    struct store_decision d = {.decision = DECISION_NONE};
    const char *text = json_string_value(json_object_get(line, "decision"));
    if (text && strcmp(text, "duplicate") == 0)
        d.decision = DECISION_DUPLICATE;
    else if (text && strcmp(text, "not duplicate") == 0)
        d.decision = DECISION_NOT_DUPLICATE;
    else
        return err_set(err, ERR_FORMAT, "a decision is \"duplicate\" or \"not duplicate\"");
    enum status status = value_hash(line, "a", &d.a, err);
    if (status == OK)
        status = value_hash(line, "b", &d.b, err);
    if (status == OK)
        status = value_int(line, "made_at", 0, INT64_MAX, &d.made_at, err);
    if (status == OK)
        status = memcmp(&d.a, &d.b, sizeof d.a) != 0
                     ? OK
                     : err_set(err, ERR_FORMAT, "a decision is about two photos, not about one");
    if (status != OK)
        return status;
    if (!grow((void **)&in->decisions, in->decision_count, &in->decision_capacity, sizeof d, err))
        return ERR_MEMORY;
    in->decisions[in->decision_count++] = d;
    in->report->decisions++;
    return OK;
}

static enum status read_saved_set(struct import *in, json_t *line, struct err *err)
{
    const char *name = json_string_value(json_object_get(line, "saved_set"));
    const char *text = json_string_value(json_object_get(line, "json"));
    json_t *set = text ? json_loads(text, 0, NULL) : NULL;
    bool fine = name && json_is_object(set);
    json_decref(set);
    return fine ? store_saved_set_put(in->store, name, text, err)
                : err_set(err, ERR_FORMAT, "a saved set has a name, and categories as JSON text");
}

/* Added to those that are there. */
static enum status read_place(struct import *in, json_t *line, struct err *err)
{
    const char *path = NULL, *kind = json_string_value(json_object_get(line, "kind"));
    enum status status = value_text(&in->batch, line, "place", PATH_BYTES, &path, err);
    if (status == OK && (!kind || (strcmp(kind, "root") != 0 && strcmp(kind, "mount") != 0)))
        status = err_set(err, ERR_FORMAT, "\"kind\" is to be \"root\" or \"mount\"");
    if (status != OK)
        return status;
    const struct store_place place = {.path = (char *)path,
                                      .kind = strcmp(kind, "root") == 0 ? STORE_ROOT : STORE_MOUNT};
    return store_places_change(in->store, NULL, 0, &place, 1, err);
}

static enum status put_set(struct import *in, struct imported_set *s, struct err *err)
{
    enum status status = OK;
    for (size_t i = 0; status == OK && i < s->count; i++)
        status = store_photo_find_hash(in->store, &s->hashes[i], &s->labels[i].photo_id, err);
    if (status == OK)
        status = store_labels_replace(in->store, in->models[s->model].id, &s->set, s->labels,
                                      s->count, err);
    return status;
}

static enum status read_end(struct import *in, json_t *line, struct err *err)
{
    int64_t photos, active = 0;
    enum status status = value_int(line, "photos", 0, INT64_MAX, &photos, err);
    if (status == OK && photos != in->report->photos)
        status = err_set(err, ERR_FORMAT, "the file should have %lld photos, not %lld",
                         (long long)photos, (long long)in->report->photos);
    if (status == OK)
        status = store_decisions_put(in->store, in->decisions, in->decision_count, err);
    for (size_t i = 0; status == OK && i < in->set_count; i++)
        status = put_set(in, &in->sets[i], err);
    if (status == OK)
        status = store_model_active(in->store, &active, err);
    if (status == OK && active == 0 && in->active != 0)
        status = store_model_set_active(in->store, in->active, err);
    in->ended = status == OK;
    return status;
}

/* --- lines -------------------------------------------------------------------------------- */

static enum status read_head(struct import *in, json_t *line, struct err *err)
{
    const json_t *what = json_object_get(line, "fovea");
    const json_t *format = json_object_get(line, "format");
    if (!json_is_string(what) || strcmp(json_string_value(what), "library") != 0 ||
        !json_is_integer(format))
        return err_set(err, ERR_FORMAT, "this is no export of a library");
    if (json_integer_value(format) != EXCHANGE_FORMAT)
        return err_set(err, ERR_UNSUPPORTED,
                       "this is an export of format %lld, and fovea %s reads format %d",
                       (long long)json_integer_value(format), FOVEA_VERSION, EXCHANGE_FORMAT);
    in->begun = true;
    return OK;
}

struct kind {
    const char *key; /* which tells the kind of a line */
    enum status (*read)(struct import *, json_t *, struct err *);
    bool keeps_batch; /* photos before it may wait */
    bool lasting;     /* its strings are needed until the end */
};

/* "set" before "model", which a set's line has, too; so is "photo" alone. */
static const struct kind kinds[] = {
    {"photo", read_photo, true, false},
    {"set", read_set, false, true},
    {"failure", read_failure, true, false},
    {"decision", read_decision, true, false},
    {"saved_set", read_saved_set, false, false},
    {"place", read_place, false, false},
    {"end", read_end, false, false},
    {"model", read_model, false, true},
};

static enum status read_line(struct import *in, json_t *line, json_t *lasting, struct err *err)
{
    if (!json_is_object(line))
        return err_set(err, ERR_FORMAT, "a line is to be a JSON object");
    if (!in->begun)
        return read_head(in, line, err);
    if (in->ended)
        return err_set(err, ERR_FORMAT, "there is more behind the end");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!json_object_get(line, kinds[i].key))
            continue;
        if (json_array_append(kinds[i].lasting ? lasting : in->lines, line) != 0)
            return err_no_memory(err, "the import", 0);
        enum status status = OK;
        if (!kinds[i].keeps_batch) { /* which empties in->lines: the caller holds the line, too */
            status = flush_batch(in, err);
        }
        return status == OK ? kinds[i].read(in, line, err) : status;
    }
    return err_set(err, ERR_FORMAT, "a line of no known kind");
}

static enum status read_lines(struct import *in, const char *text, size_t size, struct err *err)
{
    json_t *lasting = json_array();
    in->lines = json_array();
    enum status status = lasting && in->lines ? OK : err_no_memory(err, "the import", 0);
    size_t number = 0;
    for (const char *p = text, *end = size ? text + size : text; status == OK && p < end;) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        size_t length = (size_t)((stop ? stop : end) - p);
        json_error_t why;
        json_t *line = NULL;
        number++;
        if (!stop || length > LINE_MAX_BYTES)
            status = err_set(err, ERR_FORMAT, "the line is not whole, or too long");
        else if (!(line = json_loadb(p, length, JSON_REJECT_DUPLICATES, &why)))
            status = err_set(err, ERR_FORMAT, "not JSON: %s", why.text);
        else
            status = read_line(in, line, lasting, err);
        json_decref(line);
        if (status == ERR_ARGUMENT) /* what the store does not take is wrong in the file */
            err->status = status = ERR_FORMAT;
        if (status != OK)
            err_prefix(err, "%s/%s, line %zu", in->dir, EXCHANGE_LINES, number);
        p += length + 1;
    }
    if (status == OK && !in->ended)
        status = err_set(err, ERR_FORMAT, "%s/%s has no end: the export was cut off", in->dir,
                         EXCHANGE_LINES);
    json_decref(in->lines);
    json_decref(lasting);
    return status;
}

enum status import_check(const char *dir, struct err *err)
{
    struct str path = str_new(PATH_BYTES);
    struct file_map map = {0};
    path_join(&path, dir, EXCHANGE_LINES);
    enum status status =
        str_ok(&path) ? OK : err_set(err, ERR_ARGUMENT, "the path of the export is too long");
    if (status == OK)
        status = file_map_open(&map, str_text(&path), err);
    file_map_close(&map);
    str_free(&path);
    return status == OK ? OK : err_prefix(err, "this is no export");
}

enum status import_run(struct store *store, const char *dir, struct exchange_report *report,
                       struct err *err)
{
    *report = (struct exchange_report){0};
    struct import *in = calloc(1, sizeof *in);
    struct str path = str_new(PATH_BYTES);
    struct file_map map = {0};
    if (!in)
        return err_no_memory(err, "the import", sizeof *in);
    in->store = store;
    in->dir = dir;
    in->report = report;
    path_join(&path, dir, EXCHANGE_LINES);
    enum status status =
        str_ok(&path) ? OK : err_set(err, ERR_ARGUMENT, "the path of the export is too long");
    if (status == OK)
        status = file_map_open(&map, str_text(&path), err);
    if (status == OK)
        status = store_index_lock(store, err);
    if (status == OK) {
        status = read_lines(in, (const char *)map.data, map.size, err);
        store_index_unlock(store);
    }
    file_map_close(&map);
    for (size_t i = 0; i < in->model_count; i++)
        npy16_close(&in->models[i].vectors);
    for (size_t i = 0; i < in->set_count; i++) {
        free(in->sets[i].labels);
        free(in->sets[i].hashes);
    }
    report->models = (int64_t)in->model_count;
    keep_free(&in->lasting);
    keep_free(&in->batch);
    free(in->results);
    free(in->vectors);
    free(in->decisions);
    free(in);
    str_free(&path);
    return status;
}
