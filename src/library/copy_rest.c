/* SPDX-License-Identifier: MIT
 *
 * What is no photograph: sets of labels, failures, saved sets, decisions, places, and what is kept
 * of the vectors. Lists come sorted from any store, so that two of them are compared in one pass.
 */
#include "library/copy_private.h"
#include "library/map_file.h"

#include <stdlib.h>
#include <string.h>

/* --- sets of labels ----------------------------------------------------------------------- */

static bool same_set(const struct store_label_set *a, const struct store_label_set *b)
{
    if (strcmp(a->json, b->json) != 0 || a->category_count != b->category_count ||
        a->made_at != b->made_at)
        return false;
    for (size_t i = 0; i < a->category_count; i++)
        if (strcmp(a->categories[i], b->categories[i]) != 0)
            return false;
    return true;
}

static bool is_among(const struct store_label_set *set, const struct store_label_set *sets,
                     size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(sets[i].name, set->name) == 0)
            return same_set(set, &sets[i]);
    return false;
}

/* Empty ones; the one written last comes last, so that it is that in the target, too. */
static enum status copy_sets_of(struct copy *c, const struct copy_model *m, struct err *err)
{
    struct store_label_set *there = NULL;
    size_t count = 0;
    enum status status = store_label_sets(c->stores[COPY_TO], m->ids[COPY_TO], &there, &count, err);
    for (size_t i = m->set_count; status == OK && i-- > 0;) {
        const struct store_label_set *s = &m->sets[i];
        if (is_among(s, there, count))
            continue;
        const struct store_set set = {s->name, s->json, (const char *const *)s->categories,
                                      s->category_count, s->made_at};
        if (c->verifying)
            copy_differs(c, "the set of categories", s->name);
        else
            status = store_labels_replace(c->stores[COPY_TO], m->ids[COPY_TO], &set, NULL, 0, err);
    }
    store_label_sets_free(there, count);
    return status;
}

enum status copy_sets(struct copy *c, struct err *err)
{
    enum status status = OK;
    for (size_t m = 0; status == OK && m < c->model_count; m++)
        status = copy_sets_of(c, &c->models[m], err);
    return status;
}

/* --- failures ----------------------------------------------------------------------------- */

static bool same_failure(const struct store_failure *a, const struct store_failure *b)
{
    return strcmp(a->reason, b->reason) == 0 && a->size_bytes == b->size_bytes &&
           a->transient == b->transient && (a->transient || a->mtime_ns == b->mtime_ns);
}

/* A failure that may pass takes no photograph from a path: if the target has one, that stays. */
static bool kept_photo(struct copy *c, const struct store_failure *f)
{
    int64_t id;
    struct err ignored;
    return f->transient && store_photo_find(c->stores[COPY_TO], f->path, &id, &ignored) == OK;
}

static enum status put_failures(struct copy *c, const struct store_failure *const *missing,
                                size_t count, struct err *err)
{
    enum status status = OK;
    struct store_result results[COPY_PUT];
    for (size_t at = 0; status == OK && at < count;) {
        size_t n = 0;
        for (; n < COPY_PUT && at < count; n++, at++)
            results[n] = (struct store_result){.file = {.path = missing[at]->path,
                                                        .size_bytes = missing[at]->size_bytes,
                                                        .mtime_ns = missing[at]->mtime_ns},
                                               .failure = missing[at]->reason,
                                               .transient = missing[at]->transient};
        status = store_put_results(c->stores[COPY_TO], 0, results, n, err);
    }
    return status;
}

static enum status compare_failures(struct copy *c, const struct store_failure *from, size_t count,
                                    const struct store_failure *to, size_t to_count,
                                    struct err *err)
{
    const struct store_failure **missing = malloc((count + 1) * sizeof *missing);
    size_t missing_count = 0, j = 0;
    if (!missing)
        return err_no_memory(err, "the failures", count * sizeof *missing);
    for (size_t i = 0; i < count; i++) {
        while (j < to_count && strcmp(to[j].path, from[i].path) < 0)
            j++;
        if (j < to_count && strcmp(to[j].path, from[i].path) == 0 && same_failure(&from[i], &to[j]))
            continue;
        if (!c->verifying)
            missing[missing_count++] = &from[i];
        else if (!kept_photo(c, &from[i]))
            copy_differs(c, "the failure of", from[i].path);
    }
    enum status status = put_failures(c, missing, missing_count, err);
    if (!c->verifying)
        c->report->failures = (struct copy_count){(int64_t)count, (int64_t)missing_count};
    free(missing);
    return status;
}

enum status copy_failures(struct copy *c, struct err *err)
{
    struct store_failure *lists[2] = {NULL, NULL};
    size_t counts[2] = {0, 0};
    enum status status = OK;
    for (int side = 0; status == OK && side < 2; side++)
        status = store_failures(c->stores[side], &lists[side], &counts[side], err);
    if (status == OK)
        status = compare_failures(c, lists[0], counts[0], lists[1], counts[1], err);
    free(lists[0]);
    free(lists[1]);
    return status;
}

/* --- what a person said ------------------------------------------------------------------- */

static bool has_saved_set(const struct store_saved_set *sets, size_t count,
                          const struct store_saved_set *set)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(sets[i].name, set->name) == 0)
            return strcmp(sets[i].json, set->json) == 0;
    return false;
}

enum status copy_saved_sets(struct copy *c, struct err *err)
{
    struct store_saved_set *lists[2] = {NULL, NULL};
    size_t counts[2] = {0, 0};
    int64_t copied = 0;
    enum status status = OK;
    for (int side = 0; status == OK && side < 2; side++)
        status = store_saved_sets(c->stores[side], &lists[side], &counts[side], err);
    for (size_t i = 0; status == OK && i < counts[0]; i++) {
        const struct store_saved_set *set = &lists[0][i];
        if (has_saved_set(lists[1], counts[1], set))
            continue;
        copied++;
        if (c->verifying)
            copy_differs(c, "the saved set", set->name);
        else
            status = store_saved_set_put(c->stores[COPY_TO], set->name, set->json, err);
    }
    if (!c->verifying)
        c->report->saved_sets = (struct copy_count){(int64_t)counts[0], copied};
    for (int side = 0; side < 2; side++)
        store_saved_sets_free(lists[side], counts[side]);
    return status;
}

static int compare_decisions(const struct store_decision *x, const struct store_decision *y)
{
    int order = memcmp(x->a.bytes, y->a.bytes, sizeof x->a.bytes);
    return order ? order : memcmp(x->b.bytes, y->b.bytes, sizeof x->b.bytes);
}

/* Those of `from` that `to` lacks, moved to its front; returns how many. */
static size_t missing_decisions(struct store_decision *from, size_t count,
                                const struct store_decision *to, size_t to_count)
{
    size_t missing = 0, j = 0;
    for (size_t i = 0; i < count; i++) {
        while (j < to_count && compare_decisions(&to[j], &from[i]) < 0)
            j++;
        if (j == to_count || compare_decisions(&to[j], &from[i]) != 0 ||
            to[j].decision != from[i].decision || to[j].made_at != from[i].made_at)
            from[missing++] = from[i];
    }
    return missing;
}

enum status copy_decisions(struct copy *c, struct err *err)
{
    struct store_decision *lists[2] = {NULL, NULL};
    size_t counts[2] = {0, 0}, missing = 0;
    enum status status = OK;
    for (int side = 0; status == OK && side < 2; side++)
        status = store_decisions(c->stores[side], &lists[side], &counts[side], err);
    if (status == OK)
        missing = missing_decisions(lists[0], counts[0], lists[1], counts[1]);
    if (c->verifying && missing > 0)
        copy_differs(c, "what was decided about two photographs", "");
    for (size_t at = 0; status == OK && !c->verifying && at < missing; at += COPY_PUT)
        status = store_decisions_put(c->stores[COPY_TO], lists[0] + at,
                                     missing - at < COPY_PUT ? missing - at : COPY_PUT, err);
    if (!c->verifying)
        c->report->decisions = (struct copy_count){(int64_t)counts[0], (int64_t)missing};
    free(lists[0]);
    free(lists[1]);
    return status;
}

/* --- places ------------------------------------------------------------------------------- */

static bool has_place(const struct store_place *places, size_t count,
                      const struct store_place *place)
{
    for (size_t i = 0; i < count; i++)
        if (places[i].kind == place->kind && strcmp(places[i].path, place->path) == 0)
            return true;
    return false;
}

/* all: room for both lists, the target's first */
static enum status join_places(struct copy *c, struct store_place *all,
                               const struct store_place *from, size_t count, size_t to_count,
                               struct err *err)
{
    size_t total = to_count;
    for (size_t i = 0; i < count; i++)
        if (!has_place(all, to_count, &from[i]))
            all[total++] = from[i];
    if (!c->verifying)
        c->report->places = (struct copy_count){(int64_t)count, (int64_t)(total - to_count)};
    if (total == to_count)
        return OK;
    if (!c->verifying)
        return store_places_replace(c->stores[COPY_TO], all, total, err);
    copy_differs(c, "the folder", all[to_count].path);
    return OK;
}

enum status copy_places(struct copy *c, struct err *err)
{
    struct store_place *lists[2] = {NULL, NULL}, *all = NULL;
    size_t counts[2] = {0, 0};
    enum status status = OK;
    for (int side = 0; status == OK && side < 2; side++)
        status = store_places(c->stores[side], &lists[side], &counts[side], err);
    if (status == OK) {
        all = calloc(counts[0] + counts[1] + 1, sizeof *all);
        if (!all)
            status = err_no_memory(err, "the folders", counts[0] * sizeof *all);
    }
    if (status == OK && counts[1] > 0)
        memcpy(all, lists[1], counts[1] * sizeof *all);
    if (status == OK)
        status = join_places(c, all, lists[0], counts[0], counts[1], err);
    free(all);
    free(lists[0]);
    free(lists[1]);
    return status;
}

/* --- artifacts ---------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The number that a photograph of the source has in the target; 0: none. */
static int64_t number_in_target(void *context, int64_t id)
{
    const struct copy *c = context;
    const int64_t *found =
        c->id_count ? bsearch(&id, c->ids[COPY_FROM], c->id_count, sizeof id, compare_ids) : NULL;
    return found ? c->ids[COPY_TO][found - c->ids[COPY_FROM]] : 0;
}

static enum status is_there(struct copy *c, int64_t model_id, const char *name, const void *bytes,
                            size_t size, bool *there, struct err *err)
{
    void *old = NULL;
    size_t old_size = 0;
    struct err reason;
    enum status status =
        store_artifact_get(c->stores[COPY_TO], model_id, name, &old, &old_size, &reason);
    *there = status == OK && old_size == size && memcmp(old, bytes, size) == 0;
    free(old);
    return status == OK || status == ERR_NOT_FOUND ? OK : err_set(err, status, "%s", reason.text);
}

static enum status copy_artifact(struct copy *c, const struct copy_model *m, const char *name,
                                 struct err *err)
{
    void *bytes = NULL;
    size_t size = 0;
    bool there = false;
    enum status status =
        store_artifact_get(c->stores[COPY_FROM], m->ids[COPY_FROM], name, &bytes, &size, err);
    if (status != OK)
        return status;
    map_file_renumber(bytes, size, number_in_target, c);
    status = is_there(c, m->ids[COPY_TO], name, bytes, size, &there, err);
    if (status == OK && !there && c->verifying)
        copy_differs(c, "what was made of the vectors:", name);
    else if (status == OK && !there)
        status = store_artifact_put(c->stores[COPY_TO], m->ids[COPY_TO], name, bytes, size, err);
    if (!c->verifying) {
        c->report->artifacts.total++;
        c->report->artifacts.copied += !there;
    }
    free(bytes);
    return status;
}

enum status copy_artifacts(struct copy *c, struct err *err)
{
    enum status status = OK;
    for (size_t m = 0; status == OK && m < c->model_count; m++) {
        struct store_artifact *list;
        size_t count;
        status =
            store_artifacts(c->stores[COPY_FROM], c->models[m].ids[COPY_FROM], &list, &count, err);
        for (size_t i = 0; status == OK && i < count; i++)
            status = copy_artifact(c, &c->models[m], list[i].name, err);
        free(list);
    }
    return status;
}
