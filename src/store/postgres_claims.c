/* SPDX-License-Identifier: MIT
 *
 * Several indexers of one library (store_claims.h).
 *
 * Each is a row of `indexers`, which it writes anew every few seconds with how far it is: its beat.
 * What is to be done is a row of `claims`, by model and path; whose it is stands in it, nobody's
 * while that is NULL. Taking files is one statement that locks free rows and skips those that
 * another one is just locking (FOR UPDATE SKIP LOCKED), so that any number of indexers take without
 * waiting for each other. Recording a result removes its row in the same transaction
 * (postgres_index.c): a claim never outlives its work, nor ends without it.
 *
 * An indexer that is dead is removed by whoever notices: it has been silent for the lease, or for
 * the grace and its session is gone (a process that was killed; who only has to connect again does
 * so within it). Its claims go back with its row (ON DELETE SET NULL). Times are the server's.
 *
 * Joining holds the index lock in shared mode, so whoever wants the library alone is told who is at
 * it. The list of indexers is locked while somebody joins, and while photos that no path names are
 * removed: nobody begins to count on one that is going.
 *
 * Rows that nobody is to do any more (of a run that was killed, of folders that nobody has again)
 * go when the next one joins and is the only one.
 */
#include "store/postgres.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEAT_SECONDS 5.0

#define STRING(x) #x
#define SECONDS(x) "interval '" STRING(x) " seconds'"
_Static_assert(STORE_LEASE_SECONDS == 120 && STORE_GRACE_SECONDS == 8, "as in ALIVE");
/* Right after the server's own start nobody is dead for want of a session. */
#define ALIVE                                                                                      \
    "(seen_at > now() - " SECONDS(120) " AND (seen_at > now() - " SECONDS(                         \
        8) "  OR pg_postmaster_start_time() > now() - " SECONDS(30) " OR EXISTS"                   \
                                                                    "  (SELECT 1 FROM "            \
                                                                    "pg_stat_activity a WHERE "    \
                                                                    "a.pid = backend_pid"          \
                                                                    "   AND "                      \
                                                                    "coalesce(a.backend_start = "  \
                                                                    "indexers.backend_start, "     \
                                                                    "true))))"

/* --- indexers ----------------------------------------------------------------------------- */

/* Writes this indexer's row, which another may have removed in the belief that it was dead. */
static enum status write_beat(struct postgres_store *s, struct err *err)
{
    struct pg q = pg_start(s, PG_INDEXER_BEAT,
                           "INSERT INTO indexers (id, host, pid, backend_pid, backend_start, found,"
                           " todo, done, failed)"
                           " SELECT $1, $2, $3, pg_backend_pid(), (SELECT backend_start"
                           "  FROM pg_stat_activity WHERE pid = pg_backend_pid()), $4, $5, $6, $7"
                           " ON CONFLICT (id) DO UPDATE SET seen_at = now(),"
                           "  backend_pid = excluded.backend_pid,"
                           "  backend_start = excluded.backend_start, found = excluded.found,"
                           "  todo = excluded.todo, done = excluded.done,"
                           "  failed = excluded.failed");
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    pg_int(&q, s->indexer_id);
    pg_text(&q, host);
    pg_int(&q, getpid());
    pg_int(&q, s->progress.found);
    pg_int(&q, s->progress.todo);
    pg_int(&q, s->progress.done);
    pg_int(&q, s->progress.failed);
    return pg_run(&q, err);
}

/* Removes the dead. */
static enum status reap(struct postgres_store *s, struct err *err)
{
    struct pg q = pg_start(s, PG_INDEXER_REAP,
                           "DELETE FROM indexers WHERE id IN (SELECT id FROM indexers"
                           "  WHERE id <> $1 AND NOT " ALIVE " FOR UPDATE SKIP LOCKED)");
    pg_int(&q, s->indexer_id);
    return pg_run(&q, err);
}

static enum status beat(struct postgres_store *s, struct err *err)
{
    enum status status = pg_begin_quiet_write(s, err);
    if (status != OK)
        return status;
    status = write_beat(s, err);
    if (status == OK)
        status = reap(s, err);
    return pg_finish(s, status, err);
}

void postgres_beat(struct postgres_store *s)
{
    struct pg_tries tries = {0};
    struct err ignored; /* the verb that comes next meets the same */
    enum status status;
    if (!s->joined || !s->index_lock || clock_seconds() < s->next_beat)
        return;
    do
        status = beat(s, &ignored);
    while (pg_again(s, &tries, &status, &ignored));
    s->next_beat = clock_seconds() + BEAT_SECONDS;
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
        status = reap(s, err);
    return status == OK ? count_others(s, alone, err) : status;
}

/* --- joining ------------------------------------------------------------------------------ */

static enum status next_id(struct postgres_store *s, struct err *err)
{
    struct pg q =
        pg_start(s, PG_INDEXER_ADD, "SELECT nextval(pg_get_serial_sequence('indexers', 'id'))");
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
    if (status == OK)
        status = write_beat(s, err);
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
    s->progress = (struct store_progress){0};
    do
        status = postgres_take_index_lock(s, err);
    while (pg_again(s, &tries, &status, err));
    s->joined = s->index_lock = status == OK;
    tries = (struct pg_tries){0};
    if (status == OK)
        do
            status = enter(s, err);
        while (pg_again(s, &tries, &status, err));
    if (status != OK)
        postgres_index_unlock(store);
    else
        s->next_beat = clock_seconds() + BEAT_SECONDS;
    return status;
}

void postgres_claims_leave(struct postgres_store *s)
{
    struct err ignored; /* the others will notice */
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
    postgres_beat(s);
    list_paths(&array, paths, count);
    do
        status = offer(s, model_id, &array, err);
    while (pg_again(s, &tries, &status, err));
    pg_array_free(&array);
    return status;
}

/* One that is this indexer's already was taken by an attempt whose answer got lost. */
static const char take_sql[] =
    "WITH free AS (SELECT c.path FROM claims c WHERE c.model_id = $1 AND c.path = ANY($2)"
    "    AND c.indexer_id IS NULL ORDER BY c.path LIMIT $3 FOR UPDATE SKIP LOCKED),"
    "  mine AS (UPDATE claims SET indexer_id = $4 FROM free WHERE claims.model_id = $1"
    "    AND claims.path = free.path RETURNING claims.path)"
    " SELECT u.number, CASE"
    "    WHEN mine.path IS NOT NULL OR c.indexer_id = $4 THEN 1"
    "    WHEN c.path IS NULL THEN 3"
    "    WHEN c.indexer_id IS NULL THEN 0"
    "    ELSE 2 END::bigint"
    " FROM unnest($2) WITH ORDINALITY AS u (path, number)"
    "  LEFT JOIN mine ON mine.path = u.path"
    "  LEFT JOIN claims c ON c.model_id = $1 AND c.path = u.path";
_Static_assert(CLAIM_FREE == 0 && CLAIM_MINE == 1 && CLAIM_TAKEN == 2 && CLAIM_DONE == 3,
               "as in take_sql");

static enum status take(struct postgres_store *s, int64_t model_id, struct pg_array *paths,
                        size_t most, enum claim *claims, struct err *err)
{
    enum status status = pg_begin_quiet_write(s, err);
    if (status != OK)
        return status;
    struct pg q = pg_start(s, PG_CLAIM_TAKE, take_sql);
    bool row;
    pg_int(&q, model_id);
    pg_array(&q, paths);
    pg_int(&q, (int64_t)most);
    pg_int(&q, s->indexer_id);
    status = pg_row(&q, &row, err);
    while (status == OK && row) {
        int64_t number = pg_column_int(&q, 0);
        if (number >= 1 && number <= paths->count)
            claims[number - 1] = (enum claim)pg_column_int(&q, 1);
        status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    return pg_finish(s, status, err);
}

enum status postgres_claims_take(struct store *store, int64_t model_id, const char *const *paths,
                                 size_t count, size_t most, enum claim *claims, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_array array;
    struct pg_tries tries = {0};
    enum status status;
    postgres_beat(s);
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
    s->progress = *progress;
    postgres_beat(s);
}

/* --- who is at it ------------------------------------------------------------------------- */

static enum status read_indexers(struct postgres_store *s, struct str *hosts,
                                 struct store_indexer **list, size_t *count, struct err *err)
{
    struct pg q = pg_start(
        s, PG_INDEXER_LIST,
        "SELECT host, pid, extract(epoch FROM now() - started_at)::float8,"
        "  extract(epoch FROM now() - seen_at)::float8,"
        "  (SELECT count(*) FROM claims WHERE indexer_id = indexers.id), found, todo, done, failed"
        " FROM indexers WHERE " ALIVE " ORDER BY started_at, id");
    bool row;
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
