/* SPDX-License-Identifier: MIT
 *
 * The files of a tokenizer. The first byte says which: 'm' merges, 'v' a vocabulary, a zero byte
 * and merges, else tokenizer.json. What opens encodes: with ids of the vocabulary, from start to
 * end.
 */
#include "fuzz.h"

#include "clip/tokenizer.h"

#include <stdlib.h>
#include <string.h>

enum { CONTEXT = 12 };

static void check_encoding(const struct tokenizer *t)
{
    static const char text[] = "In the end, the lowest newer wider 10 \xc3\xa9t\xc3\xa9s";
    int32_t ids[CONTEXT];
    int used;
    struct err err = {0};
    int size = tokenizer_vocab_size(t);
    FUZZ_CHECK_OK(tokenizer_encode(t, text, sizeof text - 1, ids, CONTEXT, &used, &err), &err);
    FUZZ_CHECK(used >= 2 && used <= CONTEXT);
    FUZZ_CHECK(ids[0] == tokenizer_start_id(t) && ids[used - 1] == tokenizer_end_id(t));
    for (int i = 0; i < CONTEXT; i++)
        FUZZ_CHECK(ids[i] >= 0 && ids[i] < size);
}

static enum status open_vocab(struct tokenizer **t, struct fuzz_input in, struct err *err)
{
    char *vocab = fuzz_take_text(&in);
    size_t size;
    char *merges = fuzz_take_rest(&in, &size);
    const struct tokenizer_files files = {vocab, strlen(vocab), merges ? merges : "", size};
    enum status status = tokenizer_open_vocab(t, &files, err);
    free(vocab);
    free(merges);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct tokenizer *t = NULL;
    struct err err = {0};
    enum status status;
    uint8_t which = fuzz_take_byte(&in);
    if (which == 'v') {
        status = open_vocab(&t, in, &err);
    } else {
        char *bytes = fuzz_take_rest(&in, &size);
        status = which == 'm' ? tokenizer_open_merges(&t, bytes ? bytes : "", size, &err)
                              : tokenizer_open_json(&t, bytes ? bytes : "", size, &err);
        free(bytes);
    }
    if (status == OK) {
        check_encoding(t);
    } else {
        FUZZ_CHECK(!t);
        fuzz_check_error(status, &err);
    }
    tokenizer_close(t);
    return 0;
}
