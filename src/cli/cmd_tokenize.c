/* SPDX-License-Identifier: MIT
 *
 * `fovea tokenize`: texts in, token ids out, a line each. For comparing tokenizers, and for seeing
 * why a phrase is cut. A text is a JSON string, because a line of plain text could hold neither a
 * newline nor every byte.
 */
#include "cli/commands.h"
#include "cli/model_args.h"
#include "cli/output.h"
#include "clip/tokenizer.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* The tokenizer takes 1 MiB of text; JSON may write each byte as \u00XX. */
#define LINE_MAX_BYTES (6u << 20)
#define CONTEXT_DEFAULT 77

struct tokenize_args {
    const char *model, *arch;
    int context;
    bool offline, yes;
};

static const struct option options[] = {
    {.name = "context",
     .short_name = 'c',
     .kind = OPTION_INT,
     .argument = "N",
     .offset = offsetof(struct tokenize_args, context),
     .min = 2,
     .max = 65536,
     .help = "ids per text; the model's own with --model, else 77"},
    {.name = "model",
     .short_name = 'm',
     .kind = OPTION_STRING,
     .argument = "MODEL",
     .offset = offsetof(struct tokenize_args, model),
     .help = "use the vocabulary of this model (a folder, or ARCH/tag) instead of CLIP's"},
    OPTION_ARCH(struct tokenize_args),
    OPTION_OFFLINE(struct tokenize_args),
    OPTION_YES(struct tokenize_args),
    OPTION_END,
};

/* Reads a line without its newline; *more is false at the end of the input. */
static enum status read_line(struct str *line, bool *more, struct err *err)
{
    str_clear(line);
    int c;
    while ((c = getc_unlocked(stdin)) != EOF && c != '\n') {
        str_putc(line, (char)c);
        if (!str_ok(line))
            return err_set(err, ERR_LIMIT, "longer than %u bytes", LINE_MAX_BYTES);
    }
    if (ferror(stdin))
        return err_errno(err, errno, "cannot read the standard input");
    *more = c != EOF || line->size > 0;
    return OK;
}

static void print_ids(const int32_t *ids, int context)
{
    output_text("[");
    for (int i = 0; i < context; i++)
        output_format("%s%d", i ? ", " : "", (int)ids[i]);
    output_text("]\n");
}

static enum status tokenize_line(const struct tokenizer *tokenizer, const struct str *line,
                                 int32_t *ids, int context, struct err *err)
{
    json_error_t why;
    json_t *text = json_loadb(str_text(line), line->size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    if (!json_is_string(text)) {
        enum status status =
            err_set(err, ERR_FORMAT, "not a JSON string (such as \"a red fox\")%s%s",
                    text ? "" : ": ", text ? "" : why.text);
        json_decref(text);
        return status;
    }
    enum status status = tokenizer_encode(tokenizer, json_string_value(text),
                                          json_string_length(text), ids, context, NULL, err);
    json_decref(text);
    if (status == OK)
        print_ids(ids, context);
    return status;
}

static enum status tokenize_all(const struct tokenizer *tokenizer, int context, struct err *err)
{
    enum status status = OK;
    struct str line = str_new(LINE_MAX_BYTES);
    int32_t *ids = malloc((size_t)context * sizeof *ids);
    if (!ids)
        status = err_no_memory(err, "token ids", (size_t)context * sizeof *ids);
    bool more = true;
    for (unsigned long long number = 1; status == OK && output_ok(); number++) {
        status = read_line(&line, &more, err);
        if (status == OK && !more)
            break;
        if (status == OK)
            status = tokenize_line(tokenizer, &line, ids, context, err);
        if (status != OK)
            err_prefix(err, "tokenize: line %llu", number);
    }
    free(ids);
    str_free(&line);
    return status;
}

static enum status run(const void *untyped, struct err *err)
{
    const struct tokenize_args *args = untyped;
    struct model *model = NULL;
    struct tokenizer *own = NULL;
    int context = args->context ? args->context : CONTEXT_DEFAULT;
    enum status status;
    const struct model_request request = {.name = args->model,
                                          .arch = args->arch,
                                          .towers = MODEL_TEXT,
                                          .offline = args->offline,
                                          .yes = args->yes};
    if (args->model)
        status = model_open_named(&model, &request, err);
    else
        status = tokenizer_open_default(&own, err);
    if (status != OK)
        goto out;
    if (model && !args->context)
        context = model_info(model)->context_length;
    status = tokenize_all(model ? model_tokenizer(model) : own, context, err);
out:
    model_close(model);
    tokenizer_close(own);
    return status;
}

static const struct example examples[] = {
    {"echo '\"a photo of a waterfall\"' | fovea tokenize --context 12", "one text"},
    {"jq .text texts.jsonl | fovea tokenize > ids.jsonl", "every text of a file of objects"},
    {NULL, NULL},
};

const struct command command_tokenize = {
    .name = "tokenize",
    .summary = "turn texts into token ids",
    .about = "Reads one JSON string per line from the standard input and prints its token ids as "
             "a JSON array: start, the text's tokens, end, then zeros. A text that is too long is "
             "cut, its last id being the end. Stops at the first line that is not a JSON string.",
    .options = options,
    .examples = examples,
    .args_size = sizeof(struct tokenize_args),
    .run = run,
};
