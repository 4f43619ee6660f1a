/* SPDX-License-Identifier: MIT
 *
 * A file of categories. What is accepted can be written down and read again: the same set. As a
 * file it says the same as its text does, but for a mark at the front that some editors write.
 */
#include "fuzz.h"

#include "library/categories.h"

#include <stdlib.h>
#include <string.h>

static void check_set(const struct categories *set)
{
    FUZZ_CHECK(set->count >= 1 && set->count <= CATEGORIES_MAX);
    for (size_t i = 0; i < set->count; i++) {
        const struct category *c = &set->items[i];
        FUZZ_CHECK(*c->name && strlen(c->name) <= CATEGORY_NAME_MAX);
        FUZZ_CHECK(c->prompt_count >= 1 && c->prompt_count <= PROMPTS_MAX);
        FUZZ_CHECK(fuzz_is_utf8(c->name, strlen(c->name)));
        for (size_t j = 0; j < c->prompt_count; j++)
            FUZZ_CHECK(c->prompts[j]);
        for (size_t j = 0; j < i; j++)
            FUZZ_CHECK(strcmp(c->name, set->items[j].name) != 0);
    }
}

static void check_again(const struct categories *set)
{
    struct categories again = {0};
    struct err err = {0};
    FUZZ_CHECK_OK(categories_parse(&again, set->json, strlen(set->json), &err), &err);
    FUZZ_CHECK(again.count == set->count && strcmp(again.json, set->json) == 0);
    for (size_t i = 0; i < set->count; i++) {
        const struct category *a = &set->items[i], *b = &again.items[i];
        FUZZ_CHECK(strcmp(a->name, b->name) == 0 && a->prompt_count == b->prompt_count);
        for (size_t j = 0; j < a->prompt_count; j++)
            FUZZ_CHECK(strcmp(a->prompts[j], b->prompts[j]) == 0);
    }
    categories_free(&again);
}

static void check_file(const uint8_t *data, size_t size, const struct categories *text)
{
    struct categories file;
    struct err err = {0};
    enum status status = categories_read(&file, fuzz_file(0, data, size), &err);
    if (status != OK)
        fuzz_check_error(status, &err);
    if (size < 3 || memcmp(data, "\xef\xbb\xbf", 3) != 0) {
        FUZZ_CHECK((status == OK) == (text->count > 0));
        FUZZ_CHECK(status != OK || strcmp(file.json, text->json) == 0);
    }
    categories_free(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct categories set = {0};
    struct err err = {0};
    char *json = fuzz_take_rest(&in, &size);
    enum status status = categories_parse(&set, json ? json : "", size, &err);
    free(json);
    check_file(data, size, &set);
    if (status == OK) {
        check_set(&set);
        check_again(&set);
    } else {
        fuzz_check_error(status, &err);
    }
    categories_free(&set);
    return 0;
}
