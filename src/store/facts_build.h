/* SPDX-License-Identifier: MIT
 *
 * Private to store/: struct store_facts, made from a library's rows as a kind of store reads them.
 * In this order: photos, each once and best by id; files, by path; sidecars, by path.
 */
#ifndef FOVEA_STORE_FACTS_BUILD_H
#define FOVEA_STORE_FACTS_BUILD_H

#include "store/store_ops.h"

struct facts_build;

struct fact_photo {
    int64_t id;
    const void *hash;
    size_t hash_size;
    int width, height;
    const char *format;
    bool has_phash;
    uint64_t phash;
    const struct photo_meta *meta; /* embedded */
};

/* The store is for the texts of errors; the matrix must outlive the build. */
MUST_USE enum status facts_build_open(struct facts_build **out, const struct store *,
                                      const struct store_matrix *, struct err *err);
void facts_build_close(struct facts_build *); /* NULL-safe */

/* Photos that are not in the matrix are passed over. */
MUST_USE enum status facts_photo(struct facts_build *, const struct fact_photo *, struct err *err);
void facts_file(struct facts_build *, int64_t photo_id, int64_t size_bytes, int64_t mtime_ns);
/* meta: NULL if nothing could be read from it. */
MUST_USE enum status facts_sidecar(struct facts_build *, int64_t photo_id,
                                   const struct photo_meta *meta, struct err *err);
/* Moves the facts to `out`. */
MUST_USE enum status facts_finish(struct facts_build *, struct store_facts *out, struct err *err);

#endif
