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
#include "../temporary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch[64];

static void make_file(const char *dir, const char *name, const char *text)
{
    char path[512];
    struct err err;
    assert_int_equal(dir_make(dir, &err), OK);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(file_write(path, text, strlen(text), &err), OK);
}

/* As far as naming looks: it opens nothing but configs. */
static void make_model(const char *dir)
{
    make_file(dir, "open_clip_config.json",
              "{\"model_cfg\": {\"embed_dim\": 7, \"quick_gelu\": false}, "
              "\"preprocess_cfg\": {\"resize_mode\": \"longest\"}}");
    make_file(dir, "open_clip_model.safetensors", "weights");
}

static int set_up(void **state)
{
    if (temporary_make(scratch, sizeof scratch) != 0 || chdir(scratch) != 0)
        return -1;
    make_model("local/tiny");
    make_model("models/ViT-X/v1");
    make_model("cache/fovea/models/ViT-H-14/dfn5b");
    make_model("ViT-Y/v2");
    make_model("models/ViT-Y/v2");
    make_model("models/hf-hub/org/repo");
    make_model("models/hf-hub/org/repo@refs%2Fpr%2F1");
    make_model("models/ViT-L-14-quickgelu/dfn2b");
    make_file("models/ViT-B-32/laion400m_e31", "vit_b_32-quickgelu-laion400m_e31-d867053b.pt",
              "weights");
    make_file("models/ViT-B-16/dfn2b", "open_clip_config.json", "{}"); /* broken off */
    make_file("models/ViT-B-16/openai", "model.safetensors", "weights");
    make_file("loose", "weights.pt", "weights");
    make_file("bag", "pytorch_model.bin", "weights");
    struct err err;
    assert_int_equal(dir_make("bare", &err), OK);
    char cache[512];
    snprintf(cache, sizeof cache, "%s/cache", scratch);
    setenv("XDG_CACHE_HOME", cache, 1);
    unsetenv("FOVEA_MODEL");
    unsetenv("FOVEA_MODELS");
    unsetenv("HF_HOME");
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
    if (model_resolve(&place, given, NULL, &err) != OK)
        fail_msg("'%s': %s", given ? given : "(default)", err.text);
    size_t size = strlen(place.dir), end = strlen(dir_end);
    assert_true(size >= end);
    assert_string_equal(place.dir + size - end, dir_end);
    if (!name)
        assert_true(place.dir[0] == '/');
    assert_string_equal(place.name, name ? name : place.dir);
    assert_true(place.here);
    model_place_free(&place);
    assert_null(place.dir);
}

static void expect_pull(const char *given, const char *dir_end, const char *name, const char *repo,
                        const char *revision)
{
    struct model_place place;
    struct err err = {0};
    if (model_resolve(&place, given, NULL, &err) != OK)
        fail_msg("'%s': %s", given, err.text);
    size_t size = strlen(place.dir), end = strlen(dir_end);
    assert_true(size >= end);
    assert_string_equal(place.dir + size - end, dir_end);
    assert_string_equal(place.name, name);
    assert_string_equal(place.repo, repo);
    assert_string_equal(place.revision, revision);
    assert_false(place.here);
    model_place_free(&place);
}

static void refuse(const char *given, enum status status, const char *says)
{
    struct model_place place;
    struct err err = {0};
    assert_int_equal(model_resolve(&place, given, NULL, &err), status);
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
    setenv("FOVEA_MODEL", "ViT-X/v1", 1);
    expect(NULL, "models/ViT-X/v1", "ViT-X/v1");
    expect("local/tiny", "/local/tiny", NULL);
    unsetenv("FOVEA_MODEL");
    unsetenv("FOVEA_MODELS");
    setenv("HF_HOME", "/disk/hf", 1);
    expect_pull("ViT-H-14/dfn5b", "/disk/hf/fovea/models/ViT-H-14/dfn5b", "ViT-H-14/dfn5b",
                "apple/DFN5B-CLIP-ViT-H-14", "main");
    unsetenv("HF_HOME");
}

/* What is not here and can be had. */
static void test_to_pull(void **state)
{
    setenv("FOVEA_MODELS", "models", 1);
    expect_pull("ViT-H-14/dfn5b", "models/ViT-H-14/dfn5b", "ViT-H-14/dfn5b",
                "apple/DFN5B-CLIP-ViT-H-14", "main");
    expect_pull("ViT-B-16/dfn2b", "models/ViT-B-16/dfn2b", "ViT-B-16/dfn2b",
                "apple/DFN2B-CLIP-ViT-B-16", "main");
    /* The tag decides the activation, so the architecture's variant is the same model. */
    expect_pull("ViT-H-14-quickgelu/dfn5b", "models/ViT-H-14/dfn5b", "ViT-H-14/dfn5b",
                "apple/DFN5B-CLIP-ViT-H-14", "main");
    expect("ViT-L-14-quickgelu/dfn2b", "models/ViT-L-14-quickgelu/dfn2b",
           "ViT-L-14-quickgelu/dfn2b");
    expect_pull("hf-hub:org/other", "models/hf-hub/org/other", "hf-hub:org/other", "org/other",
                "main");
    expect_pull("hf-hub:org/repo@v1.0", "models/hf-hub/org/repo@v1.0", "hf-hub:org/repo@v1.0",
                "org/repo", "v1.0");
    expect("hf-hub:org/repo", "models/hf-hub/org/repo", "hf-hub:org/repo");
    expect("hf-hub:org/repo@refs/pr/1", "models/hf-hub/org/repo@refs%2Fpr%2F1",
           "hf-hub:org/repo@refs/pr/1");
    unsetenv("FOVEA_MODELS");
}

/* A registry model's folder: its own shape, the tag's activation and preprocessing; and the
 * folder's path is another way to say its name. */
static void test_configs(void **state)
{
    struct model_place place;
    struct err err;
    static const char *const ways[] = {"ViT-H-14/dfn5b", "cache/fovea/models/ViT-H-14/dfn5b"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(model_resolve(&place, ways[i], NULL, &err), OK);
        assert_string_equal(place.name, "ViT-H-14/dfn5b");
        assert_string_equal(
            place.config,
            "{\"model_cfg\":{\"embed_dim\":7,\"quick_gelu\":true},\"preprocess_cfg\":{"
            "\"mean\":[0.48145466,0.4578275,0.40821073],"
            "\"std\":[0.26862954,0.26130258,0.27577711],"
            "\"interpolation\":\"bicubic\",\"resize_mode\":\"squash\"}}");
        model_place_free(&place);
    }
    assert_int_equal(model_resolve(&place, "local/tiny", NULL, &err), OK);
    assert_null(place.config);
    model_place_free(&place);
    setenv("FOVEA_MODELS", "models", 1);
    assert_int_equal(model_resolve(&place, "ViT-B-32/laion400m_e31", NULL, &err), OK);
    assert_true(place.here);
    assert_non_null(strstr(place.weights, "/vit_b_32-quickgelu-laion400m_e31-d867053b.pt"));
    assert_non_null(strstr(place.config, "\"quick_gelu\":true"));
    assert_non_null(strstr(place.config, "\"patch_size\":32"));
    model_place_free(&place);
    setenv("FOVEA_MODELS", "models//", 1);
    assert_int_equal(model_resolve(&place, "ViT-B-16/openai", NULL, &err), OK);
    assert_string_equal(place.dir, "models/ViT-B-16/openai");
    assert_string_equal(place.weights, "models/ViT-B-16/openai/model.safetensors");
    model_place_free(&place);
    unsetenv("FOVEA_MODELS");
}

static void test_weights_files(void **state)
{
    struct model_place place, again;
    struct err err;
    assert_int_equal(model_resolve(&place, "loose/weights.pt", "ViT-L-14/dfn2b", &err), OK);
    assert_non_null(strstr(place.weights, "/loose/weights.pt"));
    assert_non_null(strstr(place.config, "\"quick_gelu\":true"));
    assert_memory_equal(place.name, "ViT-L-14/dfn2b:/", 16);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(model_resolve(&again, place.name, NULL, &err), OK);
    assert_int_equal(chdir(scratch), 0);
    assert_string_equal(again.weights, place.weights);
    assert_string_equal(again.config, place.config);
    assert_string_equal(again.name, place.name);
    model_place_free(&again);
    model_place_free(&place);
    assert_int_equal(model_resolve(&place, "bag", "ViT-B-32", &err), OK); /* a folder of weights */
    assert_non_null(strstr(place.weights, "/bag/pytorch_model.bin"));
    assert_non_null(strstr(place.name, "ViT-B-32:/"));
    model_place_free(&place);
    assert_int_equal(model_resolve(&place, "loose/weights.pt", "ViT-B-32", &err), OK);
    assert_non_null(strstr(place.config, "\"quick_gelu\":false"));
    model_place_free(&place);
    assert_int_equal(model_resolve(&place, "loose/weights.pt", "nonsense", &err), ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "is not an architecture"));
    assert_int_equal(model_resolve(&place, "loose/weights.pt", "RN50", &err), ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "resnet"));
    assert_int_equal(model_resolve(&place, "loose/none.pt", "ViT-B-32", &err), ERR_NOT_FOUND);
    assert_int_equal(model_resolve(&place, NULL, "ViT-B-32", &err), ERR_ARGUMENT);
    refuse("loose/weights.pt", ERR_ARGUMENT, "--arch");
}

static void test_what_is_no_name(void **state)
{
    refuse("nonsense", ERR_ARGUMENT, "'nonsense' is not a model");
    static const char *const repositories[] = {
        "hf-hub:",          "hf-hub:org",           "hf-hub:org/",       "hf-hub:/repo",
        "hf-hub:a/b/c",     "hf-hub:../repo",       "hf-hub:org/..",     "hf-hub:org/re po",
        "hf-hub:org/repo@", "hf-hub:org/repo@../x", "hf-hub:org/repo@/", "hf-hub:org/repo?x"};
    for (size_t i = 0; i < sizeof repositories / sizeof *repositories; i++)
        refuse(repositories[i], ERR_ARGUMENT, "is not a repository");
    refuse("ViT-H-14/dfn5", ERR_NOT_FOUND, "dfn5b");
    refuse("laion/some-model", ERR_NOT_FOUND, "hf-hub:laion/some-model");
    refuse("RN50/openai", ERR_UNSUPPORTED, "resnet");
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
        cmocka_unit_test(test_folders),        cmocka_unit_test(test_names),
        cmocka_unit_test(test_to_pull),        cmocka_unit_test(test_configs),
        cmocka_unit_test(test_weights_files),  cmocka_unit_test(test_what_is_no_name),
        cmocka_unit_test(test_without_a_home),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
