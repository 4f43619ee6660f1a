/* SPDX-License-Identifier: MIT
 *
 * What fovea adds to PostgreSQL, as ratios to plain SQL by psql in the same run:
 *
 *   load     results of an import, put in batches, and in one batch; beside it the same rows of
 *            photos, files and vectors by three binary \copy into tables with the same indexes and
 *            constraints, in one transaction
 *   query    store_nearest(), exact, the best 12; beside it ORDER BY <#> LIMIT 12 as a prepared
 *            statement of one psql session, by its own \timing
 *
 *     cluster.sh run bench-postgres [PHOTOS [DIM]]
 *     FOVEA_TEST_POSTGRES=postgres://… bench-postgres [PHOTOS [DIM]]
 *
 * The second measures a server of one's own; what it needs there are three schemas, which it makes
 * and removes (schemas[] below).
 */
#include "fixture.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUERIES = 40, BEST = 12, PATH_SIZE = 96 };

static const char *url;
enum { BATCHES, WHOLE, PLAIN, SCHEMAS };
static const char *const schemas[SCHEMAS] = {"fovea_bench_batches", "fovea_bench_whole",
                                             "fovea_bench_plain"};
static char folder[] = "/tmp/bench-postgres-XXXXXX";

static void require(enum status status, const struct err *err)
{
    if (status == OK)
        return;
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

/* --- fovea -------------------------------------------------------------------------------- */

static double put_all(const char *schema, int photos, int dim, int batch)
{
    struct err err;
    struct store *store;
    int64_t model;
    char place[4096];
    snprintf(place, sizeof place, "%s%cschema=%s", url, strchr(url, '?') ? '&' : '?', schema);
    require(store_open(&store, place, STORE_WRITE, &err), &err);
    require(store_model_use(store, "bench", "be", dim, &model, &err), &err);
    uint16_t *vectors = malloc((size_t)photos * (size_t)dim * sizeof *vectors);
    char(*paths)[PATH_SIZE] = malloc((size_t)photos * sizeof *paths);
    struct store_result *results = calloc((size_t)photos, sizeof *results);
    if (!vectors || !paths || !results)
        exit(1);
    for (int i = 0; i < photos; i++) {
        snprintf(paths[i], PATH_SIZE, "/home/someone/Pictures/2024/%05d-a-folder/IMG_%07d.jpeg",
                 i / 1000, i);
        results[i] = result_of(paths[i], i, NULL);
        results[i].meta = NULL;
        results[i].vector = vectors + (size_t)i * (size_t)dim;
        content_vector(i, dim, vectors + (size_t)i * (size_t)dim);
    }
    double start = clock_seconds();
    for (int i = 0; i < photos; i += batch) {
        int n = photos - i < batch ? photos - i : batch;
        require(store_put_results(store, model, results + i, (size_t)n, &err), &err);
    }
    double seconds = clock_seconds() - start;
    free(results);
    free(paths);
    free(vectors);
    store_close(store);
    return seconds;
}

static double half(uint16_t h)
{
    int exponent = h >> 10 & 31;
    double value = exponent ? ldexp(1024 + (h & 1023), exponent - 25) : ldexp(h & 1023, -24);
    return h & 0x8000 ? -value : value;
}

static void query_of(int i, int dim, float *query, uint16_t *vector)
{
    content_vector(1000000 + i, dim, vector);
    for (int d = 0; d < dim; d++)
        query[d] = (float)half(vector[d]);
}

static double ask_all(const char *schema, int dim)
{
    struct err err;
    struct store *store;
    int64_t model;
    char place[4096];
    float *query = malloc((size_t)dim * sizeof *query);
    uint16_t *vector = malloc((size_t)dim * sizeof *vector);
    snprintf(place, sizeof place, "%s%cschema=%s", url, strchr(url, '?') ? '&' : '?', schema);
    require(store_open(&store, place, STORE_READ, &err), &err);
    require(store_model_use(store, "bench", "be", dim, &model, &err), &err);
    double start = 0;
    for (int i = 0; i <= QUERIES; i++) { /* the first prepares */
        struct store_near near[BEST];
        struct store_nearness how;
        size_t found;
        query_of(i, dim, query, vector);
        const struct store_query q = {.vector = query, .dim = dim};
        require(store_nearest(store, model, &q, BEST, false, near, &found, &how, &err), &err);
        if (i == 0)
            start = clock_seconds();
    }
    double seconds = (clock_seconds() - start) / QUERIES;
    free(query);
    free(vector);
    store_close(store);
    return seconds;
}

/* --- psql --------------------------------------------------------------------------------- */

/* Runs a script; the sum of what \timing says, in seconds, without the first `skip` of them. */
static double psql(const char *script, int skip)
{
    char command[8192], line[4096];
    double ms = 0, one;
    snprintf(command, sizeof command, "psql -XAtq -v ON_ERROR_STOP=1 -d '%s' -f '%s' 2>&1", url,
             script);
    FILE *out = popen(command, "r");
    if (!out)
        exit(1);
    while (fgets(line, sizeof line, out)) {
        if (sscanf(line, "Time: %lf ms", &one) == 1)
            ms += skip-- > 0 ? 0 : one;
        else if (strstr(line, "ERROR"))
            fputs(line, stderr);
    }
    if (pclose(out) != 0)
        exit(1);
    return ms / 1000;
}

static const char *const tables[] = {"photos", "files", "embeddings_1"};

static FILE *script(char *path, size_t size, const char *name)
{
    snprintf(path, size, "%s/%s.sql", folder, name);
    FILE *file = fopen(path, "w");
    if (!file)
        exit(1);
    return file;
}

static void drop_schemas(void)
{
    char path[4096];
    FILE *f = script(path, sizeof path, "drop");
    fprintf(f, "SET client_min_messages = warning;\n");
    for (int i = 0; i < SCHEMAS; i++)
        fprintf(f, "DROP SCHEMA IF EXISTS %s CASCADE;\n", schemas[i]);
    fclose(f);
    psql(path, 0);
}

static double copy_all(const char *schema)
{
    const char *plain = schemas[PLAIN];
    char path[4096];
    FILE *f = script(path, sizeof path, "out");
    fprintf(f, "CREATE SCHEMA %s;\n", plain);
    for (int i = 0; i < 3; i++)
        fprintf(f,
                "\\copy %s.%s TO '%s/%s' WITH (FORMAT binary)\n"
                "CREATE TABLE %s.%s (LIKE %s.%s INCLUDING ALL);\n",
                schema, tables[i], folder, tables[i], plain, tables[i], schema, tables[i]);
    fclose(f);
    psql(path, 1000);
    f = script(path, sizeof path, "in");
    fprintf(f, "\\timing on\nBEGIN;\n");
    for (int i = 0; i < 3; i++)
        fprintf(f, "\\copy %s.%s FROM '%s/%s' WITH (FORMAT binary)\n", plain, tables[i], folder,
                tables[i]);
    fprintf(f, "COMMIT;\n");
    fclose(f);
    return psql(path, 0);
}

static double select_all(const char *schema, int dim)
{
    char path[4096];
    float *query = malloc((size_t)dim * sizeof *query);
    uint16_t *vector = malloc((size_t)dim * sizeof *vector);
    FILE *f = script(path, sizeof path, "ask");
    fprintf(f,
            "SET plan_cache_mode = force_custom_plan;\nPREPARE q (vector) AS SELECT photo_id,"
            " vector <#> $1 FROM %s.embeddings_1 ORDER BY vector <#> $1 LIMIT %d;\n\\timing on\n",
            schema, BEST);
    for (int i = 0; i <= QUERIES; i++) {
        query_of(i, dim, query, vector);
        fprintf(f, "EXECUTE q('[");
        for (int d = 0; d < dim; d++)
            fprintf(f, "%s%.9g", d ? "," : "", (double)query[d]);
        fprintf(f, "]');\n");
    }
    fclose(f);
    free(query);
    free(vector);
    return psql(path, 1) / QUERIES;
}

int main(int argc, char **argv)
{
    int photos = argc > 1 ? atoi(argv[1]) : 20000, dim = argc > 2 ? atoi(argv[2]) : 512;
    char remove[sizeof folder + 16];
    url = getenv("FOVEA_TEST_POSTGRES");
    if (!url || photos < BEST || dim < 1 || !mkdtemp(folder))
        return 2;
    drop_schemas(); /* of a run that was cut short */
    double batches = put_all(schemas[BATCHES], photos, dim, 64),
           whole = put_all(schemas[WHOLE], photos, dim, 4096);
    double copied = copy_all(schemas[WHOLE]);
    double asked = ask_all(schemas[WHOLE], dim), selected = select_all(schemas[WHOLE], dim);
    drop_schemas();
    printf("%d photographs, %d dimensions\n", photos, dim);
    printf("load   batches of 64     %8.2f s  %5.2f times psql's \\copy\n", batches,
           batches / copied);
    printf("       batches of 4,096  %8.2f s  %5.2f\n", whole, whole / copied);
    printf("       psql, \\copy       %8.2f s\n", copied);
    printf("query  store_nearest()   %8.2f ms %5.2f times psql's ORDER BY <#> LIMIT %d\n",
           asked * 1e3, asked / selected, BEST);
    printf("       psql              %8.2f ms\n", selected * 1e3);
    snprintf(remove, sizeof remove, "rm -rf %s", folder);
    return system(remove) != 0;
}
