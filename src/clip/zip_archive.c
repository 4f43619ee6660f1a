/* SPDX-License-Identifier: MIT
 *
 * See zip_archive.h. An archive is read from its end: the end record tells where the central
 * directory lies, and that, where each entry's local header is. Every number is untrusted: places
 * are compared with what is left of the archive by subtraction, so that nothing overflows.
 */
#include "clip/zip_archive.h"

#include <stdlib.h>
#include <string.h>

enum {
    END_SIZE = 22,
    END_COMMENT_MAX = 65535,
    LOCATOR_SIZE = 20,
    END64_SIZE = 56,
    CENTRAL_SIZE = 46,
    LOCAL_SIZE = 30,
    EXTRA_ZIP64 = 1,
    FLAG_ENCRYPTED = 1,
    FLAG_SIZES_FOLLOW = 8,
};

#define END_MARK 0x06054b50u
#define END64_MARK 0x06064b50u
#define LOCATOR_MARK 0x07064b50u
#define CENTRAL_MARK 0x02014b50u
#define LOCAL_MARK 0x04034b50u

struct bytes {
    const uint8_t *data;
    uint64_t size;
};

static uint32_t u16(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8;
}

static uint32_t u32(const uint8_t *at)
{
    return u16(at) | u16(at + 2) << 16;
}

static uint64_t u64(const uint8_t *at)
{
    return u32(at) | (uint64_t)u32(at + 4) << 32;
}

/* ---- the end of the archive -------------------------------------------------------------- */

struct directory {
    uint64_t at, size, count;
    uint64_t end; /* of the whole directory: no entry may reach past its beginning */
};

/* The end record closes the file, but for a comment whose length it names. */
static const uint8_t *find_end(struct bytes zip)
{
    if (zip.size < END_SIZE)
        return NULL;
    uint64_t most = zip.size - END_SIZE < END_COMMENT_MAX ? zip.size - END_SIZE : END_COMMENT_MAX;
    for (uint64_t comment = 0; comment <= most; comment++) {
        const uint8_t *at = zip.data + (zip.size - END_SIZE - comment);
        if (u32(at) == END_MARK && u16(at + 20) == comment)
            return at;
    }
    return NULL;
}

/* The numbers that do not fit the end record, from the record in front of it. */
static enum status read_end64(struct directory *out, struct bytes zip, uint64_t end,
                              struct err *err)
{
    if (end < LOCATOR_SIZE || u32(zip.data + end - LOCATOR_SIZE) != LOCATOR_MARK)
        return OK;
    uint64_t locator = end - LOCATOR_SIZE, at = u64(zip.data + locator + 8);
    if (at > locator || locator - at < END64_SIZE || u32(zip.data + at) != END64_MARK)
        return err_set(err, ERR_FORMAT, "its zip64 end record is not where it should be");
    const uint8_t *record = zip.data + at;
    if (u32(record + 16) != 0 || u32(record + 20) != 0)
        return err_set(err, ERR_UNSUPPORTED, "it is one part of an archive in several files");
    *out = (struct directory){
        .count = u64(record + 32), .size = u64(record + 40), .at = u64(record + 48), .end = at};
    return OK;
}

static enum status find_directory(struct directory *out, struct bytes zip, struct err *err)
{
    const uint8_t *record = find_end(zip);
    if (!record)
        return err_set(err, ERR_FORMAT,
                       "the zip archive has no end: it is incomplete, fetch it again");
    if (u16(record + 4) != 0 || u16(record + 6) != 0)
        return err_set(err, ERR_UNSUPPORTED, "it is one part of an archive in several files");
    uint64_t end = (uint64_t)(record - zip.data);
    *out = (struct directory){
        .count = u16(record + 10), .size = u32(record + 12), .at = u32(record + 16), .end = end};
    enum status status = read_end64(out, zip, end, err);
    if (status != OK)
        return status;
    if (out->at > out->end || out->size > out->end - out->at)
        return err_set(err, ERR_FORMAT, "its directory does not lie in the file");
    if (out->count > ZIP_ENTRIES_MAX)
        return err_set(err, ERR_LIMIT, "it claims %llu entries; the limit is %d",
                       (unsigned long long)out->count, ZIP_ENTRIES_MAX);
    if (out->count > out->size / CENTRAL_SIZE)
        return err_set(err, ERR_FORMAT, "its directory is too short for its %llu entries",
                       (unsigned long long)out->count);
    return OK;
}

/* ---- entries ----------------------------------------------------------------------------- */

struct central {
    struct bytes name;
    uint64_t packed, size, at;
    uint32_t flags, method;
};

static enum status bad(struct err *err, const struct central *c, const char *why)
{
    return err_set(err, ERR_FORMAT, "zip entry %.*s: %s", (int)c->name.size,
                   (const char *)c->name.data, why);
}

/* Numbers of 32 bits that are all ones stand in the zip64 extra field, in this order. */
static enum status read_extra(struct central *c, const uint8_t *extra, size_t size, struct err *err)
{
    uint64_t *const wide[] = {&c->size, &c->packed, &c->at};
    size_t need = 0, next = 0;
    for (size_t i = 0; i < 3; i++)
        need += *wide[i] == UINT32_MAX ? 8 : 0;
    if (need == 0)
        return OK;
    while (size >= 4) {
        size_t id = u16(extra), length = u16(extra + 2);
        if (length > size - 4)
            break;
        if (id == EXTRA_ZIP64) {
            if (length < need)
                break;
            for (size_t i = 0; i < 3; i++)
                if (*wide[i] == UINT32_MAX)
                    *wide[i] = u64(extra + 4 + 8 * next++);
            return OK;
        }
        extra += 4 + length;
        size -= 4 + length;
    }
    return bad(err, c, "its zip64 sizes are missing");
}

/* The record at *at; moves behind it. */
static enum status read_central(struct central *out, struct bytes directory, uint64_t *at,
                                struct err *err)
{
    const uint8_t *record = directory.data + *at;
    uint64_t left = directory.size - *at;
    if (left < CENTRAL_SIZE || u32(record) != CENTRAL_MARK)
        return err_set(err, ERR_FORMAT, "its directory is damaged at byte %llu",
                       (unsigned long long)*at);
    size_t name = u16(record + 28), extra = u16(record + 30), comment = u16(record + 32);
    if (left - CENTRAL_SIZE < name + extra + comment)
        return err_set(err, ERR_FORMAT, "its directory ends within an entry");
    if (name == 0 || name > ZIP_NAME_MAX || memchr(record + CENTRAL_SIZE, 0, name))
        return err_set(err, ERR_FORMAT, "its directory has a name that is none at byte %llu",
                       (unsigned long long)*at);
    *out = (struct central){
        .name = {record + CENTRAL_SIZE, name},
        .flags = u16(record + 8),
        .method = u16(record + 10),
        .packed = u32(record + 20),
        .size = u32(record + 24),
        .at = u32(record + 42),
    };
    *at += CENTRAL_SIZE + name + extra + comment;
    return read_extra(out, record + CENTRAL_SIZE + name, extra, err);
}

/* A size in the local header may be left open (zip64, or told after the data), but not differ. */
static bool size_differs(const struct central *c, const uint8_t *local, size_t at, uint64_t size)
{
    uint32_t says = u32(local + at);
    return says != UINT32_MAX && !(c->flags & FLAG_SIZES_FOLLOW && says == 0) && says != size;
}

/* entries_end: where the directory begins. */
static enum status locate(struct zip_entry *out, const struct central *c, const uint8_t *zip,
                          uint64_t entries_end, struct err *err)
{
    if (c->flags & FLAG_ENCRYPTED)
        return err_set(err, ERR_UNSUPPORTED, "zip entry %.*s is encrypted", (int)c->name.size,
                       (const char *)c->name.data);
    if (c->method != 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "zip entry %.*s is compressed; torch.save() stores without: this archive "
                       "was packed by something else",
                       (int)c->name.size, (const char *)c->name.data);
    if (c->packed != c->size)
        return bad(err, c, "it is stored as it is, but has two sizes");
    if (c->at > entries_end || entries_end - c->at < LOCAL_SIZE)
        return bad(err, c, "it does not lie in the file");
    const uint8_t *local = zip + c->at;
    if (u32(local) != LOCAL_MARK)
        return bad(err, c, "there is no entry where the directory says");
    uint64_t name = u16(local + 26), skip = LOCAL_SIZE + name + u16(local + 28);
    if (skip > entries_end - c->at || c->size > entries_end - c->at - skip)
        return bad(err, c, "it reaches past the end of the entries");
    if (name != c->name.size || memcmp(local + LOCAL_SIZE, c->name.data, name) != 0 ||
        u16(local + 8) != c->method || size_differs(c, local, 18, c->packed) ||
        size_differs(c, local, 22, c->size))
        return bad(err, c, "its own header says something else than the directory");
    *out = (struct zip_entry){.name = (const char *)c->name.data,
                              .name_size = c->name.size,
                              .data = local + skip,
                              .size = c->size,
                              .header = local};
    return OK;
}

/* ---- the whole --------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
    const struct zip_entry *x = a, *y = b;
    return (x->header > y->header) - (x->header < y->header);
}

static int compare_names(const char *a, size_t a_size, const char *b, size_t b_size)
{
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order ? order : (a_size > b_size) - (a_size < b_size);
}

static int by_name(const void *a, const void *b)
{
    const struct zip_entry *x = a, *y = b;
    return compare_names(x->name, x->name_size, y->name, y->name_size);
}

static enum status check_entries(struct zip_archive *zip, struct err *err)
{
    struct zip_entry *e = zip->entries;
    if (zip->count == 0)
        return err_set(err, ERR_FORMAT, "the zip archive is empty");
    qsort(e, zip->count, sizeof *e, by_place);
    for (size_t i = 1; i < zip->count; i++)
        if (e[i].header < e[i - 1].data + e[i - 1].size)
            return err_set(err, ERR_FORMAT, "zip entry %.*s overlaps %.*s", (int)e[i].name_size,
                           e[i].name, (int)e[i - 1].name_size, e[i - 1].name);
    qsort(e, zip->count, sizeof *e, by_name);
    for (size_t i = 1; i < zip->count; i++)
        if (by_name(&e[i - 1], &e[i]) == 0)
            return err_set(err, ERR_FORMAT, "zip entry %.*s is there twice", (int)e[i].name_size,
                           e[i].name);
    return OK;
}

enum status zip_open(struct zip_archive *out, const uint8_t *data, size_t size, struct err *err)
{
    struct directory directory = {0};
    *out = (struct zip_archive){0};
    enum status status = find_directory(&directory, (struct bytes){data, size}, err);
    if (status != OK)
        return status;
    size_t count = (size_t)directory.count;
    out->entries = calloc(count ? count : 1, sizeof *out->entries);
    if (!out->entries)
        return err_no_memory(err, "the directory of a zip archive", count * sizeof *out->entries);
    const struct bytes records = {data + directory.at, directory.size};
    uint64_t at = 0;
    for (; status == OK && out->count < count; out->count++) {
        struct central central = {0};
        status = read_central(&central, records, &at, err);
        if (status == OK)
            status = locate(&out->entries[out->count], &central, data, directory.at, err);
    }
    if (status == OK && at != records.size)
        status = err_set(err, ERR_FORMAT, "its directory has more in it than its entries");
    if (status == OK)
        status = check_entries(out, err);
    if (status != OK)
        zip_close(out);
    return status;
}

void zip_close(struct zip_archive *zip)
{
    free(zip->entries);
    *zip = (struct zip_archive){0};
}

const struct zip_entry *zip_find(const struct zip_archive *zip, const char *name)
{
    const struct zip_entry key = {.name = name, .name_size = strlen(name)};
    return zip->count ? bsearch(&key, zip->entries, zip->count, sizeof key, by_name) : NULL;
}
