/* SPDX-License-Identifier: MIT
 *
 * See import_labels.h. Categories are in the order of the default ones, whose colours go by
 * position, all of them if any is used; others behind them, by name.
 */
#include "library/import_labels.h"

#include "library/categories.h"
#include "library/classify.h"
#include "store/store.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 1024 }; /* labels of a statement */

enum status import_labels_add(struct import_labels *labels, const char *path, const char *category,
                              double confidence, struct err *err)
{
    if (labels->count == labels->room) {
        size_t room = labels->room ? 2 * labels->room : 1024;
        struct import_label *grown = realloc(labels->items, room * sizeof *grown);
        if (!grown)
            return err_no_memory(err, "the categories", room * sizeof *grown);
        labels->items = grown;
        labels->room = room;
    }
    const bool none = strcmp(category, NONE_OF_THESE) == 0;
    struct import_label item = {.path = strdup(path), .category = none ? NULL : strdup(category)};
    item.confidence = isfinite(confidence) ? confidence : 0;
    labels->items[labels->count++] = item;
    return item.path && (none || item.category) ? OK : err_no_memory(err, "a category", 0);
}

void import_labels_free(struct import_labels *labels)
{
    for (size_t i = 0; i < labels->count; i++) {
        free(labels->items[i].path);
        free(labels->items[i].category);
    }
    free(labels->items);
    *labels = (struct import_labels){0};
}

/* --- the set ------------------------------------------------------------------------------ */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names that occur, each once, by name; freed with free(). */
static enum status list_names(const struct import_labels *labels, const char ***out, size_t *count,
                              struct err *err)
{
    const char **names = calloc(labels->count + 1, sizeof *names);
    size_t n = 0, kept = 0;
    if (!names)
        return err_no_memory(err, "the categories", labels->count * sizeof *names);
    for (size_t i = 0; i < labels->count; i++)
        if (labels->items[i].category)
            names[n++] = labels->items[i].category;
    qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(names[i], names[kept - 1]) != 0)
            names[kept++] = names[i];
    *out = names;
    *count = kept;
    return OK;
}

/* The default ones, if any of the names is one of them, and the others. */
static json_t *set_of(const char *const *names, size_t count, json_t *defaults)
{
    json_t *set = json_object();
    for (size_t i = 0; i < count; i++)
        if (json_object_get(defaults, names[i]))
            json_object_update(set, defaults);
    for (size_t i = 0; i < count; i++)
        if (!json_object_get(set, names[i]))
            json_object_set_new(set, names[i], json_pack("[s]", names[i]));
    return set;
}

static enum status make_set(const struct import_labels *labels, struct categories *set,
                            struct err *err)
{
    const char **names = NULL;
    size_t count = 0;
    struct categories defaults = {0};
    *set = (struct categories){0};
    enum status status = categories_default(&defaults, err);
    if (status == OK)
        status = list_names(labels, &names, &count, err);
    if (status == OK) {
        json_t *known = json_loads(defaults.json, 0, NULL);
        json_t *object = set_of(names, count, known);
        char *text = json_dumps(object, JSON_COMPACT);
        /* Only "none of these", of everything: none of the default ones, then. */
        const char *json = count > 0 ? text : defaults.json;
        status = json ? categories_parse(set, json, strlen(json), err)
                      : err_no_memory(err, "the categories", 0);
        free(text);
        json_decref(object);
        json_decref(known);
    }
    free((void *)names);
    categories_free(&defaults);
    return status;
}

/* --- labels ------------------------------------------------------------------------------- */

static int find_category(const struct categories *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->items[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* A path that was not recorded after all has no photo: 0. */
static enum status find_photos(struct import_labels *labels, const struct categories *set,
                               struct store *store, struct err *err)
{
    for (size_t i = 0; i < labels->count; i++) {
        struct import_label *x = &labels->items[i];
        enum status status = store_photo_find(store, x->path, &x->photo_id, err);
        if (status == ERR_NOT_FOUND)
            x->photo_id = 0;
        else if (status != OK)
            return status;
        x->position = x->category ? find_category(set, x->category) : -1;
    }
    return OK;
}

static int compare_labels(const void *a, const void *b)
{
    const struct import_label *x = a, *y = b;
    if (x->photo_id != y->photo_id)
        return (x->photo_id > y->photo_id) - (x->photo_id < y->photo_id);
    if (x->confidence < y->confidence || x->confidence > y->confidence)
        return x->confidence > y->confidence ? -1 : 1;
    return strcmp(x->path, y->path);
}

/* The surest label of each photo. */
static void keep_one_each(struct import_labels *labels)
{
    size_t kept = 0;
    qsort(labels->items, labels->count, sizeof *labels->items, compare_labels);
    for (size_t i = 0; i < labels->count; i++) {
        struct import_label *x = &labels->items[i];
        if (x->photo_id != 0 && (kept == 0 || labels->items[kept - 1].photo_id != x->photo_id)) {
            struct import_label swap = labels->items[kept];
            labels->items[kept++] = *x;
            *x = swap;
        }
    }
    while (labels->count > kept) {
        labels->count--;
        free(labels->items[labels->count].path);
        free(labels->items[labels->count].category);
    }
}

/* probabilities: [BATCH, set->category_count] */
static enum status write_labels(const struct import_labels *labels, struct store *store,
                                int64_t model_id, const struct store_set *set, float *probabilities,
                                struct err *err)
{
    struct store_label batch[BATCH];
    enum status status = store_labels_replace(store, model_id, set, NULL, 0, err);
    for (size_t at = 0; status == OK && at < labels->count; at += BATCH) {
        size_t n = labels->count - at < BATCH ? labels->count - at : BATCH;
        for (size_t i = 0; i < n; i++) {
            const struct import_label *x = &labels->items[at + i];
            float *p = probabilities + i * set->category_count;
            for (size_t c = 0; c < set->category_count; c++)
                p[c] = (int)c == x->position && x->confidence > 0 ? (float)x->confidence : NAN;
            batch[i] = (struct store_label){
                .photo_id = x->photo_id,
                .category = x->position < 0 ? NULL : set->categories[x->position],
                .confidence = x->confidence,
                .probabilities = p};
        }
        status = store_labels_add(store, model_id, set, batch, n, err);
    }
    return status;
}

enum status import_labels_keep(struct import_labels *labels, struct store *store, int64_t model_id,
                               int64_t *kept, struct err *err)
{
    struct categories set = {0};
    const char **names = NULL;
    float *probabilities = NULL;
    *kept = 0;
    if (labels->count == 0)
        return OK;
    enum status status = make_set(labels, &set, err);
    if (status == OK)
        status = find_photos(labels, &set, store, err);
    if (status != OK)
        goto out;
    keep_one_each(labels);
    names = calloc(set.count + 1, sizeof *names);
    probabilities = malloc(BATCH * set.count * sizeof *probabilities);
    if (!names || !probabilities) {
        status = err_no_memory(err, "the categories", BATCH * set.count * sizeof *probabilities);
        goto out;
    }
    for (size_t i = 0; i < set.count; i++)
        names[i] = set.items[i].name;
    const struct store_set stored = {.name = IMPORT_LABELS_SET,
                                     .json = set.json,
                                     .categories = names,
                                     .category_count = set.count};
    if (labels->count > 0)
        status = write_labels(labels, store, model_id, &stored, probabilities, err);
    *kept = status == OK ? (int64_t)labels->count : 0;
out:
    free(probabilities);
    free((void *)names);
    categories_free(&set);
    return status;
}
