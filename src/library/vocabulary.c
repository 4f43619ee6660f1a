/* SPDX-License-Identifier: MIT
 *
 * A phrase's vector is the mean of two: of the phrase, and of "a photo of" it, which is how
 * captions speak. Kept vectors belong to the text of the vocabulary by its hash.
 */
#include "library/vocabulary.h"

#include "clip/model.h"
#include "library/map_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define ARTIFACT "vocabulary"
enum { PHRASE_MAX = 200, REPORT_EVERY = 16 };

extern const unsigned char vocabulary_text[];
extern const unsigned long vocabulary_text_size;

static enum status read_phrases(struct vocabulary *v, struct err *err)
{
    size_t lines = 0;
    for (size_t i = 0; i < vocabulary_text_size; i++)
        lines += vocabulary_text[i] == '\n';
    v->text = malloc(vocabulary_text_size + 1);
    v->phrases = malloc((lines + 1) * sizeof *v->phrases);
    if (!v->text || !v->phrases)
        return err_no_memory(err, "the vocabulary", vocabulary_text_size);
    memcpy(v->text, vocabulary_text, vocabulary_text_size + 1); /* it ends in a NUL */
    char *rest = v->text;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (*line)
            v->phrases[v->count++] = line;
    return OK;
}

static enum status encode_phrase(float *out, float *scratch, struct session *session,
                                 const char *phrase, int dim, struct err *err)
{
    char sentence[PHRASE_MAX + 16];
    snprintf(sentence, sizeof sentence, "a photo of %.*s", PHRASE_MAX, phrase);
    enum status status = session_encode_text(session, phrase, out, err);
    if (status == OK)
        status = session_encode_text(session, sentence, scratch, err);
    if (status != OK)
        return status;
    embedding_normalize(out, dim);
    embedding_normalize(scratch, dim);
    for (int d = 0; d < dim; d++)
        out[d] += scratch[d];
    embedding_normalize(out, dim);
    return OK;
}

static enum status encode(struct vocabulary *v, struct model *model, const struct map_watch *watch,
                          struct err *err)
{
    struct session *session = NULL;
    size_t dim = (size_t)v->dim;
    v->vectors = malloc((v->count + 1) * dim * sizeof *v->vectors);
    if (!v->vectors)
        return err_no_memory(err, "the vocabulary's vectors", v->count * dim * sizeof *v->vectors);
    enum status status =
        session_open(&session, model, &(struct session_options){.text_batch = 1}, err);
    for (size_t i = 0; i < v->count && status == OK; i++) {
        if (i % REPORT_EVERY == 0)
            status = map_watch_report(watch, "vocabulary", i, v->count, err);
        if (status == OK)
            status = encode_phrase(v->vectors + i * dim, v->vectors + v->count * dim, session,
                                   v->phrases[i], v->dim, err);
    }
    session_close(session);
    return status;
}

/* Parts: the hash of the text, and the vectors. */
static void vocabulary_parts(struct map_file *f)
{
    f->part_count = 2;
    f->parts[0].size_bytes = sizeof(uint64_t);
    f->parts[1].size_bytes = f->count * f->width * sizeof(float);
}

static bool is_sound(const struct map_file *f, const struct vocabulary *v, uint64_t hash)
{
    const float *vectors = f->parts[1].data;
    bool sound = memcmp(f->parts[0].data, &hash, sizeof hash) == 0 && f->count == v->count &&
                 f->width == (uint32_t)v->dim;
    for (size_t i = 0; sound && i < f->count * f->width; i++)
        sound = fabsf(vectors[i]) <= 1.001f;
    return sound;
}

static enum status load(struct vocabulary *v, uint64_t hash, struct store *store, int64_t model_id,
                        struct err *err)
{
    struct map_file f;
    bool found;
    enum status status = map_file_read(&f, &found, MAP_FILE_VOCABULARY, vocabulary_parts, store,
                                       model_id, ARTIFACT, err);
    if (status == OK && found && is_sound(&f, v, hash)) {
        v->vectors = malloc(f.parts[1].size_bytes + 1);
        if (v->vectors)
            memcpy(v->vectors, f.parts[1].data, f.parts[1].size_bytes);
        else
            status = err_no_memory(err, "the vocabulary's vectors", f.parts[1].size_bytes);
    }
    map_file_free(&f);
    return status;
}

static enum status keep(const struct vocabulary *v, uint64_t hash, struct store *store,
                        int64_t model_id, struct err *err)
{
    struct map_file f = {.kind = MAP_FILE_VOCABULARY, .width = (uint32_t)v->dim, .count = v->count};
    vocabulary_parts(&f);
    f.parts[0].data = &hash;
    f.parts[1].data = v->vectors;
    return map_file_write(&f, store, model_id, ARTIFACT, err);
}

enum status vocabulary_get(struct vocabulary *out, struct store *store, int64_t model_id, int dim,
                           struct model *model, const struct map_watch *watch, struct err *err)
{
    uint64_t hash = XXH3_64bits(vocabulary_text, vocabulary_text_size);
    *out = (struct vocabulary){.dim = dim};
    enum status status = read_phrases(out, err);
    if (status == OK)
        status = load(out, hash, store, model_id, err);
    if (status == OK && !out->vectors && model) {
        status = encode(out, model, watch, err);
        if (status == OK)
            status = keep(out, hash, store, model_id, err);
    }
    if (status != OK || !out->vectors)
        vocabulary_free(out);
    return status;
}

void vocabulary_free(struct vocabulary *v)
{
    if (!v)
        return;
    free((void *)v->phrases);
    free(v->vectors);
    free(v->text);
    *v = (struct vocabulary){0};
}
