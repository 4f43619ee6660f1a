/* SPDX-License-Identifier: MIT
 *
 * What a person decided about two contents. No photo is named: decisions outlive them. A batch goes
 * to the server as arrays; of several about the same two, the last holds.
 */
#include "base/clock.h"
#include "store/lists.h"
#include "store/postgres.h"

#include <stdlib.h>

/* hash_a, hash_b, decision, made_at */
enum { ARRAYS = 4 };

static void fill(struct pg_array arrays[ARRAYS], const struct store_decision *decisions,
                 size_t count)
{
    static const Oid types[ARRAYS] = {PG_BYTEA, PG_BYTEA, PG_INT, PG_INT};
    for (int i = 0; i < ARRAYS; i++)
        pg_array_begin(&arrays[i], types[i]);
    for (size_t i = 0; i < count; i++) {
        const struct store_decision *d = &decisions[i];
        pg_array_blob(&arrays[0], d->a.bytes, sizeof d->a.bytes);
        pg_array_blob(&arrays[1], d->b.bytes, sizeof d->b.bytes);
        pg_array_int(&arrays[2], d->decision);
        pg_array_int(&arrays[3], d->made_at ? d->made_at : clock_unix());
    }
}

#define LAST_WORDS                                                                                 \
    "(SELECT DISTINCT ON (a, b) a, b, d, t FROM"                                                   \
    "  unnest($1, $2, $3, $4) WITH ORDINALITY AS said (a, b, d, t, turn)"                          \
    "  ORDER BY a, b, turn DESC) AS said"

static enum status write_decisions(struct postgres_store *s, struct pg_array arrays[ARRAYS],
                                   struct err *err)
{
    struct pg drop = pg_start(s, PG_DECISION_DROP,
                              "DELETE FROM decisions USING " LAST_WORDS
                              " WHERE d = 0 AND hash_a = a AND hash_b = b");
    struct pg put = pg_start(s, PG_DECISION_PUT,
                             "INSERT INTO decisions (hash_a, hash_b, decision, made_at)"
                             " SELECT a, b, d, t FROM " LAST_WORDS " WHERE d <> 0"
                             " ON CONFLICT (hash_a, hash_b) DO UPDATE"
                             " SET decision = excluded.decision, made_at = excluded.made_at");
    for (int i = 0; i < ARRAYS; i++) {
        pg_array(&drop, &arrays[i]);
        pg_array(&put, &arrays[i]);
    }
    enum status status = pg_run(&drop, err);
    if (status != OK) {
        pg_end(&put);
        return status;
    }
    return pg_run(&put, err);
}

enum status postgres_decisions_put(struct store *store, const struct store_decision *decisions,
                                   size_t count, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    struct pg_array arrays[ARRAYS];
    enum status status;
    fill(arrays, decisions, count);
    do {
        status = pg_begin_write(s, err);
        if (status == OK)
            status = pg_finish(s, write_decisions(s, arrays, err), err);
    } while (pg_again(s, &tries, &status, err));
    for (int i = 0; i < ARRAYS; i++)
        pg_array_free(&arrays[i]);
    return status;
}

static enum status list(struct postgres_store *s, struct store_decision **decisions, size_t *count,
                        struct err *err)
{
    struct pg q = pg_start(s, PG_DECISION_LIST,
                           "SELECT hash_a, hash_b, decision, made_at FROM decisions"
                           " ORDER BY hash_a, hash_b");
    bool row;
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        struct list_hash hashes[2];
        for (int i = 0; i < 2; i++)
            hashes[i].bytes = pg_column_blob(&q, i, &hashes[i].size);
        status = decisions_add(&s->base, decisions, count, hashes, (int)pg_column_int(&q, 2),
                               pg_column_int(&q, 3), err);
        if (status == OK)
            status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    return status;
}

enum status postgres_decisions(struct store *store, struct store_decision **decisions,
                               size_t *count, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do {
        free(*decisions);
        *decisions = NULL;
        *count = 0;
        status = list(s, decisions, count, err);
    } while (pg_again(s, &tries, &status, err));
    return status;
}
