/* SPDX-License-Identifier: MIT
 *
 * Metadata (meta_columns.h) to and from PostgreSQL's columns.
 */
#include "store/postgres.h"

void pg_meta(struct pg *q, const struct photo_meta *m)
{
    struct meta_value columns[META_COLUMN_COUNT];
    meta_to_columns(m, columns);
    for (int i = 0; i < META_COLUMN_COUNT; i++) {
        if (!columns[i].told)
            pg_null(q);
        else if (meta_types[i] == META_INT)
            pg_int(q, columns[i].number);
        else if (meta_types[i] == META_REAL)
            pg_real(q, columns[i].real);
        else
            pg_text(q, columns[i].text);
    }
}

void pg_meta_arrays_begin(struct pg_array arrays[META_COLUMN_COUNT])
{
    static const Oid types[] = {[META_INT] = PG_INT, [META_REAL] = PG_REAL, [META_TEXT] = PG_TEXT};
    for (int i = 0; i < META_COLUMN_COUNT; i++)
        pg_array_begin(&arrays[i], types[meta_types[i]]);
}

void pg_meta_arrays_add(struct pg_array arrays[META_COLUMN_COUNT], const struct photo_meta *m)
{
    struct meta_value columns[META_COLUMN_COUNT];
    meta_to_columns(m, columns);
    for (int i = 0; i < META_COLUMN_COUNT; i++) {
        if (!columns[i].told)
            pg_array_null(&arrays[i]);
        else if (meta_types[i] == META_INT)
            pg_array_int(&arrays[i], columns[i].number);
        else if (meta_types[i] == META_REAL)
            pg_array_real(&arrays[i], columns[i].real);
        else
            pg_array_text(&arrays[i], columns[i].text);
    }
}

void pg_column_meta(const struct pg *q, int first, struct photo_meta *out)
{
    struct meta_value columns[META_COLUMN_COUNT];
    for (int i = 0; i < META_COLUMN_COUNT; i++)
        columns[i] = (struct meta_value){
            .told = !pg_column_null(q, first + i),
            .number = meta_types[i] == META_INT ? pg_column_int(q, first + i) : 0,
            .real = meta_types[i] == META_REAL ? pg_column_real(q, first + i) : 0,
            .text = pg_column_text(q, first + i),
        };
    meta_from_columns(columns, out);
}
