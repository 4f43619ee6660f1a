/* SPDX-License-Identifier: MIT
 *
 * safetensors files that are cut, lie or are odd: each is refused in one line that says what is
 * wrong, and a good one reads back what was put in. Then whole model folders whose weights do not
 * belong to the config.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/str.h"
#include "clip/model.h"
#include "clip/safetensors.h"
#include "clip/synth.h"
#include "../temporary.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* claimed < 0: the header's real length. */
static void write_file(const char *header, long long claimed, size_t data_bytes)
{
    size_t length = strlen(header);
    uint64_t says = claimed < 0 ? length : (uint64_t)claimed;
    FILE *f = fopen(in_folder("t.safetensors"), "wb");
    assert_non_null(f);
    fwrite(&says, 1, sizeof says, f);
    fwrite(header, 1, length, f);
    for (size_t i = 0; i < data_bytes; i++)
        fputc((int)i & 0xff, f);
    assert_int_equal(fclose(f), 0);
}

static enum status open_it(struct safetensors **st, struct err *err)
{
    *err = (struct err){0};
    return safetensors_open(st, in_folder("t.safetensors"), err);
}

static void assert_one_line(const struct err *err, const char *part)
{
    if (!strstr(err->text, part))
        fail_msg("\"%s\" does not say \"%s\"", err->text, part);
    assert_null(strchr(err->text, '\n'));
}

/* ---- files ------------------------------------------------------------------------------- */

#define T(dtype, shape, from, to)                                                                  \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #from "," #to "]}"

static const struct {
    const char *header;
    long long claimed;
    size_t data;
    enum status status;
    const char *says;
} refused[] = {
    {"{}", 1000, 0, ERR_FORMAT, "header"},
    {"{}", INT64_MAX, 0, ERR_FORMAT, "header"},
    {"{}", -1, 5, ERR_FORMAT, "5 bytes"},
    {"", -1, 0, ERR_FORMAT, "JSON"},
    {"{\"a\":", -1, 0, ERR_FORMAT, "JSON"},
    {"[1,2]", -1, 0, ERR_FORMAT, "object"},
    {"{\"a\":3}", -1, 0, ERR_FORMAT, "tensor a"},
    {"{\"a\":" T("F32", "[2]", 0, 8) ",\"a\":" T("F32", "[2]", 0, 8) "}", -1, 8, ERR_FORMAT,
     "JSON"},
    {"{\"a\":" T("F33", "[2]", 0, 8) "}", -1, 8, ERR_FORMAT, "F33"},
    {"{\"a\":" T("F32", "[2]", 0, 8) "}", -1, 7, ERR_FORMAT, "tensor a"},
    {"{\"a\":" T("F32", "[2]", 0, 9) "}", -1, 9, ERR_FORMAT, "tensor a"},
    {"{\"a\":" T("F32", "[3]", 0, 8) "}", -1, 8, ERR_FORMAT, "tensor a"},
    {"{\"a\":" T("F16", "[2]", 0, 8) "}", -1, 8, ERR_FORMAT, "tensor a"},
    {"{\"a\":" T("F32", "[2]", 8, 0) "}", -1, 8, ERR_FORMAT, "tensor a"},
    {"{\"a\":" T("F32", "[2]", -8, 0) "}", -1, 8, ERR_FORMAT, "tensor a"},
    {"{\"a\":" T("F32", "[-1]", 0, 0) "}", -1, 0, ERR_FORMAT, "shape"},
    {"{\"a\":" T("F32", "[1.5]", 0, 4) "}", -1, 4, ERR_FORMAT, "shape"},
    {"{\"a\":" T("F32", "7", 0, 4) "}", -1, 4, ERR_FORMAT, "shape"},
    {"{\"a\":" T("F32", "[1,1,1,1,1,1,1,1,1]", 0, 4) "}", -1, 4, ERR_FORMAT, "shape"},
    {"{\"a\":" T("F32", "[4294967296,4294967296]", 0, 0) "}", -1, 0, ERR_FORMAT, "shape"},
    {"{\"a\":" T("F32", "[4611686018427387904]", 0, 0) "}", -1, 0, ERR_FORMAT, "tensor a"},
    {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", -1, 4, ERR_FORMAT, "dtype"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", -1, 4, ERR_FORMAT, "shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", -1, 4, ERR_FORMAT, "offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", -1, 4, ERR_FORMAT,
     "offsets"},
    {"{\"a\":" T("F32", "[2]", 0, 8) ",\"b\":" T("F32", "[2]", 4, 12) "}", -1, 12, ERR_FORMAT,
     "overlap"},
    {"{\"a\":" T("F32", "[2]", 0, 8) ",\"b\":" T("F32", "[2]", 12, 20) "}", -1, 20, ERR_FORMAT,
     "hole"},
    {"{\"a\":" T("F32", "[2]", 0, 8) "}", -1, 12, ERR_FORMAT, "4 bytes"},
};

static void test_refuses(void **state)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct safetensors *st;
        struct err err;
        write_file(refused[i].header, refused[i].claimed, refused[i].data);
        enum status status = open_it(&st, &err);
        if (status != refused[i].status)
            fail_msg("%s: status %d, \"%s\"", refused[i].header, status, err.text);
        assert_null(st);
        assert_one_line(&err, refused[i].says);
        assert_one_line(&err, "t.safetensors");
    }
}

static void test_refuses_short_files(void **state)
{
    for (size_t bytes = 0; bytes < 8; bytes++) {
        struct safetensors *st;
        struct err err;
        assert_int_equal(file_write(in_folder("t.safetensors"), "\0\0\0\0\0\0\0", bytes, &err), OK);
        assert_int_equal(open_it(&st, &err), ERR_FORMAT);
        assert_null(st);
    }
    struct safetensors *st;
    struct err err;
    assert_int_equal(safetensors_open(&st, in_folder("absent"), &err), ERR_NOT_FOUND);
    assert_one_line(&err, "absent");
}

static void test_reads(void **state)
{
    struct safetensors *st;
    struct err err;
    struct kernels kernels;
    float value[3];
    kernels_init(&kernels, 0);
    write_file("{\"__metadata__\":{\"format\":\"pt\"},\"z\":" T("F32", "[]", 8, 12) ",\"half\":" T(
                   "F16", "[1,4]", 0, 8) ",\"empty\":" T("I64", "[0,3]", 12, 12) "}   ",
               -1, 12);
    assert_int_equal(open_it(&st, &err), OK);
    size_t count;
    const struct tensor_view *all = safetensors_all(st, &count);
    assert_int_equal(count, 3);
    assert_string_equal(all[0].name, "empty");
    assert_string_equal(all[2].name, "z");
    const struct tensor_view *half = safetensors_find(st, "half");
    assert_non_null(half);
    assert_int_equal(half->dims, 2);
    assert_int_equal(half->count, 4);
    tensor_view_read(half, &kernels, 1, 2,
                     value); /* 0x0302, 0x0504: in units of 2^-24 up to 0x7ff */
    assert_true(value[0] == (float)0x302 * 0x1p-24f);
    assert_true(value[1] == (float)0x504 * 0x1p-24f);
    assert_int_equal(safetensors_find(st, "z")->count, 1);
    assert_int_equal(safetensors_find(st, "empty")->count, 0);
    assert_null(safetensors_find(st, "__metadata__"));
    assert_null(safetensors_find(st, "nothing"));
    safetensors_close(st);
}

/* ---- folders ----------------------------------------------------------------------------- */

#define CONFIG(width)                                                                              \
    "{\"model_cfg\":{\"embed_dim\":16,\"vision_cfg\":{\"image_size\":16,\"patch_size\":8,"         \
    "\"width\":" #width ",\"head_width\":16,\"layers\":1},\"text_cfg\":{\"context_length\":8,"     \
    "\"vocab_size\":49408,\"width\":16,\"heads\":1,\"layers\":1}}}"

static void write_config(const char *text)
{
    struct err err;
    assert_int_equal(file_write(in_folder("open_clip_config.json"), text, strlen(text), &err), OK);
}

static void make_model(void)
{
    struct err err;
    write_config(CONFIG(32));
    char config[256];
    snprintf(config, sizeof config, "%s", in_folder("open_clip_config.json"));
    assert_int_equal(model_synth(config, 0, folder, &err), OK);
}

static void expect_model(enum status expected, const char *says)
{
    struct model *m;
    struct err err = {0};
    enum status status = model_open(&m, &(struct model_options){.dir = folder}, &err);
    if (status != expected)
        fail_msg("status %d, \"%s\"", status, err.text);
    if (status == OK) {
        model_close(m);
        return;
    }
    assert_null(m);
    assert_one_line(&err, says);
    assert_one_line(&err, folder);
}

/* Changes bytes of the weights' header in place; `to` is as long as `from`. */
static void patch_header(const char *from, const char *to)
{
    struct file_bytes file;
    struct err err;
    char path[256];
    snprintf(path, sizeof path, "%s", in_folder("open_clip_model.safetensors"));
    assert_int_equal(file_read(&file, path, 64 << 20, &err), OK);
    uint8_t *at = memmem(file.data, file.size, from, strlen(from));
    assert_non_null(at);
    memcpy(at, to, strlen(to));
    assert_int_equal(file_write(path, file.data, file.size, &err), OK);
    file_bytes_free(&file);
}

static void test_model_folders(void **state)
{
    make_model();
    expect_model(OK, "");
    write_config(CONFIG(48));
    expect_model(ERR_FORMAT, "has the shape [32] where the config asks for [48]");
    write_config("{");
    expect_model(ERR_FORMAT, "open_clip_config.json");
    write_config("{\"model_cfg\":{\"embed_dim\":16,\"vision_cfg\":{\"timm_model_name\":\"vit_x\"},"
                 "\"text_cfg\":{}}}");
    expect_model(ERR_UNSUPPORTED, "vit_x");

    make_model();
    patch_header("\"visual.proj\"", "\"visual.porj\"");
    expect_model(ERR_FORMAT, "tensor visual.proj is missing");
    make_model();
    patch_header("{\"dtype\":\"F32\",\"shape\":[32]", "{\"dtype\":\"I32\",\"shape\":[32]");
    expect_model(ERR_UNSUPPORTED, "I32");

    make_model();
    assert_int_equal(truncate(in_folder("open_clip_model.safetensors"), 100000), 0);
    expect_model(ERR_FORMAT, "complete");
    assert_int_equal(unlink(in_folder("open_clip_model.safetensors")), 0);
    expect_model(ERR_NOT_FOUND, "open_clip_model.safetensors");
    assert_int_equal(unlink(in_folder("open_clip_config.json")), 0);
    expect_model(ERR_NOT_FOUND, "open_clip_config.json");
}

/* The shipped tokenizer makes 49,408 tokens: other vocabularies need their own merges. */
static void test_vocabulary_mismatch(void **state)
{
    make_model();
    char config[] = CONFIG(32);
    memcpy(strstr(config, "49408"), "49407", 5);
    write_config(config);
    char path[256];
    struct err err;
    snprintf(path, sizeof path, "%s", in_folder("open_clip_config.json"));
    assert_int_equal(model_synth(path, 0, folder, &err), OK);
    expect_model(ERR_UNSUPPORTED, "49407");
    expect_model(ERR_UNSUPPORTED, "49408");
    struct model *m;
    assert_int_equal(
        model_open(&m, &(struct model_options){.dir = folder, .towers = MODEL_IMAGE}, &err), OK);
    struct session *s;
    assert_int_equal(session_open(&s, m, &(struct session_options){.text_batch = 1}, &err),
                     ERR_ARGUMENT);
    assert_one_line(&err, "text tower");
    model_close(m);
}

static int setup(void **state)
{
    return temporary_make(folder, sizeof folder);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static int teardown(void **state)
{
    return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_refuses_short_files),
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_model_folders),
        cmocka_unit_test(test_vocabulary_mismatch),
    };
    return cmocka_run_group_tests_name("safetensors", tests, setup, teardown);
}
