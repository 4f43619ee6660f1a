/* SPDX-License-Identifier: MIT
 *
 * Row by row from a damaged library into a new one. A table is a tree of pages, and damage hits
 * single pages: what lies before them is reached from the front, what lies behind them from the
 * end, and what lies between two damaged ones by asking for each key that could be there.
 *
 *   1. in ascending order of the key, until SQLite says that the file is damaged
 *   2. in descending order, until it does, or until what is there already
 *   3. each candidate of the table, by its key; candidates come from an index of the same table,
 * from the tables that were saved before it (every photo may have a vector of every model), or are
 *      the numbers between the last of 1 and the last of 2
 *
 * The new file's own constraints decide whether a row is one. Afterwards rows that point to rows
 * that are lost go, and so does what is not whole: a set without all its categories, an artifact
 * without all its chunks. A vector's bytes have no check sum: a changed bit in them is not seen.
 */
#include "store/migrations.h"
#include "store/sqlite_salvage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBERS_MAX 10000000 /* keys to try one after the other */
#define FEW_NUMBERS 1000     /* of models; photos have a counter of their own */
#define KEYS_MAX 2

enum source {
    FROM_NUMBERS, /* the key is a number */
    FROM_OLD,     /* `candidates` is a query on the old library */
    FROM_NEW,     /* …on the new one, as far as it is saved */
};

struct table {
    const char *name;
    int since, until;    /* schema versions that have it */
    const char *columns; /* of schema version 1 */
    const char *more;    /* and those that came with version 2 */
    const char *keys[KEYS_MAX];
    enum source source;
    const char *candidates; /* [keys] columns; NULL: there are none */
    enum store_kept kind;
};

/* Those that others point to come first. */
static const struct table tables[] = {
    {"models",
     1,
     2,
     "id, fingerprint, name, dim, last_use",
     "",
     {"id"},
     FROM_NUMBERS,
     NULL,
     STORE_KEPT_OTHER},
    {"photos",
     1,
     2,
     "id, hash, width, height, format",
     ", has_meta, phash, " META_COLUMNS,
     {"id"},
     FROM_NUMBERS,
     NULL,
     STORE_KEPT_PHOTOS},
    {"files",
     1,
     2,
     "path, size_bytes, mtime_ns, photo_id, failure",
     "",
     {"path"},
     FROM_OLD,
     "SELECT path FROM files INDEXED BY files_by_photo WHERE photo_id IS NOT NULL",
     STORE_KEPT_FILES},
    {"sidecars",
     2,
     2,
     "path, sidecar, size_bytes, mtime_ns, has_meta, " META_COLUMNS,
     "",
     {"path"},
     FROM_NEW,
     "SELECT path FROM files",
     STORE_KEPT_OTHER},
    {"embeddings",
     1,
     2,
     "model_id, photo_id, vector",
     "",
     {"model_id", "photo_id"},
     FROM_NEW,
     "SELECT models.id, photos.id FROM models, photos",
     STORE_KEPT_VECTORS},
    {"classifications",
     1,
     1,
     "model_id, set_json, made_at",
     "",
     {"model_id"},
     FROM_NUMBERS,
     NULL,
     STORE_KEPT_OTHER},
    {"label_sets",
     2,
     2,
     "id, model_id, name, set_json, made_at",
     "",
     {"id"},
     FROM_NUMBERS,
     NULL,
     STORE_KEPT_OTHER},
    {"categories",
     1,
     1,
     "model_id, position, name",
     "",
     {"model_id", "position"},
     FROM_NEW,
     "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)"
     " SELECT model_id, i FROM classifications, n",
     STORE_KEPT_OTHER},
    {"categories",
     2,
     2,
     "set_id, position, name",
     "",
     {"set_id", "position"},
     FROM_NEW,
     "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)"
     " SELECT id, i FROM label_sets, n",
     STORE_KEPT_OTHER},
    {"labels",
     1,
     1,
     "model_id, photo_id, position, confidence, margin, uncertain, probabilities",
     "",
     {"model_id", "photo_id"},
     FROM_NEW,
     "SELECT model_id, photos.id FROM classifications, photos",
     STORE_KEPT_LABELS},
    {"labels",
     2,
     2,
     "set_id, photo_id, position, confidence, margin, uncertain, probabilities, also",
     "",
     {"set_id", "photo_id"},
     FROM_NEW,
     "SELECT label_sets.id, photos.id FROM label_sets, photos",
     STORE_KEPT_LABELS},
    {"saved_sets",
     2,
     2,
     "name, set_json",
     "",
     {"name"},
     FROM_NEW,
     "SELECT name FROM label_sets", /* one that was labelled with is named there, too */
     STORE_KEPT_OTHER},
    {"decisions",
     2,
     2,
     "hash_a, hash_b, decision, made_at",
     "",
     {"hash_a", "hash_b"},
     FROM_NEW,
     "SELECT a.hash, b.hash FROM photos a, photos b WHERE a.hash < b.hash AND"
     " (SELECT count(*) FROM photos) < 3000",
     STORE_KEPT_DECISIONS},
    {"artifacts",
     2,
     2,
     "id, model_id, name, size_bytes",
     "",
     {"id"},
     FROM_NUMBERS,
     NULL,
     STORE_KEPT_OTHER},
    {"artifact_chunks",
     2,
     2,
     "artifact_id, position, bytes",
     "",
     {"artifact_id", "position"},
     FROM_NEW,
     "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 255)"
     " SELECT id, i FROM artifacts, n",
     STORE_KEPT_OTHER},
    {"places", 2, 2, "path, kind", "", {"path", "kind"}, FROM_NEW, NULL, STORE_KEPT_OTHER},
    {"library",
     2,
     2,
     "id, revision, last_model_id, active_model",
     "",
     {"id"},
     FROM_NUMBERS,
     NULL,
     STORE_KEPT_OTHER},
};

/* --- one table ---------------------------------------------------------------------------- */

struct copy {
    const struct salvage *s;
    const struct table *table;
    int version, column_count;
    sqlite3_stmt *insert, *find, *have;  /* by key: in the old one, in the new one */
    int64_t first_missing, last_missing; /* FROM_NUMBERS: keys that were not reached by scans */
    int64_t saved, lost;
};

static bool damaged(int rc)
{
    int kind = rc & 0xff;
    return kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB || kind == SQLITE_TOOBIG ||
           kind == SQLITE_ERROR || (rc == SQLITE_IOERR_SHORT_READ);
}

static void columns_of(const struct copy *c, struct str *out)
{
    str_put(out, c->table->columns);
    if (c->version > 1)
        str_put(out, c->table->more);
}

static int prepare(sqlite3 *db, const struct str *sql, sqlite3_stmt **stmt)
{
    return str_ok(sql) ? sqlite3_prepare_v2(db, str_text(sql), -1, stmt, NULL) : SQLITE_NOMEM;
}

static enum status prepare_insert(struct copy *c, struct err *err)
{
    struct str sql = str_new(1 << 16);
    str_format(&sql, "INSERT OR IGNORE INTO %s (", c->table->name);
    columns_of(c, &sql);
    c->column_count = 1;
    for (const char *p = str_text(&sql); *p; p++)
        c->column_count += *p == ',';
    str_put(&sql, ") VALUES (?");
    for (int i = 1; i < c->column_count; i++)
        str_put(&sql, ", ?");
    str_put(&sql, ")");
    int rc = prepare(c->s->new, &sql, &c->insert);
    str_free(&sql);
    return rc == SQLITE_OK ? OK : sql_fail(c->s->new, c->s->path, rc, err);
}

/* *added: the row is new. A row that the new library does not take is one that is lost. */
static enum status take_row(struct copy *c, sqlite3_stmt *row, bool *added, struct err *err)
{
    for (int i = 0; i < c->column_count; i++)
        sqlite3_bind_value(c->insert, i + 1, sqlite3_column_value(row, i));
    int before = sqlite3_total_changes(c->s->new);
    int rc = sqlite3_step(c->insert);
    sqlite3_reset(c->insert);
    *added = rc == SQLITE_DONE && sqlite3_total_changes(c->s->new) != before;
    c->saved += *added;
    if (rc == SQLITE_DONE)
        return OK;
    c->lost++;
    return (rc & 0xff) == SQLITE_CONSTRAINT ? OK : sql_fail(c->s->new, c->s->path, rc, err);
}

/* One way through the table. *whole: the end was reached. */
static enum status scan(struct copy *c, bool descending, bool *whole, struct err *err)
{
    struct str sql = str_new(1 << 16);
    sqlite3_stmt *rows = NULL;
    str_put(&sql, "SELECT ");
    columns_of(c, &sql);
    str_format(&sql, " FROM %s NOT INDEXED ORDER BY %s", c->table->name, c->table->keys[0]);
    str_put(&sql, descending ? " DESC" : "");
    if (c->table->keys[1])
        str_format(&sql, ", %s%s", c->table->keys[1], descending ? " DESC" : "");
    int rc = prepare(c->s->old, &sql, &rows);
    str_free(&sql);
    enum status status = OK;
    bool added = true;
    if (rc == SQLITE_OK)
        while (status == OK && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
            status = take_row(c, rows, &added, err);
            int64_t key = sqlite3_column_int64(rows, 0);
            *(descending ? &c->last_missing : &c->first_missing) = descending ? key - 1 : key + 1;
            if (descending && !added)
                break; /* what came from the front: nothing is missing between */
        }
    *whole = rc == SQLITE_DONE || (rc == SQLITE_ROW && status == OK);
    if (status == OK && !*whole && !damaged(rc))
        status = sql_fail(c->s->old, c->s->path, rc, err);
    sqlite3_finalize(rows);
    return status;
}

/* c->find and c->have have their keys bound. */
static enum status look_for(struct copy *c, struct err *err)
{
    bool added;
    enum status status = OK;
    bool have = sqlite3_step(c->have) == SQLITE_ROW;
    sqlite3_reset(c->have);
    if (have)
        return OK;
    int rc = sqlite3_step(c->find);
    if (rc == SQLITE_ROW)
        status = take_row(c, c->find, &added, err);
    else if (damaged(rc))
        c->lost++;
    sqlite3_reset(c->find);
    return status;
}

static enum status try_numbers(struct copy *c, struct err *err)
{
    enum status status = OK;
    int64_t last = c->last_missing;
    if (last - c->first_missing > NUMBERS_MAX)
        last = c->first_missing + NUMBERS_MAX;
    for (int64_t key = c->first_missing; status == OK && key <= last; key++) {
        sqlite3_bind_int64(c->find, 1, key);
        sqlite3_bind_int64(c->have, 1, key);
        status = look_for(c, err);
    }
    return status;
}

static enum status try_candidates(struct copy *c, struct err *err)
{
    sqlite3 *db = c->table->source == FROM_OLD ? c->s->old : c->s->new;
    sqlite3_stmt *keys = NULL;
    enum status status = OK;
    int rc = sqlite3_prepare_v2(db, c->table->candidates, -1, &keys, NULL);
    if (rc == SQLITE_OK)
        while (status == OK && (rc = sqlite3_step(keys)) == SQLITE_ROW) {
            for (int i = 0; i < KEYS_MAX && c->table->keys[i]; i++) {
                sqlite3_bind_value(c->find, i + 1, sqlite3_column_value(keys, i));
                sqlite3_bind_value(c->have, i + 1, sqlite3_column_value(keys, i));
            }
            status = look_for(c, err);
        }
    sqlite3_finalize(keys);
    if (status == OK && rc != SQLITE_DONE && !damaged(rc))
        status = sql_fail(db, c->s->path, rc, err);
    return status;
}

static int prepare_find(struct copy *c, sqlite3 *db, sqlite3_stmt **stmt)
{
    struct str sql = str_new(1 << 16);
    str_put(&sql, "SELECT ");
    columns_of(c, &sql);
    str_format(&sql, " FROM %s NOT INDEXED WHERE %s = ?", c->table->name, c->table->keys[0]);
    if (c->table->keys[1])
        str_format(&sql, " AND %s = ?", c->table->keys[1]);
    int rc = prepare(db, &sql, stmt);
    str_free(&sql);
    return rc;
}

static enum status try_keys(struct copy *c, struct err *err)
{
    int rc = prepare_find(c, c->s->new, &c->have);
    if (rc != SQLITE_OK)
        return sql_fail(c->s->new, c->s->path, rc, err);
    rc = prepare_find(c, c->s->old, &c->find);
    if (rc != SQLITE_OK)
        return damaged(rc) ? OK : sql_fail(c->s->old, c->s->path, rc, err);
    if (c->table->source == FROM_NUMBERS)
        return try_numbers(c, err);
    return c->table->candidates ? try_candidates(c, err) : OK;
}

/* The highest number that the table has ever had, as far as SQLite keeps it. */
static int64_t last_number(const struct salvage *s, const struct table *table)
{
    sqlite3_stmt *stmt = NULL;
    int64_t last = FEW_NUMBERS;
    if (sqlite3_prepare_v2(s->old, "SELECT seq FROM sqlite_sequence WHERE name = ?", -1, &stmt,
                           NULL) == SQLITE_OK) {
        sqlite3_bind_text(stmt, 1, table->name, -1, SQLITE_STATIC);
        if (sqlite3_step(stmt) == SQLITE_ROW)
            last = sqlite3_column_int64(stmt, 0);
    }
    sqlite3_finalize(stmt);
    return last;
}

static enum status copy_table(const struct salvage *s, const struct table *table, int version,
                              struct err *err)
{
    struct copy c = {.s = s, .table = table, .version = version, .first_missing = 1};
    bool whole = false;
    enum status status = prepare_insert(&c, err);
    if (status == OK)
        status = scan(&c, false, &whole, err);
    if (status == OK && !whole) {
        c.last_missing = last_number(s, table); /* if the end cannot be read either */
        status = scan(&c, true, &whole, err);
        if (status == OK && !whole)
            status = try_keys(&c, err);
    }
    sqlite3_finalize(c.insert);
    sqlite3_finalize(c.find);
    sqlite3_finalize(c.have);
    s->report->saved[table->kind] += c.saved;
    s->report->lost[table->kind] += c.lost;
    return status;
}

/* --- what does not fit any more ----------------------------------------------------------- */

struct cleaning {
    const char *sql;
    enum store_kept kind;
};

static const struct cleaning cleanings[] = {
    {"DELETE FROM files WHERE (photo_id IS NOT NULL AND photo_id NOT IN (SELECT id FROM photos))"
     " OR instr(path, x'00') > 0 OR substr(path, 1, 1) <> x'2f'",
     STORE_KEPT_FILES},
    {"DELETE FROM sidecars WHERE path NOT IN (SELECT path FROM files)", STORE_KEPT_OTHER},
    {"DELETE FROM embeddings WHERE photo_id NOT IN (SELECT id FROM photos)"
     " OR length(vector) IS NOT (SELECT 2 * dim FROM models WHERE id = model_id)",
     STORE_KEPT_VECTORS},
    {"DELETE FROM label_sets WHERE model_id NOT IN (SELECT id FROM models) OR"
     " (SELECT max(position) + 1 - count(*) FROM categories WHERE set_id = label_sets.id) IS NOT 0",
     STORE_KEPT_OTHER},
    {"DELETE FROM categories WHERE set_id NOT IN (SELECT id FROM label_sets)", STORE_KEPT_OTHER},
    {"DELETE FROM labels WHERE set_id NOT IN (SELECT id FROM label_sets)"
     " OR photo_id NOT IN (SELECT id FROM photos) OR (position IS NOT NULL AND NOT EXISTS"
     "  (SELECT 1 FROM categories c WHERE c.set_id = labels.set_id AND"
     "   c.position = labels.position))",
     STORE_KEPT_LABELS},
    {"DELETE FROM artifacts WHERE model_id NOT IN (SELECT id FROM models) OR size_bytes IS NOT"
     " (SELECT coalesce(sum(length(bytes)), 0) FROM artifact_chunks WHERE artifact_id = "
     "artifacts.id)",
     STORE_KEPT_OTHER},
    {"DELETE FROM artifact_chunks WHERE artifact_id NOT IN (SELECT id FROM artifacts)",
     STORE_KEPT_OTHER},
};

static const char finish[] =
    "INSERT OR IGNORE INTO library (id, revision, last_model_id)"
    "  VALUES (1, CAST(strftime('%s', 'now') AS INTEGER), 0);"
    "UPDATE library SET revision = revision + 1,"
    "  last_model_id = max(last_model_id, (SELECT coalesce(max(id), 0) FROM models)),"
    "  active_model = (SELECT id FROM models WHERE id = active_model);";

static enum status clean(const struct salvage *s, struct err *err)
{
    for (size_t i = 0; i < sizeof cleanings / sizeof cleanings[0]; i++) {
        int before = sqlite3_total_changes(s->new);
        int rc = sqlite3_exec(s->new, cleanings[i].sql, NULL, NULL, NULL);
        if (rc != SQLITE_OK)
            return sql_fail(s->new, s->path, rc, err);
        int gone = sqlite3_total_changes(s->new) - before;
        s->report->saved[cleanings[i].kind] -= gone;
        s->report->lost[cleanings[i].kind] += gone;
    }
    int rc = sqlite3_exec(s->new, finish, NULL, NULL, NULL);
    return rc == SQLITE_OK ? OK : sql_fail(s->new, s->path, rc, err);
}

/* --- the whole ---------------------------------------------------------------------------- */

/* What the header says, unless that cannot be: then what the tables say. */
static int version_of(sqlite3 *db)
{
    sqlite3_stmt *stmt = NULL;
    int version = 0;
    if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        version = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    if (version >= 1 && version <= library_migrations.count)
        return version;
    return sqlite3_table_column_metadata(db, NULL, "label_sets", "id", NULL, NULL, NULL, NULL,
                                         NULL) == SQLITE_OK
               ? 2
               : 1;
}

static enum status require_schema(const struct salvage *s, struct err *err)
{
    int rc =
        sqlite3_table_column_metadata(s->old, NULL, "photos", "hash", NULL, NULL, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        return OK;
    return err_set(
        err, ERR_FORMAT,
        "the library %s is damaged where its tables are listed (%s): nothing can be read "
        "from it; put a backup in its place, or move it away and index again",
        s->path, sqlite3_errmsg(s->old));
}

enum status salvage(const struct salvage *s, struct err *err)
{
    enum status status = require_schema(s, err);
    if (status != OK)
        return status;
    int version = version_of(s->old);
    const struct migrations as_old = {library_migrations.sql, version};
    int rc = sqlite3_exec(s->new, "PRAGMA page_size = 16384; PRAGMA foreign_keys = OFF", NULL, NULL,
                          NULL);
    if (rc != SQLITE_OK)
        return sql_fail(s->new, s->path, rc, err);
    status = migrations_apply(s->new, s->path, &as_old, err);
    if (status == OK && sqlite3_exec(s->new, "BEGIN; DELETE FROM library", NULL, NULL, NULL) != 0 &&
        version > 1)
        status = sql_fail(s->new, s->path, sqlite3_errcode(s->new), err);
    for (size_t i = 0; status == OK && i < sizeof tables / sizeof tables[0]; i++)
        if (version >= tables[i].since && version <= tables[i].until)
            status = copy_table(s, &tables[i], version, err);
    if (status != OK)
        return status;
    rc = sqlite3_exec(s->new, "COMMIT", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return sql_fail(s->new, s->path, rc, err);
    status = migrations_apply(s->new, s->path, &library_migrations, err);
    return status == OK ? clean(s, err) : status;
}
