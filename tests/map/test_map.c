/* SPDX-License-Identifier: MIT
 *
 * map: what needs no reference. The neighbour graph against a plain double loop, after changes
 * against one made anew, and NN-descent's recall; the same bytes of everything at 1, 2 and 8
 * threads and twice in a row; few vectors, equal ones, damaged ones, many pieces; the tree of
 * points, eigenvectors and the measures against their definitions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cone.h"

#include "map/eigen.h"
#include "map/kdtree.h"
#include "map/knn.h"
#include "map/pca.h"
#include "map/quality.h"
#include "map/random.h"
#include "map/tsne.h"
#include "map/umap.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t seed;
static struct team *teams[3]; /* of 1, 2 and 8 threads */
static const int team_sizes[3] = {1, 2, 8};

static void vectors_of(struct map_vectors *v, const float *x, size_t count, int dim)
{
    struct err err;
    assert_int_equal(map_vectors_open(v, x, NULL, count, dim, teams[1], &err), OK);
}

static void check_graph(const struct knn_graph *g, const float *x, int dim)
{
    size_t k = (size_t)g->k, width = (size_t)dim;
    for (size_t i = 0; i < g->count; i++) {
        double last = -1;
        for (size_t n = 0; n < k; n++) {
            uint32_t id = g->ids[i * k + n];
            double dot = 0;
            assert_true(id < g->count && id != i);
            for (size_t d = 0; d < width; d++)
                dot += (double)x[i * width + d] * x[id * width + d];
            assert_true(fabs(1 - dot - g->distances[i * k + n]) < 1e-5);
            assert_true(g->distances[i * k + n] >= last);
            last = g->distances[i * k + n];
        }
        size_t nearer = 0; /* who is clearly nearer than the last one is a neighbour */
        for (size_t j = 0; j < g->count; j++) {
            double dot = 0;
            for (size_t d = 0; d < width; d++)
                dot += (double)x[i * width + d] * x[j * width + d];
            nearer += j != i && 1 - dot < last - 1e-5;
        }
        assert_true(nearer <= k);
    }
}

static void neighbours_are_the_nearest(void **state)
{
    static const size_t counts[] = {2, 3, 15, 64, 65, 255, 256, 257, 600};
    (void)state;
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        struct map_vectors v;
        struct knn_graph g;
        struct err err;
        int dim = 7 + (int)c * 5;
        float *x = cone_make(counts[c], dim, 4, seed + c, NULL);
        assert_non_null(x);
        vectors_of(&v, x, counts[c], dim);
        assert_int_equal(knn_exact(&g, &v, 14, teams[1], NULL, &err), OK);
        assert_int_equal(g.k, counts[c] - 1 < 14 ? counts[c] - 1 : 14);
        check_graph(&g, x, dim);
        knn_free(&g);
        map_vectors_close(&v);
        free(x);
    }
}

static void equal_ones_come_by_number(void **state)
{
    struct map_vectors v;
    struct knn_graph g;
    struct err err;
    enum { N = 300, DIM = 20, K = 10 };
    float *x = calloc(N * DIM, sizeof *x);
    (void)state;
    assert_non_null(x);
    for (size_t i = 0; i < N; i++)
        x[i * DIM + i % 3] = 1; /* a hundred of each */
    x[7 * DIM] = NAN;           /* damaged: far from everything */
    vectors_of(&v, x, N, DIM);
    assert_int_equal(knn_exact(&g, &v, K, teams[2], NULL, &err), OK);
    for (size_t i = 0; i < N; i++) {
        if (i == 7) {
            assert_true(g.distances[i * K] == 1);
            continue;
        }
        uint32_t wanted = (uint32_t)(i % 3);
        for (size_t n = 0; n < K; n++, wanted += 3) {
            while (wanted == i || wanted == 7)
                wanted += 3;
            assert_int_equal(g.ids[i * K + n], wanted);
            assert_true(g.distances[i * K + n] == 0);
        }
    }
    knn_free(&g);
    map_vectors_close(&v);
    free(x);
}

/* Some go, some come: as if made anew. */
static void a_changed_graph_is_a_new_one(void **state)
{
    enum { BEFORE = 500, NOW = 520, DIM = 32, K = 9 };
    struct map_vectors old_v, v;
    struct knn_graph old, wanted, got;
    struct err err;
    uint32_t old_row[NOW];
    float *all = cone_make(BEFORE + NOW, DIM, 5, seed, NULL);
    float *x = malloc(NOW * DIM * sizeof *x);
    struct chance chance = chance_at(seed, 2000, 0, 0);
    (void)state;
    assert_non_null(all);
    assert_non_null(x);
    for (size_t i = 0, row = 0, fresh = BEFORE; i < NOW; i++) {
        while (row < BEFORE && chance_below(&chance, 20) == 0)
            row++; /* gone */
        bool is_new = row == BEFORE || chance_below(&chance, 12) == 0;
        old_row[i] = is_new ? KNN_NEW : (uint32_t)row;
        memcpy(x + i * DIM, all + (is_new ? fresh++ : row++) * DIM, DIM * sizeof *x);
    }
    vectors_of(&old_v, all, BEFORE, DIM);
    vectors_of(&v, x, NOW, DIM);
    assert_int_equal(knn_exact(&old, &old_v, K, teams[1], NULL, &err), OK);
    assert_int_equal(knn_exact(&wanted, &v, K, teams[1], NULL, &err), OK);
    assert_int_equal(knn_update(&got, &v, &old, old_row, teams[1], NULL, &err), OK);
    for (size_t i = 0; i < NOW * K; i++) {
        assert_true(fabsf(got.distances[i] - wanted.distances[i]) < 1e-6f);
        if (i % K && i % K < K - 1 && wanted.distances[i] - wanted.distances[i - 1] > 1e-5f &&
            wanted.distances[i + 1] - wanted.distances[i] > 1e-5f)
            assert_int_equal(got.ids[i], wanted.ids[i]);
    }
    knn_free(&old);
    knn_free(&wanted);
    knn_free(&got);
    map_vectors_close(&old_v);
    map_vectors_close(&v);
    free(all);
    free(x);
}

static void descent_finds_nearly_all(void **state)
{
    enum { N = 4000, DIM = 48, K = 14 };
    struct map_vectors v;
    struct knn_graph g[3];
    struct err err;
    double recall;
    float *x = cone_make(N, DIM, 20, seed, NULL);
    (void)state;
    assert_non_null(x);
    vectors_of(&v, x, N, DIM);
    for (int t = 0; t < 3; t++)
        assert_int_equal(knn_descent(&g[t], &v, K, 1, teams[t], NULL, &err), OK);
    for (int t = 1; t < 3; t++) {
        assert_memory_equal(g[t].ids, g[0].ids, (size_t)N * K * sizeof *g[0].ids);
        assert_memory_equal(g[t].distances, g[0].distances, (size_t)N * K * sizeof(float));
    }
    assert_int_equal(knn_recall(&recall, &g[0], &v, 500, 1, teams[1], &err), OK);
    printf("recall %.4f\n", recall);
    assert_true(recall > 0.98);
    for (int t = 0; t < 3; t++)
        knn_free(&g[t]);
    map_vectors_close(&v);
    free(x);
}

/* --- the same bytes
 * ------------------------------------------------------------------------------- */

enum { SAME_N = 1400, SAME_DIM = 40 };

/* Everything that a map is made of, one after the other; returns how many floats. */
static size_t make_all(float *out, const float *x, struct team *team)
{
    struct map_vectors v, few;
    struct knn_graph g;
    struct pca pca;
    struct map_quality q;
    struct err err;
    const struct umap_options umap = {3, 0.1, 1, 120, 42}, flat = {2, 0.1, 1, 120, 7};
    struct tsne_options tsne = tsne_defaults;
    size_t used = 0;
    tsne.early_iterations = 30;
    tsne.iterations = 30;
    assert_int_equal(map_vectors_open(&v, x, NULL, SAME_N, SAME_DIM, team, &err), OK);
    assert_int_equal(map_vectors_open(&few, x, NULL, 100, SAME_DIM, team, &err), OK);
    assert_int_equal(knn_build(&g, &v, 14, 42, team, NULL, &err), OK);
    assert_int_equal(umap_fit(out + used, &v, &g, &umap, team, NULL, &err), OK);
    used += SAME_N * 3;
    assert_int_equal(umap_fit(out + used, &v, &g, &flat, team, NULL, &err), OK);
    used += SAME_N * 2;
    assert_int_equal(umap_transform(out + used, &few, &v, out, 15, &umap, team, NULL, &err), OK);
    used += 300;
    assert_int_equal(pca_fit(&pca, &v, 3, NULL, &err), OK);
    assert_int_equal(pca_project(&pca, &v, out + used, team, &err), OK);
    used += SAME_N * 3;
    memcpy(out + used, out + used - SAME_N * 3, SAME_N * 3 * sizeof *out);
    assert_int_equal(tsne_fit(out + used, &g, &tsne, team, NULL, &err), OK);
    used += SAME_N * 3;
    assert_int_equal(quality_measure(&q, &v, out, 3, 15, 1, team, &err), OK);
    out[used++] = (float)q.trustworthiness;
    out[used++] = (float)q.spearman;
    pca_free(&pca);
    knn_free(&g);
    map_vectors_close(&few);
    map_vectors_close(&v);
    return used;
}

static void threads_change_nothing(void **state)
{
    size_t most = SAME_N * 12, used = 0;
    float *x = cone_make(SAME_N, SAME_DIM, 6, seed, NULL);
    float *first = malloc(most * sizeof *first), *other = malloc(most * sizeof *other);
    (void)state;
    assert_non_null(x);
    assert_non_null(first);
    assert_non_null(other);
    used = make_all(first, x, teams[0]);
    for (int t = 0; t < 4; t++) { /* and twice with the last */
        assert_int_equal(make_all(other, x, teams[t < 3 ? t : 2]), used);
        assert_memory_equal(first, other, used * sizeof *first);
    }
    for (size_t i = 0; i < used; i++)
        assert_true(isfinite(first[i]));
    free(first);
    free(other);
    free(x);
}

/* --- what is unusual
 * -------------------------------------------------------------------------------- */

static void expect_map(const float *x, size_t count, int dim, int out_dim)
{
    struct map_vectors v;
    struct knn_graph g;
    struct err err;
    const struct umap_options options = {out_dim, 0.1, 1, 50, 42};
    float *positions = malloc(count * (size_t)out_dim * sizeof *positions);
    assert_non_null(positions);
    vectors_of(&v, x, count, dim);
    assert_int_equal(knn_build(&g, &v, 14, 1, teams[1], NULL, &err), OK);
    assert_int_equal(umap_fit(positions, &v, &g, &options, teams[1], NULL, &err), OK);
    for (size_t i = 0; i < count * (size_t)out_dim; i++)
        assert_true(isfinite(positions[i]));
    knn_free(&g);
    map_vectors_close(&v);
    free(positions);
}

static void few_vectors_have_a_map(void **state)
{
    (void)state;
    for (size_t n = 2; n < 20; n++) {
        float *x = cone_make(n, 16, 2, seed + n, NULL);
        assert_non_null(x);
        expect_map(x, n, 16, 3);
        expect_map(x, n, 16, 2);
        free(x);
    }
}

/* Bursts far from each other: 3, then more pieces than there are axes. */
static void pieces_have_a_map(void **state)
{
    static const size_t pieces[] = {2, 3, 6, 7, 20};
    (void)state;
    for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
        enum { DIM = 24, EACH = 20 };
        size_t n = pieces[p] * EACH;
        struct chance chance = chance_at(seed, 2001, p, 0);
        float *x = malloc(n * DIM * sizeof *x);
        assert_non_null(x);
        for (size_t i = 0; i < n * DIM; i++)
            x[i] = (float)(0.01 * chance_normal(&chance) + (i % DIM == i / DIM / EACH));
        expect_map(x, n, DIM, 3);
        free(x);
    }
}

static void equal_vectors_have_a_map(void **state)
{
    float *x = malloc(100 * 8 * sizeof *x);
    (void)state;
    assert_non_null(x);
    for (size_t i = 0; i < 100 * 8; i++)
        x[i] = 1;
    expect_map(x, 100, 8, 3);
    x[55] = INFINITY;
    expect_map(x, 100, 8, 3);
    free(x);
}

static void stop(void *user, const char *stage, size_t done, size_t total)
{
    (void)stage;
    (void)done;
    (void)total;
    atomic_store((atomic_bool *)user, true);
}

static void a_map_can_be_stopped(void **state)
{
    atomic_bool cancel = false;
    const struct map_watch watch = {stop, &cancel, &cancel};
    struct map_vectors v;
    struct knn_graph g;
    struct err err;
    float *x = cone_make(200, 16, 2, seed, NULL);
    (void)state;
    assert_non_null(x);
    vectors_of(&v, x, 200, 16);
    assert_int_equal(knn_build(&g, &v, 14, 1, teams[1], &watch, &err), ERR_CANCELLED);
    assert_null(g.ids);
    map_vectors_close(&v);
    free(x);
}

/* --- the parts
 * ---------------------------------------------------------------------------------------- */

static void a_tree_finds_the_nearest(void **state)
{
    (void)state;
    for (int dim = 2; dim <= 6; dim++) {
        enum { N = 700, K = 12 };
        struct chance chance = chance_at(seed, 2002, (uint64_t)dim, 0);
        struct kdtree tree;
        struct err err;
        float points[N * 6];
        static uint32_t ids[N * K];
        static float squares[N * K];
        for (size_t i = 0; i < N * (size_t)dim; i++) /* coarse, so that there are ties */
            points[i] = (float)chance_below(&chance, 12);
        assert_int_equal(kdtree_open(&tree, points, N, dim, &err), OK);
        kdtree_all_nearest(&tree, K, ids, squares, teams[1]);
        for (size_t i = 0; i < N; i++) {
            /* Place of the n-th: how many come before it by (square, number). */
            for (size_t n = 0; n < K; n++) {
                size_t before = 0;
                for (size_t j = 0; j < N; j++) {
                    float square = 0;
                    for (int d = 0; d < dim; d++) {
                        float way = points[i * (size_t)dim + (size_t)d] -
                                    points[j * (size_t)dim + (size_t)d];
                        square += way * way;
                    }
                    before += j != i && (square < squares[i * K + n] ||
                                         (square == squares[i * K + n] && j < ids[i * K + n]));
                }
                assert_int_equal(before, n);
            }
        }
        kdtree_close(&tree);
    }
}

/* A ring: the eigenvectors after the first are sines, of eigenvalue cos(2 pi / n), twice. */
static void a_ring_is_a_circle(void **state)
{
    enum { N = 60 };
    size_t starts[N + 1];
    uint32_t ids[2 * N];
    float weights[2 * N];
    struct err err;
    (void)state;
    for (uint32_t i = 0; i < N; i++) {
        uint32_t a = (i + 1) % N, b = (i + N - 1) % N;
        starts[i] = 2 * i;
        ids[2 * i] = a < b ? a : b;
        ids[2 * i + 1] = a < b ? b : a;
        weights[2 * i] = weights[2 * i + 1] = 0.5f;
    }
    starts[N] = 2 * N;
    const struct sparse ring = {N, starts, ids, weights};
    double vectors[N * 2];
    assert_int_equal(eigen_spectral(&ring, 2, 1, vectors, teams[1], &err), OK);
    for (size_t i = 0; i < N; i++) {
        double x = vectors[2 * i], y = vectors[2 * i + 1];
        assert_true(fabs(sqrt(x * x + y * y) - sqrt(2.0 / N)) < 1e-4);
    }
}

static void measures_are_what_they_say(void **state)
{
    enum { N = 50, DIM = 3 };
    struct map_vectors v;
    struct map_quality q;
    struct err err;
    double value;
    float x[N * DIM];
    int a[N], b[N];
    struct chance chance = chance_at(seed, 2003, 0, 0);
    (void)state;
    for (size_t i = 0; i < N; i++) { /* on the sphere: chords order as angles do */
        double norm = 0;
        for (size_t d = 0; d < DIM; d++) {
            x[i * DIM + d] = (float)chance_normal(&chance);
            norm += (double)x[i * DIM + d] * x[i * DIM + d];
        }
        for (size_t d = 0; d < DIM; d++)
            x[i * DIM + d] = (float)(x[i * DIM + d] / sqrt(norm));
        a[i] = (int)(i % 5);
        b[i] = (int)(i % 5 + 1) % 5;
    }
    vectors_of(&v, x, N, DIM);
    assert_int_equal(quality_measure(&q, &v, x, DIM, 10, 1, teams[1], &err), OK);
    assert_true(q.trustworthiness > 0.999 && q.continuity > 0.999 && q.preserved > 0.99);
    assert_true(q.spearman > 0.9999);
    assert_int_equal(quality_rand(&value, a, b, N, &err), OK);
    assert_true(fabs(value - 1) < 1e-12);
    for (size_t i = 0; i < N; i++)
        b[i] = (int)chance_below(&chance, 5);
    assert_int_equal(quality_rand(&value, a, b, N, &err), OK);
    assert_true(fabs(value) < 0.2);
    /* Two pairs, 1 apart, 10 between: (10.02 - 1) / 10.02 of the outer ones, about. */
    const float line[] = {0, 1, 10, 11};
    const int labels[] = {0, 0, 1, 1};
    assert_int_equal(quality_silhouette(&value, line, 4, 1, labels, 2, teams[1], &err), OK);
    assert_true(fabs(value - (2 * (9.5 / 10.5) + 2 * (8.5 / 9.5)) / 4) < 1e-9);
    map_vectors_close(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_are_the_nearest),
        cmocka_unit_test(equal_ones_come_by_number),
        cmocka_unit_test(a_changed_graph_is_a_new_one),
        cmocka_unit_test(descent_finds_nearly_all),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(few_vectors_have_a_map),
        cmocka_unit_test(pieces_have_a_map),
        cmocka_unit_test(equal_vectors_have_a_map),
        cmocka_unit_test(a_map_can_be_stopped),
        cmocka_unit_test(a_tree_finds_the_nearest),
        cmocka_unit_test(a_ring_is_a_circle),
        cmocka_unit_test(measures_are_what_they_say),
    };
    const char *text = getenv("FOVEA_TEST_SEED");
    struct err err;
    seed = text ? strtoull(text, NULL, 10) : (uint64_t)time(NULL);
    printf("FOVEA_TEST_SEED=%llu\n", (unsigned long long)seed);
    for (int t = 0; t < 3; t++)
        if (team_open(&teams[t], team_sizes[t], &err) != OK)
            return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (int t = 0; t < 3; t++)
        team_close(teams[t]);
    return failed;
}
