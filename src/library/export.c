/* SPDX-License-Identifier: MIT
 *
 * Writing an export. The library is held for reading meanwhile, so that vectors, photos and labels
 * are of one moment. Vectors go out first, each model's as one array in the order of its matrix; a
 * photo's line then says in which row of which array its vectors are.
 */
#include "library/exchange.h"

#include "library/npy16.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_LIMIT (1 << 16)

struct photo_row {
    int64_t photo_id;
    size_t row;
};

struct exported_model {
    struct photo_row *rows; /* [count] by photo id */
    size_t count;
};

struct export
{
    struct store *store;
    const char *dir;
    FILE *lines;
    struct store_model *models;
    struct exported_model *exported; /* [model_count] */
    size_t model_count;
    struct exchange_report *report;
};

/* --- values ------------------------------------------------------------------------------- */

/* Bytes that are no UTF-8 (paths) become {"hex": "…"}. NULL becomes null. */
static json_t *json_bytes(const char *text)
{
    if (!text)
        return json_null();
    json_t *json = json_string(text);
    if (json)
        return json;
    size_t size = strlen(text);
    char *hex = malloc(2 * size + 1);
    if (!hex)
        return NULL;
    for (size_t i = 0; i < size; i++)
        snprintf(hex + 2 * i, 3, "%02x", (unsigned char)text[i]);
    json = json_pack("{s:s}", "hex", hex);
    free(hex);
    return json;
}

static json_t *json_hash(const struct photo_hash *hash)
{
    char hex[33];
    for (size_t i = 0; i < sizeof hash->bytes; i++)
        snprintf(hex + 2 * i, 3, "%02x", hash->bytes[i]);
    return json_string(hex);
}

static void set_real(json_t *json, const char *key, double value, bool told)
{
    if (told && isfinite(value))
        json_object_set_new(json, key, json_real(value));
}

static void set_int(json_t *json, const char *key, int64_t value, bool told)
{
    if (told)
        json_object_set_new(json, key, json_integer(value));
}

static json_t *json_keywords(const char *keywords)
{
    json_t *list = json_array();
    for (const char *p = keywords; *p;) {
        size_t size = strcspn(p, "\n");
        json_array_append_new(list, json_stringn(p, size));
        p += size + (p[size] == '\n');
    }
    return list;
}

/* Only what is told. */
static json_t *json_meta(const struct photo_meta *m)
{
    json_t *json = json_object();
    set_int(json, "taken_ms", m->taken_ms, m->taken_ms != PHOTO_NO_TIME);
    set_int(json, "offset_min", m->offset_min, m->offset_min != PHOTO_NO_OFFSET);
    if (m->camera[0])
        json_object_set_new(json, "camera", json_bytes(m->camera));
    if (m->lens[0])
        json_object_set_new(json, "lens", json_bytes(m->lens));
    set_real(json, "exposure_s", m->exposure_s, m->exposure_s > 0);
    set_real(json, "f_number", m->f_number, m->f_number > 0);
    set_real(json, "focal_mm", m->focal_mm, m->focal_mm > 0);
    set_real(json, "focal35_mm", m->focal35_mm, m->focal35_mm > 0);
    set_int(json, "iso", m->iso, m->iso > 0);
    set_real(json, "latitude", m->latitude, true);
    set_real(json, "longitude", m->longitude, true);
    set_real(json, "altitude_m", m->altitude_m, true);
    set_int(json, "rating", m->rating, m->rating != PHOTO_NO_RATING);
    if (m->keywords[0])
        json_object_set_new(json, "keywords", json_keywords(m->keywords));
    return json;
}

/* One line; takes the reference. */
static enum status write_line(struct export *e, json_t *json, struct err *err)
{
    if (!json)
        return err_no_memory(err, "a line of the export", 0);
    int failed = json_dumpf(json, e->lines, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(json);
    if (failed || putc('\n', e->lines) == EOF)
        return err_errno(err, errno ? errno : EIO, "cannot write %s/%s", e->dir, EXCHANGE_LINES);
    return OK;
}

/* --- models and sets ---------------------------------------------------------------------- */

static int compare_rows(const void *a, const void *b)
{
    int64_t x = ((const struct photo_row *)a)->photo_id,
            y = ((const struct photo_row *)b)->photo_id;
    return (x > y) - (x < y);
}

static enum status export_vectors(struct export *e, size_t i, struct err *err)
{
    struct store_matrix m;
    struct str path = str_new(PATH_LIMIT);
    enum status status = store_matrix_load(e->store, e->models[i].id, &m, err);
    if (status != OK)
        return status;
    struct exported_model *out = &e->exported[i];
    out->count = m.count;
    out->rows = malloc((m.count ? m.count : 1) * sizeof *out->rows);
    str_format(&path, "%s/vectors-%zu.npy", e->dir, i + 1);
    if (!out->rows || !str_ok(&path))
        status = err_no_memory(err, "the rows of the vectors", m.count * sizeof *out->rows);
    for (size_t r = 0; status == OK && r < m.count; r++)
        out->rows[r] = (struct photo_row){m.photo_ids[r], r};
    if (status == OK) {
        qsort(out->rows, out->count, sizeof *out->rows, compare_rows);
        status = npy16_write(str_text(&path), m.vectors, m.count, (size_t)m.dim, err);
    }
    e->report->vectors += (int64_t)m.count;
    store_matrix_free(&m);
    str_free(&path);
    return status;
}

static enum status export_sets(struct export *e, size_t i, struct err *err)
{
    struct store_label_set *sets;
    size_t count;
    enum status status = store_label_sets(e->store, e->models[i].id, &sets, &count, err);
    for (size_t s = count; status == OK && s-- > 0;) { /* the one written last comes last */
        json_t *names = json_array();
        for (size_t c = 0; c < sets[s].category_count; c++)
            json_array_append_new(names, json_bytes(sets[s].categories[c]));
        status =
            write_line(e,
                       json_pack("{s:o, s:I, s:o, s:o, s:I}", "set", json_bytes(sets[s].name),
                                 "model", (json_int_t)i + 1, "categories", names, "json",
                                 json_bytes(sets[s].json), "made_at", (json_int_t)sets[s].made_at),
                       err);
    }
    store_label_sets_free(sets, count);
    return status;
}

/* In the order of their numbers, which is that of their first use. */
static int compare_models(const void *a, const void *b)
{
    int64_t x = ((const struct store_model *)a)->id, y = ((const struct store_model *)b)->id;
    return (x > y) - (x < y);
}

static enum status export_models(struct export *e, struct err *err)
{
    enum status status = store_models(e->store, &e->models, &e->model_count, err);
    if (status != OK)
        return status;
    if (e->model_count > 0)
        qsort(e->models, e->model_count, sizeof *e->models, compare_models);
    e->exported = calloc(e->model_count + 1, sizeof *e->exported);
    if (!e->exported)
        return err_no_memory(err, "the models", e->model_count * sizeof *e->exported);
    for (size_t i = 0; status == OK && i < e->model_count; i++) {
        const struct store_model *m = &e->models[i];
        char file[48];
        snprintf(file, sizeof file, "vectors-%zu.npy", i + 1);
        status = export_vectors(e, i, err);
        if (status == OK)
            status =
                write_line(e,
                           json_pack("{s:I, s:o, s:o, s:i, s:b, s:s, s:I}", "model",
                                     (json_int_t)i + 1, "name", json_bytes(m->name), "fingerprint",
                                     json_bytes(m->fingerprint), "dim", m->dim, "active", m->active,
                                     "vectors", file, "count", (json_int_t)e->exported[i].count),
                           err);
        if (status == OK)
            status = export_sets(e, i, err);
    }
    e->report->models = (int64_t)e->model_count;
    return status;
}

/* --- photos ------------------------------------------------------------------------------- */

static json_t *json_path(const struct store_photo_path *p)
{
    json_t *json = json_object();
    json_object_set_new(json, "path", json_bytes(p->path));
    json_object_set_new(json, "size", json_integer(p->size_bytes));
    json_object_set_new(json, "mtime_ns", json_integer(p->mtime_ns));
    if (p->sidecar) {
        json_t *sidecar = json_object();
        json_object_set_new(sidecar, "path", json_bytes(p->sidecar));
        json_object_set_new(sidecar, "size", json_integer(p->sidecar_size_bytes));
        json_object_set_new(sidecar, "mtime_ns", json_integer(p->sidecar_mtime_ns));
        if (p->sidecar_meta)
            json_object_set_new(sidecar, "meta", json_meta(p->sidecar_meta));
        json_object_set_new(json, "sidecar", sidecar);
    }
    return json;
}

static size_t model_number(const struct export *e, int64_t id)
{
    size_t i = 0;
    while (i < e->model_count && e->models[i].id != id)
        i++;
    return i + 1;
}

static json_t *json_label(const struct export *e, const struct store_photo_label *l)
{
    json_t *also = json_array(), *probabilities = json_array();
    for (size_t i = 0; i < l->also_count; i++)
        json_array_append_new(also, json_bytes(l->also[i]));
    for (size_t i = 0; i < l->category_count; i++)
        json_array_append_new(probabilities, isfinite(l->probabilities[i])
                                                 ? json_real((double)l->probabilities[i])
                                                 : json_null());
    return json_pack("{s:I, s:o, s:o, s:o, s:f, s:f, s:b, s:o}", "model",
                     (json_int_t)model_number(e, l->model_id), "set", json_bytes(l->set),
                     "category", json_bytes(l->category), "also", also, "confidence", l->confidence,
                     "margin", l->margin, "uncertain", l->uncertain, "probabilities",
                     probabilities);
}

/* [[model, row], …] */
static json_t *json_vectors(const struct export *e, int64_t photo_id)
{
    json_t *list = json_array();
    for (size_t i = 0; i < e->model_count; i++) {
        struct photo_row key = {.photo_id = photo_id};
        const struct photo_row *found =
            bsearch(&key, e->exported[i].rows, e->exported[i].count, sizeof key, compare_rows);
        if (found)
            json_array_append_new(list,
                                  json_pack("[I, I]", (json_int_t)i + 1, (json_int_t)found->row));
    }
    return list;
}

static json_t *json_photo(const struct export *e, const struct store_photo *photo)
{
    json_t *json = json_object(), *paths = json_array(), *labels = json_array();
    json_object_set_new(json, "photo", json_hash(&photo->hash));
    json_object_set_new(json, "width", json_integer(photo->width));
    json_object_set_new(json, "height", json_integer(photo->height));
    json_object_set_new(json, "format", json_bytes(photo->format));
    if (photo->has_phash) {
        char hex[17];
        snprintf(hex, sizeof hex, "%016llx", (unsigned long long)photo->phash);
        json_object_set_new(json, "phash", json_string(hex));
    }
    if (photo->has_meta)
        json_object_set_new(json, "meta", json_meta(&photo->embedded));
    for (size_t i = 0; i < photo->path_count; i++)
        json_array_append_new(paths, json_path(&photo->paths[i]));
    for (size_t i = 0; i < photo->label_count; i++)
        json_array_append_new(labels, json_label(e, &photo->labels[i]));
    json_object_set_new(json, "paths", paths);
    json_object_set_new(json, "vectors", json_vectors(e, photo->id));
    json_object_set_new(json, "labels", labels);
    return json;
}

static enum status export_photos(struct export *e, struct err *err)
{
    int64_t *ids;
    size_t count;
    enum status status = store_photo_ids(e->store, &ids, &count, err);
    for (size_t i = 0; status == OK && i < count; i++) {
        struct store_photo photo;
        status = store_photo_load(e->store, ids[i], &photo, err);
        if (status != OK)
            break;
        e->report->photos++;
        e->report->files += (int64_t)photo.path_count;
        e->report->labels += (int64_t)photo.label_count;
        status = write_line(e, json_photo(e, &photo), err);
        store_photo_free(&photo);
    }
    free(ids);
    return status;
}

/* --- the rest ----------------------------------------------------------------------------- */

static enum status export_failures(struct export *e, struct err *err)
{
    struct store_failure *failures;
    size_t count;
    enum status status = store_failures(e->store, &failures, &count, err);
    for (size_t i = 0; status == OK && i < count; i++) {
        json_t *json = json_object();
        json_object_set_new(json, "failure", json_bytes(failures[i].path));
        json_object_set_new(json, "reason", json_bytes(failures[i].reason));
        json_object_set_new(json, "size", json_integer(failures[i].size_bytes));
        json_object_set_new(json, "transient", json_boolean(failures[i].transient));
        set_int(json, "mtime_ns", failures[i].mtime_ns, !failures[i].transient);
        status = write_line(e, json, err);
    }
    e->report->failures = (int64_t)count;
    free(failures);
    return status;
}

static enum status export_saved_sets(struct export *e, struct err *err)
{
    struct store_saved_set *sets;
    size_t count;
    enum status status = store_saved_sets(e->store, &sets, &count, err);
    for (size_t i = 0; status == OK && i < count; i++)
        status = write_line(
            e, json_pack("{s:s, s:s}", "saved_set", sets[i].name, "json", sets[i].json), err);
    store_saved_sets_free(sets, count);
    return status;
}

static enum status export_decisions(struct export *e, struct err *err)
{
    struct store_decision *decisions;
    size_t count;
    enum status status = store_decisions(e->store, &decisions, &count, err);
    for (size_t i = 0; status == OK && i < count; i++) {
        const struct store_decision *d = &decisions[i];
        status = write_line(
            e,
            json_pack("{s:s, s:o, s:o, s:I}", "decision",
                      d->decision == DECISION_DUPLICATE ? "duplicate" : "not duplicate", "a",
                      json_hash(&d->a), "b", json_hash(&d->b), "made_at", (json_int_t)d->made_at),
            err);
    }
    e->report->decisions = (int64_t)count;
    free(decisions);
    return status;
}

static enum status export_places(struct export *e, struct err *err)
{
    struct store_place *places;
    size_t count;
    enum status status = store_places(e->store, &places, &count, err);
    for (size_t i = 0; status == OK && i < count; i++)
        status = write_line(e,
                            json_pack("{s:o, s:s}", "place", json_bytes(places[i].path), "kind",
                                      places[i].kind == STORE_ROOT ? "root" : "mount"),
                            err);
    free(places);
    return status;
}

static enum status export_lines(struct export *e, struct err *err)
{
    enum status status = write_line(e,
                                    json_pack("{s:s, s:i, s:s}", "fovea", "library", "format",
                                              EXCHANGE_FORMAT, "version", FOVEA_VERSION),
                                    err);
    if (status == OK)
        status = export_models(e, err);
    if (status == OK)
        status = export_photos(e, err);
    if (status == OK)
        status = export_failures(e, err);
    if (status == OK)
        status = export_saved_sets(e, err);
    if (status == OK)
        status = export_decisions(e, err);
    if (status == OK)
        status = export_places(e, err);
    if (status == OK)
        status = write_line(e,
                            json_pack("{s:s, s:I, s:I, s:I}", "end", "library", "photos",
                                      (json_int_t)e->report->photos, "failures",
                                      (json_int_t)e->report->failures, "decisions",
                                      (json_int_t)e->report->decisions),
                            err);
    return status;
}

/* --- the folder --------------------------------------------------------------------------- */

static bool ours(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
           strncmp(name, EXCHANGE_LINES, strlen(EXCHANGE_LINES)) == 0 ||
           strncmp(name, "vectors-", 8) == 0;
}

static enum status check_folder(const char *dir, struct err *err)
{
    DIR *stream = opendir(dir);
    if (!stream)
        return err_errno(err, errno, "cannot open %s", dir);
    enum status status = OK;
    for (struct dirent *entry; status == OK && (entry = readdir(stream));)
        if (!ours(entry->d_name))
            status = err_set(err, ERR_ARGUMENT,
                             "%s has other files in it (%s): choose an empty folder, or a new one",
                             dir, entry->d_name);
    closedir(stream);
    return status;
}

static enum status close_lines(struct export *e, const char *part, const char *path,
                               enum status status, struct err *err)
{
    if (status == OK && (fflush(e->lines) != 0 || fsync(fileno(e->lines)) != 0))
        status = err_errno(err, errno, "cannot write %s", path);
    if (fclose(e->lines) != 0 && status == OK)
        status = err_errno(err, errno, "cannot write %s", path);
    if (status == OK && rename(part, path) != 0)
        status = err_errno(err, errno, "cannot write %s", path);
    if (status != OK)
        unlink(part);
    return status;
}

static enum status export_held(struct export *e, struct err *err)
{
    struct str path = str_new(PATH_LIMIT), part = path;
    path_join(&path, e->dir, EXCHANGE_LINES);
    str_format(&part, "%s.part", str_text(&path));
    enum status status = OK;
    if (!str_ok(&path) || !str_ok(&part))
        status = err_no_memory(err, "a path", path.size);
    if (status == OK) {
        unlink(str_text(&path)); /* an older export is none once its vectors are overwritten */
        e->lines = fopen(str_text(&part), "wxe");
        if (!e->lines && errno == EEXIST) { /* of one that was killed */
            unlink(str_text(&part));
            e->lines = fopen(str_text(&part), "wxe");
        }
        if (!e->lines)
            status = err_errno(err, errno, "cannot write %s", str_text(&part));
    }
    if (e->lines) {
        status = export_lines(e, err);
        status = close_lines(e, str_text(&part), str_text(&path), status, err);
    }
    str_free(&path);
    str_free(&part);
    return status;
}

enum status export_run(struct store *store, const char *dir, struct exchange_report *report,
                       struct err *err)
{
    *report = (struct exchange_report){0};
    struct export e = {.store = store, .dir = dir, .report = report};
    enum status status = dir_make(dir, err);
    if (status == OK)
        status = check_folder(dir, err);
    if (status == OK)
        status = store_read_begin(store, err);
    if (status != OK)
        return status;
    status = export_held(&e, err);
    store_read_end(store);
    for (size_t i = 0; e.exported && i < e.model_count; i++)
        free(e.exported[i].rows);
    free(e.exported);
    free(e.models);
    return status;
}
