/* SPDX-License-Identifier: MIT
 *
 * See exchange.h.
 */
#include "server/exchange.h"

#include "base/str.h"
#include "server/events.h"
#include "server/limits.h"
#include "server/routes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum method method_named(const char *name)
{
    static const struct {
        const char *name;
        enum method method;
    } methods[] = {{"GET", METHOD_GET}, {"HEAD", METHOD_HEAD},     {"POST", METHOD_POST},
                   {"PUT", METHOD_PUT}, {"DELETE", METHOD_DELETE}, {"OPTIONS", METHOD_OPTIONS}};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(methods[i].name, name) == 0)
            return methods[i].method;
    return 0;
}

const char **request_header(struct request_headers *out, const char *name)
{
    const struct {
        const char *name;
        const char **value;
    } wanted[] = {
        {"Host", &out->host},
        {"Origin", &out->origin},
        {"Referer", &out->referer},
        {"Authorization", &out->authorization},
        {"Cookie", &out->cookie},
        {"Content-Type", &out->content_type},
        {"Sec-Fetch-Site", &out->fetch_site},
        {"Sec-Fetch-Mode", &out->fetch_mode},
        {"Sec-Fetch-Dest", &out->fetch_dest},
        {"Range", &out->range},
        {"If-Range", &out->if_range},
        {"If-None-Match", &out->if_none_match},
        {"Accept-Encoding", &out->accept_encoding},
        {"Access-Control-Request-Method", &out->preflight_method},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (strcasecmp(name, wanted[i].name) == 0)
            return wanted[i].value;
    return NULL;
}

size_t exchange_body_limit(const struct exchange *x)
{
    switch (x->route->body) {
    case BODY_JSON:
        return JSON_BODY_MAX;
    case BODY_FORM:
        return FORM_BYTES_MAX;
    case BODY_JSON_OR_FORM:
        return content_is(x, "multipart/form-data") ? FORM_BYTES_MAX : JSON_BODY_MAX;
    case BODY_NONE:
        break;
    }
    return 0;
}

void exchange_free_reply(struct exchange *x)
{
    struct reply *reply = &x->reply;
    if (reply->kind == REPLY_BYTES)
        free((void *)reply->bytes);
    if (reply->kind == REPLY_FILE)
        close(reply->fd);
    if (reply->kind == REPLY_STREAM)
        events_leave(reply->stream);
    for (size_t i = 0; i < reply->header_count; i++)
        free(reply->headers[i].value);
    *reply = (struct reply){0};
}

static void begin(struct exchange *x, unsigned status, const char *type)
{
    /* An answer takes back an earlier one; headers that are set already stay. */
    if (x->reply.kind == REPLY_BYTES)
        free((void *)x->reply.bytes);
    if (x->reply.kind == REPLY_FILE)
        close(x->reply.fd);
    x->reply.status = status;
    x->reply.type = type;
    x->reply.kind = REPLY_STATIC;
    x->reply.bytes = "";
    x->reply.size = 0;
}

static const char no_memory[] = "{\"detail\": \"not enough memory just now\"}\n";

void reply_json(struct exchange *x, unsigned status, json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(value);
    if (text)
        reply_bytes(x, status, "application/json", text, strlen(text));
    else
        reply_static(x, 503, "application/json", no_memory, sizeof no_memory - 1);
}

void reply_error(struct exchange *x, unsigned status, const char *format, ...)
{
    char text[2 * ERR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct str clean = str_new(4 * sizeof text);
    str_put_utf8(&clean, text);
    reply_json(x, status, json_pack("{s:s}", "detail", str_text(&clean)));
    str_free(&clean);
    if (status == 503)
        reply_header(x, "Retry-After", "%d", RETRY_SECONDS);
}

void reply_err(struct exchange *x, const struct err *err)
{
    static const unsigned by_status[] = {
        [OK] = 500,         [ERR_ARGUMENT] = 400,    [ERR_NOT_FOUND] = 404, [ERR_IO] = 500,
        [ERR_FORMAT] = 400, [ERR_UNSUPPORTED] = 400, [ERR_LIMIT] = 400,     [ERR_MEMORY] = 503,
        [ERR_BUSY] = 503,   [ERR_CANCELLED] = 503,   [ERR_INTERNAL] = 500,
    };
    reply_error(x, by_status[err->status], "%s", err->text);
}

void reply_no_content(struct exchange *x)
{
    begin(x, 204, NULL);
}

void reply_bytes(struct exchange *x, unsigned status, const char *type, void *bytes, size_t size)
{
    begin(x, status, type);
    x->reply.kind = REPLY_BYTES;
    x->reply.bytes = bytes;
    x->reply.size = size;
}

void reply_static(struct exchange *x, unsigned status, const char *type, const void *bytes,
                  size_t size)
{
    begin(x, status, type);
    x->reply.bytes = bytes;
    x->reply.size = size;
}

void reply_header(struct exchange *x, const char *name, const char *format, ...)
{
    if (x->reply.header_count == REPLY_HEADERS_MAX)
        return;
    char *value = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&value, format, args);
    va_end(args);
    if (length < 0)
        return;
    for (char *c = value; *c; c++) /* nothing that ends the line */
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    x->reply.headers[x->reply.header_count++] = (struct reply_header){name, value};
}

/* Whether a list of entity tags has this one, by weak comparison (RFC 9110, 13.1.2). */
static bool tags_have(const char *list, const char *etag)
{
    size_t length = strlen(etag);
    while (*list) {
        list += strspn(list, " \t,");
        if (*list == '*')
            return true;
        if (strncmp(list, "W/", 2) == 0)
            list += 2;
        if (strncmp(list, etag, length) == 0 && strchr(" \t,", list[length]))
            return true;
        list += strcspn(list, ",");
    }
    return false;
}

bool reply_not_modified(struct exchange *x, const char *etag)
{
    reply_header(x, "ETag", "%s", etag);
    if (!x->headers.if_none_match || !tags_have(x->headers.if_none_match, etag))
        return false;
    begin(x, 304, NULL);
    return true;
}

static bool read_int(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno == ERANGE || strchr(" \t\n\v\f\r+", *text))
        return false;
    *out = value;
    return true;
}

bool param_int(struct exchange *x, const char *name, int64_t fallback, int64_t min, int64_t max,
               int64_t *out)
{
    const char *text = uri_param(&x->uri, name);
    *out = fallback;
    if (!text || (read_int(text, out) && *out >= min && *out <= max))
        return true;
    reply_error(x, 400, "%s: \"%.100s\" is not accepted; a whole number from %lld to %lld", name,
                text, (long long)min, (long long)max);
    return false;
}

bool param_choice(struct exchange *x, const char *name, const char *const *names, int fallback,
                  int *out)
{
    const char *text = uri_param(&x->uri, name);
    *out = fallback;
    if (!text)
        return true;
    struct str accepted = str_new(400);
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], text) == 0) {
            *out = i;
            str_free(&accepted);
            return true;
        }
        str_format(&accepted, "%s%s", i ? ", " : "", names[i]);
    }
    reply_error(x, 400, "%s: \"%.100s\" is not accepted; one of: %s", name, text,
                str_text(&accepted));
    str_free(&accepted);
    return false;
}

bool param_bool(struct exchange *x, const char *name, bool fallback, bool *out)
{
    static const char *const words[] = {"false", "true", NULL};
    int index;
    bool ok = param_choice(x, name, words, fallback, &index);
    *out = index == 1;
    return ok;
}

bool captured_id(struct exchange *x, int i, int64_t *out)
{
    const char *text = x->captured[i];
    if (text && text[0] >= '0' && text[0] <= '9' && read_int(text, out))
        return true;
    reply_error(x, 404, "there is no photograph \"%.100s\": an id is a whole number",
                text ? text : "");
    return false;
}

json_t *read_json(struct exchange *x, const void *text, size_t size)
{
    if (size > JSON_BODY_MAX) {
        reply_error(x, 413, "the JSON is larger than %d bytes", JSON_BODY_MAX);
        return NULL;
    }
    json_error_t where;
    json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
    if (!value)
        reply_error(x, 422, "the body is not JSON: %s (line %d, column %d)", where.text, where.line,
                    where.column);
    if (value && !json_is_object(value)) {
        reply_error(x, 422, "the JSON must be an object");
        json_decref(value);
        return NULL;
    }
    return value;
}

bool content_is(const struct exchange *x, const char *type)
{
    const char *given = x->headers.content_type ? x->headers.content_type : "";
    size_t length = strlen(type);
    return strncasecmp(given, type, length) == 0 && strchr("; \t", given[length]);
}

json_t *read_json_body(struct exchange *x)
{
    if (content_is(x, "application/json"))
        return read_json(x, x->body, x->body_size);
    reply_error(x, 415, "the body must be JSON: send it with Content-Type: application/json");
    return NULL;
}

bool read_form(struct exchange *x, struct form *form)
{
    struct err err;
    if (!content_is(x, "multipart/form-data")) {
        reply_error(x, 415, "the body must be a form: multipart/form-data");
        return false;
    }
    enum status status = form_parse(form, x->headers.content_type, x->body, x->body_size, &err);
    if (status != OK)
        reply_error(x, status == ERR_LIMIT ? 413 : 400, "%s", err.text);
    return status == OK;
}
