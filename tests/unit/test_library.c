/* SPDX-License-Identifier: MIT
 *
 * library, the parts that need no model: category sets, the CSV's numbers and
 * quoting, weights in queries, floors, folders of copies and links, content hashes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../scratch.h"
#include "base/file.h"
#include "image/image.h"
#include "library/categories.h"
#include "library/classify.h"
#include "library/hash_set.h"
#include "library/place.h"
#include "library/search.h"
#include "search/query.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- categories ---------------------------------------------------------------------------- */

static void test_categories_default(void **state)
{
    struct categories set;
    struct err err;
    assert_int_equal(categories_default(&set, &err), OK);
    assert_int_equal(set.count, 6);
    assert_string_equal(set.items[0].name, "Starlit Wonders");
    assert_string_equal(set.items[5].name, "Liquid Cascades");
    assert_int_equal(set.items[3].prompt_count, 5);
    assert_string_equal(set.items[3].prompts[0], "a city skyline glowing at night");
    categories_free(&set);
}

static void test_categories_parse(void **state)
{
    static const struct {
        const char *json;
        enum status status;
        const char *says; /* part of the error, or the names in order */
    } cases[] = {
        {"{\"z\": [\"p\"], \"a\": \"q\", \"\xc3\xa9\": [\"r\", \"s\"]}", OK, "z a \xc3\xa9"},
        {"{\"a\": [\"p\"]", ERR_FORMAT, "line 1"},
        {"[\"a\"]", ERR_FORMAT, "object"},
        {"{}", ERR_FORMAT, "no category"},
        {"{\"a\": []}", ERR_FORMAT, "\"a\" has no prompts"},
        {"{\"a\": [1]}", ERR_FORMAT, "\"a\""},
        {"{\"a\": {\"b\": 1}}", ERR_FORMAT, "\"a\""},
        {"{\"a\": [\"\"]}", ERR_FORMAT, "\"a\""},
        {"{\"\": [\"p\"]}", ERR_FORMAT, "empty name"},
        {"{\"a\": [\"p\"], \"a\": [\"q\"]}", ERR_FORMAT, "duplicate"},
        {"", ERR_FORMAT, "line"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct categories set;
        struct err err = {0};
        enum status status = categories_parse(&set, cases[i].json, strlen(cases[i].json), &err);
        assert_int_equal(status, cases[i].status);
        if (status != OK) {
            assert_non_null(strstr(err.text, cases[i].says));
            assert_null(set.items);
            continue;
        }
        char names[256] = "";
        for (size_t c = 0; c < set.count; c++) {
            strcat(names, c ? " " : "");
            strcat(names, set.items[c].name);
        }
        assert_string_equal(names, cases[i].says);
        categories_free(&set);
    }
}

static void test_categories_read_names_the_file(void **state)
{
    struct categories set;
    struct err err;
    assert_int_equal(file_write(in_scratch("c.json"), "\xef\xbb\xbf{\"a\": [\"p\"]}", 15, &err),
                     OK);
    assert_int_equal(categories_read(&set, in_scratch("c.json"), &err), OK);
    categories_free(&set);
    assert_int_equal(file_write(in_scratch("c.json"), "{", 1, &err), OK);
    assert_int_equal(categories_read(&set, in_scratch("c.json"), &err), ERR_FORMAT);
    assert_non_null(strstr(err.text, "c.json"));
    assert_int_equal(categories_read(&set, in_scratch("none.json"), &err), ERR_NOT_FOUND);
}

/* --- CSV ----------------------------------------------------------------------------------- */

static void test_csv_numbers_are_pythons(void **state)
{
    /* Right column: Python 3, str(round(x, 4)). */
    static const struct {
        double x;
        const char *text;
    } cases[] = {
        {0.83, "0.83"},         {1, "1.0"},          {0, "0.0"},          {0.00005, "0.0001"},
        {0.00004999, "0.0"},    {0.12345, "0.1235"}, {0.12355, "0.1235"}, {0.5, "0.5"},
        {0.99995, "1.0"},       {0.999951, "1.0"},   {0.30000001, "0.3"}, {0.0123, "0.0123"},
        {0.41190001, "0.4119"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str s = str_new(100);
        csv_number(&s, cases[i].x);
        assert_string_equal(str_text(&s), cases[i].text);
        str_free(&s);
    }
}

static void test_csv_fields_are_quoted(void **state)
{
    static const char *const cases[][2] = {
        {"plain name.jpg", "plain name.jpg"},
        {"a,b", "\"a,b\""},
        {"say \"hi\"", "\"say \"\"hi\"\"\""},
        {"two\nlines", "\"two\nlines\""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str s = str_new(100);
        csv_field(&s, cases[i][0]);
        assert_string_equal(str_text(&s), cases[i][1]);
        str_free(&s);
    }
}

/* --- queries ------------------------------------------------------------------------------- */

static void test_weights_in_queries(void **state)
{
    static const struct {
        const char *typed, *value;
        float weight;
        enum status status;
    } cases[] = {
        {"beach", "beach", 1, OK},
        {"beach:0.5", "beach", 0.5f, OK},
        {"beach:1.0", "beach", 1, OK},
        {"sunset.jpg:.25", "sunset.jpg", 0.25f, OK},
        {"ratio 16:9", "ratio 16:9", 1, OK},
        {"note: tree", "note: tree", 1, OK},
        {"a:0.5:2.5", "a:0.5", 2.5f, OK},
        {"beach:1.", "beach:1.", 1, OK},
        {"beach:0.0", NULL, 0, ERR_ARGUMENT},
        {"beach:1000.0", NULL, 0, ERR_ARGUMENT},
        {"", "", 1, OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char value[64];
        float weight;
        struct err err;
        strcpy(value, cases[i].typed);
        assert_int_equal(search_part_parse(value, &weight, &err), cases[i].status);
        if (cases[i].status == OK) {
            assert_string_equal(value, cases[i].value);
            assert_true(weight == cases[i].weight);
        }
    }
}

static void test_default_floors(void **state)
{
    const struct search_part text = {SEARCH_TEXT, "a", 1}, image = {SEARCH_IMAGE, "b", 1},
                             unwanted = {SEARCH_TEXT, "c", -1};
    assert_true(search_default_floor(&text, 1) == FLOOR_TEXT);
    assert_true(search_default_floor(&image, 1) == FLOOR_IMAGE);
    const struct search_part both[] = {text, image}, less[] = {image, unwanted};
    assert_true(fabsf(search_default_floor(both, 2) - (FLOOR_TEXT + FLOOR_IMAGE) / 2) < 1e-6f);
    assert_true(search_default_floor(less, 2) == FLOOR_IMAGE);
    assert_int_equal(search_towers(both, 2), MODEL_BOTH);
    assert_int_equal(search_towers(&text, 1), MODEL_TEXT);
}

/* --- folders of copies and links ------------------------------------------------------------ */

static char *write_photo(const char *name, const char *content, int seconds)
{
    struct err err;
    char *path = strdup(in_scratch(name));
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    assert_non_null(path);
    assert_int_equal(dir_make_parent(path, &err), OK);
    assert_int_equal(file_write(path, content, strlen(content), &err), OK);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    return path;
}

static void assert_content(const char *name, const char *content)
{
    struct file_bytes bytes;
    struct err err;
    assert_int_equal(file_read(&bytes, in_scratch(name), 4096, &err), OK);
    assert_string_equal((char *)bytes.data, content);
    file_bytes_free(&bytes);
}

/* The first two in a category, the third in none. */
static struct place_report place_all(struct store_matrix *matrix, const char *dir,
                                     enum place_how how)
{
    struct verdict verdicts[3] = {{.category = 0}, {.category = 0}, {.category = -1}};
    const struct classification c = {.count = matrix->count, .verdicts = verdicts};
    struct category items[] = {{.name = (char *)"../Sea/Sky"}};
    const struct categories categories = {.count = 1, .items = items};
    struct place_report report;
    struct err err;
    const struct place_to to = {in_scratch(dir), how};
    assert_int_equal(place_by_category(&c, matrix, &categories, NULL, &to, &report, &err), OK);
    return report;
}

static void test_place(void **state)
{
    /* One name, one size, one time: two photographs all the same. */
    char *paths[] = {write_photo("a/IMG.bmp", "first", 1000),
                     write_photo("b/IMG.bmp", "other", 1000), write_photo("c", "third", 1000)};
    struct store_matrix matrix = {.count = 3, .paths = paths};
    struct place_report report = place_all(&matrix, "copies", PLACE_COPY);
    assert_int_equal(report.placed, 3);
    assert_int_equal(report.already_there + report.failed, 0);
    assert_content("copies/_.._Sea_Sky/IMG.bmp", "first");
    assert_content("copies/_.._Sea_Sky/IMG (2).bmp", "other");
    assert_content("copies/" NONE_OF_THESE "/c", "third");
    report = place_all(&matrix, "copies", PLACE_COPY);
    assert_int_equal(report.already_there, 3);

    /* What is there stays, whatever it is. */
    free(write_photo("links/_.._Sea_Sky/IMG.bmp", "mine", 1000));
    report = place_all(&matrix, "links", PLACE_LINK);
    assert_int_equal(report.placed, 3);
    assert_content("links/_.._Sea_Sky/IMG.bmp", "mine");
    assert_content("links/_.._Sea_Sky/IMG (2).bmp", "first");
    assert_content("links/_.._Sea_Sky/IMG (3).bmp", "other");
    report = place_all(&matrix, "links", PLACE_LINK);
    assert_int_equal(report.already_there, 3);

    assert_int_equal(unlink(paths[2]), 0);
    report = place_all(&matrix, "again", PLACE_COPY);
    assert_int_equal(report.placed, 2);
    assert_int_equal(report.failed, 1);
    assert_non_null(strstr(report.first_failure, paths[2]));
    for (size_t i = 0; i < 3; i++)
        free(paths[i]);
}

/* Categories whose folders would be one get two; several categories, several copies; rows that are
 * left out stay out. */
static void test_place_several(void **state)
{
    char *paths[] = {write_photo("s/1.bmp", "first", 1000), write_photo("s/2.bmp", "other", 1000)};
    const struct store_matrix matrix = {.count = 2, .paths = paths};
    struct verdict verdicts[2] = {{.category = 0}, {.category = 1}};
    size_t also_start[] = {0, 2, 2};
    int also[] = {1, 2};
    const struct classification c = {
        .count = 2, .verdicts = verdicts, .also = also, .also_start = also_start};
    struct category items[] = {
        {.name = (char *)"a/b"}, {.name = (char *)"A_b"}, {.name = (char *)NONE_OF_THESE}};
    const struct categories categories = {.count = 3, .items = items};
    const struct place_to to = {in_scratch("several"), PLACE_LINK};
    struct place_report report;
    struct row_set rows;
    struct err err;
    assert_int_equal(row_set_open(&rows, 2, true, &err), OK);
    row_set_remove(&rows, 1);
    assert_int_equal(place_by_category(&c, &matrix, &categories, &rows, &to, &report, &err), OK);
    assert_int_equal(report.placed, 3);
    assert_content("several/a_b/1.bmp", "first");
    assert_content("several/A_b (2)/1.bmp", "first");
    assert_content("several/" NONE_OF_THESE "/1.bmp", "first");
    const struct place_to again = {in_scratch("several"), PLACE_LINK};
    assert_int_equal(place_by_category(&c, &matrix, &categories, NULL, &again, &report, &err), OK);
    assert_int_equal(report.already_there, 3);
    assert_int_equal(report.placed, 1);
    row_set_close(&rows);
    for (size_t i = 0; i < 2; i++)
        free(paths[i]);
}

/* --- hashes -------------------------------------------------------------------------------- */

static void test_hash_set(void **state)
{
    enum { N = 1000 };
    struct hash_set *set;
    struct err err;
    assert_int_equal(hash_set_open(&set, N, &err), OK);
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < N; i++) {
            struct photo_hash hash = photo_hash_of(&i, sizeof i);
            assert_int_equal(hash_set_add(set, &hash), round == 0);
        }
    hash_set_close(set);
    /* XXH3-128 of no bytes, from the algorithm's specification. */
    static const uint8_t empty[16] = {0x99, 0xaa, 0x06, 0xd3, 0x01, 0x47, 0x98, 0xd8,
                                      0x60, 0x01, 0xc3, 0x24, 0x46, 0x8d, 0x49, 0x7f};
    struct photo_hash hash = photo_hash_of("", 0);
    assert_memory_equal(hash.bytes, empty, sizeof empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_categories_default),
        cmocka_unit_test(test_categories_parse),
        cmocka_unit_test_setup_teardown(test_categories_read_names_the_file, make_scratch,
                                        remove_scratch),
        cmocka_unit_test(test_csv_numbers_are_pythons),
        cmocka_unit_test(test_csv_fields_are_quoted),
        cmocka_unit_test(test_weights_in_queries),
        cmocka_unit_test(test_default_floors),
        cmocka_unit_test_setup_teardown(test_place, make_scratch, remove_scratch),
        cmocka_unit_test_setup_teardown(test_place_several, make_scratch, remove_scratch),
        cmocka_unit_test(test_hash_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
