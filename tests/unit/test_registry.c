/* SPDX-License-Identifier: MIT
 *
 * test-registry DATA: the compiled registry against the JSON it was made from, entry by entry: what
 * a tag becomes as a config, what is refused, where it comes from.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clip/config.h"
#include "hub/registry.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static json_t *archs, *tags; /* the files */

static const char *text_of(const json_t *entry, const char *key)
{
    return json_string_value(json_object_get(entry, key));
}

static const json_t *find_arch(const char *name)
{
    size_t i;
    json_t *arch;
    json_array_foreach(archs, i, arch)
    {
        if (strcmp(text_of(arch, "arch"), name) == 0)
            return arch;
    }
    return NULL;
}

static int int_of(const json_t *object, const char *key, int fallback)
{
    const json_t *value = json_object_get(object, key);
    return value ? (int)json_integer_value(value) : fallback;
}

static void parse(const struct registry_arch *arch, const struct registry_tag *tag,
                  struct model_config *config)
{
    struct err err = {0};
    struct str text = str_new(1 << 16);
    registry_put_config(&text, arch, tag);
    assert_true(str_ok(&text));
    if (config_parse(config, str_text(&text), text.size, &err) != OK)
        fail_msg("%s/%s: %s", arch->name, tag ? tag->tag : "", err.text);
    str_free(&text);
}

static void check_shape(const struct model_config *c, const json_t *arch)
{
    const json_t *vision = json_object_get(arch, "vision"), *text = json_object_get(arch, "text");
    assert_int_equal(c->embed_dim, int_of(arch, "embed_dim", 0));
    assert_int_equal(c->vision.transformer.width, int_of(vision, "width", 0));
    assert_int_equal(c->vision.transformer.layers, int_of(vision, "layers", 0));
    assert_int_equal(c->vision.transformer.head_width, int_of(vision, "head_width", 64));
    assert_int_equal(c->vision.patch_size, int_of(vision, "patch_size", 0));
    assert_int_equal(c->vision.image_size, int_of(vision, "image_size", 0));
    assert_int_equal(c->text.transformer.width, int_of(text, "width", 0));
    assert_int_equal(c->text.transformer.layers, int_of(text, "layers", 0));
    assert_int_equal(c->text.transformer.heads, int_of(text, "heads", 0));
    assert_int_equal(c->text.context_length, int_of(text, "context_length", 0));
    assert_int_equal(c->text.vocab_size, int_of(text, "vocab_size", 0));
}

static void check_preprocess(const struct preprocess *p, const json_t *entry)
{
    static const char *const interpolations[] = {
        [INTERPOLATION_BICUBIC] = "bicubic", [INTERPOLATION_BILINEAR] = "bilinear"};
    static const char *const modes[] = {
        [RESIZE_SHORTEST] = "shortest", [RESIZE_SQUASH] = "squash", [RESIZE_LONGEST] = "longest"};
    assert_string_equal(interpolations[p->interpolation], text_of(entry, "interpolation"));
    assert_string_equal(modes[p->resize_mode], text_of(entry, "resize_mode"));
    for (size_t i = 0; i < 3; i++) {
        double mean = json_number_value(json_array_get(json_object_get(entry, "mean"), i));
        double std = json_number_value(json_array_get(json_object_get(entry, "std"), i));
        assert_true(p->mean[i] == (float)mean && p->std[i] == (float)std);
    }
}

/* Every tag: found by its name; of a family that runs: its config is what the JSON says; of
 * another: refused with the family's name. */
static void test_every_tag(void **state)
{
    size_t i, runs = 0, refused = 0;
    json_t *entry;
    assert_int_equal(registry_tag_count, json_array_size(tags));
    json_array_foreach(tags, i, entry)
    {
        char name[256];
        struct err err = {0};
        struct model_config config;
        const char *family = text_of(entry, "family");
        snprintf(name, sizeof name, "%s/%s", text_of(entry, "arch"), text_of(entry, "tag"));
        const struct registry_tag *tag = registry_find(name);
        if (!tag)
            fail_msg("%s is not found", name);
        assert_string_equal(tag->tag, text_of(entry, "tag"));
        assert_string_equal(tag->arch->family, family);
        if (!registry_family(family))
            fail_msg("%s: the family %s is not known", name, family);
        if (registry_check(tag->arch, &err) != OK) {
            assert_int_equal(err.status, ERR_UNSUPPORTED);
            assert_non_null(strstr(err.text, family));
            assert_false(registry_runs(tag->arch));
            refused++;
            continue;
        }
        parse(tag->arch, tag, &config);
        check_shape(&config, find_arch(tag->arch->name));
        check_preprocess(&config.preprocess, entry);
        bool quick = json_is_true(json_object_get(entry, "quick_gelu"));
        enum activation wanted = quick ? ACTIVATION_GELU_QUICK : ACTIVATION_GELU_ERF;
        assert_int_equal(config.vision.transformer.activation, wanted);
        assert_int_equal(config.text.transformer.activation, wanted);
        assert_string_equal(config.text.tokenizer, ""); /* CLIP's, which is built in */
        runs++;
    }
    print_message("%zu tags run, %zu are refused\n", runs, refused);
    assert_true(runs == 80 && refused == 118);
}

/* Architectures without tags are tried by their config: it parses, or the config is refused. */
static void test_every_architecture(void **state)
{
    size_t i;
    json_t *entry;
    assert_int_equal(registry_arch_count, json_array_size(archs));
    json_array_foreach(archs, i, entry)
    {
        const char *name = text_of(entry, "arch");
        const struct registry_arch *arch = registry_find_arch(name, strlen(name));
        assert_non_null(arch);
        if (strcmp(arch->family, "vit-clip") == 0) {
            struct model_config config;
            parse(arch, NULL, &config);
            check_shape(&config, entry);
            bool quick = json_is_true(json_object_get(entry, "quick_gelu"));
            assert_int_equal(config.vision.transformer.activation,
                             quick ? ACTIVATION_GELU_QUICK : ACTIVATION_GELU_ERF);
        } else if (registry_runs(arch)) {
            struct model_config config;
            struct err err = {0};
            struct str text = str_new(1 << 16);
            registry_put_config(&text, arch, NULL);
            enum status status = config_parse(&config, str_text(&text), text.size, &err);
            assert_true(status == OK || status == ERR_UNSUPPORTED);
            str_free(&text);
        }
    }
    assert_null(registry_find_arch("ViT-H-1", 7));
    assert_null(registry_find("ViT-H-14"));
    assert_null(registry_find("ViT-H-14/"));
    assert_null(registry_find("ViT-H-14/dfn5"));
}

/* The two that the issue names. */
static void test_named(void **state)
{
    struct model_config config;
    const struct registry_tag *tag = registry_find("ViT-H-14/dfn5b");
    parse(tag->arch, tag, &config);
    assert_int_equal(config.vision.transformer.activation, ACTIVATION_GELU_QUICK);
    assert_int_equal(config.preprocess.resize_mode, RESIZE_SQUASH);
    assert_int_equal(config.preprocess.interpolation, INTERPOLATION_BICUBIC);
    assert_int_equal(config.preprocess.size, 224);
    tag = registry_find("ViT-L-14/datacomp_xl_s13b_b90k");
    parse(tag->arch, tag, &config);
    assert_int_equal(config.vision.transformer.activation, ACTIVATION_GELU_ERF);
    assert_int_equal(config.preprocess.resize_mode, RESIZE_SHORTEST);
    assert_int_equal(config.preprocess.size, 224);
}

/* Where the weights come from. */
static void test_sources(void **state)
{
    size_t i, plain = 0;
    json_t *entry;
    json_array_foreach(tags, i, entry)
    {
        char name[256], hub[256];
        snprintf(name, sizeof name, "%s/%s", text_of(entry, "arch"), text_of(entry, "tag"));
        const struct registry_tag *tag = registry_find(name), *same = registry_plain(tag);
        snprintf(hub, sizeof hub, "%s/%s", tag->repo, tag->file ? tag->file : "");
        assert_string_equal(hub, text_of(entry, "hf_hub"));
        const char *url = text_of(entry, "url");
        assert_true(url ? strcmp(url, tag->url) == 0 : !tag->url);
        bool e32 = strcmp(name, "ViT-B-16-plus-240/laion400m_e32") == 0;
        if (tag->prefer_url != e32)
            fail_msg("%s: prefers %s", name, tag->prefer_url ? "its address" : "the hub");
        if (same == tag)
            continue;
        plain++;
        assert_null(strstr(same->arch->name, "quickgelu"));
        assert_string_equal(same->repo, tag->repo);
        assert_true(same->quick_gelu == tag->quick_gelu);
        assert_ptr_equal(registry_plain(same), same);
    }
    assert_true(plain > 10);
    assert_ptr_equal(registry_plain(registry_find("ViT-H-14-quickgelu/dfn5b")),
                     registry_find("ViT-H-14/dfn5b"));
}

static void test_recommended(void **state)
{
    const struct registry_tag *last = NULL;
    for (int i = 0; i < REGISTRY_RECOMMENDED; i++) {
        const struct registry_tag *tag = registry_recommend((enum registry_recommended)i);
        assert_non_null(tag);
        assert_true(registry_runs(tag->arch));
        print_message("%s: %s/%s\n", registry_recommended_name((enum registry_recommended)i),
                      tag->arch->name, tag->tag);
        assert_true(!last || (tag->imagenet > last->imagenet && tag->gflops > last->gflops));
        last = tag;
    }
    assert_ptr_equal(last, registry_find("ViT-H-14/dfn5b")); /* the program's default */
}

static void test_merging(void **state)
{
    static const char *const wrong[] = {"", "[]", "{}", "{\"model_cfg\": 1}", "{\"model_cfg\": {}"};
    const struct registry_tag *tag = registry_find("ViT-H-14/dfn5b");
    struct str out = str_new(1 << 16);
    struct err err;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        str_clear(&out);
        assert_int_equal(registry_merge_config(&out, tag, wrong[i], strlen(wrong[i]), &err),
                         ERR_FORMAT);
    }
    str_free(&out);
}

int main(int argc, char **argv)
{
    char path[4096];
    const char *data = argc > 1 ? argv[1] : ".";
    snprintf(path, sizeof path, "%s/architectures.json", data);
    archs = json_load_file(path, 0, NULL);
    snprintf(path, sizeof path, "%s/pretrained.json", data);
    tags = json_load_file(path, 0, NULL);
    if (!archs || !tags) {
        fprintf(stderr, "test-registry: cannot read %s\n", path);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_tag),   cmocka_unit_test(test_every_architecture),
        cmocka_unit_test(test_named),       cmocka_unit_test(test_sources),
        cmocka_unit_test(test_recommended), cmocka_unit_test(test_merging),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(archs);
    json_decref(tags);
    return failed;
}
