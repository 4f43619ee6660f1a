/* SPDX-License-Identifier: MIT
 *
 * See fields.h.
 */
#include "server/fields.h"

#include "base/str.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void fields_fail(struct fields *fields, const char *name, const char *format, ...)
{
    char text[ERR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (fields->ok)
        reply_error(fields->x, 422, "%s%.100s: %s", fields->where, name, text);
    fields->ok = false;
}

void fields_only(struct fields *fields, const json_t *object, const char *const *names)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        size_t i = 0;
        while (names[i] && strcmp(names[i], key) != 0)
            i++;
        if (names[i])
            continue;
        struct str accepted = str_new(600);
        for (size_t j = 0; names[j]; j++)
            str_format(&accepted, "%s%s", j ? ", " : "", names[j]);
        fields_fail(fields, key, "there is no such field; accepted: %s", str_text(&accepted));
        str_free(&accepted);
    }
}

/* NULL: absent, or nothing is read any more. */
static const json_t *get(const struct fields *fields, const json_t *object, const char *name)
{
    return fields->ok ? json_object_get(object, name) : NULL;
}

double fields_number(struct fields *fields, const json_t *object, const char *name, double fallback,
                     double min, double max)
{
    const json_t *value = get(fields, object, name);
    if (!value)
        return fallback;
    double number = json_number_value(value);
    if (json_is_number(value) && number >= min && number <= max)
        return number;
    fields_fail(fields, name, "a number from %g to %g is accepted", min, max);
    return fallback;
}

int64_t fields_integer(struct fields *fields, const json_t *object, const char *name,
                       int64_t fallback, int64_t min, int64_t max)
{
    const json_t *value = get(fields, object, name);
    if (!value)
        return fallback;
    if (json_is_integer(value) && json_integer_value(value) >= min &&
        json_integer_value(value) <= max)
        return json_integer_value(value);
    fields_fail(fields, name, "a whole number from %lld to %lld is accepted", (long long)min,
                (long long)max);
    return fallback;
}

bool fields_bool(struct fields *fields, const json_t *object, const char *name, bool fallback)
{
    const json_t *value = get(fields, object, name);
    if (!value)
        return fallback;
    if (!json_is_boolean(value))
        fields_fail(fields, name, "true or false is accepted");
    return json_is_true(value);
}

const char *fields_text(struct fields *fields, const json_t *object, const char *name, size_t max)
{
    if (!fields->ok)
        return NULL;
    const json_t *value = json_object_get(object, name);
    size_t length = value ? json_string_length(value) : 0;
    if (!value)
        fields_fail(fields, name, "the field is missing");
    else if (!json_is_string(value))
        fields_fail(fields, name, "a text is accepted");
    else if (length == 0 || length > max)
        fields_fail(fields, name, "a text of 1 to %zu bytes is accepted", max);
    return fields->ok ? json_string_value(value) : NULL;
}

int fields_choice(struct fields *fields, const json_t *object, const char *name,
                  const char *const *names, int fallback)
{
    const json_t *value = get(fields, object, name);
    if (!value)
        return fallback;
    const char *text = json_string_value(value);
    struct str accepted = str_new(400);
    int found = -1;
    for (int i = 0; names[i]; i++) {
        if (text && strcmp(names[i], text) == 0)
            found = i;
        str_format(&accepted, "%s%s", i ? ", " : "", names[i]);
    }
    if (found < 0)
        fields_fail(fields, name, "one of these is accepted: %s", str_text(&accepted));
    str_free(&accepted);
    return found < 0 ? fallback : found;
}

const json_t *fields_array(struct fields *fields, const json_t *object, const char *name,
                           size_t min, size_t max)
{
    const json_t *value = get(fields, object, name);
    if (!value)
        return NULL;
    if (json_is_array(value) && json_array_size(value) >= min && json_array_size(value) <= max)
        return value;
    fields_fail(fields, name, "a list of %zu to %zu is accepted", min, max);
    return NULL;
}

const json_t *fields_object(struct fields *fields, const json_t *object, const char *name)
{
    const json_t *value = get(fields, object, name);
    if (!value || json_is_object(value))
        return value;
    fields_fail(fields, name, "an object is accepted");
    return NULL;
}
