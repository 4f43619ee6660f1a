/* SPDX-License-Identifier: MIT
 *
 * Search in the database: exact by reading every vector of a model there, or by its HNSW index.
 *
 * Exact means that no index takes part, whoever made one: the order is by (distance + 0), which no
 * index knows. The server's workers share the reading.
 *
 * By the index: ORDER BY distance LIMIT, as pgvector wants it. ef_search is at most 1,000 there,
 * and without iterative scans (before 0.8) no more rows than that come back, or fewer with a
 * filter: the caller sees that there are too few, and asks again without the index. Iterative scans
 * go on until there are enough; relaxed order, since the caller sorts by exact scores anyway. They
 * are also how more of the nearest are found than ef_search alone finds: a scan that goes on to
 * name EFFORT rows has looked at more of the graph, and the best of them are taken. Shards are
 * asked for no more than is wanted: each looks through a smaller graph, and rows from there come
 * with their vectors.
 *
 * The bound on the error: a sum of n products in float32, in any order, is within
 * gamma = n u / (1 - n u), u = 2^-24, of the exact one relative to the sum of the products' sizes
 * (Higham 2002, 3.1), which is at most |q| |v|; two such sums differ by twice that. A query in half
 * precision for a halfvec column differs from the query by |q - q'| more. Vectors are a little
 * longer than 1 at the most.
 */
#include "store/postgres.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_MAX 1.02 /* of a stored vector: what an import lets in */
#define EF_MAX 1000     /* hnsw.ef_search's own limit */
#define EFFORT 4000     /* rows that the index names at the least */
#define SCAN_FACTOR 50  /* rows that an iterative scan may look at for each that is wanted … */
#define SCAN_MIN 100000 /* … and in all, at the least */

/* --- the query's vector ------------------------------------------------------------------- */

struct query_bytes {
    uint8_t *bytes; /* as pgvector's vector_recv() reads it */
    size_t size;
    double error;
    bool half;
};

/* The value that half precision rounds to, for the bound: 11 significant bits, or 2^-24 steps. */
static double half_step(double x)
{
    int exponent;
    frexp(x, &exponent);
    const double step = ldexp(1, (exponent < -13 ? -13 : exponent) - 11);
    return step / 2;
}

static enum status write_query(struct postgres_store *s, int64_t model_id,
                               const struct store_query *q, struct query_bytes *out,
                               struct err *err)
{
    int dim;
    *out = (struct query_bytes){0};
    enum status status = postgres_model_dim(s, model_id, &dim, &out->half, err);
    if (status == OK && dim != q->dim)
        status =
            err_set(err, ERR_ARGUMENT, "a query of %d dimensions for vectors of %d", q->dim, dim);
    if (status != OK)
        return status;
    out->size = 4 + 4 * (size_t)dim;
    out->bytes = malloc(out->size);
    if (!out->bytes)
        return err_no_memory(err, "the query", out->size);
    const uint8_t head[4] = {(uint8_t)(dim >> 8), (uint8_t)dim, 0, 0};
    memcpy(out->bytes, head, sizeof head);
    double length = 0, lost = 0;
    for (int i = 0; i < dim; i++) {
        uint32_t bits;
        memcpy(&bits, &q->vector[i], sizeof bits);
        bits = __builtin_bswap32(bits);
        memcpy(out->bytes + 4 + 4 * i, &bits, sizeof bits);
        length += (double)q->vector[i] * (double)q->vector[i];
        lost += half_step((double)q->vector[i]) * half_step((double)q->vector[i]);
    }
    const double nu = (dim + 2) * ldexp(1, -24);
    out->error = 2 * nu / (1 - nu) * sqrt(length) * LENGTH_MAX;
    if (out->half)
        out->error += sqrt(lost) * LENGTH_MAX;
    return OK;
}

/* --- statements --------------------------------------------------------------------------- */

/* $1 the query, $2 the limit, $3 the greatest distance or NULL, $4 photos or NULL. */
#define EXACT(type, where)                                                                         \
    "SELECT photo_id, (vector <#> $1::" type ") + 0 AS distance FROM EMBEDDINGS" where             \
    " ORDER BY distance LIMIT $2"
#define INDEXED(type, where)                                                                       \
    "SELECT photo_id, vector <#> $1::" type " AS distance FROM EMBEDDINGS" where                   \
    " ORDER BY vector <#> $1::" type " LIMIT $2"
#define AMONG " WHERE photo_id = ANY($3)"
#define ABOVE(type) " WHERE vector <#> $1::" type " > $3"
#define ABOVE_AMONG(type) ABOVE(type) " AND photo_id = ANY($4)"
#define COUNT(type, where)                                                                         \
    "SELECT count(*) FROM EMBEDDINGS AS e WHERE vector <#> $1::" type " <= $2" where               \
    " AND EXISTS (SELECT 1 FROM files WHERE files.photo_id = e.photo_id)"

#define HALF "vector::halfvec" /* the query travels in single precision */

static const char *const statements[2][6] = {
    {EXACT("vector", ""), EXACT("vector", AMONG), EXACT("vector", ABOVE("vector")),
     EXACT("vector", ABOVE_AMONG("vector")), INDEXED("vector", ""), INDEXED("vector", AMONG)},
    {EXACT(HALF, ""), EXACT(HALF, AMONG), EXACT(HALF, ABOVE(HALF)), EXACT(HALF, ABOVE_AMONG(HALF)),
     INDEXED(HALF, ""), INDEXED(HALF, AMONG)},
};
static const char *const counts[2][2] = {
    {COUNT("vector", ""), COUNT("vector", " AND photo_id = ANY($3)")},
    {COUNT(HALF, ""), COUNT(HALF, " AND photo_id = ANY($3)")},
};

/* --- nearest ------------------------------------------------------------------------------ */

/* The index, not the planner's idea of what is cheaper for a small table: who made one wants it
 * used, and answers that change their kind as the library grows surprise. Iterative scans are
 * pgvector 0.8's. */
static enum status set_up_index(struct postgres_store *s, size_t limit, struct err *err)
{
    char sql[512], iterative[256] = "";
    int version;
    size_t most = limit * SCAN_FACTOR < SCAN_MIN ? SCAN_MIN : limit * SCAN_FACTOR;
    enum status status = postgres_vector_version(s, &version, err);
    if (status != OK)
        return status;
    if (version >= POSTGRES_VECTOR(0, 8, 0))
        snprintf(iterative, sizeof iterative,
                 "SET LOCAL hnsw.iterative_scan = relaxed_order;"
                 "SET LOCAL hnsw.max_scan_tuples = %zu; SET LOCAL hnsw.scan_mem_multiplier = 4",
                 most < INT32_MAX ? most : INT32_MAX);
    snprintf(sql, sizeof sql, "SET LOCAL enable_seqscan = off; SET LOCAL hnsw.ef_search = %d; %s",
             EF_MAX, iterative);
    return pg_exec(s, sql, err);
}

static enum status read_near(struct pg *q, size_t limit, struct store_near *near, size_t *found,
                             struct err *err)
{
    bool row;
    *found = 0;
    enum status status = pg_row(q, &row, err);
    while (status == OK && row && *found < limit) {
        near[(*found)++] = (struct store_near){pg_column_int(q, 0), -pg_column_real(q, 1)};
        status = pg_row(q, &row, err);
    }
    return status;
}

static enum status ask(struct postgres_store *s, int64_t model_id, const struct store_query *query,
                       const struct query_bytes *bytes, size_t limit, bool indexed,
                       struct store_near *near, size_t *found, struct err *err)
{
    struct pg_array scratch = {0};
    const int among = query->photo_ids != NULL;
    const int kind = indexed ? 4 + among : 2 * query->bounded + among;
    struct str shards = str_new(1 << 20);
    enum status status =
        postgres_shards_text(s, model_id, statements[bytes->half][kind], &shards, err);
    if (status != OK) {
        str_free(&shards);
        return status;
    }
    struct pg q = pg_start_model(s, PG_NEAREST + kind, model_id,
                                 shards.size ? str_text(&shards) : statements[bytes->half][kind]);
    pg_inferred(&q, bytes->bytes, bytes->size);
    pg_int(&q, (int64_t)limit);
    if (query->bounded && !indexed)
        pg_real(&q, -query->below);
    if (among)
        pg_ints(&q, &scratch, query->photo_ids, query->photo_count);
    status = read_near(&q, limit, near, found, err);
    pg_end(&q);
    str_free(&shards);
    pg_array_free(&scratch);
    return status;
}

static int compare_near(const void *a, const void *b)
{
    const struct store_near *x = a, *y = b;
    return (x->score < y->score) - (x->score > y->score);
}

/* The index is asked for many more than are wanted: the further its scan goes, the less it has
 * missed, and rows of two numbers cost little. The transaction may be the caller's: one planner
 * setting is put back. */
static enum status ask_index(struct postgres_store *s, int64_t model_id,
                             const struct store_query *query, const struct query_bytes *bytes,
                             size_t limit, struct store_near *near, size_t *found, struct err *err)
{
    const size_t most = limit < EFFORT ? EFFORT : limit;
    struct store_near *list = malloc(most * sizeof *list);
    size_t count = 0;
    if (!list)
        return err_no_memory(err, "search hits", most * sizeof *list);
    enum status status = set_up_index(s, most, err);
    if (status == OK)
        status = ask(s, model_id, query, bytes, most, true, list, &count, err);
    if (status == OK)
        status = pg_exec(s, "SET LOCAL enable_seqscan = on", err);
    if (status == OK) {
        qsort(list, count, sizeof *list, compare_near); /* the scan's order is a relaxed one */
        *found = count < limit ? count : limit;
        memcpy(near, list, *found * sizeof *near);
    }
    free(list);
    return status;
}

/* Within one transaction, because settings are for it alone. */
static enum status nearest(struct postgres_store *s, int64_t model_id,
                           const struct store_query *query, size_t limit, bool indexed,
                           struct store_near *near, size_t *found, struct store_nearness *how,
                           struct err *err)
{
    struct query_bytes bytes = {0};
    struct store_hnsw index = {0};
    enum status status = pg_begin_read(s, err);
    if (status != OK)
        return status;
    status = write_query(s, model_id, query, &bytes, err);
    if (status == OK && indexed && !query->bounded)
        status = postgres_hnsw_look(s, model_id, &index, err);
    if (status == OK && index.there && index.shards == 0)
        status = ask_index(s, model_id, query, &bytes, limit, near, found, err);
    else if (status == OK)
        status = ask(s, model_id, query, &bytes, limit, index.there, near, found, err);
    *how = (struct store_nearness){bytes.error, index.there};
    free(bytes.bytes);
    return pg_finish(s, status, err);
}

enum status postgres_nearest(struct store *store, int64_t model_id, const struct store_query *query,
                             size_t limit, bool indexed, struct store_near *near, size_t *found,
                             struct store_nearness *how, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do
        status = nearest(s, model_id, query, limit, indexed, near, found, how, err);
    while (pg_again(s, &tries, &status, err));
    return status;
}

/* --- counting ----------------------------------------------------------------------------- */

static enum status count_near(struct postgres_store *s, int64_t model_id,
                              const struct store_query *query, double score, int64_t *count,
                              struct err *err)
{
    struct query_bytes bytes;
    struct pg_array scratch = {0};
    bool row;
    enum status status = write_query(s, model_id, query, &bytes, err);
    if (status != OK)
        return status;
    const int among = query->photo_ids != NULL;
    struct pg q = pg_start_model(s, PG_COUNT_NEAR + among, model_id, counts[bytes.half][among]);
    pg_inferred(&q, bytes.bytes, bytes.size);
    pg_real(&q, -score);
    if (among)
        pg_ints(&q, &scratch, query->photo_ids, query->photo_count);
    status = pg_row(&q, &row, err);
    *count = row ? pg_column_int(&q, 0) : 0;
    pg_end(&q);
    pg_array_free(&scratch);
    free(bytes.bytes);
    return status;
}

enum status postgres_count_near(struct store *store, int64_t model_id,
                                const struct store_query *query, double score, int64_t *count,
                                struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do
        status = count_near(s, model_id, query, score, count, err);
    while (pg_again(s, &tries, &status, err));
    return status;
}
