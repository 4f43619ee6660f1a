/* SPDX-License-Identifier: MIT
 *
 * fovea store index: the HNSW index of a model's vectors in PostgreSQL.
 */
#include "cli/cmd_store.h"

#include "cli/library_args.h"
#include "cli/model_args.h"
#include "cli/output.h"

#include <stdlib.h>

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

/* What there is of a model's index; parts: [count] on the shards, where there are any. */
struct found {
    struct store_model model;
    struct store_hnsw index;
    struct store_hnsw_part *parts;
    size_t count;
};

static json_t *parts_json(const struct found *f)
{
    json_t *list = json_array();
    for (size_t i = 0; i < f->count; i++) {
        const struct store_hnsw_part *x = &f->parts[i];
        json_array_append_new(
            list,
            json_pack("{s:o, s:o, s:o, s:o}", "server", output_json_string(x->server), "index",
                      x->there ? json_string("hnsw") : json_null(), "bytes",
                      x->there ? json_integer((json_int_t)x->size_bytes) : json_null(), "trouble",
                      x->trouble[0] ? output_json_string(x->trouble) : json_null()));
    }
    return list;
}

static int64_t size_of(const struct found *f)
{
    int64_t sum = f->index.size_bytes;
    for (size_t i = 0; i < f->count; i++)
        sum += f->parts[i].size_bytes;
    return sum;
}

static enum status show_json(const struct found *f, struct err *err)
{
    json_t *json = json_object();
    json_object_set_new(json, "model", output_json_string(f->model.name));
    json_object_set_new(json, "index", f->index.there ? json_string("hnsw") : json_null());
    if (f->index.there) {
        json_object_set_new(json, "m", json_integer(f->index.m));
        json_object_set_new(json, "ef_construction", json_integer(f->index.ef_construction));
        json_object_set_new(json, "bytes", json_integer((json_int_t)size_of(f)));
    }
    if (f->count > 0)
        json_object_set_new(json, "shards", parts_json(f));
    return output_json(json, err);
}

static void show_part(const struct store_hnsw_part *part)
{
    output_text("  ");
    output_name(part->server);
    if (part->trouble[0]) {
        output_text(": ");
        output_name(part->trouble);
    } else if (part->there) {
        output_format(": %.1f MB", (double)part->size_bytes / 1e6);
    } else {
        output_text(": none, its part of a search is exact");
    }
    output_text("\n");
}

static enum status show(const struct found *f, bool as_json, struct err *err)
{
    if (as_json)
        return show_json(f, err);
    output_name(f->model.name);
    if (!f->index.there) {
        output_text(": no index, searches are exact\n");
        return OK;
    }
    output_format(": HNSW index, m %d, ef_construction %d, %.1f MB", f->index.m,
                  f->index.ef_construction, (double)size_of(f) / 1e6);
    if (f->count > 0)
        output_format(" on %zu shard%s", f->count, f->count == 1 ? "" : "s");
    output_text("\n");
    for (size_t i = 0; i < f->count; i++)
        show_part(&f->parts[i]);
    return OK;
}

/* Whoever adds vectors would wait for it, and give up: the library is ours alone meanwhile. */
static enum status change(struct store *store, int64_t model_id, const struct index_args *args,
                          struct err *err)
{
    enum status status = store_index_lock(store, err);
    if (status != OK)
        return status;
    status = args->hnsw ? store_hnsw_make(store, model_id, args->m, args->ef_construction, err)
                        : store_hnsw_drop(store, model_id, err);
    store_index_unlock(store);
    return status;
}

static enum status run(const void *arguments, struct err *err)
{
    const struct index_args *args = arguments;
    struct store *store = NULL;
    struct found found = {0};
    if (args->hnsw && args->drop)
        return err_set(err, ERR_ARGUMENT, "--hnsw and --drop exclude each other");
    const bool writes = args->hnsw || args->drop;
    enum status status =
        library_open(&store, args->library, writes ? STORE_WRITE : STORE_READ, false, err);
    if (status == OK)
        status = library_model_stored(store, args->model, &found.model, err);
    if (status == OK && writes)
        status = change(store, found.model.id, args, err);
    if (status == OK)
        status = store_hnsw_get(store, found.model.id, &found.index, err);
    if (status == OK && found.index.there)
        status = store_hnsw_parts(store, found.model.id, &found.parts, &found.count, err);
    if (status == OK)
        status = show(&found, args->json, err);
    free(found.parts);
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
        "keeps itself up to date. A library in a file is searched in memory and has none.\n\n"
        "Where vectors are spread over servers (fovea store shard), each of them gets an index of "
        "its part, all at the same time; this machine connects to them for that, as the role that "
        "spread them. Meanwhile nobody can index photographs.",
    .options = options,
    .examples = examples,
    .args_size = sizeof(struct index_args),
    .run = run,
};
