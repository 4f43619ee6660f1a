/* SPDX-License-Identifier: MIT
 *
 * Sets of categories as a person wrote them. They belong to no model: they stay when it goes.
 */
#include "store/lists.h"
#include "store/postgres.h"

static enum status put_set(struct postgres_store *s, const char *name, const char *json,
                           struct err *err)
{
    enum status status = pg_begin_write(s, err);
    if (status != OK)
        return status;
    struct pg q = json ? pg_start(s, PG_SAVED_SET_PUT,
                                  "INSERT INTO saved_sets (name, set_json) VALUES ($1, $2)"
                                  " ON CONFLICT (name) DO UPDATE SET set_json = excluded.set_json")
                       : pg_start(s, PG_SAVED_SET_DROP, "DELETE FROM saved_sets WHERE name = $1");
    pg_text(&q, name);
    if (json)
        pg_text(&q, json);
    return pg_finish(s, pg_run(&q, err), err);
}

enum status postgres_saved_set_put(struct store *store, const char *name, const char *json,
                                   struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do
        status = put_set(s, name, json, err);
    while (pg_again(s, &tries, &status, err));
    return status;
}

static enum status list(struct postgres_store *s, struct store_saved_set **sets, size_t *count,
                        struct err *err)
{
    struct pg q =
        pg_start(s, PG_SAVED_SET_LIST, "SELECT name, set_json FROM saved_sets ORDER BY name");
    bool row;
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        status = saved_sets_add(&s->base, sets, count, pg_column_text(&q, 0), pg_column_text(&q, 1),
                                err);
        if (status == OK)
            status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    return status;
}

enum status postgres_saved_sets(struct store *store, struct store_saved_set **sets, size_t *count,
                                struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do {
        store_saved_sets_free(*sets, *count);
        *sets = NULL;
        *count = 0;
        status = list(s, sets, count, err);
    } while (pg_again(s, &tries, &status, err));
    return status;
}
