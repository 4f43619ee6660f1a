/* SPDX-License-Identifier: MIT
 *
 * Sets of categories with their labels, as they are written, listed and dropped.
 *
 * A set that is written again is a new row: its old one goes, and takes names and labels along. So
 * the set written last is the one with the highest id.
 *
 * Between loading the matrix and storing the labels another process may have removed photos; their
 * labels are left out without a word, as there is nothing left that they could describe.
 */
#include "base/clock.h"
#include "store/lists.h"
#include "store/sqlite.h"

#include <stdlib.h>
#include <string.h>

/* --- replacing ---------------------------------------------------------------------------- */

static enum status drop_set(struct sqlite_store *s, int64_t model_id, const char *name,
                            struct err *err)
{
    struct sql q =
        sql_start(s, SQL_SET_DROP, "DELETE FROM label_sets WHERE model_id = ? AND name = ?");
    sql_int(&q, model_id);
    sql_text(&q, name);
    return sql_run(&q, err);
}

static enum status put_set(struct sqlite_store *s, int64_t model_id, const struct store_set *set,
                           int64_t *set_id, struct err *err)
{
    struct sql q = sql_start(s, SQL_SET_ADD,
                             "INSERT INTO label_sets (model_id, name, set_json, made_at)"
                             " VALUES (?, ?, ?, ?)");
    sql_int(&q, model_id);
    sql_text(&q, set->name);
    sql_text(&q, set->json);
    sql_int(&q, set->made_at ? set->made_at : clock_unix());
    enum status status = sql_run(&q, err);
    *set_id = sqlite3_last_insert_rowid(s->db);
    for (size_t i = 0; status == OK && i < set->category_count; i++) {
        q = sql_start(s, SQL_CATEGORY_ADD,
                      "INSERT INTO categories (set_id, position, name) VALUES (?, ?, ?)");
        sql_int(&q, *set_id);
        sql_int(&q, (int64_t)i);
        sql_text(&q, set->categories[i]);
        status = sql_run(&q, err);
    }
    return status;
}

static enum status put_label(struct sqlite_store *s, int64_t set_id,
                             const struct store_label *label, int position, size_t category_count,
                             struct err *err)
{
    _Static_assert(sizeof *label->also == sizeof(int32_t), "stored as int32");
    struct sql q = sql_start(s, SQL_LABEL_ADD,
                             "INSERT INTO labels (set_id, position, confidence, margin,"
                             "  uncertain, probabilities, also, photo_id)"
                             " SELECT ?, ?, ?, ?, ?, ?, ?, id FROM photos WHERE id = ?");
    sql_int(&q, set_id);
    if (position >= 0)
        sql_int(&q, position);
    else
        sql_null(&q);
    sql_real(&q, label->confidence);
    sql_real(&q, label->margin);
    sql_int(&q, label->uncertain);
    sql_blob(&q, label->probabilities, category_count * sizeof *label->probabilities);
    sql_blob(&q, label->also_count ? (const void *)label->also : "",
             label->also_count * sizeof *label->also);
    sql_int(&q, label->photo_id);
    return sql_run(&q, err);
}

enum status sqlite_labels_replace(struct store *store, int64_t model_id,
                                  const struct store_set *set, const struct store_label *labels,
                                  const int *positions, size_t count, struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    int dim;
    int64_t set_id = 0;
    enum status status = sql_begin_write(s, err);
    if (status != OK)
        return status;
    status = sqlite_model_dim(s, model_id, &dim, err);
    if (status == OK)
        status = drop_set(s, model_id, set->name, err);
    if (status == OK)
        status = put_set(s, model_id, set, &set_id, err);
    for (size_t i = 0; status == OK && i < count; i++)
        status = put_label(s, set_id, &labels[i], positions[i], set->category_count, err);
    return sql_finish(s, status, err);
}

/* The set as it was written, and that it has as many categories. */
static enum status find_set(struct sqlite_store *s, int64_t model_id, const struct store_set *set,
                            int64_t *set_id, struct err *err)
{
    struct sql q =
        sql_start(s, SQL_SET_SIZE,
                  "SELECT id, (SELECT count(*) FROM categories WHERE set_id = label_sets.id)"
                  " FROM label_sets WHERE model_id = ? AND name = ?");
    sql_int(&q, model_id);
    sql_text(&q, set->name);
    bool found;
    enum status status = sql_row(&q, &found, err);
    if (status == OK && !found)
        status =
            err_set(err, ERR_NOT_FOUND, "the library %s has no set \"%s\"", s->path, set->name);
    else if (status == OK && sqlite3_column_int64(q.stmt, 1) != (int64_t)set->category_count)
        status =
            err_set(err, ERR_ARGUMENT, "the set \"%s\" has other categories by now", set->name);
    *set_id = status == OK ? sqlite3_column_int64(q.stmt, 0) : 0;
    sql_end(&q);
    return status;
}

static enum status drop_label(struct sqlite_store *s, int64_t set_id, int64_t photo_id,
                              struct err *err)
{
    struct sql q =
        sql_start(s, SQL_LABEL_DROP, "DELETE FROM labels WHERE set_id = ? AND photo_id = ?");
    sql_int(&q, set_id);
    sql_int(&q, photo_id);
    return sql_run(&q, err);
}

enum status sqlite_labels_add(struct store *store, int64_t model_id, const struct store_set *set,
                              const struct store_label *labels, const int *positions, size_t count,
                              struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    int64_t set_id;
    enum status status = sql_begin_write(s, err);
    if (status != OK)
        return status;
    status = find_set(s, model_id, set, &set_id, err);
    for (size_t i = 0; status == OK && i < count; i++)
        status = drop_label(s, set_id, labels[i].photo_id, err);
    for (size_t i = 0; status == OK && i < count; i++)
        status = put_label(s, set_id, &labels[i], positions[i], set->category_count, err);
    return sql_finish(s, status, err);
}

enum status sqlite_labels_drop(struct store *store, int64_t model_id, const char *set,
                               struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    enum status status = sql_begin_write(s, err);
    return status == OK ? sql_finish(s, drop_set(s, model_id, set, err), err) : status;
}

/* --- listing ------------------------------------------------------------------------------ */

static enum status list_categories(struct sqlite_store *s, int64_t set_id,
                                   struct store_label_set *set, struct err *err)
{
    struct sql q = sql_start(s, SQL_CATEGORY_LIST,
                             "SELECT name FROM categories WHERE set_id = ? ORDER BY position");
    sql_int(&q, set_id);
    bool row;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row) {
        status = label_set_add_category(set, (const char *)sqlite3_column_text(q.stmt, 0), err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    return status;
}

static enum status take_set(const struct sql *q, struct store_label_set **sets, size_t *count,
                            struct err *err)
{
    const struct store_label_set set = {
        .made_at = sqlite3_column_int64(q->stmt, 3),
        .labels = sqlite3_column_int64(q->stmt, 4),
    };
    enum status status = label_sets_add(&q->store->base, sets, count, set,
                                        (const char *)sqlite3_column_text(q->stmt, 1),
                                        (const char *)sqlite3_column_text(q->stmt, 2), err);
    if (status != OK)
        return status;
    return list_categories(q->store, sqlite3_column_int64(q->stmt, 0), &(*sets)[*count - 1], err);
}

enum status sqlite_label_sets(struct store *store, int64_t model_id, struct store_label_set **sets,
                              size_t *count, struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    enum status status = sql_begin_read(s, err);
    if (status != OK)
        return status;
    struct sql q =
        sql_start(s, SQL_SET_LIST,
                  "SELECT id, name, set_json, made_at,"
                  "  (SELECT count(*) FROM labels WHERE set_id = label_sets.id AND EXISTS"
                  "    (SELECT 1 FROM files WHERE files.photo_id = labels.photo_id))"
                  " FROM label_sets WHERE model_id = ? ORDER BY id DESC");
    sql_int(&q, model_id);
    bool row;
    status = sql_row(&q, &row, err);
    while (status == OK && row) {
        status = take_set(&q, sets, count, err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    return sql_finish(s, status, err);
}
