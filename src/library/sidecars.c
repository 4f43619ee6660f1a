/* SPDX-License-Identifier: MIT
 *
 * See sidecars.h. First every file of every photograph is given its sidecar's path; then they are
 * taken in the order of these, so that photographs that share one are together. A sidecar is read,
 * changed in memory, and renamed over the old one, unless that has changed since it was read:
 * whoever else writes it (a RAW converter that is open) is asked for patience, not overwritten.
 */
#include "library/sidecars.h"

#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_LIMIT (1 << 16)

struct entry {
    char *photo, *sidecar;
    size_t row;
    char *embedded; /* keywords of the photograph */
};

static void entry_free(struct entry *entry)
{
    free(entry->photo);
    free(entry->sidecar);
    free(entry->embedded);
}

struct writing {
    const struct classification *classification;
    const struct categories *categories;
    const struct sidecar_options *options;
    struct sidecar_report *report;
};

struct entries {
    struct entry *items; /* [count] */
    size_t count, capacity;
};

/* --- which sidecar ---------------------------------------------------------------------------- */

static char *sidecar_of(const char *photo)
{
    static const char *const endings[] = {".xmp", ".XMP", ".Xmp"};
    const char *dot = strrchr(path_basename(photo), '.');
    size_t lengths[2] = {strlen(photo), dot ? (size_t)(dot - photo) : strlen(photo)};
    struct str path = str_new(PATH_LIMIT);
    struct stat st;
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
            str_clear(&path);
            str_append(&path, photo, lengths[k]);
            str_put(&path, endings[i]);
            if (str_ok(&path) && stat(path.data, &st) == 0 && S_ISREG(st.st_mode))
                return path.data;
        }
    str_clear(&path);
    str_format(&path, "%s%s", photo, endings[0]);
    if (!str_ok(&path))
        str_free(&path);
    return path.data;
}

static enum status add_entry(struct entries *list, const char *photo, size_t row,
                             const char *embedded, struct err *err)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 256;
        struct entry *more = realloc(list->items, capacity * sizeof *more);
        if (!more)
            return err_no_memory(err, "the sidecars", capacity * sizeof *more);
        list->items = more;
        list->capacity = capacity;
    }
    struct entry entry = {.photo = strdup(photo),
                          .sidecar = sidecar_of(photo),
                          .row = row,
                          .embedded = strdup(embedded ? embedded : "")};
    if (!entry.photo || !entry.sidecar || !entry.embedded) {
        entry_free(&entry);
        return err_no_memory(err, "the sidecars", strlen(photo));
    }
    list->items[list->count++] = entry;
    return OK;
}

static enum status add_copies(struct entries *list, struct store *store, int64_t photo_id,
                              size_t row, struct err *err)
{
    struct store_photo photo;
    enum status status = store_photo_load(store, photo_id, &photo, err);
    if (status == ERR_NOT_FOUND) /* gone meanwhile */
        return OK;
    if (status != OK)
        return status;
    for (size_t i = 0; status == OK && i < photo.path_count; i++)
        status = add_entry(list, photo.paths[i].path, row, photo.embedded.keywords, err);
    store_photo_free(&photo);
    return status;
}

static int by_sidecar(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    int order = strcmp(a->sidecar, b->sidecar);
    return order ? order : strcmp(a->photo, b->photo);
}

static enum status collect(struct entries *list, const struct store_matrix *matrix,
                           struct store *store, struct err *err)
{
    struct store_facts facts;
    enum status status = store_facts_load(store, matrix, &facts, err);
    if (status != OK)
        return status;
    for (size_t row = 0; status == OK && row < matrix->count; row++) {
        const struct store_fact *fact = &facts.rows[row];
        /* With one path, what is effective is embedded wherever the sidecar has no keywords. */
        status = fact->path_count > 1
                     ? add_copies(list, store, matrix->photo_ids[row], row, err)
                     : add_entry(list, matrix->paths[row], row, fact->keywords, err);
    }
    store_facts_free(&facts);
    if (list->count > 1)
        qsort(list->items, list->count, sizeof *list->items, by_sidecar);
    return status;
}

/* --- one sidecar -------------------------------------------------------------------------------
 */

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* before: as it was when it was read; NULL: it was not there. */
static enum status replace_sidecar(const char *path, const struct stat *before,
                                   const struct str *bytes, struct err *err)
{
    struct stat now;
    bool is_there = stat(path, &now) == 0;
    if (is_there != (before != NULL) || (before && !is_same_file(before, &now)))
        return err_set(err, ERR_BUSY, "%s is being written by another program; run this again",
                       path);
    if (before && (now.st_mode & 0222) == 0)
        return err_set(err, ERR_IO, "%s is read-only", path);
    return file_write(path, str_text(bytes), bytes->size, err);
}

static enum status write_one(const struct writing *w, const char *path,
                             const struct xmp_keywords *keywords, struct err *err)
{
    struct file_bytes old = {0};
    struct stat before;
    struct xmp_change change = {0};
    /* A link is left a link: what it points to is written. */
    char *target = realpath(path, NULL);
    bool is_there = target && stat(target, &before) == 0;
    enum status status = is_there ? file_read(&old, target, XMP_SIDECAR_MAX, err) : OK;
    if (status == OK) {
        status = xmp_edit(&change, (const char *)old.data, old.size, keywords, err);
        if (status != OK)
            err_prefix(err, "%s", path);
    }
    if (status == OK && change.changed) {
        if (w->options->on_change)
            w->options->on_change(w->options->context, path, &change);
        if (!w->options->dry_run)
            status = replace_sidecar(is_there ? target : path, is_there ? &before : NULL,
                                     &change.bytes, err);
    }
    if (status == OK) {
        w->report->written += change.changed;
        w->report->unchanged += !change.changed;
    }
    xmp_change_free(&change);
    file_bytes_free(&old);
    free(target);
    return status;
}

static void add_name(const char **names, size_t *count, const char *name)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(names[i], name) == 0)
            return;
    if (*count < XMP_KEYWORDS_MAX)
        names[(*count)++] = name;
}

/* The entries of one sidecar: together their categories are its keywords. */
static enum status write_shared(const struct writing *w, const struct entry *entries, size_t count,
                                struct err *err)
{
    const char *names[XMP_KEYWORDS_MAX];
    size_t name_count = 0;
    bool is_asked = false;
    struct stat st;
    for (size_t i = 0; i < count; i++) {
        const struct classification *c = w->classification;
        const int *also, main = c->verdicts[entries[i].row].category;
        size_t also_count = classification_also(c, entries[i].row, &also);
        is_asked |= !w->options->rows || row_set_has(w->options->rows, entries[i].row);
        if (main >= 0)
            add_name(names, &name_count, w->categories->items[main].name);
        for (size_t k = 0; k < also_count; k++)
            add_name(names, &name_count, w->categories->items[also[k]].name);
    }
    if (!is_asked)
        return OK;
    if (stat(entries->photo, &st) != 0) /* no sidecar without its photograph */
        return err_errno(err, errno, "cannot find %s", entries->photo);
    const struct xmp_keywords keywords = {w->options->prefix, names, name_count, entries->embedded};
    return write_one(w, entries->sidecar, &keywords, err);
}

static void entries_free(struct entries *list)
{
    for (size_t i = 0; i < list->count; i++)
        entry_free(&list->items[i]);
    free(list->items);
}

/* One read-only disk of several is no reason to stop; a hundred refusals are. */
static enum status count_failure(struct sidecar_report *report, int why, const struct err *one,
                                 struct err *err)
{
    bool is_hopeless = why == ENOSPC || why == EROFS || why == EDQUOT;
    if (report->failed++ == 0)
        memcpy(report->first_failure, one->text, sizeof report->first_failure);
    if (!is_hopeless || report->failed <= 100)
        return OK;
    return err_set(err, ERR_IO, "%s; %zu sidecars were written before", one->text, report->written);
}

static enum status write_all(const struct writing *w, const struct entries *list, struct err *err)
{
    enum status status = OK;
    for (size_t i = 0, end; status == OK && i < list->count; i = end) {
        struct err one;
        for (end = i + 1; end < list->count; end++)
            if (strcmp(list->items[end].sidecar, list->items[i].sidecar) != 0)
                break;
        errno = 0;
        if (write_shared(w, &list->items[i], end - i, &one) != OK)
            status = count_failure(w->report, errno, &one, err);
    }
    return status;
}

enum status sidecars_write(const struct classification *c, const struct store_matrix *matrix,
                           const struct categories *categories, struct store *store,
                           const struct sidecar_options *options, struct sidecar_report *report,
                           struct err *err)
{
    const struct writing w = {
        .classification = c, .categories = categories, .options = options, .report = report};
    struct entries list = {0};
    *report = (struct sidecar_report){0};
    enum status status = collect(&list, matrix, store, err);
    if (status == OK)
        status = write_all(&w, &list, err);
    entries_free(&list);
    return status;
}
