/* SPDX-License-Identifier: MIT
 *
 * The library's photographs as a list, one of them in full, and what they can be filtered by.
 */
#include "server/api.h"

#include "search/row_set.h"
#include "server/answer.h"
#include "server/filters.h"
#include "server/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FACET_VALUES_MAX = 200 };

/* --- the list ----------------------------------------------------------------------------- */

enum list_order { LIST_PATH, LIST_DATE, LIST_DATE_DOWN };

/* The row at a place of the order. Without dates the oldest first would begin with those that have
 * none: they come last in both directions, so the dated part alone is turned round. */
static size_t row_at(const struct view *view, enum list_order order, size_t dated, size_t i)
{
    if (order == LIST_PATH)
        return i;
    return view->by_date[order == LIST_DATE && i < dated ? dated - 1 - i : i];
}

static size_t count_dated(const struct view *view)
{
    size_t low = 0, high = view->matrix->count; /* by_date: the dated ones first */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (view->facts->rows[view->by_date[middle]].taken_ms != PHOTO_NO_TIME)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static json_t *list_page(const struct view *view, const struct row_set *rows, enum list_order order,
                         int64_t limit, int64_t offset)
{
    size_t dated = count_dated(view), seen = 0;
    json_t *photos = json_array();
    for (size_t i = 0; i < view->matrix->count; i++) {
        size_t row = row_at(view, order, dated, i);
        if (!row_set_has(rows, row))
            continue;
        if (seen >= (size_t)offset + (size_t)limit)
            break;
        if (seen++ >= (size_t)offset)
            json_array_append_new(photos, answer_photo(view, row));
    }
    return json_pack("{s:I, s:I, s:I, s:o}", "total", (json_int_t)row_set_count(rows), "limit",
                     (json_int_t)limit, "offset", (json_int_t)offset, "photos", photos);
}

void api_photos(struct exchange *x)
{
    static const char *const names[] = {"limit", "offset", "sort", NULL};
    static const char *const orders[] = {"path", "date", "-date", NULL};
    int64_t limit, offset;
    int order;
    struct filter filter = {0};
    if (!param_int(x, "limit", RESULTS, 1, RESULTS_MAX, &limit) ||
        !param_int(x, "offset", 0, 0, OFFSET_MAX, &offset) ||
        !param_choice(x, "sort", orders, LIST_DATE_DOWN, &order) ||
        !filters_from_params(x, names, &filter))
        return;
    const struct view *view = live_view(x->server->live);
    struct row_set rows = {0};
    struct err err;
    enum status status = row_set_open(&rows, view->matrix->count, true, &err);
    if (status == OK)
        status = filter_apply(&filter, view->snapshot, &rows, &err);
    if (status == OK)
        reply_json(x, 200, list_page(view, &rows, (enum list_order)order, limit, offset));
    else
        reply_err(x, &err);
    row_set_close(&rows);
    live_release(x->server->live, view);
}

/* --- one ---------------------------------------------------------------------------------- */

struct wanted_photo {
    int64_t id;
    struct store_photo photo;
};

static enum status load_photo(struct store *store, void *user, struct err *err)
{
    struct wanted_photo *wanted = user;
    return store_photo_load(store, wanted->id, &wanted->photo, err);
}

void api_photo(struct exchange *x)
{
    struct wanted_photo wanted = {0};
    if (!captured_id(x, 0, &wanted.id))
        return;
    const struct view *view = live_view(x->server->live);
    size_t row = snapshot_row_of(view->snapshot, wanted.id);
    struct err err;
    if (row == SNAPSHOT_NO_ROW)
        reply_error(x, 404, "there is no photograph %lld", (long long)wanted.id);
    else if (live_read(x->server->live, load_photo, &wanted, &err) != OK)
        reply_err(x, &err);
    else
        reply_json(x, 200, answer_detail(view, row, &wanted.photo, view->snapshot->model_id));
    store_photo_free(&wanted.photo);
    live_release(x->server->live, view);
}

/* --- facets ------------------------------------------------------------------------------- */

struct facet {
    const char *value;
    size_t length, count;
};

static int more_first(const void *a, const void *b)
{
    const struct facet *x = a, *y = b;
    if (x->count != y->count)
        return (x->count < y->count) - (x->count > y->count);
    return strcmp(x->value, y->value);
}

static json_t *facet_list(struct facet *facets, size_t count)
{
    qsort(facets, count, sizeof *facets, more_first);
    json_t *list = json_array();
    for (size_t i = 0; i < count && i < FACET_VALUES_MAX && facets[i].count > 0; i++) {
        char *value = strndup(facets[i].value, facets[i].length);
        json_array_append_new(list, json_pack("{s:o, s:I}", "value", json_utf8(value ? value : ""),
                                              "count", (json_int_t)facets[i].count));
        free(value);
    }
    return list;
}

/* names[index_of(row)] counted; NULL without memory. */
static json_t *count_names(const struct view *view, const char *const *names, size_t name_count,
                           int (*index_of)(const struct view *, size_t row))
{
    struct facet *facets = calloc(name_count + 1, sizeof *facets);
    if (!facets)
        return NULL;
    for (size_t i = 0; i < name_count; i++)
        facets[i] = (struct facet){names[i], strlen(names[i]), 0};
    for (size_t row = 0; row < view->matrix->count; row++) {
        int index = index_of(view, row);
        if (index >= 0 && (size_t)index < name_count)
            facets[index].count++;
    }
    json_t *list = facet_list(facets, name_count);
    free(facets);
    return list;
}

static int camera_of(const struct view *view, size_t row)
{
    return view->facts->rows[row].camera;
}
static int lens_of(const struct view *view, size_t row)
{
    return view->facts->rows[row].lens;
}
static int format_of(const struct view *view, size_t row)
{
    return view->facts->rows[row].format;
}
static int category_of(const struct view *view, size_t row)
{
    return view->labels->positions ? view->labels->positions[row] : -1;
}

/* The folders that hold photographs. Rows are sorted by path, so those of one folder are nearly
 * together: a folder that comes again after its subfolders is found by looking back. */
static json_t *count_folders(const struct view *view)
{
    size_t capacity = 0, count = 0;
    struct facet *facets = NULL;
    for (size_t row = 0; row < view->matrix->count; row++) {
        const char *path = view->matrix->paths[row], *slash = strrchr(path, '/');
        size_t length = slash ? (size_t)(slash - path) : 0, i = count;
        while (i > 0 && count - i < 64 &&
               (facets[i - 1].length != length || memcmp(facets[i - 1].value, path, length) != 0))
            i--;
        if (i > 0 && facets[i - 1].length == length &&
            memcmp(facets[i - 1].value, path, length) == 0) {
            facets[i - 1].count++;
            continue;
        }
        if (count == capacity) {
            struct facet *grown =
                realloc(facets, (capacity = capacity ? 2 * capacity : 64) * sizeof *facets);
            if (!grown) {
                free(facets);
                return NULL;
            }
            facets = grown;
        }
        facets[count++] = (struct facet){path, length, 1};
    }
    json_t *list = facets ? facet_list(facets, count) : json_array();
    free(facets);
    return list;
}

void api_facets(struct exchange *x)
{
    const struct view *view = live_view(x->server->live);
    const struct store_facts *facts = view->facts;
    size_t located = 0, rated = 0, dated = count_dated(view);
    for (size_t i = 0; i < facts->count; i++) {
        located += !isnan(facts->rows[i].latitude);
        rated += facts->rows[i].rating > 0;
    }
    const struct store_fact *first = dated ? &facts->rows[view->by_date[dated - 1]] : NULL;
    const struct store_fact *last = dated ? &facts->rows[view->by_date[0]] : NULL;
    reply_json(
        x, 200,
        json_pack(
            "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I}", "cameras",
            count_names(view, facts->cameras.names, facts->cameras.count, camera_of), "lenses",
            count_names(view, facts->lenses.names, facts->lenses.count, lens_of), "formats",
            count_names(view, facts->formats.names, facts->formats.count, format_of), "categories",
            count_names(view, view->labels->names, view->labels->name_count, category_of),
            "folders", count_folders(view), "first_taken",
            first ? json_taken(first->taken_ms, first->offset_min) : json_null(), "last_taken",
            last ? json_taken(last->taken_ms, last->offset_min) : json_null(), "located",
            (json_int_t)located, "rated", (json_int_t)rated));
    live_release(x->server->live, view);
}
