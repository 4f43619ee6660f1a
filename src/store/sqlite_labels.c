/* SPDX-License-Identifier: MIT
 *
 * The result of the last classification with a model: the set as the user gave it, its names in
 * order, and a label per photo. A new one takes the place of the old in one transaction.
 *
 * Between loading the matrix and storing the labels another process may have removed photos; their
 * labels are left out without a word, as there is nothing left that they could describe.
 */
#include "base/clock.h"
#include "store/sqlite.h"

#include <stdlib.h>
#include <string.h>

/* --- replacing ---------------------------------------------------------------------------- */

static enum status drop_old(struct sqlite_store *s, int64_t model_id, struct err *err)
{
    struct sql q = sql_start(s, SQL_LABELS_DROP, "DELETE FROM labels WHERE model_id = ?");
    sql_int(&q, model_id);
    enum status status = sql_run(&q, err);
    if (status != OK)
        return status;
    q = sql_start(s, SQL_CATEGORIES_DROP, "DELETE FROM categories WHERE model_id = ?");
    sql_int(&q, model_id);
    return sql_run(&q, err);
}

static enum status put_set(struct sqlite_store *s, int64_t model_id, const char *set_json,
                           const char *const *names, size_t name_count, struct err *err)
{
    struct sql q =
        sql_start(s, SQL_SET_PUT,
                  "INSERT INTO classifications (model_id, set_json, made_at) VALUES (?, ?, ?)"
                  " ON CONFLICT (model_id) DO UPDATE SET set_json = excluded.set_json,"
                  "  made_at = excluded.made_at");
    sql_int(&q, model_id);
    sql_text(&q, set_json);
    sql_int(&q, clock_unix());
    enum status status = sql_run(&q, err);
    for (size_t i = 0; status == OK && i < name_count; i++) {
        q = sql_start(s, SQL_CATEGORY_ADD,
                      "INSERT INTO categories (model_id, position, name) VALUES (?, ?, ?)");
        sql_int(&q, model_id);
        sql_int(&q, (int64_t)i);
        sql_text(&q, names[i]);
        status = sql_run(&q, err);
    }
    return status;
}

static enum status put_label(struct sqlite_store *s, int64_t model_id,
                             const struct store_label *label, int position, size_t name_count,
                             struct err *err)
{
    struct sql q = sql_start(s, SQL_LABEL_ADD,
                             "INSERT INTO labels (model_id, position, confidence, margin,"
                             "  uncertain, probabilities, photo_id)"
                             " SELECT ?, ?, ?, ?, ?, ?, id FROM photos WHERE id = ?");
    sql_int(&q, model_id);
    if (position >= 0)
        sql_int(&q, position);
    else
        sql_null(&q);
    sql_real(&q, label->confidence);
    sql_real(&q, label->margin);
    sql_int(&q, label->uncertain);
    sql_blob(&q, label->probabilities, name_count * sizeof *label->probabilities);
    sql_int(&q, label->photo_id);
    return sql_run(&q, err);
}

enum status sqlite_labels_replace(struct store *store, int64_t model_id, const char *set_json,
                                  const char *const *names, size_t name_count,
                                  const struct store_label *labels, const int *positions,
                                  size_t count, struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    int dim;
    enum status status = sql_begin_write(s, err);
    if (status != OK)
        return status;
    status = sqlite_model_dim(s, model_id, &dim, err);
    if (status == OK)
        status = drop_old(s, model_id, err);
    if (status == OK)
        status = put_set(s, model_id, set_json, names, name_count, err);
    for (size_t i = 0; status == OK && i < count; i++)
        status = put_label(s, model_id, &labels[i], positions[i], name_count, err);
    return sql_finish(s, status, err);
}

/* --- loading ------------------------------------------------------------------------------ */

struct photo_row {
    int64_t photo_id;
    size_t row;
};

struct names {
    struct str bytes; /* each with its NUL */
    size_t *offsets;  /* [count] into bytes */
    size_t count;
};

static int compare_photos(const void *a, const void *b)
{
    int64_t x = ((const struct photo_row *)a)->photo_id,
            y = ((const struct photo_row *)b)->photo_id;
    return (x > y) - (x < y);
}

static enum status append_name(struct names *names, const struct sql *q, struct err *err)
{
    size_t *grown = realloc(names->offsets, (names->count + 1) * sizeof *grown);
    if (!grown)
        return err_no_memory(err, "the categories", (names->count + 1) * sizeof *grown);
    names->offsets = grown;
    grown[names->count++] = names->bytes.size;
    const unsigned char *name = sqlite3_column_text(q->stmt, 0);
    str_put(&names->bytes, name ? (const char *)name : "");
    str_append(&names->bytes, "", 1);
    return str_ok(&names->bytes) ? OK : err_no_memory(err, "the categories", names->bytes.size);
}

/* Positions are 0, 1, 2…: put_set() makes no other. */
static enum status load_names(struct sqlite_store *s, int64_t model_id, struct names *names,
                              struct err *err)
{
    struct sql q = sql_start(s, SQL_CATEGORY_LIST,
                             "SELECT name FROM categories WHERE model_id = ? ORDER BY position");
    sql_int(&q, model_id);
    bool row;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row) {
        status = append_name(names, &q, err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    return status;
}

static enum status take_label(const struct sqlite_store *s, const struct sql *q,
                              const struct names *names, size_t row, struct store_labels *out,
                              struct err *err)
{
    out->confidences[row] = sqlite3_column_double(q->stmt, 2);
    if (sqlite3_column_type(q->stmt, 1) == SQLITE_NULL)
        return OK;
    int64_t position = sqlite3_column_int64(q->stmt, 1);
    if (position < 0 || (size_t)position >= names->count)
        return sql_damaged(s, "a label names no category", err);
    out->categories[row] = names->bytes.data + names->offsets[position];
    return OK;
}

/* index: [count] photos of the matrix by id. Several rows may have the same photo only in a matrix
 * that no store has made; one of them gets the label. */
static enum status load_labels(struct sqlite_store *s, int64_t model_id, const struct names *names,
                               const struct photo_row *index, size_t count,
                               struct store_labels *out, struct err *err)
{
    struct sql q = sql_start(s, SQL_LABEL_LIST,
                             "SELECT photo_id, position, confidence FROM labels"
                             " WHERE model_id = ?");
    sql_int(&q, model_id);
    bool row;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row) {
        struct photo_row key = {.photo_id = sqlite3_column_int64(q.stmt, 0)};
        const struct photo_row *found = bsearch(&key, index, count, sizeof key, compare_photos);
        if (found)
            status = take_label(s, &q, names, found->row, out, err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    return status;
}

enum status sqlite_labels_load(struct store *store, int64_t model_id,
                               const struct store_matrix *matrix, struct store_labels *out,
                               struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    struct names names = {.bytes = str_new(SIZE_MAX / 4)};
    size_t count = matrix->count;
    struct photo_row *index = malloc((count ? count : 1) * sizeof *index);
    out->categories = calloc(count ? count : 1, sizeof *out->categories);
    out->confidences = calloc(count ? count : 1, sizeof *out->confidences);
    enum status status = OK;
    if (!index || !out->categories || !out->confidences)
        status = err_no_memory(err, "the labels", count * sizeof *index);
    else
        status = sql_begin_read(s, err);
    if (status != OK)
        goto out;
    for (size_t i = 0; i < count; i++)
        index[i] = (struct photo_row){matrix->photo_ids[i], i};
    qsort(index, count, sizeof *index, compare_photos);
    status = load_names(s, model_id, &names, err);
    if (status == OK)
        status = load_labels(s, model_id, &names, index, count, out, err);
    status = sql_finish(s, status, err);
    out->block = names.bytes.data; /* the categories point into it */
    names.bytes = str_new(0);
out:
    free(index);
    free(names.offsets);
    str_free(&names.bytes);
    return status;
}
