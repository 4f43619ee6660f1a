/* SPDX-License-Identifier: MIT
 *
 * Whether the JSON of `fovea bench` is what it promises: which figures there are, that each is a
 * number a measurement can give, and that rates, times and ratios belong together. Not how fast
 * anything is. Exit status 0 when it holds, 1 with a line on stdout when it does not.
 *
 * - speed OUT PRECISIONS PHOTOS: runs in these precisions ("f32,bf16"), indexing so many (0: none)
 * - accuracy OUT PRECISIONS PHOTOS FAILED: rows for these, f32 first, of so many photographs
 */
#include "base/status.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void stop(const char *format, ...) PRINTF_LIKE(1, 2);

static _Noreturn void stop(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    exit(1);
}

static const json_t *get(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!value)
        stop("%s is missing", key);
    return value;
}

static double number(const json_t *object, const char *key, double least, double most)
{
    const json_t *value = get(object, key);
    double v = json_number_value(value);
    if (!json_is_number(value) || !isfinite(v) || v < least || v > most)
        stop("%s is %g, expected %g to %g", key, v, least, most);
    return v;
}

/* More than 0, and no machine is that fast or slow. */
static double positive(const json_t *object, const char *key)
{
    return number(object, key, 1e-9, 1e15);
}

static void expect_near(const char *what, double got, double expected)
{
    if (fabs(got - expected) > 1e-6 * fabs(expected))
        stop("%s: %g, expected %g", what, got, expected);
}

static void check_tower(const json_t *t)
{
    double batch = number(t, "batch", 1, 256), seconds = positive(t, "seconds");
    expect_near("photos_per_second", positive(t, "photos_per_second"), batch / seconds);
    number(t, "rounds", 3, 1000);
    positive(t, "gflops");
    if (json_is_null(get(t, "products_seconds"))) {
        if (!json_is_null(get(t, "rate_ratio")) || !json_is_null(get(t, "products_gflops")))
            stop("a ratio to products that were not measured");
        return;
    }
    positive(t, "products_seconds");
    positive(t, "products_gflops");
    /* The ratio of rates counts attention, which the products do not have. */
    if (positive(t, "rate_ratio") < positive(t, "time_ratio"))
        stop("the ratio of rates is below that of times");
}

static void check_text(const json_t *t)
{
    double full = positive(t, "full_seconds"), phrase = positive(t, "phrase_seconds");
    if (number(t, "phrase_tokens", 2, 77) > number(t, "full_tokens", 2, 1000))
        stop("a phrase has more tokens than the context");
    expect_near("full_per_second", positive(t, "full_per_second"), 1 / full);
    expect_near("phrases_per_second", positive(t, "phrases_per_second"), 1 / phrase);
    positive(t, "ratio");
    positive(t, "full_gflops");
}

static void check_process(const json_t *p)
{
    if (json_is_null(p)) /* a system that does not tell a program its own file */
        return;
    number(p, "searches", 1, 100);
    positive(p, "search_seconds");
    number(p, "search_peak_bytes", 1e6, 1e12);
    number(p, "index_peak_bytes", 1e6, 1e12);
}

static void check_way(const json_t *w, double photos)
{
    expect_near("decodes_per_second", positive(w, "decodes_per_second"),
                photos / positive(w, "decode_seconds"));
    expect_near("photos_per_second", positive(w, "photos_per_second"),
                photos / positive(w, "seconds"));
    positive(w, "ratio");
}

static void check_index(const json_t *i, int photos)
{
    if (json_is_null(i) != (photos == 0))
        stop("index is %s", photos ? "null" : "not null");
    if (photos == 0)
        return;
    number(i, "photos", photos, photos);
    number(i, "workers", 1, 256);
    number(i, "batch", 1, 256);
    number(i, "rounds", 1, 100);
    positive(i, "network_seconds");
    positive(i, "decode_ratio");
    check_way(get(i, "exact"), photos);
    check_way(get(i, "fast"), photos);
}

static void expect_text(const json_t *object, const char *key, const char *expected)
{
    const char *text = json_string_value(get(object, key));
    if (!text || strcmp(text, expected) != 0)
        stop("%s is %s, expected %s", key, text ? text : "no text", expected);
}

static int check_speed(const json_t *json, char *precisions, int photos)
{
    const json_t *runs = get(json, "runs");
    size_t i = 0;
    if (!json_is_string(get(json, "model")) || !json_is_string(get(json, "backend")))
        stop("model or backend is no text");
    number(json, "threads", 1, 4096);
    for (char *p = strtok(precisions, ","); p; p = strtok(NULL, ","), i++) {
        const json_t *run = json_array_get(runs, i);
        if (!run)
            stop("there is no run of %s", p);
        expect_text(run, "precision", p);
        check_tower(get(run, "image_tower"));
        check_text(get(run, "text_tower"));
        check_process(get(run, "process"));
        check_index(get(run, "index"), photos);
    }
    if (i != json_array_size(runs))
        stop("%zu runs, expected %zu", json_array_size(runs), i);
    return 0;
}

/* Every vector has length 1 up to float32's rounding. */
#define COSINE_MOST 1.0001

static void check_row(const json_t *row, const char *precision, const char *decode)
{
    expect_text(row, "precision", precision);
    expect_text(row, "decode", decode);
    double mean = number(row, "cosine_mean", -1, COSINE_MOST);
    number(row, "cosine_least", -1, mean + 1e-6);
    number(row, "agreement", 0, 1);
    double text_mean = number(row, "text_cosine_mean", -1, COSINE_MOST);
    number(row, "text_cosine_least", -1, text_mean + 1e-6);
    /* Another text in another precision would not be near. */
    number(row, "text_cosine_least", strcmp(precision, "f32") == 0 ? 0.99999 : 0.9, COSINE_MOST);
}

static int check_accuracy(const json_t *json, char *precisions, int photos, int failed)
{
    const json_t *rows = get(json, "rows");
    size_t i = 0;
    number(json, "photos", photos, photos);
    number(json, "failed", failed, failed);
    number(json, "prompts", 1, 1e6);
    for (char *p = strtok(precisions, ","); p; p = strtok(NULL, ",")) {
        if (i > 0)
            check_row(json_array_get(rows, i++), p, "exact");
        check_row(json_array_get(rows, i++), p, "fast");
    }
    if (i != json_array_size(rows))
        stop("%zu rows, expected %zu", json_array_size(rows), i);
    return 0;
}

int main(int argc, char **argv)
{
    json_error_t why;
    json_t *json = argc > 3 ? json_load_file(argv[2], 0, &why) : NULL;
    if (argc > 3 && !json)
        stop("%s: line %d: %s", argv[2], why.line, why.text);
    int bad = 2;
    if (argc == 5 && strcmp(argv[1], "speed") == 0)
        bad = check_speed(json, argv[3], atoi(argv[4]));
    else if (argc == 6 && strcmp(argv[1], "accuracy") == 0)
        bad = check_accuracy(json, argv[3], atoi(argv[4]), atoi(argv[5]));
    else
        fputs("check-figures: see its source for what it checks\n", stderr);
    json_decref(json);
    return bad;
}
