/* SPDX-License-Identifier: MIT
 *
 * What an index run records; the idea is sqlite_index.c's: a photo is its content, a path
 * is where it was last seen, and a photo that has lost its last path waits for the sweep.
 *
 * A batch is recorded by a handful of statements, however many results it has, so that the way to
 * the server counts little: rows go as arrays, one per column, vectors by COPY. Results of a batch
 * count one after the other; where that can show (the same path twice) the batch is cut in parts,
 * within one transaction.
 *
 *   1. which failures leave their path's photo alone
 *   2. photos: those that are new, by hash; then all of the batch, locked, in the order of hashes
 *   3. vectors, where the photo has none yet: while its row is locked nobody else adds one
 *   4. metadata of the photos that were there before
 *   5. files, and their sidecars
 *   6. the end of what this indexer had claimed
 *
 * Rows are locked in the order of their keys, so that two writers rarely wait for each other in a
 * circle; if they do, one of them is asked to try again (pg_again()).
 */
#include "store/postgres_put.h"

#include <stdlib.h>
#include <string.h>

/* --- a part of a batch -------------------------------------------------------------------- */

static int compare_contents(const void *a, const void *b)
{
    const struct content *x = a, *y = b;
    int order = memcmp(&x->hash, &y->hash, sizeof x->hash);
    return order ? order : (x->first > y->first) - (x->first < y->first);
}

struct content *part_content(const struct part *p, const void *hash)
{
    size_t low = 0, high = p->content_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(&p->contents[middle].hash, hash, sizeof p->contents->hash);
        if (order == 0)
            return &p->contents[middle];
        *(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
    }
    return NULL;
}

static void add_result(const struct part *p, struct content *c, size_t i)
{
    const struct store_result *r = &p->results[i];
    if (c->first_ok == NONE && (r->vector || p->model_id == 0))
        c->first_ok = i;
    if (c->vector == NONE && r->vector)
        c->vector = i;
    if (r->meta)
        c->meta = i;
    if (r->has_phash)
        c->phash = i;
}

static enum status list_contents(struct part *p, struct err *err)
{
    p->contents = calloc(p->count ? p->count : 1, sizeof *p->contents);
    p->kept = calloc(p->count ? p->count : 1, sizeof *p->kept);
    if (!p->contents || !p->kept)
        return err_no_memory(err, "a batch", p->count * sizeof *p->contents);
    for (size_t i = 0; i < p->count; i++)
        if (!p->results[i].failure)
            p->contents[p->content_count++] =
                (struct content){p->results[i].hash, i, NONE, NONE, NONE, NONE, 0, false};
    qsort(p->contents, p->content_count, sizeof *p->contents, compare_contents);
    size_t kept = 0; /* each once */
    for (size_t i = 0; i < p->content_count; i++)
        if (i == 0 || memcmp(&p->contents[i].hash, &p->contents[kept - 1].hash,
                             sizeof p->contents->hash) != 0)
            p->contents[kept++] = p->contents[i];
    p->content_count = kept;
    for (size_t i = 0; i < p->count; i++)
        if (!p->results[i].failure)
            add_result(p, part_content(p, &p->results[i].hash), i);
    return OK;
}

static void free_part(struct part *p)
{
    free(p->contents);
    free(p->kept);
}

/* --- 6: claims ---------------------------------------------------------------------------- */

/* What has been recorded is not to be done any more, by anybody (store_claims.h). */
static enum status end_claims(struct part *p, struct err *err)
{
    if (!p->store->joined)
        return OK;
    struct pg_array paths;
    pg_array_begin(&paths, PG_BYTEA);
    for (size_t i = 0; i < p->count; i++)
        pg_array_blob(&paths, p->results[i].file.path, strlen(p->results[i].file.path));
    struct pg q = pg_start(p->store, PG_CLAIM_END,
                           "DELETE FROM claims USING unnest($2) AS u (path) WHERE model_id = $1"
                           " AND " POSTGRES_SAME_PATH("claims.path", "u.path"));
    pg_int(&q, p->model_id);
    pg_array(&q, &paths);
    enum status status = pg_run(&q, err);
    pg_array_free(&paths);
    return status;
}

/* --- the whole batch ---------------------------------------------------------------------- */

static enum status put_part(struct part *p, struct err *err)
{
    static enum status (*const stages[])(struct part *, struct err *) = {
        list_contents,  part_find_kept, part_put_photos,    part_put_vectors,  part_put_meta,
        part_put_phash, part_put_files, part_drop_sidecars, part_put_sidecars, end_claims,
    };
    enum status status = OK;
    for (size_t i = 0; status == OK && i < sizeof stages / sizeof stages[0]; i++)
        status = stages[i](p, err);
    free_part(p);
    return status;
}

struct by_path {
    const char *path;
    size_t number;
};

static int compare_paths(const void *a, const void *b)
{
    const struct by_path *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

/* before[i]: 1 + the result before i with the same path; 0: there is none. */
static enum status find_repeats(const struct store_result *results, size_t count, size_t *before,
                                struct err *err)
{
    struct by_path *sorted = malloc(count * sizeof *sorted);
    if (!sorted)
        return err_no_memory(err, "a batch", count * sizeof *sorted);
    for (size_t i = 0; i < count; i++)
        sorted[i] = (struct by_path){results[i].file.path, i};
    qsort(sorted, count, sizeof *sorted, compare_paths);
    for (size_t i = 0; i < count; i++) {
        bool again = i > 0 && strcmp(sorted[i - 1].path, sorted[i].path) == 0;
        before[sorted[i].number] = again ? sorted[i - 1].number + 1 : 0;
    }
    free(sorted);
    return OK;
}

static enum status put_parts(struct postgres_store *s, int64_t model_id,
                             const struct store_result *results, size_t count, const size_t *before,
                             struct err *err)
{
    int dim = 0;
    bool half = false;
    enum status status = pg_begin_write(s, err);
    if (status != OK)
        return status;
    if (model_id != 0)
        status = postgres_model_dim(s, model_id, &dim, &half, err);
    for (size_t start = 0, end; status == OK && start < count; start = end) {
        end = start + 1;
        while (end < count && before[end] <= start)
            end++;
        struct part part = {.store = s,
                            .model_id = model_id,
                            .dim = dim,
                            .half = half,
                            .results = results + start,
                            .count = end - start};
        status = put_part(&part, err);
    }
    return pg_finish(s, status, err);
}

enum status postgres_put_results(struct store *store, int64_t model_id,
                                 const struct store_result *results, size_t count, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    size_t *before = malloc(count * sizeof *before);
    if (!before)
        return err_no_memory(err, "a batch", count * sizeof *before);
    enum status status = find_repeats(results, count, before, err);
    if (status == OK)
        do
            status = put_parts(s, model_id, results, count, before, err);
        while (pg_again(s, &tries, &status, err));
    free(before);
    return status;
}
