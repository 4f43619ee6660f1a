/* SPDX-License-Identifier: MIT
 *
 * The view image_embeddings over the active model, for programs that read the table of this name
 * that others keep:
 *
 *     SELECT filename FROM fovea.image_embeddings ORDER BY embedding <#> $1 LIMIT 12
 *
 * Nothing in it stands between that ORDER BY and the model's table: no join (EXISTS would be one),
 * no DISTINCT; the other columns are subqueries of one row each. So the server takes the view
 * apart, and an HNSW index of the table serves the order. A photograph with several paths has one
 * row, under its first path; category and confidence are those of the set of categories written
 * last. Paths are bytes: what is no UTF-8 in them reads as escape sequences.
 */
#include "store/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_PATH                                                                                 \
    "(SELECT path FROM files WHERE files.photo_id = e.photo_id ORDER BY path LIMIT 1)"
#define NEWEST_SET "(SELECT id FROM label_sets WHERE model_id = %lld ORDER BY id DESC LIMIT 1)"

static const char *const definition =
    "CREATE VIEW image_embeddings AS SELECT e.photo_id AS id,"
    " regexp_replace(path_text(" FIRST_PATH "), '^.*/', '') AS filename,"
    " path_text(" FIRST_PATH ") AS path,"
    " e.vector AS embedding,"
    " (SELECT CASE WHEN l.position IS NULL THEN 'None of these' ELSE c.name END"
    "   FROM labels l LEFT JOIN categories c ON c.set_id = l.set_id AND c.position = l.position"
    "   WHERE l.photo_id = e.photo_id AND l.set_id = " NEWEST_SET ") AS category,"
    " (SELECT l.confidence FROM labels l WHERE l.photo_id = e.photo_id"
    "   AND l.set_id = " NEWEST_SET ") AS confidence,"
    " e.created_at, e.updated_at"
    " FROM embeddings_%lld AS e"
    " WHERE " FIRST_PATH " IS NOT NULL";

/* Bytes that are no UTF-8 would end a query with an error, for a row that nobody asked about. */
static const char *const path_text =
    "CREATE OR REPLACE FUNCTION path_text(path bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE"
    " PARALLEL SAFE AS $$ BEGIN RETURN convert_from(path, 'UTF8');"
    " EXCEPTION WHEN others THEN RETURN encode(path, 'escape'); END $$";

/* Of another model, another table: the view is made anew. Within the caller's transaction. */
enum status postgres_view_make(struct postgres_store *s, int64_t model_id, struct err *err)
{
    char sql[2048];
    int dim;
    bool half = false;
    enum status status = pg_exec(s, POSTGRES_DROP_OWN("VIEW", "image_embeddings"), err);
    if (status == OK && model_id != 0)
        status = postgres_model_dim(s, model_id, &dim, &half, err);
    if (status == OK && model_id != 0)
        status = pg_exec(s, path_text, err);
    if (status != OK || model_id == 0)
        return status;
    const long long id = model_id;
    snprintf(sql, sizeof sql, definition, id, id, id);
    return pg_exec(s, sql, err);
}
