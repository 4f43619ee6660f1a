/* SPDX-License-Identifier: MIT
 *
 * fovea retire: drop the vectors of a model that answers no more.
 */
#include "cli/commands.h"
#include "cli/library_args.h"
#include "cli/model_args.h"
#include "cli/output.h"

#include <stdlib.h>
#include <string.h>

#define FINGERPRINT_LEAST 6 /* characters, to name a model by */

struct retire_args {
    const char *library;
    bool yes, json;
    struct operands models;
};

static const struct option options[] = {
    OPTION_LIBRARY(struct retire_args),
    {.name = "yes",
     .short_name = 'y',
     .kind = OPTION_FLAG,
     .offset = offsetof(struct retire_args, yes),
     .help = "also the model that answers: nothing can be searched until the library is indexed "
             "again"},
    OPTION_JSON(struct retire_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea index --model ViT-L-14/dfn2b", "the vectors of another model, beside the old ones"},
    {"fovea retire ViT-B-32/openai", "drop the old ones"},
    {NULL, NULL},
};

/* By its name, or by the first characters of its fingerprint where two have one name. */
static bool is_named(const struct store_model *model, const char *name)
{
    size_t n = strlen(name);
    return strcmp(model->name, name) == 0 ||
           (n >= FINGERPRINT_LEAST && strncmp(model->fingerprint, name, n) == 0);
}

static void list_names(struct str *out, const struct store_model *models, size_t count,
                       const char *only)
{
    for (size_t i = 0; i < count; i++)
        if (!only || is_named(&models[i], only))
            str_format(out, "%s%s", out->size ? ", " : "",
                       only ? models[i].fingerprint : models[i].name);
}

static enum status find_model(const struct store_model *models, size_t count, const char *name,
                              const struct store_model **found, struct err *err)
{
    size_t matches = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_named(&models[i], name))
            continue;
        *found = &models[i];
        matches++;
    }
    if (matches == 1)
        return OK;
    struct str names = str_new(ERR_TEXT_MAX);
    list_names(&names, models, count, matches ? name : NULL);
    enum status status =
        matches
            ? err_set(err, ERR_ARGUMENT,
                      "the library has %zu models named %s; name one by its fingerprint: %s",
                      matches, name, str_text(&names))
            : err_set(err, ERR_NOT_FOUND, "the library has no vectors of %s; it has those of: %s",
                      name, count ? str_text(&names) : "no model");
    str_free(&names);
    return status;
}

static enum status retire(struct store *store, const struct retire_args *args, struct err *err)
{
    struct store_model *models = NULL;
    const struct store_model *model = NULL;
    size_t count;
    /* No index run may be filling in what is dropped. */
    enum status status = store_index_lock(store, err);
    if (status == OK)
        status = store_models(store, &models, &count, err);
    if (status == OK)
        status = find_model(models, count, args->models.items[0].text, &model, err);
    if (status == OK && model->active && !args->yes)
        status = err_set(err, ERR_ARGUMENT,
                         "%s is the model that answers; index with another one first, or say --yes "
                         "to be left without vectors",
                         model->name);
    if (status == OK)
        status = store_model_remove(store, model->id, err);
    if (status == OK && args->json) {
        status = output_json(json_pack("{s:o, s:s, s:I}", "retired",
                                       output_json_string(model->name), "fingerprint",
                                       model->fingerprint, "photos", (json_int_t)model->embeddings),
                             err);
    } else if (status == OK) {
        output_name(model->name);
        output_format(": %lld vectors and what was made of them are dropped\n",
                      (long long)model->embeddings);
    }
    free(models);
    return status;
}

static enum status run(const void *arguments, struct err *err)
{
    const struct retire_args *args = arguments;
    struct store *store = NULL;
    enum status status = library_open(&store, args->library, STORE_WRITE, false, err);
    if (status == OK)
        status = retire(store, args, err);
    store_close(store);
    return status;
}

const struct command command_retire = {
    .name = "retire",
    .summary = "drop the vectors of a model that is no longer used",
    .about = "A library can hold the vectors of several models side by side; one of them answers "
             "(`fovea status` shows which). This drops those of another one, with the labels and "
             "maps that were made of them. Photographs and their metadata stay, and so do the "
             "model's own files (`fovea models remove` deletes those).",
    .options = options,
    .examples = examples,
    .operand = "MODEL",
    .operands_min = 1,
    .operands_max = 1,
    .operands_offset = offsetof(struct retire_args, models),
    .args_size = sizeof(struct retire_args),
    .run = run,
};
