/* SPDX-License-Identifier: MIT
 *
 * A set's labels in the order of a matrix's rows (labels_build.c).
 */
#include "store/labels_build.h"
#include "store/postgres.h"

/* *set_id stays 0 if the model has no set at all and none was named. */
static enum status find_set(struct postgres_store *s, struct labels_build *labels, int64_t model_id,
                            const char *set, int64_t *set_id, struct err *err)
{
    struct pg q = pg_start(s, PG_SET_FIND,
                           "SELECT id, name FROM label_sets"
                           " WHERE model_id = $1 AND name = coalesce($2, name)"
                           " ORDER BY id DESC LIMIT 1");
    pg_int(&q, model_id);
    pg_text(&q, set);
    bool found;
    enum status status = pg_row(&q, &found, err);
    *set_id = found ? pg_column_int(&q, 0) : 0;
    if (found)
        status = labels_set(labels, pg_column_text(&q, 1), err);
    else if (status == OK && set)
        status = err_set(err, ERR_NOT_FOUND,
                         "the library %s has no labels of a set \"%s\": \"fovea classify\" makes "
                         "them",
                         s->label, set);
    pg_end(&q);
    return status;
}

static enum status load_names(struct postgres_store *s, struct labels_build *labels, int64_t set_id,
                              struct err *err)
{
    struct pg q = pg_start(s, PG_CATEGORY_LIST,
                           "SELECT name FROM categories WHERE set_id = $1 ORDER BY position");
    pg_int(&q, set_id);
    bool row;
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        labels_category(labels, pg_column_text(&q, 0));
        status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    return status == OK ? labels_categories_end(labels, err) : status;
}

static enum status load_rows(struct postgres_store *s, struct labels_build *labels, int64_t set_id,
                             struct err *err)
{
    struct pg q = pg_start(s, PG_LABEL_LIST,
                           "SELECT photo_id, position, confidence, margin, uncertain, also"
                           " FROM labels WHERE set_id = $1 ORDER BY photo_id");
    pg_int(&q, set_id);
    pg_stream(&q);
    bool row;
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        struct label_row label = {
            .photo_id = pg_column_int(&q, 0),
            .position = pg_column_int(&q, 1),
            .named = !pg_column_null(&q, 1),
            .confidence = pg_column_real(&q, 2),
            .margin = pg_column_real(&q, 3),
            .uncertain = pg_column_int(&q, 4) != 0,
        };
        label.also = pg_column_blob(&q, 5, &label.also_size);
        status = labels_row(labels, &label, err);
        if (status == OK)
            status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    return status;
}

static enum status load(struct postgres_store *s, int64_t model_id, const char *set,
                        const struct store_matrix *matrix, struct store_labels *out,
                        struct err *err)
{
    struct labels_build labels;
    int64_t set_id;
    enum status status = labels_open(&labels, &s->base, matrix, out, err);
    if (status == OK)
        status = pg_begin_read(s, err);
    if (status == OK) {
        status = find_set(s, &labels, model_id, set, &set_id, err);
        if (status == OK)
            status = load_names(s, &labels, set_id, err);
        if (status == OK)
            status = load_rows(s, &labels, set_id, err);
        status = pg_finish(s, status, err);
    }
    if (status == OK)
        status = labels_finish(&labels, err);
    labels_close(&labels);
    return status;
}

enum status postgres_labels_load(struct store *store, int64_t model_id, const char *set,
                                 const struct store_matrix *matrix, struct store_labels *out,
                                 struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do {
        store_labels_free(out);
        status = load(s, model_id, set, matrix, out, err);
    } while (pg_again(s, &tries, &status, err));
    return status;
}
