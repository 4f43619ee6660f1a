/* SPDX-License-Identifier: MIT
 *
 * Of a part of a batch: its photos, their vectors and their metadata (postgres_put.c, 2 to 4).
 */
#include "store/postgres_put.h"

#include <stdio.h>
#include <string.h>

/* --- 2: photos ---------------------------------------------------------------------------- */

enum {
    PHOTO_HASH,
    PHOTO_WIDTH,
    PHOTO_HEIGHT,
    PHOTO_FORMAT,
    PHOTO_HAS_META,
    PHOTO_PHASH,
    PHOTO_META
};
#define PHOTO_COLUMNS (PHOTO_META + META_COLUMN_COUNT)

static void begin_photos(struct pg_array a[PHOTO_COLUMNS])
{
    static const Oid types[PHOTO_META] = {PG_BYTEA, PG_INT, PG_INT, PG_TEXT, PG_BOOL, PG_INT};
    for (int i = 0; i < PHOTO_META; i++)
        pg_array_begin(&a[i], types[i]);
    pg_meta_arrays_begin(a + PHOTO_META);
}

static void add_photo(const struct part *p, const struct content *c, struct pg_array a[])
{
    const struct store_result *r = &p->results[c->first_ok];
    char format[sizeof r->format + 1] = "";
    memcpy(format, r->format, sizeof r->format);
    pg_array_blob(&a[PHOTO_HASH], &c->hash, sizeof c->hash);
    pg_array_int(&a[PHOTO_WIDTH], r->width);
    pg_array_int(&a[PHOTO_HEIGHT], r->height);
    pg_array_text(&a[PHOTO_FORMAT], format);
    pg_array_bool(&a[PHOTO_HAS_META], c->meta != NONE);
    if (c->phash == NONE)
        pg_array_null(&a[PHOTO_PHASH]);
    else
        pg_array_int(&a[PHOTO_PHASH], (int64_t)p->results[c->phash].phash);
    pg_meta_arrays_add(a + PHOTO_META, c->meta == NONE ? NULL : p->results[c->meta].meta);
}

/* Rows of (id, hash). */
static enum status take_ids(struct part *p, struct pg *q, bool added, struct err *err)
{
    bool row;
    enum status status = pg_row(q, &row, err);
    while (status == OK && row) {
        size_t size;
        const void *hash = pg_column_blob(q, 1, &size);
        struct content *c = size == sizeof c->hash ? part_content(p, hash) : NULL;
        if (!c) {
            status = pg_damaged(p->store, "a hash has the wrong size", err);
            break;
        }
        c->id = pg_column_int(q, 0);
        c->added |= added;
        status = pg_row(q, &row, err);
    }
    pg_end(q);
    return status;
}

static enum status add_photos(struct part *p, struct err *err)
{
    struct pg_array a[PHOTO_COLUMNS];
    begin_photos(a);
    for (size_t i = 0; i < p->content_count; i++)
        if (p->contents[i].id == 0 && p->contents[i].first_ok != NONE)
            add_photo(p, &p->contents[i], a);
    enum status status = OK;
    if (a[PHOTO_HASH].count > 0) {
        struct pg q =
            pg_start(p->store, PG_PHOTO_ADD,
                     "INSERT INTO photos (hash, width, height, format, has_meta, phash,"
                     " " META_COLUMNS ") SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9,"
                     "  $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)"
                     " ON CONFLICT (hash) DO NOTHING RETURNING id, hash");
        for (int i = 0; i < PHOTO_COLUMNS; i++)
            pg_array(&q, &a[i]);
        status = take_ids(p, &q, true, err);
    }
    for (int i = 0; i < PHOTO_COLUMNS; i++)
        pg_array_free(&a[i]);
    return status;
}

/* Nobody removes them, or adds a vector, until the transaction ends. */
static enum status lock_photos(struct part *p, struct err *err)
{
    struct pg_array hashes;
    pg_array_begin(&hashes, PG_BYTEA);
    for (size_t i = 0; i < p->content_count; i++)
        if (p->contents[i].id == 0)
            pg_array_blob(&hashes, &p->contents[i].hash, sizeof p->contents[i].hash);
    enum status status = OK;
    if (hashes.count > 0) {
        struct pg q = pg_start(p->store, PG_PHOTO_LOCK,
                               "SELECT id, hash FROM photos WHERE hash = ANY($1)"
                               " ORDER BY hash FOR NO KEY UPDATE");
        pg_array(&q, &hashes);
        status = take_ids(p, &q, false, err);
    }
    pg_array_free(&hashes);
    return status;
}

/* A result without a vector names what is in the library, or what a result before it adds. */
static enum status check_known(const struct part *p, struct err *err)
{
    for (size_t i = 0; i < p->content_count; i++) {
        const struct content *c = &p->contents[i];
        if (c->id == 0 || (c->added && c->first < c->first_ok))
            return err_set(err, ERR_ARGUMENT,
                           "%s has no vector, and its content is not in the library",
                           p->results[c->first].file.path);
    }
    return OK;
}

static bool misses_one(const struct part *p)
{
    for (size_t i = 0; i < p->content_count; i++)
        if (p->contents[i].id == 0 && p->contents[i].first_ok != NONE)
            return true;
    return false;
}

/* One that was there at the first statement may have been removed before the second: then it is
 * missing now, and can be added. */
enum status part_put_photos(struct part *p, struct err *err)
{
    enum status status = OK;
    int turns = 0;
    do {
        status = add_photos(p, err);
        if (status == OK)
            status = lock_photos(p, err);
    } while (status == OK && misses_one(p) && ++turns < 10);
    return status == OK ? check_known(p, err) : status;
}

/* --- 3: vectors --------------------------------------------------------------------------- */

/* Of a finite float16: exact. */
static uint32_t float_bits(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = half & 0x7fff;
    if (rest >= 0x0400)
        return sign | ((rest << 13) + ((127 - 15) << 23));
    float value = (float)rest * 0x1p-24f; /* subnormal, or 0 */
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return sign | bits;
}

/* vector and halfvec as they travel: the dimension, 0, then each element, big-endian. */
static void write_vector(struct pg_copy *c, const struct part *p, const uint16_t *vector)
{
    size_t dim = (size_t)p->dim, width = p->half ? 2 : 4;
    uint8_t bytes[4 + 4 * 256];
    pg_copy_size(c, 4 + dim * width);
    const uint8_t head[4] = {(uint8_t)(dim >> 8), (uint8_t)dim, 0, 0};
    str_append(&c->buffer, (const char *)head, sizeof head);
    for (size_t at = 0; at < dim; at += 256) {
        size_t n = dim - at < 256 ? dim - at : 256;
        for (size_t i = 0; i < n; i++) {
            uint16_t swapped = __builtin_bswap16(vector[at + i]);
            uint32_t wide = __builtin_bswap32(float_bits(vector[at + i]));
            memcpy(bytes + i * width, p->half ? (const void *)&swapped : (const void *)&wide,
                   width);
        }
        str_append(&c->buffer, (const char *)bytes, n * width);
    }
}

static enum status check_finite(const struct part *p, const struct store_result *r, struct err *err)
{
    for (int i = 0; i < p->dim; i++)
        if ((r->vector[i] & 0x7c00) == 0x7c00)
            return err_set(err, ERR_ARGUMENT, "%s: its vector is not finite", r->file.path);
    return OK;
}

/* Which of them have one already: their `vector` becomes NONE. */
static enum status skip_embedded(struct part *p, struct err *err)
{
    struct pg_array ids, numbers;
    pg_array_begin(&ids, PG_INT);
    pg_array_begin(&numbers, PG_INT);
    for (size_t i = 0; i < p->content_count; i++)
        if (p->contents[i].vector != NONE && !p->contents[i].added) {
            pg_array_int(&ids, p->contents[i].id);
            pg_array_int(&numbers, (int64_t)i);
        }
    enum status status = OK;
    if (ids.count > 0) {
        struct pg q = pg_start_model(p->store, PG_EMBEDDING_KNOWN, p->model_id,
                                     "SELECT u.number FROM unnest($1, $2) AS u (id, number)"
                                     " JOIN EMBEDDINGS AS e ON e.photo_id = u.id");
        pg_array(&q, &ids);
        pg_array(&q, &numbers);
        bool row;
        status = pg_row(&q, &row, err);
        while (status == OK && row) {
            p->contents[pg_column_int(&q, 0)].vector = NONE;
            status = pg_row(&q, &row, err);
        }
        pg_end(&q);
    }
    pg_array_free(&ids);
    pg_array_free(&numbers);
    return status;
}

static enum status copy_vectors(struct part *p, struct err *err)
{
    struct pg_copy c;
    char sql[128];
    snprintf(sql, sizeof sql, "COPY embeddings_%lld (photo_id, vector) FROM STDIN (FORMAT binary)",
             (long long)p->model_id);
    enum status status = pg_copy_in(&c, p->store, sql, err);
    for (size_t i = 0; status == OK && i < p->content_count; i++) {
        if (p->contents[i].vector == NONE)
            continue;
        pg_copy_row(&c, 2);
        pg_copy_int(&c, p->contents[i].id);
        write_vector(&c, p, p->results[p->contents[i].vector].vector);
        status = pg_copy_flush(&c, err);
    }
    return pg_copy_in_end(&c, status, err);
}

enum status part_put_vectors(struct part *p, struct err *err)
{
    enum status status = OK;
    bool any = false;
    for (size_t i = 0; status == OK && i < p->content_count; i++)
        if (p->contents[i].vector != NONE)
            status = check_finite(p, &p->results[p->contents[i].vector], err);
    if (status == OK)
        status = skip_embedded(p, err);
    for (size_t i = 0; i < p->content_count; i++)
        any |= p->contents[i].vector != NONE;
    return status == OK && any ? copy_vectors(p, err) : status;
}

/* --- 4: metadata -------------------------------------------------------------------------- */

enum status part_put_meta(struct part *p, struct err *err)
{
    struct pg_array ids, meta[META_COLUMN_COUNT];
    pg_array_begin(&ids, PG_INT);
    pg_meta_arrays_begin(meta);
    for (size_t i = 0; i < p->content_count; i++)
        if (p->contents[i].meta != NONE && !p->contents[i].added) {
            pg_array_int(&ids, p->contents[i].id);
            pg_meta_arrays_add(meta, p->results[p->contents[i].meta].meta);
        }
    enum status status = OK;
    if (ids.count > 0) {
        struct pg q =
            pg_start(p->store, PG_PHOTO_META,
                     "UPDATE photos SET has_meta = true, (" META_COLUMNS ")"
                     " = (u.c2, u.c3, u.c4, u.c5, u.c6, u.c7, u.c8, u.c9, u.c10, u.c11, u.c12,"
                     "  u.c13, u.c14, u.c15)"
                     " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,"
                     "  $15) AS u (id, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14,"
                     "  c15) WHERE photos.id = u.id");
        pg_array(&q, &ids);
        for (int i = 0; i < META_COLUMN_COUNT; i++)
            pg_array(&q, &meta[i]);
        status = pg_run(&q, err);
    }
    pg_array_free(&ids);
    for (int i = 0; i < META_COLUMN_COUNT; i++)
        pg_array_free(&meta[i]);
    return status;
}

enum status part_put_phash(struct part *p, struct err *err)
{
    struct pg_array ids, phashes;
    pg_array_begin(&ids, PG_INT);
    pg_array_begin(&phashes, PG_INT);
    for (size_t i = 0; i < p->content_count; i++)
        if (p->contents[i].phash != NONE && !p->contents[i].added) {
            pg_array_int(&ids, p->contents[i].id);
            pg_array_int(&phashes, (int64_t)p->results[p->contents[i].phash].phash);
        }
    enum status status = OK;
    if (ids.count > 0) {
        struct pg q = pg_start(p->store, PG_PHOTO_PHASH,
                               "UPDATE photos SET phash = u.phash"
                               " FROM unnest($1, $2) AS u (id, phash) WHERE photos.id = u.id");
        pg_array(&q, &ids);
        pg_array(&q, &phashes);
        status = pg_run(&q, err);
    }
    pg_array_free(&ids);
    pg_array_free(&phashes);
    return status;
}
