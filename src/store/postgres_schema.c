/* SPDX-License-Identifier: MIT
 *
 * The tables of a library in PostgreSQL: those of schema.c, with these differences.
 *
 *     photos, files, sidecars, models, label_sets, categories, labels, decisions, saved_sets,
 *     artifacts, artifact_chunks, places      as there
 *     library                                 one row: version, revision, active model
 *     indexers, claims                        who indexes just now, and which files are whose
 *     embeddings_<model id>                   one table per model, made with it
 *                                             (postgres_models.c): the dimension is part of the
 *                                             type, an index and partitions are a model's own
 *
 * Everything lies in a schema of its own, "fovea" or what the URL says; a schema that holds
 * anything else is left alone. Whole numbers are bigint (pg_sql.h says why), paths and reasons of
 * failures bytea: any bytes, compared as bytes. A path is found by its first 1,024 bytes
 * (path_head; so are those in a folder) and a digest of it, if it is longer (path_rest). Names are
 * compared as bytes as well (COLLATE "C"), so that the order is that of the SQLite store.
 *
 * A table of vectors has no foreign keys and is never the object of ON CONFLICT: it may be
 * partitioned over other servers, where neither exists. Whoever removes a photo removes its vectors
 * in the same transaction, and a vector is inserted only while its photo's row is locked.
 *
 * All steps that are missing are applied in one transaction, under an advisory lock. A released
 * step never changes; what is new goes behind it.
 */
#include "store/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXTENSION_MIN POSTGRES_VECTOR(0, 7, 0) /* has halfvec */
#define EXTENSION_MIN_TEXT "0.7"

#define META_COLUMN_TYPES                                                                          \
    "taken_ms bigint, offset_min bigint, camera text, lens text, exposure_s double precision,"     \
    "f_number double precision, focal_mm double precision, focal35_mm double precision,"           \
    "iso bigint, latitude double precision, longitude double precision,"                           \
    "altitude_m double precision, rating bigint, keywords text"

static const char *const steps[] = {
    /* 1 */
    "CREATE TABLE photos ("
    "  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY," /* never used again */
    "  hash bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 16),"
    "  width bigint NOT NULL CHECK (width >= 0),"
    "  height bigint NOT NULL CHECK (height >= 0),"
    "  format text NOT NULL,"
    "  has_meta boolean NOT NULL DEFAULT false," /* was it read? */
    "  phash bigint," META_COLUMN_TYPES ");"

    "CREATE TABLE files ("
    "  path bytea PRIMARY KEY CHECK (octet_length(path) > 0),"
    "  size_bytes bigint NOT NULL CHECK (size_bytes >= 0),"
    "  mtime_ns bigint NOT NULL,"
    "  photo_id bigint REFERENCES photos,"
    "  failure bytea,"
    "  CHECK ((photo_id IS NULL) <> (failure IS NULL))"
    ");"
    "CREATE INDEX files_by_photo ON files (photo_id) WHERE photo_id IS NOT NULL;"
    "CREATE INDEX files_failed ON files (path) WHERE failure IS NOT NULL;"

    "CREATE TABLE sidecars ("
    "  path bytea PRIMARY KEY REFERENCES files ON DELETE CASCADE," /* of the photo's file */
    "  sidecar bytea NOT NULL CHECK (octet_length(sidecar) > 0),"  /* path of the sidecar itself */
    "  size_bytes bigint NOT NULL CHECK (size_bytes > 0),"
    "  mtime_ns bigint NOT NULL,"
    "  has_meta boolean NOT NULL," META_COLUMN_TYPES ");"

    "CREATE TABLE models ("
    "  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY," /* never used again */
    "  fingerprint text COLLATE \"C\" NOT NULL UNIQUE"
    "    CHECK (octet_length(fingerprint) BETWEEN 1 AND 32),"
    "  name text NOT NULL,"
    "  dim bigint NOT NULL CHECK (dim BETWEEN 1 AND 65536),"
    "  half boolean NOT NULL DEFAULT false," /* its vectors are halfvec */
    "  last_use bigint NOT NULL"             /* rises with every use: an order, not a time */
    ");"

    "CREATE TABLE label_sets ("
    "  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY," /* written again: a new one */
    "  model_id bigint NOT NULL REFERENCES models ON DELETE CASCADE,"
    "  name text COLLATE \"C\" NOT NULL CHECK (name <> ''),"
    "  set_json text NOT NULL,"
    "  made_at bigint NOT NULL," /* seconds since 1970, UTC */
    "  UNIQUE (model_id, name)"
    ");"
    "CREATE TABLE categories ("
    "  set_id bigint NOT NULL REFERENCES label_sets ON DELETE CASCADE,"
    "  position bigint NOT NULL CHECK (position >= 0),"
    "  name text NOT NULL,"
    "  PRIMARY KEY (set_id, position)"
    ");"
    "CREATE TABLE labels ("
    "  set_id bigint NOT NULL REFERENCES label_sets ON DELETE CASCADE,"
    "  photo_id bigint NOT NULL REFERENCES photos ON DELETE CASCADE,"
    "  position bigint," /* of the category; NULL: none of these */
    "  confidence double precision NOT NULL,"
    "  margin double precision NOT NULL,"
    "  uncertain boolean NOT NULL,"
    "  probabilities bytea NOT NULL CHECK (octet_length(probabilities) % 4 = 0)," /* float32[] */
    "  also bytea NOT NULL CHECK (octet_length(also) % 4 = 0)," /* int32[]: further positions */
    "  PRIMARY KEY (set_id, photo_id),"
    "  FOREIGN KEY (set_id, position) REFERENCES categories (set_id, position)"
    "    DEFERRABLE INITIALLY DEFERRED"
    ");"
    "CREATE INDEX labels_by_photo ON labels (photo_id);"

    "CREATE TABLE decisions ("
    "  hash_a bytea NOT NULL CHECK (octet_length(hash_a) = 16),"
    "  hash_b bytea NOT NULL CHECK (octet_length(hash_b) = 16),"
    "  decision bigint NOT NULL CHECK (decision IN (1, 2))," /* 1: duplicates, 2: not */
    "  made_at bigint NOT NULL,"
    "  PRIMARY KEY (hash_a, hash_b),"
    "  CHECK (hash_a < hash_b)"
    ");"

    "CREATE TABLE saved_sets (" /* as a person wrote them, whatever was labelled with them */
    "  name text COLLATE \"C\" PRIMARY KEY CHECK (name <> ''),"
    "  set_json text NOT NULL"
    ");"

    "CREATE TABLE artifacts ("
    "  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    "  model_id bigint NOT NULL REFERENCES models ON DELETE CASCADE,"
    "  name text COLLATE \"C\" NOT NULL CHECK (name <> ''),"
    "  size_bytes bigint NOT NULL CHECK (size_bytes >= 0),"
    "  UNIQUE (model_id, name)"
    ");"
    "CREATE TABLE artifact_chunks ("
    "  artifact_id bigint NOT NULL REFERENCES artifacts ON DELETE CASCADE,"
    "  position bigint NOT NULL CHECK (position >= 0),"
    "  bytes bytea NOT NULL,"
    "  PRIMARY KEY (artifact_id, position)"
    ");"
    "ALTER TABLE artifact_chunks ALTER COLUMN bytes SET STORAGE EXTERNAL;" /* float16: dense */

    "CREATE TABLE places (" /* where index runs looked */
    "  path bytea NOT NULL CHECK (octet_length(path) > 0),"
    "  kind bigint NOT NULL CHECK (kind IN (1, 2))," /* enum store_place_kind */
    "  PRIMARY KEY (path, kind)"
    ");"

    "CREATE TABLE library ("
    "  id bigint PRIMARY KEY CHECK (id = 1),"
    "  version bigint NOT NULL," /* steps that were applied */
    "  revision bigint NOT NULL,"
    "  active_model bigint REFERENCES models ON DELETE SET NULL"
    ");"
    "COMMENT ON TABLE library IS 'fovea library';"
    "INSERT INTO library (id, version, revision) VALUES (1, 0, 1);",

    /* 2 */
    "CREATE TABLE indexers (" /* who indexes just now (postgres_claims.c) */
    "  id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,"
    "  host text NOT NULL,"
    "  pid bigint NOT NULL,"         /* there */
    "  backend_pid bigint NOT NULL," /* of its session here */
    "  backend_start timestamptz,"
    "  started_at timestamptz NOT NULL DEFAULT now(),"
    "  seen_at timestamptz NOT NULL DEFAULT now(),"
    "  found bigint NOT NULL DEFAULT 0,"
    "  todo bigint NOT NULL DEFAULT 0,"
    "  done bigint NOT NULL DEFAULT 0,"
    "  failed bigint NOT NULL DEFAULT 0"
    ");"
    "CREATE TABLE claims (" /* what they have to do, and who is at it; NULL: nobody */
    "  model_id bigint NOT NULL,"
    "  path bytea NOT NULL,"
    "  indexer_id bigint REFERENCES indexers ON DELETE SET NULL,"
    "  PRIMARY KEY (model_id, path)"
    ");"
    "CREATE INDEX claims_by_indexer ON claims (indexer_id) WHERE indexer_id IS NOT NULL;"
    "ALTER TABLE files ADD COLUMN recorded_at timestamptz NOT NULL DEFAULT now();",

    /* 3: paths of any length. An entry of a btree has 2,704 bytes at most, a path 4,095. */
    "CREATE FUNCTION path_head(path bytea) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE"
    "  AS $$ SELECT pg_catalog.substring(path, 1, 1024) $$;"
    "CREATE FUNCTION path_rest(path bytea) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE"
    "  AS $$ SELECT CASE WHEN pg_catalog.octet_length(path) > 1024 THEN pg_catalog.sha256(path)"
    "    ELSE ''::bytea END $$;"
    "ALTER TABLE files ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY;"
    "ALTER TABLE sidecars ADD COLUMN file_id bigint;"
    "UPDATE sidecars SET file_id = files.id FROM files WHERE files.path = sidecars.path;"
    "ALTER TABLE sidecars DROP COLUMN path;"
    "DROP INDEX files_failed;"
    "ALTER TABLE files DROP CONSTRAINT files_pkey, ADD PRIMARY KEY (id);"
    "ALTER TABLE sidecars ADD PRIMARY KEY (file_id),"
    "  ADD FOREIGN KEY (file_id) REFERENCES files ON DELETE CASCADE;"
    "CREATE UNIQUE INDEX files_by_path ON files (path_head(path), path_rest(path));"
    "CREATE INDEX files_failed ON files (path_head(path)) WHERE failure IS NOT NULL;"
    "ALTER TABLE claims DROP CONSTRAINT claims_pkey;"
    "CREATE UNIQUE INDEX claims_by_path ON claims (model_id, path_head(path), path_rest(path));"
    "ALTER TABLE places DROP CONSTRAINT places_pkey;"
    "CREATE UNIQUE INDEX places_by_path ON places (path_head(path), path_rest(path), kind);",
};
enum { NEWEST = sizeof steps / sizeof steps[0] };

/* --- what is there ------------------------------------------------------------------------ */

enum found { NOTHING, SCHEMA_EMPTY, SCHEMA_OF_OTHERS, LIBRARY, NOT_ALLOWED };

static enum status look(struct postgres_store *s, enum found *found, struct err *err)
{
    struct str sql = str_new(4096);
    char *name = PQescapeLiteral(s->conn, s->schema, strlen(s->schema));
    char answer[16] = "";
    str_format(&sql,
               "SELECT CASE WHEN n.oid IS NULL THEN 0"
               "  WHEN NOT has_schema_privilege(n.oid, 'USAGE') THEN 4"
               "  WHEN EXISTS (SELECT 1 FROM pg_class c WHERE relnamespace = n.oid"
               "    AND relname = 'library' AND relkind = 'r'"
               "    AND obj_description(c.oid, 'pg_class') = 'fovea library') THEN 3"
               "  WHEN EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = n.oid) THEN 2"
               "  ELSE 1 END"
               " FROM (SELECT 1) AS one LEFT JOIN pg_namespace n ON nspname = %s",
               name ? name : "");
    enum status status = name && str_ok(&sql)
                             ? pg_ask(s, str_text(&sql), answer, sizeof answer, err)
                             : pg_fail(s, NULL, err);
    *found = (enum found)(answer[0] ? answer[0] - '0' : 0);
    PQfreemem(name);
    str_free(&sql);
    return status;
}

static enum status read_version(struct postgres_store *s, int *version, struct err *err)
{
    char answer[32];
    enum status status = pg_ask(s, "SELECT version FROM library", answer, sizeof answer, err);
    *version = atoi(answer);
    return status;
}

static enum status check_version(const struct postgres_store *s, int version, struct err *err)
{
    if (version > NEWEST)
        return err_set(err, ERR_UNSUPPORTED,
                       "the library %s has schema version %d, made by a newer fovea; fovea %s "
                       "knows versions up to %d: install the newer fovea, or choose another "
                       "library",
                       s->label, version, FOVEA_VERSION, NEWEST);
    if (version < NEWEST)
        return err_set(err, ERR_UNSUPPORTED,
                       "the library %s has schema version %d, made by an older fovea; fovea %s "
                       "reads version %d: run \"fovea index\" once to bring it up to date",
                       s->label, version, FOVEA_VERSION, NEWEST);
    return OK;
}

/* What is not fovea's, or not for this user. */
static enum status refuse_schema(const struct postgres_store *s, enum found found, struct err *err)
{
    if (found == NOT_ALLOWED)
        return err_set(err, ERR_IO,
                       "user %s may not use the schema %s of %s: ask its owner to GRANT USAGE ON "
                       "SCHEMA, and what else is wanted on its tables",
                       PQuser(s->conn), s->schema, s->label);
    if (found == SCHEMA_OF_OTHERS)
        return err_set(err, ERR_FORMAT,
                       "the schema %s of %s holds tables of another program, and was left alone: "
                       "choose another with ?schema=NAME",
                       s->schema, s->label);
    return OK;
}

/* --- the extension ------------------------------------------------------------------------ */

static enum status fail_extension(struct postgres_store *s, PGresult *result, struct err *err)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    state = state ? state : "";
    if (strcmp(state, "42501") == 0)
        return err_set(err, ERR_IO,
                       "the database of the library %s lacks the extension \"vector\", and user "
                       "%s may not make it: ask an administrator to run CREATE EXTENSION vector "
                       "there",
                       s->label, PQuser(s->conn));
    if (strcmp(state, "58P01") == 0 || strcmp(state, "0A000") == 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "the server of the library %s does not have pgvector: install it there "
                       "(Debian: postgresql-%d-pgvector)",
                       s->label, PQserverVersion(s->conn) / 10000);
    return pg_fail(s, result, err);
}

enum status postgres_make_extension(struct postgres_store *s, struct err *err)
{
    char there[8];
    enum status status =
        pg_ask(s, "SELECT 1 FROM pg_extension WHERE extname = 'vector'", there, sizeof there, err);
    if (status != OK || there[0])
        return status;
    /* In public, where it serves others as well and outlives the library; two at once: one fails
     * on a unique index, and finds it there at the next try. */
    PGresult *result = PQexec(s->conn, "CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public");
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        status = fail_extension(s, result, err);
    PQclear(result);
    return status;
}

/* As text, and as a number. A build of one's own may be called 0.9.0-dev or 1.0. */
static enum status ask_version(struct postgres_store *s, char *text, size_t size, int *version,
                               struct err *err)
{
    int major = 0, minor = 0, patch = 0;
    enum status status =
        pg_ask(s, "SELECT extversion FROM pg_extension WHERE extname = 'vector'", text, size, err);
    if (status == OK)
        sscanf(text, "%d.%d.%d", &major, &minor, &patch);
    *version = POSTGRES_VECTOR(major, minor, patch);
    return status;
}

enum status postgres_vector_version(struct postgres_store *s, int *version, struct err *err)
{
    char text[64];
    enum status status = OK;
    if (s->vector_version == 0)
        status = ask_version(s, text, sizeof text, &s->vector_version, err);
    *version = s->vector_version;
    return status;
}

static enum status check_extension(struct postgres_store *s, struct err *err)
{
    char text[64];
    int version;
    enum status status = ask_version(s, text, sizeof text, &version, err);
    if (status != OK || version >= EXTENSION_MIN)
        return status;
    if (!text[0])
        return err_set(err, ERR_FORMAT,
                       "the database of the library %s has lost the extension \"vector\": CREATE "
                       "EXTENSION vector, or put a backup in its place",
                       s->label);
    return err_set(err, ERR_UNSUPPORTED,
                   "the database of the library %s has pgvector %s; fovea needs " EXTENSION_MIN_TEXT
                   " or newer: install it on the server, then ALTER EXTENSION "
                   "vector UPDATE",
                   s->label, text);
}

/* --- making and migrating ----------------------------------------------------------------- */

static enum status make_schema(struct postgres_store *s, struct err *err)
{
    struct str sql = str_new(1024);
    str_put(&sql, "CREATE SCHEMA ");
    postgres_quoted(s, &sql, "");
    enum status status = str_ok(&sql) ? pg_exec(s, str_text(&sql), err)
                                      : err_no_memory(err, "a schema's name", sql.size);
    str_free(&sql);
    return status;
}

static enum status apply_steps(struct postgres_store *s, int version, struct err *err)
{
    enum status status = OK;
    for (int i = version; status == OK && i < NEWEST; i++)
        status = pg_exec(s, steps[i], err);
    char sql[64];
    snprintf(sql, sizeof sql, "UPDATE library SET version = %d", NEWEST);
    return status == OK ? pg_exec(s, sql, err) : status;
}

/* Within a transaction, under the lock: what another process has done meanwhile is seen. */
static enum status bring_up_to_date(struct postgres_store *s, struct err *err)
{
    char sql[128];
    enum found found = NOTHING;
    int version = 0;
    snprintf(sql, sizeof sql, "SELECT pg_advisory_xact_lock(%d, %d)", POSTGRES_LOCK_SCHEMA,
             postgres_lock_key(s));
    enum status status = pg_exec(s, sql, err);
    if (status == OK)
        status = look(s, &found, err);
    if (status == OK)
        status = refuse_schema(s, found, err);
    if (status == OK && found == NOTHING)
        status = make_schema(s, err);
    if (status == OK)
        status = postgres_make_extension(s, err);
    if (status == OK)
        status = postgres_set_path(s, err); /* a roll-back takes it back, and all else with it */
    if (status == OK)
        status = check_extension(s, err);
    if (status == OK && found == LIBRARY)
        status = read_version(s, &version, err);
    if (status == OK && version > NEWEST)
        return check_version(s, version, err);
    return status == OK ? apply_steps(s, version, err) : status;
}

static enum status open_for_writing(struct postgres_store *s, struct err *err)
{
    struct pg_tries tries = {0};
    enum status status;
    do {
        status = pg_begin_quiet_write(s, err);
        if (status == OK)
            status = pg_finish(s, bring_up_to_date(s, err), err);
    } while (pg_again(s, &tries, &status, err));
    return status;
}

enum status postgres_schema_open(struct postgres_store *s, struct err *err)
{
    enum found found = NOTHING;
    int version = 0;
    enum status status = look(s, &found, err);
    if (status == OK)
        status = refuse_schema(s, found, err);
    if (status == OK && found == LIBRARY) {
        status = check_extension(s, err);
        if (status == OK)
            status = read_version(s, &version, err);
    }
    if (status != OK)
        return status;
    if (s->base.mode == STORE_WRITE && version < NEWEST)
        return open_for_writing(s, err);
    if (found != LIBRARY)
        return err_set(err, ERR_NOT_FOUND, "there is no library %s: \"fovea index DIR\" makes one",
                       s->label);
    return check_version(s, version, err);
}
