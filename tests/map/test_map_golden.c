/* SPDX-License-Identifier: MIT
 *
 * map-golden FOLDER: the projections against umap-learn and scikit-learn (golden/README.md). Number
 * by number where the algorithm decides it: a and b, neighbours, sigmas, rhos, the fuzzy graph, the
 * explained variance. By quality where chance does: no worse than the reference's worst seed, with
 * the margins of the constants below. The larger sets are read from $FOVEA_SHARED.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "npy_read.h"

#include "map/curve.h"
#include "map/fuzzy.h"
#include "map/kdtree.h"
#include "map/pca.h"
#include "map/quality.h"
#include "map/tsne.h"
#include "map/umap.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOSE 1e-4
#define TRUST_MARGIN 0.005
#define KEPT_MARGIN 0.01
#define SILHOUETTE_MARGIN 0.02
#define AGREEMENT_MARGIN 0.01

enum { K = 15, DIM = 3, SEEDS = 3 };
static const uint64_t seeds[SEEDS] = {42, 1, 2}; /* the reference's */

static const char *folder;
static json_t *reference;
static struct team *team;

struct set {
    float *x;
    int *labels, label_count;
    size_t count, dim;
    struct map_vectors vectors;
};

static bool set_open(struct set *s, const char *name)
{
    char path[4096];
    size_t rows, one;
    struct err err;
    const char *shared = getenv("FOVEA_SHARED");
    *s = (struct set){0};
    for (int where = 0; where < 2 && !s->x; where++) {
        if (where == 0)
            snprintf(path, sizeof path, "%s/%s.npy", folder, name);
        else if (shared)
            snprintf(path, sizeof path, "%s/golden/map/%s.npy", shared, name);
        if (!npy_read(path, (void **)&s->x, &s->count, &s->dim))
            continue;
        memcpy(strrchr(path, '.'), ".labels.npy", sizeof ".labels.npy");
        assert_true(npy_read(path, (void **)&s->labels, &rows, &one));
        assert_int_equal(rows, s->count);
    }
    if (!s->x) {
        printf("skipped: %s: no such set in ../shared/golden/map\n", name);
        return false;
    }
    for (size_t i = 0; i < s->count; i++)
        s->label_count = s->labels[i] >= s->label_count ? s->labels[i] + 1 : s->label_count;
    assert_int_equal(map_vectors_open(&s->vectors, s->x, NULL, s->count, (int)s->dim, team, &err),
                     OK);
    return true;
}

static void set_close(struct set *s)
{
    map_vectors_close(&s->vectors);
    free(s->x);
    free(s->labels);
}

/* The worst that `method` of the reference has of `key`; NAN if it has none. */
static double worst(const char *set, const char *method, const char *key)
{
    double value = NAN;
    size_t i;
    json_t *row, *rows = json_object_get(json_object_get(reference, set), "rows");
    json_array_foreach(rows, i, row)
    {
        const char *name = json_string_value(json_object_get(row, "method"));
        json_t *number = json_object_get(row, key);
        if (strncmp(name, method, strlen(method)) == 0 && json_is_real(number) &&
            !(json_real_value(number) >= value))
            value = json_real_value(number);
    }
    return value;
}

static void expect_at_least(const char *what, double got, double wanted)
{
    printf("    %s %.4f, at least %.4f\n", what, got, wanted);
    assert_false(isnan(wanted));
    if (!(got >= wanted))
        fail_msg("%s is %.4f and should be %.4f", what, got, wanted);
}

/* --- number by number ---------------------------------------------------------------------------
 */

static void curves_are_fitted(void **state)
{
    const char *key;
    json_t *ab;
    (void)state;
    json_object_foreach(json_object_get(reference, "ab"), key, ab)
    {
        double a, b;
        curve_fit(atof(key), 1, &a, &b);
        assert_true(fabs(a - json_real_value(json_array_get(ab, 0))) < CLOSE);
        assert_true(fabs(b - json_real_value(json_array_get(ab, 1))) < CLOSE);
    }
}

static double at(const json_t *fuzzy, const char *key, size_t i, int n)
{
    json_t *value = json_array_get(json_object_get(fuzzy, key), i);
    return json_number_value(n < 0 ? value : json_array_get(value, (size_t)n));
}

static void compare_neighbours(const json_t *fuzzy, const struct knn_graph *g)
{
    for (size_t i = 0; i < g->count; i++)
        for (int n = 0; n < g->k; n++) {
            double d = at(fuzzy, "knn_dists", i, n + 1);
            assert_true(fabs(g->distances[i * (K - 1) + (size_t)n] - d) < CLOSE);
            /* Two whose distances are one to a float32 may stand the other way round. */
            double before = at(fuzzy, "knn_dists", i, n);
            double after = n + 2 < K ? at(fuzzy, "knn_dists", i, n + 2) : INFINITY;
            if (d - before > 1e-6 && after - d > 1e-6)
                assert_int_equal(g->ids[i * (K - 1) + (size_t)n],
                                 (int)at(fuzzy, "knn_indices", i, n + 1));
        }
}

static void the_fuzzy_graph_is_umaps(void **state)
{
    struct set s;
    struct knn_graph g;
    struct sparse graph;
    struct err err;
    char path[4096];
    (void)state;
    assert_true(set_open(&s, "cone110"));
    snprintf(path, sizeof path, "%s/cone110.fuzzy.json", folder);
    json_t *fuzzy = json_load_file(path, 0, NULL);
    assert_non_null(fuzzy);
    assert_int_equal(knn_build(&g, &s.vectors, K - 1, 1, team, NULL, &err), OK);
    compare_neighbours(fuzzy, &g);
    struct fuzzy_scale *scales = malloc(s.count * sizeof *scales);
    assert_non_null(scales);
    fuzzy_scales(&g, 1, scales, team);
    for (size_t i = 0; i < s.count; i++) {
        assert_true(fabs(scales[i].sigma - at(fuzzy, "sigmas", i, -1)) < CLOSE);
        assert_true(fabs(scales[i].rho - at(fuzzy, "rhos", i, -1)) < CLOSE);
    }
    assert_int_equal(fuzzy_graph(&graph, &g, team, &err), OK);
    assert_int_equal(graph.starts[graph.count], json_array_size(json_object_get(fuzzy, "rows")));
    for (size_t row = 0; row < graph.count; row++)
        for (size_t e = graph.starts[row]; e < graph.starts[row + 1]; e++) {
            assert_int_equal(row, (int)at(fuzzy, "rows", e, -1));
            assert_int_equal(graph.ids[e], (int)at(fuzzy, "cols", e, -1));
            assert_true(fabs(graph.weights[e] - at(fuzzy, "weights", e, -1)) < CLOSE);
        }
    sparse_free(&graph);
    free(scales);
    knn_free(&g);
    json_decref(fuzzy);
    set_close(&s);
}

/* --- by quality ---------------------------------------------------------------------------------
 */

struct scores {
    double trust, kept, silhouette;
};

static struct scores score(const struct set *s, const float *positions)
{
    struct map_quality q;
    struct scores out;
    struct err err;
    assert_int_equal(quality_measure(&q, &s->vectors, positions, DIM, K, 1, team, &err), OK);
    assert_int_equal(quality_silhouette(&out.silhouette, positions, s->count, DIM, s->labels,
                                        s->label_count, team, &err),
                     OK);
    out.trust = q.trustworthiness;
    out.kept = q.preserved;
    return out;
}

/* By the mean of the seeds: what chance moves one of them by is about the margin. */
static void check_umap(const struct set *s, const char *name)
{
    struct knn_graph g;
    struct err err;
    struct scores mean = {0};
    float *positions = malloc(s->count * DIM * sizeof *positions);
    assert_non_null(positions);
    assert_int_equal(knn_build(&g, &s->vectors, K - 1, 1, team, NULL, &err), OK);
    for (int i = 0; i < SEEDS; i++) {
        const struct umap_options options = {DIM, 0.1, 1, 0, seeds[i]};
        assert_int_equal(umap_fit(positions, &s->vectors, &g, &options, team, NULL, &err), OK);
        struct scores got = score(s, positions);
        printf("  umap, seed %d: trustworthiness %.4f, neighbours kept %.4f, silhouette %.4f\n",
               (int)seeds[i], got.trust, got.kept, got.silhouette);
        mean.trust += got.trust / SEEDS;
        mean.kept += got.kept / SEEDS;
        mean.silhouette += got.silhouette / SEEDS;
    }
    expect_at_least("trustworthiness", mean.trust,
                    worst(name, "umap-learn", "trustworthiness15") - TRUST_MARGIN);
    expect_at_least("neighbours kept", mean.kept,
                    worst(name, "umap-learn", "knn15_preserved") - KEPT_MARGIN);
    expect_at_least("silhouette", mean.silhouette,
                    worst(name, "umap-learn", "silhouette") - SILHOUETTE_MARGIN);
    knn_free(&g);
    free(positions);
}

static void check_pca_and_tsne(const struct set *s, const char *name)
{
    struct knn_graph g;
    struct pca pca;
    struct err err;
    float *positions = malloc(s->count * DIM * sizeof *positions);
    assert_non_null(positions);
    assert_int_equal(pca_fit(&pca, &s->vectors, DIM, NULL, &err), OK);
    json_t *ratios = json_object_get(
        json_array_get(json_object_get(json_object_get(reference, name), "rows"), 3),
        "explained_variance_ratio");
    for (size_t c = 0; c < DIM; c++) {
        assert_true(fabs(pca.explained[c] - json_real_value(json_array_get(ratios, c))) < 1e-5);
        double length = 0, largest = 0;
        for (size_t d = 0; d < s->dim; d++) {
            double x = pca.axes[c * s->dim + d];
            length += x * x;
            largest = fabs(x) > fabs(largest) ? x : largest;
        }
        assert_true(fabs(length - 1) < 1e-9);
        assert_true(largest > 0);
    }
    assert_int_equal(pca_project(&pca, &s->vectors, positions, team, &err), OK);
    printf("  pca\n");
    expect_at_least("trustworthiness", score(s, positions).trust,
                    worst(name, "pca", "trustworthiness15") - TRUST_MARGIN);
    int k = tsne_neighbours(&tsne_defaults, s->count);
    assert_int_equal(knn_build(&g, &s->vectors, k, 1, team, NULL, &err), OK);
    assert_int_equal(tsne_fit(positions, &g, &tsne_defaults, team, NULL, &err), OK);
    struct scores got = score(s, positions);
    printf("  t-sne: kept %.4f, silhouette %.4f\n", got.kept, got.silhouette);
    expect_at_least("trustworthiness", got.trust,
                    worst(name, "tsne", "trustworthiness15") - TRUST_MARGIN);
    knn_free(&g);
    pca_free(&pca);
    free(positions);
}

/* The commonest label of the five nearest of the map; the lowest of several. */
static int vote(const struct kdtree *tree, const float *point, const int *labels)
{
    uint32_t ids[5];
    float squares[5];
    int votes[256] = {0}, best = 0;
    int found = kdtree_nearest(tree, point, SIZE_MAX, 5, ids, squares);
    for (int i = 0; i < found; i++)
        votes[labels[ids[i]]]++;
    for (int l = 1; l < 256; l++)
        best = votes[l] > votes[best] ? l : best;
    return best;
}

/* A map of the first nine tenths, and the last tenth placed on it. */
static void check_transform(const struct set *s, const char *name)
{
    size_t base_count = (size_t)((double)s->count * 0.9), rest = s->count - base_count, right = 0;
    struct map_vectors base, queries;
    struct knn_graph g;
    struct kdtree tree;
    struct err err;
    const struct umap_options options = {DIM, 0.1, 1, 0, 42};
    float *positions = malloc(s->count * DIM * sizeof *positions);
    float *placed = positions + base_count * DIM;
    assert_non_null(positions);
    assert_int_equal(map_vectors_open(&base, s->x, NULL, base_count, (int)s->dim, team, &err), OK);
    assert_int_equal(
        map_vectors_open(&queries, s->x + base_count * s->dim, NULL, rest, (int)s->dim, team, &err),
        OK);
    assert_int_equal(knn_build(&g, &base, K - 1, 1, team, NULL, &err), OK);
    assert_int_equal(umap_fit(positions, &base, &g, &options, team, NULL, &err), OK);
    assert_int_equal(
        umap_transform(placed, &queries, &base, positions, K, &options, team, NULL, &err), OK);
    assert_int_equal(kdtree_open(&tree, positions, base_count, DIM, &err), OK);
    for (size_t i = 0; i < rest; i++)
        right += vote(&tree, placed + i * DIM, s->labels) == s->labels[base_count + i];
    printf("  transform\n");
    expect_at_least("agreement", (double)right / (double)rest,
                    worst(name, "umap-learn transform", "label_agreement_5nn") - AGREEMENT_MARGIN);
    /* What is on the map already gets its place. */
    float *again = malloc(base_count * DIM * sizeof *again);
    assert_non_null(again);
    assert_int_equal(umap_transform(again, &base, &base, positions, K, &options, team, NULL, &err),
                     OK);
    assert_memory_equal(again, positions, base_count * DIM * sizeof *again);
    free(again);
    kdtree_close(&tree);
    knn_free(&g);
    map_vectors_close(&queries);
    map_vectors_close(&base);
    free(positions);
}

static void check_set(const char *name)
{
    struct set s;
    if (!set_open(&s, name))
        skip();
    printf("%s\n", name);
    check_umap(&s, name);
    check_pca_and_tsne(&s, name);
    check_transform(&s, name);
    set_close(&s);
}

static void cone110(void **state)
{
    (void)state;
    check_set("cone110");
}

static void cone2000(void **state)
{
    (void)state;
    check_set("cone2000");
}

static void digits(void **state)
{
    (void)state;
    check_set("digits");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curves_are_fitted),
        cmocka_unit_test(the_fuzzy_graph_is_umaps),
        cmocka_unit_test(cone110),
        cmocka_unit_test(cone2000),
        cmocka_unit_test(digits),
    };
    struct err err;
    char path[4096];
    if (argc != 2 || team_open(&team, 2, &err) != OK)
        return 1;
    folder = argv[1];
    snprintf(path, sizeof path, "%s/reference.json", folder);
    reference = json_load_file(path, 0, NULL);
    if (!reference)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(reference);
    team_close(team);
    return failed;
}
