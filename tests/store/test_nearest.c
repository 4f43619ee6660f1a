/* SPDX-License-Identifier: MIT
 *
 * The same library in a file and in PostgreSQL ($FOVEA_TEST_POSTGRES, cluster.sh), with vectors in
 * single and in half precision, and spread over three shards: identical answers to 200 queries; and
 * with an HNSW index a recall of at least 0.98 among the first ten, limits and filters filled all
 * the same.
 *
 * The vectors are made up to lie as CLIP's do (library/bench_vectors.h). FOVEA_TEST_ROWS and
 * FOVEA_TEST_DIM make it as large as one has time for: 50000 of 256 take some minutes.
 */
#include "fixture.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "library/bench_vectors.h"
#include "library/copy.h"
#include "library/find.h"
#include "library/snapshot.h"
#include "search/query.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { QUERIES = 200, FEW_QUERIES = 25, TOP = 10, BATCH = 256, MANY = 10000, SHARDS = 3 };
enum { SINGLE, HALF, SPREAD, PLACES };

/* Identical answers are asked of the first rows, then there are more: than the largest limit, and
 * so many that an index that is not searched far enough misses some. Of few vectors an index of the
 * usual size misses little however it is searched, so theirs is smaller: where ef_search 296 and 74
 * rows are asked of it, recall is 0.93, and with 4,000 rows it is 1. */
static size_t rows, start_rows = 2000, full_rows = 10500;
static int dim = 64, m = 8, ef_construction = 32;
static size_t recall_queries = FEW_QUERIES;
static char *dir;
static char file[4096], urls[PLACES][4096];
static const char *const names[PLACES] = {"vector", "halfvec", "vector on three shards"};
static struct bench_vectors vectors;

static size_t number_from(const char *variable, size_t usual)
{
    const char *text = getenv(variable);
    return text ? strtoull(text, NULL, 10) : usual;
}

/* --- the library -------------------------------------------------------------------------- */

static void put_rows(struct store *store, int64_t model, size_t first, size_t end)
{
    struct err err;
    struct kernels kernels;
    unsigned flags;
    const size_t width = (size_t)dim;
    float *wide = malloc(width * sizeof *wide);
    uint16_t *halves = malloc(BATCH * width * sizeof *halves);
    static char paths[BATCH][64];
    static struct store_result results[BATCH];
    assert_ok(cpu_flags(&flags, &err));
    kernels_init(&kernels, flags);
    for (size_t at = first; at < end; at += BATCH) {
        size_t n = end - at < BATCH ? end - at : BATCH;
        for (size_t i = 0; i < n; i++) {
            /* Every 50th is the same picture again: scores that are equal, told apart by path. */
            size_t of = (at + i) % 50 == 49 ? at + i - 1 : at + i;
            bench_vectors_row(&vectors, of, wide);
            kernels.f32_to_f16(halves + i * width, wide, width);
            snprintf(paths[i], sizeof paths[i], "/%zu/%05zu.jpg", (at + i) % 7, at + i);
            results[i] = result_of(paths[i], (int)(at + i), NULL);
            results[i].vector = halves + i * width;
        }
        assert_ok(store_put_results(store, model, results, n, &err));
    }
    free(wide);
    free(halves);
}

static void copy_to(const char *url, bool half)
{
    struct err err;
    struct store *from, *to;
    struct copy_report report;
    const struct copy_options none = {0};
    assert_ok(store_open(&from, file, STORE_READ, &err));
    assert_ok(store_open(&to, url, STORE_WRITE, &err));
    if (half)
        store_keep_half(to);
    assert_ok(copy_run(from, to, &none, &report, &err));
    assert_int_equal(report.vectors.copied, rows);
    store_close(to);
    store_close(from);
}

static void url_of(char url[4096], const char *schema, int number)
{
    const char *server = getenv("FOVEA_TEST_POSTGRES");
    snprintf(url, 4096, "%s%cschema=%s_%ld_%d", server, strchr(server, '?') ? '&' : '?', schema,
             (long)getpid(), number);
}

/* Shards in the same database: what is sent to them does not know the difference. */
static void spread(const char *url)
{
    struct err err;
    struct store *store;
    static char places[SHARDS][4096];
    const char *servers[SHARDS];
    int64_t moved;
    for (int i = 0; i < SHARDS; i++) {
        url_of(places[i], "shard", i);
        servers[i] = places[i];
    }
    assert_ok(store_open(&store, url, STORE_WRITE, &err));
    assert_ok(store_shards_make(store, servers, SHARDS, &moved, &err));
    assert_int_equal(moved, rows);
    store_close(store);
}

static int setup(void **state)
{
    struct err err;
    struct store *store;
    int64_t model;
    dir = scratch_make();
    snprintf(file, sizeof file, "%s", at(dir, "library.db"));
    for (int i = 0; i < PLACES; i++)
        url_of(urls[i], "nearest", i);
    random_start();
    rows = start_rows;
    assert_ok(bench_vectors_open(&vectors, full_rows, dim, random_below(UINT32_MAX), &err));
    assert_ok(store_open(&store, file, STORE_WRITE, &err));
    assert_ok(store_model_use(store, "made up", "f00d", dim, &model, &err));
    put_rows(store, model, 0, rows);
    assert_ok(store_model_set_active(store, model, &err));
    store_close(store);
    for (int i = 0; i < PLACES; i++)
        copy_to(urls[i], i == HALF);
    spread(urls[SPREAD]);
    return 0;
}

static int teardown(void **state)
{
    bench_vectors_close(&vectors);
    scratch_remove(dir);
    return 0;
}

/* --- identical answers -------------------------------------------------------------------- */

struct place {
    struct store *store;
    const struct snapshot *snapshot;
};

static struct place open_place(const char *location)
{
    struct err err;
    struct place p;
    int64_t model;
    assert_ok(store_open(&p.store, location, STORE_READ, &err));
    assert_ok(store_model_active(p.store, &model, &err));
    assert_ok(snapshot_open(&p.snapshot, p.store, model, SNAPSHOT_ROWS, NULL, &err));
    return p;
}

static void close_place(struct place *p)
{
    snapshot_unref(p->snapshot);
    store_close(p->store);
}

/* Everything but the numbers of photos. */
static void assert_same(const struct find_answer *a, const struct find_answer *b, size_t query)
{
    if (a->count != b->count || a->strong_count != b->strong_count || a->total != b->total ||
        a->strong != b->strong)
        fail_msg("query %zu: %zu and %zu hits, %zu and %zu strong, %zu and %zu rows", query,
                 a->count, b->count, a->strong_count, b->strong_count, a->total, b->total);
    for (size_t i = 0; i < a->count; i++) {
        const struct find_hit *x = &a->hits[i], *y = &b->hits[i];
        if (x->row != y->row || memcmp(&x->score, &y->score, sizeof x->score) != 0 ||
            x->strong != y->strong || x->collapsed != y->collapsed || x->taken_ms != y->taken_ms)
            fail_msg("query %zu, hit %zu: row %zu with %.9g and row %zu with %.9g", query, i,
                     x->row, (double)x->score, y->row, (double)y->score);
    }
}

/* What one may ask for, by turns. */
static struct find_request request_of(size_t query, const float *vector,
                                      const struct filter *filter)
{
    static const size_t limits[] = {1, 12, 100, 37};
    static const float floors[] = {0.05f, 0.2f, 0.45f, 0.7f, 0.99f};
    return (struct find_request){
        .query = vector,
        .limit = query % 20 == 19 ? rows : limits[query % 4],
        .offset = query % 6 == 5 ? 10 : 0,
        .floor = floors[query % 5],
        .weak = query % 3 == 0,
        .unique = query % 7 == 3 && query % 20 != 19,
        .order = (enum find_order)(query % 3),
        .filter = query % 4 == 1 ? filter : NULL,
        .threads = 1,
    };
}

static void compare(const char *url)
{
    struct err err;
    struct place here = open_place(file), there = open_place(url);
    struct filter filter = {0};
    float *query = malloc((size_t)dim * sizeof *query);
    assert_null(here.snapshot->store);
    assert_non_null(there.snapshot->store);
    assert_null(there.snapshot->matrix->vectors);
    assert_ok(filter_add(&filter, FILTER_FOLDER, "/3", &err));
    for (size_t q = 0; q < QUERIES; q++) {
        struct find_answer a, b;
        bench_vectors_query(&vectors, q, query);
        struct find_request request = request_of(q, query, &filter);
        const size_t self = q % rows; /* more like this one */
        request.exclude_photo_id = q % 5 == 2 ? here.snapshot->matrix->photo_ids[self] : 0;
        assert_ok(find(&a, here.snapshot, &request, &err));
        request.exclude_photo_id = q % 5 == 2 ? there.snapshot->matrix->photo_ids[self] : 0;
        assert_ok(find(&b, there.snapshot, &request, &err));
        assert_same(&a, &b, q);
        find_answer_free(&a);
        find_answer_free(&b);
    }
    free(query);
    close_place(&here);
    close_place(&there);
}

static void test_single_precision(void **state)
{
    compare(urls[SINGLE]);
}

static void test_half_precision(void **state)
{
    compare(urls[HALF]);
}

static void test_shards(void **state)
{
    compare(urls[SPREAD]);
}

/* --- the index ---------------------------------------------------------------------------- */

/* In every library, up to this many. */
static void grow(size_t end)
{
    struct err err;
    struct store *store;
    int64_t model;
    for (int i = -1; i < PLACES; i++) {
        assert_ok(store_open(&store, i < 0 ? file : urls[i], STORE_WRITE, &err));
        assert_ok(store_model_active(store, &model, &err));
        put_rows(store, model, rows, end);
        store_close(store);
    }
    rows = end;
}

static double recall(const char *url, double *milliseconds)
{
    struct err err;
    struct place here = open_place(file), there = open_place(url);
    float *query = malloc((size_t)dim * sizeof *query);
    size_t found = 0;
    double start = 0, spent = 0;
    for (size_t q = 0; q < recall_queries; q++) {
        struct find_answer a, b;
        bench_vectors_query(&vectors, q, query);
        const struct find_request request = {
            .query = query, .limit = TOP, .floor = -1, .weak = true, .threads = 1};
        assert_ok(find(&a, here.snapshot, &request, &err));
        start = clock_seconds();
        assert_ok(find(&b, there.snapshot, &request, &err));
        spent += clock_seconds() - start;
        assert_int_equal(b.count, TOP);
        for (size_t i = 0; i < TOP; i++)
            for (size_t j = 0; j < TOP; j++)
                found += a.hits[i].row == b.hits[j].row;
        find_answer_free(&a);
        find_answer_free(&b);
    }
    free(query);
    close_place(&here);
    close_place(&there);
    *milliseconds = spent * 1e3 / (double)recall_queries;
    return (double)found / (double)(recall_queries * TOP);
}

static void explain(const char *text, char *out, size_t size)
{
    PGconn *conn = PQconnectdb(getenv("FOVEA_TEST_POSTGRES"));
    char sql[1 << 15];
    snprintf(sql, sizeof sql, "SET enable_seqscan = off; EXPLAIN %s", text);
    PGresult *result = PQexec(conn, sql);
    out[0] = '\0';
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s", PQerrorMessage(conn));
    for (int i = 0; i < PQntuples(result); i++)
        strncat(out, PQgetvalue(result, i, 0), size - strlen(out) - 2), strcat(out, "\n");
    PQclear(result);
    PQfinish(conn);
}

/* The origin's one line, through the view. */
static void assert_view_uses_index(int which, bool expected)
{
    char plan[1 << 14], sql[1 << 14], vector[1 << 13] = "[1";
    for (int i = 1; i < dim && (size_t)i < sizeof vector / 2 - 2; i++)
        strcat(vector, ",0");
    snprintf(sql, sizeof sql,
             "SELECT filename FROM nearest_%ld_%d.image_embeddings ORDER BY embedding <#> '%s]'"
             " LIMIT 12",
             (long)getpid(), which, vector);
    explain(sql, plan, sizeof plan);
    if ((strstr(plan, "_hnsw on embeddings_") != NULL) != expected)
        fail_msg("%s", plan);
}

/* Of a shard, what a search of ten is sent as. */
static void assert_shards_use_index(int64_t model)
{
    char plan[1 << 14], sql[1 << 14], vector[1 << 13] = "[1";
    for (int i = 1; i < dim && (size_t)i < sizeof vector / 2 - 2; i++)
        strcat(vector, ",0");
    for (int i = 0; i < SHARDS; i++) {
        snprintf(sql, sizeof sql,
                 "SELECT photo_id FROM shard_%ld_%d.embeddings_%lld ORDER BY vector <#> '%s]'"
                 " LIMIT 74",
                 (long)getpid(), i, (long long)model, vector);
        explain(sql, plan, sizeof plan);
        if (!strstr(plan, "_hnsw on embeddings_"))
            fail_msg("%s", plan);
    }
}

static int64_t size_of(struct store *store, int64_t model, const struct store_hnsw *index)
{
    struct err err;
    struct store_hnsw_part *parts;
    size_t count;
    int64_t sum = index->size_bytes;
    assert_ok(store_hnsw_parts(store, model, &parts, &count, &err));
    assert_int_equal(count, index->shards);
    for (size_t i = 0; i < count; i++) {
        assert_true(parts[i].there);
        sum += parts[i].size_bytes;
    }
    free(parts);
    return sum;
}

static void make_index(int place)
{
    struct err err;
    struct store *store;
    struct store_hnsw index;
    int64_t model;
    double exact_ms = 0, ms;
    if (recall_queries > FEW_QUERIES) { /* the first rows have shown that it is exact */
        double exact = recall(urls[place], &exact_ms);
        assert_true(exact >= 1);
    }
    assert_ok(store_open(&store, urls[place], STORE_WRITE, &err));
    assert_ok(store_model_active(store, &model, &err));
    assert_ok(store_hnsw_get(store, model, &index, &err));
    assert_false(index.there);
    double start = clock_seconds();
    assert_ok(store_hnsw_make(store, model, m, ef_construction, &err));
    double built = clock_seconds() - start;
    assert_ok(store_hnsw_get(store, model, &index, &err));
    assert_true(index.there && index.m == m && index.ef_construction == ef_construction);
    assert_int_equal(index.shards, place == SPREAD ? SHARDS : 0);
    int64_t bytes = size_of(store, model, &index);
    assert_true(bytes > 0);
    if (place == SPREAD)
        assert_shards_use_index(model);
    store_close(store);
    double share = recall(urls[place], &ms);
    print_message("%s: %zu x %d, index built in %.1f s, %lld bytes; recall@10 %.4f, %.2f ms a "
                  "query; exact %.2f ms\n",
                  names[place], rows, dim, built, (long long)bytes, share, ms, exact_ms);
    assert_true(share >= 0.98);
}

static void test_index(void **state)
{
    grow(full_rows);
    for (int i = 0; i < PLACES; i++) {
        if (i != SPREAD)
            assert_view_uses_index(i, false);
        make_index(i);
        if (i != SPREAD)
            assert_view_uses_index(i, true);
    }
}

/* --- limits and filters ------------------------------------------------------------------- */

/* By the index alone, which is asked here for more than a search would ask it. */
static void nearest_by_index(struct store *store, int64_t model, const struct store_query *query,
                             size_t limit)
{
    struct err err;
    struct store_nearness how;
    struct store_near *near = calloc(limit, sizeof *near);
    size_t found;
    assert_ok(store_nearest(store, model, query, limit, true, near, &found, &how, &err));
    assert_true(how.approximate);
    assert_int_equal(found, limit);
    for (size_t i = 1; i < found; i++)
        assert_true(near[i - 1].score >= near[i].score);
    free(near);
}

static void test_index_fills(void **state)
{
    struct err err;
    struct store *store;
    int64_t model;
    float *vector = malloc((size_t)dim * sizeof *vector);
    int64_t *seventh = malloc((rows / 7 + 1) * sizeof *seventh);
    const size_t many = rows < MANY ? rows * 4 / 5 : MANY;
    bench_vectors_query(&vectors, 1, vector);
    for (int place = SINGLE; place <= HALF; place++) {
        struct place there = open_place(urls[place]);
        struct store_query query = {.vector = vector, .dim = dim};
        assert_ok(store_open(&store, urls[place], STORE_READ, &err));
        assert_ok(store_model_active(store, &model, &err));
        nearest_by_index(store, model, &query, many);
        for (size_t i = 0; i < rows / 7; i++)
            seventh[i] = there.snapshot->matrix->photo_ids[7 * i];
        query.photo_ids = seventh;
        query.photo_count = rows / 7;
        nearest_by_index(store, model, &query, query.photo_count * 4 / 5);
        store_close(store);
        close_place(&there);
    }
    free(seventh);
    free(vector);
}

/* As many as are wanted, whatever the index finds at first. */
static void fill(int place)
{
    struct err err;
    struct place there = open_place(urls[place]);
    struct filter filter = {0};
    struct find_answer answer;
    float *query = malloc((size_t)dim * sizeof *query);
    assert_ok(filter_add(&filter, FILTER_FOLDER, "/3", &err));
    bench_vectors_query(&vectors, 1, query);
    const size_t limits[] = {1, rows / 20, rows / 10, rows < MANY ? rows : MANY};
    const size_t count = place == SPREAD ? 2 : 4; /* beyond a twentieth no index takes part */
    for (size_t i = 0; i < count; i++) {
        struct find_request request = {
            .query = query, .limit = limits[i], .floor = -1, .weak = true};
        assert_ok(find(&answer, there.snapshot, &request, &err));
        assert_int_equal(answer.count, limits[i]);
        find_answer_free(&answer);
        request.filter = &filter;
        assert_ok(find(&answer, there.snapshot, &request, &err));
        assert_int_equal(answer.count, limits[i] < answer.total ? limits[i] : answer.total);
        for (size_t h = 0; h < answer.count; h++)
            assert_true(strncmp(there.snapshot->matrix->paths[answer.hits[h].row], "/3/", 3) == 0);
        find_answer_free(&answer);
    }
    free(query);
    close_place(&there);
}

static void test_limits_and_filters(void **state)
{
    for (int i = 0; i < PLACES; i++)
        fill(i);
}

/* What comes is found by the index; without it every answer is exact again. */
static void test_index_stays_current(void **state)
{
    struct err err;
    struct store *store;
    struct store_hnsw index;
    int64_t model;
    double ms;
    grow(full_rows + full_rows / 20);
    for (int i = SINGLE; i < PLACES; i++) {
        if (i != HALF)
            assert_true(recall(urls[i], &ms) >= 0.98);
        assert_ok(store_open(&store, urls[i], STORE_WRITE, &err));
        assert_ok(store_model_active(store, &model, &err));
        assert_fails(store_hnsw_make(store, model, 16, 20, &err), ERR_ARGUMENT, "ef_construction");
        assert_fails(store_hnsw_make(store, 4711, 16, 64, &err), ERR_NOT_FOUND, "4711");
        assert_ok(store_hnsw_drop(store, model, &err));
        assert_ok(store_hnsw_drop(store, model, &err));
        assert_ok(store_hnsw_get(store, model, &index, &err));
        assert_false(index.there);
        store_close(store);
        if (i == SINGLE)
            assert_true(recall(urls[i], &ms) >= 1);
    }
}

static void test_too_many_dimensions(void **state)
{
    struct err err;
    struct store *store;
    int64_t wide, half;
    assert_ok(store_open(&store, urls[SINGLE], STORE_WRITE, &err));
    assert_ok(store_model_use(store, "wide", "2001", 2001, &wide, &err));
    assert_fails(store_hnsw_make(store, wide, 16, 64, &err), ERR_LIMIT, "2000 dimensions");
    store_keep_half(store);
    assert_ok(store_model_use(store, "wide half", "2001h", 2001, &half, &err));
    assert_ok(store_hnsw_make(store, half, 16, 64, &err));
    assert_ok(store_model_use(store, "wider", "4001", 4001, &half, &err));
    assert_fails(store_hnsw_make(store, half, 16, 64, &err), ERR_LIMIT, "4000 dimensions");
    store_close(store);
    assert_ok(store_open(&store, file, STORE_WRITE, &err));
    assert_fails(store_hnsw_make(store, 1, 16, 64, &err), ERR_UNSUPPORTED, "in a file");
    store_close(store);
}

/* The view follows the active model, and goes with it. */
static void test_view(void **state)
{
    struct err err;
    struct store *store;
    int64_t model, other;
    char plan[1 << 12], sql[512];
    assert_ok(store_open(&store, urls[HALF], STORE_WRITE, &err));
    assert_ok(store_model_active(store, &model, &err));
    assert_ok(store_model_use(store, "other", "beef", 7, &other, &err));
    assert_ok(store_model_set_active(store, other, &err));
    snprintf(sql, sizeof sql,
             "SELECT id, filename, path, embedding, category, confidence,"
             " created_at, updated_at FROM nearest_%ld_1.image_embeddings"
             " WHERE embedding = '[1,2,3,4,5,6,7]'",
             (long)getpid());
    explain(sql, plan, sizeof plan);
    char table[64];
    snprintf(table, sizeof table, "embeddings_%lld ", (long long)other);
    assert_non_null(strstr(plan, table));
    assert_ok(store_model_remove(store, other, &err));
    assert_ok(store_model_set_active(store, model, &err));
    assert_view_uses_index(1, true);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_precision),
        cmocka_unit_test(test_half_precision),
        cmocka_unit_test(test_shards),
        cmocka_unit_test(test_index),
        cmocka_unit_test(test_index_fills),
        cmocka_unit_test(test_limits_and_filters),
        cmocka_unit_test(test_view),
        cmocka_unit_test(test_index_stays_current),
        cmocka_unit_test(test_too_many_dimensions),
    };
    if (!getenv("FOVEA_TEST_POSTGRES")) {
        print_message("FOVEA_TEST_POSTGRES names no server: run by cluster.sh\n");
        return 77;
    }
    full_rows = number_from("FOVEA_TEST_ROWS", full_rows);
    if (getenv("FOVEA_TEST_ROWS")) {
        recall_queries = QUERIES;
        m = 16;
        ef_construction = 64;
    }
    dim = (int)number_from("FOVEA_TEST_DIM", (size_t)dim);
    return cmocka_run_group_tests(tests, setup, teardown);
}
