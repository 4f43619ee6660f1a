/* SPDX-License-Identifier: MIT
 *
 * The verbs of store_labels.h; see store.c.
 */
#include "store/store_ops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CATEGORIES_MAX 10000

/* --- labels ------------------------------------------------------------------------------- */

static int find_name(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (names[i] == name || strcmp(names[i], name) == 0)
            return (int)i;
    return -1;
}

/* Further categories: within the set, not the main one again, none twice. seen: [category_count],
 * all false, left so. */
static enum status check_also(const struct store_label *label, const struct store_set *set,
                              int position, bool *seen, struct err *err)
{
    enum status status = OK;
    size_t checked = 0;
    for (; status == OK && checked < label->also_count; checked++) {
        int also = label->also[checked];
        if (also < 0 || (size_t)also >= set->category_count || also == position || seen[also])
            status = err_set(err, ERR_ARGUMENT,
                             "a label names the category %d of %zu, or names one twice", also,
                             set->category_count);
        else
            seen[also] = true;
    }
    for (size_t i = 0; i < label->also_count; i++)
        if (label->also[i] >= 0 && (size_t)label->also[i] < set->category_count)
            seen[label->also[i]] = false;
    return status;
}

static enum status check_label(const struct store_label *label, const struct store_set *set,
                               bool *seen, int *position, struct err *err)
{
    *position =
        label->category ? find_name(set->categories, set->category_count, label->category) : -1;
    if (label->category && *position < 0)
        return err_set(err, ERR_ARGUMENT, "the label \"%s\" is not in the set of categories",
                       label->category);
    if (!isfinite(label->confidence) || !isfinite(label->margin))
        return err_set(err, ERR_ARGUMENT, "the confidence of a label is not a number");
    if (label->also_count > 0 && !label->category)
        return err_set(err, ERR_ARGUMENT, "a label of no category names more of them");
    return check_also(label, set, *position, seen, err);
}

static enum status check_set_name(const char *name, struct err *err)
{
    size_t size = strlen(name);
    if (size > 0 && size <= STORE_SET_MAX)
        return OK;
    return err_set(err, ERR_ARGUMENT, "the name of a set of categories has 1 to %d bytes, not %zu",
                   STORE_SET_MAX, size);
}

static enum status check_set(const struct store_set *set, struct err *err)
{
    enum status status = check_set_name(set->name, err);
    if (status == OK && (set->category_count == 0 || set->category_count > CATEGORIES_MAX))
        status = err_set(err, ERR_ARGUMENT, "a set has 1 to %d categories, not %zu", CATEGORIES_MAX,
                         set->category_count);
    return status;
}

typedef enum status labels_writer(struct store *, int64_t model_id, const struct store_set *,
                                  const struct store_label *, const int *positions, size_t count,
                                  struct err *);

static enum status write_labels(struct store *store, int64_t model_id, const struct store_set *set,
                                const struct store_label *labels, size_t count,
                                labels_writer *write, struct err *err)
{
    enum status status = check_set(set, err);
    if (status != OK)
        return status;
    int *positions = calloc(count ? count : 1, sizeof *positions);
    bool *seen = calloc(set->category_count, sizeof *seen);
    if (!positions || !seen)
        status = err_no_memory(err, "labels", count * sizeof *positions);
    for (size_t i = 0; status == OK && i < count; i++)
        status = check_label(&labels[i], set, seen, &positions[i], err);
    if (status == OK)
        status = write(store, model_id, set, labels, positions, count, err);
    free(seen);
    free(positions);
    return status;
}

enum status store_labels_replace(struct store *store, int64_t model_id, const struct store_set *set,
                                 const struct store_label *labels, size_t count, struct err *err)
{
    enum status status = store_require_write(store, err);
    if (status != OK)
        return status;
    return write_labels(store, model_id, set, labels, count, store->ops->labels_replace, err);
}

enum status store_labels_add(struct store *store, int64_t model_id, const struct store_set *set,
                             const struct store_label *labels, size_t count, struct err *err)
{
    enum status status = store_require_write(store, err);
    if (status != OK)
        return status;
    return write_labels(store, model_id, set, labels, count, store->ops->labels_add, err);
}

enum status store_labels_load(struct store *store, int64_t model_id, const char *set,
                              const struct store_matrix *matrix, struct store_labels *out,
                              struct err *err)
{
    *out = (struct store_labels){0};
    enum status status = set ? check_set_name(set, err) : OK;
    if (status == OK)
        status = store->ops->labels_load(store, model_id, set, matrix, out, err);
    if (status != OK)
        store_labels_free(out);
    return status;
}

void store_labels_free(struct store_labels *labels)
{
    free(labels->names);
    free(labels->categories);
    free(labels->positions);
    free(labels->confidences);
    free(labels->margins);
    free(labels->uncertain);
    free(labels->also_start);
    free(labels->also);
    free(labels->strings);
    *labels = (struct store_labels){0};
}

enum status store_label_sets(struct store *store, int64_t model_id, struct store_label_set **sets,
                             size_t *count, struct err *err)
{
    *sets = NULL;
    *count = 0;
    enum status status = store->ops->label_sets(store, model_id, sets, count, err);
    if (status != OK) {
        store_label_sets_free(*sets, *count);
        *sets = NULL;
        *count = 0;
    }
    return status;
}

void store_label_sets_free(struct store_label_set *sets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < sets[i].category_count; j++)
            free(sets[i].categories[j]);
        free(sets[i].categories);
        free(sets[i].json);
    }
    free(sets);
}

enum status store_labels_drop(struct store *store, int64_t model_id, const char *set,
                              struct err *err)
{
    enum status status = store_require_write(store, err);
    if (status == OK)
        status = check_set_name(set, err);
    return status == OK ? store->ops->labels_drop(store, model_id, set, err) : status;
}

enum status store_saved_set_put(struct store *store, const char *name, const char *json,
                                struct err *err)
{
    enum status status = store_require_write(store, err);
    if (status == OK)
        status = check_set_name(name, err);
    return status == OK ? store->ops->saved_set_put(store, name, json, err) : status;
}

enum status store_saved_sets(struct store *store, struct store_saved_set **sets, size_t *count,
                             struct err *err)
{
    *sets = NULL;
    *count = 0;
    enum status status = store->ops->saved_sets(store, sets, count, err);
    if (status != OK) {
        store_saved_sets_free(*sets, *count);
        *sets = NULL;
        *count = 0;
    }
    return status;
}

void store_saved_sets_free(struct store_saved_set *sets, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(sets[i].json);
    free(sets);
}

/* --- decisions ---------------------------------------------------------------------------- */

enum status store_decisions_put(struct store *store, const struct store_decision *decisions,
                                size_t count, struct err *err)
{
    enum status status = store_require_write(store, err);
    if (status != OK || count == 0)
        return status;
    struct store_decision *ordered = malloc(count * sizeof *ordered);
    if (!ordered)
        return err_no_memory(err, "decisions", count * sizeof *ordered);
    for (size_t i = 0; status == OK && i < count; i++) {
        struct store_decision *d = &ordered[i];
        *d = decisions[i];
        int order = memcmp(d->a.bytes, d->b.bytes, sizeof d->a.bytes);
        if (order == 0)
            status = err_set(err, ERR_ARGUMENT, "a decision is about two photos, not about one");
        if (order > 0)
            *d = (struct store_decision){decisions[i].b, decisions[i].a, d->decision, d->made_at};
    }
    if (status == OK)
        status = store->ops->decisions_put(store, ordered, count, err);
    free(ordered);
    return status;
}

enum status store_decision_put(struct store *store, const struct photo_hash *a,
                               const struct photo_hash *b, enum decision decision, struct err *err)
{
    const struct store_decision one = {*a, *b, decision, 0};
    return store_decisions_put(store, &one, 1, err);
}

enum status store_decisions(struct store *store, struct store_decision **decisions, size_t *count,
                            struct err *err)
{
    *decisions = NULL;
    *count = 0;
    enum status status = store->ops->decisions(store, decisions, count, err);
    if (status != OK) {
        free(*decisions);
        *decisions = NULL;
        *count = 0;
    }
    return status;
}
