/* SPDX-License-Identifier: MIT
 *
 * Which of several photographs to keep, and why. The order is a total one over all photographs, so
 * that it does not depend on who is compared with whom: what a person said first (the rating), then
 * what cannot be had again (RAW, pixels, the metadata), then what is left to go by (the larger
 * file, which was compressed less; the older one; the path).
 */
#include "library/duplicates_pool.h"

#include <stdio.h>
#include <string.h>

static int rank_of(int rating) /* rejected, unrated, 1 .. 5 */
{
    return rating == -1 ? -1 : rating > 0 ? rating : 0;
}

bool duplicate_is_raw(const struct store_facts *facts, size_t row)
{
    int format = facts->rows[row].format;
    return format >= 0 && strcmp(facts->formats.names[format], "raw") == 0;
}

static int64_t pixels_of(const struct store_fact *f)
{
    return (int64_t)f->width * f->height;
}

static int told(const struct store_fact *f)
{
    return (f->taken_ms != PHOTO_NO_TIME) + (f->camera >= 0) + (f->latitude == f->latitude) +
           (f->keywords && *f->keywords);
}

enum reason { BY_RATING, BY_RAW, BY_PIXELS, BY_METADATA, BY_BYTES, BY_AGE, BY_PATH };

/* What tells the two apart first; *order < 0: a is preferred. */
static enum reason compare(const struct store_facts *facts, size_t a, size_t b, int *order)
{
    const struct store_fact *x = &facts->rows[a], *y = &facts->rows[b];
    const int64_t measures[][2] = {
        [BY_RATING] = {rank_of(x->rating), rank_of(y->rating)},
        [BY_RAW] = {duplicate_is_raw(facts, a), duplicate_is_raw(facts, b)},
        [BY_PIXELS] = {pixels_of(x), pixels_of(y)},
        [BY_METADATA] = {told(x), told(y)},
        [BY_BYTES] = {x->size_bytes, y->size_bytes},
        [BY_AGE] = {y->mtime_ns, x->mtime_ns},
    };
    for (int r = BY_RATING; r < BY_PATH; r++) {
        if (measures[r][0] == measures[r][1])
            continue;
        *order = measures[r][0] > measures[r][1] ? -1 : 1;
        return (enum reason)r;
    }
    *order = a < b ? -1 : a > b; /* rows are sorted by path */
    return BY_PATH;
}

int duplicate_prefer(const struct store_facts *facts, size_t a, size_t b)
{
    int order;
    (void)compare(facts, a, b, &order);
    return order;
}

void duplicate_reason(char *text, size_t size, const struct store_facts *facts, size_t kept,
                      size_t other)
{
    const struct store_fact *f = &facts->rows[kept];
    int order;
    switch (compare(facts, kept, other, &order)) {
    case BY_RATING:
        if (f->rating > 0)
            snprintf(text, size, "rated %d", f->rating);
        else
            snprintf(text, size, "the other is rejected");
        break;
    case BY_RAW:
        snprintf(text, size, "RAW");
        break;
    case BY_PIXELS:
        snprintf(text, size, "more pixels (%d x %d)", f->width, f->height);
        break;
    case BY_METADATA:
        snprintf(text, size, "more metadata");
        break;
    case BY_BYTES:
        snprintf(text, size, "larger file (%.*f MB)", f->size_bytes < 10000000 ? 2 : 0,
                 (double)f->size_bytes / 1e6);
        break;
    case BY_AGE:
        snprintf(text, size, "older file");
        break;
    case BY_PATH:
        snprintf(text, size, "first by path");
        break;
    }
}
