/* SPDX-License-Identifier: MIT
 *
 * The public API through its own header alone: the life of a model and a session, what comes back
 * for bad arguments, and that a picture goes through the model's preprocessing.
 */
#include "fovea/fovea.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/file.h"
#include "clip/synth.h"
#include "../temporary.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char config[] =
    "{\"model_cfg\":{\"embed_dim\":24,\"vision_cfg\":{\"image_size\":32,\"patch_size\":8,"
    "\"width\":32,\"head_width\":16,\"layers\":2},\"text_cfg\":{\"context_length\":16,"
    "\"vocab_size\":49408,\"width\":32,\"heads\":2,\"layers\":2}}}";

static char folder[64], config_path[128], weights_path[128];

static int setup(void **state)
{
    struct err err;
    if (temporary_make(folder, sizeof folder) != 0)
        return -1;
    snprintf(config_path, sizeof config_path, "%s/open_clip_config.json", folder);
    snprintf(weights_path, sizeof weights_path, "%s/open_clip_model.safetensors", folder);
    return file_write(config_path, config, strlen(config), &err) != OK ||
           model_synth(config_path, 0, folder, &err) != OK;
}

static int teardown(void **state)
{
    return unlink(config_path) || unlink(weights_path) || rmdir(folder);
}

static double length(const float *v, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (double)v[i] * v[i];
    return sqrt(sum);
}

static void test_embeds(void **state)
{
    struct fovea_error error;
    struct fovea_model *model;
    struct fovea_session *session;
    float raw[24], normalized[24], again[24];
    if (fovea_model_open(&model, folder, FOVEA_AUTO, &error) != FOVEA_OK)
        fail_msg("%s", error.text);
    assert_string_equal(error.text, "");
    struct fovea_model_info info = fovea_model_info(model);
    assert_int_equal(info.embed_dim, 24);
    assert_int_equal(info.image_size, 32);
    assert_int_equal(info.context_length, 16);
    assert_int_equal(strlen(info.fingerprint), 32);
    assert_true(fabsf(info.logit_scale - 100) < 1e-3f);
    assert_int_equal(fovea_session_open(&session, model, 2, &error), FOVEA_OK);

    assert_int_equal(fovea_embed_text(session, "a dog", FOVEA_RAW, raw, &error), FOVEA_OK);
    assert_int_equal(fovea_embed_text(session, "A  DOG ", FOVEA_NORMALIZED, normalized, &error),
                     FOVEA_OK);
    for (int i = 0; i < 24; i++)
        assert_true(fabs(raw[i] / length(raw, 24) - normalized[i]) < 1e-6);
    assert_int_equal(fovea_embed_text(session, "a cat", FOVEA_NORMALIZED, again, &error), FOVEA_OK);
    assert_memory_not_equal(normalized, again, sizeof again);

    uint8_t pixels[50 * 160];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 7);
    struct fovea_picture picture = {pixels, 40, 50, 160};
    assert_int_equal(fovea_embed_picture(session, &picture, FOVEA_NORMALIZED, normalized, NULL),
                     FOVEA_OK);
    assert_true(fabs(length(normalized, 24) - 1) < 1e-6);
    pixels[130] ^= 0xff; /* between the rows: not part of the picture */
    assert_int_equal(fovea_embed_picture(session, &picture, FOVEA_NORMALIZED, again, &error),
                     FOVEA_OK);
    assert_memory_equal(normalized, again, sizeof again);
    pixels[25 * 160 + 60] ^= 0xff;
    assert_int_equal(fovea_embed_picture(session, &picture, FOVEA_NORMALIZED, again, &error),
                     FOVEA_OK);
    assert_memory_not_equal(normalized, again, sizeof again);
    fovea_session_close(session);
    fovea_model_close(model);
}

static void test_refuses(void **state)
{
    struct fovea_error error;
    struct fovea_model *model;
    struct fovea_session *session;
    float vector[24];
    assert_int_equal(fovea_model_open(&model, "/nowhere/at/all", FOVEA_AUTO, &error),
                     FOVEA_ERROR_NOT_FOUND);
    assert_null(model);
    assert_non_null(strstr(error.text, "/nowhere/at/all"));
    assert_int_equal(fovea_model_open(&model, NULL, FOVEA_AUTO, NULL), FOVEA_ERROR_ARGUMENT);
    assert_int_equal(fovea_model_open(&model, folder, (enum fovea_precision)9, NULL),
                     FOVEA_ERROR_ARGUMENT);

    assert_int_equal(fovea_model_open(&model, folder, FOVEA_AUTO, &error), FOVEA_OK);
    assert_int_equal(fovea_session_open(&session, model, -1, &error), FOVEA_ERROR_ARGUMENT);
    assert_null(session);
    assert_int_equal(fovea_session_open(&session, model, 1, &error), FOVEA_OK);
    struct fovea_picture bad[] = {
        {NULL, 4, 4, 12}, {(const uint8_t *)"", 0, 4, 12}, {(const uint8_t *)"", 4, 4, 11}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(fovea_embed_picture(session, &bad[i], FOVEA_RAW, vector, &error),
                         FOVEA_ERROR_ARGUMENT);
    assert_int_equal(fovea_embed_text(session, NULL, FOVEA_RAW, vector, &error),
                     FOVEA_ERROR_ARGUMENT);
    fovea_session_close(session);
    fovea_model_close(model);
    fovea_session_close(NULL);
    fovea_model_close(NULL);
}

struct user {
    const struct fovea_model *model;
    pthread_t thread;
    enum fovea_status status;
    float text[24], picture[24];
};

static void *use_model(void *arg)
{
    static const uint8_t pixels[32 * 32 * 3] = {200, 100, 50};
    const struct fovea_picture picture = {pixels, 32, 32, 32 * 3};
    struct user *u = arg;
    struct fovea_session *session;
    u->status = fovea_session_open(&session, u->model, 1, NULL);
    if (u->status == FOVEA_OK)
        u->status = fovea_embed_text(session, "a red kite", FOVEA_RAW, u->text, NULL);
    if (u->status == FOVEA_OK)
        u->status = fovea_embed_picture(session, &picture, FOVEA_RAW, u->picture, NULL);
    fovea_session_close(session);
    return NULL;
}

/* Whoever comes first loads the weights; all get the same vectors. */
static void test_one_model_and_many_threads(void **state)
{
    enum { USERS = 6 };
    struct fovea_model *model;
    struct user users[USERS];
    assert_int_equal(fovea_model_open(&model, folder, FOVEA_INT8, NULL), FOVEA_OK);
    for (int i = 0; i < USERS; i++) {
        users[i] = (struct user){.model = model};
        assert_int_equal(pthread_create(&users[i].thread, NULL, use_model, &users[i]), 0);
    }
    for (int i = 0; i < USERS; i++)
        pthread_join(users[i].thread, NULL);
    for (int i = 0; i < USERS; i++) {
        assert_int_equal(users[i].status, FOVEA_OK);
        assert_memory_equal(users[i].text, users[0].text, sizeof users[0].text);
        assert_memory_equal(users[i].picture, users[0].picture, sizeof users[0].picture);
    }
    assert_true(length(users[0].text, 24) > 0 && length(users[0].picture, 24) > 0);
    fovea_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_model_and_many_threads),
        cmocka_unit_test(test_embeds),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests_name("api", tests, setup, teardown);
}
