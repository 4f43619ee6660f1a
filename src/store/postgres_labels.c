/* SPDX-License-Identifier: MIT
 *
 * Sets of categories with their labels, as they are written, listed and dropped.
 *
 * A set that is written again is a new row: its old one goes, and takes names and labels along. So
 * the set written last is the one with the highest id.
 *
 * Labels go to the server as arrays, some thousands at once. Between loading the matrix and storing
 * them another process may have removed photos; their labels are left out without a word, as there
 * is nothing left that they could describe. The rows of those that are there are locked, so that
 * none goes before its label has come.
 */
#include "base/clock.h"
#include "store/lists.h"
#include "store/postgres.h"

#include <string.h>

#define PIECE 4096 /* labels */

/* --- writing ------------------------------------------------------------------------------ */

static enum status drop_set(struct postgres_store *s, int64_t model_id, const char *name,
                            struct err *err)
{
    struct pg q =
        pg_start(s, PG_SET_DROP, "DELETE FROM label_sets WHERE model_id = $1 AND name = $2");
    pg_int(&q, model_id);
    pg_text(&q, name);
    return pg_run(&q, err);
}

static enum status put_categories(struct postgres_store *s, int64_t set_id,
                                  const struct store_set *set, struct err *err)
{
    struct pg_array names;
    pg_array_begin(&names, PG_TEXT);
    for (size_t i = 0; i < set->category_count; i++)
        pg_array_text(&names, set->categories[i]);
    struct pg q = pg_start(s, PG_CATEGORY_ADD,
                           "INSERT INTO categories (set_id, position, name)"
                           " SELECT $1, place - 1, name"
                           " FROM unnest($2) WITH ORDINALITY AS given (name, place)");
    pg_int(&q, set_id);
    pg_array(&q, &names);
    enum status status = pg_run(&q, err);
    pg_array_free(&names);
    return status;
}

static enum status put_set(struct postgres_store *s, int64_t model_id, const struct store_set *set,
                           int64_t *set_id, struct err *err)
{
    struct pg q = pg_start(s, PG_SET_ADD,
                           "INSERT INTO label_sets (model_id, name, set_json, made_at)"
                           " VALUES ($1, $2, $3, $4) RETURNING id");
    pg_int(&q, model_id);
    pg_text(&q, set->name);
    pg_text(&q, set->json);
    pg_int(&q, set->made_at ? set->made_at : clock_unix());
    bool row;
    enum status status = pg_row(&q, &row, err);
    *set_id = row ? pg_column_int(&q, 0) : 0;
    pg_end(&q);
    return status == OK ? put_categories(s, *set_id, set, err) : status;
}

enum { PHOTO, POSITION, CONFIDENCE, MARGIN, UNCERTAIN, PROBABILITIES, ALSO, COLUMNS };

static void add_label(struct pg_array columns[COLUMNS], const struct store_label *label,
                      int position, size_t category_count)
{
    _Static_assert(sizeof *label->also == sizeof(int32_t), "stored as int32");
    pg_array_int(&columns[PHOTO], label->photo_id);
    if (position >= 0)
        pg_array_int(&columns[POSITION], position);
    else
        pg_array_null(&columns[POSITION]);
    pg_array_real(&columns[CONFIDENCE], label->confidence);
    pg_array_real(&columns[MARGIN], label->margin);
    pg_array_bool(&columns[UNCERTAIN], label->uncertain);
    pg_array_blob(&columns[PROBABILITIES], label->probabilities,
                  category_count * sizeof *label->probabilities);
    pg_array_blob(&columns[ALSO], label->also_count ? (const void *)label->also : "",
                  label->also_count * sizeof *label->also);
}

static enum status put_piece(struct postgres_store *s, int64_t set_id,
                             const struct store_label *labels, const int *positions, size_t count,
                             size_t category_count, struct err *err)
{
    static const Oid types[COLUMNS] = {PG_INT,  PG_INT,   PG_REAL, PG_REAL,
                                       PG_BOOL, PG_BYTEA, PG_BYTEA};
    struct pg_array columns[COLUMNS];
    for (int i = 0; i < COLUMNS; i++)
        pg_array_begin(&columns[i], types[i]);
    for (size_t i = 0; i < count; i++)
        add_label(columns, &labels[i], positions[i], category_count);
    struct pg q =
        pg_start(s, PG_LABEL_ADD,
                 "WITH given AS (SELECT * FROM unnest($2, $3, $4, $5, $6, $7, $8)"
                 "    AS given (photo, position, confidence, margin, uncertain, odds, also)),"
                 "  there AS (SELECT id FROM photos WHERE id IN (SELECT photo FROM given)"
                 "    ORDER BY id FOR KEY SHARE)"
                 "INSERT INTO labels (set_id, photo_id, position, confidence, margin, uncertain,"
                 "  probabilities, also)"
                 " SELECT $1, id, position, confidence, margin, uncertain, odds, also"
                 " FROM given JOIN there ON id = photo");
    pg_int(&q, set_id);
    for (int i = 0; i < COLUMNS; i++)
        pg_array(&q, &columns[i]);
    enum status status = pg_run(&q, err);
    for (int i = 0; i < COLUMNS; i++)
        pg_array_free(&columns[i]);
    return status;
}

static enum status put_labels(struct postgres_store *s, int64_t set_id,
                              const struct store_label *labels, const int *positions, size_t count,
                              size_t category_count, struct err *err)
{
    enum status status = OK;
    for (size_t at = 0; status == OK && at < count; at += PIECE) {
        size_t some = count - at < PIECE ? count - at : PIECE;
        status = put_piece(s, set_id, labels + at, positions + at, some, category_count, err);
    }
    return status;
}

static enum status replace(struct postgres_store *s, int64_t model_id, const struct store_set *set,
                           const struct store_label *labels, const int *positions, size_t count,
                           struct err *err)
{
    int dim;
    int64_t set_id = 0;
    enum status status = pg_begin_write(s, err);
    if (status != OK)
        return status;
    status = postgres_model_dim(s, model_id, &dim, NULL, err);
    if (status == OK)
        status = drop_set(s, model_id, set->name, err);
    if (status == OK)
        status = put_set(s, model_id, set, &set_id, err);
    if (status == OK)
        status = put_labels(s, set_id, labels, positions, count, set->category_count, err);
    return pg_finish(s, status, err);
}

enum status postgres_labels_replace(struct store *store, int64_t model_id,
                                    const struct store_set *set, const struct store_label *labels,
                                    const int *positions, size_t count, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do
        status = replace(s, model_id, set, labels, positions, count, err);
    while (pg_again(s, &tries, &status, err));
    return status;
}

/* --- adding to a set ---------------------------------------------------------------------- */

/* The set as it was written, and that it has as many categories. Locked: it is not replaced
 * meanwhile. */
static enum status find_set(struct postgres_store *s, int64_t model_id, const struct store_set *set,
                            int64_t *set_id, struct err *err)
{
    struct pg q =
        pg_start(s, PG_SET_SIZE,
                 "SELECT id, (SELECT count(*) FROM categories WHERE set_id = label_sets.id)"
                 " FROM label_sets WHERE model_id = $1 AND name = $2 FOR KEY SHARE");
    pg_int(&q, model_id);
    pg_text(&q, set->name);
    bool found;
    enum status status = pg_row(&q, &found, err);
    if (status == OK && !found)
        status =
            err_set(err, ERR_NOT_FOUND, "the library %s has no set \"%s\"", s->label, set->name);
    else if (status == OK && pg_column_int(&q, 1) != (int64_t)set->category_count)
        status =
            err_set(err, ERR_ARGUMENT, "the set \"%s\" has other categories by now", set->name);
    *set_id = status == OK ? pg_column_int(&q, 0) : 0;
    pg_end(&q);
    return status;
}

static enum status drop_labels(struct postgres_store *s, int64_t set_id,
                               const struct store_label *labels, size_t count, struct err *err)
{
    struct pg_array ids;
    pg_array_begin(&ids, PG_INT);
    for (size_t i = 0; i < count; i++)
        pg_array_int(&ids, labels[i].photo_id);
    struct pg q =
        pg_start(s, PG_LABEL_DROP, "DELETE FROM labels WHERE set_id = $1 AND photo_id = ANY ($2)");
    pg_int(&q, set_id);
    pg_array(&q, &ids);
    enum status status = pg_run(&q, err);
    pg_array_free(&ids);
    return status;
}

static enum status add(struct postgres_store *s, int64_t model_id, const struct store_set *set,
                       const struct store_label *labels, const int *positions, size_t count,
                       struct err *err)
{
    int64_t set_id;
    enum status status = pg_begin_write(s, err);
    if (status != OK)
        return status;
    status = find_set(s, model_id, set, &set_id, err);
    if (status == OK)
        status = drop_labels(s, set_id, labels, count, err);
    if (status == OK)
        status = put_labels(s, set_id, labels, positions, count, set->category_count, err);
    return pg_finish(s, status, err);
}

enum status postgres_labels_add(struct store *store, int64_t model_id, const struct store_set *set,
                                const struct store_label *labels, const int *positions,
                                size_t count, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do
        status = add(s, model_id, set, labels, positions, count, err);
    while (pg_again(s, &tries, &status, err));
    return status;
}

static enum status drop(struct postgres_store *s, int64_t model_id, const char *set,
                        struct err *err)
{
    enum status status = pg_begin_write(s, err);
    return status == OK ? pg_finish(s, drop_set(s, model_id, set, err), err) : status;
}

enum status postgres_labels_drop(struct store *store, int64_t model_id, const char *set,
                                 struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do
        status = drop(s, model_id, set, err);
    while (pg_again(s, &tries, &status, err));
    return status;
}

/* --- listing ------------------------------------------------------------------------------ */

/* One row for each category, and one for a set without any. */
static enum status list(struct postgres_store *s, int64_t model_id, struct store_label_set **sets,
                        size_t *count, struct err *err)
{
    struct pg q =
        pg_start(s, PG_SET_LIST,
                 "SELECT id, label_sets.name, set_json, made_at, labels, categories.name"
                 " FROM (SELECT *, (SELECT count(*) FROM labels WHERE set_id = label_sets.id"
                 "    AND EXISTS (SELECT 1 FROM files WHERE files.photo_id = labels.photo_id))"
                 "    AS labels FROM label_sets WHERE model_id = $1) AS label_sets"
                 "  LEFT JOIN categories ON set_id = id"
                 " ORDER BY id DESC, position");
    pg_int(&q, model_id);
    bool row;
    int64_t last = 0;
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        if (pg_column_int(&q, 0) != last) {
            const struct store_label_set set = {
                .made_at = pg_column_int(&q, 3),
                .labels = pg_column_int(&q, 4),
            };
            last = pg_column_int(&q, 0);
            status = label_sets_add(&s->base, sets, count, set, pg_column_text(&q, 1),
                                    pg_column_text(&q, 2), err);
        }
        if (status == OK && !pg_column_null(&q, 5))
            status = label_set_add_category(&(*sets)[*count - 1], pg_column_text(&q, 5), err);
        if (status == OK)
            status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    return status;
}

enum status postgres_label_sets(struct store *store, int64_t model_id,
                                struct store_label_set **sets, size_t *count, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do {
        store_label_sets_free(*sets, *count);
        *sets = NULL;
        *count = 0;
        status = list(s, model_id, sets, count, err);
    } while (pg_again(s, &tries, &status, err));
    return status;
}
