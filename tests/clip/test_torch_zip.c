/* SPDX-License-Identifier: MIT
 *
 * PyTorch files, good and hostile. A good one reads back what was put in, whatever the way its
 * tensors lie in their storages. A hostile one is refused in one line that names what it is about,
 * runs nothing, and cannot make the reader look outside the file: archives end at the end of a
 * page, so that a look past it is a crash. Mutations print their seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "clip/checkpoint.h"
#include "clip/torch_zip.h"
#include "torch_file.h"
#include "../temporary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64], path[128], marker[128];

static enum status open_path(struct torch_zip **t, struct err *err)
{
    *err = (struct err){0};
    return torch_zip_open(t, path, err);
}

static void assert_one_line(const struct err *err, const char *part)
{
    if (!strstr(err->text, part))
        fail_msg("\"%s\" does not say \"%s\"", err->text, part);
    assert_null(strchr(err->text, '\n'));
}

/* ---- good files -------------------------------------------------------------------------- */

static float matrix[6] = {1, 2, 3, 4, 5, 6}, bias[3] = {-1, -2, -3}, scale = 4.5f;

static const struct tensor_view tensors[] = {
    {.name = "a.weight",
     .dtype_name = "F32",
     .dims = 2,
     .shape = {2, 3},
     .count = 6,
     .data = matrix,
     .size_bytes = 24},
    {.name = "b.bias",
     .dtype_name = "F32",
     .dims = 1,
     .shape = {3},
     .count = 3,
     .data = bias,
     .size_bytes = 12},
    {.name = "logit_scale",
     .dtype_name = "F32",
     .dims = 0,
     .count = 1,
     .data = &scale,
     .size_bytes = 4},
};
enum { TENSORS = sizeof tensors / sizeof *tensors };

static void check_good(const struct torch_options *options)
{
    struct torch_zip *t;
    struct err err;
    size_t count;
    torch_file_write(path, tensors, TENSORS, options);
    if (open_path(&t, &err) != OK)
        fail_msg("%s", err.text);
    const struct tensor_view *all = torch_zip_all(t, &count);
    assert_int_equal(count, TENSORS);
    for (size_t i = 0; i < count; i++) {
        const void *data;
        void *owned;
        const char *name = all[i].name + (options->prefix ? strlen(options->prefix) : 0);
        assert_string_equal(name, tensors[i].name);
        assert_int_equal(all[i].dtype, TENSOR_F32);
        assert_int_equal(all[i].dims, tensors[i].dims);
        assert_memory_equal(all[i].shape, tensors[i].shape, sizeof all[i].shape);
        assert_int_equal(tensor_view_bytes(&all[i], &data, &owned, &err), OK);
        assert_memory_equal(data, tensors[i].data, tensors[i].size_bytes);
        free(owned);
    }
    torch_zip_close(t);
}

static void test_good(void **state)
{
    static const struct torch_options options[] = {
        {0},
        {.training = true, .prefix = "module."},
        {.transposed = true},
        {.shared = true},
        {.big_endian = true},
        {.zip64 = true},
        {.transposed = true, .shared = true, .big_endian = true, .zip64 = true, .training = true},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        check_good(&options[i]);
}

/* ---- archives made here ------------------------------------------------------------------ */

/* 8 values of float32, in storage 0. */
static const uint8_t storage[32] = {0, 0, 128, 63, 0, 0, 0, 64};

static void write_archive(const void *pickle, size_t size)
{
    struct zip_writer zip;
    zip_begin(&zip, false);
    zip_add(&zip, "a/data.pkl", pickle, size);
    zip_add(&zip, "a/data/0", storage, sizeof storage);
    zip_end(&zip, (size_t)sysconf(_SC_PAGESIZE));
    write_bytes(path, str_text(&zip.bytes), zip.bytes.size);
    str_free(&zip.bytes);
}

static void assert_refused(enum status expected, const char *says)
{
    struct torch_zip *t;
    struct err err;
    enum status status = open_path(&t, &err);
    if (status == OK)
        fail_msg("it was taken, and should have been refused: %s", says);
    if (status != expected)
        fail_msg("status %d instead of %d: %s", status, expected, err.text);
    assert_null(t);
    assert_one_line(&err, says);
    assert_one_line(&err, "t.bin");
    assert_int_not_equal(access(marker, F_OK), 0); /* nothing was run */
}

#define P(text) text, sizeof text - 1

static void test_hostile_pickles(void **state)
{
    static const struct {
        const char *pickle;
        size_t size;
        enum status status;
        const char *says;
    } cases[] = {
        {P(""), ERR_FORMAT, "without STOP"},
        {P("\x80\x02"), ERR_FORMAT, "without STOP"},
        {P("\x80\x01}."), ERR_UNSUPPORTED, "protocol 1"},
        {P("\x80\x02"
           "cbuiltins\neval\nX\x03\0\0\0"
           "1+1\x85R."),
         ERR_UNSUPPORTED, "builtins.eval"},
        {P("\x80\x02"
           "c__builtin__\ngetattr\n."),
         ERR_UNSUPPORTED, "__builtin__.getattr"},
        {P("\x80\x04\x8c\x02os\x8c\x06system\x93."), ERR_UNSUPPORTED, "os.system"},
        {P("\x80\x02(ios\nsystem\n."), ERR_UNSUPPORTED, "INST"},
        {P("\x80\x02"
           "ctorch\nload\n."),
         ERR_UNSUPPORTED, "torch.load"},
        {P("\x80\x02"
           "ctorch.storage\n_load_from_bytes\n."),
         ERR_UNSUPPORTED, "torch.storage._load_from_bytes"},
        {P("\x80\x02"
           "ctorch\nFloatStorage\nK\x01\x85R."),
         ERR_UNSUPPORTED, "torch.FloatStorage"},
        {P("\x80\x02"
           "ctorch\nFloatStorage\n)\x81."),
         ERR_UNSUPPORTED, "NEWOBJ"},
        {P("\x80\x02"
           "ccollections\nOrderedDict\n]\x85R."),
         ERR_FORMAT, "OrderedDict"},
        {P("\x80\x02\xff."), ERR_FORMAT, "0xff"},
        {P("\x80\x02\x82\x01."), ERR_UNSUPPORTED, "EXT1"},
        {P("\x80\x02}0."), ERR_UNSUPPORTED, "POP"},
        {P("\x80\x02}2."), ERR_UNSUPPORTED, "DUP"},
        {P("\x80\x02]K\x01"
           "b."),
         ERR_UNSUPPORTED, "BUILD"},
        {P("\x80\x02"
           "a."),
         ERR_FORMAT, "empty stack"},
        {P("\x80\x02s."), ERR_FORMAT, "empty stack"},
        {P("\x80\x02"
           "b."),
         ERR_FORMAT, "empty stack"},
        {P("\x80\x02R."), ERR_FORMAT, "empty stack"},
        {P("\x80\x02Q."), ERR_FORMAT, "empty stack"},
        {P("\x80\x02\x93."), ERR_FORMAT, "empty stack"},
        {P("\x80\x02\x87."), ERR_FORMAT, "empty stack"},
        {P("\x80\x02}K\x01(s."), ERR_FORMAT, "empty stack"}, /* below the mark */
        {P("\x80\x02t."), ERR_FORMAT, "not begun"},
        {P("\x80\x02u."), ERR_FORMAT, "not begun"},
        {P("\x80\x02"
           "e."),
         ERR_FORMAT, "not begun"},
        {P("\x80\x02q\x01."), ERR_FORMAT, "empty stack"},
        {P("\x80\x02h\x01."), ERR_FORMAT, "memo"},
        {P("\x80\x02j\xff\xff\xff\xff."), ERR_FORMAT, "memo"},
        {P("\x80\x02}r\xff\xff\xff\xff."), ERR_LIMIT, "memo"},
        {P("\x80\x02X\xff\xff\xff\xff."), ERR_LIMIT, "string"},
        {P("\x80\x02X\xff\xff\0\0."), ERR_FORMAT, "ends within"},
        {P("\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\xff."), ERR_LIMIT, "string"},
        {P("\x80\x02\x8a\x09"
           "123456789."),
         ERR_FORMAT, "64 bits"},
        {P("\x80\x02"
           "cnewline"),
         ERR_FORMAT, "global"},
        {P("\x80\x02}K\x01K\x02."), ERR_FORMAT, "one value"},
        {P("\x80\x02("), ERR_FORMAT, "without STOP"},
        {P("\x80\x02}(."), ERR_FORMAT, "one value"},
        {P("\x80\x02."), ERR_FORMAT, "one value"},
        {P("\x80\x02}(K\x01u."), ERR_FORMAT, "key without a value"},
        {P("\x80\x02](K\x01K\x02u."), ERR_FORMAT, "no dict"},
        {P("\x80\x02}K\x01"
           "a."),
         ERR_FORMAT, "no list"},
        {P("\x80\x02K\x01Q."), ERR_FORMAT, "storage"},
        {P("\x80\x02(K\x01K\x01K\x01K\x01K\x01tQ."), ERR_FORMAT, "storage"},
        {P("\x80\x02"
           "ctorch._utils\n_rebuild_tensor_v2\n)R."),
         ERR_FORMAT, "tensor"},
        {P("\x80\x02"
           "ctorch._utils\n_rebuild_tensor_v2\n(NNNNNNtR."),
         ERR_FORMAT, "tensor"},
        {P("\x80\x02"
           "ctorch._utils\n_rebuild_parameter\n(NNNtR."),
         ERR_FORMAT, "parameter"},
        {P("\x80\x02]."), ERR_UNSUPPORTED, "state dict"},
        {P("\x80\x02}."), ERR_FORMAT, "no tensor"},
        {P("\x80\x02}(X\x05\0\0\0modelNK\x01NX\x05\0\0\0epochNu."), ERR_FORMAT,
         "it has: model, epoch, …"},
        {P("\x80\x02}q\0X\x01\0\0\0ah\0s."), ERR_FORMAT, "no tensor"}, /* contains itself */
        {P("\x80\x02]q\0h\0a."), ERR_UNSUPPORTED, "state dict"},
        {P("\x80\x02}q\0X\x0a\0\0\0state_dicth\0s."), ERR_FORMAT, "state_dict"},
        {P("\x80\x02}X\x0a\0\0\0state_dict]s."), ERR_FORMAT, "state_dict"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_archive(cases[i].pickle, cases[i].size);
        assert_refused(cases[i].status, cases[i].says);
    }
}

/* What an attacker would really write: it would make the marker, if anything ran. */
static void test_system(void **state)
{
    struct str p = str_new(4096);
    char command[256];
    snprintf(command, sizeof command, "touch %s", marker);
    pickle_begin(&p);
    pickle_global(&p, "posix", "system");
    str_putc(&p, '(');
    pickle_text(&p, command);
    str_put(&p, "tR.");
    write_archive(str_text(&p), p.size);
    assert_refused(ERR_UNSUPPORTED, "posix.system");
    str_free(&p);
}

/* `count` times the instructions of one, after the beginning of a pickle. */
static void write_repeated(const char *begin, size_t begin_size, const char *one, size_t size,
                           size_t count)
{
    struct str p = str_new((size_t)300 << 20);
    str_append(&p, begin, begin_size);
    for (size_t i = 0; i < count; i++)
        str_append(&p, one, size);
    str_putc(&p, '.');
    assert_true(str_ok(&p));
    write_archive(str_text(&p), p.size);
    str_free(&p);
}

static void test_endless(void **state)
{
    write_repeated(P("\x80\x02"), P("("), 100000);
    assert_refused(ERR_LIMIT, "begun at once");
    write_repeated(P("\x80\x02"), P("N"), (1 << 22) + 1);
    assert_refused(ERR_LIMIT, "values");
    write_repeated(P("\x80\x02}q\0"), P("h\0"), (1 << 22) + 1);
    assert_refused(ERR_LIMIT, "stack");
    write_repeated(P("\x80\x04}"), P("\x94"), (1 << 22) + 1);
    assert_refused(ERR_LIMIT, "memo");
    write_repeated(P("\x80\x02}q\0"), P("h\0h\0s"), (1 << 22) + 1);
    assert_refused(ERR_LIMIT, "dicts");
    write_repeated(P("\x80\x02)q\0"), P("h\0h\0h\0\x87q\0\x85q\0\x85q\0"), 1 << 20);
    assert_refused(ERR_LIMIT, "tuples");
}

/* ---- tensors that lie -------------------------------------------------------------------- */

static void write_tensors(const struct torch_tensor *list, size_t count)
{
    struct str p = str_new(1 << 16);
    pickle_begin(&p);
    str_putc(&p, '}');
    pickle_tensors(&p, list, count);
    str_putc(&p, '.');
    write_archive(str_text(&p), p.size);
    str_free(&p);
}

/* The archive has 8 floats in storage 0. */
static void test_lying_tensors(void **state)
{
    enum { HUGE_SIZE = 0x7fffffff };
    static const struct {
        struct torch_tensor t;
        const char *says;
    } cases[] = {
        {{.key = "1", .count = 8, .dims = 1, .size = {8}, .stride = {1}}, "data/1"},
        {{.key = "../a/data/0", .count = 8, .dims = 1, .size = {8}, .stride = {1}}, "storage"},
        {{.key = "", .count = 8, .dims = 1, .size = {8}, .stride = {1}}, "storage"},
        {{.count = 9, .dims = 1, .size = {8}, .stride = {1}}, "32 bytes"},
        {{.count = 7, .dims = 1, .size = {7}, .stride = {1}}, "32 bytes"},
        {{.count = 8, .storage = "HalfStorage", .dims = 1, .size = {8}, .stride = {1}}, "F16"},
        {{.count = -8, .dims = 1, .size = {8}, .stride = {1}}, "storage"},
        {{.count = INT64_MAX / 2 + 9, .dims = 1, .size = {8}, .stride = {1}}, "32 bytes"},
        {{.count = 8, .dims = 1, .size = {9}, .stride = {1}}, "past the end"},
        {{.count = 8, .offset = 1, .dims = 1, .size = {8}, .stride = {1}}, "past the end"},
        {{.count = 8, .offset = -1, .dims = 1, .size = {8}, .stride = {1}}, "past the end"},
        {{.count = 8, .offset = INT64_MAX, .dims = 0}, "past the end"},
        {{.count = 8, .offset = 8, .dims = 0}, "past the end"},
        {{.count = 8, .dims = 1, .size = {4}, .stride = {3}}, "past the end"},
        {{.count = 8, .dims = 2, .size = {2, 2}, .stride = {INT64_MAX, 1}}, "past the end"},
        {{.count = 8, .dims = 2, .size = {3, 2}, .stride = {INT64_MAX / 2, 1}}, "past the end"},
        {{.count = 8, .dims = 1, .size = {-1}, .stride = {1}}, "not possible"},
        {{.count = 8, .dims = 1, .size = {2}, .stride = {-1}}, "not possible"},
        {{.count = 8, .dims = 3, .size = {HUGE_SIZE, HUGE_SIZE, HUGE_SIZE}, .stride = {1, 1, 1}},
         "not possible"},
        {{.count = 8, .dims = 1, .size = {HUGE_SIZE}, .stride = {0}}, "overlaps itself"},
        {{.count = 8, .dims = 2, .size = {3, 3}, .stride = {1, 1}}, "overlaps itself"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct torch_tensor t = cases[i].t;
        t.name = "the.weight";
        t.storage = t.storage ? t.storage : "FloatStorage";
        t.key = t.key ? t.key : "0";
        write_tensors(&t, 1);
        assert_refused(ERR_FORMAT, cases[i].says);
    }
}

static void test_names(void **state)
{
    struct torch_tensor t[2] = {
        {.name = "w",
         .storage = "FloatStorage",
         .key = "0",
         .count = 8,
         .dims = 1,
         .size = {8},
         .stride = {1}},
    };
    t[1] = t[0];
    write_tensors(t, 2);
    assert_refused(ERR_FORMAT, "w is there twice");
    t[0].name = "";
    write_tensors(t, 1);
    assert_refused(ERR_FORMAT, "name");
    char longest[700];
    memset(longest, 'n', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    t[0].name = longest;
    write_tensors(t, 1);
    assert_refused(ERR_FORMAT, "name");
    t[0].name = "x";
    t[0].key = "0";
    t[0].storage = "QInt8Storage";
    write_tensors(t, 1);
    assert_refused(ERR_UNSUPPORTED, "torch.QInt8Storage");
}

/* ---- archives that lie ------------------------------------------------------------------- */

static void make_good(struct str *out, bool zip64)
{
    static const struct torch_tensor t = {.name = "w",
                                          .storage = "FloatStorage",
                                          .key = "0",
                                          .count = 8,
                                          .dims = 2,
                                          .size = {2, 3},
                                          .stride = {1, 2}};
    struct zip_writer zip;
    struct str p = str_new(4096);
    pickle_begin(&p);
    str_putc(&p, '}');
    pickle_tensors(&p, &t, 1);
    str_putc(&p, '.');
    zip_begin(&zip, zip64);
    zip_add(&zip, "a/data.pkl", str_text(&p), p.size);
    zip_add(&zip, "a/byteorder", "little", 6);
    zip_add(&zip, "a/data/0", storage, sizeof storage);
    zip_end(&zip, 0);
    str_free(&p);
    *out = zip.bytes;
}

/* The place of the n-th occurrence of four bytes. */
static uint8_t *find(struct str *bytes, const char *mark, int n)
{
    for (size_t i = 0; i + 4 <= bytes->size; i++)
        if (memcmp(bytes->data + i, mark, 4) == 0 && n-- == 0)
            return (uint8_t *)bytes->data + i;
    fail_msg("the archive has no such mark");
    return NULL;
}

#define LOCAL "PK\3\4"
#define CENTRAL "PK\1\2"
#define END "PK\5\6"
#define END64 "PK\6\6"
#define LOCATOR "PK\6\7"

static void test_lying_archives(void **state)
{
    static const struct {
        const char *mark;
        int n, at;
        const char *bytes;
        size_t size;
        bool zip64;
        enum status status;
        const char *says;
    } cases[] = {
        {CENTRAL, 0, 10, P("\x08\0"), false, ERR_UNSUPPORTED, "a/data.pkl is compressed"},
        {CENTRAL, 2, 10, P("\x08\0"), false, ERR_UNSUPPORTED, "a/data/0 is compressed"},
        {LOCAL, 2, 8, P("\x08\0"), false, ERR_FORMAT, "a/data/0"},
        {CENTRAL, 2, 8, P("\x01\x08"), false, ERR_UNSUPPORTED, "encrypted"},
        {CENTRAL, 2, 20, P("\x21"), false, ERR_FORMAT, "two sizes"},
        {CENTRAL, 2, 20, P("\x21\0\0\0\x21"), false, ERR_FORMAT, "past the end"},
        {CENTRAL, 2, 20, P("\xfe\xff\xff\xff\xfe\xff\xff\xff"), false, ERR_FORMAT, "past the end"},
        {CENTRAL, 2, 20, P("\x1f\0\0\0\x1f"), false, ERR_FORMAT, "own header"},
        {CENTRAL, 2, 20, P("\xff\xff\xff\xff"), false, ERR_FORMAT, "zip64"},
        {CENTRAL, 2, 42, P("\0\0\0\0"), false, ERR_FORMAT, "a/data/0"}, /* another's header */
        {CENTRAL, 2, 42, P("\x01\0\0\0"), false, ERR_FORMAT, "no entry where"},
        {CENTRAL, 2, 42, P("\xff\xff\xff\x7f"), false, ERR_FORMAT, "does not lie"},
        {CENTRAL, 1, 46, P("a/data.pkl"), false, ERR_FORMAT, "a/data.pkl"},
        {CENTRAL, 0, 0, P("XX"), false, ERR_FORMAT, "damaged"},
        {CENTRAL, 2, 28, P("\xff\xff"), false, ERR_FORMAT, "ends within"},
        {CENTRAL, 2, 28, P("\0\0"), false, ERR_FORMAT, "none"},
        {LOCAL, 2, 30, P("b"), false, ERR_FORMAT, "own header"},
        {LOCAL, 2, 28, P("\xff\xff"), false, ERR_FORMAT, "past the end"},
        {LOCAL, 1, 0, P("XX"), false, ERR_FORMAT, "no entry where"},
        {END, 0, 4, P("\x01"), false, ERR_UNSUPPORTED, "several files"},
        {END, 0, 10, P("\x02"), false, ERR_FORMAT, "more in it"},
        {END, 0, 10, P("\x04"), false, ERR_FORMAT, "too short"},
        {END, 0, 10, P("\xff\xff"), false, ERR_FORMAT, "too short"},
        {END, 0, 10, P("\0\0"), false, ERR_FORMAT, "more in it"},
        {END, 0, 12, P("\xff\xff\xff\x7f"), false, ERR_FORMAT, "does not lie"},
        {END, 0, 16, P("\xff\xff\xff\x7f"), false, ERR_FORMAT, "does not lie"},
        {END, 0, 20, P("\x01"), false, ERR_FORMAT, "no end"},
        {END64, 0, 32, P("\xff\xff\xff\xff\xff\xff\xff\xff"), true, ERR_LIMIT, "entries"},
        {END64, 0, 40, P("\xff\xff\xff\xff\xff\xff\xff\xff"), true, ERR_FORMAT, "does not lie"},
        {END64, 0, 48, P("\xff\xff\xff\xff\xff\xff\xff\xff"), true, ERR_FORMAT, "does not lie"},
        {END64, 0, 0, P("XX"), true, ERR_FORMAT, "zip64"},
        {LOCATOR, 0, 8, P("\xff\xff\xff\xff\xff\xff\xff\xff"), true, ERR_FORMAT, "zip64"},
        {CENTRAL, 2, 30, P("\x14\0"), true, ERR_FORMAT, ""}, /* the extra field cut short */
        {CENTRAL, 2, 54, P("\x07\0"), true, ERR_FORMAT, "zip64"},
        {CENTRAL, 2, 58, P("\xff\xff\xff\xff\xff\xff\xff\xff"), true, ERR_FORMAT, "a/data/0"},
        {CENTRAL, 2, 74, P("\xff\xff\xff\xff\xff\xff\xff\xff"), true, ERR_FORMAT, "does not lie"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str bytes;
        make_good(&bytes, cases[i].zip64);
        uint8_t *at = find(&bytes, cases[i].mark, cases[i].n) + cases[i].at;
        memcpy(at, cases[i].bytes, cases[i].size);
        write_bytes(path, bytes.data, bytes.size);
        assert_refused(cases[i].status, cases[i].says);
        str_free(&bytes);
    }
}

/* Two entries of the directory with the same bytes, or one within the other. */
static void test_overlaps(void **state)
{
    struct str bytes;
    struct zip_writer zip;
    make_good(&bytes, false);
    zip_begin(&zip, false);
    zip_add(&zip, "a/data.pkl", "\x80\x02}.", 4);
    zip_add(&zip, "a/data/1", bytes.data, bytes.size); /* a whole archive within an entry */
    zip_end(&zip, 0);
    write_bytes(path, zip.bytes.data, zip.bytes.size);
    assert_refused(ERR_FORMAT, "no tensor"); /* that is fine: only what the directory says counts */
    uint32_t inner = (uint32_t)(find(&zip.bytes, LOCAL, 4) - (uint8_t *)zip.bytes.data);
    uint8_t *outer = find(&zip.bytes, CENTRAL, 4); /* after the three of the inner one: data/1 */
    outer[20] = outer[24] = 32; /* its size is now the inner entry's, and so is its place */
    memset(outer + 21, 0, 3);
    memset(outer + 25, 0, 3);
    memcpy(outer + 42, &inner, sizeof inner);
    outer[46 + 7] = '0';
    write_bytes(path, zip.bytes.data, zip.bytes.size);
    assert_refused(ERR_FORMAT, "no tensor");
    str_free(&zip.bytes);
    str_free(&bytes);
    /* One more entry for the same place. */
    zip_begin(&zip, false);
    zip_add(&zip, "a/data.pkl", "\x80\x02}.", 4);
    char twice[256];
    size_t directory = zip.directory.size;
    assert_in_range(directory, 1, sizeof twice);
    memcpy(twice, zip.directory.data, directory);
    str_append(&zip.directory, twice, directory);
    zip.count++;
    zip_end(&zip, 0);
    write_bytes(path, zip.bytes.data, zip.bytes.size);
    assert_refused(ERR_FORMAT, "overlaps");
    str_free(&zip.bytes);
    zip_begin(&zip, false);
    zip_add(&zip, "a/data.pkl", "\x80\x02}.", 4);
    zip_add(&zip, "a/data.pkl", "\x80\x02}.", 4);
    zip_end(&zip, 0);
    write_bytes(path, zip.bytes.data, zip.bytes.size);
    assert_refused(ERR_FORMAT, "there twice");
    str_free(&zip.bytes);
}

static void test_other_files(void **state)
{
    static const struct {
        const char *extra, *content;
        enum status status;
        const char *says;
    } cases[] = {
        {"a/constants.pkl", "", ERR_UNSUPPORTED, "TorchScript"},
        {"a/code/__torch__.py", "", ERR_UNSUPPORTED, "TorchScript"},
        {"b/data.pkl", "", ERR_FORMAT, "two pickles"},
        {"a/byteorder", "middle", ERR_FORMAT, "byteorder"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct zip_writer zip;
        zip_begin(&zip, false);
        zip_add(&zip, "a/data.pkl", "\x80\x02}.", 4);
        zip_add(&zip, cases[i].extra, cases[i].content, strlen(cases[i].content));
        zip_end(&zip, 0);
        write_bytes(path, zip.bytes.data, zip.bytes.size);
        assert_refused(cases[i].status, cases[i].says);
        str_free(&zip.bytes);
    }
    struct zip_writer zip;
    zip_begin(&zip, false);
    zip_add(&zip, "word/document.xml", "<x/>", 4);
    zip_end(&zip, 0);
    write_bytes(path, zip.bytes.data, zip.bytes.size);
    assert_refused(ERR_UNSUPPORTED, "no data.pkl");
    str_free(&zip.bytes);
}

/* By the first bytes, whatever the name. */
static void test_formats(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        enum status status;
        const char *says;
    } cases[] = {
        {P("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03."),
         ERR_UNSUPPORTED, "before version 1.6"},
        {P("version https://git-lfs.github.com/spec/v1\noid"), ERR_FORMAT, "Git LFS"},
        {P("<!DOCTYPE html><html>not here</html>"), ERR_FORMAT, "neither a PyTorch file"},
        {P(""), ERR_FORMAT, "neither a PyTorch file"},
        {P("PK\3\4"), ERR_FORMAT, "incomplete"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct checkpoint *c;
        struct err err = {0};
        write_bytes(path, cases[i].bytes, cases[i].size);
        assert_int_equal(checkpoint_open(&c, path, &err), cases[i].status);
        assert_null(c);
        assert_one_line(&err, cases[i].says);
        assert_one_line(&err, "t.bin");
    }
}

/* ---- truncation and mutation ------------------------------------------------------------- */

static void test_truncated(void **state)
{
    struct torch_zip *t;
    struct err err;
    for (int zip64 = 0; zip64 < 2; zip64++) {
        struct str bytes;
        make_good(&bytes, zip64);
        for (size_t size = 0; size < bytes.size; size++) {
            write_bytes(path, bytes.data, size);
            if (open_path(&t, &err) == OK)
                fail_msg("cut at byte %zu of %zu it was taken", size, bytes.size);
            assert_one_line(&err, "t.bin");
        }
        write_bytes(path, bytes.data, bytes.size);
        assert_int_equal(open_path(&t, &err), OK);
        torch_zip_close(t);
        str_free(&bytes);
    }
}

/* The pickle alone, in a good archive. */
static void test_truncated_pickle(void **state)
{
    struct torch_zip *t;
    struct err err;
    struct str p = str_new(4096);
    static const struct torch_tensor w = {.name = "w",
                                          .storage = "FloatStorage",
                                          .key = "0",
                                          .count = 8,
                                          .dims = 1,
                                          .size = {8},
                                          .stride = {1}};
    pickle_begin(&p);
    str_putc(&p, '}');
    pickle_tensors(&p, &w, 1);
    str_putc(&p, '.');
    for (size_t size = 0; size < p.size; size++) {
        write_archive(str_text(&p), size);
        if (open_path(&t, &err) == OK)
            fail_msg("cut at byte %zu of %zu it was taken", size, p.size);
    }
    str_free(&p);
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

static volatile uint8_t seen; /* so that reading is not left out */

/* Whatever was taken can be read to its last byte. */
static void read_all(const struct torch_zip *t)
{
    size_t count;
    const struct tensor_view *all = torch_zip_all(t, &count);
    for (size_t i = 0; i < count; i++) {
        const void *data;
        void *owned;
        struct err err;
        assert_int_equal(tensor_view_bytes(&all[i], &data, &owned, &err), OK);
        for (size_t b = 0; b < all[i].size_bytes; b++)
            seen ^= ((const uint8_t *)data)[b];
        free(owned);
    }
}

static void test_mutations(void **state)
{
    enum { ROUNDS = 2000 };
    const char *given = getenv("FOVEA_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)getpid() << 20, random = seed;
    struct str good;
    int taken = 0;
    torch_file_write(path, tensors, TENSORS, &(struct torch_options){.training = true});
    struct file_bytes file;
    struct err err;
    assert_int_equal(file_read(&file, path, 1 << 20, &err), OK);
    make_good(&good, true);
    for (int round = 0; round < ROUNDS; round++) {
        bool small = round % 2;
        size_t size = small ? good.size : file.size;
        uint8_t *bytes = malloc(size);
        memcpy(bytes, small ? (uint8_t *)good.data : file.data, size);
        for (size_t n = 1 + next_random(&random) % 4; n > 0; n--) {
            static const uint8_t favourites[] = {0, 1, 0x7f, 0x80, 0xff, '(', 't', 'R', 'h', 'c'};
            uint64_t r = next_random(&random);
            bytes[r % size] =
                r >> 62 ? favourites[(r >> 40) % sizeof favourites] : (uint8_t)(r >> 32);
        }
        write_bytes(path, bytes, size);
        free(bytes);
        struct torch_zip *t;
        if (open_path(&t, &err) == OK) {
            taken++;
            read_all(t);
            torch_zip_close(t);
        } else {
            assert_null(strchr(err.text, '\n'));
        }
    }
    print_message("seed 0x%llx: %d of %d mutations were taken\n", (unsigned long long)seed, taken,
                  ROUNDS);
    file_bytes_free(&file);
    str_free(&good);
}

static int make_folder(void **state)
{
    if (temporary_make(folder, sizeof folder) != 0)
        return -1;
    snprintf(path, sizeof path, "%s/t.bin", folder);
    snprintf(marker, sizeof marker, "%s/ran", folder);
    return 0;
}

static int remove_folder(void **state)
{
    unlink(path);
    unlink(marker);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),           cmocka_unit_test(test_hostile_pickles),
        cmocka_unit_test(test_system),         cmocka_unit_test(test_endless),
        cmocka_unit_test(test_lying_tensors),  cmocka_unit_test(test_names),
        cmocka_unit_test(test_lying_archives), cmocka_unit_test(test_overlaps),
        cmocka_unit_test(test_other_files),    cmocka_unit_test(test_formats),
        cmocka_unit_test(test_truncated),      cmocka_unit_test(test_truncated_pickle),
        cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
