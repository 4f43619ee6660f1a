/* SPDX-License-Identifier: MIT
 *
 * Facts of every photo of a matrix, from three sequential reads and no sort but one of ids in
 * memory:
 *
 *   1. photos: embedded metadata to their rows
 *   2. files, by path: the first path of a photo gives size and time, every path counts
 *   3. sidecars, by path: the first one of a photo is laid over its row
 *
 * A sidecar is laid over by turning the row into a struct photo_meta, photo_meta_overlay(), and
 * back: so there is one rule for what wins. Strings are numbered (intern.h) or, as keywords, put
 * into one block; until that block is complete, a row's keywords are an offset into it.
 */
#include "store/facts_build.h"

#include "store/intern.h"

#include <stdlib.h>
#include <string.h>

struct photo_row {
    int64_t photo_id;
    size_t row;
};

struct facts_build {
    const struct store *store;
    const struct store_matrix *matrix;
    struct store_fact *rows;
    struct photo_row *index; /* [count] by photo id */
    size_t *keywords;        /* [count] offsets into strings; 0: "" */
    bool *overlaid;          /* [count] */
    size_t count;
    size_t next_photo, next_path; /* in the index, and in the rows: what is likely asked for next */
    struct str strings;           /* begins with an empty one */
    struct intern formats, cameras, lenses;
    struct photo_meta scratch;
};

static int compare_rows(const void *a, const void *b)
{
    int64_t x = ((const struct photo_row *)a)->photo_id,
            y = ((const struct photo_row *)b)->photo_id;
    return (x > y) - (x < y);
}

static const struct photo_row *find_photo(const struct facts_build *b, int64_t photo_id)
{
    struct photo_row key = {.photo_id = photo_id};
    return bsearch(&key, b->index, b->count, sizeof key, compare_rows);
}

/* Photos come by id, mostly. */
static bool find_by_id(struct facts_build *b, int64_t photo_id, size_t *row)
{
    const struct photo_row *found = &b->index[b->next_photo];
    if (b->next_photo >= b->count || found->photo_id != photo_id)
        found = find_photo(b, photo_id);
    if (!found)
        return false;
    b->next_photo = (size_t)(found - b->index) + 1;
    *row = found->row;
    return true;
}

/* Files come in the order of the matrix, which is that of first paths. */
static bool find_by_path(struct facts_build *b, int64_t photo_id, size_t *row)
{
    if (b->next_path < b->count && b->matrix->photo_ids[b->next_path] == photo_id) {
        *row = b->next_path++;
        return true;
    }
    const struct photo_row *found = find_photo(b, photo_id);
    if (found)
        *row = found->row;
    return found != NULL;
}

/* --- a row and its metadata --------------------------------------------------------------- */

static int number_of(struct intern *names, const char *text, bool *failed)
{
    if (!text[0])
        return -1;
    int number = intern(names, text);
    *failed = *failed || number < 0;
    return number;
}

static enum status take_meta(struct facts_build *b, size_t row, const struct photo_meta *m,
                             struct err *err)
{
    struct store_fact *fact = &b->rows[row];
    bool failed = false;
    fact->taken_ms = m->taken_ms;
    fact->offset_min = (int16_t)m->offset_min;
    fact->rating = m->rating;
    fact->iso = m->iso;
    fact->latitude = m->latitude;
    fact->longitude = m->longitude;
    fact->altitude_m = m->altitude_m;
    fact->exposure_s = m->exposure_s;
    fact->f_number = m->f_number;
    fact->focal_mm = m->focal_mm;
    fact->focal35_mm = m->focal35_mm;
    fact->camera = number_of(&b->cameras, m->camera, &failed);
    fact->lens = number_of(&b->lenses, m->lens, &failed);
    b->keywords[row] = 0;
    if (m->keywords[0]) {
        b->keywords[row] = b->strings.size;
        str_append(&b->strings, m->keywords, strlen(m->keywords) + 1);
    }
    if (failed || !str_ok(&b->strings))
        return err_no_memory(err, "the photos' metadata", b->strings.size);
    return OK;
}

static void copy_name(char *out, size_t size, const struct intern *names, int number)
{
    const char *name = number < 0 ? "" : names->bytes->data + names->offsets[number];
    size_t length = strnlen(name, size - 1);
    memcpy(out, name, length);
    out[length] = '\0';
}

static void give_meta(const struct facts_build *b, size_t row, struct photo_meta *m)
{
    const struct store_fact *fact = &b->rows[row];
    const char *keywords = b->strings.data + b->keywords[row];
    m->taken_ms = fact->taken_ms;
    m->offset_min = fact->offset_min;
    m->rating = fact->rating;
    m->iso = fact->iso;
    m->latitude = fact->latitude;
    m->longitude = fact->longitude;
    m->altitude_m = fact->altitude_m;
    m->exposure_s = fact->exposure_s;
    m->f_number = fact->f_number;
    m->focal_mm = fact->focal_mm;
    m->focal35_mm = fact->focal35_mm;
    copy_name(m->camera, sizeof m->camera, &b->cameras, fact->camera);
    copy_name(m->lens, sizeof m->lens, &b->lenses, fact->lens);
    memcpy(m->keywords, keywords, strlen(keywords) + 1);
}

/* --- the three reads ---------------------------------------------------------------------- */

enum status facts_photo(struct facts_build *b, const struct fact_photo *photo, struct err *err)
{
    size_t row;
    if (!find_by_id(b, photo->id, &row))
        return OK;
    struct store_fact *fact = &b->rows[row];
    if (!photo->hash || photo->hash_size != sizeof fact->hash.bytes)
        return b->store->ops->damaged(b->store, "a hash has the wrong size", err);
    memcpy(fact->hash.bytes, photo->hash, sizeof fact->hash.bytes);
    fact->width = photo->width;
    fact->height = photo->height;
    fact->has_phash = photo->has_phash;
    fact->phash = photo->phash;
    fact->format = intern(&b->formats, photo->format ? photo->format : "");
    if (fact->format < 0)
        return err_no_memory(err, "the photos' metadata", b->strings.size);
    return take_meta(b, row, photo->meta, err);
}

void facts_file(struct facts_build *b, int64_t photo_id, int64_t size_bytes, int64_t mtime_ns)
{
    size_t row;
    if (!find_by_path(b, photo_id, &row))
        return;
    struct store_fact *fact = &b->rows[row];
    if (fact->path_count++ == 0) {
        fact->size_bytes = size_bytes;
        fact->mtime_ns = mtime_ns;
    }
}

/* The first sidecar of a photo is the one that counts, also when nothing could be read from it. */
enum status facts_sidecar(struct facts_build *b, int64_t photo_id, const struct photo_meta *meta,
                          struct err *err)
{
    size_t row;
    if (!find_by_path(b, photo_id, &row) || b->overlaid[row])
        return OK;
    b->overlaid[row] = true;
    if (!meta || b->rows[row].format < 0)
        return OK;
    give_meta(b, row, &b->scratch);
    photo_meta_overlay(&b->scratch, meta);
    return take_meta(b, row, &b->scratch, err);
}

/* --- the whole ---------------------------------------------------------------------------- */

static enum status prepare(struct facts_build *b, struct err *err)
{
    size_t count = b->count, some = count ? count : 1;
    b->rows = calloc(some, sizeof *b->rows);
    b->index = malloc(some * sizeof *b->index);
    b->keywords = calloc(some, sizeof *b->keywords);
    b->overlaid = calloc(some, sizeof *b->overlaid);
    str_append(&b->strings, "", 1);
    if (!b->rows || !b->index || !b->keywords || !b->overlaid || !str_ok(&b->strings))
        return err_no_memory(err, "the photos' metadata", some * sizeof *b->rows);
    b->formats.bytes = b->cameras.bytes = b->lenses.bytes = &b->strings;
    photo_meta_clear(&b->scratch);
    for (size_t i = 0; i < count; i++) {
        b->index[i] = (struct photo_row){b->matrix->photo_ids[i], i};
        b->rows[i].format = -1;
        /* What a photo has that has gone meanwhile: nothing told. */
        enum status status = take_meta(b, i, &b->scratch, err);
        if (status != OK)
            return status;
    }
    qsort(b->index, count, sizeof *b->index, compare_rows);
    return OK;
}

enum status facts_finish(struct facts_build *b, struct store_facts *out, struct err *err)
{
    out->formats = (struct store_names){intern_names(&b->formats), b->formats.count};
    out->cameras = (struct store_names){intern_names(&b->cameras), b->cameras.count};
    out->lenses = (struct store_names){intern_names(&b->lenses), b->lenses.count};
    if (!out->formats.names || !out->cameras.names || !out->lenses.names)
        return err_no_memory(err, "the photos' metadata", b->cameras.count * sizeof(char *));
    for (size_t i = 0; i < b->count; i++)
        b->rows[i].keywords = b->strings.data + b->keywords[i];
    out->count = b->count;
    out->rows = b->rows;
    out->strings = b->strings.data;
    b->rows = NULL;
    b->strings = str_new(0);
    return OK;
}

enum status facts_build_open(struct facts_build **out, const struct store *store,
                             const struct store_matrix *matrix, struct err *err)
{
    struct facts_build *b = *out = calloc(1, sizeof *b);
    if (!b)
        return err_no_memory(err, "the photos' metadata", sizeof *b);
    b->store = store;
    b->matrix = matrix;
    b->count = matrix->count;
    b->strings = str_new(SIZE_MAX / 4);
    enum status status = prepare(b, err);
    if (status != OK) {
        facts_build_close(b);
        *out = NULL;
    }
    return status;
}

void facts_build_close(struct facts_build *b)
{
    if (!b)
        return;
    free(b->rows);
    free(b->index);
    free(b->keywords);
    free(b->overlaid);
    intern_free(&b->formats);
    intern_free(&b->cameras);
    intern_free(&b->lenses);
    str_free(&b->strings);
    free(b);
}
