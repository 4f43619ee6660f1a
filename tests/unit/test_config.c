/* SPDX-License-Identifier: MIT
 *
 * open_clip_config.json: what is read, what is refused and with which words; the tensors that
 * follow from it; the formula of synthetic weights.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clip/config.h"
#include "clip/synth.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define VISION                                                                                     \
    "\"vision_cfg\": {\"image_size\": 56, \"patch_size\": 14, \"width\": 80, "                     \
    "\"head_width\": 16, \"layers\": 3}"
#define TEXT                                                                                       \
    "\"text_cfg\": {\"context_length\": 77, \"vocab_size\": 49408, \"width\": 32, "                \
    "\"heads\": 2, \"layers\": 2}"
#define MODEL(more) "{\"model_cfg\": {\"embed_dim\": 48, " more "}}"

static void test_reads_what_is_there(void **state)
{
    static const char json[] =
        "{\"model_cfg\": {\"embed_dim\": 24, \"quick_gelu\": true, \"custom_text\": true,"
        "\"vision_cfg\": {\"image_size\": [42, 42], \"patch_size\": 14, \"width\": 48,"
        "\"head_width\": 24, \"layers\": 2, \"mlp_ratio\": 4.9231, \"no_ln_pre\": true,"
        "\"pool_type\": \"avg\", \"final_ln_after_pool\": true, \"ls_init_value\": 1e-4,"
        "\"norm_kwargs\": {\"eps\": 1e-6}, \"patch_dropout\": 0.5, \"qk_norm\": false},"
        "\"text_cfg\": {\"context_length\": 32, \"vocab_size\": 1000, \"width\": 32, \"heads\": 4,"
        "\"layers\": 1, \"no_causal_mask\": true, \"pool_type\": \"eos\", \"eos_id\": 7,"
        "\"proj_bias\": true}},"
        "\"preprocess_cfg\": {\"mean\": [0.5, 0.5, 0.25], \"std\": [0.5, 0.5, 0.5],"
        "\"interpolation\": \"bilinear\", \"resize_mode\": \"squash\", \"mode\": \"RGB\"}}";
    struct model_config c;
    struct err err = {0};
    if (config_parse(&c, json, strlen(json), &err) != OK)
        fail_msg("%s", err.text);
    assert_int_equal(c.embed_dim, 24);
    assert_true(c.custom_text);
    assert_int_equal(c.vision.tokens, 10);
    assert_int_equal(c.vision.transformer.heads, 2);
    assert_int_equal(c.vision.transformer.mlp_width, (int)(48 * 4.9231));
    assert_int_equal(c.vision.transformer.activation, ACTIVATION_GELU_QUICK);
    assert_true(c.vision.transformer.layer_scale);
    assert_true(c.vision.transformer.norm_eps == 1e-6f);
    assert_int_equal(c.vision.pool, VISION_POOL_AVERAGE);
    assert_false(c.vision.ln_pre);
    assert_true(c.vision.final_ln_after_pool);
    assert_false(c.text.causal);
    assert_int_equal(c.text.pool, TEXT_POOL_EOS);
    assert_int_equal(c.text.eos_id, 7);
    assert_int_equal(c.text.transformer.head_width, 8);
    assert_true(c.text.proj_bias && c.text.has_projection);
    assert_int_equal(c.preprocess.size, 42);
    assert_int_equal(c.preprocess.resize_mode, RESIZE_SQUASH);
    assert_int_equal(c.preprocess.interpolation, INTERPOLATION_BILINEAR);
    assert_true(c.preprocess.mean[2] == 0.25f);
}

static void test_defaults_are_open_clips(void **state)
{
    static const char json[] = "{\"model_cfg\": {\"embed_dim\": 512, \"vision_cfg\": {}, "
                               "\"text_cfg\": {}}}";
    struct model_config c;
    struct err err;
    assert_int_equal(config_parse(&c, json, strlen(json), &err), OK);
    assert_int_equal(c.vision.transformer.width, 768);
    assert_int_equal(c.vision.transformer.layers, 12);
    assert_int_equal(c.vision.transformer.heads, 12);
    assert_int_equal(c.vision.patch_size, 16);
    assert_int_equal(c.vision.tokens, 197);
    assert_int_equal(c.vision.transformer.activation, ACTIVATION_GELU_ERF);
    assert_int_equal(c.text.transformer.width, 512);
    assert_int_equal(c.text.context_length, 77);
    assert_true(c.text.causal);
    assert_true(c.vision.ln_pre);
    assert_true(c.preprocess.mean[0] == 0.48145466f);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *json;
        enum status status;
        const char *says;
    } cases[] = {
        {"", ERR_FORMAT, "line"},
        {"[]", ERR_FORMAT, "not a JSON object"},
        {"{}", ERR_FORMAT, "model_cfg is missing"},
        {"{\"model_cfg\": 3}", ERR_FORMAT, "model_cfg is not an object"},
        {MODEL(VISION), ERR_FORMAT, "text_cfg is missing"},
        {MODEL(TEXT), ERR_FORMAT, "vision_cfg is missing"},
        {"{\"model_cfg\": {" VISION "," TEXT "}}", ERR_FORMAT, "embed_dim is missing"},
        {MODEL("\"vision_cfg\": {\"layers\": [3, 4, 6, 3]}, " TEXT), ERR_UNSUPPORTED, "ResNet"},
        {MODEL("\"vision_cfg\": {\"timm_model_name\": \"vit_base\"}, " TEXT), ERR_UNSUPPORTED,
         "vit_base from timm"},
        {MODEL(VISION ", \"text_cfg\": {\"hf_model_name\": \"roberta\"}"), ERR_UNSUPPORTED,
         "roberta"},
        {MODEL(VISION "," TEXT ", \"multimodal_cfg\": {\"width\": 1}"), ERR_UNSUPPORTED, "CoCa"},
        {MODEL("\"vision_cfg\": {\"attentional_pool\": true}, " TEXT), ERR_UNSUPPORTED,
         "attentional pooling"},
        {MODEL("\"vision_cfg\": {\"qk_norm\": true}, " TEXT), ERR_UNSUPPORTED, "qk_norm"},
        {MODEL(VISION ", \"text_cfg\": {\"embed_cls\": true}"), ERR_UNSUPPORTED, "embed_cls"},
        {MODEL("\"vision_cfg\": {\"pool_type\": \"none\"}, " TEXT), ERR_UNSUPPORTED, "pool_type"},
        {MODEL("\"vision_cfg\": {\"width\": 100}, " TEXT), ERR_FORMAT, "head_width"},
        {MODEL("\"vision_cfg\": {\"width\": -1}, " TEXT), ERR_FORMAT, "width is out of range"},
        {MODEL("\"vision_cfg\": {\"width\": 1e9}, " TEXT), ERR_FORMAT, "width"},
        {MODEL("\"vision_cfg\": {\"mlp_ratio\": \"4\"}, " TEXT), ERR_FORMAT, "mlp_ratio"},
        {MODEL("\"vision_cfg\": {\"image_size\": [224, 336]}, " TEXT), ERR_UNSUPPORTED, "square"},
        {MODEL("\"vision_cfg\": {\"image_size\": 8, \"patch_size\": 16}, " TEXT), ERR_FORMAT,
         "patch_size"},
        {MODEL(VISION ", \"text_cfg\": {\"heads\": 7}"), ERR_FORMAT, "heads"},
        {MODEL(VISION ", \"text_cfg\": {\"proj_type\": \"none\"}"), ERR_FORMAT, "projection"},
        {"{\"model_cfg\": {\"embed_dim\": 48," VISION "," TEXT "}, \"preprocess_cfg\": "
         "{\"std\": [1, 0, 1]}}",
         ERR_FORMAT, "std"},
        {"{\"model_cfg\": {\"embed_dim\": 48," VISION "," TEXT "}, \"preprocess_cfg\": "
         "{\"interpolation\": \"nearest\"}}",
         ERR_ARGUMENT, "nearest"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model_config c;
        struct err err = {0};
        enum status status = config_parse(&c, cases[i].json, strlen(cases[i].json), &err);
        if (status != cases[i].status || !strstr(err.text, cases[i].says))
            fail_msg("case %zu: %d \"%s\", expected %d \"%s\"", i, status, err.text,
                     cases[i].status, cases[i].says);
    }
}

struct tally {
    size_t tensors, values, text_tensors;
};

static enum status count_tensor(void *context, const struct tensor_spec *spec)
{
    struct tally *tally = context;
    size_t n = 1;
    for (int i = 0; i < spec->dims; i++)
        n *= (size_t)spec->shape[i];
    tally->tensors++;
    tally->values += n;
    tally->text_tensors += spec->text_tower;
    return OK;
}

static void test_tensors_of_vit_b_32(void **state)
{
    static const char json[] =
        "{\"model_cfg\": {\"embed_dim\": 512, \"vision_cfg\": {\"patch_size\": 32}, "
        "\"text_cfg\": {}}}";
    struct model_config c;
    struct err err;
    struct tally tally = {0};
    assert_int_equal(config_parse(&c, json, strlen(json), &err), OK);
    assert_int_equal(config_each_tensor(&c, count_tensor, &tally), OK);
    /* The published size of ViT-B-32: 151,277,313 parameters, in open_clip's 302 tensors. */
    assert_int_equal(tally.values, 151277313);
    assert_int_equal(tally.tensors, 302);
    assert_int_equal(tally.text_tensors, 149);
}

static void test_synthetic_values(void **state)
{
    /* From the formula in the reference implementation, with exact integer arithmetic. */
    float scale;
    synth_values("logit_scale", NULL, 0, 5, 0, 1, &scale);
    assert_true(scale == (float)log(100.0));
    enum { N = 1000 };
    static float all[N], part[N];
    static const int shape[] = {40, 25};
    synth_values("visual.proj", shape, 2, 3, 0, N, all);
    synth_values("visual.proj", shape, 2, 3, 300, 200, part);
    assert_memory_equal(all + 300, part, 200 * sizeof(float));
    float bound = (float)sqrt(3.0 / 40), most = 0;
    for (int i = 0; i < N; i++) {
        assert_true(fabsf(all[i]) <= bound);
        most = fmaxf(most, fabsf(all[i]));
    }
    assert_true(most > 0.9f * bound);
    synth_values("visual.proj", shape, 2, 4, 0, N, part);
    assert_memory_not_equal(all, part, sizeof all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_is_there),
        cmocka_unit_test(test_defaults_are_open_clips),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_tensors_of_vit_b_32),
        cmocka_unit_test(test_synthetic_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
