/* SPDX-License-Identifier: MIT
 *
 * One photo, whole: its paths with their sidecars, its metadata, its labels of every set. And the
 * ways to find one.
 */
#include "store/lists.h"
#include "store/photo_build.h"
#include "store/sqlite.h"

#include <stdlib.h>
#include <string.h>

static char *column_string(const struct sql *q, int column)
{
    const char *text = (const char *)sqlite3_column_text(q->stmt, column);
    return strdup(text ? text : "");
}

/* --- the photo itself --------------------------------------------------------------------- */

static enum status take_photo(const struct sql *q, struct store_photo *out, struct err *err)
{
    const void *hash = sqlite3_column_blob(q->stmt, 0);
    if (!hash || sqlite3_column_bytes(q->stmt, 0) != (int)sizeof out->hash.bytes)
        return sql_damaged(q->store, "a hash has the wrong size", err);
    memcpy(out->hash.bytes, hash, sizeof out->hash.bytes);
    out->width = sqlite3_column_int(q->stmt, 1);
    out->height = sqlite3_column_int(q->stmt, 2);
    const char *format = (const char *)sqlite3_column_text(q->stmt, 3);
    size_t length = format ? strnlen(format, sizeof out->format - 1) : 0;
    memcpy(out->format, format ? format : "", length);
    out->has_phash = sqlite3_column_type(q->stmt, 4) != SQLITE_NULL;
    out->phash = (uint64_t)sqlite3_column_int64(q->stmt, 4);
    out->has_meta = sqlite3_column_int(q->stmt, 5);
    sql_column_meta(q, 6, &out->embedded);
    out->meta = out->embedded;
    return OK;
}

static enum status load_photo(struct sqlite_store *s, struct store_photo *out, struct err *err)
{
    struct sql q = sql_start(s, SQL_PHOTO_ONE,
                             "SELECT hash, width, height, format, phash, has_meta, " META_COLUMNS
                             " FROM photos WHERE id = ?");
    sql_int(&q, out->id);
    bool found;
    enum status status = sql_row(&q, &found, err);
    if (found)
        status = take_photo(&q, out, err);
    sql_end(&q);
    return status;
}

/* --- its paths ---------------------------------------------------------------------------- */

enum {
    COL_PATH,
    COL_SIZE,
    COL_MTIME,
    COL_SIDECAR,
    COL_SIDECAR_SIZE,
    COL_SIDECAR_MTIME,
    COL_HAS_META,
    COL_META
};

static enum status take_path(const struct sql *q, struct store_photo *out, struct photo_meta *meta,
                             struct err *err)
{
    photo_meta_clear(meta);
    sql_column_meta(q, COL_META, meta);
    const struct photo_path_row row = {
        .path = sqlite3_column_blob(q->stmt, COL_PATH),
        .path_size = (size_t)sqlite3_column_bytes(q->stmt, COL_PATH),
        .size_bytes = sqlite3_column_int64(q->stmt, COL_SIZE),
        .mtime_ns = sqlite3_column_int64(q->stmt, COL_MTIME),
        .sidecar = sqlite3_column_blob(q->stmt, COL_SIDECAR),
        .sidecar_size = (size_t)sqlite3_column_bytes(q->stmt, COL_SIDECAR),
        .sidecar_size_bytes = sqlite3_column_int64(q->stmt, COL_SIDECAR_SIZE),
        .sidecar_mtime_ns = sqlite3_column_int64(q->stmt, COL_SIDECAR_MTIME),
        .meta = sqlite3_column_int(q->stmt, COL_HAS_META) ? meta : NULL,
    };
    return photo_add_path(out, &row, err);
}

static enum status load_paths(struct sqlite_store *s, struct store_photo *out, struct err *err)
{
    struct sql q = sql_start(s, SQL_PHOTO_PATHS,
                             "SELECT files.path, files.size_bytes, files.mtime_ns, sidecar,"
                             "  sidecars.size_bytes, sidecars.mtime_ns, has_meta, " META_COLUMNS
                             " FROM files LEFT JOIN sidecars ON sidecars.path = files.path"
                             " WHERE photo_id = ? ORDER BY files.path");
    sql_int(&q, out->id);
    bool row = false;
    struct photo_meta *meta = malloc(sizeof *meta);
    enum status status =
        meta ? sql_row(&q, &row, err) : err_no_memory(err, "a sidecar's metadata", sizeof *meta);
    while (status == OK && row) {
        status = take_path(&q, out, meta, err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    free(meta);
    return status;
}

/* --- its labels --------------------------------------------------------------------------- */

static enum status category_name(struct sqlite_store *s, int64_t set_id, int64_t position,
                                 char **name, struct err *err)
{
    struct sql q = sql_start(s, SQL_SET_CATEGORY,
                             "SELECT name FROM categories WHERE set_id = ? AND position = ?");
    sql_int(&q, set_id);
    sql_int(&q, position);
    bool found;
    enum status status = sql_row(&q, &found, err);
    if (status == OK && !found)
        status = sql_damaged(s, "a label names no category", err);
    if (status == OK && !(*name = column_string(&q, 0)))
        status = err_no_memory(err, "a category", 0);
    sql_end(&q);
    return status;
}

static enum status take_also(const struct sql *q, struct store_photo_label *label, int64_t set_id,
                             struct err *err)
{
    const void *also = sqlite3_column_blob(q->stmt, 7);
    size_t count = also ? (size_t)sqlite3_column_bytes(q->stmt, 7) / sizeof(int32_t) : 0;
    label->also = calloc(count ? count : 1, sizeof *label->also);
    if (!label->also)
        return err_no_memory(err, "a photo's labels", count * sizeof *label->also);
    enum status status = OK;
    while (status == OK && label->also_count < count) {
        int32_t position;
        memcpy(&position, (const uint8_t *)also + label->also_count * sizeof position,
               sizeof position);
        status = category_name(q->store, set_id, position, &label->also[label->also_count], err);
        label->also_count += status == OK;
    }
    return status;
}

static enum status take_label(const struct sql *q, struct store_photo *out, struct err *err)
{
    const struct photo_label_row row = {
        .model_id = sqlite3_column_int64(q->stmt, 1),
        .set = (const char *)sqlite3_column_text(q->stmt, 2),
        .confidence = sqlite3_column_double(q->stmt, 4),
        .margin = sqlite3_column_double(q->stmt, 5),
        .uncertain = sqlite3_column_int(q->stmt, 6),
        .probabilities = sqlite3_column_blob(q->stmt, 8),
        .probabilities_size = (size_t)sqlite3_column_bytes(q->stmt, 8),
    };
    struct store_photo_label *label;
    int64_t set_id = sqlite3_column_int64(q->stmt, 0);
    enum status status = photo_add_label(out, &row, &label, err);
    if (status != OK)
        return status;
    if (sqlite3_column_type(q->stmt, 3) != SQLITE_NULL)
        status = category_name(q->store, set_id, sqlite3_column_int64(q->stmt, 3), &label->category,
                               err);
    return status == OK ? take_also(q, label, set_id, err) : status;
}

static enum status load_labels(struct sqlite_store *s, struct store_photo *out, struct err *err)
{
    struct sql q = sql_start(s, SQL_PHOTO_LABELS,
                             "SELECT set_id, model_id, name, position, confidence, margin,"
                             "  uncertain, also, probabilities"
                             " FROM labels INDEXED BY labels_by_photo"
                             "  JOIN label_sets ON label_sets.id = set_id"
                             " WHERE photo_id = ? ORDER BY model_id, set_id DESC");
    sql_int(&q, out->id);
    bool row;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row) {
        status = take_label(&q, out, err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    return status;
}

enum status sqlite_photo_load(struct store *store, int64_t photo_id, struct store_photo *out,
                              struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    out->id = photo_id;
    enum status status = sql_begin_read(s, err);
    if (status != OK)
        return status;
    status = load_photo(s, out, err);
    if (status == OK)
        status = load_paths(s, out, err);
    if (status == OK)
        photo_overlay_sidecar(out);
    if (status == OK && out->path_count > 0)
        status = load_labels(s, out, err);
    return sql_finish(s, status, err);
}

/* --- finding ------------------------------------------------------------------------------ */

static enum status first_id(struct sql *q, int64_t *photo_id, struct err *err)
{
    bool found;
    enum status status = sql_row(q, &found, err);
    *photo_id = found ? sqlite3_column_int64(q->stmt, 0) : 0;
    sql_end(q);
    return status;
}

enum status sqlite_photo_find(struct store *store, const char *path, int64_t *photo_id,
                              struct err *err)
{
    struct sql q =
        sql_start(sqlite_store(store), SQL_PHOTO_AT, "SELECT photo_id FROM files WHERE path = ?");
    sql_path(&q, path);
    return first_id(&q, photo_id, err);
}

enum status sqlite_photo_find_hash(struct store *store, const struct photo_hash *hash,
                                   int64_t *photo_id, struct err *err)
{
    struct sql q = sql_start(sqlite_store(store), SQL_PHOTO_WITH_HASH,
                             "SELECT id FROM photos WHERE hash = ?"
                             " AND EXISTS (SELECT 1 FROM files WHERE files.photo_id = photos.id)");
    sql_blob(&q, hash->bytes, sizeof hash->bytes);
    return first_id(&q, photo_id, err);
}

enum status sqlite_photo_ids(struct store *store, int64_t **ids, size_t *count, struct err *err)
{
    struct sql q = sql_start(sqlite_store(store), SQL_PHOTO_IDS,
                             "SELECT DISTINCT photo_id FROM files INDEXED BY files_by_photo"
                             " WHERE photo_id IS NOT NULL ORDER BY photo_id");
    bool row;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row) {
        int64_t *grown = room_for(*ids, *count, sizeof *grown);
        if (!grown) {
            status = err_no_memory(err, "the library's photos", *count * sizeof *grown);
            break;
        }
        *ids = grown;
        grown[(*count)++] = sqlite3_column_int64(q.stmt, 0);
        status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    return status;
}
