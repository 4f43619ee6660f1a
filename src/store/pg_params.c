/* SPDX-License-Identifier: MIT
 *
 * Parameters of statements in their binary form, single ones and arrays; see pg_sql.h.
 */
#include "store/postgres.h"

#include <stdlib.h>
#include <string.h>

/* --- binding ------------------------------------------------------------------------------ */

struct pg pg_start(struct postgres_store *s, int slot, const char *text)
{
    return (struct pg){.store = s, .slot = slot, .text = text};
}

struct pg pg_start_model(struct postgres_store *s, int slot, int64_t model_id, const char *text)
{
    return (struct pg){.store = s, .slot = slot, .text = text, .model_id = model_id};
}

void pg_stream(struct pg *q)
{
    q->stream = true;
}

static void bind(struct pg *q, Oid type, const void *value, size_t size)
{
    if (q->count == PG_PARAMS_MAX || size > INT32_MAX) {
        q->failed = ERR_LIMIT;
        return;
    }
    q->types[q->count] = type;
    q->values[q->count] = value;
    q->sizes[q->count++] = (int)size;
}

static void bind_number(struct pg *q, Oid type, uint64_t number)
{
    if (q->count < PG_PARAMS_MAX)
        q->numbers[q->count] = __builtin_bswap64(number);
    bind(q, type, &q->numbers[q->count], sizeof number);
}

void pg_int(struct pg *q, int64_t value)
{
    bind_number(q, PG_INT, (uint64_t)value);
}

void pg_bool(struct pg *q, bool value)
{
    bind(q, PG_BOOL, value ? "\1" : "\0", 1);
}

void pg_real(struct pg *q, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bind_number(q, PG_REAL, bits);
}

/* A copy of what is no UTF-8 with U+FFFD in its place; *copy is NULL if it is UTF-8. */
static bool mend_text(const char *text, char **copy)
{
    struct str mended = str_new(SIZE_MAX / 4);
    str_put_utf8(&mended, text);
    if (!str_ok(&mended))
        return false;
    if (strcmp(str_text(&mended), text) == 0)
        str_free(&mended);
    *copy = mended.data;
    return true;
}

static bool is_ascii(const char *text)
{
    while (*text && (unsigned char)*text < 0x80)
        text++;
    return !*text;
}

void pg_text(struct pg *q, const char *text)
{
    if (!text) {
        bind(q, PG_TEXT, NULL, 0);
        return;
    }
    if (!is_ascii(text) && q->count < PG_PARAMS_MAX) {
        if (!mend_text(text, &q->copies[q->count]))
            q->failed = ERR_MEMORY;
        if (q->copies[q->count])
            text = q->copies[q->count];
    }
    bind(q, PG_TEXT, text, strlen(text));
}

void pg_blob(struct pg *q, const void *bytes, size_t size_bytes)
{
    bind(q, PG_BYTEA, bytes ? bytes : "", size_bytes);
}

void pg_path(struct pg *q, const char *path)
{
    pg_blob(q, path, strlen(path));
}

void pg_inferred(struct pg *q, const void *bytes, size_t size_bytes)
{
    bind(q, 0, bytes, size_bytes);
}

void pg_null(struct pg *q)
{
    bind(q, 0, NULL, 0);
}

/* --- arrays ------------------------------------------------------------------------------- */

/* One dimension, whether there are NULLs, the elements' type, their number, from 1:
 * https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/arrayfuncs.c array_recv()
 */
enum { ARRAY_COUNT_AT = 12, ARRAY_HEADER = 20 };

static void put32(struct str *out, uint32_t value)
{
    uint32_t swapped = __builtin_bswap32(value);
    str_append(out, (const char *)&swapped, sizeof swapped);
}

void pg_array_begin(struct pg_array *a, Oid element)
{
    *a = (struct pg_array){.bytes = str_new(INT32_MAX), .element = element};
    const uint32_t header[] = {1, 1, element, 0, 1};
    for (int i = 0; i < 5; i++)
        put32(&a->bytes, header[i]);
}

void pg_array_blob(struct pg_array *a, const void *bytes, size_t size_bytes)
{
    put32(&a->bytes, (uint32_t)size_bytes);
    str_append(&a->bytes, bytes, size_bytes);
    a->count++;
}

void pg_array_int(struct pg_array *a, int64_t value)
{
    uint64_t swapped = __builtin_bswap64((uint64_t)value);
    pg_array_blob(a, &swapped, sizeof swapped);
}

void pg_array_bool(struct pg_array *a, bool value)
{
    pg_array_blob(a, value ? "\1" : "\0", 1);
}

void pg_array_real(struct pg_array *a, double value)
{
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    pg_array_int(a, bits);
}

void pg_array_text(struct pg_array *a, const char *text)
{
    char *copy = NULL;
    if (!text) {
        pg_array_null(a);
        return;
    }
    if (!is_ascii(text) && !mend_text(text, &copy))
        a->bytes.failed = true;
    if (copy)
        text = copy;
    pg_array_blob(a, text, strlen(text));
    free(copy);
}

void pg_array_null(struct pg_array *a)
{
    put32(&a->bytes, UINT32_MAX);
    a->count++;
}

void pg_array_free(struct pg_array *a)
{
    str_free(&a->bytes);
}

void pg_array(struct pg *q, struct pg_array *a)
{
    static const struct {
        Oid element, array;
    } types[] = {
        {PG_INT, 1016}, {PG_BOOL, 1000}, {PG_REAL, 1022}, {PG_TEXT, 1009}, {PG_BYTEA, 1001}};
    Oid type = 0;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].element == a->element)
            type = types[i].array;
    if (!str_ok(&a->bytes) || a->bytes.size < ARRAY_HEADER) {
        q->failed = ERR_MEMORY;
        return;
    }
    uint32_t swapped = __builtin_bswap32(a->count);
    memcpy(a->bytes.data + ARRAY_COUNT_AT, &swapped, sizeof swapped);
    bind(q, type, a->bytes.data, a->bytes.size);
}

void pg_ints(struct pg *q, struct pg_array *scratch, const int64_t *values, size_t count)
{
    pg_array_begin(scratch, PG_INT);
    for (size_t i = 0; i < count; i++)
        pg_array_int(scratch, values[i]);
    pg_array(q, scratch);
}
