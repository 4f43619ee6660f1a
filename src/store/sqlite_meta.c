/* SPDX-License-Identifier: MIT
 *
 * Metadata (meta_columns.h) to and from SQLite's columns.
 */
#include "store/sqlite.h"

void sql_meta(struct sql *q, const struct photo_meta *m)
{
    struct meta_value columns[META_COLUMN_COUNT];
    meta_to_columns(m, columns);
    for (int i = 0; i < META_COLUMN_COUNT; i++) {
        if (!columns[i].told)
            sql_null(q);
        else if (meta_types[i] == META_INT)
            sql_int(q, columns[i].number);
        else if (meta_types[i] == META_REAL)
            sql_real(q, columns[i].real);
        else
            sql_text(q, columns[i].text);
    }
}

void sql_column_meta(const struct sql *q, int first, struct photo_meta *out)
{
    struct meta_value columns[META_COLUMN_COUNT];
    for (int i = 0; i < META_COLUMN_COUNT; i++) {
        struct meta_value *column = &columns[i];
        *column = (struct meta_value){0};
        column->told = sqlite3_column_type(q->stmt, first + i) != SQLITE_NULL;
        if (!column->told)
            continue;
        if (meta_types[i] == META_INT)
            column->number = sqlite3_column_int64(q->stmt, first + i);
        else if (meta_types[i] == META_REAL)
            column->real = sqlite3_column_double(q->stmt, first + i);
        else
            column->text = (const char *)sqlite3_column_text(q->stmt, first + i);
        column->told = meta_types[i] != META_TEXT || column->text; /* no memory */
    }
    meta_from_columns(columns, out);
}
