/* SPDX-License-Identifier: MIT
 *
 * Every line of tokenizer.jsonl must come out with the very same ids, mojibake included.
 *
 *     test-tokenizer-golden tokenizer.jsonl
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "clip/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONTEXT = 77, LINES_EXPECTED = 44 };

static const char *golden_path;

/* Prints the ids that differ; returns how many. */
static int count_differences(const char *text, json_t *expected, const int32_t *ids)
{
    int differences = 0;
    for (size_t i = 0; i < CONTEXT; i++) {
        int32_t id = (int32_t)json_integer_value(json_array_get(expected, i));
        if (id == ids[i])
            continue;
        print_error("'%s', position %zu: %d, the reference has %d\n", text, i, ids[i], id);
        differences++;
    }
    return differences;
}

static void check_line(const struct tokenizer *tokenizer, const char *line, int *failures)
{
    struct err err = {0};
    json_error_t error;
    json_t *golden = json_loads(line, JSON_ALLOW_NUL, &error);
    json_t *text = json_object_get(golden, "text"), *expected = json_object_get(golden, "ids");
    int32_t ids[CONTEXT];
    int used = 0;

    assert_non_null(text);
    assert_int_equal(json_array_size(expected), CONTEXT);
    enum status status = tokenizer_encode(tokenizer, json_string_value(text),
                                          json_string_length(text), ids, CONTEXT, &used, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(status, OK);
    *failures += count_differences(json_string_value(text), expected, ids) > 0;
    assert_in_range(used, 2, CONTEXT);
    assert_int_equal(ids[used - 1], tokenizer_end_id(tokenizer));
    for (int i = used; i < CONTEXT; i++)
        assert_int_equal(ids[i], 0);
    json_decref(golden);
}

static void test_golden(void **state)
{
    struct err err = {0};
    struct tokenizer *tokenizer;
    int lines = 0, failures = 0;
    char *line = NULL;
    size_t capacity = 0;
    FILE *file = fopen(golden_path, "r");

    assert_non_null(file);
    assert_int_equal(tokenizer_open_default(&tokenizer, &err), OK);
    for (; getline(&line, &capacity, file) > 0; lines++)
        check_line(tokenizer, line, &failures);
    free(line);
    fclose(file);
    tokenizer_close(tokenizer);
    assert_int_equal(lines, LINES_EXPECTED);
    assert_int_equal(failures, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden)};
    if (argc != 2) {
        fprintf(stderr, "usage: %s tokenizer.jsonl\n", argv[0]);
        return 2;
    }
    golden_path = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
