/* SPDX-License-Identifier: MIT
 *
 * The model that comes with the program: found by its name, in the folder that FOVEA_DATA says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "hub/resolve.h"
#include "hub/shipped.h"
#include "../temporary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char data[64];

static int setup(void **state)
{
    return temporary_make(data, sizeof data) == 0 && setenv("FOVEA_DATA", data, 1) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    static const char *const parts[] = {"/models/demo/open_clip_config.json", "/models/demo",
                                        "/models", ""};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s%s", data, parts[i]);
        remove(path);
    }
    return 0;
}

static void test_not_there(void **state)
{
    struct err err;
    struct model_place place;
    assert_int_equal(model_resolve(&place, MODEL_DEMO, NULL, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, data));
    assert_non_null(strstr(err.text, "FOVEA_DATA"));
}

static void test_there(void **state)
{
    struct err err;
    struct model_place place;
    char path[128];
    snprintf(path, sizeof path, "%s/models/demo/open_clip_config.json", data);
    assert_int_equal(dir_make_parent(path, &err), OK);
    assert_int_equal(file_write(path, "{}", 2, &err), OK);
    assert_int_equal(model_resolve(&place, MODEL_DEMO, NULL, &err), OK);
    assert_string_equal(place.name, MODEL_DEMO); /* a library finds it again after a move */
    snprintf(path, sizeof path, "%s/models/demo", data);
    assert_string_equal(place.dir, path);
    model_place_free(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_there),
        cmocka_unit_test(test_there),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
