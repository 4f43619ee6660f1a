/* SPDX-License-Identifier: MIT
 *
 * photo-map: the map and the groups of a library as they live: made, kept, new photographs placed
 * without moving the others, made anew when that is due; the same bytes at any number of threads;
 * artifacts that are damaged, or mean harm with a good checksum.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../map/cone.h"

#include "base/cpu.h"
#include "kern/kernels.h"
#include "library/photo_groups.h"
#include "library/photo_map.h"
#include "library/snapshot.h"
#include "map/quality.h"
#include "map/random.h"
#include "store/store.h"
#include "../temporary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

enum { DIM = 64, CLASSES = 5, ALL = 500, FIRST = 200 };

static uint64_t seed;
static float *vectors; /* [ALL, DIM] */
static int classes[ALL];
static char folder[64], file[80];

struct library {
    struct store *store;
    int64_t model_id;
    const struct snapshot *snapshot;
};

/* Photograph i is the path /p/000i.jpg. */
static void put(struct library *l, size_t first, size_t end)
{
    struct kernels kernels;
    unsigned flags;
    struct err err;
    assert_int_equal(cpu_flags(&flags, &err), OK);
    kernels_init(&kernels, flags);
    struct store_result *results = calloc(end - first + 1, sizeof *results);
    char(*paths)[32] = calloc(end - first + 1, sizeof *paths);
    uint16_t(*halves)[DIM] = calloc(end - first + 1, sizeof *halves);
    assert_true(results && paths && halves);
    for (size_t i = first; i < end; i++) {
        size_t n = i - first;
        snprintf(paths[n], sizeof paths[n], "/p/%04zu.jpg", i);
        kernels.f32_to_f16(halves[n], vectors + i * DIM, DIM);
        results[n] =
            (struct store_result){.file = {.path = paths[n], .size_bytes = 1, .mtime_ns = 1},
                                  .format = "jpeg",
                                  .vector = halves[n]};
        memcpy(results[n].hash.bytes, &i, sizeof i);
    }
    assert_int_equal(store_put_results(l->store, l->model_id, results, end - first, &err), OK);
    free(results);
    free(paths);
    free(halves);
}

static void refresh(struct library *l)
{
    struct err err;
    const struct snapshot *old = l->snapshot;
    assert_int_equal(
        snapshot_open(&l->snapshot, l->store, l->model_id, SNAPSHOT_BYTES_NEVER, old, &err), OK);
    snapshot_unref(old);
}

static void library_open_with(struct library *l, size_t count)
{
    struct err err;
    *l = (struct library){0};
    unlink(file);
    assert_int_equal(store_open(&l->store, file, STORE_WRITE, &err), OK);
    assert_int_equal(
        store_model_use(l->store, "m", "0123456789abcdef0123456789abcdef", DIM, &l->model_id, &err),
        OK);
    put(l, 0, count);
    refresh(l);
}

static void library_close(struct library *l)
{
    snapshot_unref(l->snapshot);
    store_close(l->store);
    unlink(file);
}

static struct photo_map map_of(const struct library *l, int threads, bool remake)
{
    struct photo_map map;
    struct err err;
    struct photo_map_options how = photo_map_defaults;
    how.threads = threads;
    how.remake = remake;
    assert_int_equal(photo_map_get(&map, l->snapshot, l->store, &how, &err), OK);
    assert_int_equal(map.count, l->snapshot->matrix->count);
    for (size_t i = 0; i < map.count; i++) {
        double square = 0;
        for (size_t d = 0; d < 3; d++)
            square += (double)map.positions[i * 3 + d] * map.positions[i * 3 + d];
        assert_true(square <= 1.00001); /* not NaN either */
    }
    return map;
}

static void a_map_is_kept(void **state)
{
    struct library l;
    (void)state;
    library_open_with(&l, FIRST);
    struct photo_map made = map_of(&l, 2, false);
    struct photo_map kept = map_of(&l, 1, false);
    assert_true(made.made);
    assert_false(kept.made);
    assert_memory_equal(made.positions, kept.positions, FIRST * 3 * sizeof(float));
    photo_map_free(&kept);
    for (int threads = 1; threads <= 8; threads += threads == 1 ? 1 : 6) {
        struct photo_map again = map_of(&l, threads, true);
        assert_true(again.made);
        assert_memory_equal(made.positions, again.positions, FIRST * 3 * sizeof(float));
        photo_map_free(&again);
    }
    double centre[3] = {0};
    for (size_t i = 0; i < FIRST * 3; i++)
        centre[i % 3] += made.positions[i] / FIRST;
    for (int d = 0; d < 3; d++)
        assert_true(fabs(centre[d]) < 1e-4);
    photo_map_free(&made);
    library_close(&l);
}

/* The part of the placed photographs whose nearest other one is of their class. */
static double well_placed(const struct photo_map *map)
{
    size_t right = 0;
    for (size_t i = 0; i < map->count; i++) {
        size_t nearest = 0;
        float least = INFINITY;
        for (size_t j = 0; j < map->count && map->placed[i]; j++) {
            float square = 0;
            for (size_t d = 0; d < 3; d++) {
                float way = map->positions[i * 3 + d] - map->positions[j * 3 + d];
                square += way * way;
            }
            if (!map->placed[j] && square < least) {
                least = square;
                nearest = j;
            }
        }
        right += map->placed[i] && classes[i] == classes[nearest];
    }
    return (double)right / (double)map->placed_count;
}

static void new_ones_are_placed(void **state)
{
    struct library l;
    struct err err;
    (void)state;
    library_open_with(&l, FIRST);
    struct photo_map before = map_of(&l, 2, false);
    put(&l, FIRST, FIRST + 60);
    refresh(&l);
    struct photo_map after = map_of(&l, 2, false);
    assert_false(after.made);
    assert_int_equal(after.placed_count, 60);
    assert_memory_equal(before.positions, after.positions, FIRST * 3 * sizeof(float));
    assert_true(well_placed(&after) > 0.9);
    struct photo_map again = map_of(&l, 1, false);
    assert_memory_equal(again.positions, after.positions, (FIRST + 60) * 3 * sizeof(float));
    photo_map_free(&again);

    /* Those that go leave the others where they are. */
    char *gone[] = {(char[]){"/p/0000.jpg"}, (char[]){"/p/0007.jpg"}, (char[]){"/p/0201.jpg"}};
    assert_int_equal(store_forget_paths(l.store, gone, 3, &err), OK);
    refresh(&l);
    again = map_of(&l, 2, false);
    assert_false(again.made);
    assert_int_equal(again.placed_count, 59);
    assert_memory_equal(again.positions, after.positions + 3, 6 * 3 * sizeof(float));
    assert_memory_equal(again.positions + 18, after.positions + 24, 100 * sizeof(float));
    photo_map_free(&again);

    /* More guests than there were hosts. */
    put(&l, FIRST + 60, ALL);
    refresh(&l);
    again = map_of(&l, 2, false);
    assert_true(again.made);
    assert_int_equal(again.placed_count, 0);
    photo_map_free(&again);
    photo_map_free(&after);
    photo_map_free(&before);
    library_close(&l);
}

static void the_graph_follows(void **state)
{
    struct library l;
    struct knn_graph kept, fresh;
    struct team *team;
    struct err err;
    (void)state;
    assert_int_equal(team_open(&team, 2, &err), OK);
    library_open_with(&l, FIRST);
    assert_int_equal(photo_graph_get(&kept, l.snapshot, l.store, 14, team, NULL, &err), OK);
    knn_free(&kept);
    char *gone[] = {(char[]){"/p/0003.jpg"}};
    assert_int_equal(store_forget_paths(l.store, gone, 1, &err), OK);
    put(&l, FIRST, FIRST + 20);
    refresh(&l);
    assert_int_equal(photo_graph_get(&kept, l.snapshot, l.store, 14, team, NULL, &err), OK);
    assert_int_equal(photo_graph_get(&fresh, l.snapshot, NULL, 14, team, NULL, &err), OK);
    assert_int_equal(kept.count, FIRST + 19);
    for (size_t i = 0; i < kept.count * 14; i++)
        assert_true(fabsf(kept.distances[i] - fresh.distances[i]) < 1e-6f);
    knn_free(&kept);
    knn_free(&fresh);
    team_close(team);
    library_close(&l);
}

static void other_methods_and_few_photographs(void **state)
{
    (void)state;
    for (size_t count = 0; count < 9; count++) {
        struct library l;
        struct err err;
        library_open_with(&l, count);
        for (int method = MAP_UMAP; method <= MAP_PCA; method++) {
            struct photo_map_options how = photo_map_defaults;
            struct photo_map map;
            how.method = (enum map_method)method;
            how.dim = 2 + (int)count % 2;
            assert_int_equal(photo_map_get(&map, l.snapshot, l.store, &how, &err), OK);
            assert_int_equal(map.count, count);
            for (size_t i = 0; i < count * (size_t)how.dim; i++)
                assert_true(fabsf(map.positions[i]) <= 1.00001f);
            photo_map_free(&map);
        }
        struct photo_groups groups;
        assert_int_equal(
            photo_groups_get(&groups, l.snapshot, l.store, NULL, &photo_groups_defaults, &err), OK);
        photo_groups_free(&groups);
        library_close(&l);
    }
}

/* Without a model there are groups without names. */
static void groups_are_the_classes(void **state)
{
    struct library l;
    struct photo_groups groups, again;
    struct photo_groups_options how = photo_groups_defaults;
    struct err err;
    double rand;
    (void)state;
    library_open_with(&l, ALL);
    assert_int_equal(photo_groups_get(&groups, l.snapshot, l.store, NULL, &how, &err), OK);
    assert_int_equal(quality_rand(&rand, groups.of, classes, ALL, &err), OK);
    printf("%zu groups, %zu outliers, adjusted Rand index %.3f\n", groups.count, groups.outliers,
           rand);
    assert_true(rand > 0.8);
    assert_true(groups.outliers < ALL / 5);
    size_t sum = groups.outliers;
    for (size_t g = 0; g < groups.count; g++) {
        const struct photo_group *group = &groups.items[g];
        assert_null(group->names[0]);
        assert_true(g == 0 || group->size <= groups.items[g - 1].size);
        assert_true(group->typical_count > 0);
        for (size_t t = 0; t < group->typical_count; t++)
            assert_int_equal(groups.of[group->typical[t]], g);
        sum += group->size;
    }
    assert_int_equal(sum, ALL);
    for (int threads = 1; threads <= 8; threads += threads == 1 ? 1 : 6) {
        how.threads = threads;
        how.remake = threads != 1; /* kept, then made again */
        assert_int_equal(photo_groups_get(&again, l.snapshot, l.store, NULL, &how, &err), OK);
        assert_memory_equal(again.of, groups.of, ALL * sizeof *groups.of);
        photo_groups_free(&again);
    }
    photo_groups_free(&groups);
    library_close(&l);
}

/* --- harm
 * ------------------------------------------------------------------------------------------ */

static const char *const artifacts[] = {"graph-14", "map-umap-3", "groups"};

static void use_everything(const struct library *l)
{
    struct photo_groups groups;
    struct err err;
    struct photo_map map = map_of(l, 2, false);
    photo_map_free(&map);
    assert_int_equal(
        photo_groups_get(&groups, l->snapshot, l->store, NULL, &photo_groups_defaults, &err), OK);
    for (size_t i = 0; i < groups.rows; i++)
        assert_true(groups.of[i] >= -1 && groups.of[i] < (int)groups.count);
    photo_groups_free(&groups);
}

/* Bytes changed, cut or added; half of the time the checksum is made right again. */
static void spoil(struct chance *chance, uint8_t *bytes, size_t *size)
{
    uint32_t kind = chance_below(chance, 4);
    if (kind == 0)
        *size = chance_below(chance, (uint32_t)*size);
    for (uint32_t i = 0; *size > 0 && kind > 0 && i < 1 + 20 * (kind == 3); i++) {
        size_t at = chance_below(chance, (uint32_t)(kind == 1 && *size > 40 ? 40 : *size));
        bytes[at] = (uint8_t)chance_bits(chance);
    }
    if (*size > 8 && chance_below(chance, 4) > 0) {
        uint64_t hash = XXH3_64bits(bytes, *size - 8);
        memcpy(bytes + *size - 8, &hash, sizeof hash);
    }
}

static void damage_is_survived(void **state)
{
    struct library l;
    struct err err;
    struct chance chance = chance_at(seed, 3000, 0, 0);
    (void)state;
    library_open_with(&l, 40);
    use_everything(&l);
    for (int round = 0; round < 100; round++) {
        const char *name = artifacts[chance_below(&chance, 3)];
        void *bytes;
        size_t size;
        assert_int_equal(store_artifact_get(l.store, l.model_id, name, &bytes, &size, &err), OK);
        spoil(&chance, bytes, &size);
        assert_int_equal(store_artifact_put(l.store, l.model_id, name, bytes, size, &err), OK);
        free(bytes);
        use_everything(&l);
        if (round % 10 == 0) { /* made again from the beginning */
            for (size_t i = 0; i < 3; i++)
                assert_int_equal(store_artifact_remove(l.store, l.model_id, artifacts[i], &err),
                                 OK);
            use_everything(&l);
        }
    }
    library_close(&l);
}

static void reading_is_enough(void **state)
{
    struct library l;
    struct store *store;
    struct err err;
    (void)state;
    library_open_with(&l, FIRST);
    store_close(l.store);
    l.store = NULL;
    assert_int_equal(store_open(&store, file, STORE_READ, &err), OK);
    l.store = store;
    struct photo_map map = map_of(&l, 2, false);
    assert_true(map.made);
    photo_map_free(&map);
    map = map_of(&l, 2, false);
    assert_true(map.made); /* nothing could be kept */
    photo_map_free(&map);
    library_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_is_kept),
        cmocka_unit_test(new_ones_are_placed),
        cmocka_unit_test(the_graph_follows),
        cmocka_unit_test(other_methods_and_few_photographs),
        cmocka_unit_test(groups_are_the_classes),
        cmocka_unit_test(damage_is_survived),
        cmocka_unit_test(reading_is_enough),
    };
    const char *text = getenv("FOVEA_TEST_SEED");
    seed = text ? strtoull(text, NULL, 10) : (uint64_t)time(NULL);
    printf("FOVEA_TEST_SEED=%llu\n", (unsigned long long)seed);
    if (temporary_make(folder, sizeof folder) != 0)
        return 1;
    snprintf(file, sizeof file, "%s/l.db", folder);
    vectors = cone_make(ALL, DIM, CLASSES, seed, classes);
    if (!vectors)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(vectors);
    return rmdir(folder) != 0 || failed;
}
