/* SPDX-License-Identifier: MIT
 *
 * What is made from the vectors and kept in the library, as bytes: the neighbour graph, maps,
 * groups and the vocabulary's vectors. A head (magic, version, kind, two counts), the parts one
 * after the other, and XXH3 of all before it. Who writes and who reads names the same parts; the
 * sizes follow from the counts, so that anything that does not fit is refused before it is used.
 * What the values may be is for the reader to check. Little-endian, as it lies in memory.
 */
#ifndef FOVEA_LIBRARY_MAP_FILE_H
#define FOVEA_LIBRARY_MAP_FILE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

enum map_file_kind { MAP_FILE_GRAPH = 1, MAP_FILE_MAP, MAP_FILE_GROUPS, MAP_FILE_VOCABULARY };
enum { MAP_FILE_PARTS_MAX = 6 };

struct map_file {
    enum map_file_kind kind;
    uint32_t width; /* neighbours, dimensions: the kind's own */
    uint64_t count; /* photographs, phrases */
    size_t part_count;
    struct map_file_part {
        void *data; /* when reading, set by map_file_read(): within `bytes` */
        size_t size_bytes;
    } parts[MAP_FILE_PARTS_MAX];
    void *bytes; /* reading: owns the parts */
};

/* Puts it under `name`; does nothing with a store that is NULL or open for reading only. */
MUST_USE enum status map_file_write(const struct map_file *, struct store *, int64_t model_id,
                                    const char *name, struct err *err);

/* Gets it, with width and count, and hands the whole to `parts`, which says how long each part is
 * for these (an overflow there is its own affair: counts are at most MAP_ROWS_MAX). *found is false
 * if there is none, or it is damaged, or of another kind or version: then it is to be made again.
 */
MUST_USE enum status map_file_read(struct map_file *out, bool *found, enum map_file_kind,
                                   void (*parts)(struct map_file *), struct store *,
                                   int64_t model_id, const char *name, struct err *err);
void map_file_free(struct map_file *); /* after map_file_read() */

/* The same artifact for a library in which the photographs have other numbers: number() gives each
 * its new one, 0 for none. Bytes that are no artifact of ours, or hold no numbers, stay. */
void map_file_renumber(void *bytes, size_t size_bytes, int64_t (*number)(void *context, int64_t id),
                       void *context);

/* A map's recipe lies before its photographs' numbers. */
#define MAP_FILE_RECIPE_BYTES 88

#endif
