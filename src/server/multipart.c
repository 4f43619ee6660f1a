/* SPDX-License-Identifier: MIT
 *
 * See multipart.h. The grammar, of which everything else is refused:
 *
 *     body      = [preamble CRLF] delimiter CRLF part *(CRLF delimiter CRLF part)
 *                 CRLF delimiter "--" epilogue
 *     delimiter = "--" boundary
 *     part      = *(header CRLF) CRLF content
 */
#include "server/multipart.h"

#include <string.h>
#include <strings.h>

enum { BOUNDARY_MAX = 70 }; /* RFC 2046, 5.1.1 */

struct reader {
    const uint8_t *at, *end;
    char delimiter[4 + BOUNDARY_MAX + 1]; /* CRLF "--" boundary */
    size_t delimiter_size;
};

/* The value of `name=` in a header, quoted or not, into out. False where it is not there, or does
 * not fit. A backslash keeps its meaning only before a quote or a backslash: browsers write %22 for
 * a quote, and file names of another system may hold backslashes. */
static bool get_parameter(const char *header, const char *name, char *out, size_t capacity)
{
    size_t length = strlen(name);
    bool quoted = false;
    for (const char *p = header; *p; p++) {
        if (*p == '"')
            quoted = !quoted;
        if (*p != ';' || quoted)
            continue;
        p += 1 + strspn(p + 1, " \t");
        if (strncasecmp(p, name, length) != 0 || p[length] != '=') {
            p--;
            continue;
        }
        p += length + 1;
        bool in_quotes = *p == '"';
        size_t size = 0;
        for (p += in_quotes; *p && *p != (in_quotes ? '"' : ';'); p++) {
            if (in_quotes && *p == '\\' && (p[1] == '"' || p[1] == '\\'))
                p++;
            if (!in_quotes && (*p == ' ' || *p == '\t'))
                break;
            if (size + 1 >= capacity)
                return false;
            out[size++] = *p;
        }
        out[size] = '\0';
        return !in_quotes || *p == '"';
    }
    return false;
}

static enum status begin(struct reader *reader, const char *content_type, const uint8_t *body,
                         size_t size, struct err *err)
{
    char boundary[BOUNDARY_MAX + 1];
    if (!get_parameter(content_type, "boundary", boundary, sizeof boundary) || !*boundary)
        return err_set(err, ERR_FORMAT, "the form has no acceptable boundary (1 to %d characters)",
                       BOUNDARY_MAX);
    *reader = (struct reader){.at = body, .end = body + size};
    memcpy(reader->delimiter, "\r\n--", 4);
    memcpy(reader->delimiter + 4, boundary, strlen(boundary));
    reader->delimiter_size = 4 + strlen(boundary);
    /* The first delimiter may lack the line end before it. */
    size_t first = reader->delimiter_size - 2;
    if (size >= first && memcmp(body, reader->delimiter + 2, first) == 0) {
        reader->at = body + first;
        return OK;
    }
    const uint8_t *found = memmem(body, size, reader->delimiter, reader->delimiter_size);
    if (!found)
        return err_set(err, ERR_FORMAT, "the form's boundary is not in the body");
    reader->at = found + reader->delimiter_size;
    return OK;
}

/* After a delimiter: "--" ends the form, a line end begins a part. */
static enum status after_delimiter(struct reader *reader, bool *more, struct err *err)
{
    if (reader->end - reader->at >= 2 && memcmp(reader->at, "--", 2) == 0) {
        *more = false;
        return OK;
    }
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\t'))
        reader->at++;
    if (reader->end - reader->at < 2 || memcmp(reader->at, "\r\n", 2) != 0)
        return err_set(err, ERR_FORMAT, "the form is cut off or damaged after a boundary");
    reader->at += 2;
    *more = true;
    return OK;
}

static void read_disposition(struct part *part, const char *line, bool *named)
{
    static const char header[] = "content-disposition:";
    if (strncasecmp(line, header, sizeof header - 1) != 0)
        return;
    line += sizeof header - 1;
    line += strspn(line, " \t");
    if (strncasecmp(line, "form-data", 9) != 0)
        return;
    char ignored[1024];
    *named = get_parameter(line, "name", part->name, sizeof part->name);
    part->is_file = get_parameter(line, "filename", ignored, sizeof ignored) ||
                    get_parameter(line, "filename*", ignored, sizeof ignored);
}

static enum status read_head(struct reader *reader, struct part *part, struct err *err)
{
    bool named = false;
    const uint8_t *start = reader->at;
    for (;;) {
        const uint8_t *end = memmem(reader->at, (size_t)(reader->end - reader->at), "\r\n", 2);
        if (!end)
            return err_set(err, ERR_FORMAT, "the form is cut off in the head of a part");
        if (end - start > PART_HEAD_MAX)
            return err_set(err, ERR_LIMIT, "the head of a part is longer than %d bytes",
                           PART_HEAD_MAX);
        char line[PART_HEAD_MAX + 1];
        size_t length = (size_t)(end - reader->at);
        memcpy(line, reader->at, length);
        line[length] = '\0';
        if (strlen(line) != length)
            return err_set(err, ERR_FORMAT, "the head of a part holds a zero byte");
        reader->at = end + 2;
        if (length == 0)
            break;
        read_disposition(part, line, &named);
    }
    return named
               ? OK
               : err_set(err, ERR_FORMAT, "a part of the form has no field name of 1 to %zu bytes",
                         sizeof part->name - 1);
}

enum status form_parse(struct form *out, const char *content_type, const uint8_t *body, size_t size,
                       struct err *err)
{
    *out = (struct form){0};
    if (size == 0)
        return err_set(err, ERR_FORMAT, "the form is empty");
    struct reader reader;
    bool more = false;
    enum status status = begin(&reader, content_type, body, size, err);
    if (status == OK)
        status = after_delimiter(&reader, &more, err);
    while (status == OK && more) {
        if (out->count == PARTS_MAX)
            return err_set(err, ERR_LIMIT, "the form has more than %d parts", PARTS_MAX);
        struct part *part = &out->parts[out->count];
        status = read_head(&reader, part, err);
        if (status != OK)
            break;
        /* An empty part's delimiter begins with the line end that ended its head. */
        reader.at -= 2;
        const uint8_t *end = memmem(reader.at, (size_t)(reader.end - reader.at), reader.delimiter,
                                    reader.delimiter_size);
        if (!end)
            return err_set(err, ERR_FORMAT, "the form is cut off in the part \"%s\"", part->name);
        bool empty = end == reader.at;
        part->data = empty ? end : reader.at + 2;
        part->size = empty ? 0 : (size_t)(end - part->data);
        out->count++;
        reader.at = end + reader.delimiter_size;
        status = after_delimiter(&reader, &more, err);
    }
    return status;
}

const struct part *form_part(const struct form *form, const char *name)
{
    for (size_t i = 0; i < form->count; i++)
        if (strcmp(form->parts[i].name, name) == 0)
            return &form->parts[i];
    return NULL;
}
