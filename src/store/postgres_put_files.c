/* SPDX-License-Identifier: MIT
 *
 * Of a part of a batch: its paths, with the failures among them, and their sidecars
 * (postgres_put.c, 1 and 5).
 */
#include "store/postgres_put.h"

#include <string.h>

/* --- 1: failures -------------------------------------------------------------------------- */

/* A path goes on naming a photo whose content it still holds (another model could not use it), or
 * may hold (it could not be read just now). */
enum status part_find_kept(struct part *p, struct err *err)
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
        struct pg q =
            pg_start(p->store, PG_FILE_KEEPS,
                     "SELECT u.number FROM unnest($1, $2, $3, $4)"
                     "  AS u (path, transient, hash, number)"
                     " JOIN files ON " POSTGRES_SAME_PATH(
                         "files.path", "u.path") " JOIN photos ON photos.id = files.photo_id"
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
        pg_array_int(&a[FILE_PHOTO], part_content(p, &r->hash)->id);
        pg_array_null(&a[FILE_FAILURE]);
    }
}

enum status part_put_files(struct part *p, struct err *err)
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
                     " ON CONFLICT (path_head(path), path_rest(path)) DO UPDATE SET size_bytes = "
                     "excluded.size_bytes,"
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
enum status part_drop_sidecars(struct part *p, struct err *err)
{
    struct pg_array paths;
    pg_array_begin(&paths, PG_BYTEA);
    for (size_t i = 0; i < p->count; i++)
        if (!p->kept[i])
            pg_array_blob(&paths, p->results[i].file.path, strlen(p->results[i].file.path));
    struct pg q =
        pg_start(p->store, PG_SIDECAR_DROP,
                 "DELETE FROM sidecars USING files, unnest($1) AS u (path)"
                 " WHERE file_id = files.id AND " POSTGRES_SAME_PATH("files.path", "u.path"));
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
enum status part_put_sidecars(struct part *p, struct err *err)
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
        struct pg q = pg_start(
            p->store, PG_SIDECAR_PUT,
            "INSERT INTO sidecars (file_id, sidecar, size_bytes, mtime_ns, has_meta,"
            " " META_COLUMNS ") SELECT files.id, sidecar, u.size_bytes, u.mtime_ns, has_meta,"
            " " META_COLUMNS " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,"
            "  $12, $13, $14, $15, $16, $17, $18, $19) AS u (path, sidecar, size_bytes,"
            "  mtime_ns, has_meta, " META_COLUMNS ")"
            " JOIN files ON " POSTGRES_SAME_PATH("files.path", "u.path"));
        for (int i = 0; i < SIDECAR_COLUMNS; i++)
            pg_array(&q, &a[i]);
        status = pg_run(&q, err);
    }
    for (int i = 0; i < SIDECAR_COLUMNS; i++)
        pg_array_free(&a[i]);
    return status;
}
