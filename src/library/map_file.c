/* SPDX-License-Identifier: MIT
 *
 * See map_file.h.
 */
#include "library/map_file.h"

#include "map/vectors.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "artifacts are written as they lie in memory, and are little-endian"
#endif

enum { VERSION = 1, WIDTH_MAX = 1 << 16 };
static const char magic[8] = {'f', 'o', 'v', 'e', 'a', 'm', 'a', 'p'};

struct head {
    char magic[8];
    uint32_t version, kind;
    uint32_t width, unused;
    uint64_t count;
};

/* Parts begin at multiples of 8. */
static size_t padded(size_t size)
{
    return (size + 7) / 8 * 8;
}

static size_t total_size(const struct map_file *f)
{
    size_t size = sizeof(struct head) + sizeof(uint64_t);
    for (size_t i = 0; i < f->part_count; i++)
        size += padded(f->parts[i].size_bytes);
    return size;
}

enum status map_file_write(const struct map_file *f, struct store *store, int64_t model_id,
                           const char *name, struct err *err)
{
    size_t size = total_size(f), at = sizeof(struct head);
    struct err reason;
    if (!store || size > STORE_ARTIFACT_MAX)
        return OK; /* what is too large to be kept is made each time */
    uint8_t *bytes = calloc(1, size);
    if (!bytes)
        return err_no_memory(err, name, size);
    struct head head = {.version = VERSION, .kind = f->kind, .width = f->width, .count = f->count};
    memcpy(head.magic, magic, sizeof magic);
    memcpy(bytes, &head, sizeof head);
    for (size_t i = 0; i < f->part_count; i++) {
        memcpy(bytes + at, f->parts[i].data, f->parts[i].size_bytes);
        at += padded(f->parts[i].size_bytes);
    }
    uint64_t hash = XXH3_64bits(bytes, at);
    memcpy(bytes + at, &hash, sizeof hash);
    enum status status = store_artifact_put(store, model_id, name, bytes, size, &reason);
    free(bytes);
    /* Open for reading, or another process is writing: then it is kept the next time. */
    if (status == OK || status == ERR_ARGUMENT || status == ERR_BUSY)
        return OK;
    return err_set(err, status, "%s", reason.text);
}

static bool take_parts(struct map_file *f, size_t size, void (*parts)(struct map_file *))
{
    struct head head;
    uint64_t hash;
    if (size < sizeof head + sizeof hash)
        return false;
    uint8_t *bytes = f->bytes;
    memcpy(&head, bytes, sizeof head);
    memcpy(&hash, bytes + size - sizeof hash, sizeof hash);
    if (memcmp(head.magic, magic, sizeof magic) != 0 || head.version != VERSION ||
        head.kind != (uint32_t)f->kind || head.count > MAP_ROWS_MAX || head.width > WIDTH_MAX)
        return false;
    f->width = head.width;
    f->count = head.count;
    parts(f);
    if (total_size(f) != size || XXH3_64bits(bytes, size - sizeof hash) != hash)
        return false;
    size_t at = sizeof head;
    for (size_t i = 0; i < f->part_count; i++) {
        f->parts[i].data = bytes + at;
        at += padded(f->parts[i].size_bytes);
    }
    return true;
}

enum status map_file_read(struct map_file *out, bool *found, enum map_file_kind kind,
                          void (*parts)(struct map_file *), struct store *store, int64_t model_id,
                          const char *name, struct err *err)
{
    size_t size = 0;
    *out = (struct map_file){.kind = kind};
    *found = false;
    if (!store)
        return OK;
    struct err reason;
    enum status status = store_artifact_get(store, model_id, name, &out->bytes, &size, &reason);
    if (status == ERR_NOT_FOUND)
        return OK;
    if (status != OK)
        return err_set(err, status, "%s", reason.text);
    *found = take_parts(out, size, parts);
    if (!*found)
        map_file_free(out);
    return OK;
}

void map_file_free(struct map_file *f)
{
    free(f->bytes);
    *f = (struct map_file){0};
}

/* Where the photographs' numbers lie, behind the head; -1: nowhere. */
static int ids_at(uint32_t kind)
{
    switch (kind) {
    case MAP_FILE_GRAPH:
        return 0;
    case MAP_FILE_MAP:
        return MAP_FILE_RECIPE_BYTES;
    case MAP_FILE_GROUPS:
        return sizeof(uint64_t); /* the seed */
    default:
        return -1;
    }
}

void map_file_renumber(void *bytes, size_t size_bytes, int64_t (*number)(void *context, int64_t id),
                       void *context)
{
    struct head head;
    uint64_t hash;
    uint8_t *at = bytes;
    if (size_bytes < sizeof head + sizeof hash)
        return;
    memcpy(&head, at, sizeof head);
    int offset = ids_at(head.kind);
    if (memcmp(head.magic, magic, sizeof magic) != 0 || head.version != VERSION || offset < 0 ||
        head.count > MAP_ROWS_MAX ||
        sizeof head + (size_t)offset + head.count * sizeof(int64_t) + sizeof hash > size_bytes)
        return;
    at += sizeof head + (size_t)offset;
    for (size_t i = 0; i < head.count; i++, at += sizeof(int64_t)) {
        int64_t id;
        memcpy(&id, at, sizeof id);
        id = number(context, id);
        memcpy(at, &id, sizeof id);
    }
    size_t before = size_bytes - sizeof hash;
    hash = XXH3_64bits(bytes, before);
    memcpy((uint8_t *)bytes + before, &hash, sizeof hash);
}
