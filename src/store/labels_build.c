/* SPDX-License-Identifier: MIT
 *
 * A set's labels in the order of a matrix's rows.
 */
#include "store/labels_build.h"

#include <stdlib.h>
#include <string.h>

#define NONE (-1)
#define NO_LABEL (-2)

static int compare_photos(const void *a, const void *b)
{
    int64_t x = ((const struct labels_photo *)a)->photo_id,
            y = ((const struct labels_photo *)b)->photo_id;
    return (x > y) - (x < y);
}

/* Further categories come in the order of photo ids and are wanted in the order of rows. */
struct also {
    size_t row, count;
    size_t at; /* into positions */
};

enum status labels_open(struct labels_build *b, const struct store *store,
                        const struct store_matrix *matrix, struct store_labels *out,
                        struct err *err)
{
    *b = (struct labels_build){
        .store = store,
        .out = out,
        .names = str_new(SIZE_MAX / 4),
        .also = str_new(SIZE_MAX / 4),
        .positions = str_new(SIZE_MAX / 4),
    };
    size_t count = out->count = matrix->count, some = count ? count : 1;
    b->index = malloc(some * sizeof *b->index);
    out->categories = calloc(some, sizeof *out->categories);
    out->positions = malloc(some * sizeof *out->positions);
    out->confidences = calloc(some, sizeof *out->confidences);
    out->margins = calloc(some, sizeof *out->margins);
    out->uncertain = calloc(some, sizeof *out->uncertain);
    out->also_start = calloc(count + 1, sizeof *out->also_start);
    if (!b->index || !out->categories || !out->positions || !out->confidences || !out->margins ||
        !out->uncertain || !out->also_start)
        return err_no_memory(err, "the labels", count * sizeof *b->index);
    for (size_t i = 0; i < count; i++) {
        b->index[i] = (struct labels_photo){matrix->photo_ids[i], i};
        out->positions[i] = NO_LABEL;
    }
    qsort(b->index, count, sizeof *b->index, compare_photos);
    return OK;
}

void labels_close(struct labels_build *b)
{
    free(b->index);
    str_free(&b->names);
    str_free(&b->also);
    str_free(&b->positions);
}

/* --- the set ------------------------------------------------------------------------------ */

enum status labels_set(struct labels_build *b, const char *name, struct err *err)
{
    if (!name || strlen(name) > STORE_SET_MAX)
        return b->store->ops->damaged(b->store, "a set of categories has no name", err);
    memcpy(b->out->set, name, strlen(name) + 1);
    return OK;
}

void labels_category(struct labels_build *b, const char *name)
{
    str_append(&b->names, name ? name : "", name ? strlen(name) + 1 : 1);
    b->out->name_count++;
}

enum status labels_categories_end(struct labels_build *b, struct err *err)
{
    size_t count = b->out->name_count;
    b->out->names = malloc((count ? count : 1) * sizeof *b->out->names);
    if (!str_ok(&b->names) || !b->out->names)
        return err_no_memory(err, "the categories", b->names.size);
    const char *p = b->out->strings = b->names.data;
    b->names = str_new(0);
    for (size_t i = 0; i < count; i++, p += strlen(p) + 1)
        b->out->names[i] = p;
    return OK;
}

/* --- the labels --------------------------------------------------------------------------- */

static bool find_row(struct labels_build *b, int64_t photo_id, size_t *row)
{
    while (b->next < b->out->count && b->index[b->next].photo_id < photo_id)
        b->next++;
    if (b->next == b->out->count || b->index[b->next].photo_id != photo_id)
        return false;
    *row = b->index[b->next].row;
    return true;
}

static enum status take_also(struct labels_build *b, const struct label_row *label, size_t row,
                             struct err *err)
{
    struct also also = {
        .row = row,
        .count = label->also ? label->also_size / sizeof(int32_t) : 0,
        .at = b->positions.size / sizeof(int32_t),
    };
    if (also.count > 0 && b->out->positions[row] < 0)
        return b->store->ops->damaged(b->store, "a label names further categories and no first",
                                      err);
    for (size_t i = 0; i < also.count; i++) {
        int32_t position;
        memcpy(&position, (const uint8_t *)label->also + i * sizeof position, sizeof position);
        if (position < 0 || (size_t)position >= b->out->name_count)
            return b->store->ops->damaged(b->store, "a label names no category", err);
        str_append(&b->positions, &position, sizeof position);
    }
    if (also.count > 0)
        str_append(&b->also, &also, sizeof also);
    if (!str_ok(&b->positions) || !str_ok(&b->also))
        return err_no_memory(err, "the labels", b->positions.size);
    return OK;
}

/* Several rows may have the same photo only in a matrix that no store has made; one of them gets
 * the label. */
enum status labels_row(struct labels_build *b, const struct label_row *label, struct err *err)
{
    size_t row;
    if (!find_row(b, label->photo_id, &row))
        return OK;
    struct store_labels *out = b->out;
    out->confidences[row] = label->confidence;
    out->margins[row] = label->margin;
    out->uncertain[row] = label->uncertain;
    out->positions[row] = NONE;
    if (label->named) {
        if (label->position < 0 || (size_t)label->position >= out->name_count)
            return b->store->ops->damaged(b->store, "a label names no category", err);
        out->positions[row] = (int)label->position;
        out->categories[row] = out->names[label->position];
    }
    return take_also(b, label, row, err);
}

/* --- every category of a row -------------------------------------------------------------- */

enum status labels_finish(struct labels_build *b, struct err *err)
{
    struct store_labels *out = b->out;
    const struct also *also = (const void *)b->also.data;
    size_t also_count = b->also.size / sizeof *also;
    size_t total = b->positions.size / sizeof(int32_t);
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
               b->positions.data + also[i].at * sizeof(int32_t), also[i].count * sizeof(int32_t));
    return OK;
}
