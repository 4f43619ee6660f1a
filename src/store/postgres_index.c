/* SPDX-License-Identifier: MIT
 *
 * What an index run asks and records; the idea is sqlite_index.c's: a photo is its content, a path
 * is where it was last seen, and a photo that has lost its last path waits for the sweep.
 *
 * A batch is recorded by a handful of statements, however many results it has, so that the way to
 * the server counts little: rows go as arrays, one per column, vectors by COPY. Results of a batch
 * count one after the other; where that can show (the same path twice) the batch is cut in parts,
 * within one transaction.
 *
 *   1. which failures leave their path's photo alone
 *   2. photos: those that are new, by hash; then all of the batch, locked, in the order of hashes
 *   3. vectors, where the photo has none yet: while its row is locked nobody else adds one
 *   4. metadata of the photos that were there before
 *   5. files, and their sidecars
 *   6. the end of what this indexer had claimed
 *
 * Rows are locked in the order of their keys, so that two writers rarely wait for each other in a
 * circle; if they do, one of them is asked to try again (pg_again()).
 */
#include "store/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- questions ---------------------------------------------------------------------------- */

/* Makes *model_id 0 if there is no such model: its table cannot be asked. */
enum status postgres_model_there(struct postgres_store *s, int64_t *model_id, struct err *err)
{
    if (*model_id == s->model_there)
        return OK;
    int dim;
    struct err unknown = {0};
    enum status status = postgres_model_dim(s, *model_id, &dim, NULL, &unknown);
    if (status == OK)
        s->model_there = *model_id;
    else if (status == ERR_NOT_FOUND)
        *model_id = 0;
    else if (err)
        *err = unknown;
    return status == ERR_NOT_FOUND ? OK : status;
}

#define STATE_COLUMNS                                                                              \
    ", files.size_bytes, files.mtime_ns, failure IS NOT NULL, photos.has_meta,"                    \
    "  sidecars.size_bytes, sidecars.mtime_ns"                                                     \
    " FROM files LEFT JOIN photos ON photos.id = files.photo_id"                                   \
    "  LEFT JOIN sidecars ON sidecars.path = files.path"

enum { COL_VECTOR, COL_SIZE, COL_MTIME, COL_FAILED, COL_META, COL_SIDECAR_SIZE, COL_SIDECAR_MTIME };

static enum status ask_state(struct postgres_store *s, int64_t model_id,
                             const struct store_file *file, enum file_state *state, struct err *err)
{
    enum status status = postgres_model_there(s, &model_id, err);
    if (status != OK)
        return status;
    struct pg q = pg_start_model(
        s, PG_FILE_STATE, model_id,
        model_id ? "SELECT e.photo_id IS NOT NULL" STATE_COLUMNS
                   " LEFT JOIN EMBEDDINGS AS e ON e.photo_id = files.photo_id WHERE files.path = $1"
                 : "SELECT false" STATE_COLUMNS " WHERE files.path = $1");
    pg_path(&q, file->path);
    bool row;
    status = pg_row(&q, &row, err);
    *state = FILE_NEW;
    if (row) {
        bool sidecar = !pg_column_null(&q, COL_SIDECAR_SIZE);
        const struct store_known known = {
            .size_bytes = pg_column_int(&q, COL_SIZE),
            .mtime_ns = pg_column_int(&q, COL_MTIME),
            .failed = pg_column_int(&q, COL_FAILED) != 0,
            .has_vector = pg_column_int(&q, COL_VECTOR) != 0,
            .has_meta = pg_column_int(&q, COL_META) != 0,
            .sidecar_size_bytes = sidecar ? pg_column_int(&q, COL_SIDECAR_SIZE) : -1,
            .sidecar_mtime_ns = pg_column_int(&q, COL_SIDECAR_MTIME),
        };
        *state = store_known_state(&known, file);
    }
    pg_end(&q);
    return status;
}

enum status postgres_file_state(struct store *store, int64_t model_id,
                                const struct store_file *file, enum file_state *state,
                                struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do
        status = ask_state(s, model_id, file, state, err);
    while (pg_again(s, &tries, &status, err));
    return status;
}

static enum status ask_embedding(struct postgres_store *s, int64_t model_id,
                                 const struct photo_hash *hash, bool *has, struct err *err)
{
    *has = false;
    enum status status = postgres_model_there(s, &model_id, err);
    if (status != OK || model_id == 0)
        return status;
    struct pg q = pg_start_model(s, PG_EMBEDDING_HAS, model_id,
                                 "SELECT 1 FROM photos JOIN EMBEDDINGS AS e"
                                 "  ON e.photo_id = photos.id WHERE photos.hash = $1");
    pg_blob(&q, hash->bytes, sizeof hash->bytes);
    status = pg_row(&q, has, err);
    pg_end(&q);
    return status;
}

enum status postgres_has_embedding(struct store *store, int64_t model_id,
                                   const struct photo_hash *hash, bool *has, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    postgres_beat(s);
    do
        status = ask_embedding(s, model_id, hash, has, err);
    while (pg_again(s, &tries, &status, err));
    return status;
}

/* --- a part of a batch -------------------------------------------------------------------- */

#define NONE SIZE_MAX

/* A content of the part; the numbers are those of results. */
struct content {
    struct photo_hash hash;
    size_t first;               /* that names it */
    size_t first_ok;            /* that may add it: with a vector, or of no model */
    size_t vector, meta, phash; /* the vector: of the first; the others: of the last that has one */
    int64_t id;                 /* 0: not known yet */
    bool added;                 /* by this part */
};

struct part {
    struct postgres_store *store;
    int64_t model_id;
    int dim;
    bool half;
    const struct store_result *results;
    size_t count;
    bool *kept;               /* [count] a failure that leaves the photo alone */
    struct content *contents; /* [content_count] by hash */
    size_t content_count;
};

static int compare_contents(const void *a, const void *b)
{
    const struct content *x = a, *y = b;
    int order = memcmp(&x->hash, &y->hash, sizeof x->hash);
    return order ? order : (x->first > y->first) - (x->first < y->first);
}

static struct content *find_content(const struct part *p, const void *hash)
{
    size_t low = 0, high = p->content_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(&p->contents[middle].hash, hash, sizeof p->contents->hash);
        if (order == 0)
            return &p->contents[middle];
        *(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
    }
    return NULL;
}

static void add_result(const struct part *p, struct content *c, size_t i)
{
    const struct store_result *r = &p->results[i];
    if (c->first_ok == NONE && (r->vector || p->model_id == 0))
        c->first_ok = i;
    if (c->vector == NONE && r->vector)
        c->vector = i;
    if (r->meta)
        c->meta = i;
    if (r->has_phash)
        c->phash = i;
}

static enum status list_contents(struct part *p, struct err *err)
{
    p->contents = calloc(p->count ? p->count : 1, sizeof *p->contents);
    p->kept = calloc(p->count ? p->count : 1, sizeof *p->kept);
    if (!p->contents || !p->kept)
        return err_no_memory(err, "a batch", p->count * sizeof *p->contents);
    for (size_t i = 0; i < p->count; i++)
        if (!p->results[i].failure)
            p->contents[p->content_count++] =
                (struct content){p->results[i].hash, i, NONE, NONE, NONE, NONE, 0, false};
    qsort(p->contents, p->content_count, sizeof *p->contents, compare_contents);
    size_t kept = 0; /* each once */
    for (size_t i = 0; i < p->content_count; i++)
        if (i == 0 || memcmp(&p->contents[i].hash, &p->contents[kept - 1].hash,
                             sizeof p->contents->hash) != 0)
            p->contents[kept++] = p->contents[i];
    p->content_count = kept;
    for (size_t i = 0; i < p->count; i++)
        if (!p->results[i].failure)
            add_result(p, find_content(p, &p->results[i].hash), i);
    return OK;
}

static void free_part(struct part *p)
{
    free(p->contents);
    free(p->kept);
}

/* --- 1: failures -------------------------------------------------------------------------- */

/* A path goes on naming a photo whose content it still holds (another model could not use it), or
 * may hold (it could not be read just now). */
static enum status find_kept(struct part *p, struct err *err)
{
    struct pg_array paths, transient, hashes, numbers;
    pg_array_begin(&paths, PG_BYTEA);
    pg_array_begin(&transient, PG_BOOL);
    pg_array_begin(&hashes, PG_BYTEA);
    pg_array_begin(&numbers, PG_INT);
    for (size_t i = 0; i < p->count; i++)
        if (p->results[i].failure) {
            pg_array_blob(&paths, p->results[i].file.path, strlen(p->results[i].file.path));
            pg_array_bool(&transient, p->results[i].transient);
            pg_array_blob(&hashes, &p->results[i].hash, sizeof p->results[i].hash);
            pg_array_int(&numbers, (int64_t)i);
        }
    enum status status = OK;
    if (paths.count > 0) {
        struct pg q = pg_start(p->store, PG_FILE_KEEPS,
                               "SELECT u.number FROM unnest($1, $2, $3, $4)"
                               "  AS u (path, transient, hash, number)"
                               " JOIN files ON files.path = u.path"
                               " JOIN photos ON photos.id = files.photo_id"
                               " WHERE u.transient OR photos.hash = u.hash");
        pg_array(&q, &paths);
        pg_array(&q, &transient);
        pg_array(&q, &hashes);
        pg_array(&q, &numbers);
        bool row;
        status = pg_row(&q, &row, err);
        while (status == OK && row) {
            p->kept[pg_column_int(&q, 0)] = true;
            status = pg_row(&q, &row, err);
        }
        pg_end(&q);
    }
    pg_array_free(&paths);
    pg_array_free(&transient);
    pg_array_free(&hashes);
    pg_array_free(&numbers);
    return status;
}

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
        struct content *c = size == sizeof c->hash ? find_content(p, hash) : NULL;
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
static enum status put_photos(struct part *p, struct err *err)
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

static enum status put_vectors(struct part *p, struct err *err)
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

static enum status put_meta(struct part *p, struct err *err)
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

static enum status put_phash(struct part *p, struct err *err)
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

/* --- 5: files ----------------------------------------------------------------------------- */

enum { FILE_PATH, FILE_SIZE, FILE_MTIME, FILE_PHOTO, FILE_FAILURE, FILE_COLUMNS };

static void add_file(const struct part *p, const struct store_result *r,
                     struct pg_array a[FILE_COLUMNS])
{
    pg_array_blob(&a[FILE_PATH], r->file.path, strlen(r->file.path));
    pg_array_int(&a[FILE_SIZE], r->file.size_bytes);
    pg_array_int(&a[FILE_MTIME], r->failure && r->transient ? STORE_NO_MTIME : r->file.mtime_ns);
    if (r->failure) {
        pg_array_null(&a[FILE_PHOTO]);
        pg_array_blob(&a[FILE_FAILURE], r->failure, strlen(r->failure));
    } else {
        pg_array_int(&a[FILE_PHOTO], find_content(p, &r->hash)->id);
        pg_array_null(&a[FILE_FAILURE]);
    }
}

static enum status put_files(struct part *p, struct err *err)
{
    static const Oid types[FILE_COLUMNS] = {PG_BYTEA, PG_INT, PG_INT, PG_INT, PG_BYTEA};
    struct pg_array a[FILE_COLUMNS];
    for (int i = 0; i < FILE_COLUMNS; i++)
        pg_array_begin(&a[i], types[i]);
    for (size_t i = 0; i < p->count; i++)
        if (!p->kept[i])
            add_file(p, &p->results[i], a);
    enum status status = OK;
    if (a[0].count > 0) {
        struct pg q =
            pg_start(p->store, PG_FILE_PUT,
                     "INSERT INTO files (path, size_bytes, mtime_ns, photo_id, failure)"
                     " SELECT * FROM unnest($1, $2, $3, $4, $5) AS u (path) ORDER BY u.path"
                     " ON CONFLICT (path) DO UPDATE SET size_bytes = excluded.size_bytes,"
                     "  mtime_ns = excluded.mtime_ns, photo_id = excluded.photo_id,"
                     "  failure = excluded.failure, recorded_at = now()");
        for (int i = 0; i < FILE_COLUMNS; i++)
            pg_array(&q, &a[i]);
        status = pg_run(&q, err);
    }
    for (int i = 0; i < FILE_COLUMNS; i++)
        pg_array_free(&a[i]);
    return status;
}

/* What lay beside the paths. */
static enum status drop_sidecars(struct part *p, struct err *err)
{
    struct pg_array paths;
    pg_array_begin(&paths, PG_BYTEA);
    for (size_t i = 0; i < p->count; i++)
        if (!p->kept[i])
            pg_array_blob(&paths, p->results[i].file.path, strlen(p->results[i].file.path));
    struct pg q = pg_start(p->store, PG_SIDECAR_DROP, "DELETE FROM sidecars WHERE path = ANY($1)");
    pg_array(&q, &paths);
    enum status status = pg_run(&q, err);
    pg_array_free(&paths);
    return status;
}

enum { SIDECAR_PATH, SIDECAR_ITSELF, SIDECAR_SIZE, SIDECAR_MTIME, SIDECAR_HAS_META, SIDECAR_META };
#define SIDECAR_COLUMNS (SIDECAR_META + META_COLUMN_COUNT)

static void add_sidecar(const struct store_result *r, struct pg_array a[SIDECAR_COLUMNS])
{
    pg_array_blob(&a[SIDECAR_PATH], r->file.path, strlen(r->file.path));
    pg_array_blob(&a[SIDECAR_ITSELF], r->sidecar->path, strlen(r->sidecar->path));
    pg_array_int(&a[SIDECAR_SIZE], r->sidecar->size_bytes);
    pg_array_int(&a[SIDECAR_MTIME], r->sidecar->mtime_ns);
    pg_array_bool(&a[SIDECAR_HAS_META], r->sidecar->meta != NULL);
    pg_meta_arrays_add(a + SIDECAR_META, r->sidecar->meta);
}

/* What lies there now. */
static enum status put_sidecars(struct part *p, struct err *err)
{
    static const Oid types[SIDECAR_META] = {PG_BYTEA, PG_BYTEA, PG_INT, PG_INT, PG_BOOL};
    struct pg_array a[SIDECAR_COLUMNS];
    for (int i = 0; i < SIDECAR_META; i++)
        pg_array_begin(&a[i], types[i]);
    pg_meta_arrays_begin(a + SIDECAR_META);
    for (size_t i = 0; i < p->count; i++)
        if (!p->results[i].failure && p->results[i].sidecar &&
            p->results[i].sidecar->size_bytes > 0)
            add_sidecar(&p->results[i], a);
    enum status status = OK;
    if (a[0].count > 0) {
        struct pg q =
            pg_start(p->store, PG_SIDECAR_PUT,
                     "INSERT INTO sidecars (path, sidecar, size_bytes, mtime_ns, has_meta,"
                     " " META_COLUMNS ") SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9,"
                     "  $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)");
        for (int i = 0; i < SIDECAR_COLUMNS; i++)
            pg_array(&q, &a[i]);
        status = pg_run(&q, err);
    }
    for (int i = 0; i < SIDECAR_COLUMNS; i++)
        pg_array_free(&a[i]);
    return status;
}

/* --- 6: claims ---------------------------------------------------------------------------- */

/* What has been recorded is not to be done any more, by anybody (store_claims.h). */
static enum status end_claims(struct part *p, struct err *err)
{
    if (!p->store->joined)
        return OK;
    struct pg_array paths;
    pg_array_begin(&paths, PG_BYTEA);
    for (size_t i = 0; i < p->count; i++)
        pg_array_blob(&paths, p->results[i].file.path, strlen(p->results[i].file.path));
    struct pg q = pg_start(p->store, PG_CLAIM_END,
                           "DELETE FROM claims WHERE model_id = $1 AND path = ANY($2)");
    pg_int(&q, p->model_id);
    pg_array(&q, &paths);
    enum status status = pg_run(&q, err);
    pg_array_free(&paths);
    return status;
}

/* --- the whole batch ---------------------------------------------------------------------- */

static enum status put_part(struct part *p, struct err *err)
{
    static enum status (*const stages[])(struct part *, struct err *) = {
        list_contents, find_kept, put_photos,    put_vectors,  put_meta,
        put_phash,     put_files, drop_sidecars, put_sidecars, end_claims,
    };
    enum status status = OK;
    for (size_t i = 0; status == OK && i < sizeof stages / sizeof stages[0]; i++)
        status = stages[i](p, err);
    free_part(p);
    return status;
}

struct by_path {
    const char *path;
    size_t number;
};

static int compare_paths(const void *a, const void *b)
{
    const struct by_path *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

/* before[i]: 1 + the result before i with the same path; 0: there is none. */
static enum status find_repeats(const struct store_result *results, size_t count, size_t *before,
                                struct err *err)
{
    struct by_path *sorted = malloc(count * sizeof *sorted);
    if (!sorted)
        return err_no_memory(err, "a batch", count * sizeof *sorted);
    for (size_t i = 0; i < count; i++)
        sorted[i] = (struct by_path){results[i].file.path, i};
    qsort(sorted, count, sizeof *sorted, compare_paths);
    for (size_t i = 0; i < count; i++) {
        bool again = i > 0 && strcmp(sorted[i - 1].path, sorted[i].path) == 0;
        before[sorted[i].number] = again ? sorted[i - 1].number + 1 : 0;
    }
    free(sorted);
    return OK;
}

static enum status put_parts(struct postgres_store *s, int64_t model_id,
                             const struct store_result *results, size_t count, const size_t *before,
                             struct err *err)
{
    int dim = 0;
    bool half = false;
    enum status status = pg_begin_write(s, err);
    if (status != OK)
        return status;
    if (model_id != 0)
        status = postgres_model_dim(s, model_id, &dim, &half, err);
    for (size_t start = 0, end; status == OK && start < count; start = end) {
        end = start + 1;
        while (end < count && before[end] <= start)
            end++;
        struct part part = {.store = s,
                            .model_id = model_id,
                            .dim = dim,
                            .half = half,
                            .results = results + start,
                            .count = end - start};
        status = put_part(&part, err);
    }
    return pg_finish(s, status, err);
}

enum status postgres_put_results(struct store *store, int64_t model_id,
                                 const struct store_result *results, size_t count, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    size_t *before = malloc(count * sizeof *before);
    if (!before)
        return err_no_memory(err, "a batch", count * sizeof *before);
    enum status status = find_repeats(results, count, before, err);
    if (status == OK)
        do
            status = put_parts(s, model_id, results, count, before, err);
        while (pg_again(s, &tries, &status, err));
    free(before);
    return status;
}
