/* SPDX-License-Identifier: MIT
 *
 * What of a classification stays in the library: the labels of each set of categories, and the
 * set's vectors, so that its prompts are not encoded again. Labels are always those of all
 * photographs with the set's present prompts: they are computed anew from the vectors, which takes
 * milliseconds, and written only if they differ from what is there.
 */
#include "library/classify.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* --- labels ---------------------------------------------------------------------------------- */

static bool rows_are_stored(const struct classification *c, const struct store_labels *labels)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct verdict *v = &c->verdicts[i];
        /* The stored list begins with the main category. */
        const int *also;
        size_t count = classification_also(c, i, &also), has_main = v->category >= 0;
        size_t stored = labels->also_start[i + 1] - labels->also_start[i];
        if (labels->positions[i] != v->category || labels->confidences[i] != v->confidence ||
            labels->margins[i] != v->margin || labels->uncertain[i] != v->uncertain ||
            stored != count + has_main)
            return false;
        if (count > 0 && memcmp(labels->also + labels->also_start[i] + has_main, also,
                                count * sizeof *also) != 0)
            return false;
    }
    return true;
}

/* Whether the library has just these labels, of just these prompts. */
static enum status is_stored(bool *is, const struct classification *c, struct store *store,
                             int64_t model_id, const struct store_set *set,
                             const struct store_matrix *matrix, struct err *err)
{
    struct store_label_set *sets = NULL;
    size_t count = 0;
    *is = false;
    enum status status = store_label_sets(store, model_id, &sets, &count, err);
    bool may_be = false;
    /* The set that was written last is what answers where none is named: to be that, write. */
    if (status == OK && count > 0)
        may_be = strcmp(sets[0].name, set->name) == 0 && strcmp(sets[0].json, set->json) == 0 &&
                 sets[0].labels == (int64_t)c->count;
    if (status == OK)
        store_label_sets_free(sets, count);
    struct store_labels labels;
    if (status != OK || !may_be)
        return status;
    status = store_labels_load(store, model_id, set->name, matrix, &labels, err);
    if (status == ERR_NOT_FOUND)
        return OK;
    if (status != OK)
        return status;
    *is = rows_are_stored(c, &labels);
    store_labels_free(&labels);
    return OK;
}

static void fill_labels(struct store_label *labels, const struct classification *c,
                        const struct store_matrix *matrix, const char *const *names)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct verdict *v = &c->verdicts[i];
        labels[i] = (struct store_label){
            .photo_id = matrix->photo_ids[i],
            .category = v->category < 0 ? NULL : names[v->category],
            .confidence = v->confidence,
            .margin = v->margin,
            .uncertain = v->uncertain,
            .probabilities = c->probabilities + i * c->category_count,
        };
        labels[i].also_count = classification_also(c, i, &labels[i].also);
    }
}

enum status classification_keep(const struct classification *c, struct store *store,
                                int64_t model_id, const char *set,
                                const struct store_matrix *matrix,
                                const struct categories *categories, bool *written, struct err *err)
{
    struct store_label *labels = calloc(c->count + 1, sizeof *labels);
    const char **names = calloc(categories->count + 1, sizeof *names);
    enum status status = OK;
    bool is = false;
    if (!labels || !names) {
        status = err_no_memory(err, "the labels", c->count * sizeof *labels);
        goto out;
    }
    for (size_t i = 0; i < categories->count; i++)
        names[i] = categories->items[i].name;
    const struct store_set stored = {
        .name = set,
        .json = categories->json,
        .categories = names,
        .category_count = categories->count,
    };
    fill_labels(labels, c, matrix, names);
    status = is_stored(&is, c, store, model_id, &stored, matrix, err);
    if (status == OK && !is)
        status = store_labels_replace(store, model_id, &stored, labels, c->count, err);
    if (written)
        *written = !is;
out:
    free((void *)names);
    free(labels);
    return status;
}

enum status classification_store(const struct classification *c, struct store *store,
                                 int64_t model_id, const struct store_matrix *matrix,
                                 const struct categories *categories, struct err *err)
{
    return classification_keep(c, store, model_id, STORE_SET_DEFAULT, matrix, categories, NULL,
                               err);
}

/* --- the categories' vectors ------------------------------------------------------------------ */

#define VECTORS_MAGIC UINT64_C(0x316765744361766f) /* "ovaCteg1" */

struct vectors_head {
    uint64_t magic;
    XXH128_canonical_t key; /* of all that the vectors follow from, beside the model */
    uint32_t count, dim;
};

static void artifact_name(char *name, size_t size, const char *set)
{
    /* An artifact's name has 64 bytes at the most, and so has a set's. */
    XXH64_hash_t hash = XXH3_64bits(set, strlen(set));
    snprintf(name, size, "categories-%016llx", (unsigned long long)hash);
}

static struct vectors_head head_of(const struct categories *categories,
                                   const struct model_info *info)
{
    struct vectors_head head = {.magic = VECTORS_MAGIC,
                                .count = (uint32_t)categories->count,
                                .dim = (uint32_t)info->embed_dim};
    XXH128_hash_t key = XXH3_128bits_withSeed(categories->json, strlen(categories->json),
                                              (XXH64_hash_t)info->precision);
    XXH128_canonicalFromHash(&head.key, key);
    return head;
}

enum status category_vectors_load(struct store *store, int64_t model_id, const char *set,
                                  const struct categories *categories,
                                  const struct model_info *info, float *vectors, struct err *err)
{
    char name[64];
    void *bytes = NULL;
    size_t size = 0;
    const struct vectors_head head = head_of(categories, info);
    size_t vector_bytes = categories->count * (size_t)info->embed_dim * sizeof *vectors;
    artifact_name(name, sizeof name, set);
    enum status status = store_artifact_get(store, model_id, name, &bytes, &size, err);
    if (status != OK)
        return status;
    if (size == sizeof head + vector_bytes && memcmp(bytes, &head, sizeof head) == 0)
        memcpy(vectors, (const char *)bytes + sizeof head, vector_bytes);
    else
        status = err_set(err, ERR_NOT_FOUND, "the categories' prompts have changed");
    free(bytes);
    return status;
}

enum status category_vectors_keep(struct store *store, int64_t model_id, const char *set,
                                  const struct categories *categories,
                                  const struct model_info *info, const float *vectors,
                                  struct err *err)
{
    char name[64];
    const struct vectors_head head = head_of(categories, info);
    size_t vector_bytes = categories->count * (size_t)info->embed_dim * sizeof *vectors;
    char *bytes = malloc(sizeof head + vector_bytes);
    if (!bytes)
        return err_no_memory(err, "the categories", vector_bytes);
    artifact_name(name, sizeof name, set);
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, vectors, vector_bytes);
    enum status status =
        store_artifact_put(store, model_id, name, bytes, sizeof head + vector_bytes, err);
    free(bytes);
    return status;
}

/* --- sets --------------------------------------------------------------------------------------
 */

enum status classification_drop(struct store *store, int64_t model_id, const char *set,
                                struct err *err)
{
    struct store_label_set *sets = NULL;
    size_t count = 0;
    bool is_there = false;
    char name[64];
    enum status status = store_label_sets(store, model_id, &sets, &count, err);
    if (status != OK)
        return status;
    struct str names = str_new(ERR_TEXT_MAX);
    for (size_t i = 0; i < count; i++) {
        is_there |= strcmp(sets[i].name, set) == 0;
        str_format(&names, "%s%s", i ? ", " : "", sets[i].name);
    }
    if (!is_there)
        status =
            err_set(err, ERR_NOT_FOUND, "the library has no set of categories \"%s\"; it has: %s",
                    set, count ? str_text(&names) : "none");
    str_free(&names);
    store_label_sets_free(sets, count);
    artifact_name(name, sizeof name, set);
    if (status == OK)
        status = store_labels_drop(store, model_id, set, err);
    if (status == OK)
        status = store_artifact_remove(store, model_id, name, err);
    return status;
}

void classification_set_name(char name[STORE_SET_MAX + 1], const char *categories_file)
{
    const char *base = categories_file ? path_basename(categories_file) : STORE_SET_DEFAULT;
    const char *dot = strrchr(base, '.');
    size_t size = dot && dot != base ? (size_t)(dot - base) : strlen(base);
    struct str clean = str_new(4 * (size_t)STORE_SET_MAX + 4096);
    char *stem = strndup(base, size);
    str_put_utf8(&clean, stem ? stem : STORE_SET_DEFAULT);
    const char *text = str_ok(&clean) && clean.size > 0 ? str_text(&clean) : STORE_SET_DEFAULT;
    size = strlen(text);
    if (size > STORE_SET_MAX)
        for (size = STORE_SET_MAX; size > 0 && (text[size] & 0xc0) == 0x80;)
            size--; /* not within a character */
    memcpy(name, text, size);
    name[size] = '\0';
    free(stem);
    str_free(&clean);
}
