/* SPDX-License-Identifier: MIT
 *
 * Pictures: thumbnails, and the photographs themselves, whole or a range of their bytes. A file is
 * reached by its photograph's id alone; its path comes from the library and never from a request.
 */
#include "server/api.h"

#include "base/file.h"
#include "image/thumbnail.h"
#include "library/thumbs.h"
#include "server/answer.h"
#include "server/internal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEEP_FOR_EVER "private, max-age=31536000, immutable"
#define KEEP_AN_HOUR "private, max-age=3600"
#define ASK_AGAIN "private, no-cache"

static const struct picture_type {
    const char *format, *type;
    bool shown; /* by browsers */
} picture_types[] = {
    {"jpeg", "image/jpeg", true},  {"png", "image/png", true},    {"webp", "image/webp", true},
    {"gif", "image/gif", true},    {"avif", "image/avif", true},  {"bmp", "image/bmp", true},
    {"tiff", "image/tiff", false}, {"heif", "image/heif", false}, {"heic", "image/heic", false},
    {"jxl", "image/jxl", false},
};

static const struct picture_type *type_of(const char *format)
{
    for (size_t i = 0; i < sizeof picture_types / sizeof picture_types[0]; i++)
        if (strcmp(picture_types[i].format, format) == 0)
            return &picture_types[i];
    static const struct picture_type other = {"", "application/octet-stream", false};
    return &other;
}

/* A photograph as a handler of pictures needs it; strings are copies, so that no view is held while
 * a file is read. */
struct subject {
    int64_t id;
    char *path;
    struct photo_hash hash;
    char hex[33], format[16];
    int64_t size_bytes, mtime_ns;
};

static bool take_subject(struct exchange *x, const struct view *view, size_t row,
                         struct subject *out)
{
    const struct store_fact *fact = &view->facts->rows[row];
    *out = (struct subject){.id = view->matrix->photo_ids[row],
                            .path = strdup(view->matrix->paths[row]),
                            .hash = fact->hash,
                            .size_bytes = fact->size_bytes,
                            .mtime_ns = fact->mtime_ns};
    snprintf(out->format, sizeof out->format, "%s",
             fact->format >= 0 ? view->facts->formats.names[fact->format] : "");
    for (size_t i = 0; i < sizeof fact->hash.bytes; i++)
        snprintf(out->hex + 2 * i, 3, "%02x", fact->hash.bytes[i]);
    if (!out->path)
        reply_error(x, 503, "not enough memory just now");
    return out->path != NULL;
}

static bool find_by_id(struct exchange *x, struct subject *out)
{
    int64_t id;
    if (!captured_id(x, 0, &id))
        return false;
    const struct view *view = live_view(x->server->live);
    size_t row = snapshot_row_of(view->snapshot, id);
    bool found = row != SNAPSHOT_NO_ROW && take_subject(x, view, row, out);
    if (row == SNAPSHOT_NO_ROW)
        reply_error(x, 404, "there is no photograph %lld", (long long)id);
    live_release(x->server->live, view);
    return found;
}

/* Whether the address names this content. */
static bool address_has_version(const struct exchange *x, const struct subject *subject)
{
    const char *version = uri_param(&x->uri, "v");
    return version && strlen(version) == 16 && strncmp(version, subject->hex, 16) == 0;
}

/* --- thumbnails --------------------------------------------------------------------------- */

/* What is wrong with the file is no fault of the request's. */
static void reply_file_err(struct exchange *x, const struct err *err)
{
    reply_error(x, err->status == ERR_MEMORY ? 503 : 404, "%s", err->text);
}

void api_thumbnail(struct exchange *x)
{
    static const char *const sizes[] = {"256", "1024", NULL};
    struct subject subject = {0};
    int size;
    if (!param_choice(x, "size", sizes, 0, &size) || !find_by_id(x, &subject))
        return;
    const int side = size == 1 ? THUMBNAIL_LARGE : THUMBNAIL_SMALL;
    char etag[64];
    snprintf(etag, sizeof etag, "\"%s-%d\"", subject.hex, side);
    bool keep = address_has_version(x, &subject);
    struct file_bytes bytes = {0};
    struct err err;
    if (reply_not_modified(x, etag)) {
        reply_header(x, "Cache-Control", "%s", keep ? KEEP_FOR_EVER : ASK_AGAIN);
    } else if (thumbs_make(x->server->thumbs, &subject.hash, subject.path, side, &bytes, &err) ==
               OK) {
        reply_bytes(x, 200, "image/webp", bytes.data, bytes.size);
        reply_header(x, "Cache-Control", "%s", keep ? KEEP_FOR_EVER : ASK_AGAIN);
    } else {
        reply_file_err(x, &err);
    }
    free(subject.path);
}

/* --- the photograph ----------------------------------------------------------------------- */

/* One range of bytes (RFC 9110, 14.2): "bytes=0-99", "bytes=100-", "bytes=-100". Anything else, and
 * several ranges, is as if it were not there; *outside: it is one, and the file does not have it.
 */
static bool read_range(const char *text, uint64_t size, uint64_t *first, uint64_t *last,
                       bool *outside)
{
    *outside = false;
    if (!text || strncasecmp(text, "bytes=", 6) != 0 || strchr(text, ','))
        return false;
    text += 6;
    bool has_first = isdigit((unsigned char)*text);
    char *end = (char *)text;
    unsigned long long a = has_first ? strtoull(text, &end, 10) : 0, b = 0;
    if (*end != '-')
        return false;
    text = end + 1;
    bool has_last = isdigit((unsigned char)*text);
    if (has_last)
        b = strtoull(text, &end, 10);
    else
        end = (char *)text;
    if (*end || (!has_first && !has_last) || (has_first && has_last && a > b))
        return false;
    *outside = has_first ? a >= size : (b == 0 || size == 0);
    if (*outside)
        return false;
    *first = has_first ? a : (b < size ? size - b : 0);
    *last = has_first && has_last && b < size ? b : size - 1;
    return true;
}

/* Opens a regular file, without being held up by what else may lie there now. */
static int open_photo(const char *path, struct stat *st, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        (void)err_errno(err, errno, "cannot open the photograph");
        return -1;
    }
    if (fstat(fd, st) == 0 && S_ISREG(st->st_mode))
        return fd;
    close(fd);
    (void)err_set(err, ERR_NOT_FOUND, "the photograph is not a file any more");
    return -1;
}

/* RFC 6266 and 8187: the name as UTF-8, escaped. */
static void reply_as_attachment(struct exchange *x, const char *path)
{
    struct str name = str_new(4096), escaped = str_new(8192);
    str_put_utf8(&name, path_basename(path));
    for (const unsigned char *c = (const unsigned char *)str_text(&name); *c; c++)
        str_format(&escaped, isalnum(*c) && *c < 128 ? "%c" : "%%%02X", *c);
    reply_header(x, "Content-Disposition", "attachment; filename*=UTF-8''%s", str_text(&escaped));
    str_free(&name);
    str_free(&escaped);
}

static void send_range(struct exchange *x, const char *type, int fd, uint64_t size,
                       const char *etag)
{
    uint64_t first = 0, last = 0;
    bool outside = false, current = !x->headers.if_range || strcmp(x->headers.if_range, etag) == 0;
    bool part = x->method == METHOD_GET && current &&
                read_range(x->headers.range, size, &first, &last, &outside);
    if (outside) {
        close(fd);
        reply_error(x, 416, "the range lies outside the file");
        reply_header(x, "Content-Range", "bytes */%llu", (unsigned long long)size);
        return;
    }
    reply_static(x, part ? 206 : 200, type, NULL, 0);
    x->reply.kind = REPLY_FILE;
    x->reply.fd = fd;
    x->reply.offset = part ? first : 0;
    x->reply.size = part ? last - first + 1 : size;
    if (part)
        reply_header(x, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)first,
                     (unsigned long long)last, (unsigned long long)size);
}

static void send_file(struct exchange *x, const struct subject *subject, bool as_file)
{
    struct stat st;
    struct err err;
    int fd = open_photo(subject->path, &st, &err);
    if (fd < 0) {
        reply_file_err(x, &err);
        return;
    }
    const int64_t mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    bool same = st.st_size == subject->size_bytes && mtime_ns == subject->mtime_ns;
    char etag[80];
    if (same)
        snprintf(etag, sizeof etag, "\"%s\"", subject->hex);
    else /* changed since it was indexed */
        snprintf(etag, sizeof etag, "\"%llx-%llx\"", (unsigned long long)st.st_size,
                 (unsigned long long)mtime_ns);
    reply_header(x, "Accept-Ranges", "bytes");
    reply_header(x, "Cache-Control", "%s",
                 same && address_has_version(x, subject) ? KEEP_AN_HOUR : ASK_AGAIN);
    if (as_file)
        reply_as_attachment(x, subject->path);
    if (reply_not_modified(x, etag))
        close(fd);
    else
        send_range(x, type_of(subject->format)->type, fd, (uint64_t)st.st_size, etag);
}

static void send_converted(struct exchange *x, const struct subject *subject)
{
    char etag[80];
    snprintf(etag, sizeof etag, "\"%s-%d\"", subject->hex, VIEW_SIDE_MAX);
    reply_header(x, "Cache-Control", "%s",
                 address_has_version(x, subject) ? KEEP_AN_HOUR : ASK_AGAIN);
    if (reply_not_modified(x, etag))
        return;
    struct err err;
    struct image image = {0};
    struct thumbnail out = {0};
    const struct image_options how = {.enough_shorter = 1, .enough_longer = VIEW_SIDE_MAX};
    enum status status = image_decode_file(&image, subject->path, &how, &err);
    if (status == OK)
        status = thumbnail_make(&out, &image, VIEW_SIDE_MAX, &err);
    image_free(&image);
    if (status == OK)
        reply_bytes(x, 200, "image/webp", out.data, out.size);
    else
        reply_file_err(x, &err);
}

static void send_original(struct exchange *x, const struct subject *subject, bool as_file)
{
    if (as_file || type_of(subject->format)->shown)
        send_file(x, subject, as_file);
    else
        send_converted(x, subject);
}

void api_original(struct exchange *x)
{
    static const char *const ways[] = {"view", "file", NULL};
    struct subject subject = {0};
    int way;
    if (!param_choice(x, "as", ways, 0, &way) || !find_by_id(x, &subject))
        return;
    send_original(x, &subject, way == 1);
    free(subject.path);
}

void compat_image(struct exchange *x)
{
    struct subject subject = {0};
    const struct view *view = live_view(x->server->live);
    size_t row = view_find(view, x->captured[0]);
    bool found = row != SNAPSHOT_NO_ROW && take_subject(x, view, row, &subject);
    if (row == SNAPSHOT_NO_ROW)
        reply_error(x, 404, "there is no photograph of this name");
    live_release(x->server->live, view);
    if (found)
        send_original(x, &subject, false);
    free(subject.path);
}
