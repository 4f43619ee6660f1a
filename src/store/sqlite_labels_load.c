/* SPDX-License-Identifier: MIT
 *
 * A set's labels in the order of a matrix's rows (labels_build.c).
 */
#include "store/labels_build.h"
#include "store/sqlite.h"

/* *set_id stays 0 if the model has no set at all and none was named. */
static enum status find_set(struct sqlite_store *s, struct labels_build *labels, int64_t model_id,
                            const char *set, int64_t *set_id, struct err *err)
{
    struct sql q = sql_start(s, SQL_SET_FIND,
                             "SELECT id, name FROM label_sets"
                             " WHERE model_id = ?1 AND name = coalesce(?2, name)"
                             " ORDER BY id DESC LIMIT 1");
    sql_int(&q, model_id);
    sql_text(&q, set);
    bool found;
    enum status status = sql_row(&q, &found, err);
    *set_id = found ? sqlite3_column_int64(q.stmt, 0) : 0;
    if (found)
        status = labels_set(labels, (const char *)sqlite3_column_text(q.stmt, 1), err);
    else if (status == OK && set)
        status = err_set(err, ERR_NOT_FOUND,
                         "the library %s has no labels of a set \"%s\": \"fovea classify\" makes "
                         "them",
                         s->path, set);
    sql_end(&q);
    return status;
}

/* Positions are 0, 1, 2…: put_set() makes no other. */
static enum status load_names(struct sqlite_store *s, struct labels_build *labels, int64_t set_id,
                              struct err *err)
{
    struct sql q = sql_start(s, SQL_CATEGORY_LIST,
                             "SELECT name FROM categories WHERE set_id = ? ORDER BY position");
    sql_int(&q, set_id);
    bool row;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row) {
        labels_category(labels, (const char *)sqlite3_column_text(q.stmt, 0));
        status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    return status == OK ? labels_categories_end(labels, err) : status;
}

static enum status load_rows(struct sqlite_store *s, struct labels_build *labels, int64_t set_id,
                             struct err *err)
{
    struct sql q = sql_start(s, SQL_LABEL_LIST,
                             "SELECT photo_id, position, confidence, margin, uncertain, also"
                             " FROM labels WHERE set_id = ? ORDER BY photo_id");
    sql_int(&q, set_id);
    bool row;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row) {
        const struct label_row label = {
            .photo_id = sqlite3_column_int64(q.stmt, 0),
            .position = sqlite3_column_int64(q.stmt, 1),
            .named = sqlite3_column_type(q.stmt, 1) != SQLITE_NULL,
            .confidence = sqlite3_column_double(q.stmt, 2),
            .margin = sqlite3_column_double(q.stmt, 3),
            .uncertain = sqlite3_column_int(q.stmt, 4),
            .also = sqlite3_column_blob(q.stmt, 5),
            .also_size = (size_t)sqlite3_column_bytes(q.stmt, 5),
        };
        status = labels_row(labels, &label, err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    return status;
}

enum status sqlite_labels_load(struct store *store, int64_t model_id, const char *set,
                               const struct store_matrix *matrix, struct store_labels *out,
                               struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    struct labels_build labels;
    int64_t set_id;
    enum status status = labels_open(&labels, store, matrix, out, err);
    if (status == OK)
        status = sql_begin_read(s, err);
    if (status == OK) {
        status = find_set(s, &labels, model_id, set, &set_id, err);
        if (status == OK)
            status = load_names(s, &labels, set_id, err);
        if (status == OK)
            status = load_rows(s, &labels, set_id, err);
        status = sql_finish(s, status, err);
    }
    if (status == OK)
        status = labels_finish(&labels, err);
    labels_close(&labels);
    return status;
}
