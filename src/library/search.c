/* SPDX-License-Identifier: MIT
 *
 * From what the user typed to the query vector.
 */
#include "library/search.h"

#include "library/picture.h"
#include "search/query.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WEIGHT_MAX 100.0f

enum model_towers search_towers(const struct search_part *parts, size_t count)
{
    unsigned towers = 0;
    for (size_t i = 0; i < count; i++)
        towers |= parts[i].kind == SEARCH_TEXT ? MODEL_TEXT : MODEL_IMAGE;
    return towers ? (enum model_towers)towers : MODEL_BOTH;
}

float search_default_floor(const struct search_part *parts, size_t count)
{
    float sum = 0, weights = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].weight <= 0)
            continue;
        weights += parts[i].weight;
        sum += parts[i].weight * (parts[i].kind == SEARCH_TEXT ? FLOOR_TEXT : FLOOR_IMAGE);
    }
    return weights > 0 ? sum / weights : FLOOR_TEXT;
}

/* Digits, a point, digits: 0.5, 1.0, .5; with a sign, it is a weight all the same, if not one that
 * is accepted. */
static bool looks_like_weight(const char *text)
{
    text += *text == '-' || *text == '+';
    size_t before = strspn(text, "0123456789");
    if (text[before] != '.')
        return false;
    size_t after = strspn(text + before + 1, "0123456789");
    return after > 0 && text[before + 1 + after] == '\0';
}

enum status search_part_parse(char *value, float *weight, struct err *err)
{
    *weight = 1;
    char *colon = strrchr(value, ':');
    if (!colon || !looks_like_weight(colon + 1))
        return OK;
    *weight = strtof(colon + 1, NULL);
    if (!(*weight > 0 && *weight <= WEIGHT_MAX))
        return err_set(err, ERR_ARGUMENT,
                       "weight %s is not accepted; use more than 0 and at most %g (and --not for "
                       "what you do not want)",
                       colon + 1, (double)WEIGHT_MAX);
    *colon = '\0';
    return OK;
}

static bool is_blank(const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    return *text == '\0';
}

static enum status encode_image_file(struct session *session, const struct model *model,
                                     const char *path, float *out, struct err *err)
{
    const struct model_info *info = model_info(model);
    size_t side = (size_t)info->image_size;
    uint8_t *pixels = malloc(side * side * 3);
    if (!pixels)
        return err_no_memory(err, "a picture", side * side * 3);
    enum status status = picture_square_file(pixels, path, &info->preprocess, NULL, err);
    if (status == OK)
        status = session_encode_images(session, pixels, 1, out, err);
    free(pixels);
    return status;
}

static enum status encode_part(struct session *session, const struct model *model,
                               const struct search_part *part, float *out, struct err *err)
{
    if (part->kind == SEARCH_TEXT && is_blank(part->value))
        return err_set(err, ERR_ARGUMENT, "query must not be empty");
    enum status status = part->kind == SEARCH_TEXT
                             ? session_encode_text(session, part->value, out, err)
                             : encode_image_file(session, model, part->value, out, err);
    embedding_normalize(out, model_info(model)->embed_dim);
    return status;
}

enum status search_encode(struct session *session, const struct model *model,
                          const struct search_part *parts, size_t count, float *query,
                          struct err *err)
{
    int dim = model_info(model)->embed_dim;
    float *vectors = calloc(count ? count : 1, (size_t)dim * sizeof *vectors);
    struct query_part *weighted = calloc(count ? count : 1, sizeof *weighted);
    enum status status = OK;
    if (!vectors || !weighted)
        status = err_no_memory(err, "the query", count * (size_t)dim * sizeof *vectors);
    for (size_t i = 0; status == OK && i < count; i++) {
        float *vector = vectors + i * (size_t)dim;
        status = encode_part(session, model, &parts[i], vector, err);
        weighted[i] = (struct query_part){vector, parts[i].weight};
    }
    if (status == OK)
        status = query_combine(weighted, count, dim, query, err);
    free(weighted);
    free(vectors);
    return status;
}

enum status search_encode_each(struct session *session, const struct model *model,
                               const struct search_part *parts, size_t count, float *vectors,
                               float *floors, struct err *err)
{
    enum status status = OK;
    for (size_t i = 0; status == OK && i < count; i++) {
        float *vector = vectors + i * (size_t)model_info(model)->embed_dim;
        status = encode_part(session, model, &parts[i], vector, err);
        floors[i] = parts[i].kind == SEARCH_TEXT ? FLOOR_TEXT : FLOOR_IMAGE;
    }
    return status;
}
