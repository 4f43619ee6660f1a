/* SPDX-License-Identifier: MIT
 *
 * Preprocessing by its invariants, at sizes around the edges; the reference outputs are compared
 * by tests/golden.
 */
#include "base/cpu.h"
#include "clip/preprocess.h"
#include "clip/resample.h"
#include "clip/resample_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static uint64_t random_state;

static uint32_t random_next(void) /* splitmix64, upper half */
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (uint32_t)((z ^ z >> 31) >> 32);
}

static uint8_t *random_bytes(size_t n)
{
    uint8_t *bytes = malloc(n);
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)random_next();
    return bytes;
}

static const struct {
    int width, height;
} sizes[] = {{1, 1},   {1, 2},    {2, 1},    {7, 8},     {8, 7},     {9, 31},    {31, 33},
             {32, 32}, {33, 32},  {1, 700},  {700, 1},   {64, 64},   {97, 101},  {225, 224},
             {640, 3}, {5, 1000}, {999, 77}, {60000, 1}, {1, 60000}, {60000, 2}, {3, 60000}};
static const int outputs[] = {1, 7, 8, 33};

static struct preprocess variant(int size, int i)
{
    struct preprocess p = preprocess_default(size);
    p.resize_mode = (enum resize_mode)(i % 3);
    p.interpolation = (enum interpolation)(i / 3 % 2);
    return p;
}

/* Weights add up to 1 up to their rounding, so one colour stays that colour. */
static void test_one_colour_stays(void **state)
{
    struct err err;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        size_t n = (size_t)sizes[i].width * (size_t)sizes[i].height;
        uint8_t *rgb = malloc(n * 3);
        assert_non_null(rgb);
        for (size_t k = 0; k < n; k++)
            memcpy(rgb + k * 3, (uint8_t[]){255, 128, 1}, 3);
        for (size_t o = 0; o < COUNT(outputs); o++)
            for (int v = 0; v < 6; v++) {
                struct preprocess p = variant(outputs[o], v);
                size_t out_n = (size_t)p.size * (size_t)p.size;
                uint8_t *out = malloc(out_n * 3);
                assert_non_null(out);
                assert_int_equal(preprocess_run(&p, rgb, sizes[i].width, sizes[i].height,
                                                (size_t)sizes[i].width * 3, out, &err),
                                 OK);
                size_t kept = 0;
                for (size_t k = 0; k < out_n; k++) {
                    bool same = memcmp(out + k * 3, (uint8_t[]){255, 128, 1}, 3) == 0;
                    if (!same)
                        assert_memory_equal(out + k * 3, "\0\0\0", 3); /* border */
                    kept += same;
                }
                assert_true(kept >= (p.resize_mode == RESIZE_LONGEST ? 1 : out_n));
                free(out);
            }
        free(rgb);
    }
}

static void test_right_size_is_untouched(void **state)
{
    struct err err;
    for (int v = 0; v < 6; v++) {
        struct preprocess p = variant(33, v);
        uint8_t *rgb = random_bytes(33 * 33 * 3), *alpha = random_bytes(33 * 33), out[33 * 33 * 3];
        struct preprocess_source s = {
            .rgb = rgb, .stride = 99, .width = 33, .height = 33, .alpha = alpha};
        assert_int_equal(preprocess_picture(&p, &s, out, &err), OK);
        assert_memory_equal(out, rgb, sizeof out);
        free(alpha);
        free(rgb);
    }
}

/* 2 x 4 with one colour a row, to 2: shorter side fits, rows 1 and 2 are the centre. */
static void test_crop_is_central(void **state)
{
    static const uint8_t rgb[8 * 3] = {1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2,
                                       3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4};
    static const uint8_t tall[4 * 3] = {2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3};
    uint8_t out[12];
    struct err err;
    struct preprocess p = preprocess_default(2);
    assert_int_equal(preprocess_run(&p, rgb, 2, 4, 6, out, &err), OK);
    assert_memory_equal(out, tall, 12);
    /* 1 x 3 of one pixel each, to 1: (3 - 1) / 2; 1 x 4 to 1: 1.5 rounds to the even 2. */
    p.size = 1;
    static const uint8_t line[4 * 3] = {1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4};
    assert_int_equal(preprocess_run(&p, line, 1, 3, 3, out, &err), OK);
    assert_int_equal(out[0], 2);
    assert_int_equal(preprocess_run(&p, line, 1, 4, 3, out, &err), OK);
    assert_int_equal(out[0], 3);
    assert_int_equal(preprocess_run(&p, line, 4, 1, 12, out, &err), OK);
    assert_int_equal(out[0], 3);
    assert_int_equal(preprocess_run(&p, line, 1, 2, 3, out, &err), OK); /* 0.5 to 0 */
    assert_int_equal(out[0], 1);
}

static void test_border(void **state)
{
    static const uint8_t rgb[2 * 3] = {10, 20, 30, 10, 20, 30};
    uint8_t out[4 * 4 * 3];
    struct err err;
    struct preprocess p = preprocess_default(4);
    p.resize_mode = RESIZE_LONGEST;
    struct preprocess_source s = {
        .rgb = rgb, .stride = 6, .width = 2, .height = 1, .zero = {7, 8, 9}};
    static const struct {
        uint8_t fill, expected[3];
    } cases[] = {{0, {7, 8, 9}}, {255, {255, 255, 255}}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        p.fill = cases[i].fill;
        assert_int_equal(preprocess_picture(&p, &s, out, &err), OK);
        for (int k = 0; k < 16; k++)
            assert_memory_equal(out + k * 3, k < 4 || k >= 12 ? cases[i].expected : rgb, 3);
    }
}

/* Pillow weighs colours by alpha: what cannot be seen does not bleed into what can. */
static void test_alpha_weighs(void **state)
{
    static const uint8_t rgb[4 * 3] = {200, 0, 0, 0, 200, 0, 200, 0, 0, 0, 200, 0};
    static const uint8_t alpha[4] = {255, 0, 255, 0};
    uint8_t out[3];
    struct err err;
    struct preprocess p = preprocess_default(1);
    p.interpolation = INTERPOLATION_BILINEAR;
    struct preprocess_source s = {.rgb = rgb, .stride = 6, .width = 2, .height = 2, .alpha = alpha};
    assert_int_equal(preprocess_picture(&p, &s, out, &err), OK);
    assert_true(out[0] >= 199 && out[0] <= 200);
    assert_int_equal(out[1], 0);
}

static void test_indexed_makes_no_new_colours(void **state)
{
    uint8_t rgb[50 * 40 * 3], out[33 * 33 * 3];
    struct err err;
    for (size_t i = 0; i < sizeof rgb; i += 3)
        memset(rgb + i, random_next() & 1 ? 255 : 3, 3);
    struct preprocess_source s = {
        .rgb = rgb, .stride = 150, .width = 50, .height = 40, .indexed = true, .zero = {3, 3, 3}};
    for (int v = 0; v < 6; v++) {
        struct preprocess p = variant(33, v);
        assert_int_equal(preprocess_picture(&p, &s, out, &err), OK);
        for (size_t i = 0; i < sizeof out; i++)
            assert_true(out[i] == 255 || out[i] == 3);
    }
}

/* The crop of a wide picture is the same as computing all of it and cropping after. */
static void test_window_equals_whole(void **state)
{
    enum { W = 199, H = 9, S = 31, WHOLE = S * W / H };
    uint8_t *rgb = random_bytes(W * H * 3), part[S * S * 3], *whole = malloc(WHOLE * S * 3);
    assert_non_null(whole);
    struct err err;
    struct preprocess p = preprocess_default(S);
    assert_int_equal(preprocess_run(&p, rgb, W, H, W * 3, part, &err), OK);
    struct resample_axis x, y;
    struct resample_window across = {W, WHOLE, 0, WHOLE, 0, W}, down = {H, S, 0, S, 0, H};
    assert_int_equal(resample_axis_open(&x, &across, RESAMPLE_BICUBIC, RESAMPLE_BLOCK_ACROSS, &err),
                     OK);
    assert_int_equal(resample_axis_open(&y, &down, RESAMPLE_BICUBIC, RESAMPLE_BLOCK_DOWN, &err),
                     OK);
    struct resample_source s = {rgb, W * 3, NULL, W, H};
    assert_int_equal(resample_run(whole, WHOLE * 3, &s, &x, &y, 0, &err), OK);
    int left = (WHOLE - S) / 2; /* WHOLE - S is even */
    assert_int_equal((WHOLE - S) % 2, 0);
    for (int row = 0; row < S; row++)
        assert_memory_equal(part + row * S * 3, whole + ((size_t)row * WHOLE + left) * 3, S * 3);
    resample_axis_close(&x);
    resample_axis_close(&y);
    free(whole);
    free(rgb);
}

/* Every instruction set gives the reference's bytes, with and without alpha. */
static void test_levels_agree(void **state)
{
    struct err err;
    unsigned have = cpu_flags_detect();
    for (int round = 0; round < 200; round++) {
        int w = 1 + (int)(random_next() % 90), h = 1 + (int)(random_next() % 90);
        int ow = 1 + (int)(random_next() % 70), oh = 1 + (int)(random_next() % 70);
        size_t n = (size_t)w * (size_t)h, out_n = (size_t)ow * (size_t)oh * 3;
        uint8_t *rgb = random_bytes(n * 3), *alpha = random_bytes(n);
        uint8_t *a = malloc(out_n), *b = malloc(out_n);
        assert_true(a && b);
        enum resample_filter filter = round & 1 ? RESAMPLE_BILINEAR : RESAMPLE_BICUBIC;
        struct resample_axis x, y;
        struct resample_window across = {w, ow, 0, ow, 0, 0}, down = {h, oh, 0, oh, 0, 0};
        assert_int_equal(resample_axis_open(&x, &across, filter, RESAMPLE_BLOCK_ACROSS, &err), OK);
        assert_int_equal(resample_axis_open(&y, &down, filter, RESAMPLE_BLOCK_DOWN, &err), OK);
        struct resample_source s = {rgb, (size_t)w * 3, round & 2 ? alpha : NULL, w, h};
        assert_int_equal(resample_run(a, (size_t)ow * 3, &s, &x, &y, 0, &err), OK);
        assert_int_equal(resample_run(b, (size_t)ow * 3, &s, &x, &y, have, &err), OK);
        assert_memory_equal(a, b, out_n);
        resample_axis_close(&x);
        resample_axis_close(&y);
        free(a);
        free(b);
        free(alpha);
        free(rgb);
    }
}

static void test_refuses(void **state)
{
    struct err err;
    uint8_t rgb[3] = {0}, out[3];
    static const struct {
        int size, width, height;
    } bad[] = {{0, 1, 1}, {-1, 1, 1}, {PREPROCESS_MAX_SIZE + 1, 1, 1}, {1, 0, 1}, {1, 1, 0}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct preprocess p = preprocess_default(bad[i].size);
        assert_int_equal(preprocess_run(&p, rgb, bad[i].width, bad[i].height, 3, out, &err),
                         ERR_ARGUMENT);
    }
    enum resize_mode mode;
    enum interpolation interpolation;
    assert_int_equal(resize_mode_parse(&mode, "squish", &err), ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "squash"));
    assert_int_equal(interpolation_parse(&interpolation, "nearest", &err), ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "bicubic"));
    assert_int_equal(resize_mode_parse(&mode, "longest", &err), OK);
    assert_int_equal(mode, RESIZE_LONGEST);
    assert_int_equal(interpolation_parse(&interpolation, "bilinear", &err), OK);
    assert_int_equal(interpolation, INTERPOLATION_BILINEAR);
}

int main(void)
{
    const char *seed = getenv("FOVEA_TEST_SEED");
    random_state = seed ? strtoull(seed, NULL, 10) : 1;
    printf("FOVEA_TEST_SEED=%llu\n", (unsigned long long)random_state);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_colour_stays),
        cmocka_unit_test(test_right_size_is_untouched),
        cmocka_unit_test(test_crop_is_central),
        cmocka_unit_test(test_border),
        cmocka_unit_test(test_alpha_weighs),
        cmocka_unit_test(test_indexed_makes_no_new_colours),
        cmocka_unit_test(test_window_equals_whole),
        cmocka_unit_test(test_levels_agree),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
