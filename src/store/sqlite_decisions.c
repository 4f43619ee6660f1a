/* SPDX-License-Identifier: MIT
 *
 * What a person decided about two contents. No photo is named: decisions outlive them.
 */
#include "base/clock.h"
#include "store/lists.h"
#include "store/sqlite.h"

#include <stdlib.h>
#include <string.h>

static enum status write_decision(struct sqlite_store *s, const struct store_decision *d,
                                  struct err *err)
{
    struct sql q;
    if (d->decision == DECISION_NONE)
        q = sql_start(s, SQL_DECISION_DROP,
                      "DELETE FROM decisions WHERE hash_a = ? AND hash_b = ?");
    else
        q = sql_start(s, SQL_DECISION_PUT,
                      "INSERT INTO decisions (hash_a, hash_b, decision, made_at)"
                      " VALUES (?, ?, ?, ?)"
                      " ON CONFLICT DO UPDATE SET decision = excluded.decision,"
                      "  made_at = excluded.made_at");
    sql_blob(&q, d->a.bytes, sizeof d->a.bytes);
    sql_blob(&q, d->b.bytes, sizeof d->b.bytes);
    if (d->decision != DECISION_NONE) {
        sql_int(&q, d->decision);
        sql_int(&q, d->made_at ? d->made_at : clock_unix());
    }
    return sql_run(&q, err);
}

enum status sqlite_decisions_put(struct store *store, const struct store_decision *decisions,
                                 size_t count, struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    enum status status = sql_begin_write(s, err);
    if (status != OK)
        return status;
    for (size_t i = 0; status == OK && i < count; i++)
        status = write_decision(s, &decisions[i], err);
    return sql_finish(s, status, err);
}

enum status sqlite_decisions(struct store *store, struct store_decision **decisions, size_t *count,
                             struct err *err)
{
    struct sql q = sql_start(sqlite_store(store), SQL_DECISION_LIST,
                             "SELECT hash_a, hash_b, decision, made_at FROM decisions"
                             " ORDER BY hash_a, hash_b");
    bool row;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row) {
        const struct list_hash hashes[2] = {
            {sqlite3_column_blob(q.stmt, 0), (size_t)sqlite3_column_bytes(q.stmt, 0)},
            {sqlite3_column_blob(q.stmt, 1), (size_t)sqlite3_column_bytes(q.stmt, 1)},
        };
        status = decisions_add(store, decisions, count, hashes, sqlite3_column_int(q.stmt, 2),
                               sqlite3_column_int64(q.stmt, 3), err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    return status;
}
