/* SPDX-License-Identifier: MIT
 *
 * Reading category sets, and encoding them by prompt ensembling (CLIP, section 3.1.4: the mean of
 * normalised embeddings, normalised).
 */
#include "library/categories.h"

#include "base/file.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT ((size_t)4 << 20)

extern const unsigned char default_categories_json[];
extern const unsigned long default_categories_json_size;

static enum status add_prompt(struct category *category, const json_t *prompt, struct err *err)
{
    const char *text = json_string_value(prompt);
    if (!text || text[strspn(text, " \t\r\n")] == '\0')
        return err_set(err, ERR_FORMAT,
                       "category \"%s\": a prompt has to be a text that is not empty",
                       category->name);
    char *copy = strdup(text);
    if (!copy)
        return err_no_memory(err, "a prompt", json_string_length(prompt));
    category->prompts[category->prompt_count++] = copy;
    return OK;
}

static enum status add_prompts(struct category *category, const json_t *prompts, struct err *err)
{
    size_t count = json_is_array(prompts) ? json_array_size(prompts) : 1;
    if (count == 0)
        return err_set(err, ERR_FORMAT, "category \"%s\" has no prompts", category->name);
    if (count > PROMPTS_MAX)
        return err_set(err, ERR_LIMIT, "category \"%s\" has %zu prompts; the limit is %d",
                       category->name, count, PROMPTS_MAX);
    category->prompts = calloc(count, sizeof(char *));
    if (!category->prompts)
        return err_no_memory(err, "prompts", count * sizeof(char *));
    if (!json_is_array(prompts))
        return add_prompt(category, prompts, err);
    enum status status = OK;
    for (size_t i = 0; status == OK && i < count; i++)
        status = add_prompt(category, json_array_get(prompts, i), err);
    return status;
}

static enum status from_object(struct categories *out, json_t *root, struct err *err)
{
    if (!json_is_object(root))
        return err_set(err, ERR_FORMAT, "expected an object: {\"name\": [\"prompt\", ...], ...}");
    size_t count = json_object_size(root);
    if (count == 0)
        return err_set(err, ERR_FORMAT, "there is no category in it");
    if (count > CATEGORIES_MAX)
        return err_set(err, ERR_LIMIT, "%zu categories; the limit is %d", count, CATEGORIES_MAX);
    out->items = calloc(count, sizeof *out->items);
    out->json = json_dumps(root, JSON_COMPACT);
    if (!out->items || !out->json)
        return err_no_memory(err, "categories", count * sizeof *out->items);
    const char *name;
    json_t *prompts;
    json_object_foreach(root, name, prompts)
    {
        if (!*name)
            return err_set(err, ERR_FORMAT, "a category has an empty name");
        if (strlen(name) > CATEGORY_NAME_MAX)
            return err_set(err, ERR_LIMIT,
                           "the category \"%.40s...\" has a name of %zu bytes; the "
                           "limit is %d",
                           name, strlen(name), CATEGORY_NAME_MAX);
        struct category *category = &out->items[out->count++];
        category->name = strdup(name);
        if (!category->name)
            return err_no_memory(err, "a category", strlen(name));
        enum status status = add_prompts(category, prompts, err);
        if (status != OK)
            return status;
    }
    return OK;
}

enum status categories_parse(struct categories *out, const char *json, size_t size, struct err *err)
{
    *out = (struct categories){0};
    json_error_t where;
    json_t *root = json_loadb(json, size, JSON_REJECT_DUPLICATES, &where);
    if (!root)
        return err_set(err, ERR_FORMAT, "line %d, column %d: %s", where.line, where.column,
                       where.text);
    enum status status = from_object(out, root, err);
    json_decref(root);
    if (status != OK)
        categories_free(out);
    return status;
}

enum status categories_read(struct categories *out, const char *path, struct err *err)
{
    *out = (struct categories){0};
    struct file_bytes text;
    enum status status = file_read(&text, path, FILE_LIMIT, err);
    if (status != OK)
        return status;
    const char *start = (const char *)text.data;
    size_t size = text.size;
    if (size >= 3 && memcmp(start, "\xef\xbb\xbf", 3) == 0) { /* some editors write a BOM */
        start += 3;
        size -= 3;
    }
    status = categories_parse(out, start, size, err);
    if (status != OK)
        err_prefix(err, "categories file %s", path);
    file_bytes_free(&text);
    return status;
}

enum status categories_default(struct categories *out, struct err *err)
{
    return categories_parse(out, (const char *)default_categories_json,
                            default_categories_json_size, err);
}

void categories_free(struct categories *categories)
{
    if (!categories)
        return;
    for (size_t i = 0; i < categories->count; i++) {
        struct category *category = &categories->items[i];
        for (size_t j = 0; j < category->prompt_count; j++)
            free(category->prompts[j]);
        free(category->prompts);
        free(category->name);
    }
    free(categories->items);
    free(categories->json);
    *categories = (struct categories){0};
}

enum status categories_encode(const struct categories *categories, struct session *session,
                              const struct model_info *info, float *vectors, struct err *err)
{
    int dim = info->embed_dim;
    float *one = malloc((size_t)dim * sizeof *one);
    if (!one)
        return err_no_memory(err, "an embedding", (size_t)dim * sizeof *one);
    enum status status = OK;
    for (size_t c = 0; status == OK && c < categories->count; c++) {
        const struct category *category = &categories->items[c];
        float *sum = vectors + c * (size_t)dim;
        memset(sum, 0, (size_t)dim * sizeof *sum);
        for (size_t p = 0; status == OK && p < category->prompt_count; p++) {
            status = session_encode_text(session, category->prompts[p], one, err);
            if (status != OK) {
                err_prefix(err, "category \"%s\"", category->name);
                break;
            }
            embedding_normalize(one, dim);
            for (int i = 0; i < dim; i++)
                sum[i] += one[i];
        }
        embedding_normalize(sum, dim); /* the mean differs from the sum by a factor only */
    }
    free(one);
    return status;
}
