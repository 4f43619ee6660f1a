/* SPDX-License-Identifier: MIT
 *
 * The folders that index runs look at.
 */
#include "store/lists.h"
#include "store/postgres.h"

#include <string.h>

static enum status read_places(struct postgres_store *s, struct str *paths, struct str *kinds,
                               struct err *err)
{
    struct pg q = pg_start(s, PG_PLACE_LIST, "SELECT path, kind FROM places ORDER BY path, kind");
    bool row;
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        str_putc(kinds, (char)pg_column_int(&q, 1));
        status = pg_column_path(&q, 0, paths, err);
        if (status == OK)
            status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    if (status == OK && !str_ok(kinds))
        status = err_no_memory(err, "the library's places", kinds->size);
    return status;
}

enum status postgres_places(struct store *store, struct store_place **places, size_t *count,
                            struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct str paths = str_new(SIZE_MAX / 4), kinds = paths;
    struct pg_tries tries = {0};
    enum status status;
    do {
        str_clear(&paths);
        str_clear(&kinds);
        status = read_places(s, &paths, &kinds, err);
    } while (pg_again(s, &tries, &status, err));
    if (status == OK)
        status = places_block(&kinds, &paths, places, err);
    if (status == OK)
        *count = kinds.size;
    str_free(&paths);
    str_free(&kinds);
    return status;
}

static enum status change_some(struct postgres_store *s, int slot, const char *sql,
                               const struct store_place *places, size_t count, struct err *err)
{
    struct pg_array paths, kinds;
    pg_array_begin(&paths, PG_BYTEA);
    pg_array_begin(&kinds, PG_INT);
    for (size_t i = 0; i < count; i++) {
        pg_array_blob(&paths, places[i].path, strlen(places[i].path));
        pg_array_int(&kinds, places[i].kind);
    }
    struct pg q = pg_start(s, slot, sql);
    pg_array(&q, &paths);
    pg_array(&q, &kinds);
    enum status status = count > 0 ? pg_run(&q, err) : OK;
    pg_array_free(&paths);
    pg_array_free(&kinds);
    return status;
}

static enum status change(struct postgres_store *s, const struct store_place *gone,
                          size_t gone_count, const struct store_place *come, size_t come_count,
                          struct err *err)
{
    enum status status = pg_begin_quiet_write(s, err);
    if (status != OK)
        return status;
    status = change_some(
        s, PG_PLACE_DROP,
        "DELETE FROM places USING unnest($1, $2) AS u (path, kind)"
        " WHERE " POSTGRES_SAME_PATH("places.path", "u.path") " AND places.kind = u.kind",
        gone, gone_count, err);
    if (status == OK)
        status = change_some(s, PG_PLACE_ADD,
                             "INSERT INTO places (path, kind) SELECT * FROM unnest($1, $2)"
                             " ON CONFLICT DO NOTHING",
                             come, come_count, err);
    return pg_finish(s, status, err);
}

enum status postgres_places_change(struct store *store, const struct store_place *gone,
                                   size_t gone_count, const struct store_place *come,
                                   size_t come_count, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do
        status = change(s, gone, gone_count, come, come_count, err);
    while (pg_again(s, &tries, &status, err));
    return status;
}
