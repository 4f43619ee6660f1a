/* SPDX-License-Identifier: MIT
 *
 * Text for the tokenizer: cleaning (mojibake, character references, spaces, case), words, byte
 * pairs. Clean text is UTF-8 without white space at its ends; the ids are of the vocabulary, and
 * the same again; a smaller context holds the beginning of a larger one.
 */
#include "fuzz.h"

#include "clip/text_clean.h"
#include "clip/tokenizer.h"

#include <stdlib.h>
#include <string.h>

enum { CONTEXT = 77, LESS = 9 };

static struct tokenizer *tokenizer;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct err err = {0};
    FUZZ_CHECK_OK(tokenizer_open_default(&tokenizer, &err), &err);
    return 0;
}

static void check_clean(const char *text, size_t size)
{
    struct str clean = str_new((size_t)64 << 20);
    struct err err = {0};
    enum status status = text_clean(&clean, text, size, &err);
    if (status == OK) {
        const char *t = str_text(&clean);
        FUZZ_CHECK(fuzz_is_utf8(t, clean.size));
        FUZZ_CHECK(clean.size == 0 || (t[0] != ' ' && t[clean.size - 1] != ' '));
        FUZZ_CHECK(!memmem(t, clean.size, "  ", 2) && !memchr(t, '\n', clean.size));
    } else {
        fuzz_check_error(status, &err);
    }
    str_free(&clean);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    char *text = fuzz_take_rest(&in, &size);
    int32_t ids[CONTEXT], again[LESS];
    int used, used_again;
    struct err err = {0};
    check_clean(text ? text : "", size);
    FUZZ_CHECK_OK(tokenizer_encode(tokenizer, text ? text : "", size, ids, CONTEXT, &used, &err),
                  &err);
    FUZZ_CHECK_OK(
        tokenizer_encode(tokenizer, text ? text : "", size, again, LESS, &used_again, &err), &err);
    FUZZ_CHECK(used >= 2 && used <= CONTEXT);
    FUZZ_CHECK(used_again == (used < LESS ? used : LESS));
    for (int i = 0; i < CONTEXT; i++)
        FUZZ_CHECK(ids[i] >= 0 && ids[i] < tokenizer_vocab_size(tokenizer));
    FUZZ_CHECK(memcmp(ids, again, (size_t)(used_again - 1) * sizeof *ids) == 0);
    FUZZ_CHECK(ids[used - 1] == tokenizer_end_id(tokenizer));
    FUZZ_CHECK(again[used_again - 1] == tokenizer_end_id(tokenizer));
    free(text);
    return 0;
}
