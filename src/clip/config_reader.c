/* SPDX-License-Identifier: MIT
 *
 * See config_reader.h.
 */
#include "clip/config_reader.h"

#include <string.h>

struct reader reader_open(const json_t *parent, const char *name, struct err *err)
{
    struct reader r = {
        .object = parent ? json_object_get(parent, name) : NULL, .where = name, .err = err};
    if (r.object && !json_is_object(r.object)) {
        r.status = err_set(err, ERR_FORMAT, "%s is not an object", name);
        r.object = NULL;
    }
    return r;
}

void reader_refuse(struct reader *r, enum status status, const char *key, const char *why)
{
    if (r->status == OK)
        r->status = err_set(r->err, status, "%s.%s %s", r->where, key, why);
}

const json_t *reader_get(struct reader *r, const char *key)
{
    if (r->seen_count < sizeof r->seen / sizeof *r->seen)
        r->seen[r->seen_count++] = key;
    const json_t *value = r->object ? json_object_get(r->object, key) : NULL;
    return json_is_null(value) ? NULL : value;
}

int reader_int(struct reader *r, const char *key, int fallback, int min, int max)
{
    const json_t *value = reader_get(r, key);
    if (!value)
        return fallback;
    if (json_is_array(value))
        reader_refuse(r, ERR_UNSUPPORTED, key, "is a list: such a model is not supported");
    else if (!json_is_integer(value))
        reader_refuse(r, ERR_FORMAT, key, "is not a whole number");
    else if (json_integer_value(value) < min || json_integer_value(value) > max)
        reader_refuse(r, ERR_FORMAT, key, "is out of range");
    else
        return (int)json_integer_value(value);
    return fallback;
}

double reader_number(struct reader *r, const char *key, double fallback, double min, double max)
{
    const json_t *value = reader_get(r, key);
    if (!value)
        return fallback;
    double x = json_number_value(value);
    if (!json_is_number(value))
        reader_refuse(r, ERR_FORMAT, key, "is not a number");
    else if (!(x >= min && x <= max))
        reader_refuse(r, ERR_FORMAT, key, "is out of range");
    else
        return x;
    return fallback;
}

bool reader_bool(struct reader *r, const char *key)
{
    const json_t *value = reader_get(r, key);
    if (value && !json_is_boolean(value))
        reader_refuse(r, ERR_FORMAT, key, "is not true or false");
    return json_is_true(value);
}

const char *reader_string(struct reader *r, const char *key, const char *fallback)
{
    const json_t *value = reader_get(r, key);
    if (value && !json_is_string(value))
        reader_refuse(r, ERR_FORMAT, key, "is not a text");
    return json_is_string(value) ? json_string_value(value) : fallback;
}

int reader_choice(struct reader *r, const char *key, const char *const *names)
{
    const char *value = reader_string(r, key, names[0]);
    for (int i = 0; names[i]; i++)
        if (strcmp(value, names[i]) == 0)
            return i;
    reader_refuse(r, ERR_UNSUPPORTED, key, "has a value that is not supported");
    return 0;
}

int reader_side(struct reader *r, const char *key, int fallback)
{
    const json_t *value = r->object ? json_object_get(r->object, key) : NULL;
    if (!json_is_array(value))
        return reader_int(r, key, fallback, 1, IMAGE_MAX);
    reader_get(r, key);
    json_int_t a = json_integer_value(json_array_get(value, 0));
    json_int_t b = json_integer_value(json_array_get(value, json_array_size(value) - 1));
    if (json_array_size(value) > 2 || a != b || a < 1 || a > IMAGE_MAX) {
        reader_refuse(r, ERR_UNSUPPORTED, key, "is not a square");
        return fallback;
    }
    return (int)a;
}

void reader_triple(struct reader *r, const char *key, float *out)
{
    const json_t *value = reader_get(r, key);
    if (!value)
        return;
    if (json_array_size(value) != 3) {
        reader_refuse(r, ERR_FORMAT, key, "is not a list of three numbers");
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        const json_t *x = json_array_get(value, i);
        if (!json_is_number(x))
            reader_refuse(r, ERR_FORMAT, key, "is not a list of three numbers");
        out[i] = (float)json_number_value(x);
    }
}
