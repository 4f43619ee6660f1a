/* SPDX-License-Identifier: MIT
 *
 * Several indexers of one library (store_claims.h).
 *
 * Each is a row of `indexers`, in which it writes every few seconds when it was last there and how
 * far it is: its beat (postgres_beat.c).
 * What is to be done is a row of `claims`, by model and path; whose it is stands in it, nobody's
 * while that is NULL. Taking files is one statement that locks free rows and skips those that
 * another one is just locking (FOR UPDATE SKIP LOCKED), so that any number of indexers take without
 * waiting for each other. Recording a result removes its row in the same transaction
 * (postgres_index.c): a claim never outlives its work, nor ends without it.
 *
 * An indexer that is dead is removed by whoever notices: it has been silent for the lease, or for
 * the grace and its session is gone (a process that was killed; who only has to connect again does
 * so within it). Its claims go back with its row (ON DELETE SET NULL). Times are the server's. One
 * that was asleep and finds its row gone makes it again and is told that its claims were lost.
 *
 * Joining holds the index lock in shared mode, so whoever wants the library alone is told who is at
 * it. The list of indexers is locked while somebody joins, and while photos that no path names are
 * removed: nobody begins to count on one that is going.
 *
 * Rows that nobody is to do any more (of a run that was killed, of folders that nobody has again)
 * go when the next one joins and is the only one.
 */
#include "store/postgres.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- indexers ----------------------------------------------------------------------------- */

/* Makes this indexer's row. Who comes back after it was taken for dead has been at it since it
 * first joined: what others have recorded since then is news to it (postgres_forget.c). */
static enum status write_row(struct postgres_store *s, struct err *err)
{
    struct pg q =
        pg_start(s, PG_INDEXER_ADD,
                 "INSERT INTO indexers (id, host, pid, backend_pid, backend_start,"
                 "  started_at) SELECT $1, $2, $3, pg_backend_pid(),"
                 "  (SELECT backend_start FROM pg_stat_activity"
                 "   WHERE pid = pg_backend_pid()),"
                 "  coalesce(timestamptz 'epoch' + $4::bigint * interval '1 microsecond', now())"
                 " ON CONFLICT (id) DO NOTHING"
                 " RETURNING (extract(epoch FROM started_at) * 1000000)::bigint");
    char host[256] = "";
    bool row;
    gethostname(host, sizeof host - 1);
    pg_int(&q, s->indexer_id);
    pg_text(&q, host);
    pg_int(&q, getpid());
    if (s->joined_at_us)
        pg_int(&q, s->joined_at_us);
    else
        pg_null(&q);
    enum status status = pg_row(&q, &row, err);
    if (row)
        s->joined_at_us = pg_column_int(&q, 0);
    pg_end(&q);
    return status;
}

static enum status count_others(struct postgres_store *s, bool *alone, struct err *err)
{
    struct pg q = pg_start(s, PG_INDEXER_OTHERS, "SELECT count(*) FROM indexers WHERE id <> $1");
    bool row;
    pg_int(&q, s->indexer_id);
    enum status status = pg_row(&q, &row, err);
    *alone = row && pg_column_int(&q, 0) == 0;
    pg_end(&q);
    return status;
}

static enum status lock_indexers(struct postgres_store *s, struct err *err)
{
    return pg_exec(s, "LOCK TABLE indexers IN SHARE ROW EXCLUSIVE MODE", err);
}

enum status postgres_is_alone(struct postgres_store *s, bool *alone, struct err *err)
{
    *alone = !s->joined;
    if (*alone)
        return OK;
    enum status status = lock_indexers(s, err);
    if (status == OK)
        status = postgres_reap(s, s->indexer_id, err);
    return status == OK ? count_others(s, alone, err) : status;
}

/* --- joining ------------------------------------------------------------------------------ */

static enum status next_id(struct postgres_store *s, struct err *err)
{
    struct pg q =
        pg_start(s, PG_INDEXER_ID, "SELECT nextval(pg_get_serial_sequence('indexers', 'id'))");
    bool row;
    enum status status = pg_row(&q, &row, err);
    s->indexer_id = row ? pg_column_int(&q, 0) : 0;
    pg_end(&q);
    return status;
}

static enum status enter(struct postgres_store *s, struct err *err)
{
    bool alone;
    enum status status = pg_begin_quiet_write(s, err);
    if (status != OK)
        return status;
    status = next_id(s, err);
    if (status == OK)
        status = postgres_is_alone(s, &alone, err);
    if (status == OK && alone) { /* what is left of earlier runs */
        struct pg q = pg_start(s, PG_CLAIM_CLEAR, "DELETE FROM claims");
        status = pg_run(&q, err);
    }
    s->joined_at_us = 0;
    if (status == OK)
        status = write_row(s, err);
    return pg_finish(s, status, err);
}

enum status postgres_index_join(struct store *store, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    if (s->index_lock)
        return OK;
    s->joined = true;
    do
        status = postgres_take_index_lock(s, err);
    while (pg_again(s, &tries, &status, err));
    s->joined = s->index_lock = status == OK;
    tries = (struct pg_tries){0};
    if (status == OK)
        do
            status = enter(s, err);
        while (pg_again(s, &tries, &status, err));
    if (status == OK)
        status = postgres_beat_start(s, err);
    if (status != OK)
        postgres_index_unlock(store);
    return status;
}

void postgres_claims_leave(struct postgres_store *s)
{
    struct err ignored; /* the others will notice */
    postgres_beat_stop(s);
    if (!s->joined || s->indexer_id == 0)
        return;
    if (pg_begin_quiet_write(s, &ignored) == OK) {
        struct pg q = pg_start(s, PG_INDEXER_DROP, "DELETE FROM indexers WHERE id = $1");
        pg_int(&q, s->indexer_id);
        (void)!pg_finish(s, pg_run(&q, &ignored), &ignored);
    }
    s->indexer_id = 0;
}

/* --- claims ------------------------------------------------------------------------------- */

static void list_paths(struct pg_array *array, const char *const *paths, size_t count)
{
    pg_array_begin(array, PG_BYTEA);
    for (size_t i = 0; i < count; i++)
        pg_array_blob(array, paths[i], strlen(paths[i]));
}

static enum status offer(struct postgres_store *s, int64_t model_id, struct pg_array *paths,
                         struct err *err)
{
    enum status status = pg_begin_quiet_write(s, err);
    if (status != OK)
        return status;
    struct pg q = pg_start(s, PG_CLAIM_OFFER,
                           "INSERT INTO claims (model_id, path)"
                           " SELECT $1, u.path FROM unnest($2) AS u (path) ORDER BY u.path"
                           " ON CONFLICT DO NOTHING");
    pg_int(&q, model_id);
    pg_array(&q, paths);
    return pg_finish(s, pg_run(&q, err), err);
}

enum status postgres_claims_offer(struct store *store, int64_t model_id, const char *const *paths,
                                  size_t count, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_array array;
    struct pg_tries tries = {0};
    enum status status;
    list_paths(&array, paths, count);
    do
        status = offer(s, model_id, &array, err);
    while (pg_again(s, &tries, &status, err));
    pg_array_free(&array);
    return status;
}

/* One that is this indexer's already was taken by an attempt whose answer got lost. Whose row is
 * gone has no claims: nobody may remove it before this transaction ends. */
static const char take_sql[] =
    "WITH me AS (SELECT id FROM indexers WHERE id = $4 FOR KEY SHARE),"
    "  free AS (SELECT c.path FROM unnest($2) AS u (path) JOIN claims c ON c.model_id = $1"
    "    AND " POSTGRES_SAME_PATH(
        "c.path",
        "u.path") "    WHERE c.indexer_id IS NULL AND EXISTS (SELECT 1 FROM me)"
                  "    ORDER BY c.path LIMIT $3 FOR UPDATE OF c SKIP LOCKED),"
                  "  mine AS (UPDATE claims SET indexer_id = $4 FROM free WHERE claims.model_id = "
                  "$1"
                  "    AND " POSTGRES_SAME_PATH(
                      "claims.path",
                      "free.path") " RETURNING claims.path)"
                                   " SELECT u.number, CASE"
                                   "    WHEN NOT EXISTS (SELECT 1 FROM me) THEN 4"
                                   "    WHEN mine.path IS NOT NULL OR c.indexer_id = $4 THEN 1"
                                   "    WHEN c.path IS NULL THEN 3"
                                   "    WHEN c.indexer_id IS NULL THEN 0"
                                   "    ELSE 2 END::bigint"
                                   " FROM unnest($2) WITH ORDINALITY AS u (path, number)"
                                   "  LEFT JOIN mine ON mine.path = u.path"
                                   "  LEFT JOIN claims c ON c.model_id = $1"
                                   "   AND " POSTGRES_SAME_PATH("c.path", "u.path");
_Static_assert(CLAIM_FREE == 0 && CLAIM_MINE == 1 && CLAIM_TAKEN == 2 && CLAIM_DONE == 3 &&
                   CLAIM_LOST == 4,
               "as in take_sql");

static enum status take(struct postgres_store *s, int64_t model_id, struct pg_array *paths,
                        size_t most, enum claim *claims, struct err *err)
{
    enum status status = pg_begin_quiet_write(s, err);
    if (status != OK)
        return status;
    struct pg q = pg_start(s, PG_CLAIM_TAKE, take_sql);
    bool row, lost = false;
    pg_int(&q, model_id);
    pg_array(&q, paths);
    pg_int(&q, (int64_t)most);
    pg_int(&q, s->indexer_id);
    status = pg_row(&q, &row, err);
    while (status == OK && row) {
        int64_t number = pg_column_int(&q, 0);
        enum claim claim = (enum claim)pg_column_int(&q, 1);
        if (number >= 1 && number <= paths->count)
            claims[number - 1] = claim;
        lost |= claim == CLAIM_LOST;
        status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    if (status == OK && lost)
        status = write_row(s, err);
    return pg_finish(s, status, err);
}

enum status postgres_claims_take(struct store *store, int64_t model_id, const char *const *paths,
                                 size_t count, size_t most, enum claim *claims, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_array array;
    struct pg_tries tries = {0};
    enum status status;
    list_paths(&array, paths, count);
    do
        status = take(s, model_id, &array, most, claims, err);
    while (pg_again(s, &tries, &status, err));
    pg_array_free(&array);
    return status;
}

void postgres_claims_progress(struct store *store, const struct store_progress *progress)
{
    struct postgres_store *s = postgres_store(store);
    if (s->beat)
        postgres_beat_tell(s, progress);
}

/* --- who is at it ------------------------------------------------------------------------- */

static enum status read_indexers(struct postgres_store *s, struct str *hosts,
                                 struct store_indexer **list, size_t *count, struct err *err)
{
    struct pg q = pg_start(
        s, PG_INDEXER_LIST,
        "SELECT host, pid, extract(epoch FROM now() - started_at)::float8,"
        "  extract(epoch FROM greatest(now() - seen_at, interval '0'))::float8,"
        "  (SELECT count(*) FROM claims WHERE indexer_id = indexers.id), found, todo, done, failed"
        " FROM indexers WHERE " POSTGRES_ALIVE " ORDER BY started_at, id");
    bool row;
    pg_real(&q, postgres_lease());
    pg_real(&q, postgres_grace());
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        struct store_indexer *grown = realloc(*list, (*count + 1) * sizeof **list);
        if (!grown) {
            status = err_no_memory(err, "the library's indexers", (*count + 1) * sizeof **list);
            break;
        }
        *list = grown;
        grown[(*count)++] = (struct store_indexer){
            .pid = pg_column_int(&q, 1),
            .since_s = pg_column_real(&q, 2),
            .silent_s = pg_column_real(&q, 3),
            .in_hand = pg_column_int(&q, 4),
            .so_far = {pg_column_int(&q, 5), pg_column_int(&q, 6), pg_column_int(&q, 7),
                       pg_column_int(&q, 8)},
        };
        const char *host = pg_column_text(&q, 0);
        str_append(hosts, host, strlen(host) + 1);
        status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    return status;
}

/* The list and the strings as one block. */
static enum status as_block(const struct store_indexer *list, size_t count, const struct str *hosts,
                            struct store_indexer **out, struct err *err)
{
    struct store_indexer *block = malloc(count * sizeof *block + hosts->size + 1);
    if (!block)
        return err_no_memory(err, "the library's indexers", hosts->size);
    char *host = (char *)(block + count);
    if (hosts->size > 0)
        memcpy(host, hosts->data, hosts->size);
    for (size_t i = 0; i < count; i++, host += strlen(host) + 1) {
        block[i] = list[i];
        block[i].host = host;
    }
    *out = block;
    return OK;
}

enum status postgres_indexers(struct store *store, struct store_indexer **indexers, size_t *count,
                              struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct str hosts = str_new(1 << 20);
    struct store_indexer *list = NULL;
    size_t n = 0;
    struct pg_tries tries = {0};
    enum status status;
    do {
        str_clear(&hosts);
        n = 0;
        status = read_indexers(s, &hosts, &list, &n, err);
    } while (pg_again(s, &tries, &status, err));
    if (status == OK && !str_ok(&hosts))
        status = err_no_memory(err, "the library's indexers", hosts.size);
    if (status == OK)
        status = as_block(list, n, &hosts, indexers, err);
    if (status == OK)
        *count = n;
    free(list);
    str_free(&hosts);
    return status;
}
