/* SPDX-License-Identifier: MIT
 *
 * Tokenizer files in Hugging Face's formats, made here of the vocabulary that ships with the
 * program: the ordinary ones have to give the ids of tokenizer.jsonl, a renumbered one the same
 * tokens under its own numbers, and what is not CLIP's is refused by its name.
 *
 *     test-tokenizer-files tokenizer.jsonl
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/str.h"
#include "clip/merges.h"
#include "clip/tokenizer.h"
#include "clip/vocabulary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SYMBOLS = MERGES_FIRST_SYMBOL + CLIP_MERGE_COUNT, CONTEXT = 77 };

static const char *golden_path;

/* ---- making the files -------------------------------------------------------------------- */

static int symbols = SYMBOLS; /* that go into the files: fewer where none is opened, to be quick */

static char *texts[SYMBOLS]; /* of the tokens, in the printable alphabet */

static void make_texts(void)
{
    for (int byte = 0; byte < 256; byte++) {
        uint32_t symbol = merges_byte_symbol((uint8_t)byte);
        uint32_t cp = symbol < 188 ? (uint32_t)byte : 256 + symbol - 188;
        char text[16];
        if (cp < 0x80)
            snprintf(text, sizeof text, "%c", (char)cp);
        else
            snprintf(text, sizeof text, "%c%c", (char)(0xC0 | cp >> 6), (char)(0x80 | (cp & 63)));
        texts[symbol] = strdup(text);
        strcat(text, "</w>");
        texts[symbol + MERGES_END_OF_WORD] = strdup(text);
    }
    for (size_t i = 0; i < CLIP_MERGE_COUNT; i++) {
        const char *left = texts[clip_merges[i][0]], *right = texts[clip_merges[i][1]];
        char *text = malloc(strlen(left) + strlen(right) + 1);
        strcpy(text, left);
        texts[MERGES_FIRST_SYMBOL + i] = strcat(text, right);
    }
}

/* renumber: ids run backwards, with the marks in front. */
static json_t *make_vocab(bool renumber)
{
    json_t *vocab = json_object();
    for (int i = 0; i < symbols; i++)
        json_object_set_new(vocab, texts[i], json_integer(renumber ? SYMBOLS + 1 - i : i));
    json_object_set_new(vocab, "<|startoftext|>", json_integer(renumber ? 0 : SYMBOLS));
    json_object_set_new(vocab, "<|endoftext|>", json_integer(renumber ? 1 : SYMBOLS + 1));
    return vocab;
}

static json_t *make_merges(bool pairs)
{
    json_t *merges = json_array();
    for (int i = 0; i < symbols - MERGES_FIRST_SYMBOL; i++) {
        const char *left = texts[clip_merges[i][0]], *right = texts[clip_merges[i][1]];
        json_array_append_new(merges, pairs ? json_pack("[s, s]", left, right)
                                            : json_sprintf("%s %s", left, right));
    }
    return merges;
}

#define WORDS "'s|'t|'re|'ve|'m|'ll|'d|[\\\\p{L}]+|[\\\\p{N}]|[^\\\\s\\\\p{L}\\\\p{N}]+"

/* As transformers' CLIPConverter writes it, less the model. */
static const char ordinary[] =
    "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":["
    "{\"id\":49406,\"content\":\"<|startoftext|>\",\"special\":true},"
    "{\"id\":49407,\"content\":\"<|endoftext|>\",\"special\":true}],"
    "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":"
    "\"Replace\","
    "\"pattern\":{\"Regex\":\"\\\\s+\"},\"content\":\" \"},{\"type\":\"Lowercase\"}]},"
    "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":"
    "{\"Regex\":\"" WORDS "\"},\"behavior\":\"Removed\",\"invert\":true},"
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true}]},"
    "\"post_processor\":{\"type\":\"RobertaProcessing\",\"sep\":[\"<|endoftext|>\",49407],"
    "\"cls\":[\"<|startoftext|>\",49406],\"trim_offsets\":false,\"add_prefix_space\":false},"
    "\"decoder\":{\"type\":\"ByteLevel\"},"
    "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":\"<|endoftext|>\","
    "\"continuing_subword_prefix\":\"\",\"end_of_word_suffix\":\"</w>\",\"fuse_unk\":false}}";

/* The ordinary one, with the value below a path ("model.type") replaced; NULL: none is. */
static char *make_json(const char *path, const char *value, bool renumber, bool pairs)
{
    json_error_t why;
    json_t *root = json_loads(ordinary, 0, &why);
    assert_non_null(root);
    json_t *model = json_object_get(root, "model");
    json_object_set_new(model, "vocab", make_vocab(renumber));
    json_object_set_new(model, "merges", make_merges(pairs));
    if (path) {
        const char *dot = strchr(path, '.');
        json_t *parent = dot ? model : root, *with = json_loads(value, JSON_DECODE_ANY, &why);
        assert_non_null(with);
        json_object_set_new(parent, dot ? dot + 1 : path, with);
    }
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

/* ---- good files -------------------------------------------------------------------------- */

static struct tokenizer *open_json(const char *path, const char *value, bool renumber, bool pairs)
{
    struct err err = {0};
    struct tokenizer *t;
    char *json = make_json(path, value, renumber, pairs);
    if (tokenizer_open_json(&t, json, strlen(json), &err) != OK)
        fail_msg("%s", err.text);
    free(json);
    return t;
}

static struct tokenizer *open_vocab(bool renumber)
{
    struct err err = {0};
    struct tokenizer *t;
    struct str merges = str_new(8 << 20);
    json_t *vocab = make_vocab(renumber);
    char *json = json_dumps(vocab, 0);
    str_put(&merges, "#version: 0.2\n");
    for (size_t i = 0; i < CLIP_MERGE_COUNT; i++)
        str_format(&merges, "%s %s\n", texts[clip_merges[i][0]], texts[clip_merges[i][1]]);
    const struct tokenizer_files files = {.vocab = json,
                                          .vocab_size = strlen(json),
                                          .merges = str_text(&merges),
                                          .merges_size = merges.size};
    if (tokenizer_open_vocab(&t, &files, &err) != OK)
        fail_msg("%s", err.text);
    json_decref(vocab);
    free(json);
    str_free(&merges);
    return t;
}

/* id: of the golden file, which has CLIP's numbers. */
static int32_t expected_id(int32_t id, bool renumber, int32_t pad, bool padding)
{
    if (padding)
        return pad;
    if (!renumber)
        return id;
    return id == SYMBOLS ? 0 : id == SYMBOLS + 1 ? 1 : SYMBOLS + 1 - id;
}

static void check_golden(struct tokenizer *t, bool renumber, int32_t pad)
{
    FILE *f = fopen(golden_path, "r");
    char *line = NULL;
    size_t room = 0, lines = 0;
    assert_non_null(f);
    assert_int_equal(tokenizer_vocab_size(t), SYMBOLS + 2);
    while (getline(&line, &room, f) > 0) {
        json_error_t why;
        struct err err;
        int32_t ids[CONTEXT];
        int used;
        json_t *golden = json_loads(line, JSON_ALLOW_NUL, &why);
        const json_t *text = json_object_get(golden, "text"),
                     *want = json_object_get(golden, "ids");
        assert_int_equal(tokenizer_encode(t, json_string_value(text), json_string_length(text), ids,
                                          CONTEXT, &used, &err),
                         OK);
        for (int i = 0; i < CONTEXT; i++) {
            int32_t id = (int32_t)json_integer_value(json_array_get(want, (size_t)i));
            if (ids[i] != expected_id(id, renumber, pad, i >= used))
                fail_msg("line %zu, place %d: %d", lines + 1, i, ids[i]);
        }
        json_decref(golden);
        lines++;
    }
    assert_int_equal(lines, 44);
    free(line);
    fclose(f);
    tokenizer_close(t);
}

static void test_golden(void **state)
{
    check_golden(open_vocab(false), false, 0);
    check_golden(open_vocab(true), true, 0);
    check_golden(open_json(NULL, NULL, false, false), false, 0);
    check_golden(open_json(NULL, NULL, false, true), false, 0);
    check_golden(open_json("padding", "{\"pad_id\":49407}", false, false), false, 49407);
    check_golden(open_json("post_processor", "null", false, false), false, 0);
    check_golden(open_json("post_processor",
                           "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":"
                           "\"<|startoftext|>\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\"}},"
                           "{\"SpecialToken\":{\"id\":\"<|endoftext|>\"}}]}",
                           false, false),
                 false, 0);
    /* Stable Diffusion 2's: a word of the vocabulary as the token that fills up. */
    check_golden(open_json("added_tokens",
                           "[{\"id\":0,\"content\":\"!\"},{\"id\":49406,\"content\":"
                           "\"<|startoftext|>\"},{\"id\":49407,\"content\":\"<|endoftext|>\"}]",
                           false, false),
                 false, 0);
}

/* ---- refused ----------------------------------------------------------------------------- */

static void test_refused(void **state)
{
    static const struct {
        const char *path, *value;
        enum status status;
        const char *says;
    } cases[] = {
        {"model.type", "\"Unigram\"", ERR_UNSUPPORTED, "Unigram"},
        {"model.type", "\"WordPiece\"", ERR_UNSUPPORTED, "WordPiece"},
        {"model.type", "7", ERR_UNSUPPORTED, "without a type"},
        {"model.end_of_word_suffix", "null", ERR_UNSUPPORTED, "</w>"},
        {"model.continuing_subword_prefix", "\"##\"", ERR_UNSUPPORTED, "continuing_subword"},
        {"model.byte_fallback", "true", ERR_UNSUPPORTED, "byte_fallback"},
        {"model.dropout", "0.1", ERR_UNSUPPORTED, "dropout"},
        {"model.vocab", "[]", ERR_FORMAT, "vocab"},
        {"model.vocab", "{\"a\":1}", ERR_FORMAT, "byte"},
        {"model.vocab", "{\"a\":-1}", ERR_FORMAT, "'a'"},
        {"model.vocab", "{\"a\":99999999}", ERR_FORMAT, "'a'"},
        {"model.vocab", "{\"a\":\"b\"}", ERR_FORMAT, "'a'"},
        {"model.vocab", "{\"<|startoftext|>\":49406,\"<|endoftext|>\":49407}", ERR_FORMAT, "byte"},
        {"model.merges", "{}", ERR_FORMAT, "merges"},
        {"model.merges", "[\"in\"]", ERR_FORMAT, "line 2"},
        {"model.merges", "[[\"i\"]]", ERR_FORMAT, "merges"},
        {"model.merges", "[[\"i\",\"n n\"]]", ERR_FORMAT, "merges"},
        {"model.merges", "[\"i n\\nx y\"]", ERR_FORMAT, "merges"},
        {"model.merges", "[\"zz q\"]", ERR_FORMAT, "zz"},
        {"model", "null", ERR_FORMAT, "vocab"},
        {"normalizer", "null", ERR_UNSUPPORTED, "lower case"},
        {"normalizer", "{\"type\":\"BertNormalizer\"}", ERR_UNSUPPORTED, "BertNormalizer"},
        {"normalizer", "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFKC\"}]}",
         ERR_UNSUPPORTED, "NFKC"},
        {"pre_tokenizer", "null", ERR_UNSUPPORTED, "Split"},
        {"pre_tokenizer", "{\"type\":\"Metaspace\"}", ERR_UNSUPPORTED, "Metaspace"},
        {"pre_tokenizer", "{\"type\":\"ByteLevel\",\"add_prefix_space\":true}", ERR_UNSUPPORTED,
         "ByteLevel"},
        {"pre_tokenizer",
         "{\"type\":\"Split\",\"pattern\":{\"Regex\":\" "
         "\"},\"behavior\":\"Removed\",\"invert\":true}",
         ERR_UNSUPPORTED, "Split"},
        {"post_processor", "{\"type\":\"BertProcessing\"}", ERR_UNSUPPORTED, "BertProcessing"},
        {"post_processor", "{\"type\":\"TemplateProcessing\",\"single\":[]}", ERR_UNSUPPORTED,
         "start"},
        {"post_processor",
         "{\"type\":\"RobertaProcessing\",\"sep\":[\"<|endoftext|>\",5],\"cls\":[\"<|startoftext|>"
         "\","
         "49406]}",
         ERR_UNSUPPORTED, "end"},
        {"padding", "{\"pad_id\":-1}", ERR_FORMAT, "pad_id"},
        {"added_tokens", "[{\"id\":49408,\"content\":\"<photo>\"}]", ERR_UNSUPPORTED, "<photo>"},
        {"added_tokens", "[{\"content\":\"<photo>\"}]", ERR_FORMAT, "added_tokens"},
        {"added_tokens", "[7]", ERR_FORMAT, "added_tokens"},
    };
    symbols = MERGES_FIRST_SYMBOL + 100;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        struct tokenizer *t;
        char *json = make_json(cases[i].path, cases[i].value, false, false);
        enum status status = tokenizer_open_json(&t, json, strlen(json), &err);
        if (status != cases[i].status || !strstr(err.text, cases[i].says))
            fail_msg("%s = %s: status %d, \"%s\"", cases[i].path, cases[i].value, status, err.text);
        assert_null(t);
        free(json);
    }
    symbols = SYMBOLS;
}

static void test_damaged(void **state)
{
    static const char *const damaged[] = {"", "{", "[]", "7", "{\"model\":7}", "{\"model\":[]}"};
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        struct err err = {0};
        struct tokenizer *t;
        const struct tokenizer_files files = {
            .vocab = damaged[i], .vocab_size = strlen(damaged[i]), .merges = "", .merges_size = 0};
        assert_int_not_equal(tokenizer_open_json(&t, damaged[i], strlen(damaged[i]), &err), OK);
        assert_null(t);
        assert_int_not_equal(tokenizer_open_vocab(&t, &files, &err), OK);
        assert_null(t);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_damaged),
    };
    if (argc != 2) {
        print_error("usage: %s tokenizer.jsonl\n", argv[0]);
        return 2;
    }
    golden_path = argv[1];
    make_texts();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (int i = 0; i < SYMBOLS; i++)
        free(texts[i]);
    return failed;
}
