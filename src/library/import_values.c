/* SPDX-License-Identifier: MIT */
#include "library/import_values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- memory ------------------------------------------------------------------------------- */

void *keep_alloc(struct keep *keep, size_t size_bytes, struct err *err)
{
    if (keep->count == keep->capacity) {
        size_t capacity = keep->capacity ? 2 * keep->capacity : 256;
        void **grown = realloc(keep->blocks, capacity * sizeof *grown);
        if (!grown) {
            err_no_memory(err, "the import", capacity * sizeof *grown);
            return NULL;
        }
        keep->blocks = grown;
        keep->capacity = capacity;
    }
    void *block = calloc(1, size_bytes ? size_bytes : 1);
    if (block)
        keep->blocks[keep->count++] = block;
    else
        err_no_memory(err, "the import", size_bytes);
    return block;
}

void keep_free(struct keep *keep)
{
    while (keep->count > 0)
        free(keep->blocks[--keep->count]);
    free(keep->blocks);
    *keep = (struct keep){0};
}

/* --- numbers ------------------------------------------------------------------------------ */

static enum status wrong(const char *key, const char *what, struct err *err)
{
    return err_set(err, ERR_FORMAT, "\"%s\" is to be %s", key, what);
}

enum status value_int(json_t *json, const char *key, int64_t min, int64_t max, int64_t *out,
                      struct err *err)
{
    const json_t *value = json_object_get(json, key);
    if (!json_is_integer(value))
        return wrong(key, "a whole number", err);
    *out = json_integer_value(value);
    if (*out < min || *out > max)
        return err_set(err, ERR_FORMAT, "\"%s\" is %lld, and can be %lld to %lld", key,
                       (long long)*out, (long long)min, (long long)max);
    return OK;
}

enum status value_real(json_t *json, const char *key, double *out, struct err *err)
{
    const json_t *value = json_object_get(json, key);
    if (!json_is_number(value))
        return wrong(key, "a number", err);
    *out = json_number_value(value);
    return isfinite(*out) ? OK : wrong(key, "a finite number", err);
}

enum status value_bool(json_t *json, const char *key, bool *out, struct err *err)
{
    const json_t *value = json_object_get(json, key);
    *out = json_is_true(value);
    return json_is_boolean(value) ? OK : wrong(key, "true or false", err);
}

/* --- text --------------------------------------------------------------------------------- */

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* [size / 2] bytes; false if that is not what `hex` is. */
static bool read_hex(const char *hex, size_t size, uint8_t *out)
{
    if (size % 2 != 0)
        return false;
    for (size_t i = 0; i < size; i += 2) {
        int high = digit_of(hex[i]), low = digit_of(hex[i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return true;
}

enum status text_of(struct keep *keep, json_t *value, size_t size_max, const char **out,
                    struct err *err)
{
    const json_t *hex = json_object_get(value, "hex");
    if (json_is_string(value)) { /* jansson refuses a NUL in it */
        *out = json_string_value(value);
        if (json_string_length(value) > size_max)
            return err_set(err, ERR_FORMAT, "a text has %zu bytes, more than %zu",
                           json_string_length(value), size_max);
        return OK;
    }
    size_t size = json_is_string(hex) ? json_string_length(hex) : 1;
    if (size % 2 != 0 || size / 2 > size_max)
        return err_set(err, ERR_FORMAT, "a text is to be a string, or {\"hex\": \"…\"}");
    char *bytes = keep_alloc(keep, size / 2 + 1, err);
    if (!bytes)
        return ERR_MEMORY;
    if (!read_hex(json_string_value(hex), size, (uint8_t *)bytes) || strlen(bytes) != size / 2)
        return err_set(err, ERR_FORMAT, "a text's \"hex\" is damaged");
    *out = bytes;
    return OK;
}

enum status value_text(struct keep *keep, json_t *json, const char *key, size_t size_max,
                       const char **out, struct err *err)
{
    json_t *value = json_object_get(json, key);
    if (!value)
        return wrong(key, "a text", err);
    enum status status = text_of(keep, value, size_max, out, err);
    return status == OK ? OK : err_prefix(err, "\"%s\"", key);
}

enum status value_hash(json_t *json, const char *key, struct photo_hash *out, struct err *err)
{
    const json_t *value = json_object_get(json, key);
    if (json_is_string(value) && json_string_length(value) == 2 * sizeof out->bytes &&
        read_hex(json_string_value(value), 2 * sizeof out->bytes, out->bytes))
        return OK;
    return wrong(key, "a hash of 32 digits", err);
}

enum status value_array(json_t *json, const char *key, json_t **out, struct err *err)
{
    *out = json_object_get(json, key);
    return !*out || json_is_array(*out) ? OK : wrong(key, "a list", err);
}

/* --- metadata ----------------------------------------------------------------------------- */

/* Where the key is not there, what is in `out` stays. */
static enum status maybe_int(json_t *json, const char *key, int64_t min, int64_t max, int64_t *out,
                             struct err *err)
{
    return json_object_get(json, key) ? value_int(json, key, min, max, out, err) : OK;
}

static enum status maybe_real(json_t *json, const char *key, double min, double max, double *out,
                              struct err *err)
{
    if (!json_object_get(json, key))
        return OK;
    enum status status = value_real(json, key, out, err);
    if (status == OK && (*out < min || *out > max))
        status = err_set(err, ERR_FORMAT, "\"%s\" is %g, and can be %g to %g", key, *out, min, max);
    return status;
}

static bool plain(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static enum status maybe_name(struct keep *keep, json_t *json, const char *key, char *out,
                              struct err *err)
{
    const char *text = "";
    if (!json_object_get(json, key))
        return OK;
    enum status status = value_text(keep, json, key, PHOTO_NAME_MAX - 1, &text, err);
    if (status == OK && (!json_is_string(json_object_get(json, key)) || !plain(text)))
        status = wrong(key, "UTF-8 without control characters", err);
    if (status == OK)
        memcpy(out, text, strlen(text) + 1);
    return status;
}

static enum status read_keywords(json_t *json, struct photo_meta *m, struct err *err)
{
    json_t *list, *value;
    size_t i;
    enum status status = value_array(json, "keywords", &list, err);
    json_array_foreach(list, i, value)
    {
        if (status != OK)
            break;
        const char *text = json_string_value(value);
        if (!text || !*text || !plain(text) || !photo_meta_add_keyword(m, text))
            status = err_set(err, ERR_FORMAT,
                             "\"keywords\" are to be texts without control characters, of %d bytes "
                             "together",
                             PHOTO_KEYWORDS_MAX);
    }
    return status;
}

static enum status read_numbers(json_t *json, struct photo_meta *m, struct err *err)
{
    int64_t offset = m->offset_min, iso = 0, rating = m->rating;
    enum status status = maybe_int(json, "taken_ms", INT64_MIN + 1, INT64_MAX, &m->taken_ms, err);
    if (status == OK)
        status = maybe_int(json, "offset_min", -1440, 1440, &offset, err);
    if (status == OK)
        status = maybe_int(json, "iso", 1, INT32_MAX, &iso, err);
    if (status == OK)
        status = maybe_int(json, "rating", -1, 5, &rating, err);
    const struct {
        const char *key;
        double min, max, *out;
    } reals[] = {
        {"exposure_s", 0, 1e9, &m->exposure_s},    {"f_number", 0, 1e9, &m->f_number},
        {"focal_mm", 0, 1e9, &m->focal_mm},        {"focal35_mm", 0, 1e9, &m->focal35_mm},
        {"latitude", -90, 90, &m->latitude},       {"longitude", -180, 180, &m->longitude},
        {"altitude_m", -1e9, 1e9, &m->altitude_m},
    };
    for (size_t i = 0; status == OK && i < sizeof reals / sizeof reals[0]; i++)
        status = maybe_real(json, reals[i].key, reals[i].min, reals[i].max, reals[i].out, err);
    m->offset_min = (int)offset;
    m->iso = (int)iso;
    m->rating = (int)rating;
    return status;
}

enum status value_meta(struct keep *keep, json_t *json, const struct photo_meta **out,
                       struct err *err)
{
    json_t *object = json_object_get(json, "meta");
    *out = NULL;
    if (!object)
        return OK;
    if (!json_is_object(object))
        return wrong("meta", "an object", err);
    struct photo_meta *m = keep_alloc(keep, sizeof *m, err);
    if (!m)
        return ERR_MEMORY;
    photo_meta_clear(m);
    enum status status = read_numbers(object, m, err);
    if (status == OK)
        status = maybe_name(keep, object, "camera", m->camera, err);
    if (status == OK)
        status = maybe_name(keep, object, "lens", m->lens, err);
    if (status == OK)
        status = read_keywords(object, m, err);
    *out = m;
    return status;
}
