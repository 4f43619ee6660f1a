/* SPDX-License-Identifier: MIT
 *
 * See schema.h.
 */
#include "schema.h"

#include <regex.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 64 };

struct check {
    const json_t *document;
    char path[512], *why;
    size_t why_size;
    int depth;
};

static bool accepts(struct check *, const json_t *schema, const json_t *value);

static bool fail(struct check *check, const char *what, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    snprintf(check->why, check->why_size, "%s: %s: %.200s", check->path[0] ? check->path : "(all)",
             what, text ? text : "?");
    free(text);
    return false;
}

const json_t *schema_at(const json_t *document, const char *pointer)
{
    if (strncmp(pointer, "#/", 2) != 0)
        return NULL;
    for (const char *at = pointer + 2; document;) {
        char part[256];
        size_t length = strcspn(at, "/"), size = 0;
        for (size_t i = 0; i < length && size < sizeof part - 1; i++) {
            bool escape = at[i] == '~' && i + 1 < length;
            part[size++] = (char)(!escape ? at[i] : at[++i] == '1' ? '/' : '~');
        }
        part[size] = '\0';
        document = json_object_get(document, part);
        if (!at[length])
            break;
        at += length + 1;
    }
    return document;
}

static bool is_type(const char *type, const json_t *value)
{
    if (strcmp(type, "integer") == 0)
        return json_is_integer(value);
    static const struct {
        const char *name;
        json_type type, other;
    } types[] = {{"object", JSON_OBJECT, JSON_OBJECT}, {"array", JSON_ARRAY, JSON_ARRAY},
                 {"string", JSON_STRING, JSON_STRING}, {"number", JSON_INTEGER, JSON_REAL},
                 {"boolean", JSON_TRUE, JSON_FALSE},   {"null", JSON_NULL, JSON_NULL}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].name, type) == 0)
            return json_typeof(value) == types[i].type || json_typeof(value) == types[i].other;
    return false;
}

static bool check_type(struct check *check, const json_t *type, const json_t *value)
{
    bool ok = json_is_string(type) && is_type(json_string_value(type), value);
    for (size_t i = 0; i < json_array_size(type); i++)
        ok |= is_type(json_string_value(json_array_get(type, i)), value);
    return ok || fail(check, "is of another type", value);
}

static bool check_properties(struct check *check, const json_t *schema, const json_t *value)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *required = json_object_get(schema, "required");
    if (!json_is_object(value))
        return true;
    for (size_t i = 0; i < json_array_size(required); i++)
        if (!json_object_get(value, json_string_value(json_array_get(required, i))))
            return fail(check, json_string_value(json_array_get(required, i)), json_null());
    const char *key;
    json_t *member;
    size_t length = strlen(check->path);
    json_object_foreach((json_t *)value, key, member)
    {
        const json_t *inner = json_object_get(properties, key);
        if (!inner && json_is_false(json_object_get(schema, "additionalProperties")))
            return fail(check, key, member);
        snprintf(check->path + length, sizeof check->path - length, ".%s", key);
        if (inner && !accepts(check, inner, member))
            return false;
        check->path[length] = '\0';
    }
    return true;
}

static bool check_items(struct check *check, const json_t *items, const json_t *value)
{
    size_t length = strlen(check->path);
    for (size_t i = 0; i < json_array_size(value); i++) {
        snprintf(check->path + length, sizeof check->path - length, "[%zu]", i);
        if (!accepts(check, items, json_array_get(value, i)))
            return false;
        check->path[length] = '\0';
    }
    return true;
}

static bool check_pattern(struct check *check, const char *pattern, const json_t *value)
{
    char posix[512] = "";
    size_t size = 0;
    for (const char *c = pattern; *c && size < sizeof posix - 8; c++)
        if (c[0] == '\\' && c[1] == 'd') {
            size += (size_t)snprintf(posix + size, sizeof posix - size, "[0-9]");
            c++;
        } else {
            posix[size++] = *c;
            posix[size] = '\0';
        }
    regex_t compiled;
    if (regcomp(&compiled, posix, REG_EXTENDED | REG_NOSUB) != 0)
        return fail(check, "pattern does not compile", value);
    bool ok =
        !json_is_string(value) || regexec(&compiled, json_string_value(value), 0, NULL, 0) == 0;
    regfree(&compiled);
    return ok || fail(check, "does not match its pattern", value);
}

/* minimum and the like: what they bound, by kind of value. */
static bool check_bound(struct check *check, const char *keyword, double bound, const json_t *value)
{
    double number = json_number_value(value), length = -1;
    if (strstr(keyword, "Items"))
        length = json_is_array(value) ? (double)json_array_size(value) : -1;
    else if (strstr(keyword, "Length"))
        length = json_is_string(value) ? (double)json_string_length(value) : -1;
    bool is_number = json_is_number(value), sized = length >= 0, ok = true;
    if (strcmp(keyword, "minimum") == 0)
        ok = !is_number || number >= bound;
    else if (strcmp(keyword, "maximum") == 0)
        ok = !is_number || number <= bound;
    else if (strcmp(keyword, "exclusiveMinimum") == 0)
        ok = !is_number || number > bound;
    else if (strncmp(keyword, "min", 3) == 0)
        ok = !sized || length >= bound;
    else
        ok = !sized || length <= bound;
    return ok || fail(check, keyword, value);
}

static bool check_any(struct check *check, const json_t *list, const json_t *value, bool schemas)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (schemas ? accepts(check, item, value) : json_equal((json_t *)item, (json_t *)value))
            return true;
    }
    return fail(check, schemas ? "fits none of anyOf" : "is not in enum", value);
}

static bool is_one_of(const char *keyword, const char *const *names)
{
    while (*names && strcmp(*names, keyword) != 0)
        names++;
    return *names != NULL;
}

static bool check_keyword(struct check *check, const json_t *schema, const char *keyword,
                          const json_t *argument, const json_t *value)
{
    static const char *const bounds[] = {"minimum",  "maximum",   "exclusiveMinimum", "minItems",
                                         "maxItems", "minLength", "maxLength",        NULL};
    static const char *const silent[] = {"description",   "default", "additionalProperties",
                                         "required",      "example", "contentMediaType",
                                         "contentSchema", NULL};
    if (is_one_of(keyword, silent))
        return true;
    if (is_one_of(keyword, bounds))
        return check_bound(check, keyword, json_number_value(argument), value);
    if (strcmp(keyword, "$ref") == 0)
        return accepts(check, schema_at(check->document, json_string_value(argument)), value);
    if (strcmp(keyword, "type") == 0)
        return check_type(check, argument, value);
    if (strcmp(keyword, "properties") == 0)
        return check_properties(check, schema, value);
    if (strcmp(keyword, "items") == 0)
        return check_items(check, argument, value);
    if (strcmp(keyword, "anyOf") == 0 || strcmp(keyword, "enum") == 0)
        return check_any(check, argument, value, keyword[0] == 'a');
    if (strcmp(keyword, "const") == 0)
        return json_equal((json_t *)argument, (json_t *)value) || fail(check, "const", value);
    if (strcmp(keyword, "pattern") == 0)
        return check_pattern(check, json_string_value(argument), value);
    return fail(check, "the schema has a keyword that is not known here", json_null());
}

static bool accepts(struct check *check, const json_t *schema, const json_t *value)
{
    if (!json_is_object(schema))
        return fail(check, "there is no such schema", value);
    if (check->depth++ > DEPTH_MAX)
        return fail(check, "is nested too deeply", value);
    const char *keyword;
    json_t *argument;
    bool ok = true;
    json_object_foreach((json_t *)schema, keyword, argument)
    {
        ok = ok && check_keyword(check, schema, keyword, argument, value);
    }
    check->depth--;
    return ok;
}

bool schema_accepts(const json_t *document, const json_t *schema, const json_t *value, char *why,
                    size_t why_size)
{
    struct check check = {.document = document, .why = why, .why_size = why_size};
    return accepts(&check, schema, value);
}
