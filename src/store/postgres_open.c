/* SPDX-License-Identifier: MIT
 *
 * Opening and closing a library in a PostgreSQL database, holding it for reading, and the right to
 * index it.
 *
 * That right is an advisory lock of the session: it goes when the session does, however it ends,
 * and a new connection takes it again (pg_transaction.c). Who holds it is found by the name that
 * sessions have in pg_stat_activity (postgres_connect.c).
 */
#include "store/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- opening ------------------------------------------------------------------------------ */

void postgres_free(struct postgres_store *s)
{
    if (!s)
        return;
    postgres_disconnect(s);
    PQconninfoFree(s->options);
    free(s->schema);
    free(s->label);
    free(s);
}

enum status postgres_open(struct store **out, const char *url, enum store_mode mode,
                          struct err *err)
{
    struct postgres_store *s = calloc(1, sizeof *s);
    if (!s)
        return err_no_memory(err, "the library's handle", sizeof *s);
    s->base = (struct store){.ops = &postgres_store_ops, .mode = mode};
    s->patience = -1;
    enum status status = postgres_read_url(s, url, err);
    if (status == OK)
        status = postgres_connect(s, err);
    if (status == OK)
        status = postgres_schema_open(s, err);
    if (status == OK)
        *out = &s->base;
    else
        postgres_free(s);
    return status;
}

void postgres_close(struct store *store)
{
    postgres_index_unlock(store); /* the server may notice later that the session has ended */
    postgres_free(postgres_store(store));
}

void postgres_keep_half(struct store *store)
{
    postgres_store(store)->half_new = true;
}

/* --- copies ------------------------------------------------------------------------------- */

enum status postgres_backup(struct store *store, const char *path, struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED,
                   "the library %s cannot copy itself to a file: \"fovea store copy\" copies it "
                   "from outside, and so does pg_dump",
                   postgres_store(store)->label);
}

const char *postgres_kept_copy(const struct store *store)
{
    return NULL; /* before a migration: a server has backups of its own */
}

/* --- the right to index ------------------------------------------------------------------- */

int postgres_lock_key(const struct postgres_store *s)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (const char *p = s->schema; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 16777619u;
    return (int)(hash & 0x7fffffff);
}

/* "process 4711 on some-host", of whoever holds it; "" if nobody does. */
static enum status find_holder(struct postgres_store *s, char *holder, size_t size, struct err *err)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "SELECT coalesce(nullif(regexp_replace(application_name, '^fovea, ', ''), ''),"
             "  'a session of ' || coalesce(usename, '?'), 'a session')"
             " FROM pg_locks LEFT JOIN pg_stat_activity USING (pid)"
             " WHERE locktype = 'advisory' AND granted AND classid = %d AND objid = %d"
             "  AND pg_locks.database = (SELECT oid FROM pg_database"
             "                           WHERE datname = current_database()) LIMIT 1",
             POSTGRES_LOCK_INDEX, postgres_lock_key(s));
    return pg_ask(s, sql, holder, size, err);
}

/* *holder: empty if it is ours. */
static enum status try_index_lock(struct postgres_store *s, char *holder, size_t size,
                                  struct err *err)
{
    char sql[128], answer[8];
    snprintf(sql, sizeof sql, "SELECT pg_try_advisory_lock%s(%d, %d)", s->joined ? "_shared" : "",
             POSTGRES_LOCK_INDEX, postgres_lock_key(s));
    holder[0] = '\0';
    for (int turns = 0;; turns++) {
        enum status status = pg_ask(s, sql, answer, sizeof answer, err);
        if (status != OK || strcmp(answer, "t") == 0)
            return status;
        status = find_holder(s, holder, size, err);
        if (status != OK || holder[0])
            return status;
        if (turns == 3) { /* as often, it was gone a moment later */
            snprintf(holder, size, "another process");
            return OK;
        }
    }
}

enum status postgres_take_index_lock(struct postgres_store *s, struct err *err)
{
    char holder[256];
    enum status status = try_index_lock(s, holder, sizeof holder, err);
    if (status != OK || !holder[0])
        return status;
    return err_set(err, ERR_BUSY, "%s is indexing the library %s: wait until it has finished",
                   holder, s->label);
}

enum status postgres_index_lock(struct store *store, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status = OK;
    if (s->index_lock)
        return OK;
    do
        status = postgres_take_index_lock(s, err);
    while (pg_again(s, &tries, &status, err));
    s->index_lock = status == OK;
    return status;
}

void postgres_index_unlock(struct store *store)
{
    struct postgres_store *s = postgres_store(store);
    char sql[128];
    struct err ignored;
    if (!s->index_lock)
        return;
    postgres_claims_leave(s);
    s->index_lock = false;
    snprintf(sql, sizeof sql, "SELECT pg_advisory_unlock%s(%d, %d)", s->joined ? "_shared" : "",
             POSTGRES_LOCK_INDEX, postgres_lock_key(s));
    s->joined = false;
    (void)!pg_exec(s, sql, &ignored); /* a lost session holds nothing */
}

bool postgres_is_indexing(struct store *store)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    char holder[256];
    struct err ignored;
    enum status status;
    do
        status = find_holder(s, holder, sizeof holder, &ignored);
    while (pg_again(s, &tries, &status, &ignored));
    return status == OK && holder[0];
}

/* --- holding for reading ------------------------------------------------------------------ */

static enum status read_revision(struct postgres_store *s, int64_t *revision, struct err *err)
{
    struct pg q = pg_start(s, PG_REVISION, "SELECT revision FROM library");
    bool row;
    enum status status = pg_row(&q, &row, err);
    *revision = row ? pg_column_int(&q, 0) : 0;
    pg_end(&q);
    return status;
}

enum status postgres_revision(struct store *store, int64_t *revision, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do
        status = read_revision(s, revision, err);
    while (pg_again(s, &tries, &status, err));
    return status;
}

enum status postgres_read_begin(struct store *store, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do {
        int64_t revision;
        status = pg_begin_read(s, err);
        if (status == OK) /* BEGIN alone takes no snapshot yet; a first question does */
            status = read_revision(s, &revision, err);
        if (status != OK)
            status = pg_finish(s, status, err);
    } while (pg_again(s, &tries, &status, err));
    return status;
}

void postgres_read_end(struct store *store)
{
    struct postgres_store *s = postgres_store(store);
    struct err ignored;
    s->changes = 0;
    (void)!pg_finish(s, OK, &ignored);
    s->held_lost = false; /* the next verb connects again, if need be */
}

static void set_patience(struct store *store, double seconds)
{
    postgres_store(store)->patience = seconds;
}

enum status postgres_name(const char *url, struct str *out, struct err *err)
{
    struct postgres_store *s = calloc(1, sizeof *s);
    if (!s)
        return err_no_memory(err, "the library's handle", sizeof *s);
    enum status status = postgres_read_url(s, url, err);
    if (status == OK)
        str_put(out, s->label);
    postgres_free(s);
    return status;
}

static enum status damaged(const struct store *store, const char *what, struct err *err)
{
    return pg_damaged((const struct postgres_store *)(const void *)store, what, err);
}

const struct store_ops postgres_store_ops = {
    .damaged = damaged,
    .open = postgres_open,
    .close = postgres_close,
    .set_patience = set_patience,
    .keep_half = postgres_keep_half,
    .index_lock = postgres_index_lock,
    .index_join = postgres_index_join,
    .index_unlock = postgres_index_unlock,
    .is_indexing = postgres_is_indexing,
    .read_begin = postgres_read_begin,
    .read_end = postgres_read_end,
    .revision = postgres_revision,
    .model_use = postgres_model_use,
    .models = postgres_models,
    .model_active = postgres_model_active,
    .model_set_active = postgres_model_set_active,
    .model_remove = postgres_model_remove,
    .matrix_load = postgres_matrix_load,
    .rows_load = postgres_rows_load,
    .nearest = postgres_nearest,
    .count_near = postgres_count_near,
    .hnsw_get = postgres_hnsw_get,
    .hnsw_make = postgres_hnsw_make,
    .hnsw_drop = postgres_hnsw_drop,
    .hnsw_parts = postgres_hnsw_parts,
    .vectors_load = postgres_vectors_load,
    .artifacts = postgres_artifacts,
    .artifact_put = postgres_artifact_put,
    .artifact_get = postgres_artifact_get,
    .artifact_remove = postgres_artifact_remove,
    .file_state = postgres_file_state,
    .has_embedding = postgres_has_embedding,
    .put_results = postgres_put_results,
    .paths_under = postgres_paths_under,
    .forget_paths = postgres_forget_paths,
    .sweep = postgres_sweep,
    .facts_load = postgres_facts_load,
    .photo_load = postgres_photo_load,
    .photo_find = postgres_photo_find,
    .photo_find_hash = postgres_photo_find_hash,
    .photos_find = postgres_photos_find,
    .photos_load = postgres_photos_load,
    .photo_ids = postgres_photo_ids,
    .known_visit = postgres_known_visit,
    .places = postgres_places,
    .places_change = postgres_places_change,
    .claims_offer = postgres_claims_offer,
    .claims_take = postgres_claims_take,
    .claims_progress = postgres_claims_progress,
    .indexers = postgres_indexers,
    .shards_make = postgres_shards_make,
    .shards_end = postgres_shards_end,
    .shards = postgres_shards,
    .labels_replace = postgres_labels_replace,
    .labels_add = postgres_labels_add,
    .labels_load = postgres_labels_load,
    .label_sets = postgres_label_sets,
    .labels_drop = postgres_labels_drop,
    .saved_set_put = postgres_saved_set_put,
    .saved_sets = postgres_saved_sets,
    .decisions_put = postgres_decisions_put,
    .decisions = postgres_decisions,
    .summarize = postgres_summarize,
    .failures = postgres_failures,
    .backup = postgres_backup,
    .kept_copy = postgres_kept_copy,
};
