/* SPDX-License-Identifier: MIT
 *
 * Painted scenes: a seed is a picture and no two are alike; what is planned can be true; captions
 * are plain words that tell nothing but the truth; every kind paints at small, narrow and odd
 * sizes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scene/kinds.h"
#include "scene/noise.h"
#include "scene/scene.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BIT(x) (UINT64_C(1) << (x))

static uint64_t seed;

static int setup(void **state)
{
    const char *given = getenv("FOVEA_TEST_SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 100000;
    print_message("FOVEA_TEST_SEED=%llu\n", (unsigned long long)seed);
    return 0;
}

/* The first scene of a kind from `from` on. */
static struct scene scene_of(enum scene_kind kind, uint64_t from)
{
    struct scene scene;
    for (;; from++) {
        scene_plan(&scene, from, kind < KIND_PLAIN_COUNT ? 0 : 1);
        if (scene.kind == kind)
            return scene;
    }
}

static void paint(const struct scene *scene, int width, int height, uint8_t *rgb)
{
    struct err err;
    assert_int_equal(scene_paint(scene, width, height, rgb, &err), OK);
}

/* Planned: */

static void test_plans_keep_to_their_kind(void **state)
{
    for (uint64_t i = 0; i < 3000; i++) {
        struct scene s, again;
        scene_plan(&s, seed + i, 0.3f);
        scene_plan(&again, seed + i, 0.3f);
        assert_memory_equal(&s, &again, sizeof s);
        const struct kind *kind = &scene_kinds[s.kind];
        assert_true(kind->hours >> s.hour & 1);
        assert_int_equal(s.facts & kind->always, kind->always);
        assert_int_equal(s.category, kind->category);
        assert_int_equal(s.second, kind->second);
        assert_int_equal(s.second == CATEGORY_NONE, s.kind < KIND_PLAIN_COUNT);
    }
}

static void test_what_cannot_be_seen_together(void **state)
{
    static const struct {
        enum scene_fact one, other;
    } never[] = {{FACT_MOON, FACT_MILKY_WAY}, {FACT_CALM, FACT_BIG_WAVES},
                 {FACT_LAKE, FACT_TENT},      {FACT_DUNES, FACT_PINES},
                 {FACT_TIERS, FACT_TWIN},     {FACT_PINK, FACT_PURPLE}};
    for (uint64_t i = 0; i < 3000; i++) {
        struct scene s;
        scene_plan(&s, seed + i, 0.3f);
        for (size_t k = 0; k < sizeof never / sizeof *never; k++)
            assert_false(scene_has(&s, never[k].one) && scene_has(&s, never[k].other));
        if (scene_has(&s, FACT_SUN)) /* it stands low, or not in the picture */
            assert_true(s.hour == HOUR_SUNSET || s.hour == HOUR_DAWN || s.hour == HOUR_GOLDEN);
        if (scene_has(&s, FACT_MOON))
            assert_int_equal(s.hour, HOUR_NIGHT);
    }
}

static void test_categories_are_equally_frequent(void **state)
{
    int count[CATEGORY_COUNT] = {0}, mixed = 0, n = 6000;
    for (int i = 0; i < n; i++) {
        struct scene s;
        scene_plan(&s, seed + (uint64_t)i, 0.25f);
        if (s.second != CATEGORY_NONE)
            mixed++;
        else
            count[s.category]++;
    }
    assert_in_range(mixed, n / 5, n * 3 / 10);
    for (int c = 0; c < CATEGORY_COUNT;
         c++) /* 750 are expected; 150 are more than five deviations */
        assert_in_range(count[c], 600, 900);
}

/* Told: */

static void test_captions_are_plain_and_true(void **state)
{
    struct str text = str_new(1 << 12);
    for (uint64_t i = 0; i < 2000; i++) {
        struct scene s;
        scene_plan(&s, seed + i, 0.3f);
        for (unsigned variant = 0; variant < 4; variant++) {
            uint64_t told = 0;
            str_clear(&text);
            scene_caption(&s, variant, &text, &told);
            const char *t = str_text(&text);
            assert_true(str_ok(&text) && text.size >= 4 && text.size < 300);
            assert_int_equal(strspn(t, "abcdefghijklmnopqrstuvwxyz ,"), text.size);
            assert_null(strstr(t, "  "));
            assert_null(strstr(t, " ,"));
            assert_true(t[0] != ' ' && t[0] != ',' && t[text.size - 1] != ' ');
            uint64_t facts = told & (BIT(FACT_COUNT) - 1);
            assert_int_equal(facts & ~s.facts, 0);
            for (int c = 0; c < CATEGORY_COUNT; c++)
                if (told & SCENE_TOLD_CATEGORY << c)
                    assert_true(c == (int)s.category || c == (int)s.second);
        }
    }
    str_free(&text);
}

static void test_captions_differ(void **state)
{
    struct scene s = scene_of(KIND_COAST, seed);
    struct str one = str_new(1 << 12), other = str_new(1 << 12);
    int different = 0;
    scene_caption(&s, 0, &one, NULL);
    for (unsigned variant = 1; variant < 12; variant++) {
        str_clear(&other);
        scene_caption(&s, variant, &other, NULL);
        different += strcmp(str_text(&one), str_text(&other)) != 0;
    }
    assert_true(different >= 8);
    str_free(&one);
    str_free(&other);
}

/* Painted: */

static double deviation(const uint8_t *rgb, size_t size, double *mean)
{
    double sum = 0, square = 0;
    for (size_t i = 0; i < size; i++) {
        sum += rgb[i];
        square += (double)rgb[i] * rgb[i];
    }
    *mean = sum / (double)size;
    return sqrt(square / (double)size - *mean * *mean);
}

static void test_every_kind_paints_something(void **state)
{
    enum { W = 72, H = 48, SIZE = W * H * 3 };
    static uint8_t one[SIZE], again[SIZE], other[SIZE];
    for (int k = 0; k < KIND_COUNT; k++) {
        struct scene s = scene_of((enum scene_kind)k, seed);
        struct scene next = scene_of((enum scene_kind)k, s.seed + 1);
        double mean;
        paint(&s, W, H, one);
        paint(&s, W, H, again);
        paint(&next, W, H, other);
        assert_memory_equal(one, again, SIZE);
        assert_memory_not_equal(one, other, SIZE);
        if (deviation(one, SIZE, &mean) < 4 || mean < 2 || mean > 250)
            fail_msg("%s: mean %.1f, deviation %.1f: there is nothing in it",
                     scene_kind_name(s.kind), mean, deviation(one, SIZE, &mean));
    }
}

/* Half the size is half the picture's size, not another picture. */
static void test_a_scene_is_the_same_at_every_size(void **state)
{
    enum { W = 96, H = 64 };
    static uint8_t small[W * H * 3], large[4 * W * H * 3];
    for (int k = 0; k < KIND_COUNT; k++) {
        struct scene s = scene_of((enum scene_kind)k, seed);
        paint(&s, W, H, small);
        paint(&s, 2 * W, 2 * H, large);
        double difference = 0;
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W * 3; x++) {
                const uint8_t *p = large + (size_t)(2 * y * 2 * W * 3 + (x / 3) * 6 + x % 3);
                difference += fabs((p[0] + p[3] + p[2 * W * 3] + p[2 * W * 3 + 3]) / 4.0 -
                                   small[y * W * 3 + x]);
            }
        difference /= W * H * 3;
        if (difference > 16)
            fail_msg("%s: %.1f of 255 between its sizes", scene_kind_name(s.kind), difference);
    }
}

static void test_odd_sizes(void **state)
{
    static const int sizes[][2] = {{8, 8}, {9, 200}, {200, 9}, {33, 47}};
    uint8_t *rgb = malloc(200 * 200 * 3);
    for (int k = 0; k < KIND_COUNT; k++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            struct scene s = scene_of((enum scene_kind)k, seed + i);
            paint(&s, sizes[i][0], sizes[i][1], rgb);
        }
    static const int refused[][2] = {{0, 10}, {7, 10}, {10, 7}, {-5, 100}, {100000, 100}};
    struct scene s = scene_of(KIND_SEA, seed);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct err err;
        assert_int_equal(scene_paint(&s, refused[i][0], refused[i][1], rgb, &err), ERR_ARGUMENT);
    }
    free(rgb);
}

static void test_noise_stays_in_its_range(void **state)
{
    struct random r = random_new(seed, 3);
    for (int i = 0; i < 20000; i++) {
        float x = random_range(&r, -300, 300), y = random_range(&r, -300, 300);
        float values[] = {noise_value(x, y, 7), noise_fbm(x, y, 5, 0.5f, 7),
                          noise_ridged(x, y, 5, 7)};
        for (size_t k = 0; k < sizeof values / sizeof *values; k++)
            assert_true(values[k] >= 0 && values[k] <= 1);
        assert_true(fabsf(noise_value(x, y, 7) - noise_value(x + 1e-4f, y, 7)) < 0.01f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans_keep_to_their_kind),
        cmocka_unit_test(test_what_cannot_be_seen_together),
        cmocka_unit_test(test_categories_are_equally_frequent),
        cmocka_unit_test(test_captions_are_plain_and_true),
        cmocka_unit_test(test_captions_differ),
        cmocka_unit_test(test_every_kind_paints_something),
        cmocka_unit_test(test_a_scene_is_the_same_at_every_size),
        cmocka_unit_test(test_odd_sizes),
        cmocka_unit_test(test_noise_stays_in_its_range),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
