/* SPDX-License-Identifier: MIT
 *
 * fovea store shard: the vectors of a library in PostgreSQL, spread over several servers.
 */
#include "cli/commands.h"
#include "cli/library_args.h"
#include "cli/output.h"

#include <stdlib.h>

struct shard_args {
    const char *library;
    struct operands servers;
    bool none, json;
};

static const struct option options[] = {
    OPTION_LIBRARY(struct shard_args),
    {.name = "server",
     .kind = OPTION_STRINGS,
     .argument = "URL",
     .offset = offsetof(struct shard_args, servers),
     .help = "a server that takes a share, as postgres://USER@HOST/NAME; once for each. Both this "
             "machine and the library's server have to reach it; the password comes from the "
             "password file (~/.pgpass)"},
    {.name = "none",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct shard_args, none),
     .help = "bring all vectors back to the library's own server"},
    OPTION_JSON(struct shard_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea store shard --server postgres://fovea@db1/photos --server postgres://fovea@db2/photos",
     "spread the vectors over two servers"},
    {"fovea store shard", "where they are, and whether each server answers"},
    {"fovea store shard --none", "bring them back"},
    {NULL, NULL},
};

static enum status show(struct store *store, bool json, struct err *err)
{
    struct store_shard *shards;
    size_t count;
    enum status status = store_shards(store, &shards, &count, err);
    if (status != OK)
        return status;
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct store_shard *x = &shards[i];
        if (json) {
            json_array_append_new(
                list, json_pack("{s:o, s:o, s:o, s:o}", "server", output_json_string(x->server),
                                "model", output_json_string(x->model), "vectors",
                                x->vectors < 0 ? json_null() : json_integer((json_int_t)x->vectors),
                                "trouble",
                                x->vectors < 0 ? output_json_string(x->trouble) : json_null()));
            continue;
        }
        output_name(x->server);
        output_text(": ");
        if (x->vectors >= 0)
            output_format("%lld vectors of ", (long long)x->vectors);
        output_name(x->vectors >= 0 ? x->model : x->trouble);
        output_text("\n");
    }
    if (json)
        status = output_json(json_pack("{s:o}", "shards", list), err);
    else
        json_decref(list);
    if (!json && count == 0)
        output_text("the vectors are all on the library's own server\n");
    free(shards);
    return status;
}

static enum status change(struct store *store, const struct shard_args *args, struct err *err)
{
    int64_t moved = 0;
    const char **urls = NULL;
    enum status status = operands_texts(&args->servers, &urls, err);
    if (status == OK) /* nobody may be adding vectors meanwhile */
        status = store_index_lock(store, err);
    if (status == OK && args->none)
        status = store_shards_end(store, &moved, err);
    else if (status == OK)
        status = store_shards_make(store, urls, args->servers.count, &moved, err);
    store_index_unlock(store);
    free(urls);
    if (status == OK && args->json)
        status = output_json(json_pack("{s:I, s:I}", "moved", (json_int_t)moved, "servers",
                                       (json_int_t)args->servers.count),
                             err);
    else if (status == OK)
        output_format("%lld vectors moved\n", (long long)moved);
    return status;
}

static enum status run(const void *arguments, struct err *err)
{
    const struct shard_args *args = arguments;
    struct store *store = NULL;
    bool changes = args->none || args->servers.count > 0;
    if (args->none && args->servers.count > 0)
        return err_set(err, ERR_ARGUMENT, "--none and --server exclude each other");
    enum status status =
        library_open(&store, args->library, changes ? STORE_WRITE : STORE_READ, false, err);
    if (status == OK)
        status = changes ? change(store, args, err) : show(store, args->json, err);
    store_close(store);
    return status;
}

const struct command command_store_shard = {
    .name = "store shard",
    .summary = "spread vectors over several servers",
    .about =
        "For a library in PostgreSQL that has outgrown one server. Its vectors go to tables on the "
        "servers that are named (postgres_fdw, by the hash of the photograph's number); each "
        "search "
        "asks all of them at the same time. Everything else stays where it is, and every command "
        "works as before. Without --server or --none it shows where the vectors are.\n\n"
        "Moving happens in one transaction: after a failure everything is where it was. A model "
        "that is new since is spread by the same command with the same servers. docs/postgres.md "
        "has what the servers need.",
    .options = options,
    .examples = examples,
    .args_size = sizeof(struct shard_args),
    .run = run,
};
