/* SPDX-License-Identifier: MIT
 *
 * See uri.h.
 */
#include "server/uri.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place. False for a broken escape and for control characters. */
static bool decode(char *text, bool plus_is_space)
{
    char *out = text;
    for (const char *in = text; *in; in++) {
        unsigned char c = (unsigned char)*in;
        if (c == '%') {
            int high = hex_digit(in[1]), low = high < 0 ? -1 : hex_digit(in[2]);
            if (low < 0)
                return false;
            c = (unsigned char)(high << 4 | low);
            in += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        } else if (c < 0x20 || c == 0x7f) {
            return false;
        }
        if (c == 0)
            return false;
        *out++ = (char)c;
    }
    *out = '\0';
    return true;
}

/* "..", also between backslashes, which some systems take for slashes. */
static bool leads_out(const char *segment)
{
    if (strcmp(segment, ".") == 0 || strchr(segment, '/'))
        return true;
    while (segment) {
        size_t length = strcspn(segment, "\\");
        if (length == 2 && segment[0] == '.' && segment[1] == '.')
            return true;
        segment = segment[length] ? segment + length + 1 : NULL;
    }
    return false;
}

static enum status add_segments(struct uri *uri, char *path, struct err *err)
{
    while (*path) {
        char *slash = strchr(path, '/');
        if (slash)
            *slash = '\0';
        if (uri->segment_count == URI_SEGMENTS_MAX)
            return err_set(err, ERR_LIMIT, "the address has more than %d parts", URI_SEGMENTS_MAX);
        if (!decode(path, false))
            return err_set(err, ERR_ARGUMENT, "the address is not properly encoded");
        if (*path == '\0' || leads_out(path))
            return err_set(err, ERR_ARGUMENT, "the address is not acceptable: empty, '.' or '..'");
        uri->segments[uri->segment_count++] = path;
        if (!slash)
            break;
        path = slash + 1;
    }
    return OK;
}

static enum status add_params(struct uri *uri, char *query, struct err *err)
{
    while (query && *query) {
        char *next = strchr(query, '&');
        if (next)
            *next++ = '\0';
        char *value = strchr(query, '=');
        if (value)
            *value++ = '\0';
        if (uri->param_count == URI_PARAMS_MAX)
            return err_set(err, ERR_LIMIT, "the address has more than %d parameters",
                           URI_PARAMS_MAX);
        if (!decode(query, true) || (value && !decode(value, true)))
            return err_set(err, ERR_ARGUMENT, "the address is not properly encoded");
        if (*query)
            uri->params[uri->param_count++] = (struct uri_param){query, value ? value : ""};
        query = next;
    }
    return OK;
}

enum status uri_parse(struct uri *out, const char *raw, struct err *err)
{
    *out = (struct uri){0};
    if (raw[0] != '/')
        return err_set(err, ERR_ARGUMENT, "the address does not begin with '/'");
    if (strnlen(raw, URI_BYTES_MAX + 1) > URI_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the address is longer than %d bytes", URI_BYTES_MAX);
    out->block = strdup(raw);
    if (!out->block)
        return err_no_memory(err, "the address", strlen(raw));
    char *fragment = strchr(out->block, '#'); /* clients do not send it; proxies have */
    if (fragment)
        *fragment = '\0';
    char *query = strchr(out->block, '?');
    if (query)
        *query++ = '\0';
    enum status status = add_segments(out, out->block + 1, err);
    return status == OK ? add_params(out, query, err) : status;
}

void uri_free(struct uri *uri)
{
    free(uri->block);
    *uri = (struct uri){0};
}

const char *uri_param(const struct uri *uri, const char *name)
{
    for (size_t i = 0; i < uri->param_count; i++)
        if (strcmp(uri->params[i].name, name) == 0)
            return uri->params[i].value;
    return NULL;
}
