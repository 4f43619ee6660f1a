/* SPDX-License-Identifier: MIT
 *
 * What a shell script cannot compare: JSON, vectors, pixels. One small subcommand each; exit status
 * 0 when the claim holds, 1 with a line on stdout when it does not.
 *
 * - text FILE, ids FILE: one field of each line of a golden .jsonl, as it stands there
 * - prompts EXPECTED: the prompts of an expected.json, a line each
 * - inputs OUT: "KIND INPUT" of each item of `embed --json`
 * - unit OUT: every vector has length 1
 * - embeddings EXPECTED OUT TOLERANCE: texts then images, relative L2 error per vector
 * - cosines EXPECTED OUT LEAST: the vectors of an object "file name": [...], cosine per picture
 * - csv EXPECTED OUT TOLERANCE: every row of a classification, numbers within the tolerance
 * - npy FILE OUT: the same vectors in an .npy file as in OUT
 * - pixels A B: the same pixels in two pictures; png RGB FILE: makes a picture
 */
#include "base/file.h"
#include "image/image.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (64u << 20)

static json_t *load(const char *path)
{
    json_error_t why;
    json_t *json = json_load_file(path, 0, &why);
    if (!json) {
        printf("%s: line %d: %s\n", path, why.line, why.text);
        exit(1);
    }
    return json;
}

/* Python's json.dumps writes {"text": ..., "ids": [...]}: the fields are cut out as text, so that
 * the escapes of the hostile cases stay what they are. */
static int print_field(const char *path, bool ids)
{
    struct file_bytes bytes;
    struct err err = {0};
    if (file_read(&bytes, path, FILE_MAX, &err) != OK) {
        printf("%s\n", err.text);
        return 1;
    }
    int bad = 0;
    for (char *line = strtok((char *)bytes.data, "\n"); line; line = strtok(NULL, "\n")) {
        char *text = strstr(line, "\"text\": "), *end = strstr(line, ", \"ids\": ");
        if (!text || !end) {
            bad = 1;
            continue;
        }
        char *from = ids ? end + strlen(", \"ids\": ") : text + strlen("\"text\": ");
        char *until = ids ? strrchr(from, '}') : end;
        printf("%.*s\n", (int)(until - from), from);
    }
    file_bytes_free(&bytes);
    return bad;
}

static int print_prompts(const char *path)
{
    json_t *expected = load(path), *prompt;
    size_t i;
    json_array_foreach(json_object_get(expected, "prompts"), i, prompt)
        printf("%s\n", json_string_value(prompt));
    json_decref(expected);
    return 0;
}

static int print_inputs(const char *path)
{
    json_t *out = load(path), *item;
    size_t i;
    json_array_foreach(json_object_get(out, "items"), i, item)
        printf("%s %s\n", json_string_value(json_object_get(item, "kind")),
               json_string_value(json_object_get(item, "input")));
    json_decref(out);
    return 0;
}

static double relative_error(const json_t *want, const json_t *got)
{
    double difference = 0, norm = 0;
    if (json_array_size(want) == 0 || json_array_size(want) != json_array_size(got))
        return INFINITY;
    for (size_t i = 0; i < json_array_size(want); i++) {
        double w = json_number_value(json_array_get(want, i));
        double g = json_number_value(json_array_get(got, i));
        difference += (w - g) * (w - g);
        norm += w * w;
    }
    return sqrt(difference / norm);
}

static int check_embeddings(const char *expected_path, const char *out_path, const char *tolerance)
{
    json_t *expected = load(expected_path), *out = load(out_path);
    const json_t *items = json_object_get(out, "items");
    static const char *const lists[] = {"text_embeddings", "image_embeddings"};
    size_t at = 0;
    int bad = 0;
    for (size_t l = 0; l < 2; l++) {
        const json_t *list = json_object_get(expected, lists[l]);
        bad |= json_array_size(list) == 0;
        for (size_t i = 0; i < json_array_size(list); i++, at++) {
            const json_t *vector = json_object_get(json_array_get(items, at), "vector");
            double error = relative_error(json_array_get(list, i), vector);
            if (!(error <= strtod(tolerance, NULL))) {
                printf("%s[%zu]: relative error %g\n", lists[l], i, error);
                bad = 1;
            }
        }
    }
    bad |= at != json_array_size(items);
    json_decref(expected);
    json_decref(out);
    return bad;
}

/* A picture of `expected` that the output has no vector of has cosine 0. */
static int check_cosines(const char *expected_path, const char *out_path, const char *least)
{
    json_t *expected = load(expected_path), *out = load(out_path), *want, *item;
    const char *name;
    int bad = json_object_size(expected) == 0;
    json_object_foreach(expected, name, want)
    {
        double product = 0, a = 0, b = 0;
        size_t i;
        json_array_foreach(json_object_get(out, "items"), i, item)
        {
            if (strcmp(path_basename(json_string_value(json_object_get(item, "input"))), name) != 0)
                continue;
            const json_t *got = json_object_get(item, "vector");
            for (size_t d = 0; d < json_array_size(want); d++) {
                double w = json_number_value(json_array_get(want, d));
                double g = json_number_value(json_array_get(got, d));
                product += w * g;
                a += w * w;
                b += g * g;
            }
        }
        double cosine = product / sqrt(a * b);
        if (!(cosine >= strtod(least, NULL))) {
            printf("%s: cosine %.7f\n", name, cosine);
            bad = 1;
        }
    }
    json_decref(expected);
    json_decref(out);
    return bad;
}

/* Two lines of comma-separated fields, none quoted: numbers near, everything else equal. */
static bool same_row(const char *want, const char *got, double tolerance)
{
    for (;; want++, got++) {
        size_t n = strcspn(want, ",\r\n"), m = strcspn(got, ",\r\n");
        char *end;
        double difference = fabs(strtod(want, &end) - strtod(got, NULL));
        bool number = n > 0 && end == want + n;
        if (number ? !(difference <= tolerance) : n != m || memcmp(want, got, n) != 0)
            return false;
        want += n;
        got += m;
        if (*want != ',' || *got != ',')
            return *want == *got;
    }
}

/* The line of `text` whose first field is that of `line`, or NULL. */
static const char *find_row(const char *text, const char *line)
{
    size_t n = strcspn(line, ",\r\n");
    for (const char *at = text; at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, line, n) == 0 && at[n] == ',')
            return at;
    }
    return NULL;
}

static int check_csv(const char *expected_path, const char *out_path, const char *tolerance)
{
    struct file_bytes expected = {0}, out = {0};
    struct err err = {0};
    int rows = 0, bad = file_read(&expected, expected_path, FILE_MAX, &err) != OK ||
                        file_read(&out, out_path, FILE_MAX, &err) != OK;
    if (bad)
        printf("%s\n", err.text);
    for (const char *line = (const char *)expected.data; !bad && *line; rows++) {
        const char *got = find_row((const char *)out.data, line);
        if (!got || !same_row(line, got, strtod(tolerance, NULL))) {
            printf("expected %.*s\n", (int)strcspn(line, "\r\n"), line);
            printf("got      %.*s\n", got ? (int)strcspn(got, "\r\n") : 0, got ? got : "");
            bad = 1;
        }
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    file_bytes_free(&expected);
    file_bytes_free(&out);
    return bad || rows < 2;
}

static int check_unit(const char *path)
{
    json_t *out = load(path), *item;
    size_t i;
    int bad = 0;
    json_array_foreach(json_object_get(out, "items"), i, item)
    {
        double sum = 0;
        json_t *value;
        size_t d;
        json_array_foreach(json_object_get(item, "vector"), d, value) sum +=
            json_number_value(value) * json_number_value(value);
        bad |= !(fabs(sum - 1) < 1e-5);
    }
    bad |= i == 0;
    json_decref(out);
    return bad;
}

static int check_npy(const char *path, const char *out_path)
{
    json_t *out = load(out_path);
    const json_t *items = json_object_get(out, "items");
    size_t rows = json_array_size(items);
    size_t dim = (size_t)json_integer_value(json_object_get(out, "dim"));
    struct file_bytes bytes;
    struct err err = {0};
    int bad = file_read(&bytes, path, FILE_MAX, &err) != OK;
    char want[128];
    snprintf(want, sizeof want, "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }",
             rows, dim);
    bad = bad || bytes.size < 10 || memcmp(bytes.data, "\x93NUMPY\x01\x00", 8) != 0;
    size_t start = bad ? 0 : 10 + bytes.data[8] + 256u * bytes.data[9];
    bad = bad || start % 64 != 0 || bytes.size != start + rows * dim * 4 ||
          memcmp(bytes.data + 10, want, strlen(want)) != 0 || bytes.data[start - 1] != '\n';
    for (size_t i = 0; !bad && i < rows * dim; i++) {
        float value;
        memcpy(&value, bytes.data + start + i * 4, 4);
        const json_t *vector = json_object_get(json_array_get(items, i / dim), "vector");
        bad = value != (float)json_number_value(json_array_get(vector, i % dim));
    }
    if (bad)
        printf("%s: not the array expected %s\n", path, err.text);
    file_bytes_free(&bytes);
    json_decref(out);
    return bad;
}

static int check_pixels(const char *a_path, const char *b_path)
{
    struct image a = {0}, b = {0};
    struct err err = {0};
    unsigned long different = 0;
    int bad = image_room_open(&err) != OK || image_decode_file(&a, a_path, NULL, &err) != OK ||
              image_decode_file(&b, b_path, NULL, &err) != OK;
    if (bad)
        printf("%s\n", err.text);
    if (!bad && (a.width != b.width || a.height != b.height)) {
        printf("%d x %d, expected %d x %d\n", b.width, b.height, a.width, a.height);
        bad = 1;
    }
    for (size_t i = 0; !bad && i < (size_t)a.width * (size_t)a.height * 3; i++)
        different += a.pixels[i] != b.pixels[i];
    if (different > 0) {
        printf("%lu bytes differ\n", different);
        bad = 1;
    }
    image_free(&a);
    image_free(&b);
    image_room_close();
    return bad;
}

static int make_png(const char *rgb_path, const char *path)
{
    struct file_bytes bytes = {0};
    struct err err = {0};
    int bad = image_room_open(&err) != OK || file_read(&bytes, rgb_path, FILE_MAX, &err) != OK;
    int side = bad ? 0 : (int)lround(sqrt((double)bytes.size / 3));
    if (!bad && (size_t)side * (size_t)side * 3 != bytes.size)
        bad = err_set(&err, ERR_FORMAT, "%s is not a square of pixels", rgb_path);
    if (!bad)
        bad = image_write_png(path, bytes.data, side, side, &err) != OK;
    if (bad)
        printf("%s\n", err.text);
    file_bytes_free(&bytes);
    image_room_close();
    return bad;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (argc == 3 && strcmp(what, "text") == 0)
        return print_field(argv[2], false);
    if (argc == 3 && strcmp(what, "ids") == 0)
        return print_field(argv[2], true);
    if (argc == 3 && strcmp(what, "prompts") == 0)
        return print_prompts(argv[2]);
    if (argc == 3 && strcmp(what, "inputs") == 0)
        return print_inputs(argv[2]);
    if (argc == 3 && strcmp(what, "unit") == 0)
        return check_unit(argv[2]);
    if (argc == 5 && strcmp(what, "embeddings") == 0)
        return check_embeddings(argv[2], argv[3], argv[4]);
    if (argc == 5 && strcmp(what, "cosines") == 0)
        return check_cosines(argv[2], argv[3], argv[4]);
    if (argc == 5 && strcmp(what, "csv") == 0)
        return check_csv(argv[2], argv[3], argv[4]);
    if (argc == 4 && strcmp(what, "npy") == 0)
        return check_npy(argv[2], argv[3]);
    if (argc == 4 && strcmp(what, "pixels") == 0)
        return check_pixels(argv[2], argv[3]);
    if (argc == 4 && strcmp(what, "png") == 0)
        return make_png(argv[2], argv[3]);
    fputs("check-output: see its source for what it compares\n", stderr);
    return 2;
}
