/* SPDX-License-Identifier: MIT
 *
 * See model_tokenizer.h. One thing is decided here beside the order: an open_clip model whose
 * config names no tokenizer was trained with open_clip's own one. A tokenizer.json in its folder,
 * put there for other programs, is used where it describes the same, and passed over where it does
 * not.
 */
#include "clip/model_tokenizer.h"

#include <string.h>

enum { PATH_BYTES = 1 << 16, FILE_BYTES = 64 << 20 };

struct choice {
    struct tokenizer *tokenizer;
    const char *from;  /* the file, for errors */
    bool own_ids;      /* and not CLIP's numbering: the model may have room for more */
    bool is_the_model; /* open_clip's own: the config names no other */
};

/* *found is false, and nothing read, when the folder has no such file. */
static enum status read_file(struct file_bytes *out, const struct model_source *source,
                             const char *name, bool *found, struct err *err)
{
    struct str path = str_new(PATH_BYTES);
    struct err missing = {0};
    path_join(&path, source->dir, name);
    enum status status = str_ok(&path) ? file_read(out, str_text(&path), FILE_BYTES, &missing)
                                       : err_set(&missing, ERR_LIMIT, "the path is too long");
    str_free(&path);
    *found = status == OK;
    if (status == OK || status == ERR_NOT_FOUND)
        return OK;
    return err_set(err, status, "%s", missing.text);
}

static enum status open_json(struct choice *c, const struct model_source *source, struct err *err)
{
    bool found;
    struct err why = {0};
    struct file_bytes json = {0};
    enum status status = read_file(&json, source, "tokenizer.json", &found, err);
    if (status == OK && found) {
        status = tokenizer_open_json(&c->tokenizer, (const char *)json.data, json.size, &why);
        c->from = "tokenizer.json";
        c->own_ids = true;
        if (status == ERR_UNSUPPORTED && c->is_the_model)
            status = OK;
        else if (status != OK)
            err_set(err, status, "tokenizer.json: %s", why.text);
    }
    file_bytes_free(&json);
    return status;
}

static enum status open_merges(struct choice *c, const struct model_source *source, struct err *err)
{
    bool has_vocab = false, has_merges = false;
    struct file_bytes vocab = {0}, merges = {0};
    enum status status = read_file(&merges, source, "merges.txt", &has_merges, err);
    if (status == OK && has_merges)
        status = read_file(&vocab, source, "vocab.json", &has_vocab, err);
    const struct tokenizer_files files = {.vocab = (const char *)vocab.data,
                                          .vocab_size = vocab.size,
                                          .merges = (const char *)merges.data,
                                          .merges_size = merges.size};
    c->from = has_vocab ? "vocab.json" : "merges.txt";
    c->own_ids = has_vocab;
    if (status == OK && has_vocab)
        status = tokenizer_open_vocab(&c->tokenizer, &files, err);
    else if (status == OK && has_merges)
        status = tokenizer_open_merges(&c->tokenizer, files.merges, files.merges_size, err);
    if (status != OK && has_merges)
        err_prefix(err, "%s", c->from);
    file_bytes_free(&vocab);
    file_bytes_free(&merges);
    return status;
}

static enum status open_default(struct choice *c, const struct text_config *text, struct err *err)
{
    if (text->tokenizer[0])
        return err_set(err, ERR_UNSUPPORTED,
                       "its text needs the tokenizer '%s', which fovea does not have; only its "
                       "image tower can be used",
                       text->tokenizer);
    c->from = "CLIP's tokenizer";
    c->own_ids = false;
    return tokenizer_open_default(&c->tokenizer, err);
}

/* Ids past the token table would be refused later, at a text; here there is more to say. */
static enum status check(const struct choice *c, const struct text_config *text, struct err *err)
{
    int have = tokenizer_vocab_size(c->tokenizer), end = tokenizer_end_id(c->tokenizer);
    if (c->own_ids ? have > text->vocab_size : have != text->vocab_size)
        return err_set(err, ERR_UNSUPPORTED,
                       "its vocabulary has %d tokens and %s makes %d; put its own merges.txt into "
                       "the folder",
                       text->vocab_size, c->from, have);
    if (text->pool == TEXT_POOL_EOS && text->eos_id != end)
        return err_set(err, ERR_UNSUPPORTED,
                       "its config ends a text with the token %d, and %s with %d", text->eos_id,
                       c->from, end);
    return OK;
}

enum status model_tokenizer_open(struct tokenizer **out, const struct model_source *source,
                                 const struct text_config *text, struct err *err)
{
    struct choice c = {.is_the_model = source->layout == SOURCE_OPEN_CLIP && !text->tokenizer[0]};
    enum status status = source->dir ? open_json(&c, source, err) : OK;
    if (status == OK && !c.tokenizer && source->dir)
        status = open_merges(&c, source, err);
    if (status == OK && !c.tokenizer)
        status = open_default(&c, text, err);
    if (status == OK)
        status = check(&c, text, err);
    if (status != OK) {
        tokenizer_close(c.tokenizer);
        return status;
    }
    *out = c.tokenizer;
    return OK;
}
