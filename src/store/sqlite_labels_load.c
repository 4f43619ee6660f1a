/* SPDX-License-Identifier: MIT
 *
 * A set's labels in the order of a matrix's rows.
 */
#include "store/sqlite.h"

#include <stdlib.h>
#include <string.h>

#define NONE (-1)
#define NO_LABEL (-2)

struct photo_row {
    int64_t photo_id;
    size_t row;
};

/* Further categories come in the order of photo ids and are wanted in the order of rows. */
struct also {
    size_t row, count;
    size_t at; /* into positions */
};

struct load {
    struct sqlite_store *store;
    struct store_labels *out;
    int64_t set_id;
    struct photo_row *index; /* [count] the matrix's photos by id */
    size_t next;             /* in index, where the next label likely belongs */
    struct str names;        /* each with its NUL */
    struct str also;         /* of struct also */
    struct str positions;    /* of int32_t */
};

static int compare_photos(const void *a, const void *b)
{
    int64_t x = ((const struct photo_row *)a)->photo_id,
            y = ((const struct photo_row *)b)->photo_id;
    return (x > y) - (x < y);
}

/* --- the set ------------------------------------------------------------------------------ */

/* set_id stays 0 if the model has no set at all and none was named. */
static enum status find_set(struct load *load, int64_t model_id, const char *set, struct err *err)
{
    struct sql q = sql_start(load->store, SQL_SET_FIND,
                             "SELECT id, name FROM label_sets"
                             " WHERE model_id = ?1 AND name = coalesce(?2, name)"
                             " ORDER BY id DESC LIMIT 1");
    sql_int(&q, model_id);
    sql_text(&q, set);
    bool found;
    enum status status = sql_row(&q, &found, err);
    if (found) {
        const char *name = (const char *)sqlite3_column_text(q.stmt, 1);
        load->set_id = sqlite3_column_int64(q.stmt, 0);
        if (!name || strlen(name) > STORE_SET_MAX)
            status = sql_damaged(load->store, "a set of categories has no name", err);
        else
            memcpy(load->out->set, name, strlen(name) + 1);
    } else if (status == OK && set) {
        status = err_set(err, ERR_NOT_FOUND,
                         "the library %s has no labels of a set \"%s\": \"fovea classify\" makes "
                         "them",
                         load->store->path, set);
    }
    sql_end(&q);
    return status;
}

/* Positions are 0, 1, 2…: put_set() makes no other. */
static enum status load_names(struct load *load, struct err *err)
{
    struct sql q = sql_start(load->store, SQL_CATEGORY_LIST,
                             "SELECT name FROM categories WHERE set_id = ? ORDER BY position");
    sql_int(&q, load->set_id);
    bool row;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row) {
        const char *name = (const char *)sqlite3_column_text(q.stmt, 0);
        str_append(&load->names, name ? name : "", name ? strlen(name) + 1 : 1);
        load->out->name_count++;
        status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    size_t count = load->out->name_count;
    load->out->names = malloc((count ? count : 1) * sizeof *load->out->names);
    if (status == OK && (!str_ok(&load->names) || !load->out->names))
        status = err_no_memory(err, "the categories", load->names.size);
    if (status != OK)
        return status;
    const char *p = load->out->strings = load->names.data;
    load->names = str_new(0);
    for (size_t i = 0; i < count; i++, p += strlen(p) + 1)
        load->out->names[i] = p;
    return OK;
}

/* --- the labels --------------------------------------------------------------------------- */

static bool find_row(struct load *load, int64_t photo_id, size_t *row)
{
    while (load->next < load->out->count && load->index[load->next].photo_id < photo_id)
        load->next++;
    if (load->next == load->out->count || load->index[load->next].photo_id != photo_id)
        return false;
    *row = load->index[load->next].row;
    return true;
}

static enum status take_also(struct load *load, const struct sql *q, size_t row, struct err *err)
{
    const void *bytes = sqlite3_column_blob(q->stmt, 5);
    struct also also = {
        .row = row,
        .count = bytes ? (size_t)sqlite3_column_bytes(q->stmt, 5) / sizeof(int32_t) : 0,
        .at = load->positions.size / sizeof(int32_t),
    };
    if (also.count > 0 && load->out->positions[row] < 0)
        return sql_damaged(load->store, "a label names further categories and no first", err);
    for (size_t i = 0; i < also.count; i++) {
        int32_t position;
        memcpy(&position, (const uint8_t *)bytes + i * sizeof position, sizeof position);
        if (position < 0 || (size_t)position >= load->out->name_count)
            return sql_damaged(load->store, "a label names no category", err);
        str_append(&load->positions, &position, sizeof position);
    }
    if (also.count > 0)
        str_append(&load->also, &also, sizeof also);
    if (!str_ok(&load->positions) || !str_ok(&load->also))
        return err_no_memory(err, "the labels", load->positions.size);
    return OK;
}

static enum status take_label(struct load *load, const struct sql *q, struct err *err)
{
    size_t row;
    if (!find_row(load, sqlite3_column_int64(q->stmt, 0), &row))
        return OK;
    struct store_labels *out = load->out;
    out->confidences[row] = sqlite3_column_double(q->stmt, 2);
    out->margins[row] = sqlite3_column_double(q->stmt, 3);
    out->uncertain[row] = sqlite3_column_int(q->stmt, 4);
    out->positions[row] = NONE;
    if (sqlite3_column_type(q->stmt, 1) != SQLITE_NULL) {
        int64_t position = sqlite3_column_int64(q->stmt, 1);
        if (position < 0 || (size_t)position >= out->name_count)
            return sql_damaged(load->store, "a label names no category", err);
        out->positions[row] = (int)position;
        out->categories[row] = out->names[position];
    }
    return take_also(load, q, row, err);
}

/* Several rows may have the same photo only in a matrix that no store has made; one of them gets
 * the label. */
static enum status load_rows(struct load *load, struct err *err)
{
    struct sql q = sql_start(load->store, SQL_LABEL_LIST,
                             "SELECT photo_id, position, confidence, margin, uncertain, also"
                             " FROM labels WHERE set_id = ? ORDER BY photo_id");
    sql_int(&q, load->set_id);
    bool row;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row) {
        status = take_label(load, &q, err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    return status;
}

/* --- every category of a row -------------------------------------------------------------- */

static enum status gather_also(struct load *load, struct err *err)
{
    struct store_labels *out = load->out;
    const struct also *also = (const void *)load->also.data;
    size_t also_count = load->also.size / sizeof *also;
    size_t total = load->positions.size / sizeof(int32_t);
    for (size_t i = 0; i < also_count; i++)
        out->also_start[also[i].row + 1] += also[i].count;
    for (size_t i = 0; i < out->count; i++) {
        total += out->positions[i] >= 0;
        out->also_start[i + 1] += out->also_start[i] + (out->positions[i] >= 0);
    }
    out->also = malloc((total ? total : 1) * sizeof *out->also);
    if (!out->also)
        return err_no_memory(err, "the labels", total * sizeof *out->also);
    for (size_t i = 0; i < out->count; i++)
        if (out->positions[i] >= 0)
            out->also[out->also_start[i]] = out->positions[i];
    for (size_t i = 0; i < also_count; i++)
        memcpy(&out->also[out->also_start[also[i].row] + 1],
               load->positions.data + also[i].at * sizeof(int32_t),
               also[i].count * sizeof(int32_t));
    return OK;
}

/* --- the whole ---------------------------------------------------------------------------- */

static enum status prepare(struct load *load, const struct store_matrix *matrix, struct err *err)
{
    struct store_labels *out = load->out;
    size_t count = out->count = matrix->count, some = count ? count : 1;
    load->index = malloc(some * sizeof *load->index);
    out->categories = calloc(some, sizeof *out->categories);
    out->positions = malloc(some * sizeof *out->positions);
    out->confidences = calloc(some, sizeof *out->confidences);
    out->margins = calloc(some, sizeof *out->margins);
    out->uncertain = calloc(some, sizeof *out->uncertain);
    out->also_start = calloc(count + 1, sizeof *out->also_start);
    if (!load->index || !out->categories || !out->positions || !out->confidences || !out->margins ||
        !out->uncertain || !out->also_start)
        return err_no_memory(err, "the labels", count * sizeof *load->index);
    for (size_t i = 0; i < count; i++) {
        load->index[i] = (struct photo_row){matrix->photo_ids[i], i};
        out->positions[i] = NO_LABEL;
    }
    qsort(load->index, count, sizeof *load->index, compare_photos);
    return OK;
}

enum status sqlite_labels_load(struct store *store, int64_t model_id, const char *set,
                               const struct store_matrix *matrix, struct store_labels *out,
                               struct err *err)
{
    struct load load = {
        .store = sqlite_store(store),
        .out = out,
        .names = str_new(SIZE_MAX / 4),
        .also = str_new(SIZE_MAX / 4),
        .positions = str_new(SIZE_MAX / 4),
    };
    enum status status = prepare(&load, matrix, err);
    if (status == OK)
        status = sql_begin_read(load.store, err);
    if (status == OK) {
        status = find_set(&load, model_id, set, err);
        if (status == OK)
            status = load_names(&load, err);
        if (status == OK)
            status = load_rows(&load, err);
        status = sql_finish(load.store, status, err);
    }
    if (status == OK)
        status = gather_also(&load, err);
    free(load.index);
    str_free(&load.names);
    str_free(&load.also);
    str_free(&load.positions);
    return status;
}
