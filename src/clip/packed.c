/* SPDX-License-Identifier: MIT
 *
 * See packed.h.
 */
#include "clip/packed.h"

#include "base/file.h"
#include "base/str.h"
#include "base/team.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { VERSION = 1, ALIGNMENT = 64, PATH_BYTES = 1 << 16 };
static const char magic[8] = "fovea-w";

struct packed_header {
    char magic[8];
    uint32_t version, sections;
    uint64_t file_bytes;
    struct packed_key key;
    uint64_t hash; /* XXH3 of the header with this field 0, and of the table */
};

struct section {
    uint64_t offset; /* in the file; in memory, an address */
    uint64_t bytes, hash;
};

struct packed {
    struct file_map map; /* of a file */
    const struct section *sections;
    size_t count;
    struct section *owned; /* of memory: the sections, each a block of its own */
};

static uint64_t table_hash(const struct packed_header *header, const struct section *sections)
{
    struct packed_header plain = *header;
    plain.hash = 0;
    uint64_t seed = XXH3_64bits(&plain, sizeof plain);
    return XXH3_64bits_withSeed(sections, header->sections * sizeof *sections, seed);
}

/* ---- reading ----------------------------------------------------------------------------- */

static const uint8_t *section_data(const struct packed *p, const struct section *s)
{
    return p->map.data ? p->map.data + s->offset : (const uint8_t *)(uintptr_t)s->offset;
}

static enum status damaged(const char *path, const char *why, struct err *err)
{
    return err_set(err, ERR_FORMAT, "the prepared weights %s are %s", path, why);
}

static enum status check_table(struct packed *p, const char *path, const struct packed_key *key,
                               struct err *err)
{
    struct packed_header header;
    if (p->map.size < sizeof header)
        return damaged(path, "cut short", err);
    memcpy(&header, p->map.data, sizeof header);
    if (memcmp(header.magic, magic, sizeof magic) != 0 || header.version != VERSION)
        return damaged(path, "of another version of fovea", err);
    if (memcmp(&header.key, key, sizeof *key) != 0)
        return damaged(path, "of another model or another machine", err);
    if (header.file_bytes != p->map.size || header.sections > PACKED_SECTIONS_MAX ||
        header.sections * sizeof(struct section) > p->map.size - sizeof header)
        return damaged(path, "cut short", err);
    p->sections = (const struct section *)(p->map.data + sizeof header);
    p->count = header.sections;
    if (table_hash(&header, p->sections) != header.hash)
        return damaged(path, "damaged", err);
    for (size_t i = 0; i < p->count; i++) {
        const struct section *s = &p->sections[i];
        if (s->offset % ALIGNMENT || s->offset > p->map.size || s->bytes > p->map.size - s->offset)
            return damaged(path, "damaged", err);
    }
    return OK;
}

struct section_check {
    const struct packed *packed;
    atomic_int wrong;
};

static void check_section(void *context, int item, int lane)
{
    struct section_check *check = context;
    const struct section *s = &check->packed->sections[item];
    (void)lane;
    if (XXH3_64bits(section_data(check->packed, s), s->bytes) != s->hash)
        check->wrong++;
}

static enum status check_sections(const struct packed *p, const char *path, int threads,
                                  struct err *err)
{
    struct section_check check = {.packed = p};
    struct team *team;
    enum status status = team_open(&team, threads, err);
    if (status != OK)
        return status;
    team_run(team, (int)p->count, check_section, &check);
    team_close(team);
    return check.wrong ? damaged(path, "damaged", err) : OK;
}

enum status packed_open(struct packed **out, const char *path, const struct packed_key *key,
                        int threads, struct err *err)
{
    struct packed *p = calloc(1, sizeof *p);
    *out = NULL;
    if (!p)
        return err_no_memory(err, "prepared weights", sizeof *p);
    enum status status = file_map_open(&p->map, path, err);
    if (status == OK)
        status = check_table(p, path, key, err);
    if (status == OK)
        status = check_sections(p, path, threads, err);
    if (status != OK) {
        packed_close(p);
        return status;
    }
    *out = p;
    return OK;
}

void packed_close(struct packed *p)
{
    if (!p)
        return;
    file_map_close(&p->map);
    for (size_t i = 0; p->owned && i < p->count; i++)
        free((void *)(uintptr_t)p->owned[i].offset);
    free(p->owned);
    free(p);
}

enum status packed_section(const struct packed *p, size_t index, size_t bytes, const void **out,
                           struct err *err)
{
    if (index >= p->count || p->sections[index].bytes != bytes)
        return err_set(err, ERR_FORMAT, "prepared weights do not fit the model");
    *out = section_data(p, &p->sections[index]);
    return OK;
}

/* ---- writing ----------------------------------------------------------------------------- */

struct packed_writer {
    struct packed_key key;
    char *path, *temporary; /* NULL for memory */
    int file;               /* -1 for memory */
    struct section *sections;
    size_t count, capacity;
    void *block; /* of the section at hand */
    uint64_t end;
};

/* Temporary files that killed writers have left: nobody holds their lock. */
static void remove_abandoned(const char *path)
{
    struct str folder = str_new(PATH_BYTES), name = str_new(PATH_BYTES);
    const char *base = path_basename(path);
    str_append(&folder, path, (size_t)(base - path));
    str_put(&folder, ".");
    DIR *d = str_ok(&folder) ? opendir(str_text(&folder)) : NULL;
    for (const struct dirent *e; d && (e = readdir(d));) {
        size_t n = strlen(base);
        if (strncmp(e->d_name, base, n) != 0 || e->d_name[n] != '.')
            continue;
        str_clear(&name);
        path_join(&name, str_text(&folder), e->d_name);
        int file = str_ok(&name) ? open(str_text(&name), O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
        if (file >= 0 && flock(file, LOCK_EX | LOCK_NB) == 0)
            unlink(str_text(&name));
        if (file >= 0)
            close(file);
    }
    if (d)
        closedir(d);
    str_free(&folder);
    str_free(&name);
}

/* A new file beside the one to be, locked for as long as it is being written. */
static enum status open_temporary(struct packed_writer *w, struct err *err)
{
    enum { ATTEMPTS = 100 };
    struct str name = str_new(PATH_BYTES);
    struct stat st;
    remove_abandoned(w->path);
    for (unsigned i = 0; i < ATTEMPTS && w->file < 0; i++) {
        str_clear(&name);
        str_format(&name, "%s.%ld.%u", w->path, (long)getpid(), i);
        if (!str_ok(&name))
            break;
        errno = 0;
        w->file = open(str_text(&name), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (w->file < 0 && errno != EEXIST)
            break;
        /* Before it was locked, another writer may have taken it for abandoned. */
        if (w->file >= 0 && (flock(w->file, LOCK_EX | LOCK_NB) != 0 || fstat(w->file, &st) != 0 ||
                             st.st_nlink == 0)) {
            close(w->file);
            w->file = -1;
        }
    }
    enum status status = OK;
    if (w->file < 0)
        status = err_errno(err, errno, "cannot write %s", w->path);
    else if (!(w->temporary = strdup(str_text(&name))))
        status = err_no_memory(err, "a file's name", name.size);
    str_free(&name);
    return status;
}

enum status packed_writer_open(struct packed_writer **out, const char *path,
                               const struct packed_key *key, struct err *err)
{
    struct packed_writer *w = calloc(1, sizeof *w);
    enum status status = OK;
    *out = NULL;
    if (!w)
        return err_no_memory(err, "prepared weights", sizeof *w);
    w->key = *key;
    w->file = -1;
    /* The data begins behind the largest table that there can be; the gap takes no space. */
    w->end = (sizeof(struct packed_header) + PACKED_SECTIONS_MAX * sizeof(struct section) +
              ALIGNMENT - 1) /
             ALIGNMENT * ALIGNMENT;
    if (path) {
        w->path = strdup(path);
        status = w->path ? open_temporary(w, err) : err_no_memory(err, "a file's name", 0);
    }
    if (status != OK) {
        packed_writer_close(w);
        return status;
    }
    *out = w;
    return OK;
}

enum status packed_writer_begin(struct packed_writer *w, size_t bytes, void **out, struct err *err)
{
    if (w->count == PACKED_SECTIONS_MAX)
        return err_set(err, ERR_LIMIT, "the model has more than %d tensors", PACKED_SECTIONS_MAX);
    if (w->count == w->capacity) {
        size_t capacity = w->capacity ? 2 * w->capacity : 64;
        struct section *more = realloc(w->sections, capacity * sizeof *more);
        if (!more)
            return err_no_memory(err, "prepared weights", capacity * sizeof *more);
        w->sections = more;
        w->capacity = capacity;
    }
    w->block = aligned_alloc(ALIGNMENT, (bytes / ALIGNMENT + 1) * ALIGNMENT);
    if (!w->block)
        return err_no_memory(err, "prepared weights", bytes);
    w->sections[w->count] = (struct section){.bytes = bytes};
    *out = w->block;
    return OK;
}

static enum status write_at(const struct packed_writer *w, const void *data, size_t size,
                            uint64_t offset, struct err *err)
{
    const char *from = data;
    while (size > 0) {
        ssize_t n = pwrite(w->file, from, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_errno(err, n < 0 ? errno : ENOSPC, "cannot write %s", w->path);
        from += n;
        size -= (size_t)n;
        offset += (uint64_t)n;
    }
    return OK;
}

enum status packed_writer_end(struct packed_writer *w, struct err *err)
{
    struct section *s = &w->sections[w->count];
    enum status status = OK;
    if (w->file < 0) {
        s->offset = (uint64_t)(uintptr_t)w->block;
    } else {
        s->offset = w->end;
        s->hash = XXH3_64bits(w->block, s->bytes);
        w->end += (s->bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        status = write_at(w, w->block, s->bytes, s->offset, err);
        free(w->block);
    }
    w->block = NULL;
    if (status == OK)
        w->count++;
    return status;
}

/* Header and table last, then everything to the disk, then the name. */
static enum status finish_file(struct packed_writer *w, struct err *err)
{
    struct packed_header header = {
        .version = VERSION, .sections = (uint32_t)w->count, .file_bytes = w->end, .key = w->key};
    memcpy(header.magic, magic, sizeof magic);
    header.hash = table_hash(&header, w->sections);
    enum status status = write_at(w, &header, sizeof header, 0, err);
    if (status == OK)
        status = write_at(w, w->sections, w->count * sizeof *w->sections, sizeof header, err);
    if (status == OK && (ftruncate(w->file, (off_t)w->end) != 0 || fsync(w->file) != 0 ||
                         rename(w->temporary, w->path) != 0))
        status = err_errno(err, errno, "cannot write %s", w->path);
    if (status != OK)
        return status;
    free(w->temporary);
    w->temporary = NULL; /* there is nothing to remove any more */
    return OK;
}

enum status packed_writer_finish(struct packed_writer *w, struct packed **out, struct err *err)
{
    struct packed *p = calloc(1, sizeof *p);
    *out = NULL;
    if (!p)
        return err_no_memory(err, "prepared weights", sizeof *p);
    if (w->file < 0) {
        p->owned = w->sections;
        p->sections = w->sections;
        p->count = w->count;
        w->sections = NULL;
        w->count = 0;
        *out = p;
        return OK;
    }
    enum status status = finish_file(w, err);
    if (status == OK)
        status = file_map_open(&p->map, w->path, err);
    if (status == OK) /* the header's size has been mapped by whoever renamed last */
        status = check_table(p, w->path, &w->key, err);
    if (status != OK) {
        packed_close(p);
        return status;
    }
    *out = p;
    return OK;
}

void packed_writer_close(struct packed_writer *w)
{
    if (!w)
        return;
    for (size_t i = 0; w->file < 0 && i < w->count; i++)
        free((void *)(uintptr_t)w->sections[i].offset);
    if (w->file >= 0)
        close(w->file);
    if (w->temporary)
        unlink(w->temporary);
    free(w->block);
    free(w->sections);
    free(w->path);
    free(w->temporary);
    free(w);
}
