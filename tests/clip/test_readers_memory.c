/* SPDX-License-Identifier: MIT
 *
 * Reading weights and tokenizer files without memory: each allocation fails once, and each time the
 * answer is ERR_MEMORY; the sanitizer sees that nothing leaks. The linker puts the functions below
 * in the place of malloc and its kin (--wrap).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../failing_alloc.h"
#include "clip/checkpoint.h"
#include "clip/hf_layout.h"
#include "clip/positions.h"
#include "clip/tokenizer.h"
#include "torch_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

/* One block of each tower, nothing else: what is missing is not asked for. */
static const char *const parts[] = {"self_attn.q_proj.weight", "self_attn.k_proj.weight",
                                    "self_attn.v_proj.weight"};

static void write_checkpoint(void)
{
    static const float values[4] = {1, 2, 3, 4};
    static char names[3][80];
    struct tensor_view views[3];
    for (int i = 0; i < 3; i++) {
        snprintf(names[i], sizeof names[i], "vision_model.encoder.layers.0.%s", parts[i]);
        views[i] = (struct tensor_view){.name = names[i],
                                        .dtype_name = "F32",
                                        .dims = 2,
                                        .shape = {2, 2},
                                        .count = 4,
                                        .data = values,
                                        .size_bytes = sizeof values};
    }
    torch_file_write(path, views, 3, &(struct torch_options){.training = true, .transposed = true});
}

static enum status read_weights(float sum[1], struct err *err)
{
    static const struct model_config config = {
        .embed_dim = 2,
        .vision = {.transformer = {.width = 2, .layers = 1, .mlp_width = 2}, .patch_size = 1},
        .text = {.transformer = {.width = 2, .layers = 1, .mlp_width = 2}}};
    struct checkpoint *c = NULL;
    void *owned = NULL;
    const void *data;
    enum status status = checkpoint_open(&c, path, err);
    if (status == OK)
        status = checkpoint_translate(c, &config, false, false, err);
    if (status == OK) {
        const struct tensor_view *t =
            checkpoint_find(c, "visual.transformer.resblocks.0.attn.in_proj_weight");
        assert_non_null(t);
        status = tensor_view_bytes(t, &data, &owned, err);
    }
    for (int i = 0; status == OK && i < 12; i++)
        sum[0] += ((const float *)data)[i] * (float)i;
    free(owned);
    checkpoint_close(c);
    return status;
}

static enum status read_positions(float sum[1], struct err *err)
{
    const float in[] = {0, 1, 2, 3, 4};
    float out[10];
    enum status status = positions_resize(out, 3, in, 2, 1, err);
    for (int i = 0; status == OK && i < 10; i++)
        sum[0] += out[i] * (float)i;
    return status;
}

/* Without its bytes a vocabulary is refused, at the end of everything that allocates but one. */
static enum status read_vocabulary(struct err *err)
{
    static const char vocab[] = "{\"!\":0,\"<|startoftext|>\":1,\"<|endoftext|>\":2}";
    const struct tokenizer_files files = {
        .vocab = vocab, .vocab_size = sizeof vocab - 1, .merges = "i n\n", .merges_size = 4};
    struct tokenizer *t;
    enum status status = tokenizer_open_vocab(&t, &files, err);
    assert_null(t);
    return status;
}

static enum status read_everything(float sum[1], struct err *err)
{
    sum[0] = 0;
    enum status status = read_weights(sum, err);
    if (status == OK)
        status = read_positions(sum, err);
    if (status != OK)
        return status;
    status = read_vocabulary(err);
    return status == ERR_FORMAT ? OK : status;
}

static void test_every_allocation_fails_once(void **state)
{
    float expected[1], sum[1];
    struct err err = {0};
    enum status status = ERR_MEMORY;
    int allocations = 0;

    write_checkpoint();
    assert_int_equal(read_everything(expected, &err), OK);
    for (; status == ERR_MEMORY; allocations++) {
        until_failure = allocations;
        status = read_everything(sum, &err);
        bool failed = until_failure == NEVER;
        until_failure = NEVER;
        if (failed)
            assert_int_equal(status, ERR_MEMORY);
    }
    assert_int_equal(status, OK);
    assert_memory_equal(sum, expected, sizeof sum);
    assert_true(allocations > 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation_fails_once)};
    snprintf(path, sizeof path, "/tmp/fovea-memory-%d.bin", (int)getpid());
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
