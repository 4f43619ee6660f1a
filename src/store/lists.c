/* SPDX-License-Identifier: MIT */
#include "store/lists.h"

#include <stdlib.h>
#include <string.h>

void *room_for(void *array, size_t count, size_t size)
{
    return count == 0 || (count & (count - 1)) == 0 ? realloc(array, (count ? 2 * count : 1) * size)
                                                    : array;
}

/* --- paths -------------------------------------------------------------------------------- */

char **strings_block(const struct str *strings, size_t count)
{
    char **block = malloc(count * sizeof *block + strings->size + 1);
    if (!block)
        return NULL;
    char *p = (char *)(block + count);
    if (strings->size > 0)
        memcpy(p, strings->data, strings->size);
    for (size_t i = 0; i < count; i++, p += strlen(p) + 1)
        block[i] = p;
    return block;
}

enum status places_block(const struct str *kinds, const struct str *paths,
                         struct store_place **places, struct err *err)
{
    struct store_place *block = malloc(kinds->size * sizeof *block + paths->size + 1);
    if (!block)
        return err_no_memory(err, "the library's places", paths->size);
    char *p = (char *)(block + kinds->size);
    if (paths->size > 0)
        memcpy(p, paths->data, paths->size);
    for (size_t i = 0; i < kinds->size; i++, p += strlen(p) + 1)
        block[i] = (struct store_place){p, kinds->data[i]};
    *places = block;
    return OK;
}

/* --- failures ----------------------------------------------------------------------------- */

enum status failures_add(struct store_failure **failures, size_t *count, int64_t size_bytes,
                         int64_t mtime_ns, struct str *strings, const void *reason,
                         size_t reason_size, struct err *err)
{
    struct store_failure *grown = room_for(*failures, *count, sizeof *grown);
    if (!grown)
        return err_no_memory(err, "the library's failures", *count * sizeof *grown);
    *failures = grown;
    grown[(*count)++] = (struct store_failure){
        .size_bytes = size_bytes,
        .mtime_ns = mtime_ns,
        .transient = mtime_ns == STORE_NO_MTIME,
    };
    str_append(strings, reason ? reason : "", reason ? strnlen(reason, reason_size) : 0);
    str_append(strings, "", 1);
    return str_ok(strings) ? OK : err_no_memory(err, "the library's failures", strings->size);
}

enum status failures_join(struct store_failure **failures, size_t *count, const struct str *strings,
                          enum status status, struct err *err)
{
    size_t array = *count * sizeof **failures;
    struct store_failure *block =
        status == OK ? realloc(*failures, array + strings->size + 1) : NULL;
    if (!block) {
        free(*failures);
        *failures = NULL;
        *count = 0;
        return status == OK ? err_no_memory(err, "the library's failures", array + strings->size)
                            : status;
    }
    *failures = block;
    char *p = (char *)block + array;
    if (strings->size > 0)
        memcpy(p, strings->data, strings->size);
    for (size_t i = 0; i < *count; i++) {
        block[i].path = p;
        block[i].reason = p + strlen(p) + 1;
        p = block[i].reason + strlen(block[i].reason) + 1;
    }
    return OK;
}

/* --- what a person said ------------------------------------------------------------------- */

enum status decisions_add(const struct store *store, struct store_decision **decisions,
                          size_t *count, const struct list_hash hashes[2], int decision,
                          int64_t made_at, struct err *err)
{
    struct store_decision *grown = room_for(*decisions, *count, sizeof *grown);
    if (!grown)
        return err_no_memory(err, "the decisions", *count * sizeof *grown);
    *decisions = grown;
    struct store_decision *d = &grown[*count];
    *d = (struct store_decision){
        .decision = decision == DECISION_DUPLICATE ? DECISION_DUPLICATE : DECISION_NOT_DUPLICATE,
        .made_at = made_at,
    };
    struct photo_hash *to[] = {&d->a, &d->b};
    for (int i = 0; i < 2; i++) {
        if (!hashes[i].bytes || hashes[i].size != sizeof to[i]->bytes)
            return store->ops->damaged(store, "a hash has the wrong size", err);
        memcpy(to[i]->bytes, hashes[i].bytes, sizeof to[i]->bytes);
    }
    ++*count;
    return OK;
}

enum status saved_sets_add(const struct store *store, struct store_saved_set **sets, size_t *count,
                           const char *name, const char *json, struct err *err)
{
    struct store_saved_set *grown = realloc(*sets, (*count + 1) * sizeof *grown);
    if (!grown)
        return err_no_memory(err, "the saved sets", (*count + 1) * sizeof *grown);
    *sets = grown;
    struct store_saved_set *set = &grown[*count];
    if (!name || strlen(name) >= sizeof set->name || !json)
        return store->ops->damaged(store, "a saved set has no name or no text", err);
    memcpy(set->name, name, strlen(name) + 1);
    set->json = strdup(json);
    if (!set->json)
        return err_no_memory(err, "the saved sets", strlen(json));
    ++*count;
    return OK;
}

/* --- sets of labels ----------------------------------------------------------------------- */

enum status label_sets_add(const struct store *store, struct store_label_set **sets, size_t *count,
                           struct store_label_set set, const char *name, const char *json,
                           struct err *err)
{
    struct store_label_set *grown = realloc(*sets, (*count + 1) * sizeof *grown);
    if (!grown)
        return err_no_memory(err, "the sets of categories", (*count + 1) * sizeof *grown);
    *sets = grown;
    grown[*count] = set;
    struct store_label_set *added = &grown[(*count)++];
    if (!name || strlen(name) > STORE_SET_MAX)
        return store->ops->damaged(store, "a set of categories has no name", err);
    memcpy(added->name, name, strlen(name) + 1);
    added->json = strdup(json ? json : "");
    return added->json ? OK : err_no_memory(err, "the sets of categories", 0);
}

enum status label_set_add_category(struct store_label_set *set, const char *name, struct err *err)
{
    char **grown = room_for(set->categories, set->category_count, sizeof *grown);
    if (!grown)
        return err_no_memory(err, "the categories", set->category_count * sizeof *grown);
    set->categories = grown;
    grown[set->category_count] = strdup(name ? name : "");
    if (!grown[set->category_count])
        return err_no_memory(err, "the categories", 0);
    set->category_count++;
    return OK;
}
