/* SPDX-License-Identifier: MIT
 *
 * Sets of categories as a person wrote them. They belong to no model: they stay when it goes.
 */
#include "store/lists.h"
#include "store/sqlite.h"

#include <stdlib.h>
#include <string.h>

enum status sqlite_saved_set_put(struct store *store, const char *name, const char *json,
                                 struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    enum status status = sql_begin_write(s, err);
    if (status != OK)
        return status;
    struct sql q = json ? sql_start(s, SQL_SAVED_SET_PUT,
                                    "INSERT INTO saved_sets (name, set_json) VALUES (?, ?)"
                                    " ON CONFLICT DO UPDATE SET set_json = excluded.set_json")
                        : sql_start(s, SQL_SAVED_SET_DROP, "DELETE FROM saved_sets WHERE name = ?");
    sql_text(&q, name);
    if (json)
        sql_text(&q, json);
    return sql_finish(s, sql_run(&q, err), err);
}

enum status sqlite_saved_sets(struct store *store, struct store_saved_set **sets, size_t *count,
                              struct err *err)
{
    struct sql q = sql_start(sqlite_store(store), SQL_SAVED_SET_LIST,
                             "SELECT name, set_json FROM saved_sets ORDER BY name");
    bool row;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row) {
        status = saved_sets_add(store, sets, count, (const char *)sqlite3_column_text(q.stmt, 0),
                                (const char *)sqlite3_column_text(q.stmt, 1), err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    return status;
}
