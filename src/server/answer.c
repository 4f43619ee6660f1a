/* SPDX-License-Identifier: MIT
 *
 * See answer.h. A value without memory for it is NULL; jansson's functions take that and fail, so
 * that the whole becomes NULL, or lacks a member that the answer's end then cannot have: reply_json
 * answers 503 for the former, and the latter is what an exhausted machine gives.
 */
#include "server/answer.h"

#include "base/file.h"
#include "base/str.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { TEXT_MAX = 64 << 10 };

json_t *json_utf8(const char *bytes)
{
    if (!bytes)
        return json_null();
    json_t *value = json_string(bytes); /* refuses what is not UTF-8 */
    if (value)
        return value;
    struct str clean = str_new(TEXT_MAX);
    str_put_utf8(&clean, bytes);
    value = json_string(str_text(&clean));
    str_free(&clean);
    return value;
}

json_t *json_score(double value)
{
    return isfinite(value) ? json_real(round(value * 1e6) / 1e6) : json_null();
}

static void put_hex(char out[33], const struct photo_hash *hash)
{
    for (size_t i = 0; i < sizeof hash->bytes; i++)
        snprintf(out + 2 * i, 3, "%02x", hash->bytes[i]);
}

json_t *json_hash(const struct photo_hash *hash)
{
    char text[33];
    put_hex(text, hash);
    return json_string(text);
}

static json_t *json_time(int64_t ms, const char *zone)
{
    int64_t seconds = ms / 1000, rest = ms % 1000;
    if (rest < 0) {
        seconds--;
        rest += 1000;
    }
    struct tm tm;
    time_t time = (time_t)seconds;
    if (!gmtime_r(&time, &tm) || tm.tm_year < -1900 || tm.tm_year > 8099)
        return json_null();
    char text[64], fraction[8] = "";
    if (rest)
        snprintf(fraction, sizeof fraction, ".%03d", (int)rest);
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d%s%s", tm.tm_year + 1900,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, fraction, zone);
    return json_string(text);
}

json_t *json_taken(int64_t taken_ms, int offset_min)
{
    if (taken_ms == PHOTO_NO_TIME)
        return json_null();
    char zone[16] = "";
    if (offset_min != PHOTO_NO_OFFSET && offset_min >= -1440 && offset_min <= 1440) {
        int minutes = offset_min < 0 ? -offset_min : offset_min;
        snprintf(zone, sizeof zone, "%c%02d:%02d", offset_min < 0 ? '-' : '+', minutes / 60,
                 minutes % 60);
    }
    return json_time(taken_ms, zone);
}

static json_t *name_at(const struct store_names *names, int index)
{
    return index >= 0 ? json_utf8(names->names[index]) : json_null();
}

static json_t *rating(int value)
{
    return value == PHOTO_NO_RATING ? json_null() : json_integer(value);
}

json_t *answer_photo(const struct view *view, size_t row)
{
    const struct store_fact *fact = &view->facts->rows[row];
    const char *path = view->matrix->paths[row], *category = view->labels->categories[row];
    const long long id = view->matrix->photo_ids[row];
    char hash[33], thumbnail[96], original[96];
    put_hex(hash, &fact->hash);
    snprintf(thumbnail, sizeof thumbnail, "/api/v1/photos/%lld/thumbnail?v=%.16s", id, hash);
    snprintf(original, sizeof original, "/api/v1/photos/%lld/original?v=%.16s", id, hash);
    const char *format = fact->format >= 0 ? view->facts->formats.names[fact->format] : "";
    return json_pack("{s:I, s:s, s:o, s:o, s:o, s:i, s:i, s:I, s:o, s:o, s:o, s:o, s:o, s:s, s:s}",
                     "id", (json_int_t)id, "hash", hash, "name", json_utf8(path_basename(path)),
                     "path", json_utf8(path), "format", json_utf8(format), "width", fact->width,
                     "height", fact->height, "size_bytes", (json_int_t)fact->size_bytes, "taken_at",
                     json_taken(fact->taken_ms, fact->offset_min), "camera",
                     name_at(&view->facts->cameras, fact->camera), "rating", rating(fact->rating),
                     "category", json_utf8(category), "confidence",
                     category ? json_score(view->labels->confidences[row]) : json_null(),
                     "thumbnail", thumbnail, "original", original);
}

json_t *answer_hit(const struct view *view, const struct find_hit *hit)
{
    return json_pack("{s:o, s:o, s:b, s:I}", "photo", answer_photo(view, hit->row), "score",
                     json_score(hit->score), "strong", hit->strong, "collapsed",
                     (json_int_t)hit->collapsed);
}

/* null for what is not told: 0. */
static json_t *positive(double value)
{
    return value > 0 ? json_score(value) : json_null();
}

static json_t *keywords(const char *text)
{
    json_t *list = json_array();
    while (*text) {
        size_t length = strcspn(text, "\n");
        char keyword[PHOTO_KEYWORDS_MAX];
        snprintf(keyword, sizeof keyword, "%.*s", (int)length, text);
        if (length > 0)
            json_array_append_new(list, json_utf8(keyword));
        text += length + (text[length] == '\n');
    }
    return list;
}

static json_t *metadata(const struct photo_meta *meta)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                     "taken_at", json_taken(meta->taken_ms, meta->offset_min), "camera",
                     json_utf8(meta->camera[0] ? meta->camera : NULL), "lens",
                     json_utf8(meta->lens[0] ? meta->lens : NULL), "exposure_s",
                     positive(meta->exposure_s), "f_number", positive(meta->f_number), "focal_mm",
                     positive(meta->focal_mm), "focal35_mm", positive(meta->focal35_mm), "iso",
                     meta->iso > 0 ? json_integer(meta->iso) : json_null(), "latitude",
                     json_score(meta->latitude), "longitude", json_score(meta->longitude),
                     "altitude_m", json_score(meta->altitude_m), "rating", rating(meta->rating),
                     "keywords", keywords(meta->keywords));
}

static json_t *label(const struct store_photo_label *from)
{
    json_t *also = json_array();
    for (size_t i = 0; i < from->also_count; i++)
        json_array_append_new(also, json_utf8(from->also[i]));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:b}", "set", json_utf8(from->set), "category",
                     json_utf8(from->category), "also", also, "confidence",
                     json_score(from->confidence), "margin", json_score(from->margin), "uncertain",
                     from->uncertain);
}

json_t *answer_detail(const struct view *view, size_t row, const struct store_photo *photo,
                      int64_t model_id)
{
    json_t *paths = json_array(), *labels = json_array();
    for (size_t i = 0; i < photo->path_count; i++)
        json_array_append_new(paths, json_utf8(photo->paths[i].path));
    for (size_t i = 0; i < photo->label_count; i++)
        if (photo->labels[i].model_id == model_id)
            json_array_append_new(labels, label(&photo->labels[i]));
    int64_t modified_ns = photo->path_count ? photo->paths[0].mtime_ns : 0;
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "photo", answer_photo(view, row), "paths", paths,
                     "modified_at",
                     modified_ns ? json_time(modified_ns / 1000000, "Z") : json_null(), "metadata",
                     metadata(&photo->meta), "labels", labels);
}
