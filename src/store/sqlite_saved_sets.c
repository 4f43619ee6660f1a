/* SPDX-License-Identifier: MIT
 *
 * Sets of categories as a person wrote them. They belong to no model: they stay when it goes.
 */
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

static enum status append_set(struct store_saved_set **sets, size_t *count, const struct sql *q,
                              struct err *err)
{
    struct store_saved_set *grown = realloc(*sets, (*count + 1) * sizeof *grown);
    if (!grown)
        return err_no_memory(err, "the saved sets", (*count + 1) * sizeof *grown);
    *sets = grown;
    struct store_saved_set *set = &grown[*count];
    const char *name = (const char *)sqlite3_column_text(q->stmt, 0);
    const char *json = (const char *)sqlite3_column_text(q->stmt, 1);
    if (!name || strlen(name) >= sizeof set->name || !json)
        return sql_damaged(q->store, "a saved set has no name or no text", err);
    memcpy(set->name, name, strlen(name) + 1);
    set->json = strdup(json);
    if (!set->json)
        return err_no_memory(err, "the saved sets", strlen(json));
    ++*count;
    return OK;
}

enum status sqlite_saved_sets(struct store *store, struct store_saved_set **sets, size_t *count,
                              struct err *err)
{
    struct sql q = sql_start(sqlite_store(store), SQL_SAVED_SET_LIST,
                             "SELECT name, set_json FROM saved_sets ORDER BY name");
    bool row;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row) {
        status = append_set(sets, count, &q, err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    return status;
}
