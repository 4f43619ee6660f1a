/* SPDX-License-Identifier: MIT
 *
 * From a model's name to its folder: which of several readings wins, what the name becomes, and
 * that the error says where it looked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "hub/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch[] = "/tmp/fovea-resolve-XXXXXX";

static void make_model(const char *dir)
{
    char path[512];
    struct err err;
    assert_int_equal(dir_make(dir, &err), OK);
    snprintf(path, sizeof path, "%s/open_clip_config.json", dir);
    assert_int_equal(file_write(path, "{}", 2, &err), OK);
}

static int set_up(void **state)
{
    if (!mkdtemp(scratch) || chdir(scratch) != 0)
        return -1;
    make_model("local/tiny");
    make_model("models/ViT-X/v1");
    make_model("cache/fovea/models/ViT-H-14/dfn5b");
    make_model("ViT-Y/v2");
    make_model("models/ViT-Y/v2");
    struct err err;
    assert_int_equal(dir_make("bare", &err), OK);
    char cache[512];
    snprintf(cache, sizeof cache, "%s/cache", scratch);
    setenv("XDG_CACHE_HOME", cache, 1);
    unsetenv("FOVEA_MODEL");
    unsetenv("FOVEA_MODELS");
    return 0;
}

static int tear_down(void **state)
{
    char command[512];
    snprintf(command, sizeof command, "cd / && rm -r %s", scratch);
    return system(command);
}

/* name: NULL where it is the folder's absolute path. */
static void expect(const char *given, const char *dir_end, const char *name)
{
    struct model_place place;
    struct err err = {0};
    if (model_resolve(&place, given, &err) != OK)
        fail_msg("'%s': %s", given ? given : "(default)", err.text);
    size_t size = strlen(place.dir), end = strlen(dir_end);
    assert_true(size >= end);
    assert_string_equal(place.dir + size - end, dir_end);
    if (!name)
        assert_true(place.dir[0] == '/');
    assert_string_equal(place.name, name ? name : place.dir);
    model_place_free(&place);
    assert_null(place.dir);
}

static void refuse(const char *given, enum status status, const char *says)
{
    struct model_place place;
    struct err err = {0};
    assert_int_equal(model_resolve(&place, given, &err), status);
    if (!strstr(err.text, says))
        fail_msg("'%s' is refused with: %s", given, err.text);
    assert_null(place.dir);
    model_place_free(&place);
}

static void test_folders(void **state)
{
    expect("local/tiny", "/local/tiny", NULL);
    expect("./local/tiny/", "/local/tiny", NULL);
    assert_int_equal(chdir("local/tiny"), 0);
    expect(".", "/local/tiny", NULL);
    assert_int_equal(chdir(scratch), 0);
    refuse("./bare", ERR_NOT_FOUND, "./bare is not a model folder");
    refuse("bare", ERR_NOT_FOUND, "bare is not a model folder");
    refuse("/nowhere/at/all", ERR_NOT_FOUND, "there is no model folder /nowhere/at/all");
}

static void test_names(void **state)
{
    expect("ViT-H-14/dfn5b", "cache/fovea/models/ViT-H-14/dfn5b", "ViT-H-14/dfn5b");
    expect(NULL, "cache/fovea/models/ViT-H-14/dfn5b", "ViT-H-14/dfn5b");
    expect("", "cache/fovea/models/ViT-H-14/dfn5b", "ViT-H-14/dfn5b");
    refuse("ViT-X/v1", ERR_NOT_FOUND, "cache/fovea/models/ViT-X/v1");

    setenv("FOVEA_MODELS", "models", 1);
    expect("ViT-X/v1", "models/ViT-X/v1", "ViT-X/v1");
    expect("ViT-Y/v2", "/ViT-Y/v2", NULL); /* a folder wins */
    refuse("ViT-H-14/dfn5b", ERR_NOT_FOUND, "models/ViT-H-14/dfn5b");
    setenv("FOVEA_MODEL", "ViT-X/v1", 1);
    expect(NULL, "models/ViT-X/v1", "ViT-X/v1");
    expect("local/tiny", "/local/tiny", NULL);
    unsetenv("FOVEA_MODEL");
    unsetenv("FOVEA_MODELS");
}

static void test_what_is_no_name(void **state)
{
    refuse("nonsense", ERR_ARGUMENT, "'nonsense' is not a model");
    refuse("hf-hub:org/repo", ERR_UNSUPPORTED, "does not download models yet");
    setenv("FOVEA_MODELS", "models", 1);
    refuse("../models", ERR_NOT_FOUND, "no model folder");
    refuse("ViT-X/..", ERR_NOT_FOUND, "no model folder");
    refuse("ViT-X/", ERR_NOT_FOUND, "no model folder");
    char big[10000];
    memset(big, 'a', sizeof big);
    big[5] = '/';
    big[sizeof big - 1] = '\0';
    refuse(big, ERR_ARGUMENT, "too long");
    unsetenv("FOVEA_MODELS");
}

static void test_without_a_home(void **state)
{
    char *home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;
    char *cache = strdup(getenv("XDG_CACHE_HOME"));
    unsetenv("HOME");
    unsetenv("XDG_CACHE_HOME");
    refuse("ViT-X/v1", ERR_NOT_FOUND, "set FOVEA_MODELS");
    if (home)
        setenv("HOME", home, 1);
    setenv("XDG_CACHE_HOME", cache, 1);
    free(home);
    free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folders),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_what_is_no_name),
        cmocka_unit_test(test_without_a_home),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
