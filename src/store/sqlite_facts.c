/* SPDX-License-Identifier: MIT
 *
 * Facts of every photo of a matrix, in three sequential reads and no sort but one of ids in memory:
 *
 *   1. photos, by id, in step with the matrix's ids sorted: embedded metadata to its row
 *   2. files, by path: the first path of a photo gives size and time, every path counts
 *   3. sidecars, by path: the first one of a photo is laid over its row
 *
 * A sidecar is laid over by turning the row into a struct photo_meta, photo_meta_overlay(), and
 * back: so there is one rule for what wins. Strings are numbered (intern.h) or, as keywords, put
 * into one block; until that block is complete, a row's keywords are an offset into it.
 */
#include "store/intern.h"
#include "store/sqlite.h"

#include <stdlib.h>
#include <string.h>

struct photo_row {
    int64_t photo_id;
    size_t row;
};

struct load {
    struct sqlite_store *store;
    const struct store_matrix *matrix;
    struct store_fact *rows;
    struct photo_row *index; /* [count] by photo id */
    size_t *keywords;        /* [count] offsets into strings; 0: "" */
    bool *overlaid;          /* [count] */
    size_t count, next;      /* next: the row that is likely asked for next */
    struct str strings;      /* begins with an empty one */
    struct intern formats, cameras, lenses;
    struct photo_meta scratch, over;
};

static int compare_rows(const void *a, const void *b)
{
    int64_t x = ((const struct photo_row *)a)->photo_id,
            y = ((const struct photo_row *)b)->photo_id;
    return (x > y) - (x < y);
}

static bool find_row(struct load *load, int64_t photo_id, size_t *row)
{
    if (load->next < load->count && load->matrix->photo_ids[load->next] == photo_id) {
        *row = load->next++;
        return true;
    }
    struct photo_row key = {.photo_id = photo_id};
    const struct photo_row *found =
        bsearch(&key, load->index, load->count, sizeof key, compare_rows);
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

static enum status take_meta(struct load *load, size_t row, const struct photo_meta *m,
                             struct err *err)
{
    struct store_fact *fact = &load->rows[row];
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
    fact->camera = number_of(&load->cameras, m->camera, &failed);
    fact->lens = number_of(&load->lenses, m->lens, &failed);
    load->keywords[row] = 0;
    if (m->keywords[0]) {
        load->keywords[row] = load->strings.size;
        str_append(&load->strings, m->keywords, strlen(m->keywords) + 1);
    }
    if (failed || !str_ok(&load->strings))
        return err_no_memory(err, "the photos' metadata", load->strings.size);
    return OK;
}

static void copy_name(char *out, size_t size, const struct intern *names, int number)
{
    const char *name = number < 0 ? "" : names->bytes->data + names->offsets[number];
    size_t length = strnlen(name, size - 1);
    memcpy(out, name, length);
    out[length] = '\0';
}

static void give_meta(const struct load *load, size_t row, struct photo_meta *m)
{
    const struct store_fact *fact = &load->rows[row];
    const char *keywords = load->strings.data + load->keywords[row];
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
    copy_name(m->camera, sizeof m->camera, &load->cameras, fact->camera);
    copy_name(m->lens, sizeof m->lens, &load->lenses, fact->lens);
    memcpy(m->keywords, keywords, strlen(keywords) + 1);
}

/* --- 1: photos ---------------------------------------------------------------------------- */

enum { COL_ID, COL_HASH, COL_WIDTH, COL_HEIGHT, COL_FORMAT, COL_PHASH, COL_META };

static enum status take_photo(struct load *load, const struct sql *q, size_t row, struct err *err)
{
    struct store_fact *fact = &load->rows[row];
    const void *hash = sqlite3_column_blob(q->stmt, COL_HASH);
    if (!hash || sqlite3_column_bytes(q->stmt, COL_HASH) != (int)sizeof fact->hash.bytes)
        return sql_damaged(load->store, "a hash has the wrong size", err);
    memcpy(fact->hash.bytes, hash, sizeof fact->hash.bytes);
    fact->width = sqlite3_column_int(q->stmt, COL_WIDTH);
    fact->height = sqlite3_column_int(q->stmt, COL_HEIGHT);
    fact->has_phash = sqlite3_column_type(q->stmt, COL_PHASH) != SQLITE_NULL;
    fact->phash = (uint64_t)sqlite3_column_int64(q->stmt, COL_PHASH);
    const char *format = (const char *)sqlite3_column_text(q->stmt, COL_FORMAT);
    fact->format = intern(&load->formats, format ? format : "");
    if (fact->format < 0)
        return err_no_memory(err, "the photos' metadata", load->strings.size);
    sql_column_meta(q, COL_META, &load->scratch);
    return take_meta(load, row, &load->scratch, err);
}

static enum status read_photos(struct load *load, struct err *err)
{
    struct sql q = sql_start(load->store, SQL_PHOTO_ALL,
                             "SELECT id, hash, width, height, format, phash, " META_COLUMNS
                             " FROM photos ORDER BY id");
    bool row;
    size_t i = 0;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row && i < load->count) {
        int64_t id = sqlite3_column_int64(q.stmt, COL_ID);
        while (i < load->count && load->index[i].photo_id < id)
            i++;
        if (i < load->count && load->index[i].photo_id == id)
            status = take_photo(load, &q, load->index[i++].row, err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    return status;
}

/* --- 2: files ----------------------------------------------------------------------------- */

static enum status read_files(struct load *load, struct err *err)
{
    struct sql q = sql_start(load->store, SQL_FILE_FACTS,
                             "SELECT photo_id, size_bytes, mtime_ns FROM files"
                             " WHERE photo_id IS NOT NULL ORDER BY path");
    bool row;
    enum status status = sql_row(&q, &row, err);
    load->next = 0;
    while (status == OK && row) {
        size_t at;
        if (find_row(load, sqlite3_column_int64(q.stmt, 0), &at)) {
            struct store_fact *fact = &load->rows[at];
            if (fact->path_count++ == 0) {
                fact->size_bytes = sqlite3_column_int64(q.stmt, 1);
                fact->mtime_ns = sqlite3_column_int64(q.stmt, 2);
            }
        }
        status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    return status;
}

/* --- 3: sidecars -------------------------------------------------------------------------- */

/* Columns: the photo, then has_meta, then the metadata. The first sidecar of a photo is the one
 * that counts, also when nothing could be read from it. */
static enum status take_sidecar(struct load *load, const struct sql *q, struct err *err)
{
    size_t row;
    if (!find_row(load, sqlite3_column_int64(q->stmt, 0), &row) || load->overlaid[row])
        return OK;
    load->overlaid[row] = true;
    if (!sqlite3_column_int(q->stmt, 1) || load->rows[row].format < 0)
        return OK;
    give_meta(load, row, &load->scratch);
    sql_column_meta(q, 2, &load->over);
    photo_meta_overlay(&load->scratch, &load->over);
    return take_meta(load, row, &load->scratch, err);
}

static enum status read_sidecars(struct load *load, struct err *err)
{
    struct sql q = sql_start(load->store, SQL_SIDECAR_ALL,
                             "SELECT photo_id, has_meta, " META_COLUMNS
                             " FROM sidecars CROSS JOIN files USING (path)"
                             " WHERE photo_id IS NOT NULL ORDER BY path");
    bool row;
    enum status status = sql_row(&q, &row, err);
    load->next = 0;
    while (status == OK && row) {
        status = take_sidecar(load, &q, err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    return status;
}

/* --- the whole ---------------------------------------------------------------------------- */

static enum status prepare(struct load *load, struct err *err)
{
    size_t count = load->count, some = count ? count : 1;
    load->rows = calloc(some, sizeof *load->rows);
    load->index = malloc(some * sizeof *load->index);
    load->keywords = calloc(some, sizeof *load->keywords);
    load->overlaid = calloc(some, sizeof *load->overlaid);
    str_append(&load->strings, "", 1);
    if (!load->rows || !load->index || !load->keywords || !load->overlaid ||
        !str_ok(&load->strings))
        return err_no_memory(err, "the photos' metadata", some * sizeof *load->rows);
    load->formats.bytes = load->cameras.bytes = load->lenses.bytes = &load->strings;
    photo_meta_clear(&load->scratch);
    for (size_t i = 0; i < count; i++) {
        load->index[i] = (struct photo_row){load->matrix->photo_ids[i], i};
        load->rows[i].format = -1;
        /* What a photo has that has gone meanwhile: nothing told. */
        enum status status = take_meta(load, i, &load->scratch, err);
        if (status != OK)
            return status;
    }
    qsort(load->index, count, sizeof *load->index, compare_rows);
    return OK;
}

static enum status hand_over(struct load *load, struct store_facts *out, struct err *err)
{
    out->formats = (struct store_names){intern_names(&load->formats), load->formats.count};
    out->cameras = (struct store_names){intern_names(&load->cameras), load->cameras.count};
    out->lenses = (struct store_names){intern_names(&load->lenses), load->lenses.count};
    if (!out->formats.names || !out->cameras.names || !out->lenses.names)
        return err_no_memory(err, "the photos' metadata", load->cameras.count * sizeof(char *));
    for (size_t i = 0; i < load->count; i++)
        load->rows[i].keywords = load->strings.data + load->keywords[i];
    out->count = load->count;
    out->rows = load->rows;
    out->strings = load->strings.data;
    load->rows = NULL;
    load->strings = str_new(0);
    return OK;
}

enum status sqlite_facts_load(struct store *store, const struct store_matrix *matrix,
                              struct store_facts *out, struct err *err)
{
    struct load *load = calloc(1, sizeof *load);
    if (!load)
        return err_no_memory(err, "the photos' metadata", sizeof *load);
    load->store = sqlite_store(store);
    load->matrix = matrix;
    load->count = matrix->count;
    load->strings = str_new(SIZE_MAX / 4);
    enum status status = prepare(load, err);
    if (status == OK)
        status = sql_begin_read(load->store, err);
    if (status == OK) {
        status = read_photos(load, err);
        if (status == OK)
            status = read_files(load, err);
        if (status == OK)
            status = read_sidecars(load, err);
        status = sql_finish(load->store, status, err);
    }
    if (status == OK)
        status = hand_over(load, out, err);
    free(load->rows);
    free(load->index);
    free(load->keywords);
    free(load->overlaid);
    intern_free(&load->formats);
    intern_free(&load->cameras);
    intern_free(&load->lenses);
    str_free(&load->strings);
    free(load);
    return status;
}
