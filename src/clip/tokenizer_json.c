/* SPDX-License-Identifier: MIT
 *
 * Vocabularies in Hugging Face's files: vocab.json beside merges.txt, and tokenizer.json, which
 * describes a whole pipeline. Source: the tokenizers library's serialised form, and what
 * transformers' CLIPConverter writes for CLIP:
 *
 *     normalizer      NFC, runs of white space to one space, lower case
 *     pre_tokenizer   CLIP's pattern, then bytes to the printable alphabet
 *     model           BPE with "</w>" at the end of a word
 *     post_processor  the start token in front, the end token behind
 *
 * What is accepted is that, and its cleaning is replaced by CLIP's own (text_clean.h), as open_clip
 * does it. Any other step is refused by its name: it would give other ids.
 */
#include "clip/tokenizer_ids.h"

#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ID_MAX = (1 << 22) - 1, JSON_TEXT_MAX = 64 << 20, ADDED_MAX = 4096 };

/* Under these names the start and the end go where nothing else tells. */
static const char *const start_names[] = {"<|startoftext|>", "<start_of_text>", NULL};
static const char *const end_names[] = {"<|endoftext|>", "<end_of_text>", NULL};

/* ---- ids --------------------------------------------------------------------------------- */

/* -1 when the vocabulary does not have the token. */
static int32_t id_in(const json_t *vocab, const char *token, size_t size)
{
    const json_t *id = json_object_getn(vocab, token, size);
    json_int_t n = json_integer_value(id);
    return json_is_integer(id) && n >= 0 && n <= ID_MAX ? (int32_t)n : -1;
}

static enum status check_vocab(struct tokenizer_ids *ids, const json_t *vocab, struct err *err)
{
    const char *token;
    json_t *value;
    if (!json_is_object(vocab))
        return err_set(err, ERR_FORMAT, "its vocabulary is not an object of ids by token");
    json_object_foreach((json_t *)vocab, token, value)
    {
        int32_t id = id_in(vocab, token, strlen(token));
        if (id < 0)
            return err_set(err, ERR_FORMAT, "token '%.64s' has no id between 0 and %d", token,
                           (int)ID_MAX);
        if (id >= ids->size)
            ids->size = id + 1;
    }
    return OK;
}

static enum status number_symbols(struct tokenizer_ids *ids, const struct merges_tokens *tokens,
                                  const json_t *vocab, struct err *err)
{
    ids->of_symbol = malloc(tokens->count * sizeof *ids->of_symbol);
    if (!ids->of_symbol)
        return err_no_memory(err, "the ids of tokens", tokens->count * sizeof *ids->of_symbol);
    for (size_t i = 0; i < tokens->count; i++) {
        const struct merges_token *token = &tokens->items[i];
        ids->of_symbol[i] = id_in(vocab, token->text, token->size);
        if (ids->of_symbol[i] < 0)
            return err_set(err, ERR_FORMAT, "token '%.*s' is %s and has no id in the vocabulary",
                           (int)(token->size < 64 ? token->size : 64), token->text,
                           i < MERGES_FIRST_SYMBOL ? "a byte" : "made by the merges");
    }
    return OK;
}

/* The id of the first of these names that is a token. */
static int32_t id_of_names(const json_t *vocab, const char *const *names)
{
    int32_t id = -1;
    for (; *names && id < 0; names++)
        id = id_in(vocab, *names, strlen(*names));
    return id;
}

static enum status check_marks(const struct tokenizer_ids *ids, struct err *err)
{
    if (ids->start < 0 || ids->end < 0)
        return err_set(err, ERR_UNSUPPORTED, "it has no token for the %s of a text (%s)",
                       ids->start < 0 ? "start" : "end",
                       ids->start < 0 ? start_names[0] : end_names[0]);
    return OK;
}

/* Fills in what only vocabulary and merges tell, and opens. Takes over ids->of_symbol. */
static enum status open_ids(struct tokenizer **out, const json_t *vocab, const char *merges_text,
                            size_t merges_size, struct tokenizer_ids *ids, struct err *err)
{
    struct merges merges = {0};
    struct merges_tokens tokens = {0};
    enum status status = merges_parse_tokens(&merges, &tokens, merges_text, merges_size, err);
    if (status == OK)
        status = number_symbols(ids, &tokens, vocab, err);
    merges_tokens_free(&tokens);
    if (status == OK)
        return tokenizer_open_with(out, &merges, ids, err);
    merges_free(&merges);
    free(ids->of_symbol);
    return status;
}

static enum status parse(json_t **out, const char *json, size_t size, struct err *err)
{
    json_error_t where;
    *out = NULL;
    if (size > JSON_TEXT_MAX)
        return err_set(err, ERR_LIMIT, "%zu bytes, more than the %d that are accepted", size,
                       (int)JSON_TEXT_MAX);
    *out = json_loadb(json, size, JSON_REJECT_DUPLICATES, &where);
    if (!*out)
        return err_set(err, ERR_FORMAT, "line %d, column %d: %s", where.line, where.column,
                       where.text);
    if (!json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        return err_set(err, ERR_FORMAT, "it is not a JSON object");
    }
    return OK;
}

enum status tokenizer_open_vocab(struct tokenizer **out, const struct tokenizer_files *files,
                                 struct err *err)
{
    json_t *vocab;
    struct tokenizer_ids ids = {0};
    *out = NULL;
    enum status status = parse(&vocab, files->vocab, files->vocab_size, err);
    if (status != OK)
        return status;
    status = check_vocab(&ids, vocab, err);
    ids.start = id_of_names(vocab, start_names);
    ids.end = id_of_names(vocab, end_names);
    if (status == OK)
        status = check_marks(&ids, err);
    if (status == OK)
        status = open_ids(out, vocab, files->merges, files->merges_size, &ids, err);
    json_decref(vocab);
    return status;
}

/* ---- tokenizer.json: the steps ----------------------------------------------------------- */

static const char *type_of(const json_t *step)
{
    const char *type = json_string_value(json_object_get(step, "type"));
    return type ? type : "without a type";
}

static bool is(const json_t *object, const char *key, const char *text)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value && strcmp(value, text) == 0;
}

/* The steps of a Sequence, or the step itself as the only one. i counts up; NULL at the end. */
static const json_t *step_at(const json_t *step, const char *list, size_t i)
{
    if (is(step, "type", "Sequence"))
        return json_array_get(json_object_get(step, list), i);
    return i == 0 && !json_is_null(step) ? step : NULL;
}

static const char *regex_of(const json_t *step)
{
    return json_string_value(json_object_get(json_object_get(step, "pattern"), "Regex"));
}

static enum status refuse_step(const char *what, const json_t *step, struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED,
                   "its %s has the step %.64s, which CLIP's tokenizer does not have or sets "
                   "otherwise; it would give other ids",
                   what, type_of(step));
}

static enum status check_normalizer(const json_t *root, struct err *err)
{
    const json_t *normalizer = json_object_get(root, "normalizer"), *step;
    bool lower = false;
    for (size_t i = 0; (step = step_at(normalizer, "normalizers", i)); i++) {
        const char *regex = regex_of(step);
        bool spaces = is(step, "type", "Replace") && regex && strcmp(regex, "\\s+") == 0 &&
                      is(step, "content", " ");
        lower = lower || is(step, "type", "Lowercase");
        if (!spaces && !is(step, "type", "NFC") && !is(step, "type", "Lowercase"))
            return refuse_step("normalizer", step, err);
    }
    if (!lower)
        return err_set(err, ERR_UNSUPPORTED,
                       "its normalizer does not put text into lower case, as CLIP's does");
    return OK;
}

/* With or without the marks in front, which never stand in a text by accident. */
static bool is_clip_pattern(const char *regex)
{
    static const char marks[] = "<\\|startoftext\\|>|<\\|endoftext\\|>|";
    static const char words[] = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";
    if (regex && strncmp(regex, marks, sizeof marks - 1) == 0)
        regex += sizeof marks - 1;
    return regex && strcmp(regex, words) == 0;
}

static enum status check_pre_tokenizer(const json_t *root, struct err *err)
{
    const json_t *pre = json_object_get(root, "pre_tokenizer"), *step;
    bool split = false, bytes = false;
    for (size_t i = 0; (step = step_at(pre, "pretokenizers", i)); i++) {
        bool is_split = is(step, "type", "Split") && is_clip_pattern(regex_of(step)) &&
                        is(step, "behavior", "Removed") &&
                        json_is_true(json_object_get(step, "invert"));
        bool is_bytes = is(step, "type", "ByteLevel") &&
                        !json_is_true(json_object_get(step, "add_prefix_space"));
        if (!is_split && !is_bytes)
            return refuse_step("pre_tokenizer", step, err);
        split = split || is_split;
        bytes = bytes || is_bytes;
    }
    if (!split || !bytes)
        return err_set(err, ERR_UNSUPPORTED,
                       "its pre_tokenizer does not cut words as CLIP's does (%s is missing)",
                       split ? "ByteLevel" : "Split by CLIP's pattern");
    return OK;
}

static enum status check_model(const json_t *model, struct err *err)
{
    static const char *const switches[] = {"fuse_unk", "byte_fallback", "ignore_merges", "dropout"};
    const char *prefix = json_string_value(json_object_get(model, "continuing_subword_prefix"));
    if (json_object_get(model, "type") && !is(model, "type", "BPE"))
        return err_set(err, ERR_UNSUPPORTED,
                       "it is a %.64s tokenizer; fovea has CLIP's byte-level BPE", type_of(model));
    if (!json_is_object(json_object_get(model, "vocab")) ||
        !json_is_array(json_object_get(model, "merges")))
        return err_set(err, ERR_FORMAT, "its model has no vocab and merges of a BPE");
    if (!is(model, "end_of_word_suffix", "</w>"))
        return err_set(err, ERR_UNSUPPORTED,
                       "it does not end words with </w>: it is not CLIP's kind of BPE");
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++) {
        const json_t *value = json_object_get(model, switches[i]);
        if (value && !json_is_null(value) && !json_is_false(value))
            return err_set(err, ERR_UNSUPPORTED, "its model sets %s, which CLIP's does not",
                           switches[i]);
    }
    if (prefix && *prefix)
        return err_set(err, ERR_UNSUPPORTED,
                       "its model sets continuing_subword_prefix, which CLIP's does not");
    return OK;
}

/* ---- tokenizer.json: the marks ----------------------------------------------------------- */

/* The id of a token, added or of the vocabulary; -1 for none. */
static int32_t id_of(const json_t *root, const char *token)
{
    size_t i;
    const json_t *added;
    json_array_foreach(json_object_get(root, "added_tokens"), i, added)
    {
        const json_t *id = json_object_get(added, "id");
        if (token && is(added, "content", token) && json_is_integer(id) &&
            json_integer_value(id) >= 0 && json_integer_value(id) <= ID_MAX)
            return (int32_t)json_integer_value(id);
    }
    const json_t *vocab = json_object_get(json_object_get(root, "model"), "vocab");
    return token ? id_in(vocab, token, strlen(token)) : -1;
}

static int32_t id_of_first(const json_t *root, const char *const *names)
{
    int32_t id = -1;
    for (; *names && id < 0; names++)
        id = id_of(root, *names);
    return id;
}

/* [token, id], which have to belong together. */
static int32_t id_of_pair(const json_t *root, const json_t *pair)
{
    int32_t id = id_of(root, json_string_value(json_array_get(pair, 0)));
    return id >= 0 && json_integer_value(json_array_get(pair, 1)) == id ? id : -1;
}

static const char *special_at(const json_t *parts, size_t i)
{
    const json_t *special = json_object_get(json_array_get(parts, i), "SpecialToken");
    return json_string_value(json_object_get(special, "id"));
}

/* "single": a special token, the text, a special token. */
static void read_template(struct tokenizer_ids *ids, const json_t *root, const json_t *post)
{
    const json_t *single = json_object_get(post, "single");
    if (json_array_size(single) != 3 ||
        !json_is_object(json_object_get(json_array_get(single, 1), "Sequence")))
        return;
    ids->start = id_of(root, special_at(single, 0));
    ids->end = id_of(root, special_at(single, 2));
}

static enum status read_marks(struct tokenizer_ids *ids, const json_t *root, struct err *err)
{
    const json_t *post = json_object_get(root, "post_processor");
    const json_t *pad = json_object_get(json_object_get(root, "padding"), "pad_id");
    ids->start = ids->end = -1;
    if (is(post, "type", "RobertaProcessing")) {
        ids->start = id_of_pair(root, json_object_get(post, "cls"));
        ids->end = id_of_pair(root, json_object_get(post, "sep"));
    } else if (is(post, "type", "TemplateProcessing")) {
        read_template(ids, root, post);
    } else if (!post || json_is_null(post) || is(post, "type", "ByteLevel")) {
        ids->start = id_of_first(root, start_names);
        ids->end = id_of_first(root, end_names);
    } else {
        return refuse_step("post_processor", post, err);
    }
    if (json_is_integer(pad)) {
        if (json_integer_value(pad) < 0 || json_integer_value(pad) > ID_MAX)
            return err_set(err, ERR_FORMAT, "its pad_id is out of range");
        ids->pad = (int32_t)json_integer_value(pad);
    }
    return check_marks(ids, err);
}

/* A token that is neither mark nor a word of the vocabulary would have to be looked for in texts.
 */
static enum status check_added(struct tokenizer_ids *ids, const json_t *root, struct err *err)
{
    const json_t *vocab = json_object_get(json_object_get(root, "model"), "vocab"), *added;
    size_t i;
    if (json_array_size(json_object_get(root, "added_tokens")) > ADDED_MAX)
        return err_set(err, ERR_LIMIT, "it has more than %d added tokens", (int)ADDED_MAX);
    json_array_foreach(json_object_get(root, "added_tokens"), i, added)
    {
        const char *content = json_string_value(json_object_get(added, "content"));
        int32_t id = id_of(root, content);
        if (!content || id < 0)
            return err_set(err, ERR_FORMAT, "its added_tokens have an entry without text or id");
        if (id >= ids->size)
            ids->size = id + 1;
        if (id != ids->start && id != ids->end && id_in(vocab, content, strlen(content)) != id)
            return err_set(err, ERR_UNSUPPORTED,
                           "it adds the token '%.64s', which CLIP's tokenizer does not know",
                           content);
    }
    return OK;
}

/* ---- tokenizer.json: the whole ----------------------------------------------------------- */

/* "left right", or since version 0.20 ["left", "right"]. */
static enum status put_merge(struct str *text, const json_t *merge, struct err *err)
{
    const char *left = json_string_value(json_array_get(merge, 0));
    const char *right = json_string_value(json_array_get(merge, 1));
    const char *line = json_string_value(merge);
    if (line && !strchr(line, '\n')) {
        str_format(text, "%s\n", line);
        return OK;
    }
    if (json_array_size(merge) != 2 || !left || !right || strpbrk(left, " \n") ||
        strpbrk(right, " \n"))
        return err_set(err, ERR_FORMAT, "one of its merges is not two tokens");
    str_format(text, "%s %s\n", left, right);
    return OK;
}

static enum status put_merges(struct str *text, const json_t *merges, struct err *err)
{
    size_t i;
    const json_t *merge;
    enum status status = OK;
    str_put(text, "#version: 0.2\n"); /* so that no merge is taken for a title */
    json_array_foreach(merges, i, merge)
    {
        status = put_merge(text, merge, err);
        if (status != OK)
            return status;
    }
    return str_ok(text) ? OK : err_no_memory(err, "the merges", MERGES_TEXT_MAX);
}

static enum status check_steps(const json_t *root, struct err *err)
{
    enum status status = check_model(json_object_get(root, "model"), err);
    if (status == OK)
        status = check_normalizer(root, err);
    if (status == OK)
        status = check_pre_tokenizer(root, err);
    return status;
}

enum status tokenizer_open_json(struct tokenizer **out, const char *json, size_t size,
                                struct err *err)
{
    json_t *root;
    struct tokenizer_ids ids = {0};
    struct str merges = str_new(MERGES_TEXT_MAX);
    *out = NULL;
    enum status status = parse(&root, json, size, err);
    const json_t *model = json_object_get(root, "model"), *vocab = json_object_get(model, "vocab");
    if (status == OK)
        status = check_steps(root, err);
    if (status == OK)
        status = check_vocab(&ids, vocab, err);
    if (status == OK)
        status = read_marks(&ids, root, err);
    if (status == OK)
        status = check_added(&ids, root, err);
    if (status == OK)
        status = put_merges(&merges, json_object_get(model, "merges"), err);
    if (status == OK)
        status = open_ids(out, vocab, str_text(&merges), merges.size, &ids, err);
    str_free(&merges);
    json_decref(root);
    return status;
}
