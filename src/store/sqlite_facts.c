/* SPDX-License-Identifier: MIT
 *
 * Facts of every photo of a matrix (facts_build.c), in three sequential reads.
 */
#include "store/facts_build.h"
#include "store/sqlite.h"

#include <stdlib.h>

enum { COL_ID, COL_HASH, COL_WIDTH, COL_HEIGHT, COL_FORMAT, COL_PHASH, COL_META };

static enum status take_photo(struct facts_build *facts, const struct sql *q,
                              struct photo_meta *meta, struct err *err)
{
    sql_column_meta(q, COL_META, meta);
    const struct fact_photo photo = {
        .id = sqlite3_column_int64(q->stmt, COL_ID),
        .hash = sqlite3_column_blob(q->stmt, COL_HASH),
        .hash_size = (size_t)sqlite3_column_bytes(q->stmt, COL_HASH),
        .width = sqlite3_column_int(q->stmt, COL_WIDTH),
        .height = sqlite3_column_int(q->stmt, COL_HEIGHT),
        .format = (const char *)sqlite3_column_text(q->stmt, COL_FORMAT),
        .has_phash = sqlite3_column_type(q->stmt, COL_PHASH) != SQLITE_NULL,
        .phash = (uint64_t)sqlite3_column_int64(q->stmt, COL_PHASH),
        .meta = meta,
    };
    return facts_photo(facts, &photo, err);
}

static enum status read_photos(struct sqlite_store *s, struct facts_build *facts,
                               struct photo_meta *meta, struct err *err)
{
    struct sql q = sql_start(s, SQL_PHOTO_ALL,
                             "SELECT id, hash, width, height, format, phash, " META_COLUMNS
                             " FROM photos ORDER BY id");
    bool row;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row) {
        status = take_photo(facts, &q, meta, err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    return status;
}

static enum status read_files(struct sqlite_store *s, struct facts_build *facts, struct err *err)
{
    struct sql q = sql_start(s, SQL_FILE_FACTS,
                             "SELECT photo_id, size_bytes, mtime_ns FROM files"
                             " WHERE photo_id IS NOT NULL ORDER BY path");
    bool row;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row) {
        facts_file(facts, sqlite3_column_int64(q.stmt, 0), sqlite3_column_int64(q.stmt, 1),
                   sqlite3_column_int64(q.stmt, 2));
        status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    return status;
}

static enum status read_sidecars(struct sqlite_store *s, struct facts_build *facts,
                                 struct photo_meta *meta, struct err *err)
{
    struct sql q = sql_start(s, SQL_SIDECAR_ALL,
                             "SELECT photo_id, has_meta, " META_COLUMNS
                             " FROM sidecars CROSS JOIN files USING (path)"
                             " WHERE photo_id IS NOT NULL ORDER BY path");
    bool row;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row) {
        sql_column_meta(&q, 2, meta);
        status = facts_sidecar(facts, sqlite3_column_int64(q.stmt, 0),
                               sqlite3_column_int(q.stmt, 1) ? meta : NULL, err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    return status;
}

static enum status read_all(struct sqlite_store *s, struct facts_build *facts, struct err *err)
{
    struct photo_meta *meta = malloc(sizeof *meta);
    if (!meta)
        return err_no_memory(err, "the photos' metadata", sizeof *meta);
    photo_meta_clear(meta);
    enum status status = sql_begin_read(s, err);
    if (status == OK) {
        status = read_photos(s, facts, meta, err);
        if (status == OK)
            status = read_files(s, facts, err);
        if (status == OK)
            status = read_sidecars(s, facts, meta, err);
        status = sql_finish(s, status, err);
    }
    free(meta);
    return status;
}

enum status sqlite_facts_load(struct store *store, const struct store_matrix *matrix,
                              struct store_facts *out, struct err *err)
{
    struct facts_build *facts;
    enum status status = facts_build_open(&facts, store, matrix, err);
    if (status == OK)
        status = read_all(sqlite_store(store), facts, err);
    if (status == OK)
        status = facts_finish(facts, out, err);
    facts_build_close(facts);
    return status;
}
