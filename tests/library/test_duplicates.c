/* SPDX-License-Identifier: MIT
 *
 * The tiers on photographs that are made up: what the rules say about pairs, that groups are stars,
 * that decisions hold, and that the quick ways (the index over hashes, the comparison in bytes)
 * find exactly what looking at every pair finds. Real pictures are check_duplicates.c's.
 */
#include "library/duplicates.h"

#include "base/cpu.h"
#include "library/duplicates_pool.h"
#include "library/snapshot.h"
#include "store/store.h"
#include "../temporary.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DIM = 24, ROWS_MAX = 3000 };
static const char *const formats[] = {"jpeg", "raw", "png"};
enum { JPEG, RAW };

static uint64_t seed;

static uint64_t random_bits(void)
{
    uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* A library in memory, and a store for its decisions. */
struct library {
    char dir[64], file[96];
    struct store *store;
    struct kernels kernels;
    struct store_matrix matrix;
    struct store_facts facts;
    struct snapshot snapshot;
    char paths[ROWS_MAX][32];
};

static struct library *library_new(void)
{
    struct library *l = calloc(1, sizeof *l);
    struct err err;
    unsigned flags = 0;
    assert_int_equal(temporary_make(l->dir, sizeof l->dir), 0);
    snprintf(l->file, sizeof l->file, "%s/l.db", l->dir);
    assert_int_equal(store_open(&l->store, l->file, STORE_WRITE, &err), OK);
    assert_int_equal(cpu_flags(&flags, &err), OK);
    kernels_init(&l->kernels, flags);
    l->matrix.dim = DIM;
    l->matrix.vectors = aligned_alloc(64, (size_t)ROWS_MAX * DIM * 2);
    l->matrix.photo_ids = calloc(ROWS_MAX, sizeof(int64_t));
    l->matrix.paths = calloc(ROWS_MAX, sizeof(char *));
    l->facts.rows = calloc(ROWS_MAX, sizeof *l->facts.rows);
    l->facts.formats.names = (const char **)(uintptr_t)formats;
    l->snapshot =
        (struct snapshot){.matrix = &l->matrix, .facts = &l->facts, .kernels = &l->kernels};
    return l;
}

static void library_free(struct library *l)
{
    char command[128];
    store_close(l->store);
    snprintf(command, sizeof command, "rm -r %s", l->dir);
    assert_int_equal(system(command), 0);
    free(l->matrix.vectors);
    free(l->matrix.photo_ids);
    free((void *)l->matrix.paths);
    free(l->facts.rows);
    free(l);
}

/* The vector has this cosine with the first axis; `other` says in which plane. */
static struct store_fact *add(struct library *l, const char *path, double cosine, int other)
{
    size_t row = l->matrix.count++;
    float vector[DIM] = {0};
    l->facts.count = l->matrix.count;
    vector[0] = (float)cosine;
    vector[1 + other] = (float)sqrt(1 - cosine * cosine);
    l->kernels.f32_to_f16(l->matrix.vectors + row * DIM, vector, DIM);
    snprintf(l->paths[row], sizeof l->paths[row], "%s", path);
    l->matrix.paths[row] = l->paths[row];
    l->matrix.photo_ids[row] = (int64_t)row + 100;
    struct store_fact *f = &l->facts.rows[row];
    *f = (struct store_fact){.camera = -1,
                             .lens = -1,
                             .rating = PHOTO_NO_RATING,
                             .taken_ms = PHOTO_NO_TIME,
                             .width = 600,
                             .height = 400,
                             .size_bytes = 1000,
                             .latitude = (double)NAN,
                             .path_count = 1,
                             .keywords = "",
                             .has_phash = true,
                             .phash = random_bits() | 1};
    memcpy(f->hash.bytes, &row, sizeof row);
    return f;
}

static struct duplicate_groups find_all(struct library *l, unsigned tiers)
{
    struct duplicate_groups groups;
    struct err err;
    const struct duplicate_options options = {.tiers = tiers};
    if (duplicates_find(&groups, &l->snapshot, l->store, &options, &err) != OK)
        fail_msg("%s", err.text);
    return groups;
}

/* --- pairs ---------------------------------------------------------------------------------- */

#define T0 INT64_C(1700000000000)
static const uint64_t base_hash = UINT64_C(0x9a3c5e7f1b2d4860);

struct pair_case {
    const char *what;
    struct half {
        int format, camera, width, height;
        int64_t taken_ms;
        const char *path;
    } a, b;
    int bits, turn;
    double cosine;
    int tier; /* -1: none */
};

static const struct pair_case pairs[] = {
    {"resized", {0, -1, 600, 400, 0, NULL}, {0, -1, 300, 200, 0, NULL}, 3, 0, 0.7, 1},
    {"the hash alone is chance", {0}, {0}, 3, 0, 0.5, -1},
    {"a fair hash wants a fair cosine", {0}, {0}, 6, 0, 0.79, -1},
    {"and has it", {0}, {0}, 6, 0, 0.82, 1},
    {"a far one", {0}, {0}, 10, 0, 0.92, 1},
    {"too far", {0}, {0}, 11, 0, 0.94, -1},
    {"mirrored", {0}, {0}, 4, 1, 0.7, 1},
    {"rotated, width and height swapped",
     {0, -1, 600, 400, 0, NULL},
     {0, -1, 400, 600, 0, NULL},
     4,
     5,
     0.7,
     1},
    {"rotated but of the same shape",
     {0, -1, 600, 400, 0, NULL},
     {0, -1, 600, 400, 0, NULL},
     0,
     5,
     0.9,
     -1},
    {"another shape", {0, -1, 600, 400, 0, NULL}, {0, -1, 600, 500, 0, NULL}, 0, 0, 0.9, -1},
    {"other cameras", {0, 1, 0, 0, 0, NULL}, {0, 2, 0, 0, 0, NULL}, 0, 0, 0.9, -1},
    {"a copy without metadata", {0, 1, 0, 0, T0, NULL}, {0}, 0, 0, 0.9, 1},
    {"one exposure, to the millisecond",
     {0, 1, 60, 40, T0 + 25, NULL},
     {0, 1, 60, 40, T0 + 25, NULL},
     6,
     0,
     0.9,
     1},
    {"two in one second, told apart by fractions",
     {0, 1, 60, 40, T0 + 25, NULL},
     {0, 1, 60, 40, T0 + 75, NULL},
     0,
     0,
     0.9,
     2},
    {"two in one second, without fractions",
     {0, 1, 60, 40, T0, NULL},
     {0, 1, 60, 40, T0, NULL},
     4,
     0,
     0.9,
     2},
    {"the same, small", {0, 1, 60, 40, T0, NULL}, {0, 1, 30, 20, T0, NULL}, 4, 0, 0.9, 1},
    {"a burst", {0, 1, 60, 40, T0, NULL}, {0, 1, 60, 40, T0 + 9000, NULL}, 30, 0, 0.9, 2},
    {"a burst that turned away",
     {0, 1, 60, 40, T0, NULL},
     {0, 1, 60, 40, T0 + 900, NULL},
     30,
     0,
     0.8,
     -1},
    {"too late for a burst",
     {0, 1, 60, 40, T0, NULL},
     {0, 1, 60, 40, T0 + 11000, NULL},
     0,
     0,
     0.9,
     -1},
    {"two cameras in one moment",
     {0, 1, 60, 40, T0, NULL},
     {0, 2, 60, 40, T0, NULL},
     0,
     0,
     0.9,
     -1},
    {"RAW beside JPEG",
     {1, 1, 60, 40, T0, "a/x.CR3"},
     {0, 1, 60, 40, T0, "a/x.jpg"},
     20,
     0,
     0.4,
     2},
    {"a stem counted on",
     {1, 1, 60, 40, T0, "a/x.CR3"},
     {0, 1, 60, 40, T0 + 60000, "a/x.jpg"},
     20,
     0,
     0.9,
     -1},
    {"RAW and a picture out of it",
     {1, -1, 600, 400, 0, "a/x.CR3"},
     {0, -1, 300, 200, 0, "b/y.jpg"},
     5,
     0,
     0.9,
     2},
    {"a stem in another folder",
     {1, -1, 600, 400, 0, "a/x.CR3"},
     {0, -1, 300, 200, 0, "b/x.jpg"},
     30,
     0,
     0.9,
     -1},
    {"JPEG and PNG of one name",
     {0, -1, 600, 400, 0, "a/x.jpg"},
     {2, -1, 600, 400, 0, "a/x.png"},
     30,
     0,
     0.9,
     -1},
    {"similar", {0}, {0}, 32, 0, 0.96, 3},
    {"not quite", {0}, {0}, 32, 0, 0.94, -1},
};

static void put_half(struct library *l, const struct half *half, const char *path, uint64_t hash,
                     double cosine)
{
    struct store_fact *f = add(l, half->path ? half->path : path, cosine, 0);
    bool told = half->width || half->taken_ms || half->path;
    f->phash = hash;
    f->format = half->format;
    f->camera = told || half->camera ? half->camera : -1;
    f->width = half->width;
    f->height = half->height;
    f->taken_ms = half->taken_ms ? half->taken_ms : PHOTO_NO_TIME;
}

static void test_pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const struct pair_case *c = &pairs[i];
        struct library *l = library_new();
        uint64_t other = phash_turn(base_hash, c->turn);
        for (int k = 0; k < c->bits; k++)
            other ^= UINT64_C(1) << (k * 29 + 7) % 64;
        put_half(l, &c->a, "a/1", base_hash, 1);
        put_half(l, &c->b, "b/2", other, c->cosine);
        struct duplicate_groups groups = find_all(l, DUPLICATE_TIERS_ALL);
        int tier = groups.count ? (int)groups.groups[0].tier : -1;
        if (tier != c->tier || groups.count > 1)
            fail_msg("%s: tier %d, expected %d (%zu groups)", c->what, tier, c->tier, groups.count);
        if (groups.count && c->tier == 1) {
            assert_int_equal(groups.groups[0].members[1].distance, c->bits);
            assert_int_equal(groups.groups[0].members[1].turned, c->turn != 0);
        }
        duplicates_free(&groups);
        library_free(l);
    }
}

/* --- which to keep -----------------------------------------------------------------------------
 */

static void test_reasons(void **state)
{
    (void)state;
    static const struct {
        const char *what, *reason;
        int rating[2], width[2], bytes[2], mtime[2], camera[2];
    } cases[] = {
        {"stars", "rated 4", {4, 3}, {100, 600}, {1, 9}, {0, 0}, {-1, -1}},
        {"rejected", "the other is rejected", {0, -1}, {600, 600}, {1, 9}, {0, 0}, {-1, -1}},
        {"pixels", "more pixels (600 x 400)", {0, 0}, {600, 300}, {1, 9}, {0, 0}, {-1, -1}},
        {"metadata", "more metadata", {0, 0}, {600, 600}, {1, 9}, {0, 0}, {2, -1}},
        {"bytes", "larger file (9.00 MB)", {0, 0}, {600, 600}, {9000000, 1}, {5, 0}, {-1, -1}},
        {"age", "older file", {0, 0}, {600, 600}, {1, 1}, {3, 4}, {-1, -1}},
        {"path", "first by path", {0, 0}, {600, 600}, {1, 1}, {4, 4}, {-1, -1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int swap = 0; swap < 2; swap++) {
            struct library *l = library_new();
            for (int k = 0; k < 2; k++) {
                int of = k ^ swap; /* 0 is to win, wherever it stands */
                struct store_fact *f = add(l, k ? "b" : "a", 1, 0);
                f->phash = base_hash;
                f->rating = (int8_t)cases[i].rating[of];
                f->width = cases[i].width[of];
                f->height = f->width * 2 / 3;
                f->size_bytes = cases[i].bytes[of];
                f->mtime_ns = cases[i].mtime[of];
                f->camera = cases[i].camera[of];
            }
            struct duplicate_groups groups = find_all(l, DUPLICATE_TIERS_USUAL);
            assert_int_equal(groups.count, 1);
            if (strcmp(groups.groups[0].reason, cases[i].reason) != 0)
                fail_msg("%s: %s", cases[i].what, groups.groups[0].reason);
            bool is_tie = strcmp(cases[i].what, "path") == 0;
            assert_int_equal(groups.groups[0].members[0].row, is_tie ? 0 : swap);
            assert_int_equal(groups.groups[0].reclaim_bytes, cases[i].bytes[1]);
            duplicates_free(&groups);
            library_free(l);
        }
}

/* --- stars and decisions ------------------------------------------------------------------------
 */

/* A chain, each a little different from the one before: no group spans it. */
static void test_chain(void **state)
{
    (void)state;
    struct library *l = library_new();
    uint64_t hash = base_hash;
    for (int i = 0; i < 20; i++) {
        char path[16];
        snprintf(path, sizeof path, "c/%02d", i);
        add(l, path, 1, 0)->phash = hash;
        hash ^= UINT64_C(15) << (i * 3); /* 4 bits on */
    }
    struct duplicate_groups groups = find_all(l, DUPLICATE_TIERS_USUAL);
    assert_true(groups.count > 3);
    for (size_t g = 0; g < groups.count; g++)
        for (size_t m = 1; m < groups.groups[g].count; m++)
            assert_in_range(groups.groups[g].members[m].distance, 0, 10);
    duplicates_free(&groups);
    library_free(l);
}

static void decide(struct library *l, size_t a, size_t b, enum decision decision)
{
    struct err err;
    assert_int_equal(store_decision_put(l->store, &l->facts.rows[a].hash, &l->facts.rows[b].hash,
                                        decision, &err),
                     OK);
}

static void test_decisions(void **state)
{
    (void)state;
    struct library *l = library_new();
    for (int i = 0; i < 4; i++) {
        char path[16];
        snprintf(path, sizeof path, "d/%d", i);
        add(l, path, 1, 0)->phash = base_hash;
    }
    add(l, "e", 0.1, 1);
    decide(l, 1, 2, DECISION_NOT_DUPLICATE);
    decide(l, 4, 3, DECISION_DUPLICATE);
    struct duplicate_groups groups = find_all(l, DUPLICATE_TIERS_ALL);
    /* What is not a duplicate of 1 may still be one of 0: not in the group that 1 is in. */
    assert_int_equal(groups.count, 2);
    assert_int_equal(groups.groups[1].tier, DUPLICATE_SIMILAR);
    assert_int_equal(groups.groups[1].members[1].row, 2);
    assert_int_equal(groups.groups[0].count, 4);
    for (size_t m = 0; m < 4; m++) {
        assert_int_not_equal(groups.groups[0].members[m].row, 2);
        assert_int_equal(groups.groups[0].members[m].is_decided,
                         groups.groups[0].members[m].row == 4);
    }
    duplicates_free(&groups);
    decide(l, 2, 1, DECISION_NONE);
    decide(l, 3, 4, DECISION_NONE);
    groups = find_all(l, DUPLICATE_TIERS_ALL);
    assert_int_equal(groups.count, 1);
    assert_int_equal(groups.groups[0].count, 4);
    duplicates_free(&groups);
    library_free(l);
}

/* Of a narrower group only the one to keep goes on. */
static void test_nesting(void **state)
{
    (void)state;
    struct library *l = library_new();
    for (int i = 0; i < 4; i++) {
        struct store_fact *f = add(l,
                                   i == 3   ? "f/small"
                                   : i == 0 ? "f/0"
                                   : i == 1 ? "f/1"
                                            : "f/2",
                                   i == 3 ? 1 : 1 - i * 0.02, 0);
        f->camera = 1;
        f->taken_ms = T0 + (i % 3) * 1500;
        f->phash = i % 3 == 0 ? base_hash : random_bits();
        if (i == 3) {
            f->width = 300;
            f->height = 200;
        }
    }
    struct duplicate_groups groups = find_all(l, DUPLICATE_TIERS_ALL);
    assert_int_equal(groups.count, 2);
    assert_int_equal(groups.groups[0].tier, DUPLICATE_SAME_PICTURE);
    assert_int_equal(groups.groups[0].count, 2);
    assert_int_equal(groups.groups[1].tier, DUPLICATE_SAME_MOMENT);
    assert_int_equal(groups.groups[1].count, 3);
    duplicates_free(&groups);
    groups = find_all(l, DUPLICATE_TIER(DUPLICATE_SAME_MOMENT)); /* the same, shown alone */
    assert_int_equal(groups.count, 1);
    assert_int_equal(groups.groups[0].count, 3);
    duplicates_free(&groups);
    library_free(l);
}

/* --- the quick ways against every pair -----------------------------------------------------------
 */

static void test_index(void **state)
{
    (void)state;
    struct library *l = library_new();
    struct err err;
    seed = 6;
    printf("seed 6\n");
    for (int i = 0; i < 1200; i++) {
        char path[16];
        snprintf(path, sizeof path, "%05d", i);
        struct store_fact *f = add(l, path, 1, 0);
        f->phash = base_hash;
        for (uint64_t flips = random_bits() % 16; flips > 0; flips--)
            f->phash ^= UINT64_C(1) << random_bits() % 64;
    }
    const struct duplicate_options options = {.tiers = DUPLICATE_TIERS_ALL};
    struct pool pool;
    struct phash_index *index;
    assert_int_equal(pool_open(&pool, &l->snapshot, l->store, &options, &err), OK);
    assert_int_equal(phash_index_open(&index, &pool, &err), OK);
    size_t all = 0;
    for (int most = 0; most <= 11; most++)
        for (place_t p = 0; p < pool.count; p += 97) {
            const place_t *found;
            size_t count, expected = 0;
            uint64_t hash = pool_fact(&pool, p)->phash;
            assert_int_equal(phash_index_find(index, hash, most, p, &found, &count, &err), OK);
            for (place_t q = p + 1; q < pool.count; q++) {
                if (__builtin_popcountll(pool_fact(&pool, q)->phash ^ hash) > most)
                    continue;
                assert_true(expected < count && found[expected] == q);
                expected++;
            }
            assert_int_equal(count, expected);
            all += count;
        }
    assert_true(all > 1000);
    phash_index_close(index);
    pool_close(&pool);
    library_free(l);
}

/* Every photograph is in the star of the first one that it is similar enough to, or of a nearer one
 * of the same panel; nobody who stands alone is similar to somebody who does. */
static void test_similar(void **state)
{
    (void)state;
    struct library *l = library_new();
    seed = 7;
    printf("seed 7\n");
    float vector[DIM], centre[DIM];
    for (int i = 0; i < 2000; i++) {
        char path[16];
        double sum = 0;
        snprintf(path, sizeof path, "%05d", i);
        add(l, path, 1, 0)->has_phash = false;
        for (int k = 0; k < DIM; k++) {
            if (i % 5 == 0)
                centre[k] = (float)(random_bits() % 2001) / 1000 - 1;
            vector[k] =
                centre[k] + ((float)(random_bits() % 2001) / 1000 - 1) * (float)(i % 5) * 0.2f;
            sum += (double)vector[k] * (double)vector[k];
        }
        for (int k = 0; k < DIM; k++)
            vector[k] /= (float)sqrt(sum);
        if (i == 1000)
            vector[3] = NAN;
        l->kernels.f32_to_f16(l->matrix.vectors + (size_t)i * DIM, vector, DIM);
    }
    struct duplicate_groups groups = find_all(l, DUPLICATE_TIERS_ALL), again;
    assert_true(groups.count > 100);
    size_t *head = calloc(2000, sizeof *head), members = 0;
    for (size_t i = 0; i < 2000; i++)
        head[i] = i;
    for (size_t g = 0; g < groups.count; g++)
        for (size_t m = 1; m < groups.groups[g].count; m++) {
            assert_true(groups.groups[g].members[m].score >= DUPLICATE_SIMILAR_COSINE - 1e-5f);
            head[groups.groups[g].members[m].row] = groups.groups[g].members[0].row;
            members++;
        }
    for (size_t a = 0; a < 2000; a++)
        for (size_t b = a + 1; b < 2000; b++) {
            if (head[a] != a || head[b] != b)
                continue;
            float row[DIM], cosine;
            l->kernels.f16_to_f32(row, l->matrix.vectors + a * DIM, DIM);
            l->kernels.dot_f16_rows(&cosine, row, l->matrix.vectors + b * DIM, 1, DIM);
            assert_false(cosine >= DUPLICATE_SIMILAR_COSINE + 1e-5f);
        }
    printf("%zu groups, %zu members\n", groups.count, members);
    struct err err;
    const struct duplicate_options one = {.tiers = DUPLICATE_TIERS_ALL, .threads = 1};
    assert_int_equal(duplicates_find(&again, &l->snapshot, l->store, &one, &err), OK);
    assert_int_equal(again.count, groups.count);
    for (size_t g = 0; g < groups.count; g++)
        for (size_t m = 0; m < groups.groups[g].count; m++)
            assert_int_equal(groups.groups[g].members[m].row, again.groups[g].members[m].row);
    duplicates_free(&again);
    free(head);
    duplicates_free(&groups);
    library_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),   cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_chain),   cmocka_unit_test(test_decisions),
        cmocka_unit_test(test_nesting), cmocka_unit_test(test_index),
        cmocka_unit_test(test_similar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
