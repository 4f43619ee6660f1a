/* SPDX-License-Identifier: MIT
 *
 * Facts of every photo of a matrix (facts_build.c), in three sequential reads, whose rows come one
 * at a time.
 */
#include "store/facts_build.h"
#include "store/postgres.h"

#include <stdlib.h>

enum { COL_ID, COL_HASH, COL_WIDTH, COL_HEIGHT, COL_FORMAT, COL_PHASH, COL_META };

static enum status take_photo(struct facts_build *facts, const struct pg *q,
                              struct photo_meta *meta, struct err *err)
{
    struct fact_photo photo = {
        .id = pg_column_int(q, COL_ID),
        .width = (int)pg_column_int(q, COL_WIDTH),
        .height = (int)pg_column_int(q, COL_HEIGHT),
        .format = pg_column_text(q, COL_FORMAT),
        .has_phash = !pg_column_null(q, COL_PHASH),
        .phash = (uint64_t)pg_column_int(q, COL_PHASH),
        .meta = meta,
    };
    photo.hash = pg_column_blob(q, COL_HASH, &photo.hash_size);
    pg_column_meta(q, COL_META, meta);
    return facts_photo(facts, &photo, err);
}

static enum status read_photos(struct postgres_store *s, struct facts_build *facts,
                               struct photo_meta *meta, struct err *err)
{
    struct pg q = pg_start(s, PG_PHOTO_ALL,
                           "SELECT id, hash, width, height, format, phash, " META_COLUMNS
                           " FROM photos ORDER BY id");
    pg_stream(&q);
    bool row;
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        status = take_photo(facts, &q, meta, err);
        if (status == OK)
            status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    return status;
}

static enum status read_files(struct postgres_store *s, struct facts_build *facts, struct err *err)
{
    struct pg q = pg_start(s, PG_FILE_FACTS,
                           "SELECT photo_id, size_bytes, mtime_ns FROM files"
                           " WHERE photo_id IS NOT NULL ORDER BY path");
    pg_stream(&q);
    bool row;
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        facts_file(facts, pg_column_int(&q, 0), pg_column_int(&q, 1), pg_column_int(&q, 2));
        status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    return status;
}

static enum status read_sidecars(struct postgres_store *s, struct facts_build *facts,
                                 struct photo_meta *meta, struct err *err)
{
    struct pg q = pg_start(s, PG_SIDECAR_ALL,
                           "SELECT photo_id, has_meta, " META_COLUMNS
                           " FROM sidecars JOIN files ON files.id = file_id"
                           " WHERE photo_id IS NOT NULL ORDER BY path");
    pg_stream(&q);
    bool row;
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        pg_column_meta(&q, 2, meta);
        status =
            facts_sidecar(facts, pg_column_int(&q, 0), pg_column_int(&q, 1) ? meta : NULL, err);
        if (status == OK)
            status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    return status;
}

static enum status read_all(struct postgres_store *s, struct facts_build *facts,
                            struct photo_meta *meta, struct err *err)
{
    enum status status = pg_begin_read(s, err);
    if (status != OK)
        return status;
    status = read_photos(s, facts, meta, err);
    if (status == OK)
        status = read_files(s, facts, err);
    if (status == OK)
        status = read_sidecars(s, facts, meta, err);
    return pg_finish(s, status, err);
}

static enum status load(struct postgres_store *s, const struct store_matrix *matrix,
                        struct store_facts *out, struct err *err)
{
    struct facts_build *facts;
    struct photo_meta *meta = malloc(sizeof *meta);
    if (!meta)
        return err_no_memory(err, "the photos' metadata", sizeof *meta);
    photo_meta_clear(meta);
    enum status status = facts_build_open(&facts, &s->base, matrix, err);
    if (status == OK)
        status = read_all(s, facts, meta, err);
    if (status == OK)
        status = facts_finish(facts, out, err);
    facts_build_close(facts);
    free(meta);
    return status;
}

enum status postgres_facts_load(struct store *store, const struct store_matrix *matrix,
                                struct store_facts *out, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do {
        store_facts_free(out);
        status = load(s, matrix, out, err);
    } while (pg_again(s, &tries, &status, err));
    return status;
}
