/* SPDX-License-Identifier: MIT
 *
 * make-seeds CORPUS: writes the first inputs of the fuzzers of binary formats, one folder each.
 * They lie in the project (tests/fuzz/corpus); this says how they came about. Those of text formats
 * were written by hand, the larger ones of picture files' metadata come from test-meta (README.md).
 */
#include "../clip/torch_file.h"
#include "base/file.h"
#include "clip/merges.h"
#include "clip/packed.h"
#include "make_seeds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *corpus;

static const char *path_of(const char *folder, const char *name)
{
    static char path[4096];
    struct err err;
    snprintf(path, sizeof path, "%s/%s/%s", corpus, folder, name);
    if (dir_make_parent(path, &err) != OK) {
        fprintf(stderr, "make-seeds: %s\n", err.text);
        exit(1);
    }
    return path;
}

static void put(const char *folder, const char *name, const void *data, size_t size)
{
    write_bytes(path_of(folder, name), data, size);
}

/* ---- weights ------------------------------------------------------------------------------ */

static void put_safetensors(const char *name, const char *header, size_t data_size)
{
    uint8_t file[1024] = {0};
    uint64_t size = strlen(header);
    memcpy(file, &size, sizeof size);
    memcpy(file + 8, header, size);
    for (size_t i = 0; i < data_size; i++)
        file[8 + size + i] = (uint8_t)i;
    put("safetensors", name, file, 8 + size + data_size);
}

static void make_safetensors(void)
{
    put_safetensors("two",
                    "{\"__metadata__\":{\"format\":\"pt\"},"
                    "\"a.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                    "\"b\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[24,32]}}",
                    32);
    put_safetensors("scalar",
                    "{\"s\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
                    "\"none\":{\"dtype\":\"F16\",\"shape\":[0,7],\"data_offsets\":[0,0]}}",
                    8);
    put_safetensors("hole", "{\"t\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", 3);
    put("safetensors", "lfs", "version https://git-lfs.github.com/spec/v1\n", 43);
}

static const float values[6] = {1, 2, 3, 4, 5, 6};
static const struct tensor_view tensors[] = {
    {.name = "a.weight",
     .dtype_name = "F32",
     .dims = 2,
     .shape = {2, 3},
     .count = 6,
     .data = values,
     .size_bytes = 24},
    {.name = "logit_scale", .dtype_name = "F32", .count = 1, .data = values, .size_bytes = 4},
};

static void make_torch_zip(void)
{
    static const struct {
        const char *name;
        struct torch_options options;
    } files[] = {{"plain", {0}},
                 {"training", {.training = true, .prefix = "module."}},
                 {"transposed", {.transposed = true, .big_endian = true}},
                 {"zip64", {.shared = true, .zip64 = true}}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        torch_file_write(path_of("torch_zip", files[i].name), tensors, 2, &files[i].options);
}

static void make_pickles(void)
{
    static const struct torch_tensor t[] = {
        {"a.weight", "FloatStorage", "0", 6, 0, 2, {2, 3}, {3, 1}, false},
        {"b", "HalfStorage", "1", 4, 1, 1, {3}, {1}, true}};
    struct str p = str_new(1 << 16);
    pickle_begin(&p);
    str_put(&p, "}");
    pickle_tensors(&p, t, 2);
    str_put(&p, ".");
    put("unpickle", "dict", str_text(&p), p.size);
    str_clear(&p);
    pickle_begin(&p);
    str_put(&p, "}(");
    pickle_text(&p, "epoch");
    pickle_int(&p, 31);
    pickle_text(&p, "state_dict");
    pickle_global(&p, "collections", "OrderedDict");
    str_put(&p, ")R");
    pickle_tensors(&p, t, 1);
    pickle_text(&p, "lists");
    str_put(&p, "](K\1K\2\x85"
                "eu.");
    put("unpickle", "training", str_text(&p), p.size);
    str_clear(&p);
    pickle_begin(&p);
    pickle_global(&p, "os", "system");
    str_put(&p, "(");
    pickle_text(&p, "true");
    str_put(&p, "tR.");
    put("unpickle", "system", str_text(&p), p.size);
    str_free(&p);
}

/* ---- tokenizers --------------------------------------------------------------------------- */

/* A byte in the printable alphabet of a vocabulary. */
static void put_byte(struct str *json, int byte)
{
    uint32_t symbol = merges_byte_symbol((uint8_t)byte);
    uint32_t rune = symbol < 188 ? (uint32_t)byte : 256 + symbol - 188;
    if (rune == '"' || rune == '\\')
        str_putc(json, '\\');
    if (rune < 0x80)
        str_putc(json, (char)rune);
    else
        str_format(json, "%c%c", (char)(0xc0 | rune >> 6), (char)(0x80 | (rune & 63)));
}

static void put_vocab(struct str *json)
{
    str_put(json, "{");
    for (int i = 0; i < 512; i++) {
        str_put(json, "\"");
        put_byte(json, i & 255);
        str_format(json, "%s\":%d,", i < 256 ? "" : "</w>", i);
    }
    str_put(json, "\"in\":512,\"th\":513,\"the</w>\":514,"
                  "\"<|startoftext|>\":515,\"<|endoftext|>\":516}");
}

static void make_tokenizers(void)
{
    struct str s = str_new(1 << 16);
    str_put(&s, "v");
    put_vocab(&s);
    str_append(&s, "\0i n\nt h\nth e</w>\n", 18);
    put("tokenizer_files", "vocab", str_text(&s), s.size);
    str_clear(&s);
    str_put(&s,
            "j{\"version\":\"1.0\",\"added_tokens\":[{\"id\":515,\"content\":"
            "\"<|startoftext|>\"},{\"id\":516,\"content\":\"<|endoftext|>\"}],"
            "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},"
            "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"\\\\s+\"},\"content\":\" \"},"
            "{\"type\":\"Lowercase\"}]},\"pre_tokenizer\":{\"type\":\"Sequence\","
            "\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":\"'s|'t|'re|'ve|"
            "'m|'ll|'d|[\\\\p{L}]+|[\\\\p{N}]|[^\\\\s\\\\p{L}\\\\p{N}]+\"},\"behavior\":"
            "\"Removed\",\"invert\":true},{\"type\":\"ByteLevel\",\"add_prefix_space\":false}]},"
            "\"post_processor\":{\"type\":\"RobertaProcessing\",\"sep\":[\"<|endoftext|>\",516],"
            "\"cls\":[\"<|startoftext|>\",515]},\"padding\":{\"pad_id\":0},\"model\":{\"type\":"
            "\"BPE\",\"dropout\":null,\"continuing_subword_prefix\":\"\",\"end_of_word_suffix\":"
            "\"</w>\",\"fuse_unk\":false,\"vocab\":");
    put_vocab(&s);
    str_put(&s, ",\"merges\":[\"i n\",[\"t\",\"h\"],\"th e</w>\"]}}");
    put("tokenizer_files", "json", str_text(&s), s.size);
    str_free(&s);
}

/* ---- prepared weights --------------------------------------------------------------------- */

static enum status write_packed(const char *path, struct err *err)
{
    static const struct packed_key key;
    struct packed_writer *writer = NULL;
    struct packed *packed = NULL;
    enum status status = packed_writer_open(&writer, path, &key, err);
    for (size_t size = 0; status == OK && size < 80; size += 37) {
        void *section;
        status = packed_writer_begin(writer, size, &section, err);
        if (status != OK)
            break;
        memset(section, 'w', size);
        status = packed_writer_end(writer, err);
    }
    if (status == OK)
        status = packed_writer_finish(writer, &packed, err);
    packed_close(packed);
    packed_writer_close(writer);
    return status;
}

/* Between the table and the data lies room for thousands of sections; a small file has none. */
static void make_packed(void)
{
    enum { HEAD = 48, SECTIONS = 3 };
    char path[4096];
    struct file_bytes whole = {0};
    struct err err;
    snprintf(path, sizeof path, "%s", path_of("packed", "whole"));
    if (write_packed(path, &err) != OK || file_read(&whole, path, 1 << 24, &err) != OK) {
        fprintf(stderr, "make-seeds: %s\n", err.text);
        exit(1);
    }
    remove(path);
    uint8_t small[1 + 512] = {1};
    memcpy(small + 1, whole.data, HEAD + SECTIONS * 24);
    for (uint64_t i = 0; i < SECTIONS; i++) {
        uint64_t offset = 128 + 64 * i;
        memcpy(small + 1 + HEAD + 24 * i, &offset, sizeof offset);
    }
    put("packed", "right", small, 1 + 384);
    small[0] = 0;
    put("packed", "wrong", small, 1 + 384);
    put("packed", "write", "\2\0\1\x15\x16\x40\xff", 7);
    put("packed", "write-file", "\6\1\2\x80", 4);
    uint8_t crowded[1 + HEAD + 24] = {1}; /* more sections than there can be */
    memcpy(crowded + 1, whole.data, HEAD + 24);
    memset(crowded + 1 + 12, 0xff, 4);
    put("packed", "crowded", crowded, sizeof crowded);
    file_bytes_free(&whole);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    corpus = argv[1];
    make_safetensors();
    make_torch_zip();
    make_pickles();
    make_tokenizers();
    make_packed();
    make_picture_seeds(put);
    make_decoder_seeds(put);
    return 0;
}
