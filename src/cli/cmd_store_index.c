/* SPDX-License-Identifier: MIT
 *
 * fovea store index: the HNSW index of a model's vectors in PostgreSQL.
 */
#include "cli/cmd_store.h"

#include "cli/library_args.h"
#include "cli/model_args.h"
#include "cli/output.h"

struct index_args {
    const char *library, *model;
    bool hnsw, drop, json;
    int m, ef_construction;
};

static const struct option options[] = {
    OPTION_LIBRARY(struct index_args),
    {.name = "hnsw",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct index_args, hnsw),
     .help = "make one, in the place of an older one"},
    {.name = "drop",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct index_args, drop),
     .help = "remove it: searches are exact again"},
    {.name = "m",
     .short_name = 'm',
     .kind = OPTION_INT,
     .argument = "N",
     .offset = offsetof(struct index_args, m),
     .fallback = "16",
     .min = 2,
     .max = 100,
     .help = "links of each vector; more of them find more, and take more room"},
    {.name = "ef-construction",
     .kind = OPTION_INT,
     .argument = "N",
     .offset = offsetof(struct index_args, ef_construction),
     .fallback = "64",
     .min = 4,
     .max = 1000,
     .help = "candidates while it is built, at least twice -m; more of them find more, and take "
             "more time"},
    {.name = "model",
     .kind = OPTION_STRING,
     .argument = "MODEL",
     .offset = offsetof(struct index_args, model),
     .help = "whose vectors; without it $FOVEA_MODEL, else those of the model that answers"},
    OPTION_JSON(struct index_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea store index --hnsw --library postgres://photos@server/photos", "search by an index"},
    {"fovea store index --hnsw -m 32 --ef-construction 128", "a better and larger one"},
    {"fovea store index", "whether there is one"},
    {"fovea store index --drop", "exact again"},
    {NULL, NULL},
};

static enum status show(const struct store_model *model, const struct store_hnsw *index,
                        bool as_json, struct err *err)
{
    if (as_json)
        return output_json(
            index->there
                ? json_pack("{s:o, s:s, s:i, s:i, s:I}", "model", output_json_string(model->name),
                            "index", "hnsw", "m", index->m, "ef_construction",
                            index->ef_construction, "bytes", (json_int_t)index->size_bytes)
                : json_pack("{s:o, s:n}", "model", output_json_string(model->name), "index"),
            err);
    output_name(model->name);
    if (index->there)
        output_format(": HNSW index, m %d, ef_construction %d, %.1f MB\n", index->m,
                      index->ef_construction, (double)index->size_bytes / 1e6);
    else
        output_text(": no index, searches are exact\n");
    return OK;
}

static enum status run(const void *arguments, struct err *err)
{
    const struct index_args *args = arguments;
    struct store *store = NULL;
    struct store_model model;
    struct store_hnsw index;
    if (args->hnsw && args->drop)
        return err_set(err, ERR_ARGUMENT, "--hnsw and --drop exclude each other");
    const bool writes = args->hnsw || args->drop;
    enum status status =
        library_open(&store, args->library, writes ? STORE_WRITE : STORE_READ, false, err);
    if (status == OK)
        status = library_model_stored(store, args->model, &model, err);
    if (status == OK && args->hnsw)
        status = store_hnsw_make(store, model.id, args->m, args->ef_construction, err);
    if (status == OK && args->drop)
        status = store_hnsw_drop(store, model.id, err);
    if (status == OK)
        status = store_hnsw_get(store, model.id, &index, err);
    if (status == OK)
        status = show(&model, &index, args->json, err);
    store_close(store);
    return status;
}

const struct command command_store_index = {
    .name = "store index",
    .summary = "make, drop or show the index of a library in PostgreSQL",
    .about =
        "Without an index, every vector is compared with the query and answers are exact. With an "
        "HNSW index most of the nearest are found in a fraction of the time, and searches by this "
        "program use it wherever no more than a twentieth of the photographs is asked for. It "
        "keeps itself up to date. A library in a file is searched in memory and has none.",
    .options = options,
    .examples = examples,
    .args_size = sizeof(struct index_args),
    .run = run,
};
